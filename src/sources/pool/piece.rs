//! What replies contribute to the report of an account.

use crate::clock::UnixMs;
use crate::reading::{Missing, PoolReport, PoolWorker, Quality, Read, Reading, Settled, at_best};
use crate::sources::Failure;
use crate::units::{Fraction, Hashrate, Sats};
use std::collections::BTreeSet;

/// What one request contributes. What it does not speak of stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Piece {
    pub rates: Option<Rates>,
    pub rejects: Option<Rejects>,
    pub balance: Option<Balance>,
    /// Of the rates, where those leave it open.
    pub counts: Option<Counts>,
    pub workers: Option<Vec<PoolWorker>>,
    pub settled: Option<Vec<Settled>>,
}

/// Hashrates and workers of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    pub hashrate_now: Read<Hashrate>,
    pub hashrate_1h: Read<Hashrate>,
    pub hashrate_24h: Read<Hashrate>,
    pub workers_online: Read<u32>,
    pub workers_offline: Read<u32>,
}

/// Workers by state, from a list of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    pub online: Read<u32>,
    pub offline: Read<u32>,
}

/// Work that earns nothing, as parts of all work.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejects {
    pub rejected: Read<Fraction>,
    pub stale: Read<Fraction>,
}

/// What an account has earned and was not paid yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Balance {
    pub unpaid: Read<Sats>,
    pub today_estimate: Read<Sats>,
}

impl Rates {
    pub fn missing(why: Missing) -> Self {
        Self {
            hashrate_now: Err(why),
            hashrate_1h: Err(why),
            hashrate_24h: Err(why),
            workers_online: Err(why),
            workers_offline: Err(why),
        }
    }

    /// # Errors
    /// If none of the hashrates is there: the reply is about something else.
    pub(super) fn told(self) -> Result<Self, Failure> {
        let absent = Err(Missing::NotReported);
        let all = [self.hashrate_now, self.hashrate_1h, self.hashrate_24h];
        match all.iter().all(|rate| *rate == absent) {
            true => Err(Failure::new(Missing::NotReported, "the reply has no hashrates")),
            false => Ok(self),
        }
    }

    fn at_best(self, quality: Quality) -> Self {
        Self {
            hashrate_now: at_best(self.hashrate_now, quality),
            hashrate_1h: at_best(self.hashrate_1h, quality),
            hashrate_24h: at_best(self.hashrate_24h, quality),
            workers_online: at_best(self.workers_online, quality),
            workers_offline: at_best(self.workers_offline, quality),
        }
    }
}

impl Counts {
    fn at_best(self, quality: Quality) -> Self {
        Self { online: at_best(self.online, quality), offline: at_best(self.offline, quality) }
    }
}

impl Rejects {
    pub fn missing(why: Missing) -> Self {
        Self { rejected: Err(why), stale: Err(why) }
    }

    fn at_best(self, quality: Quality) -> Self {
        Self { rejected: at_best(self.rejected, quality), stale: at_best(self.stale, quality) }
    }
}

impl Balance {
    pub fn missing(why: Missing) -> Self {
        Self { unpaid: Err(why), today_estimate: Err(why) }
    }

    fn at_best(self, quality: Quality) -> Self {
        Self { unpaid: at_best(self.unpaid, quality), today_estimate: at_best(self.today_estimate, quality) }
    }
}

impl From<Rates> for Piece {
    fn from(rates: Rates) -> Self {
        Self { rates: Some(rates), ..Self::default() }
    }
}

impl From<Balance> for Piece {
    fn from(balance: Balance) -> Self {
        Self { balance: Some(balance), ..Self::default() }
    }
}

impl From<Vec<PoolWorker>> for Piece {
    fn from(workers: Vec<PoolWorker>) -> Self {
        Self { workers: Some(workers), ..Self::default() }
    }
}

impl From<Vec<Settled>> for Piece {
    fn from(settled: Vec<Settled>) -> Self {
        Self { settled: Some(settled), ..Self::default() }
    }
}

impl Piece {
    /// The same piece with no value better than `quality`. What is settled stays settled.
    pub(super) fn at_best(mut self, quality: Quality) -> Self {
        for worker in self.workers.iter_mut().flatten() {
            worker.hashrate = at_best(worker.hashrate, quality);
            worker.rejected = at_best(worker.rejected, quality);
            worker.stale = at_best(worker.stale, quality);
        }
        Self {
            rates: self.rates.map(|rates| rates.at_best(quality)),
            rejects: self.rejects.map(|rejects| rejects.at_best(quality)),
            balance: self.balance.map(|balance| balance.at_best(quality)),
            counts: self.counts.map(|counts| counts.at_best(quality)),
            ..self
        }
    }

    /// Goes on with the next page of the same list. A row that was on the page before moved on: it is paid once.
    pub(super) fn go_on(&mut self, next: Piece) {
        let Piece { rates, rejects, balance, counts, workers, settled } = next;
        self.rates = rates.or(self.rates.take());
        self.rejects = rejects.or(self.rejects.take());
        self.balance = balance.or(self.balance.take());
        self.counts = counts.or(self.counts.take());
        match (&mut self.workers, workers) {
            (Some(known), Some(more)) => known.extend(more),
            (known, more) => *known = more.or(known.take()),
        }
        match (&mut self.settled, settled) {
            (Some(known), Some(more)) => {
                let before: BTreeSet<_> = known.iter().map(row_key).collect();
                known.extend(more.into_iter().filter(|row| !before.contains(&row_key(row))));
            }
            (known, more) => *known = more.or(known.take()),
        }
    }

