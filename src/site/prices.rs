//! Prices, the Bitcoin network and the pools: slow figures that are held and grow old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::reading::{
    BtcUsdSample, HashpriceIndexSample, HostSample, Missing, NetworkReport, NetworkSample, OWN_VENUE,
    PoolReport, PoolSample, PowerPriceSample, Quality, Reading,
};
use crate::units::{Usd, UsdPerPhDay};

use super::doubts::PriceDoubt;
use super::held::{Held, Holding};
use super::own_price::OwnPrice;
use super::power_price::{PowerPrice, PriceNow};
use super::view::{AgainstDevices, Aged, Current, HostView, Network, PoolView};

/// A venue's quote is worth money for this long…
pub const BTC_QUOTE_FRESH: Duration = Duration::from_secs(5 * 60);
/// …and is shown as stale for this long.
pub const BTC_QUOTE_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Difficulty, fees, pool figures and the like are unknown after this.
const SLOW_LIMIT: Duration = Duration::from_secs(24 * 3600);
/// An index is renewed every few minutes; one that says that it is older is stale.
const INDEX_FRESH: Duration = Duration::from_secs(3600);
/// Missed renewals after which a slow figure is stale.
const SLOW_INTERVALS: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Prices {
    btc: BTreeMap<&'static str, Held<Reading<Usd>>>,
    own_price: OwnPrice,
    network: Slow<NetworkReport>,
    index: Option<Held<Reading<UsdPerPhDay>>>,
    power: PowerPrice,
    pools: BTreeMap<Arc<str>, Slow<Arc<PoolReport>>>,
    hosts: BTreeMap<Arc<str>, Slow<Arc<HostSample>>>,
}

/// A figure that is stale when its renewal failed to come for some intervals.
#[derive(Debug)]
pub(super) struct Slow<T> {
    held: Held<T>,
    interval: Duration,
}

impl<T> Default for Slow<T> {
    fn default() -> Self {
        Self { held: Held::new(), interval: Duration::ZERO }
    }
}

impl<T> Slow<T> {
    pub fn record(&mut self, at: Now, interval: Duration, outcome: Result<T, Missing>) {
        self.interval = interval;
        self.held.record(at, outcome);
    }

    pub fn current(&self, now: Now) -> Result<(Holding<'_, T>, Quality), Missing> {
        self.current_within(now, SLOW_LIMIT)
    }

    /// Unknown only after `limit`.
    pub fn current_within(&self, now: Now, limit: Duration) -> Result<(Holding<'_, T>, Quality), Missing> {
        let holding = self.held.current(now, limit)?;
        let fresh = holding.age <= self.interval.saturating_mul(SLOW_INTERVALS);
        Ok((holding, if fresh { Quality::Measured } else { Quality::Stale }))
    }
}

impl Prices {
    pub fn apply_btc(&mut self, at: Now, sample: BtcUsdSample) {
        let BtcUsdSample { venue, observed, mut quote, .. } = sample;
        if let Ok(told) = quote
            && venue == OWN_VENUE
        {
            let venues = self.btc.iter().filter(|(venue, _)| **venue != OWN_VENUE);
            let held = venues.filter_map(|(_, held)| held.current(at, SLOW_LIMIT).ok());
            if !self.own_price.admits(at, told.value, held.map(|holding| holding.value.value)) {
                quote = Err(Missing::Implausible);
            }
        }
        self.btc.entry(venue).or_insert_with(Held::new).record_dated(at, observed, quote);
    }

    /// A price of the operator's own that is not used.
    pub fn own_price_doubt(&self) -> Option<PriceDoubt> {
        self.own_price.doubt()
    }

    /// How far the clocks are ahead that date quotes and the index.
    pub fn clocks_ahead(&self) -> impl Iterator<Item = (String, Duration)> {
        let quotes = self.btc.iter().filter_map(|(venue, held)| Some((*venue, held.clock_ahead()?)));
        let index = self.index.as_ref().and_then(Held::clock_ahead).map(|ahead| ("hashprice_index", ahead));
        quotes.chain(index).map(|(name, ahead)| (format!("price/{name}"), ahead))
    }

    pub fn apply_network(&mut self, at: Now, sample: NetworkSample) {
        self.network.record(at, sample.interval, sample.report);
    }

    pub fn apply_index(&mut self, at: Now, sample: HashpriceIndexSample) {
        self.index.get_or_insert_with(Held::new).record_dated(at, sample.observed, sample.index);
    }

    pub fn apply_power(&mut self, at: Now, sample: PowerPriceSample) {
        self.power.apply(at, sample);
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
        let quote = |held| aged(held, now, BTC_QUOTE_FRESH, BTC_QUOTE_LIMIT);
        self.btc.iter().map(|(venue, held)| (*venue, quote(held))).collect()
    }

    pub fn network(&self, now: Now) -> Current<Network> {
        let (holding, quality) = self.network.current(now)?;
        let report = holding.value;
        let NetworkReport { height, difficulty, mean_fee, retarget, .. } = *report;
        let value = Network { height, difficulty, mean_fee, retarget };
        Ok(Aged { value, quality, source: report.source, age: holding.age })
    }

    pub fn index(&self, now: Now) -> Current<UsdPerPhDay> {
        aged(self.index.as_ref().ok_or(Missing::NotConfigured)?, now, INDEX_FRESH, SLOW_LIMIT)
    }

    /// What power costs now, and until when.
    pub fn power(&self, now: Now) -> PriceNow {
        self.power.now(now)
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

/// A reading that is stale beyond `fresh` and gone beyond `limit`.
fn aged<T: Copy>(held: &Held<Reading<T>>, now: Now, fresh: Duration, limit: Duration) -> Current<T> {
    let holding = held.current(now, limit)?;
    let fresh = holding.age <= fresh;
    let reading = if fresh { *holding.value } else { holding.value.at_best(Quality::Stale) };
    Ok(Aged { value: reading.value, quality: reading.quality, source: reading.source, age: holding.age })
}
