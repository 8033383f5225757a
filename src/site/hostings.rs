//! What platforms say of hostings: figures that are held and grow old.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Now;
use crate::reading::{Earnings, EarningsSample, Missing};

use super::prices::Slow;
use super::view::{Aged, Current, HostingFeeds};

#[derive(Debug, Default)]
pub(super) struct Hostings {
    feeds: BTreeMap<Arc<str>, Feeds>,
}

#[derive(Debug, Default)]
struct Feeds {
    earnings: Option<Slow<Arc<Earnings>>>,
}

impl Hostings {
    pub fn apply_earnings(&mut self, at: Now, sample: EarningsSample) {
        let earnings = &mut self.feeds.entry(sample.hosting).or_default().earnings;
        earnings.get_or_insert_default().record(at, sample.interval, sample.report.map(Arc::new));
    }

    /// By name of the hosting, those of which somebody says something.
    pub fn views(&self, now: Now) -> BTreeMap<Arc<str>, HostingFeeds> {
        let view = |feeds: &Feeds| HostingFeeds { earnings: earnings(feeds.earnings.as_ref(), now) };
        self.feeds.iter().map(|(hosting, feeds)| (Arc::clone(hosting), view(feeds))).collect()
    }
}

fn earnings(slow: Option<&Slow<Arc<Earnings>>>, now: Now) -> Current<Arc<Earnings>> {
    let (holding, quality) = slow.ok_or(Missing::NotConfigured)?.current(now)?;
    let source = holding.value.platform.as_str();
    Ok(Aged { value: Arc::clone(holding.value), quality, source, age: holding.age })
}
