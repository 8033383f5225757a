//! The price of power as it ages.
//!
//! A price that is final for its slot, a tariff's or an auction's, is good for its slot also while
//! its server is down: asking again would not change it. Any other is stale when it was not renewed,
//! and every price is where its currency's rate is too old.

use std::time::Duration;

use super::prices::Slow;
use super::view::{Aged, Current, PowerBasis};
use crate::clock::{Now, UnixMs};
use crate::reading::{FxRate, Missing, PowerPriceSample, PriceKind, PriceSlot, Quality};
use crate::units::{Currency, UsdPerMwh};

#[derive(Debug, Default)]
pub(super) struct PowerPrice(Slow<Tariff>);

#[derive(Debug)]
struct Tariff {
    source: &'static str,
    currency: Currency,
    rate: Option<FxRate>,
    slots: Vec<PriceSlot>,
}

/// The price at one moment.
#[derive(Debug)]
pub(super) struct PriceNow {
    pub price: Current<UsdPerMwh>,
    /// When it changes next.
    pub until: Option<UnixMs>,
    pub basis: Option<PowerBasis>,
}

impl PowerPrice {
    pub fn apply(&mut self, at: Now, sample: PowerPriceSample) {
        let PowerPriceSample { interval, source, currency, rate, slots } = sample;
        self.0.record(at, interval, slots.map(|slots| Tariff { source, currency, rate, slots }));
    }

    /// The price of the slot that holds now.
    pub fn now(&self, now: Now) -> PriceNow {
        self.held(now).unwrap_or_else(|why| PriceNow { price: Err(why), until: None, basis: None })
    }

    fn held(&self, now: Now) -> Result<PriceNow, Missing> {
        let holding = self.0.current_within(now, Duration::MAX)?.0;
        let (tariff, age) = (holding.value, holding.age);
        let (slot, until) = slot(&tariff.slots, now.wall).ok_or(Missing::Expired)?;
        let quality = match slot.kind {
            Some(kind) if kind.is_final() => Quality::Measured,
            Some(PriceKind::Indicative) => self.0.current(now)?.1.max(Quality::Estimated),
            _ => self.0.current(now)?.1,
        };
        let quality = quality.max(tariff.rate.map_or(Quality::Measured, |rate| worth(rate, now)));
        let basis = PowerBasis {
            kind: slot.kind,
            currency: tariff.currency,
            market_per_mwh: slot.market_per_mwh,
            usd_per_unit: tariff.rate.map(|rate| rate.usd_per_unit),
        };
        let price = Ok(Aged { value: slot.price, quality, source: tariff.source, age });
        Ok(PriceNow { price, until, basis: Some(basis) })
    }
}

fn worth(rate: FxRate, now: Now) -> Quality {
    if rate.good_until.is_some_and(|until| now.mono > until) { Quality::Stale } else { rate.quality }
}

/// The slot that holds at `wall`, and the end of the run of slots that carry on with its price. Where
/// slots overlap, the one that starts last wins.
fn slot(slots: &[PriceSlot], wall: UnixMs) -> Option<(PriceSlot, Option<UnixMs>)> {
    let index = slots.iter().rposition(|slot| slot.start <= wall && wall < slot.end)?;
    let current = *slots.get(index)?;
    let mut until = current.end;
    for next in slots.iter().skip(index + 1).filter(|next| next.start > wall) {
        if next.start > until || next.price != current.price {
            until = until.min(next.start);
            break;
        }
        until = until.max(next.end);
    }
    // A tariff without an end does not change, and when an indication does nobody knows.
    let known = until.0 < i64::MAX && current.kind != Some(PriceKind::Indicative);
    Some((current, known.then_some(until)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(all: &[(i64, i64, f64)]) -> Vec<PriceSlot> {
        let slot = |&(start, end, price): &(i64, i64, f64)| {
            let (start, end, market_per_mwh) = (UnixMs(start), UnixMs(end), price);
            PriceSlot { start, end, price: UsdPerMwh::new(price).unwrap(), market_per_mwh, kind: None }
        };
        all.iter().map(slot).collect()
    }

    fn at(slots: &[PriceSlot], wall: i64) -> Option<(f64, Option<i64>)> {
        slot(slots, UnixMs(wall)).map(|(slot, until)| (slot.price.get(), until.map(|until| until.0)))
    }

    #[test]
    fn a_slot_holds_from_its_start_up_to_but_not_including_its_end() {
        let slots = slots(&[(0, 10, 5.0), (10, 20, -7.0)]);
        assert_eq!(at(&slots, -1), None);
        assert_eq!(at(&slots, 0), Some((5.0, Some(10))));
        assert_eq!(at(&slots, 9), Some((5.0, Some(10))));
        assert_eq!(at(&slots, 10), Some((-7.0, Some(20))));
        assert_eq!(at(&slots, 20), None);
    }

    #[test]
    fn the_next_change_skips_slots_of_the_same_price_and_stops_at_a_gap() {
        assert_eq!(at(&slots(&[(0, 10, 5.0), (10, 20, 5.0), (20, 30, 6.0)]), 3), Some((5.0, Some(20))));
        assert_eq!(at(&slots(&[(0, 10, 5.0), (15, 20, 5.0)]), 3), Some((5.0, Some(10))));
        assert_eq!(at(&slots(&[(0, i64::MAX, 5.0)]), 3), Some((5.0, None)));
    }

    #[test]
    fn of_overlapping_slots_the_later_wins() {
        let slots = slots(&[(0, 100, 5.0), (40, 60, 9.0)]);
        assert_eq!(at(&slots, 10), Some((5.0, Some(40))));
        assert_eq!(at(&slots, 50), Some((9.0, Some(60))));
        assert_eq!(at(&slots, 70), Some((5.0, Some(100))), "the long slot goes on after the short one");
    }
}
