//! What the ledger looks like in SQLite, and how it is written.

pub(super) mod aside;
pub(super) mod damage;
pub(super) mod identity;
pub(super) mod lock;
mod payout;
pub(super) mod rescue;
mod site;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::accrual::OpenInterval;
use super::decision;
use super::device_hashrate;
use super::earning;
use super::hosting;
use super::journal;
use super::outbox;
use super::outlet::{Fresh, SettledNews};
use super::query;
use super::rollup::{Period, RollUp, Summed};
use super::store::Batch;
use super::{Accrued, INTERVAL_MS, Row, Settlement};
use crate::units::Sats;

/// For another process that reads or backs up the file.
pub(super) const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// The journal is this long at most once it was copied into the file.
const MOST_JOURNAL_BYTES: i64 = 8 << 20;
/// Step n brings a file of version n (`user_version`; 0: empty) to version n + 1. Readable by every
/// SQLite since 3.8.2. An amount is NULL exactly where its `_missing` is not.
const STEPS: [&str; 11] = [
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
    // `seq` is that of the message. `payload` is the message of an advice, NULL where it
    // says what the one before said.
    "
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'alarm')),
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    program TEXT NOT NULL
);
CREATE INDEX event_at ON event (at_ms, id);
CREATE TABLE advice (
    id TEXT PRIMARY KEY,
    issued_ms INTEGER NOT NULL,
    valid_until_ms INTEGER NOT NULL,
    supersedes TEXT,
    status TEXT NOT NULL,
    text TEXT NOT NULL,
    gain_usd_per_h REAL,
    payload TEXT,
    program TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX advice_at ON advice (issued_ms);
",
    site::STEP,
    decision::TABLE,
    hosting::TABLE,
    earning::TABLE,
    outbox::schema::STEP,
    payout::STEP,
    device_hashrate::TABLE,
    outbox::schema::GAP_CRC,
];
/// `user_version` of the file.
pub(super) const SCHEMA_VERSION: i64 = STEPS.len() as i64;
/// A row that holds no amount gives way to one that covers more: a clock that jumped ahead leaves such.
const INSERT_ROW: &str = "INSERT OR REPLACE INTO interval (
    start_ms, class, block,
    energy_wh, energy_quality, energy_missing, energy_coverage,
    revenue_micro_usd, revenue_quality, revenue_missing, revenue_coverage,
    cost_micro_usd, cost_quality, cost_missing, cost_coverage,
    hashprice_usd_per_ph_day, power_usd_per_mwh, program, btc_usd, pool
) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20
WHERE NOT EXISTS (SELECT 1 FROM interval WHERE start_ms = ?1 AND class = ?2 AND block = ?3 AND (
    energy_wh IS NOT NULL OR revenue_micro_usd IS NOT NULL OR cost_micro_usd IS NOT NULL
    OR energy_coverage + revenue_coverage + cost_coverage >= ?7 + ?11 + ?15))";
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
    #[error("ledger {path}: another wattsplit writes it; give each a state_dir of its own")]
    Held { path: PathBuf },
    #[error("ledger {path}: cannot lock it: {source}")]
    Lock { path: PathBuf, source: std::io::Error },
    #[error("ledger {path}: what lies there cannot be set aside: {source}")]
    Aside { path: PathBuf, source: std::io::Error },
    #[error("ledger {path}: it is gone, and cannot be written back: {source}")]
    Rescue { path: PathBuf, source: std::io::Error },
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
    let found = version(connection)?;
    // Not a byte of it is changed.
    if found > SCHEMA_VERSION {
        return Ok(found);
    }
    // A reader never stops the writer, and what is committed survives a power cut.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", MOST_JOURNAL_BYTES)?;
    if found == SCHEMA_VERSION {
        return Ok(found);
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let found = version(&transaction)?;
    bring_up(&transaction, found, SCHEMA_VERSION)?;
    transaction.pragma_update(None, "user_version", found.max(SCHEMA_VERSION))?;
    transaction.commit()?;
    Ok(found.max(SCHEMA_VERSION))
}

