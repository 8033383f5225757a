//! What platforms say of hostings: figures that are held and grow old.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Now;
use crate::reading::{Earnings, EarningsSample, GpuPriceSample, MarketPrice, MarketSample, Missing, Reading};
use crate::units::UsdPerHour;

use super::prices::Slow;
use super::view::{Aged, Current, HostingFeeds};

#[derive(Debug, Default)]
pub(super) struct Hostings {
    feeds: BTreeMap<Arc<str>, Feeds>,
}

#[derive(Debug, Default)]
struct Feeds {
    earnings: Option<Slow<Arc<Earnings>>>,
    price: Option<Slow<Reading<UsdPerHour>>>,
    market: Option<Slow<Reading<MarketPrice>>>,
}

impl Hostings {
    pub fn apply_earnings(&mut self, at: Now, sample: EarningsSample) {
        let earnings = &mut self.feeds.entry(sample.hosting).or_default().earnings;
        earnings.get_or_insert_default().record(at, sample.interval, sample.report.map(Arc::new));
    }

    pub fn apply_price(&mut self, at: Now, sample: GpuPriceSample) {
        let price = &mut self.feeds.entry(sample.hosting).or_default().price;
        price.get_or_insert_default().record(at, sample.interval, sample.usd_per_gpu_h);
    }

    pub fn apply_market(&mut self, at: Now, sample: MarketSample) {
        let market = &mut self.feeds.entry(sample.hosting).or_default().market;
        market.get_or_insert_default().record(at, sample.interval, sample.price);
    }

    /// By name of the hosting, those of which somebody says something.
    pub fn views(&self, now: Now) -> BTreeMap<Arc<str>, HostingFeeds> {
        let view = |feeds: &Feeds| HostingFeeds {
            earnings: earnings(feeds.earnings.as_ref(), now),
            usd_per_gpu_h: reading(feeds.price.as_ref(), now),
            market: reading(feeds.market.as_ref(), now),
        };
        self.feeds.iter().map(|(hosting, feeds)| (Arc::clone(hosting), view(feeds))).collect()
    }
}

fn earnings(slow: Option<&Slow<Arc<Earnings>>>, now: Now) -> Current<Arc<Earnings>> {
    let (holding, quality) = slow.ok_or(Missing::NotConfigured)?.current(now)?;
    let source = holding.value.platform.as_str();
    Ok(Aged { value: Arc::clone(holding.value), quality, source, age: holding.age })
}

fn reading<T: Copy>(slow: Option<&Slow<Reading<T>>>, now: Now) -> Current<T> {
    let (holding, quality) = slow.ok_or(Missing::NotConfigured)?.current(now)?;
    let Reading { value, quality, source } = holding.value.at_best(quality);
    Ok(Aged { value, quality, source, age: holding.age })
}
