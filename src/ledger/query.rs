//! Reading the ledger, also while the daemon writes it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Row as SqlRow};

use crate::clock::UnixMs;
use crate::economics::capture::PoolDay;
use crate::economics::energy_capture::SiteDay;
use crate::reading::Quality;
use crate::units::Sats;

use super::decision::{self, Decided};
use super::earning::{self, StoredEarning};
use super::journal::{self, AdviceRecord, StoredEvent};
use super::outbox::{ByClass, keeper};
use super::reconcile;
use super::rollup::{StoredAmount, StoredRow};
use super::sqlite::{LOCK_PATIENCE, LedgerError, SCHEMA_VERSION, failed, version};

const INTERVALS: &str = "SELECT start_ms, class, block, pool,
    energy_wh, energy_quality, energy_missing, energy_coverage,
    revenue_micro_usd, revenue_quality, revenue_missing, revenue_coverage,
    cost_micro_usd, cost_quality, cost_missing, cost_coverage,
    hashprice_usd_per_ph_day, power_usd_per_mwh, btc_usd
    FROM interval WHERE start_ms >= ?1 AND start_ms < ?2 ORDER BY start_ms, class, block";
const SETTLEMENTS: &str = "SELECT id, pool, kind, at_ms, net_sats, first_seen_ms, corrects
    FROM settlement WHERE at_ms >= ?1 AND at_ms < ?2 ORDER BY at_ms, pool, kind, id";
const SPAN: &str = "SELECT min(start_ms), max(start_ms) FROM interval";

/// The file, open for reading only. Never stops the writer.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

/// A settlement as it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSettlement {
    pub id: i64,
    pub pool: String,
    /// `utc_day`, `block` or `payout`.
    pub kind: String,
    pub at: UnixMs,
    pub net: Sats,
    pub seen: UnixMs,
    /// Id of the row that the pool took back with this one.
    pub corrects: Option<i64>,
}

