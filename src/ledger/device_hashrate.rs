//! What the devices of each pool hashed, five minutes at a time: what a window of a day needs after a restart.

use std::time::Duration;

use rusqlite::{Connection, Row as SqlRow, Transaction, params};

use crate::clock::UnixMs;
use crate::units::Hashrate;

pub(super) const TABLE: &str = "
CREATE TABLE device_hashrate (
    start_ms INTEGER NOT NULL,
    pool TEXT NOT NULL,
    hashrate_ths REAL NOT NULL,
    observed_s REAL NOT NULL,
    program TEXT NOT NULL,
    PRIMARY KEY (start_ms, pool)
) WITHOUT ROWID;
";
const INSERT: &str = "INSERT OR IGNORE INTO device_hashrate VALUES (?1, ?2, ?3, ?4, ?5)";
/// A wrong clock may have left rows in the future.
const LAST_DAY: &str = "SELECT start_ms, pool, hashrate_ths, observed_s FROM device_hashrate
    WHERE start_ms > ?1 - 86400000 AND start_ms <= ?1 ORDER BY start_ms, pool";

/// Mean over what was observed of five minutes.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceHashrate {
    /// By the wall clock; no whole multiple of five minutes.
    pub start: UnixMs,
    /// Name from the config.
    pub pool: String,
    /// Of all devices that work for the pool.
    pub hashrate: Hashrate,
    /// Time that was observed, five minutes at most.
    pub observed: Duration,
}

pub(super) fn insert(transaction: &Transaction<'_>, rows: &[DeviceHashrate]) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(INSERT)?;
    for row in rows {
        let (ths, seconds) = (row.hashrate.ths(), row.observed.as_secs_f64());
        insert.execute(params![row.start.0, row.pool, ths, seconds, env!("CARGO_PKG_VERSION")])?;
    }
    Ok(())
}

/// Those of the day before `now`, in order of time. What is no hashrate is left out.
pub(super) fn last_day(connection: &Connection, now: UnixMs) -> rusqlite::Result<Vec<DeviceHashrate>> {
    let row = |row: &SqlRow<'_>| {
        let (hashrate, observed) = (Hashrate::new(row.get(2)?), Duration::try_from_secs_f64(row.get(3)?));
        let (start, pool) = (UnixMs(row.get(0)?), row.get(1)?);
        let kept = hashrate.filter(|rate| rate.ths() >= 0.0).zip(observed.ok());
        Ok(kept.map(|(hashrate, observed)| DeviceHashrate { start, pool, hashrate, observed }))
    };
    let rows: rusqlite::Result<Vec<_>> =
        connection.prepare_cached(LAST_DAY)?.query_map([now.0], row)?.collect();
    Ok(rows?.into_iter().flatten().collect())
}
