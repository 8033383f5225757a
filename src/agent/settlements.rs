//! Which settlements the ledger has not been told yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::UnixMs;
use crate::ledger::Settlement;
use crate::reading::{Batch, Sample, Settled, SettledKind};
use crate::units::Sats;

/// What each pool said last. A pool says the same again with every report.
#[derive(Debug, Default)]
pub struct Told(BTreeMap<Arc<str>, Vec<Settled>>);

impl Told {
    /// The settlements of the pools in `batch` that say something else than last time.
    pub fn news(&mut self, batch: &Batch) -> Vec<(Arc<str>, Vec<Settlement>)> {
        let mut news = Vec::new();
        for sample in &batch.samples {
            let Sample::Pool(pool) = sample else { continue };
            let Ok(report) = &pool.report else { continue };
            if report.settled.is_empty() || self.0.get(&pool.name) == Some(&report.settled) {
                continue;
            }
            news.push((pool.name.clone(), settlements(&pool.name, &report.settled, batch.at.wall)));
            self.0.insert(pool.name.clone(), report.settled.clone());
        }
        news
    }

    /// The next report of the pool is news again.
    pub fn forget(&mut self, pool: &str) {
        self.0.remove(pool);
    }
}

/// One settlement for each day or block: a pool that pays one in two parts has settled their sum.
fn settlements(pool: &str, told: &[Settled], seen: UnixMs) -> Vec<Settlement> {
    let mut sums: BTreeMap<(UnixMs, bool), Settlement> = BTreeMap::new();
    for &Settled { at, kind, net, .. } in told {
        let blank = || Settlement { pool: pool.to_owned(), kind, at, net: Sats(0), seen };
        let sum = sums.entry((at, kind == SettledKind::Block)).or_insert_with(blank);
        sum.net = Sats(sum.net.0.saturating_add(net.0));
    }
    sums.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Now;
    use crate::reading::{Missing, PoolReport, PoolSample, RewardScheme};
    use std::time::Duration;

    const DAY: i64 = 86_400_000;

    fn batch(settled: Vec<Settled>) -> Batch {
        let report = PoolReport { settled, ..PoolReport::unknown(RewardScheme::Fpps, Missing::NotSupported) };
        let sample =
            PoolSample { name: "main".into(), interval: Duration::from_secs(300), report: Ok(report) };
        Batch { at: Now { wall: UnixMs(5 * DAY), mono: Duration::ZERO }, samples: vec![Sample::Pool(sample)] }
    }

    fn day(day: i64, sats: i64) -> Settled {
        Settled { at: UnixMs(day * DAY), kind: SettledKind::UtcDay, net: Sats(sats), fee: None }
    }

    #[test]
    fn what_a_pool_repeats_is_no_news_until_it_changes_or_was_not_taken() {
        let mut told = Told::default();
        let reports = [vec![], vec![day(3, 5)], vec![day(3, 5)], vec![day(4, 6), day(3, 5)]];
        let news =
            reports.map(|settled| told.news(&batch(settled)).iter().map(|(_, all)| all.len()).sum::<usize>());
        assert_eq!(news, [0, 1, 0, 2]);
        told.forget("main");
        assert_eq!(told.news(&batch(vec![day(4, 6), day(3, 5)])).len(), 1);
    }

    #[test]
    fn a_day_that_is_paid_in_two_parts_is_one_settlement() {
        let news = Told::default().news(&batch(vec![day(3, 5), day(3, 7)]));
        let (_, all) = &news[0];
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].at, all[0].net, all[0].seen), (UnixMs(3 * DAY), Sats(12), UnixMs(5 * DAY)));
    }
}
