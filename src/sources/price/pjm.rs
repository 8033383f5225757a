//! PJM's Data Miner 2: locational marginal prices of one node, in USD/MWh.
//! <https://dataminer2.pjm.com>.
//!
//! Day-ahead prices are those of the auction. Real-time ones are the unverified prices of five
//! minutes, which are out minutes after their time; the verified ones come a day later.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::calendar::Calendar;
use super::market::{
    HOUR_MS, Market, MarketFetch, MarketSlot, REPLY_LIMIT, carried_on, complete, garbage, in_order, number,
};
use super::{MarketRun, PowerPriceConfig, TariffError};
use crate::clock::{Now, UnixMs};
use crate::http::Http;
use crate::reading::PriceKind;
use crate::secret::Secret;
use crate::sources::Failure;
use crate::sources::web::{Decimal, join, json, parsed};

const FIVE_MINUTES_MS: i64 = 300_000;
/// Real-time prices of this time are asked for.
const LOOK_BACK: Duration = Duration::from_secs(2 * 3600);
/// How long the newest real-time price stands in for the next: three intervals, and one request.
const HOLD_MS: i64 = 20 * 60_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    items: Vec<Row>,
    total_rows: Option<u64>,
}

#[derive(Deserialize)]
struct Row {
    datetime_beginning_utc: String,
    pnode_id: Option<u64>,
    /// Absent in feeds that are never corrected.
    row_is_current: Option<bool>,
    total_lmp_da: Option<Decimal>,
    total_lmp_rt: Option<Decimal>,
}

/// The prices of one node in the `items` of a reply.
///
/// # Errors
/// There is none, one cannot be read, slots overlap, or there are more rows than it holds.
pub fn parse(body: &[u8], pnode_id: u64, run: MarketRun) -> Result<Vec<MarketSlot>, Failure> {
    let reply: Reply = json(body)?;
    complete(reply.items.len() as u64, reply.total_rows, "rows")?;
    let (length_ms, kind) = match run {
        MarketRun::DayAhead => (HOUR_MS, PriceKind::DayAhead),
        MarketRun::RealTime => (FIVE_MINUTES_MS, PriceKind::Indicative),
    };
    let mut slots = Vec::with_capacity(reply.items.len());
    for row in reply.items {
        if row.pnode_id.is_some_and(|id| id != pnode_id) || row.row_is_current == Some(false) {
            continue;
        }
        let price = match run {
            MarketRun::DayAhead => row.total_lmp_da,
            MarketRun::RealTime => row.total_lmp_rt,
        };
        let Some(price) = price else { continue };
        let start = utc(&row.datetime_beginning_utc)?;
        let end = UnixMs(start.0.saturating_add(length_ms));
        slots.push(MarketSlot { start, end, per_mwh: number(&price, 0, start.secs())?, kind: Some(kind) });
    }
    in_order(slots)
}

pub(super) struct Pjm {
    base: String,
    pnode_id: u64,
    run: MarketRun,
    key: Secret,
    calendar: Calendar,
}

impl Pjm {
    pub(super) fn new(cfg: &PowerPriceConfig, calendar: Calendar) -> Result<Self, TariffError> {
        let pjm = cfg.pjm.as_ref().ok_or(TariffError::MissingKey { key: "pjm" })?;
        let key = Secret::from_file(&pjm.subscription_key_file)?;
        let base = cfg.base("https://api.pjm.com");
        Ok(Self { base, pnode_id: pjm.pnode_id, run: pjm.market, key, calendar })
    }

    async fn ask(&self, now: Now, http: &Http) -> Result<Vec<MarketSlot>, Failure> {
        let (feed, (from, to)) = match self.run {
            MarketRun::DayAhead => ("da_hrl_lmps", self.calendar.span(now)?),
            MarketRun::RealTime => {
                let back = i64::try_from(LOOK_BACK.as_millis()).unwrap_or(i64::MAX);
                ("rt_unverified_fivemin_lmps", (UnixMs(now.wall.0.saturating_sub(back)), now.wall))
            }
        };
        let (pnode_id, from, to) = (self.pnode_id, minute(from)?, minute(UnixMs(to.0.saturating_sub(1)))?);
        let query =
            format!("rowCount=500&startRow=1&pnode_id={pnode_id}&datetime_beginning_utc={from}to{to}");
        let url = join(&self.base, &format!("/api/v1/{feed}?{query}"));
        let headers = [("ocp-apim-subscription-key", self.key.reveal())];
        let slots =
            parsed(&http.get(&url, &headers, REPLY_LIMIT).await?, |body| parse(body, pnode_id, self.run))?;
        Ok(match self.run {
            MarketRun::DayAhead => slots,
            MarketRun::RealTime => carried_on(slots, HOLD_MS),
        })
    }
}

/// A time without a zone, which is UTC.
fn utc(text: &str) -> Result<UnixMs, Failure> {
    let at = text.parse().and_then(|at: DateTime| TimeZone::UTC.to_timestamp(at));
    at.map(|at| UnixMs(at.as_millisecond()))
        .map_err(|_| garbage("datetime_beginning_utc is no time".to_owned()))
}

/// `MM/DD/YYYY HH:MM` in UTC, as it stands in a query.
fn minute(at: UnixMs) -> Result<String, Failure> {
    let at = at.timestamp().ok_or_else(|| garbage("no such time".to_owned()))?;
    Ok(TimeZone::UTC.to_datetime(at).strftime("%m%%2F%d%%2F%Y%%20%H%%3A%M").to_string())
}

impl Market for Pjm {
    fn slots<'a>(&'a mut self, now: Now, http: &'a Http) -> MarketFetch<'a> {
        Box::pin(self.ask(now, http))
    }
}
