//! What the ledger looks like in SQLite, and how it is written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::accrual::OpenInterval;
use super::store::Batch;
use super::{Accrued, Row, Settlement};

/// For another process that reads or backs up the file.
pub(super) const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// Step n brings a file of version n (`user_version`; 0: empty) to version n + 1. Readable by every
/// SQLite since 3.8.2. An amount is NULL exactly where its `_missing` is not.
const STEPS: [&str; 2] = [
    "
CREATE TABLE interval (
    start_ms INTEGER NOT NULL,
    class TEXT NOT NULL CHECK (class IN ('hash', 'ai')),
    block TEXT NOT NULL,
    energy_wh INTEGER, energy_quality TEXT, energy_missing TEXT, energy_coverage REAL NOT NULL,
    revenue_micro_usd INTEGER, revenue_quality TEXT, revenue_missing TEXT, revenue_coverage REAL NOT NULL,
    cost_micro_usd INTEGER, cost_quality TEXT, cost_missing TEXT, cost_coverage REAL NOT NULL,
    hashprice_usd_per_ph_day REAL,
    power_usd_per_mwh REAL,
    program TEXT NOT NULL,
    PRIMARY KEY (start_ms, class, block)
) WITHOUT ROWID;
",
    // `corrects` is the id of the row that the pool took back with this one. `open_interval` is no
    // part of the books: one row at most, what was accrued of the interval that is not over.
    "
ALTER TABLE interval ADD COLUMN btc_usd REAL;
ALTER TABLE interval ADD COLUMN pool TEXT;
CREATE TABLE settlement (
    id INTEGER PRIMARY KEY,
    pool TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('utc_day', 'block')),
    at_ms INTEGER NOT NULL,
    net_sats INTEGER NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    corrects INTEGER UNIQUE REFERENCES settlement (id),
    program TEXT NOT NULL
);
CREATE INDEX settlement_of ON settlement (pool, kind, at_ms, id);
CREATE TABLE open_interval (id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL);
",
];
/// `user_version` of the file.
pub(super) const SCHEMA_VERSION: i64 = STEPS.len() as i64;
const INSERT_ROW: &str = "INSERT OR IGNORE INTO interval (
    start_ms, class, block,
    energy_wh, energy_quality, energy_missing, energy_coverage,
    revenue_micro_usd, revenue_quality, revenue_missing, revenue_coverage,
    cost_micro_usd, cost_quality, cost_missing, cost_coverage,
    hashprice_usd_per_ph_day, power_usd_per_mwh, program, btc_usd, pool
) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";
const LAST_SETTLEMENT: &str = "SELECT id, net_sats FROM settlement
    WHERE pool = ?1 AND kind = ?2 AND at_ms = ?3 ORDER BY id DESC LIMIT 1";
const INSERT_SETTLEMENT: &str = "INSERT INTO settlement
    (pool, kind, at_ms, net_sats, first_seen_ms, corrects, program) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const KEEP_OPEN: &str = "INSERT OR REPLACE INTO open_interval VALUES (1, ?1)";

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("ledger {path}: {source}")]
    Sqlite { path: PathBuf, source: rusqlite::Error },
    #[error("ledger {path}: written by a newer wattsplit (schema {found}, this one knows {SCHEMA_VERSION})")]
    Newer { path: PathBuf, found: i64 },
    #[error(
        "ledger {path}: written by an older wattsplit (schema {found}, this one reads {SCHEMA_VERSION}); \
         `wattsplit run` brings it up to date when it starts"
    )]
    Older { path: PathBuf, found: i64 },
    #[error("no ledger at {path}: `wattsplit run` writes it")]
    Absent { path: PathBuf },
    #[error("ledger {path}: cannot start its thread: {source}")]
    Thread { path: PathBuf, source: std::io::Error },
}

/// What one transaction added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub rows: usize,
    /// Corrections included.
    pub settlements: usize,
}

/// Opens the file for writing, or creates it.
pub(super) fn connect(path: &Path) -> Result<Connection, LedgerError> {
    let mut connection = Connection::open(path).map_err(failed(path))?;
    let found = prepare(&mut connection).map_err(failed(path))?;
    if found > SCHEMA_VERSION {
        return Err(LedgerError::Newer { path: path.into(), found });
    }
    Ok(connection)
}

