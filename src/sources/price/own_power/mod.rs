//! Power prices that a system of the operator's own tells, in its own shape: rows, arrays side by side, or the price
//! of now.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use super::market::{MarketSlot, in_order};
use crate::clock::UnixMs;
use crate::reading::{Missing, PriceKind};
use crate::sources::Failure;
use crate::sources::value::moment::{moment, observed};
use crate::sources::value::query::RequestConfig;
use crate::sources::value::rows::{Row, columns, rows};
use crate::sources::value::told::Receipt;
use crate::sources::web::number_at;

pub(super) mod page;
pub mod topic;

/// Kind of the tariff, as samples tell it.
pub(super) const SOURCE: &str = "tariff.own";

/// `[power.own]`: where the prices stand.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnPowerConfig {
    /// URL of a page of JSON.
    pub url: Option<String>,
    /// Topic on the daemon's broker that tells the same; instead of `url`.
    pub topic: Option<String>,
    /// JSON pointer (RFC 6901) to the price: of now, in each row, or to the array of prices. Absent: a message is
    /// nothing but the price of now.
    pub price_key: Option<String>,
    /// What the number is multiplied by to be per megawatt-hour, in the currency of `[power]`: 10 for cents per kWh.
    #[serde(default = "one")]
    pub scale: f64,
    /// JSON pointer to the list of rows, or to a map of them. Absent, with `start_key`: arrays side by side.
    pub rows_key: Option<String>,
    /// JSON pointer to the start in each row, or to the array of starts.
    pub start_key: Option<String>,
    /// The same for the end; or…
    pub end_key: Option<String>,
    /// …how long each slot is, seconds.
    pub slot_secs: Option<u64>,
    /// JSON pointer to the time of a price of now. Absent: when it came.
    pub time_key: Option<String>,
    /// How long a price of now holds, seconds.
    #[serde(default = "default_valid")]
    pub valid_secs: u64,
    /// File with a token, sent as `Authorization: Bearer …`.
    pub token_file: Option<PathBuf>,
    /// What else the request holds.
    #[serde(default)]
    pub request: RequestConfig,
}

fn one() -> f64 {
    1.0
}

fn default_valid() -> u64 {
    900
}

/// Reads what `[power.own]` describes. Pure.
struct OwnPower {
    own: OwnPowerConfig,
    /// Times without a zone are meant in it.
    zone: TimeZone,
}

impl OwnPower {
    /// Slots in order of `start`, before rate, adder and tax.
    ///
    /// # Errors
    /// There is no price, one is impossible, or slots overlap.
    fn slots(&self, page: &Value, receipt: Receipt) -> Result<Vec<MarketSlot>, Failure> {
        in_order(match self.own.start_key.as_deref() {
            Some(start_key) => known_before(self.rows(page, start_key)?, receipt.at.wall),
            None => vec![self.now(page, receipt)?],
        })
    }

    fn price_key(&self) -> &str {
        self.own.price_key.as_deref().unwrap_or_default()
    }

    /// The price of now, for as long as it holds.
    fn now(&self, page: &Value, receipt: Receipt) -> Result<MarketSlot, Failure> {
        let observed = observed(page, self.own.time_key.as_deref(), &self.zone)?;
        if receipt.kept && observed.is_none() {
            return Err(Failure::new(Missing::Expired, "a price that the broker had kept, of unknown age"));
        }
        let key = self.price_key();
        let price = number_at(page, key)
            .map_err(|why| Failure::new(why, format!("no price at `{key}` of the page")))?;
        let start = observed.unwrap_or(receipt.at.wall);
        Ok(self.slot(start, after(start, self.own.valid_secs), price))
    }

    fn rows(&self, page: &Value, start_key: &str) -> Result<Vec<MarketSlot>, Failure> {
        let end_key = self.own.end_key.as_deref();
        let list = match &self.own.rows_key {
            Some(key) => rows(page, key),
            None => {
                let keys = [Some(start_key), Some(self.price_key()), end_key];
                columns(page, &keys.into_iter().flatten().collect::<Vec<_>>())
            }
        };
        let list = list.map_err(|why| Failure::new(why, "no list of prices where the keys point at"))?;
        let mut slots = Vec::with_capacity(list.len());
        for (n, row) in list.iter().enumerate() {
            let fail = |why: Missing, what: &str| Failure::new(why, format!("row {}: {what}", n + 1));
            let price = match row.at(self.price_key()) {
                // A gap is a time without a price.
                Err(_) => continue,
                Ok(price) => number_at(price, "").map_err(|why| fail(why, "no price"))?,
            };
            let start = self.time(row, start_key).map_err(|why| fail(why, "no start"))?;
            let end = match end_key {
                Some(key) => self.time(row, key).map_err(|why| fail(why, "no end"))?,
                None => after(start, self.own.slot_secs.unwrap_or_default()),
            };
            slots.push(self.slot(start, end, price));
        }
        Ok(slots)
    }

    fn slot(&self, start: UnixMs, end: UnixMs, price: f64) -> MarketSlot {
        MarketSlot { start, end, per_mwh: price * self.own.scale, kind: None }
    }

