//! Where the damaged records of a class stand.

use rusqlite::Connection;

use super::class::RecordClass;
use super::cursor::Cursors;
use super::shelf::{self, Found, Run};

/// Runs that are in memory at a time.
const MOST: usize = 2_000;

/// Runs of damaged records behind `after`, each of which the same brokers lack, and from where to go on; `None`: that
/// were all.
pub(super) fn runs(
    connection: &Connection,
    class: RecordClass,
    after: i64,
    cursors: &Cursors,
) -> rusqlite::Result<(Vec<Run>, Option<i64>)> {
    let mut runs: Vec<Run> = Vec::new();
    // How many brokers lack the run that goes on; they only become more on the way.
    let mut open = None;
    shelf::read(connection, class, after, |found| {
        let Found::Damaged(entry) = found else {
            open = None;
            return true;
        };
        let lack = Some(cursors.behind(class, entry.n).count());
        match runs.last_mut() {
            Some(run) if open == lack => run.push(entry),
            _ => runs.push(entry.into()),
        }
        open = lack;
        runs.len() < MOST
    })?;
    let next = if runs.len() < MOST { None } else { runs.last().map(|run| run.last) };
    Ok((runs, next))
}
