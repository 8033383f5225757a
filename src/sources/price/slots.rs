//! Power prices from a URL: `[{"start": unix s, "end": unix s, "usd_per_mwh": number}, …]`.
//!
//! The shape to bring any market into with a few lines of script.

use serde::Deserialize;

use super::market::{Market, MarketFetch, MarketSlot, in_order};
use super::{PowerPriceConfig, TariffError};
use crate::clock::{Now, UnixMs};
use crate::http::Http;
use crate::sources::Failure;
use crate::sources::web::{json, parsed};

/// A year of five-minute slots is 7 MB; nobody needs that much ahead.
const REPLY_LIMIT: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Row {
    start: i64,
    end: i64,
    usd_per_mwh: f64,
}

/// Slots in order of `start`, in US dollars.
///
/// # Errors
/// If the document has another shape, holds no slot, or a slot is impossible or overlaps another.
pub fn parse(body: &[u8]) -> Result<Vec<MarketSlot>, Failure> {
    let rows: Vec<Row> = json(body)?;
    let slot = |row: Row| MarketSlot {
        start: UnixMs::from_secs(row.start),
        end: UnixMs::from_secs(row.end),
        per_mwh: row.usd_per_mwh,
        kind: None,
    };
    in_order(rows.into_iter().map(slot).collect())
}

pub(super) struct Slots {
    url: String,
}

impl Slots {
    pub(super) fn new(cfg: &PowerPriceConfig) -> Result<Self, TariffError> {
        Ok(Self { url: cfg.url.clone().ok_or(TariffError::MissingKey { key: "url" })? })
    }
}

impl Market for Slots {
    fn slots<'a>(&'a mut self, _now: Now, http: &'a Http) -> MarketFetch<'a> {
        Box::pin(async { parsed(&http.get(&self.url, &[], REPLY_LIMIT).await?, parse) })
    }
}
