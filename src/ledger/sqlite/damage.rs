//! Whether a file that cannot be used is at fault itself, or what is around it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{LedgerError, SCHEMA_VERSION, bring_up, version};

/// Whether the file is no database, or not one that hangs together.
pub(in crate::ledger) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Whether a disk, a directory, memory or another process must get well, and the file may be whole.
pub(in crate::ledger) fn is_around(error: &rusqlite::Error) -> bool {
    use ErrorCode as Code;
    matches!(
        error.sqlite_error_code(),
        Some(
            Code::DiskFull
                | Code::SystemIoFailure
                | Code::CannotOpen
                | Code::PermissionDenied
                | Code::DatabaseBusy
                | Code::DatabaseLocked
                | Code::FileLockingProtocolFailed
                | Code::OperationInterrupted
                | Code::OutOfMemory
        )
    )
}

/// What is wrong with a file that could not be opened. No connection of this process may be open to it: reading it
/// beside one would take away that one's locks.
pub(in crate::ledger) fn of_closed(path: &Path, error: &LedgerError) -> Option<String> {
    let LedgerError::Sqlite { source, .. } = error else { return None };
    if is_damage(source) {
        return Some(source.to_string());
    }
    if is_around(source) || !path.is_file() {
        return None;
    }
    if forbids_writing(path) {
        return Some("its header says that nobody may write it".to_owned());
    }
    of_open(&Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?)
}

/// What is wrong with a file in which nothing can be written. `None`: nothing that shows.
pub(in crate::ledger) fn of_open(connection: &Connection) -> Option<String> {
    match find(connection) {
        Ok(found) => found,
        Err(error) => is_damage(&error).then(|| error.to_string()),
    }
}

fn find(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        return Ok(Some(said));
    }
    let (found, version) = (columns(connection)?, version(connection)?);
    let should = columns_of(version)?;
    if let Some((table, column)) = should.difference(&found).next() {
        return Ok(Some(format!("it lacks {table}.{column}")));
    }
    let later = columns_of(SCHEMA_VERSION)?;
    let early = later.difference(&should).find(|column| found.contains(*column));
    Ok(early.map(|(table, column)| format!("it has {table}.{column}, which its version does not know")))
}

/// Tables and their columns.
type Columns = BTreeSet<(String, String)>;

fn columns(connection: &Connection) -> rusqlite::Result<Columns> {
    let mut statement = connection.prepare(
        "SELECT m.name, c.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table'",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Those of a whole file of this version.
fn columns_of(version: i64) -> rusqlite::Result<Columns> {
    let connection = Connection::open_in_memory()?;
    bring_up(&connection, 0, version)?;
    columns(&connection)
}

/// Bytes 18 and 19 tell who may write and read the file (SQLite's file format, 1.3.3): 1 or 2.
fn forbids_writing(path: &Path) -> bool {
    let mut header = [0; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header[18..].iter().any(|version| !(1..=2).contains(version))
}
