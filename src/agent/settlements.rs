//! Which settlements of pools and platforms the ledger has not been told yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::UnixMs;
use crate::ledger::Settlement;
use crate::ledger::earning::Earning;
use crate::reading::{Batch, EarnedDay, EarningsSample, Sample, Settled, SettledKind};
use crate::units::Sats;

/// What each pool, or each platform of a hosting, said last. It says the same again with every report.
#[derive(Debug)]
pub struct Told<T>(BTreeMap<Arc<str>, Vec<T>>);

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: PartialEq + Clone> Told<T> {
    /// Whether `name` says something else than last time.
    fn differs(&mut self, name: &Arc<str>, now: &[T]) -> bool {
        if now.is_empty() || self.0.get(name).is_some_and(|before| before == now) {
            return false;
        }
        self.0.insert(Arc::clone(name), now.to_vec());
        true
    }

    /// The next report of `name` is news again.
    pub fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }
}

impl Told<Settled> {
    /// The settlements of the pools in `batch` that say something else than last time.
    pub fn news(&mut self, batch: &Batch) -> Vec<(Arc<str>, Vec<Settlement>)> {
        let mut news = Vec::new();
        for sample in &batch.samples {
            let Sample::Pool(pool) = sample else { continue };
            let Ok(report) = &pool.report else { continue };
            if self.differs(&pool.name, &report.settled) {
                news.push((pool.name.clone(), settlements(&pool.name, &report.settled, batch.at.wall)));
            }
        }
        news
    }
}

impl Told<EarnedDay> {
    /// The earnings of the hostings in `batch` whose platforms say something else than last time.
    pub fn earnings(&mut self, batch: &Batch) -> Vec<(Arc<str>, Vec<Earning>)> {
        let mut news = Vec::new();
        for sample in &batch.samples {
            let Sample::Earnings(EarningsSample { hosting, report: Ok(report), .. }) = sample else {
                continue;
            };
            if self.differs(hosting, &report.days) {
                let earning = |day: &EarnedDay| Earning {
                    hosting: hosting.to_string(),
                    day: day.day,
                    gross_micro_usd: day.gross_micro_usd,
                    fee_micro_usd: day.fee_micro_usd,
                    seen: batch.at.wall,
                };
                news.push((Arc::clone(hosting), report.days.iter().map(earning).collect()));
            }
        }
        news
    }
}

/// One settlement for each day, block or payout: a pool that pays one in two parts has settled their sum.
fn settlements(pool: &str, told: &[Settled], seen: UnixMs) -> Vec<Settlement> {
    let mut sums: BTreeMap<(UnixMs, SettledKind), Settlement> = BTreeMap::new();
    for &Settled { at, kind, net, .. } in told {
        let blank = || Settlement { pool: pool.to_owned(), kind, at, net: Sats(0), seen };
        let sum = sums.entry((at, kind)).or_insert_with(blank);
        sum.net = Sats(sum.net.0.saturating_add(net.0));
    }
    sums.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Now;
    use crate::reading::{Earnings, Missing, Platform, PoolReport, PoolSample, RewardScheme};
    use std::time::Duration;

    const DAY: i64 = 86_400_000;

    fn batch(settled: Vec<Settled>) -> Batch {
        let report = PoolReport { settled, ..PoolReport::unknown(RewardScheme::Fpps, Missing::NotSupported) };
        let sample =
            PoolSample { name: "main".into(), interval: Duration::from_secs(300), report: Ok(report) };
        Batch {
            at: Now { wall: UnixMs(5 * DAY), mono: Duration::ZERO },
            samples: vec![Sample::Pool(Box::new(sample))],
        }
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

    #[test]
    fn a_day_that_a_platform_corrects_is_news_and_an_empty_statement_is_none() {
        let mut told = Told::default();
        let mut earned = |days: &[i64]| {
            let day = |&gross_micro_usd: &i64| EarnedDay {
                day: UnixMs(3 * DAY),
                gross_micro_usd,
                fee_micro_usd: 1,
            };
            let report = Earnings {
                platform: Platform::Vast,
                days: days.iter().map(day).collect(),
                today: Err(Missing::NotReported),
            };
            let interval = Duration::from_secs(3600);
            let sample = EarningsSample { hosting: "listed".into(), interval, report: Ok(report) };
            let at = Now { wall: UnixMs(5 * DAY), mono: Duration::ZERO };
            let news = told.earnings(&Batch { at, samples: vec![Sample::Earnings(sample)] });
            news.into_iter()
                .flat_map(|(_, all)| all)
                .map(|earning| earning.net_micro_usd())
                .collect::<Vec<_>>()
        };
        let told: Vec<_> =
            [vec![], vec![10], vec![10], vec![12], vec![]].iter().map(|days| earned(days)).collect();
        assert_eq!(told, [vec![], vec![9], vec![], vec![11], vec![]]);
    }
}
