//! Files that cannot be written, and what is lost by it.

use super::*;

#[test]
fn a_place_that_cannot_be_written_is_a_clear_error() {
    let error = Ledger::open("/proc/wattsplit/ledger.sqlite".as_ref()).unwrap_err().to_string();
    assert!(error.starts_with("ledger /proc/wattsplit/ledger.sqlite: unable to open"), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_set_aside_untouched_and_a_new_one_begun() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let text = "not a database, but long enough to look at its header. ".repeat(40);
    std::fs::write(&path, &text).unwrap();
    let mut ledger = Ledger::open(&path).unwrap();
    let aside = ledger.status().borrow().set_aside.clone().unwrap();
    assert!(aside.to_str().unwrap().contains("ledger.sqlite.damaged-2"), "{aside:?}");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), text);
    ledger.append(vec![row(0, 1)]).unwrap();
    assert_eq!(ledger.close().written, 1);
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Ledger::open(&path).unwrap_err().to_string();
    assert!(error.contains("written by a newer wattsplit (schema 99"), "{error}");
    assert!(std::fs::read(&path).unwrap() == before, "the file was changed");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1, "a file was left beside it");
}

#[test]
fn a_locked_file_delays_nobody_and_refused_rows_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    // The writer waits for the lock with the first batch; the queue takes what it can hold.
    let refused = (0..200).filter(|i| ledger.append(vec![row(*i, 1), row(1_000 + *i, 1)]).is_err()).count();
    assert!((200 - 66..=200 - 64).contains(&refused), "{refused} refused");
    assert_eq!(ledger.refused, refused as u64 * 2);
    other.execute_batch("ROLLBACK").unwrap();
    let status = ledger.close();
    assert_eq!(status.error, None);
    assert_eq!(status.written + refused as u64 * 2, 400);
}

#[test]
fn a_disk_that_fails_is_told_and_what_it_costs_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.append(vec![row(0, 10_000)]).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    let mut status = ledger.status();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let deadline = Duration::from_secs(10);
    runtime.block_on(async {
        tokio::time::timeout(deadline, status.wait_for(|s| s.written == 1)).await.unwrap().unwrap();
    });
    // A table that is gone stands in for a broken file: every write fails.
    other.execute_batch("DROP TABLE interval").unwrap();
    ledger.append(vec![row(1, 10_000), row(2, 10_000)]).unwrap();
    runtime.block_on(async {
        let failed = status.wait_for(|s| s.error.is_some());
        tokio::time::timeout(deadline, failed).await.unwrap().unwrap();
    });
    let status = ledger.close();
    assert!(status.error.unwrap().contains("no such table"));
    assert_eq!((status.written, status.dropped), (1, 2));
}

#[test]
fn a_second_writer_is_refused_while_the_first_one_lasts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let first = Ledger::open(&path).unwrap();
    let error = Ledger::open(&path).unwrap_err().to_string();
    assert!(error.ends_with("another wattsplit writes it; give each a state_dir of its own"), "{error}");
    first.close();
    Ledger::open(&path).unwrap();
}