/// Takes the steps from one version to another.
fn bring_up(connection: &Connection, from: i64, to: i64) -> rusqlite::Result<()> {
    let number = |version: i64| usize::try_from(version).unwrap_or_default();
    let steps = STEPS.iter().take(number(to)).skip(number(from));
    steps.into_iter().try_for_each(|step| connection.execute_batch(step))
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

/// Writes the batch. Rows that are there already stay as they are. Returns what is new.
pub(super) fn write(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<Fresh> {
    let rows = insert_rows(transaction, &batch.rows)?;
    let fresh = Fresh {
        roll_ups: roll_ups(transaction, &rows)?,
        rows,
        site_rows: site::insert(transaction, &batch.site_rows)?,
        hosting_rows: hosting::insert(transaction, &batch.hosting_rows)?,
        decisions: decision::insert(transaction, &batch.decisions)?,
        settlements: insert_settlements(transaction, &batch.settlements)?,
        earnings: earning::insert(transaction, &batch.earnings)?,
        events: journal::insert_events(transaction, &batch.events)?,
    };
    device_hashrate::insert(transaction, &batch.device_hashrates)?;
    if let Some(advice) = &batch.advice {
        journal::insert_advice(transaction, advice)?;
    }
    if let Some(open) = &batch.open {
        let state = serde_json::to_string(open)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        transaction.prepare_cached(KEEP_OPEN)?.execute([state])?;
    }
    Ok(fresh)
}

/// Returns those that were not there.
fn insert_rows(transaction: &Transaction<'_>, rows: &[Row]) -> rusqlite::Result<Vec<Row>> {
    let mut insert = transaction.prepare_cached(INSERT_ROW)?;
    let mut fresh = Vec::new();
    for row in rows {
        let (energy, revenue, cost) = (&row.energy_wh, &row.revenue_micro_usd, &row.cost_micro_usd);
        let inserted = insert.execute(params![
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
        if inserted > 0 {
            fresh.push(row.clone());
        }
    }
    Ok(fresh)
}

/// The hours and days whose last interval is among `fresh`.
fn roll_ups(transaction: &Transaction<'_>, fresh: &[Row]) -> rusqlite::Result<Vec<(Period, Summed)>> {
    let mut sums = Vec::new();
    for period in [Period::Hour, Period::Day] {
        let ends = fresh.iter().map(|row| row.start.0 + INTERVAL_MS).filter(|end| end % period.ms() == 0);
        let ends: BTreeSet<i64> = ends.collect();
        for end in ends {
            let mut roll_up = RollUp::new(period);
            query::each_interval(transaction, end - period.ms(), end, |row| roll_up.add(row))?;
            sums.extend(roll_up.finish().into_iter().map(|sum| (period, sum)));
        }
    }
    Ok(sums)
}

/// A pool tells the same settlement again and again: it is written once. An amount that changed is
/// a row of its own, which names the one that it corrects. Returns what is new.
fn insert_settlements(
    transaction: &Transaction<'_>,
    told: &[Settlement],
) -> rusqlite::Result<Vec<SettledNews>> {
    let mut last = transaction.prepare_cached(LAST_SETTLEMENT)?;
    let mut insert = transaction.prepare_cached(INSERT_SETTLEMENT)?;
    let mut news = Vec::new();
    for settlement in told {
        let Settlement { pool, kind, at, net, seen } = settlement;
        let kind = kind.as_str();
        let known: Option<(i64, i64)> =
            last.query_row(params![pool, kind, at.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if known.is_some_and(|(_, sats)| sats == net.0) {
            continue;
        }
        let corrects = known.map(|(id, _)| id);
        let program = env!("CARGO_PKG_VERSION");
        insert.execute(params![pool, kind, at.0, net.0, seen.0, corrects, program])?;
        news.push(SettledNews {
            settlement: settlement.clone(),
            corrects: known.map(|(_, sats)| Sats(sats)),
        });
    }
    Ok(news)
}

pub(super) fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> LedgerError {
    move |source| LedgerError::Sqlite { path: path.into(), source }
}

pub(super) fn amount(accrued: &Accrued) -> Option<i64> {
    accrued.amount.ok().map(|(amount, _)| amount)
}

pub(super) fn quality(accrued: &Accrued) -> Option<&'static str> {
    accrued.amount.ok().map(|(_, quality)| quality.as_str())
}

pub(super) fn missing(accrued: &Accrued) -> Option<&'static str> {
    accrued.amount.err().map(|why| why.as_str())
}
