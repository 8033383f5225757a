//! Energy-Charts of Fraunhofer ISE: day-ahead prices of Europe's bidding zones, in EUR/MWh for all
//! of them. <https://api.energy-charts.info>, licence of the data CC BY 4.0.

use serde::Deserialize;

use super::calendar::Calendar;
use super::market::{Market, MarketFetch, MarketSlot, REPLY_LIMIT, from_starts, garbage, in_order, number};
use super::{PowerPriceConfig, TariffError};
use crate::clock::{Now, UnixMs};
use crate::http::Http;
use crate::reading::PriceKind;
use crate::sources::Failure;
use crate::sources::web::{Decimal, join, json, parsed};

#[derive(Deserialize)]
struct Reply {
    unix_seconds: Vec<i64>,
    price: Vec<Option<Decimal>>,
    unit: String,
}

/// `GET /price`: two lists side by side. Without a price for a time there is `null`.
///
/// # Errors
/// The lists do not fit each other, hold no price, or hold it in another unit.
pub fn parse(body: &[u8]) -> Result<Vec<MarketSlot>, Failure> {
    let Reply { unix_seconds, price, unit } = json(body)?;
    if unit.replace(' ', "") != "EUR/MWh" {
        return Err(garbage("the prices are not in EUR/MWh".to_owned()));
    }
    if unix_seconds.len() != price.len() {
        let (times, prices) = (unix_seconds.len(), price.len());
        return Err(garbage(format!("{times} times and {prices} prices")));
    }
    let point = |(start, price): (i64, Option<Decimal>)| {
        let price = price.map(|price| number(&price, 0, start)).transpose()?;
        Ok((UnixMs::from_secs(start), price))
    };
    let points: Result<Vec<_>, Failure> = unix_seconds.into_iter().zip(price).map(point).collect();
    in_order(from_starts(points?, PriceKind::DayAhead))
}

pub(super) struct EnergyCharts {
    base: String,
    zone: String,
    calendar: Calendar,
}

impl EnergyCharts {
    pub(super) fn new(cfg: &PowerPriceConfig, calendar: Calendar) -> Result<Self, TariffError> {
        let zone = cfg.zone.clone().ok_or(TariffError::MissingKey { key: "zone" })?;
        Ok(Self { base: cfg.base("https://api.energy-charts.info"), zone, calendar })
    }

    async fn ask(&self, now: Now, http: &Http) -> Result<Vec<MarketSlot>, Failure> {
        let (start, end) = self.calendar.span(now)?;
        // Both ends are inclusive.
        let (zone, start, end) = (&self.zone, start.secs(), end.secs().saturating_sub(1));
        let url = join(&self.base, &format!("/price?bzn={zone}&start={start}&end={end}"));
        parsed(&http.get(&url, &[], REPLY_LIMIT).await?, parse)
    }
}

impl Market for EnergyCharts {
    fn slots<'a>(&'a mut self, now: Now, http: &'a Http) -> MarketFetch<'a> {
        Box::pin(self.ask(now, http))
    }
}
