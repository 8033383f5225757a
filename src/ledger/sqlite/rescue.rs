//! A file that was deleted or exchanged while it was open is written back from what is open.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{LedgerError, aside, failed};
use crate::clock::UnixMs;

/// Writes all that the connection has into a file beside `path`, synced, and returns where it lies.
///
/// # Errors
/// The directory is gone, or its disk is full.
pub(in crate::ledger) fn copy(connection: &Connection, path: &Path) -> Result<PathBuf, LedgerError> {
    let copy = aside::with_suffix(path, ".rescued");
    let io_failed = |source| LedgerError::Rescue { path: path.into(), source };
    match std::fs::remove_file(&copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_failed(error)),
        _ => {}
    }
    let to = copy.to_str().ok_or_else(|| failed(path)(rusqlite::Error::InvalidPath(copy.clone())))?;
    connection.execute("VACUUM INTO ?1", [to]).map_err(failed(path))?;
    File::open(&copy).and_then(|file| file.sync_all()).map_err(io_failed)?;
    // What lies in the place now may lie there with our journal beside it: an empty one does no harm to it. What
    // cannot be moved is in the copy all the same.
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    Ok(copy)
}

/// Puts the copy into its place, and what lies there aside; returns where that lies. No connection of this process may
/// be open to it.
///
/// # Errors
/// The directory does not allow it.
pub(in crate::ledger) fn put_back(
    copy: &Path,
    path: &Path,
    now: UnixMs,
) -> Result<Option<PathBuf>, LedgerError> {
    let replaced = aside::set_aside(path, "replaced", now)?;
    std::fs::rename(copy, path).map_err(|source| LedgerError::Rescue { path: path.into(), source })?;
    Ok(replaced)
}
