//! What every market's feed comes down to: slots with prices per megawatt-hour, in a currency that
//! is not converted yet.
//!
//! Gaps are allowed and are times without a price; overlaps are refused, because nothing says which
//! of two prices holds.

use std::future::Future;
use std::pin::Pin;

use crate::clock::{Now, UnixMs};
use crate::http::Http;
use crate::reading::{Missing, PriceKind};
use crate::sources::Failure;
use crate::sources::web::Decimal;

/// The price of energy for `start <= t < end`, before adders and tax.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarketSlot {
    pub start: UnixMs,
    pub end: UnixMs,
    /// Per megawatt-hour, in the currency of the feed.
    pub per_mwh: f64,
    /// `None`: the feed does not say.
    pub kind: Option<PriceKind>,
}

/// What [`Market::slots`] returns.
pub(super) type MarketFetch<'a> = Pin<Box<dyn Future<Output = Result<Vec<MarketSlot>, Failure>> + 'a>>;

/// A market that can be asked, again and again.
pub(super) trait Market {
    /// The prices that it has to say `now`, in order of `start`.
    fn slots<'a>(&'a mut self, now: Now, http: &'a Http) -> MarketFetch<'a>;
}

/// A quarter-hour of 366 days is 35,136 slots; what is asked for here are days.
pub(super) const REPLY_LIMIT: usize = 1024 * 1024;

/// The year 5138; a larger number is in milliseconds.
const MAX_UNIX_S: i64 = 100_000_000_000;

pub(super) const QUARTER_MS: i64 = 15 * 60_000;
pub(super) const HOUR_MS: i64 = 4 * QUARTER_MS;
/// How long the intervals of markets are.
const STEPS_MS: [i64; 3] = [QUARTER_MS, 2 * QUARTER_MS, HOUR_MS];

/// `slots` in order of `start`.
///
/// # Errors
/// There is none, or one is impossible or overlaps another.
pub fn in_order(mut slots: Vec<MarketSlot>) -> Result<Vec<MarketSlot>, Failure> {
    if slots.is_empty() {
        return Err(Failure::new(Missing::NotReported, "the list of slots is empty"));
    }
    for slot in &slots {
        let (start, end) = (slot.start.secs(), slot.end.secs());
        if !(0..MAX_UNIX_S).contains(&start) || !(0..MAX_UNIX_S).contains(&end) {
            return Err(garbage(format!("slot at {start}: not a time in unix seconds")));
        }
        if slot.start >= slot.end {
            return Err(garbage(format!("slot at {start}: ends at {end}")));
        }
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

/// Slots of a feed that tells only where they start. Each lasts as long as the shortest distance
/// between two, so that one that is left out stays a gap. `None` for a price is such a gap.
pub(super) fn from_starts(
    points: impl IntoIterator<Item = (UnixMs, Option<f64>)>,
    kind: PriceKind,
) -> Vec<MarketSlot> {
    let mut points: Vec<(UnixMs, Option<f64>)> = points.into_iter().collect();
    points.sort_by_key(|(start, _)| *start);
    let distances = points.iter().zip(points.iter().skip(1)).map(|((a, _), (b, _))| b.0.saturating_sub(a.0));
    // A distance that no market has is a gap, or nonsense: then a price holds no longer than it must.
    let step = distances.min().filter(|step| STEPS_MS.contains(step)).unwrap_or(QUARTER_MS);
    let slot = |(start, price): (UnixMs, Option<f64>)| {
        let end = UnixMs(start.0.saturating_add(step));
        Some(MarketSlot { start, end, per_mwh: price?, kind: Some(kind) })
    };
    points.into_iter().filter_map(slot).collect()
}

/// `slots` of a market that settles after the fact, and behind them the newest price once more, as
/// an indication for the time that no price is out for yet: for `hold_ms`.
pub(super) fn carried_on(mut slots: Vec<MarketSlot>, hold_ms: i64) -> Vec<MarketSlot> {
    if let Some(newest) = slots.last().copied() {
        let end = UnixMs(newest.end.0.saturating_add(hold_ms));
        let kind = Some(PriceKind::Indicative);
        slots.push(MarketSlot { start: newest.end, end, kind, ..newest });
    }
    slots
}

/// A market that tells a part of what it was asked for would leave times without a price, and nobody would see why.
///
/// # Errors
/// There are more than `told` of what `what` names.
pub(super) fn complete(told: u64, all: Option<u64>, what: &str) -> Result<(), Failure> {
    match all.filter(|all| *all > told) {
        None => Ok(()),
        Some(all) => Err(Failure::new(Missing::CutOff, format!("the reply holds {told} of {all} {what}"))),
    }
}

/// A number with its decimal point moved by `places`, exactly; `at` says where it stood.
///
/// # Errors
/// It is none.
pub(super) fn number(number: &Decimal, places: i8, at: impl std::fmt::Display) -> Result<f64, Failure> {
    number.shifted(places).ok_or_else(|| garbage(format!("the price at {at} is no number")))
}

/// A time with its distance from UTC, as in RFC 3339.
///
/// # Errors
/// It is none.
pub(super) fn instant(text: &str) -> Result<UnixMs, Failure> {
    let at: Result<jiff::Timestamp, _> = text.parse();
    at.map(|at| UnixMs(at.as_millisecond())).map_err(|_| garbage("a time is not as in RFC 3339".to_owned()))
}

pub(super) fn garbage(detail: String) -> Failure {
    Failure::new(Missing::Garbage, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(minutes: &[(i64, Option<f64>)]) -> Vec<(i64, i64)> {
        let points = minutes.iter().map(|(minute, price)| (UnixMs(minute * 60_000), *price));
        let slots = from_starts(points, PriceKind::DayAhead);
        slots.iter().map(|slot| (slot.start.0 / 60_000, slot.end.0 / 60_000)).collect()
    }

    #[test]
    fn a_slot_lasts_as_long_as_the_shortest_distance_and_a_gap_stays_one() {
        let one = Some(1.0);
        assert_eq!(starts(&[(0, one), (60, one), (180, one)]), [(0, 60), (60, 120), (180, 240)]);
        assert_eq!(starts(&[(30, one), (0, one), (60, None)]), [(0, 30), (30, 60)]);
        assert_eq!(starts(&[(0, one), (15, None), (30, one)]), [(0, 15), (30, 45)]);
    }

    #[test]
    fn where_no_distance_is_that_of_a_market_a_price_holds_for_a_quarter_of_an_hour() {
        let one = Some(1.0);
        assert_eq!(starts(&[(0, one)]), [(0, 15)]);
        assert_eq!(starts(&[(0, one), (120, one)]), [(0, 15), (120, 135)]);
        assert_eq!(starts(&[]), []);
    }
}
