//! From intervals to hours and days. Pure.

use std::collections::BTreeMap;

use crate::clock::UnixMs;
use crate::reading::Quality;

use super::INTERVAL_MS;
use super::meter::{is_complete, quality_of_sum};

pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 86_400_000;
pub(super) const INTERVALS_PER_DAY: f64 = (DAY_MS / INTERVAL_MS) as f64;

/// How long a row is. All begin at whole multiples of it, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Interval,
    Hour,
    Day,
}

impl Period {
    pub fn ms(self) -> i64 {
        match self {
            Period::Interval => INTERVAL_MS,
            Period::Hour => HOUR_MS,
            Period::Day => DAY_MS,
        }
    }
}

/// One row of the file as it is there.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRow {
    pub start: UnixMs,
    /// `hash` or `ai`.
    pub class: String,
    pub block: String,
    pub pool: Option<String>,
    pub energy_wh: StoredAmount,
    pub revenue_micro_usd: StoredAmount,
    pub cost_micro_usd: StoredAmount,
    pub hashprice_usd_per_ph_day: Option<f64>,
    pub power_usd_per_mwh: Option<f64>,
    pub btc_usd: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StoredAmount {
    /// Or why there is none, in the words of [`Missing`](crate::reading::Missing).
    pub amount: Result<(i64, Quality), String>,
    pub coverage: f64,
}

/// One block in one period.
#[derive(Debug, Clone, PartialEq)]
pub struct Summed {
    pub start: UnixMs,
    pub class: String,
    pub block: String,
    /// Of the newest interval that tells.
    pub pool: Option<String>,
    /// Intervals that have a row.
    pub intervals: u32,
    pub energy_wh: Part,
    pub revenue_micro_usd: Part,
    pub cost_micro_usd: Part,
    /// Prices: mean over the intervals that know them.
    pub hashprice_usd_per_ph_day: Option<f64>,
    pub power_usd_per_mwh: Option<f64>,
    pub btc_usd: Option<f64>,
}

/// A sum over a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What was accrued, without extrapolation; or why nothing was, of the last interval.
    pub amount: Result<(i64, Quality), String>,
    /// Share of the period's time that `amount` holds, 0.0 to 1.0. Intervals without a row, such as
    /// those that have not come yet, are time that it does not hold.
    pub coverage: f64,
}

/// Sums rows of any order.
#[derive(Debug)]
pub struct RollUp {
    period: Period,
    open: BTreeMap<(i64, String, String), Open>,
}

#[derive(Debug, Default)]
struct Open {
    pool: Option<String>,
    intervals: u32,
    energy: Tally,
    revenue: Tally,
    cost: Tally,
    hashprice: Mean,
    power: Mean,
    btc: Mean,
}

#[derive(Debug, Default)]
struct Tally {
    amount: Option<i64>,
    /// Covered intervals: all, and those no better than estimated and than stale.
    covered: f64,
    estimated: f64,
    stale: f64,
    missing: String,
}

#[derive(Debug, Default)]
struct Mean {
    sum: f64,
    n: f64,
}

impl RollUp {
    pub fn new(period: Period) -> Self {
        Self { period, open: BTreeMap::new() }
    }

    pub fn add(&mut self, row: StoredRow) {
        let start = row.start.0.div_euclid(self.period.ms()) * self.period.ms();
        let open = self.open.entry((start, row.class, row.block)).or_default();
        open.pool = row.pool.or(open.pool.take());
        open.intervals += 1;
        open.energy.add(row.energy_wh);
        open.revenue.add(row.revenue_micro_usd);
        open.cost.add(row.cost_micro_usd);
        open.hashprice.add(row.hashprice_usd_per_ph_day);
        open.power.add(row.power_usd_per_mwh);
        open.btc.add(row.btc_usd);
    }

    /// By start, class and block.
    pub fn finish(self) -> Vec<Summed> {
        let intervals = (self.period.ms() / INTERVAL_MS) as f64;
        let summed = |((start, class, block), open): ((i64, String, String), Open)| Summed {
            start: UnixMs(start),
            class,
            block,
            pool: open.pool,
            intervals: open.intervals,
            energy_wh: open.energy.part(intervals),
            revenue_micro_usd: open.revenue.part(intervals),
            cost_micro_usd: open.cost.part(intervals),
            hashprice_usd_per_ph_day: open.hashprice.get(),
            power_usd_per_mwh: open.power.get(),
            btc_usd: open.btc.get(),
        };
        // Hashing before hosting, as everywhere.
        let (hash, rest): (Vec<_>, Vec<_>) =
            self.open.into_iter().partition(|((_, class, _), _)| class == "hash");
        let mut all: Vec<Summed> = hash.into_iter().chain(rest).map(summed).collect();
        all.sort_by_key(|row| row.start);
        all
    }
}