impl Reader {
    /// # Errors
    /// The file is not there, cannot be read, or is of another version.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        if !path.exists() {
            return Err(LedgerError::Absent { path: path.into() });
        }
        let open = || {
            let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            connection.busy_timeout(LOCK_PATIENCE)?;
            let found = version(&connection)?;
            Ok((connection, found))
        };
        let (connection, found) = open().map_err(failed(path))?;
        match found {
            SCHEMA_VERSION => Ok(Self { path: path.into(), connection }),
            ..SCHEMA_VERSION => Err(LedgerError::Older { path: path.into(), found }),
            _ => Err(LedgerError::Newer { path: path.into(), found }),
        }
    }

    /// Records that some broker has not confirmed.
    ///
    /// # Errors
    /// See [`Reader::span`].
    pub fn waiting(&self) -> Result<ByClass<u64>, LedgerError> {
        keeper::waiting(&self.connection).map_err(failed(&self.path))
    }

    /// Starts of the first and the last interval; `None`: there is none.
    ///
    /// # Errors
    /// As for all of them: the file cannot be read.
    pub fn span(&self) -> Result<Option<(UnixMs, UnixMs)>, LedgerError> {
        let span = |row: &SqlRow<'_>| {
            let (first, last): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
            Ok(first.zip(last).map(|(first, last)| (UnixMs(first), UnixMs(last))))
        };
        self.connection.query_row(SPAN, [], span).map_err(failed(&self.path))
    }

    /// Hands every interval row with `from <= start < to` to `each`, in order of time.
    ///
    /// # Errors
    /// See [`Reader::span`].
    pub fn intervals(
        &self,
        from: UnixMs,
        to: UnixMs,
        each: impl FnMut(StoredRow),
    ) -> Result<(), LedgerError> {
        each_interval(&self.connection, from.0, to.0, each).map_err(failed(&self.path))
    }

    /// Settlements with `from <= at < to`, in order of time; a correction follows what it corrects.
    ///
    /// # Errors
    /// See [`Reader::span`].
    pub fn settlements(&self, from: UnixMs, to: UnixMs) -> Result<Vec<StoredSettlement>, LedgerError> {
        let settlement = |row: &SqlRow<'_>| {
            Ok(StoredSettlement {
                id: row.get(0)?,
                pool: row.get(1)?,
                kind: row.get(2)?,
                at: UnixMs(row.get(3)?),
                net: Sats(row.get(4)?),
                seen: UnixMs(row.get(5)?),
                corrects: row.get(6)?,
            })
        };
        let read = || -> rusqlite::Result<Vec<StoredSettlement>> {
            let mut statement = self.connection.prepare_cached(SETTLEMENTS)?;
            statement.query_map([from.0, to.0], settlement)?.collect()
        };
        read().map_err(failed(&self.path))
    }

    /// What platforms settled for the UTC days with `from <= start < to`, in order of time; a correction follows
    /// what it corrects.
    ///
    /// # Errors
    /// See [`Reader::span`].
    pub fn earnings(&self, from: UnixMs, to: UnixMs) -> Result<Vec<StoredEarning>, LedgerError> {
        earning::earnings(&self.connection, from, to).map_err(failed(&self.path))
    }

    /// Events with `from <= at < to`, in order of time.
    ///
    /// # Errors
    /// See [`Reader::span`].
    pub fn events(&self, from: UnixMs, to: UnixMs) -> Result<Vec<StoredEvent>, LedgerError> {
        journal::events(&self.connection, from, to).map_err(failed(&self.path))
    }

    /// Advice issued at `from <= issued < to`, in order of time.
    ///
    /// # Errors
    /// See [`Reader::span`].
    pub fn advices(&self, from: UnixMs, to: UnixMs) -> Result<Vec<AdviceRecord>, LedgerError> {
        journal::advices(&self.connection, from, to).map_err(failed(&self.path))
    }

    /// What was decided on each UTC day with `from <= start < to`, as far as it could be judged.
    ///
    /// # Errors
    /// See [`Reader::span`].
    pub fn decisions(&self, from: UnixMs, to: UnixMs) -> Result<Vec<Decided>, LedgerError> {
        decision::days(&self.connection, from, to).map_err(failed(&self.path))
    }

    /// Accrued and settled satoshis of the UTC days with `from <= start < to`, by pool and day.
    ///
    /// # Errors
    /// See [`Reader::span`].
    pub fn captures(&self, from: UnixMs, to: UnixMs) -> Result<Vec<(String, PoolDay)>, LedgerError> {
        let pools = reconcile::days(&self.connection, from, to).map_err(failed(&self.path))?;
        let of = |(pool, days): (String, Vec<PoolDay>)| days.into_iter().map(move |day| (pool.clone(), day));
        Ok(pools.into_iter().flat_map(of).collect())
    }

    /// Modelled and metered energy of the UTC days with `from <= start < to`.
    ///
    /// # Errors
    /// See [`Reader::span`].
    pub fn site_days(&self, from: UnixMs, to: UnixMs) -> Result<Vec<SiteDay>, LedgerError> {
        reconcile::site::days(&self.connection, from, to).map_err(failed(&self.path))
    }
}

/// Hands the interval rows with `from_ms <= start < to_ms` to `each`, in order of time.
pub(super) fn each_interval(
    connection: &Connection,
    from_ms: i64,
    to_ms: i64,
    mut each: impl FnMut(StoredRow),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(INTERVALS)?;
    let mut rows = statement.query([from_ms, to_ms])?;
    while let Some(row) = rows.next()? {
        each(interval(row)?);
    }
    Ok(())
}

fn interval(row: &SqlRow<'_>) -> rusqlite::Result<StoredRow> {
    Ok(StoredRow {
        start: UnixMs(row.get(0)?),
        class: row.get(1)?,
        block: row.get(2)?,
        pool: row.get(3)?,
        energy_wh: amount(row, 4)?,
        revenue_micro_usd: amount(row, 8)?,
        cost_micro_usd: amount(row, 12)?,
        hashprice_usd_per_ph_day: row.get(16)?,
        power_usd_per_mwh: row.get(17)?,
        btc_usd: row.get(18)?,
    })
}

/// Amount, quality, reason and coverage stand side by side, the amount at column `at`.
fn amount(row: &SqlRow<'_>, at: usize) -> rusqlite::Result<StoredAmount> {
    let (amount, quality): (Option<i64>, Option<String>) = (row.get(at)?, row.get(at + 1)?);
    let missing: Option<String> = row.get(at + 2)?;
    let amount = amount.map(|amount| (amount, quality_of(quality.as_deref())));
    Ok(StoredAmount { amount: amount.ok_or(missing.unwrap_or_default()), coverage: row.get(at + 3)? })
}

/// A word that this version does not know is no better than stale.
fn quality_of(word: Option<&str>) -> Quality {
    let all = [Quality::Measured, Quality::Estimated];
    all.into_iter().find(|quality| word == Some(quality.as_str())).unwrap_or(Quality::Stale)
}