    /// Whether it holds every row of `next`, which has some: a list that goes on has others.
    pub(super) fn has_all_of(&self, next: &Piece) -> bool {
        let names: BTreeSet<_> = self.workers.iter().flatten().map(|worker| &worker.name).collect();
        let rows: BTreeSet<_> = self.settled.iter().flatten().map(row_key).collect();
        let workers = next.workers.iter().flatten().map(|worker| names.contains(&worker.name));
        let mut known = workers.chain(next.settled.iter().flatten().map(|row| rows.contains(&row_key(row))));
        known.next().is_some_and(|first| first && known.all(|row| row))
    }

    /// A list that moved between two pages may tell a worker twice, and pages may begin with the oldest row.
    pub(super) fn in_order(&mut self) {
        if let Some(workers) = &mut self.workers {
            workers.sort_by(|a, b| a.name.cmp(&b.name));
            workers.dedup_by(|a, b| a.name == b.name);
        }
        if let Some(settled) = &mut self.settled {
            settled.sort_by_key(|row| std::cmp::Reverse(row.at));
        }
    }

    /// Puts what it speaks of into the report.
    pub(super) fn apply(self, report: &mut PoolReport) {
        if let Some(rates) = self.rates {
            report.hashrate_now = rates.hashrate_now;
            report.hashrate_1h = rates.hashrate_1h;
            report.hashrate_24h = rates.hashrate_24h;
            report.workers_online = rates.workers_online;
            report.workers_offline = rates.workers_offline;
        }
        if let Some(rejects) = self.rejects {
            report.rejected = rejects.rejected;
            report.stale = rejects.stale;
        }
        if let Some(balance) = self.balance {
            report.unpaid = balance.unpaid;
            report.today_estimate = balance.today_estimate;
        }
        if let Some(counts) = self.counts {
            let open = Err(Missing::NotSupported);
            for (told, count) in
                [(&mut report.workers_online, counts.online), (&mut report.workers_offline, counts.offline)]
            {
                if *told == open {
                    *told = count;
                }
            }
        }
        report.workers = self.workers.unwrap_or(std::mem::take(&mut report.workers));
        report.settled = self.settled.unwrap_or(std::mem::take(&mut report.settled));
    }
}

/// Rows that have the same one are the same.
fn row_key(row: &Settled) -> (UnixMs, i64, Option<i64>) {
    (row.at, row.net.0, row.fee.map(|fee| fee.0))
}

/// The sum of hashrates. One that is not told leaves that of the others, as an estimate; of none at all there is
/// no sum.
pub(super) fn sum_of(rates: impl Iterator<Item = Read<Hashrate>>) -> Read<Hashrate> {
    let (mut sum, mut gap): (Option<Reading<Hashrate>>, _) = (None, None);
    for rate in rates {
        match (rate, sum) {
            (Ok(rate), None) => sum = Some(rate),
            (Ok(rate), Some(all)) => sum = Some(all.at_best(rate.quality).map(|all| all + rate.value)),
            (Err(why), _) => gap = Some(why),
        }
    }
    let sum = sum.ok_or(gap.unwrap_or(Missing::Undefined))?;
    Ok(if gap.is_some() { sum.at_best(Quality::Estimated) } else { sum })
}

/// Where the pool tells the hashrate by worker only: their sum.
pub(super) fn hashrate_of_workers(report: &mut PoolReport) {
    if report.hashrate_now == Err(Missing::NotSupported) && !report.workers.is_empty() {
        report.hashrate_now = sum_of(report.workers.iter().map(|worker| worker.hashrate));
    }
}

/// Where the pool tells what was lost by worker only: their mean by hashrate, as an estimate.
pub(super) fn rejects_of_workers(report: &mut PoolReport) {
    let known = |read: &Read<Fraction>| !matches!(read, Err(Missing::NotSupported));
    if !known(&report.rejected) {
        report.rejected = mean(&report.workers, |worker| worker.rejected);
    }
    if !known(&report.stale) {
        report.stale = mean(&report.workers, |worker| worker.stale);
    }
}

fn mean(workers: &[PoolWorker], part: fn(&PoolWorker) -> Read<Fraction>) -> Read<Fraction> {
    let (mut work, mut lost, mut source) = (0.0, 0.0, "workers");
    for worker in workers {
        let (Ok(hashrate), Ok(part)) = (worker.hashrate, part(worker)) else { continue };
        work += hashrate.value.ths();
        lost += hashrate.value.ths() * part.value.get();
        source = part.source;
    }
    if work <= 0.0 {
        return Err(Missing::NotSupported);
    }
    let value = Fraction::new(lost / work).ok_or(Missing::Implausible)?;
    Ok(Reading::estimated(value, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::SettledKind;

    #[test]
    fn a_row_that_moved_to_the_next_page_is_taken_once_and_two_on_one_page_are_two() {
        let row =
            |at, sats| Settled { at: UnixMs(at), kind: SettledKind::UtcDay, net: Sats(sats), fee: None };
        let mut all = Piece::from(vec![row(1, 5), row(2, 7), row(2, 7)]);
        all.go_on(vec![row(2, 7), row(3, 7)].into());
        all.in_order();
        assert_eq!(all.settled, Some(vec![row(3, 7), row(2, 7), row(2, 7), row(1, 5)]));
    }
}