    fn time(&self, row: &Row<'_>, key: &str) -> Result<UnixMs, Missing> {
        row.at(key).and_then(|time| moment(time, &self.zone))
    }
}

/// A list that tells what power will cost was made before its time: nobody asks again for what is in it. One that ends
/// with what is over, or runs, may be renewed.
fn known_before(mut slots: Vec<MarketSlot>, now: UnixMs) -> Vec<MarketSlot> {
    if slots.iter().any(|slot| slot.start > now) {
        slots.iter_mut().for_each(|slot| slot.kind = Some(PriceKind::DayAhead));
    }
    slots
}

fn after(start: UnixMs, secs: u64) -> UnixMs {
    let ms = i64::try_from(secs).unwrap_or(i64::MAX).saturating_mul(1000);
    UnixMs(start.0.saturating_add(ms))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::clock::Now;

    /// Start, end (seconds) and price.
    fn read(page: Value, keys: &str, kept: bool) -> Result<Vec<(i64, i64, f64)>, Failure> {
        let own = OwnPower { own: toml::from_str(keys).unwrap(), zone: TimeZone::UTC };
        let at = Now { wall: UnixMs(1_700_000_000_000), mono: Duration::ZERO };
        let slot = |slot: &MarketSlot| (slot.start.secs(), slot.end.secs(), slot.per_mwh);
        Ok(own.slots(&page, Receipt { at, kept })?.iter().map(slot).collect())
    }

    #[test]
    fn rows_of_any_shape_are_slots_in_order() {
        let page = json!({"data": [
            {"from": 1_700_003_600_000_i64, "to": 1_700_007_200_000_i64, "ct": "-0.5"},
            {"from": 1_700_000_000_000_i64, "to": 1_700_003_600_000_i64, "ct": 4.2},
        ]});
        let keys = "rows_key = \"/data\"\nstart_key = \"/from\"\nend_key = \"/to\"\nprice_key = \"/ct\"\nscale = 10.0";
        let expected = vec![(1_700_000_000, 1_700_003_600, 42.0), (1_700_003_600, 1_700_007_200, -5.0)];
        assert_eq!(read(page, keys, true).unwrap(), expected, "kept or not: they tell their times");
    }

    #[test]
    fn arrays_side_by_side_have_slots_of_one_length_and_null_is_a_gap() {
        let page = json!({"unix_seconds": [900, 1800, 2700], "price": [40.0, null, 50.5]});
        let keys = "start_key = \"/unix_seconds\"\nprice_key = \"/price\"\nslot_secs = 900";
        assert_eq!(read(page, keys, false).unwrap(), [(900, 1800, 40.0), (2700, 3600, 50.5)]);
    }

    #[test]
    fn a_price_of_now_holds_for_a_while_from_its_own_time_on() {
        assert_eq!(read(json!(45), "", false).unwrap(), [(1_700_000_000, 1_700_000_900, 45.0)]);
        let keys = "price_key = \"/p\"\ntime_key = \"/t\"\nvalid_secs = 300";
        let page = json!({"p": 45, "t": 1_699_999_990});
        assert_eq!(read(page, keys, true).unwrap(), [(1_699_999_990, 1_700_000_290, 45.0)]);
        assert_eq!(read(json!(45), "", true).unwrap_err().reason, Missing::Expired, "of unknown age");
    }

    #[test]
    fn a_list_that_reaches_ahead_of_now_is_a_day_ahead_list() {
        let keys = "rows_key = \"\"\nstart_key = \"/s\"\nslot_secs = 900\nprice_key = \"/p\"";
        let own = OwnPower { own: toml::from_str(keys).unwrap(), zone: TimeZone::UTC };
        let page = json!([{"s": 1_699_999_200, "p": 1}, {"s": 1_700_000_100, "p": 2}]);
        let kinds = |wall_s: i64| {
            let at = Now { wall: UnixMs::from_secs(wall_s), mono: Duration::ZERO };
            let slots = own.slots(&page, Receipt { at, kept: false }).unwrap();
            slots.iter().map(|slot| slot.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(1_700_000_000), [Some(PriceKind::DayAhead); 2]);
        assert_eq!(kinds(1_700_000_100), [None; 2], "its last slot runs: it may be a real-time list");
    }

    #[test]
    fn what_is_no_price_or_overlaps_is_refused_as_a_whole() {
        let keys = "rows_key = \"\"\nstart_key = \"/s\"\nslot_secs = 900\nprice_key = \"/p\"";
        for (page, why, what) in [
            (json!([]), Missing::NotReported, "the list of slots is empty"),
            (
                json!([{"s": 0, "p": 1}, {"s": 600, "p": 2}]),
                Missing::Garbage,
                "the slots at 0 and 600 overlap",
            ),
            (json!([{"s": "soon", "p": 1}]), Missing::Garbage, "row 1: no start"),
            (json!([{"s": 0, "p": "dear"}]), Missing::Garbage, "row 1: no price"),
            (json!("on"), Missing::Garbage, "no list of prices where the keys point at"),
        ] {
            let failure = read(page, keys, false).unwrap_err();
            assert_eq!((failure.reason, failure.detail.as_str()), (why, what));
        }
        assert_eq!(read(json!("off"), "", false).unwrap_err().detail, "no price at `` of the page");
    }
}
