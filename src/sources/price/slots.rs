//! Power prices from a URL: `[{"start": unix s, "end": unix s, "usd_per_mwh": number}, …]`.
//!
//! The shape to bring any market into with a few lines of script. Gaps are allowed and are times
//! without a price; overlaps are refused, because nothing says which of two prices holds.

use std::time::Duration;

use serde::Deserialize;

use super::{PowerPriceConfig, TariffError};
use crate::clock::{Now, UnixMs};
use crate::http::Http;
use crate::reading::{Missing, PowerPriceSample, PriceSlot, Sample};
use crate::sources::web::{json, parsed};
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::UsdPerMwh;

/// A year of five-minute slots is 7 MB; nobody needs that much ahead.
const REPLY_LIMIT: usize = 4 * 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(20);
/// The year 5138; a larger number is in milliseconds.
const MAX_UNIX_S: i64 = 100_000_000_000;

/// USD/MWh, the limits that the config has for its own prices. What is beyond is another unit.
const PRICE: std::ops::RangeInclusive<f64> = -10_000.0..=50_000.0;

#[derive(Deserialize)]
struct Row {
    start: i64,
    end: i64,
    usd_per_mwh: f64,
}

/// Slots in order of `start`, each price with `adder` (USD/MWh) on top.
///
/// # Errors
/// If the document has another shape, holds no slot, or a slot is impossible or overlaps another.
pub fn parse(body: &[u8], adder: f64) -> Result<Vec<PriceSlot>, Failure> {
    let rows: Vec<Row> = json(body)?;
    if rows.is_empty() {
        return Err(Failure::new(Missing::NotReported, "the list of slots is empty"));
    }
    let mut slots = Vec::with_capacity(rows.len());
    for row in rows {
        if !(0..MAX_UNIX_S).contains(&row.start) || !(0..MAX_UNIX_S).contains(&row.end) {
            return Err(garbage(format!("slot at {}: not a time in unix seconds", row.start)));
        }
        if row.start >= row.end {
            return Err(garbage(format!("slot at {}: ends at {}", row.start, row.end)));
        }
        let price = UsdPerMwh::new(row.usd_per_mwh + adder)
            .filter(|price| PRICE.contains(&price.get()))
            .ok_or_else(|| implausible(row.start, row.usd_per_mwh))?;
        slots.push(PriceSlot { start: UnixMs::from_secs(row.start), end: UnixMs::from_secs(row.end), price });
    }
    slots.sort_by_key(|slot| slot.start);
    let overlap = slots.iter().zip(slots.iter().skip(1)).find(|(a, b)| a.end > b.start);
    match overlap {
        Some((a, b)) => {
            Err(garbage(format!("the slots at {} and {} overlap", a.start.secs(), b.start.secs())))
        }
        None => Ok(slots),
    }
}

fn implausible(start: i64, price: f64) -> Failure {
    Failure::new(Missing::Implausible, format!("slot at {start}: the price is {price:e} USD/MWh"))
}

fn garbage(detail: String) -> Failure {
    Failure::new(Missing::Garbage, detail)
}

pub(super) struct SlotSource {
    url: String,
    adder: f64,
    interval: Duration,
    http: Http,
}

impl SlotSource {
    pub(super) fn new(cfg: &PowerPriceConfig, http: Http) -> Result<Self, TariffError> {
        let url = cfg.url.clone().ok_or(TariffError::MissingKey { key: "url" })?;
        if !cfg.adder_usd_per_mwh.is_finite() {
            return Err(TariffError::NotFinite { key: "adder_usd_per_mwh" });
        }
        let interval = Duration::from_secs(cfg.interval_secs.max(1));
        Ok(Self { url, adder: cfg.adder_usd_per_mwh, interval, http })
    }

    async fn slots(&self) -> Result<Vec<Sample>, Failure> {
        let reply = self.http.get(&self.url, &[], REPLY_LIMIT).await?;
        let slots = parsed(&reply, |body| parse(body, self.adder))?;
        Ok(vec![self.sample(Ok(slots))])
    }

    fn sample(&self, slots: Result<Vec<PriceSlot>, Missing>) -> Sample {
        Sample::PowerPrice(PowerPriceSample { interval: self.interval, source: "tariff.slots", slots })
    }
}

impl Source for SlotSource {
    fn id(&self) -> &str {
        "price/power"
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.interval, deadline: DEADLINE }
    }

    fn fetch(&mut self, _now: Now) -> Fetch<'_> {
        Box::pin(self.slots())
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        vec![self.sample(Err(why))]
    }
}
