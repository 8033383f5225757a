//! What was decided, in money: the margin of what ran, of doing nothing and of the optimum, for each
//! interval, and what the last day and the last 30 days say about it.

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, Transaction, params};
use serde::{Deserialize, Serialize};

use super::meter::{Meter, Piece, is_complete, quality_of_sum};
use super::rollup::DAY_MS;
use super::{INTERVAL_MS, MICRO};
use crate::clock::UnixMs;
use crate::economics::energy;
use crate::economics::regret::Margins;
use crate::reading::{Missing, Quality, Read, Reading};
use crate::units::{Fraction, Usd};

pub(super) const TABLE: &str = "
CREATE TABLE decision (
    start_ms INTEGER PRIMARY KEY,
    actual_micro_usd INTEGER,
    always_on_micro_usd INTEGER,
    perfect_micro_usd INTEGER,
    quality TEXT,
    missing TEXT,
    coverage REAL NOT NULL,
    program TEXT NOT NULL
);
";
const INSERT: &str = "INSERT OR REPLACE INTO decision SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
    WHERE NOT EXISTS (SELECT 1 FROM decision
        WHERE start_ms = ?1 AND (actual_micro_usd IS NOT NULL OR coverage >= ?7))";
const SUM: &str = "SELECT sum(actual_micro_usd), sum(always_on_micro_usd), sum(perfect_micro_usd),
    sum(coverage), sum(coverage * (quality = 'estimated')), sum(coverage * (quality = 'stale'))
    FROM decision WHERE start_ms >= ?1 AND start_ms < ?2 AND actual_micro_usd IS NOT NULL
    HAVING count(*) > 0";
const DAYS: &str = "SELECT DISTINCT start_ms / ?3 * ?3 FROM decision
    WHERE start_ms >= ?1 AND start_ms < ?2 AND actual_micro_usd IS NOT NULL ORDER BY 1";
const NEWEST: &str = "SELECT max(start_ms) FROM decision";

/// A ratio of sums says something once this much was observed.
const ENOUGH_DAYS: f64 = 1.0;

/// One interval of the site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecisionRow {
    pub start: UnixMs,
    /// Micro-dollars: of what ran, always on, perfect. Or why there are none.
    pub micro_usd: Result<([i64; 3], Quality), Missing>,
    pub coverage: Fraction,
}

/// The interval that is not over.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OpenDecision {
    actual: Meter,
    always_on: Meter,
    perfect: Meter,
}

impl OpenDecision {
    pub(super) fn add(&mut self, before: Read<Margins>, after: Read<Margins>, piece: Piece) {
        let add = |meter: &mut Meter, of: fn(Margins) -> f64| {
            let micro = |read: Read<Margins>| read.map(|read| read.map(|margins| of(margins) * MICRO));
            meter.add(micro(before), micro(after), piece);
        };
        add(&mut self.actual, |margins| margins.actual);
        add(&mut self.always_on, |margins| margins.always_on);
        add(&mut self.perfect, |margins| margins.perfect);
    }

    pub(super) fn close(&mut self, start: UnixMs) -> DecisionRow {
        let [actual, always_on, perfect] =
            [&mut self.actual, &mut self.always_on, &mut self.perfect].map(Meter::close);
        // The three are known for the same time.
        let micro_usd = actual
            .amount
            .and_then(|(actual, quality)| Ok(([actual, always_on.amount?.0, perfect.amount?.0], quality)));
        DecisionRow { start, micro_usd, coverage: actual.coverage }
    }
}

/// Returns those that were not there.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    rows: &[DecisionRow],
) -> rusqlite::Result<Vec<DecisionRow>> {
    let mut insert = transaction.prepare_cached(INSERT)?;
    let mut fresh = Vec::new();
    for row in rows {
        let amount = |at: usize| row.micro_usd.ok().and_then(|(amounts, _)| amounts.get(at).copied());
        let inserted = insert.execute(params![
            row.start.0,
            amount(0),
            amount(1),
            amount(2),
            row.micro_usd.ok().map(|(_, quality)| quality.as_str()),
            row.micro_usd.err().map(|why| why.as_str()),
            row.coverage.get(),
            env!("CARGO_PKG_VERSION"),
        ])?;
        if inserted > 0 {
            fresh.push(*row);
        }
    }
    Ok(fresh)
}

/// Sums over a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decided {
    pub start: UnixMs,
    pub actual_micro_usd: i64,
    pub always_on_micro_usd: i64,
    pub perfect_micro_usd: i64,
    pub quality: Quality,
    /// Share of the time that the sums hold.
    pub coverage: f64,
}

