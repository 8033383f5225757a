//! The parts of what each hosting earned, interval by interval: gross, the platform's fee and the penalty of
//! its SLA. What is left of them is the revenue in the row of its block.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};

use super::meter::{Meter, Piece};
use super::sqlite::{amount, missing, quality};
use super::{Accrued, MICRO};
use crate::clock::UnixMs;
use crate::economics::{Class, Split};
use crate::reading::Read;
use crate::units::UsdPerHour;

/// An amount is NULL exactly where its `_missing` is not; a hosting without a commitment has neither for
/// `penalty`.
pub(super) const TABLE: &str = "
CREATE TABLE hosting_interval (
    start_ms INTEGER NOT NULL,
    hosting TEXT NOT NULL,
    basis TEXT NOT NULL,
    gross_micro_usd INTEGER, gross_quality TEXT, gross_missing TEXT, gross_coverage REAL NOT NULL,
    fee_micro_usd INTEGER, fee_quality TEXT, fee_missing TEXT, fee_coverage REAL NOT NULL,
    penalty_micro_usd INTEGER, penalty_quality TEXT, penalty_missing TEXT, penalty_coverage REAL,
    program TEXT NOT NULL,
    PRIMARY KEY (start_ms, hosting)
) WITHOUT ROWID;
";
/// As a row of a block, one without an amount gives way to one that covers more.
const INSERT: &str = "INSERT OR REPLACE INTO hosting_interval
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16
    WHERE NOT EXISTS (SELECT 1 FROM hosting_interval WHERE start_ms = ?1 AND hosting = ?2
        AND (gross_micro_usd IS NOT NULL OR gross_coverage >= ?7))";

/// One hosting in one interval, micro-dollars.
#[derive(Debug, Clone, PartialEq)]
pub struct HostingRow {
    pub start: UnixMs,
    pub hosting: String,
    /// What the amounts rest on, as at the end of the interval.
    pub basis: String,
    pub gross: Accrued,
    pub fee: Accrued,
    /// `None`: nothing is committed.
    pub penalty: Option<Accrued>,
}

/// The rates of one hosting at one moment, micro-dollars per hour.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostingRates {
    basis: &'static str,
    gross: Read<f64>,
    fee: Read<f64>,
    penalty: Option<Read<f64>>,
}

/// By name of the hosting.
pub(super) type AllRates = BTreeMap<String, HostingRates>;

/// The interval that is not over, of all hostings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct OpenHostings(BTreeMap<String, Open>);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Open {
    basis: String,
    committed: bool,
    gross: Meter,
    fee: Meter,
    penalty: Meter,
}

impl HostingRates {
    /// Of every hosting in the split.
    pub fn of(split: &Split) -> AllRates {
        let micro = |read: Read<UsdPerHour>| read.map(|read| read.map(|usd| usd.get() * MICRO));
        let rates = split.blocks.iter().filter_map(|block| {
            let statement = block.statement.as_ref().filter(|_| block.class == Class::Ai)?;
            let rates = Self {
                basis: statement.basis.as_str(),
                gross: micro(statement.gross),
                fee: micro(statement.fee),
                penalty: statement.penalty.map(micro),
            };
            Some((block.id.clone(), rates))
        });
        rates.collect()
    }
}

impl OpenHostings {
    pub fn add(&mut self, before: &AllRates, after: &AllRates, piece: Piece) {
        for (hosting, open) in &mut self.0 {
            let (Some(before), Some(after)) = (before.get(hosting), after.get(hosting)) else { continue };
            open.gross.add(before.gross, after.gross, piece);
            open.fee.add(before.fee, after.fee, piece);
            if let (Some(before), Some(after)) = (before.penalty, after.penalty) {
                open.penalty.add(before, after, piece);
            }
        }
    }

    pub fn close(&mut self, start: UnixMs) -> Vec<HostingRow> {
        let row = |(hosting, open): (&String, &mut Open)| {
            let penalty = open.penalty.close();
            HostingRow {
                start,
                hosting: hosting.clone(),
                basis: open.basis.clone(),
                gross: open.gross.close(),
                fee: open.fee.close(),
                penalty: open.committed.then_some(penalty),
            }
        };
        self.0.iter_mut().map(row).collect()
    }

    /// Goes on with those that are there.
    pub fn keep(&mut self, rates: &AllRates) {
        self.0.retain(|hosting, _| rates.contains_key(hosting));
    }

    pub fn see(&mut self, rates: &AllRates) {
        for (hosting, rates) in rates {
            let open = self.0.entry(hosting.clone()).or_default();
            open.basis = rates.basis.to_owned();
            open.committed = rates.penalty.is_some();
        }
    }
}

/// Returns those that were not there.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    rows: &[HostingRow],
) -> rusqlite::Result<Vec<HostingRow>> {
    let mut insert = transaction.prepare_cached(INSERT)?;
    let mut fresh = Vec::new();
    for row in rows {
        let HostingRow { gross, fee, penalty, .. } = row;
        let inserted = insert.execute(params![
            row.start.0,
            row.hosting,
            row.basis,
            amount(gross),
            quality(gross),
            missing(gross),
            gross.coverage.get(),
            amount(fee),
            quality(fee),
            missing(fee),
            fee.coverage.get(),
            penalty.as_ref().and_then(amount),
            penalty.as_ref().and_then(quality),
            penalty.as_ref().and_then(missing),
            penalty.as_ref().map(|penalty| penalty.coverage.get()),
            env!("CARGO_PKG_VERSION"),
        ])?;
        if inserted > 0 {
            fresh.push(row.clone());
        }
    }
    Ok(fresh)
}
