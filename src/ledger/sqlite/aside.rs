//! A file is put out of the way, whole, for whoever wants to look into it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::LedgerError;
use crate::clock::UnixMs;

/// Beside the file: its journal and what readers share.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// Renames the file and what belongs to it, with why and the time in the name, and returns where it lies now; `None`:
/// there was no file, and what may have belonged to one is renamed. No connection of this process may be open to it:
/// the last one to close would clear away the journal of the file that takes its place.
///
/// # Errors
/// The directory does not allow it.
pub(in crate::ledger) fn set_aside(
    path: &Path,
    why: &str,
    now: UnixMs,
) -> Result<Option<PathBuf>, LedgerError> {
    let to = with_suffix(path, &format!(".{why}-{}", stamp(now)));
    let rename = |suffix: &str| match std::fs::rename(with_suffix(path, suffix), with_suffix(&to, suffix)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(LedgerError::Aside { path: path.into(), source }),
        Ok(()) => Ok(true),
    };
    for companion in COMPANIONS {
        rename(companion)?;
    }
    Ok(rename("")?.then_some(to))
}

/// `20261126T120000Z`. Milliseconds since 1970 where the calendar ends.
fn stamp(now: UnixMs) -> String {
    let time = jiff::Timestamp::from_millisecond(now.0);
    time.map_or_else(|_| now.0.to_string(), |time| time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
