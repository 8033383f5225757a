//! One writer at a time: two would number the same records, and each clear away what the other one needs.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::LedgerError;

/// For the one before, which may be about to end.
const TRIES: u32 = 50;
const BETWEEN: Duration = Duration::from_millis(20);

/// Locks the ledger for as long as the file is held, by a file of its own beside it: SQLite keeps locks of the
/// same kind in the ledger itself.
///
/// # Errors
/// Another process has it, or the directory takes no file.
pub(in crate::ledger) fn lock(path: &Path) -> Result<File, LedgerError> {
    let failed = |source| LedgerError::Lock { path: path.into(), source };
    let file = File::options().create(true).truncate(false).write(true).open(beside(path)).map_err(failed)?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
    Err(LedgerError::Held { path: path.into() })
}

/// Where the lock of the ledger at `path` lies.
pub(in crate::ledger) fn beside(path: &Path) -> PathBuf {
    path.with_extension("lock")
}