impl Tally {
    fn add(&mut self, stored: StoredAmount) {
        match stored.amount {
            Ok((amount, quality)) => {
                self.amount = Some(self.amount.unwrap_or(0).saturating_add(amount));
                self.covered += stored.coverage;
                match quality {
                    Quality::Measured => {}
                    Quality::Estimated => self.estimated += stored.coverage,
                    Quality::Stale => self.stale += stored.coverage,
                }
            }
            Err(why) => self.missing = why,
        }
    }

    /// Of a period of so many `intervals`. The rules are those of a single interval.
    fn part(self, intervals: f64) -> Part {
        let Some(amount) = self.amount else {
            return Part { amount: Err(self.missing), coverage: 0.0 };
        };
        let coverage = (self.covered / intervals).min(1.0);
        let quality = quality_of_sum(self.covered, [self.estimated, self.stale], is_complete(coverage));
        Part { amount: Ok((amount, quality)), coverage }
    }
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.n += 1.0;
        }
    }

    fn get(&self) -> Option<f64> {
        (self.n > 0.0).then_some(self.sum / self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(amount: i64) -> StoredAmount {
        StoredAmount { amount: Ok((amount, Quality::Measured)), coverage: 1.0 }
    }

    fn row(interval: i64) -> StoredRow {
        StoredRow {
            start: UnixMs(20_000 * DAY_MS + interval * INTERVAL_MS),
            class: "hash".into(),
            block: "main-s21".into(),
            pool: None,
            energy_wh: known(100),
            revenue_micro_usd: known(7),
            cost_micro_usd: known(5),
            hashprice_usd_per_ph_day: None,
            power_usd_per_mwh: Some(interval as f64),
            btc_usd: None,
        }
    }

    fn sum(period: Period, rows: impl IntoIterator<Item = StoredRow>) -> Vec<Summed> {
        let mut roll_up = RollUp::new(period);
        rows.into_iter().for_each(|row| roll_up.add(row));
        roll_up.finish()
    }

    #[test]
    fn a_day_is_the_sum_of_its_intervals_and_a_day_that_is_not_over_says_so() {
        let day = &sum(Period::Day, (0..288).map(row))[0];
        assert_eq!(day.energy_wh, Part { amount: Ok((28_800, Quality::Measured)), coverage: 1.0 });
        assert_eq!((day.intervals, day.power_usd_per_mwh), (288, Some(143.5)));
        let half = &sum(Period::Day, (0..144).map(row))[0];
        assert_eq!(half.energy_wh, Part { amount: Ok((14_400, Quality::Estimated)), coverage: 0.5 });
    }

    #[test]
    fn hours_begin_on_the_hour() {
        let hours = sum(Period::Hour, (11..25).map(row));
        let seen: Vec<(i64, u32)> =
            hours.iter().map(|h| (h.start.0 % DAY_MS / HOUR_MS, h.intervals)).collect();
        assert_eq!(seen, [(0, 1), (1, 12), (2, 1)]);
    }

    #[test]
    fn what_is_missing_in_all_intervals_is_missing_in_the_sum_and_never_zero() {
        let missing = || StoredAmount { amount: Err("timeout".into()), coverage: 0.4 };
        let rows = (0..12).map(|i| StoredRow { cost_micro_usd: missing(), ..row(i) });
        let hour = &sum(Period::Hour, rows)[0];
        assert_eq!(hour.cost_micro_usd, Part { amount: Err("timeout".into()), coverage: 0.0 });
        assert_eq!(hour.revenue_micro_usd.amount, Ok((84, Quality::Measured)));
    }

    #[test]
    fn one_stale_interval_taints_its_hour_and_not_its_day() {
        let stale = StoredAmount { amount: Ok((100, Quality::Stale)), coverage: 1.0 };
        let rows: Vec<_> = (0..288)
            .map(|i| if i == 5 { StoredRow { energy_wh: stale.clone(), ..row(i) } } else { row(i) })
            .collect();
        assert_eq!(sum(Period::Hour, rows.clone())[0].energy_wh.amount, Ok((1_200, Quality::Stale)));
        assert_eq!(sum(Period::Day, rows)[0].energy_wh.amount, Ok((28_800, Quality::Measured)));
    }

    #[test]
    fn hashing_comes_before_hosting_within_a_period() {
        let ai = |i| StoredRow { class: "ai".into(), block: "research".into(), ..row(i) };
        let rows = sum(Period::Hour, [ai(0), row(12), ai(12), row(0)]);
        let order: Vec<(i64, &str)> =
            rows.iter().map(|r| (r.start.0 % DAY_MS / HOUR_MS, r.class.as_str())).collect();
        assert_eq!(order, [(0, "hash"), (0, "ai"), (1, "hash"), (1, "ai")]);
    }
}
