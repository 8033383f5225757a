//! Prices, the Bitcoin network and the pools: slow figures that are held and grow old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Now, UnixMs};
use crate::reading::{
    BtcUsdSample, HostSample, Missing, NetworkReport, NetworkSample, PoolReport, PoolSample,
    PowerPriceSample, PriceSlot, Quality, Reading,
};
use crate::units::{Usd, UsdPerMwh};

use super::age::{Held, Holding};
use super::view::{AgainstDevices, Aged, Current, HostView, Network, PoolView};

/// A venue's quote is worth money for this long…
pub const BTC_QUOTE_FRESH: Duration = Duration::from_secs(5 * 60);
/// …and is shown as stale for this long.
pub const BTC_QUOTE_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Difficulty, fees, pool figures and the like are unknown after this.
const SLOW_LIMIT: Duration = Duration::from_secs(24 * 3600);
/// Missed renewals after which a slow figure is stale.
const SLOW_INTERVALS: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Prices {
    btc: BTreeMap<&'static str, Held<Reading<Usd>>>,
    network: Slow<NetworkReport>,
    power: Slow<(&'static str, Vec<PriceSlot>)>,
    pools: BTreeMap<Arc<str>, Slow<Arc<PoolReport>>>,
    hosts: BTreeMap<Arc<str>, Slow<Arc<HostSample>>>,
}

/// A figure that is stale when its renewal failed to come for some intervals.
#[derive(Debug)]
struct Slow<T> {
    held: Held<T>,
    interval: Duration,
}

impl<T> Default for Slow<T> {
    fn default() -> Self {
        Self { held: Held::new(), interval: Duration::ZERO }
    }
}

impl<T> Slow<T> {
    fn record(&mut self, at: Now, interval: Duration, outcome: Result<T, Missing>) {
        self.interval = interval;
        self.held.record(at, None, outcome);
    }

    fn current(&self, now: Now) -> Result<(Holding<'_, T>, Quality), Missing> {
        let holding = self.held.current(now, SLOW_LIMIT)?;
        let fresh = holding.age <= self.interval.saturating_mul(SLOW_INTERVALS);
        Ok((holding, if fresh { Quality::Measured } else { Quality::Stale }))
    }
}

impl Prices {
    pub fn apply_btc(&mut self, at: Now, sample: BtcUsdSample) {
        self.btc.entry(sample.venue).or_insert_with(Held::new).record(at, sample.observed, sample.quote);
    }

    pub fn apply_network(&mut self, at: Now, sample: NetworkSample) {
        self.network.record(at, sample.interval, sample.report);
    }

    pub fn apply_power(&mut self, at: Now, sample: PowerPriceSample) {
        let slots = sample.slots.map(|slots| (sample.source, slots));
        self.power.record(at, sample.interval, slots);
    }

    pub fn apply_pool(&mut self, at: Now, sample: PoolSample) {
        self.pools.entry(sample.name).or_default().record(at, sample.interval, sample.report.map(Arc::new));
    }

    pub fn apply_host(&mut self, at: Now, sample: HostSample) {
        let (node, interval) = (sample.node.clone(), sample.interval);
        self.hosts.entry(node).or_default().record(at, interval, Ok(Arc::new(sample)));
    }

    /// In order of venue.
    pub fn btc_quotes(&self, now: Now) -> Vec<(&'static str, Current<Usd>)> {
        self.btc.iter().map(|(venue, held)| (*venue, quote(held, now))).collect()
    }

    pub fn network(&self, now: Now) -> Current<Network> {
        let (holding, quality) = self.network.current(now)?;
        let report = holding.value;
        let value =
            Network { height: report.height, difficulty: report.difficulty, mean_fee: report.mean_fee };
        Ok(Aged { value, quality, source: report.source, age: holding.age })
    }

    /// The price of the slot that holds now, and when it changes.
    pub fn power(&self, now: Now) -> (Current<UsdPerMwh>, Option<UnixMs>) {
        let (holding, quality) = match self.power.current(now) {
            Ok(current) => current,
            Err(why) => return (Err(why), None),
        };
        let (source, slots) = holding.value;
        match slot(slots, now.wall) {
            Some((price, until)) => (Ok(Aged { value: price, quality, source, age: holding.age }), until),
            None => (Err(Missing::Expired), None),
        }
    }

    /// In order of name.
    pub fn pools(&self, now: Now) -> Vec<PoolView> {
        let view = |(name, slow): (&Arc<str>, &Slow<Arc<PoolReport>>)| {
            let report = slow.current(now).map(|(holding, quality)| Aged {
                value: holding.value.clone(),
                quality,
                source: "pool",
                age: holding.age,
            });
            PoolView { name: name.clone(), report, devices: AgainstDevices::default() }
        };
        self.pools.iter().map(view).collect()
    }

    /// In order of node, those that spoke within the last day.
    pub fn hosts(&self, now: Now) -> Vec<HostView> {
        let view = |slow: &Slow<Arc<HostSample>>| {
            let (holding, quality) = slow.current(now).ok()?;
            Some(HostView { sample: holding.value.clone(), quality, age: holding.age })
        };
        self.hosts.values().filter_map(view).collect()
    }
}

fn quote(held: &Held<Reading<Usd>>, now: Now) -> Current<Usd> {
    let holding = held.current(now, BTC_QUOTE_LIMIT)?;
    let fresh = holding.age <= BTC_QUOTE_FRESH;
    let reading = if fresh { *holding.value } else { holding.value.at_best(Quality::Stale) };
    Ok(Aged { value: reading.value, quality: reading.quality, source: reading.source, age: holding.age })
}

/// The price at `wall`, and the end of the run of slots that carry on with the same price. Where
/// slots overlap, the one that starts last wins.
fn slot(slots: &[PriceSlot], wall: UnixMs) -> Option<(UsdPerMwh, Option<UnixMs>)> {
    let index = slots.iter().rposition(|slot| slot.start <= wall && wall < slot.end)?;
    let current = slots.get(index)?;
    let mut until = current.end;
    for next in slots.iter().skip(index + 1).filter(|next| next.start > wall) {
        if next.start > until || next.price != current.price {
            until = until.min(next.start);
            break;
        }
        until = until.max(next.end);
    }
    // A tariff without an end does not change.
    Some((current.price, (until.0 < i64::MAX).then_some(until)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(all: &[(i64, i64, f64)]) -> Vec<PriceSlot> {
        let slot = |&(start, end, price): &(i64, i64, f64)| PriceSlot {
            start: UnixMs(start),
            end: UnixMs(end),
            price: UsdPerMwh::new(price).unwrap(),
        };
        all.iter().map(slot).collect()
    }

    fn at(slots: &[PriceSlot], wall: i64) -> Option<(f64, Option<i64>)> {
        slot(slots, UnixMs(wall)).map(|(price, until)| (price.get(), until.map(|until| until.0)))
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
