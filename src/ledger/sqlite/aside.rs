//! A damaged file is put out of the way, whole, for whoever wants to look into it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::LedgerError;
use crate::clock::UnixMs;

/// Beside the file: its journal and what readers share.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// Renames the file and what belongs to it, with the time in the name, and returns where it lies now. No
/// connection of this process may be open to it: the last one to close would clear away the journal of
/// the file that takes its place.
///
/// # Errors
/// The directory does not allow it.
pub(in crate::ledger) fn set_aside(path: &Path, now: UnixMs) -> Result<PathBuf, LedgerError> {
    let failed = |source| LedgerError::Aside { path: path.into(), source };
    let to = with_suffix(path, &format!(".damaged-{}", stamp(now)));
    for companion in COMPANIONS {
        match std::fs::rename(with_suffix(path, companion), with_suffix(&to, companion)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    std::fs::rename(path, &to).map_err(failed)?;
    Ok(to)
}

/// `20261126T120000Z`. Milliseconds since 1970 where the calendar ends.
fn stamp(now: UnixMs) -> String {
    let time = jiff::Timestamp::from_millisecond(now.0);
    time.map_or_else(|_| now.0.to_string(), |time| time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