impl Decided {
    /// `perfect − actual`, micro-dollars.
    pub fn regret_micro_usd(&self) -> i64 {
        self.perfect_micro_usd.saturating_sub(self.actual_micro_usd)
    }

    /// `100 · (actual − always on) / (perfect − always on)`; `None` where there was nothing to gain.
    pub fn percent_of_perfect(&self) -> Option<f64> {
        let gain = |micro: i64| micro.saturating_sub(self.always_on_micro_usd) as f64;
        let most = gain(self.perfect_micro_usd);
        (most > 0.0).then(|| 100.0 * gain(self.actual_micro_usd) / most)
    }
}

/// What the newest interval looks back on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regret {
    /// Over 24 hours: what perfect foresight would have earned more. Missing below half of the time.
    pub usd_24h: Read<Usd>,
    pub coverage_24h: Fraction,
    /// Over 30 days: the gain over always-on, in percent of the gain with perfect foresight. Missing
    /// before a day was observed, and where there was nothing to gain.
    pub percent_of_perfect_30d: Read<f64>,
    pub coverage_30d: Fraction,
}

impl Default for Regret {
    fn default() -> Self {
        let nothing = Fraction::ZERO;
        Self {
            usd_24h: Err(Missing::NotYet),
            coverage_24h: nothing,
            percent_of_perfect_30d: Err(Missing::NotYet),
            coverage_30d: nothing,
        }
    }
}

/// What was decided in `from <= start < to`; `None` if nothing was.
pub(super) fn sum(connection: &Connection, from: UnixMs, to: UnixMs) -> rusqlite::Result<Option<Decided>> {
    let intervals = ((to.0 - from.0) / INTERVAL_MS) as f64;
    let decided = |row: &SqlRow<'_>| {
        let [covered, estimated, stale]: [f64; 3] = [row.get(3)?, row.get(4)?, row.get(5)?];
        let coverage = (covered / intervals).min(1.0);
        let quality = quality_of_sum(covered, [estimated, stale], is_complete(coverage));
        Ok(Decided {
            start: from,
            actual_micro_usd: row.get(0)?,
            always_on_micro_usd: row.get(1)?,
            perfect_micro_usd: row.get(2)?,
            quality,
            coverage,
        })
    };
    connection.prepare_cached(SUM)?.query_row([from.0, to.0], decided).optional()
}

/// What was decided on each UTC day with `from <= start < to`.
pub(super) fn days(connection: &Connection, from: UnixMs, to: UnixMs) -> rusqlite::Result<Vec<Decided>> {
    let mut statement = connection.prepare_cached(DAYS)?;
    let days: Vec<i64> =
        statement.query_map([from.0, to.0, DAY_MS], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let day = |&start: &i64| sum(connection, UnixMs(start), UnixMs(start + DAY_MS)).transpose();
    days.iter().filter_map(day).collect()
}

/// The last day and the last 30 days before the end of the newest interval.
pub(super) fn newest(connection: &Connection) -> rusqlite::Result<Regret> {
    let newest: Option<i64> = connection.query_row(NEWEST, [], |row| row.get(0))?;
    let Some(newest) = newest else { return Ok(Regret::default()) };
    let until = newest + INTERVAL_MS;
    let look_back = |days: i64| sum(connection, UnixMs(until - days * DAY_MS), UnixMs(until));
    let (day, month) = (look_back(1)?, look_back(30)?);
    let coverage =
        |sum: Option<Decided>| sum.and_then(|sum| Fraction::new(sum.coverage)).unwrap_or(Fraction::ZERO);
    let reading = |value, quality| Reading { value, quality, source: "decision rows" };
    let usd_24h = match day.filter(|day| energy::quality(day.coverage).is_some()) {
        Some(day) => Usd::new(day.regret_micro_usd() as f64 / MICRO)
            .map(|usd| reading(usd, day.quality))
            .ok_or(Missing::Implausible),
        None => Err(Missing::NotYet),
    };
    let percent_of_perfect_30d = match month.filter(|month| month.coverage * 30.0 >= ENOUGH_DAYS) {
        Some(month) => match month.percent_of_perfect() {
            Some(value) => Ok(Reading { value, quality: month.quality, source: "decision rows" }),
            None => Err(Missing::Undefined),
        },
        None => Err(Missing::NotYet),
    };
    Ok(Regret { usd_24h, coverage_24h: coverage(day), percent_of_perfect_30d, coverage_30d: coverage(month) })
}
