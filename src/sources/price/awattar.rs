//! aWATTar: the day-ahead prices of Germany and Austria by the hour, in EUR/MWh.
//! <https://www.awattar.at/services/api>.

use serde::Deserialize;

use super::calendar::Calendar;
use super::market::{Market, MarketFetch, MarketSlot, REPLY_LIMIT, garbage, in_order, number};
use super::{PowerPriceConfig, TariffError};
use crate::clock::{Now, UnixMs};
use crate::http::Http;
use crate::reading::PriceKind;
use crate::sources::Failure;
use crate::sources::web::{Decimal, join, json, parsed};

#[derive(Deserialize)]
struct Reply {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    /// Unix time in ms, as is the end.
    start_timestamp: i64,
    end_timestamp: i64,
    marketprice: Decimal,
    unit: String,
}

/// `GET /v1/marketdata`.
///
/// # Errors
/// There is no price, one is in another unit, or slots overlap.
pub fn parse(body: &[u8]) -> Result<Vec<MarketSlot>, Failure> {
    let reply: Reply = json(body)?;
    let slot = |row: Row| {
        let start = UnixMs(row.start_timestamp);
        if !row.unit.eq_ignore_ascii_case("EUR/MWh") {
            return Err(garbage("the prices are not in EUR/MWh".to_owned()));
        }
        let per_mwh = number(&row.marketprice, 0, start.secs())?;
        Ok(MarketSlot { start, end: UnixMs(row.end_timestamp), per_mwh, kind: Some(PriceKind::DayAhead) })
    };
    in_order(reply.data.into_iter().map(slot).collect::<Result<_, _>>()?)
}

pub(super) struct Awattar {
    base: String,
    calendar: Calendar,
}

impl Awattar {
    pub(super) fn new(cfg: &PowerPriceConfig, calendar: Calendar) -> Result<Self, TariffError> {
        let zone = cfg.zone.as_deref().ok_or(TariffError::MissingKey { key: "zone" })?;
        Ok(Self { base: cfg.base(&format!("https://api.awattar.{zone}")), calendar })
    }

    async fn ask(&self, now: Now, http: &Http) -> Result<Vec<MarketSlot>, Failure> {
        let (start, end) = self.calendar.span(now)?;
        let url = join(&self.base, &format!("/v1/marketdata?start={}&end={}", start.0, end.0));
        parsed(&http.get(&url, &[], REPLY_LIMIT).await?, parse)
    }
}

impl Market for Awattar {
    fn slots<'a>(&'a mut self, now: Now, http: &'a Http) -> MarketFetch<'a> {
        Box::pin(self.ask(now, http))
    }
}
