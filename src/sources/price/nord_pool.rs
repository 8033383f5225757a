//! Nord Pool's data portal: day-ahead prices of northern and central Europe, a day at a time.
//! <https://data.nordpoolgroup.com>.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;

use super::calendar::Calendar;
use super::market::{Market, MarketFetch, MarketSlot, REPLY_LIMIT, garbage, in_order, instant, number};
use super::{PowerPriceConfig, TariffError, currency};
use crate::clock::Now;
use crate::http::Http;
use crate::reading::{Missing, PriceKind};
use crate::sources::Failure;
use crate::sources::web::{Decimal, join, json, parsed};
use crate::units::Currency;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    currency: String,
    multi_area_entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    delivery_start: String,
    delivery_end: String,
    entry_per_area: BTreeMap<String, Option<Decimal>>,
}

/// `GET /api/DayAheadPrices`: the prices of `area` for one day.
///
/// # Errors
/// There is none, they are in another currency, or slots overlap.
pub fn parse(body: &[u8], area: &str, currency: Currency) -> Result<Vec<MarketSlot>, Failure> {
    let reply: Reply = json(body)?;
    if reply.currency != currency.as_str() {
        return Err(garbage(format!("the prices are not in {currency}")));
    }
    let mut slots = Vec::with_capacity(reply.multi_area_entries.len());
    for entry in reply.multi_area_entries {
        let Some(Some(price)) = entry.entry_per_area.get(area) else { continue };
        let (start, end) = (instant(&entry.delivery_start)?, instant(&entry.delivery_end)?);
        let per_mwh = number(price, 0, start.secs())?;
        slots.push(MarketSlot { start, end, per_mwh, kind: Some(PriceKind::DayAhead) });
    }
    in_order(slots)
}

pub(super) struct NordPool {
    base: String,
    area: String,
    currency: Currency,
    calendar: Calendar,
}

impl NordPool {
    pub(super) fn new(cfg: &PowerPriceConfig, calendar: Calendar) -> Result<Self, TariffError> {
        let area = cfg.zone.clone().ok_or(TariffError::MissingKey { key: "zone" })?;
        let base = cfg.base("https://dataportal-api.nordpoolgroup.com");
        Ok(Self { base, area, currency: currency(cfg)?, calendar })
    }

    async fn ask(&self, now: Now, http: &Http) -> Result<Vec<MarketSlot>, Failure> {
        let [today, tomorrow] = self.calendar.days(now)?;
        let mut slots = self.day(today, http).await?;
        if slots.is_empty() {
            return Err(Failure::new(Missing::NotReported, "no prices for today"));
        }
        match self.day(tomorrow, http).await {
            Ok(more) => slots.extend(more),
            // Today's prices are worth having, and tomorrow is soon asked for again.
            Err(failure) => tracing::debug!(error = %failure, "no prices for tomorrow"),
        }
        in_order(slots)
    }

    /// Empty while they are not out: then the reply is status 204.
    async fn day(&self, day: Date, http: &Http) -> Result<Vec<MarketSlot>, Failure> {
        let Self { base, area, currency, .. } = self;
        let query = format!("market=DayAhead&date={day}&deliveryArea={area}&currency={currency}");
        let url = join(base, &format!("/api/DayAheadPrices?{query}"));
        let reply = http.get(&url, &[], REPLY_LIMIT).await?;
        if reply.body.is_empty() {
            Ok(Vec::new())
        } else {
            parsed(&reply, |body| parse(body, area, *currency))
        }
    }
}

impl Market for NordPool {
    fn slots<'a>(&'a mut self, now: Now, http: &'a Http) -> MarketFetch<'a> {
        Box::pin(self.ask(now, http))
    }
}
