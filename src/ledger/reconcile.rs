//! What was accrued for the miners of a pool, against what the pool settled, by UTC day.
//!
//! Both are satoshis: each interval is turned into bitcoin at its own price, so that a price that
//! moves during the day makes no difference look like one.

pub(super) mod site;

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Connection;

use crate::clock::UnixMs;
use crate::economics::capture::{Band, PoolDay, unit_error};
use crate::economics::energy;
use crate::reading::{Missing, Quality, Read, Reading, SettledKind};
use crate::units::{Fraction, Sats};

use super::meter::{NEGLIGIBLE, quality_of_sum};

use super::rollup::{DAY_MS, INTERVALS_PER_DAY};

/// By pool, its newest day that is settled; without one, its newest day that was accrued.
pub type Captures = Arc<BTreeMap<String, PoolDay>>;

/// Days that [`newest`] looks back from the newest settlement: pools settle each day within one.
const LOOK_BACK_DAYS: i64 = 4;
/// Satoshis, and the share of each day that they cover, by pool, day and block. 1 micro-dollar is
/// 100 / price satoshis.
const ACCRUED: &str = "SELECT pool, start_ms / 86400000, sum(revenue_micro_usd * 100.0 / btc_usd),
    sum(revenue_coverage), sum(revenue_coverage * (revenue_quality = 'estimated')),
    sum(revenue_coverage * (revenue_quality = 'stale'))
    FROM interval
    WHERE start_ms >= ?1 AND start_ms < ?2 AND pool IS NOT NULL
        AND revenue_micro_usd IS NOT NULL AND btc_usd > 0
    GROUP BY 1, 2, block";
/// The newest word on each day, block or payout.
const SETTLED: &str = "SELECT pool, at_ms / 86400000, kind, sum(net_sats)
    FROM settlement s
    WHERE at_ms >= ?1 AND at_ms < ?2
        AND NOT EXISTS (SELECT 1 FROM settlement newer WHERE newer.corrects = s.id)
    GROUP BY 1, 2, 3";
/// By the pools' clock, where one of them has spoken: a wrong clock of this machine may have left rows
/// in the future.
const NEWEST: &str =
    "SELECT coalesce((SELECT max(at_ms) FROM settlement), (SELECT max(start_ms) FROM interval), 0)";

/// What is known of one pool and day.
#[derive(Debug, Clone, Copy, Default)]
struct Day {
    /// And whether it is for this day.
    settled: Option<(Sats, bool)>,
    accrued: Accrual,
}

#[derive(Debug, Clone, Copy, Default)]
struct Accrual {
    sats: f64,
    /// What the blocks would have earned in the whole day at their mean rates.
    full_day_sats: f64,
    /// Covered intervals, by quality, of the blocks together.
    covered: f64,
    estimated: f64,
    stale: f64,
    blocks: f64,
}

/// All pools and UTC days with `from <= start of the day < to`, by pool and day.
pub(super) fn days(
    connection: &Connection,
    from: UnixMs,
    to: UnixMs,
) -> rusqlite::Result<BTreeMap<String, Vec<PoolDay>>> {
    let mut found: BTreeMap<(String, i64), Day> = BTreeMap::new();
    let mut statement = connection.prepare_cached(ACCRUED)?;
    let mut rows = statement.query([from.0, to.0])?;
    while let Some(row) = rows.next()? {
        let day = found.entry((row.get(0)?, row.get(1)?)).or_default();
        day.accrued.add(row.get(2)?, [row.get(3)?, row.get(4)?, row.get(5)?]);
    }
    let mut statement = connection.prepare_cached(SETTLED)?;
    let mut rows = statement.query([from.0, to.0])?;
    while let Some(row) = rows.next()? {
        let by_day = row.get::<_, String>(2)? == SettledKind::UtcDay.as_str();
        let day = found.entry((row.get(0)?, row.get(1)?)).or_default();
        day.settled = Some((Sats(row.get(3)?), by_day));
    }
    let mut pools: BTreeMap<String, Vec<PoolDay>> = BTreeMap::new();
    for ((pool, number), day) in found {
        let days = pools.entry(pool).or_default();
        let start = UnixMs(number.saturating_mul(DAY_MS));
        // The band asks for the day before, not for the last one that happens to be there.
        let before = days.last().filter(|last| last.day.0 + DAY_MS == start.0);
        let before = before.and_then(|last| last.capture.ok()).map(|ratio| ratio.value.get());
        days.push(day.reconciled(start, before));
    }
    Ok(pools)
}

/// The newest settled day of each pool.
pub(super) fn newest(connection: &Connection) -> rusqlite::Result<Captures> {
    let last: i64 = connection.query_row(NEWEST, [], |row| row.get(0))?;
    let today = last.div_euclid(DAY_MS) * DAY_MS;
    let days = days(connection, UnixMs(today - LOOK_BACK_DAYS * DAY_MS), UnixMs(today + DAY_MS))?;
    let newest = days.into_iter().filter_map(|(pool, days)| {
        let settled = days.iter().rfind(|day| day.settled.is_some());
        settled.or(days.last()).cloned().map(|day| (pool, day))
    });
    Ok(Arc::new(newest.collect()))
}

impl Accrual {
    fn add(&mut self, sats: f64, [covered, estimated, stale]: [f64; 3]) {
        self.sats += sats;
        if covered > 0.0 {
            self.full_day_sats += sats * INTERVALS_PER_DAY / covered;
        }
        self.covered += covered;
        self.estimated += estimated;
        self.stale += stale;
        self.blocks += 1.0;
    }

    fn coverage(&self) -> f64 {
        if self.full_day_sats > 0.0 {
            return (self.sats / self.full_day_sats).min(1.0);
        }
        // Blocks that earned nothing weigh the same.
        if self.blocks > 0.0 { (self.covered / self.blocks / INTERVALS_PER_DAY).min(1.0) } else { 0.0 }
    }

    fn quality(&self) -> Quality {
        let complete = self.coverage() >= 1.0 - NEGLIGIBLE;
        quality_of_sum(self.covered, [self.estimated, self.stale], complete)
    }
}

impl Day {
    fn reconciled(&self, day: UnixMs, before: Option<f64>) -> PoolDay {
        let capture = self.capture();
        PoolDay {
            day,
            settled: self.settled.map(|(sats, _)| sats),
            coverage: Fraction::new(self.accrued.coverage()).unwrap_or_default(),
            accrued: (self.accrued.blocks > 0.0).then(|| Reading {
                value: Sats(self.accrued.sats.round() as i64),
                quality: self.accrued.quality(),
                source: "interval rows",
            }),
            capture,
            band: capture.ok().map(|ratio| Band::of(ratio.value.get(), before)),
        }
    }

    /// Not known: the pool has not reported the day, or not enough of it was accrued. Not judged:
    /// a pool that settles by block pays for luck, and a payout is for as long as it took to gather.
    fn capture(&self) -> Read<Fraction> {
        let (settled, by_day) = self.settled.ok_or(Missing::NotReported)?;
        if !by_day {
            return Err(Missing::NotSupported);
        }
        if energy::quality(self.accrued.coverage()) != Some(Quality::Measured) {
            return Err(Missing::NotYet);
        }
        if self.accrued.full_day_sats <= 0.0 {
            return Err(Missing::Undefined);
        }
        let ratio = settled.0 as f64 / self.accrued.full_day_sats;
        let value =
            Fraction::new(ratio).filter(|_| unit_error(ratio).is_none()).ok_or(Missing::Implausible)?;
        Ok(Reading { value, quality: self.accrued.quality(), source: "settled / accrued" })
    }
}