/// Sets the connection up, and brings an empty or older file up to date. Returns the file's version.
fn prepare(connection: &mut Connection) -> rusqlite::Result<i64> {
    connection.busy_timeout(LOCK_PATIENCE)?;
    // A reader never stops the writer, and what is committed survives a power cut.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let found = version(connection)?;
    if found >= SCHEMA_VERSION {
        return Ok(found);
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let found = version(&transaction)?;
    for step in STEPS.get(usize::try_from(found).unwrap_or_default()..).unwrap_or_default() {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", found.max(SCHEMA_VERSION))?;
    transaction.commit()?;
    Ok(found.max(SCHEMA_VERSION))
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// What the last process left of an interval that was not over. `None` also if it left something
/// that this one cannot read.
pub(super) fn open_interval(connection: &Connection) -> rusqlite::Result<Option<OpenInterval>> {
    let state: Option<String> =
        connection.query_row("SELECT state FROM open_interval", [], |row| row.get(0)).optional()?;
    let read = |state: String| match serde_json::from_str(&state) {
        Ok(open) => Some(open),
        Err(error) => {
            tracing::warn!(%error, "the interval that was open cannot be gone on with");
            None
        }
    };
    Ok(state.and_then(read))
}

/// Writes the batch as one transaction, and whatever is to be sent because of it belongs in here.
/// Rows that are there already stay as they are.
pub(super) fn write(connection: &mut Connection, batch: &Batch) -> rusqlite::Result<Written> {
    let transaction = connection.transaction()?;
    let written = Written {
        rows: insert_rows(&transaction, &batch.rows)?,
        settlements: insert_settlements(&transaction, &batch.settlements)?,
    };
    if let Some(open) = &batch.open {
        let state = serde_json::to_string(open)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        transaction.prepare_cached(KEEP_OPEN)?.execute([state])?;
    }
    transaction.commit()?;
    Ok(written)
}

fn insert_rows(transaction: &Transaction<'_>, rows: &[Row]) -> rusqlite::Result<usize> {
    let mut insert = transaction.prepare_cached(INSERT_ROW)?;
    let mut written = 0;
    for row in rows {
        let (energy, revenue, cost) = (&row.energy_wh, &row.revenue_micro_usd, &row.cost_micro_usd);
        written += insert.execute(params![
            row.start.0,
            row.class.as_str(),
            row.block,
            amount(energy),
            quality(energy),
            missing(energy),
            energy.coverage.get(),
            amount(revenue),
            quality(revenue),
            missing(revenue),
            revenue.coverage.get(),
            amount(cost),
            quality(cost),
            missing(cost),
            cost.coverage.get(),
            row.hashprice.map(|h| h.get()),
            row.power_price.map(|p| p.get()),
            row.program,
            row.btc_usd.map(|usd| usd.get()),
            row.pool,
        ])?;
    }
    Ok(written)
}

/// A pool tells the same settlement again and again: it is written once. An amount that changed is
/// a row of its own, which names the one that it corrects.
fn insert_settlements(transaction: &Transaction<'_>, told: &[Settlement]) -> rusqlite::Result<usize> {
    let mut last = transaction.prepare_cached(LAST_SETTLEMENT)?;
    let mut insert = transaction.prepare_cached(INSERT_SETTLEMENT)?;
    let mut written = 0;
    for Settlement { pool, kind, at, net, seen } in told {
        let kind = kind.as_str();
        let known: Option<(i64, i64)> =
            last.query_row(params![pool, kind, at.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if known.is_some_and(|(_, sats)| sats == net.0) {
            continue;
        }
        let corrects = known.map(|(id, _)| id);
        let program = env!("CARGO_PKG_VERSION");
        written += insert.execute(params![pool, kind, at.0, net.0, seen.0, corrects, program])?;
    }
    Ok(written)
}

pub(super) fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> LedgerError {
    move |source| LedgerError::Sqlite { path: path.into(), source }
}

fn amount(accrued: &Accrued) -> Option<i64> {
    accrued.amount.ok().map(|(amount, _)| amount)
}

fn quality(accrued: &Accrued) -> Option<&'static str> {
    accrued.amount.ok().map(|(_, quality)| quality.as_str())
}

fn missing(accrued: &Accrued) -> Option<&'static str> {
    accrued.amount.err().map(|why| why.as_str())
}
