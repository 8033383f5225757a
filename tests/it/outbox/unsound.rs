//! A file that cannot be used, though SQLite does not call it corrupt.

use std::io::{Seek, SeekFrom, Write};

use super::damage::{change, ten};
use super::*;

/// What it is called, and how it is done to a file.
type Damage = (&'static str, fn(&Path));

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

#[tokio::test]
async fn one_that_shows_what_is_wrong_with_it_is_set_aside_when_it_is_opened() {
    let damage: [Damage; 3] = [
        ("a header that forbids writing", |path| overwrite(path, 18, &[7])),
        ("a table that is gone", |path| change(path, "DROP TABLE outbox_state")),
        ("a version that it is not of", |path| change(path, "PRAGMA user_version = 3")),
    ];
    for (what, damage) in damage {
        let dir = tempfile::tempdir().unwrap();
        let path = ten(dir.path());
        damage(&path);
        let mut ledger = open(&path, &["main"], ROOMY);
        append(&mut ledger, RecordClass::Ledger, 10..11);
        ledger.flush().await;
        let status = ledger.close();
        assert!(status.set_aside.is_some_and(|file| file.is_file()), "{what}");
        assert_eq!((status.error, status.outbox.classes.ledger.messages), (None, 1), "{what}");
    }
}

/// A batch with an event.
fn event() -> Batch {
    use wattsplit::ledger::{Event, EventKind, Severity};
    let (at, kind, severity) = (wattsplit::clock::now().wall, EventKind::Started, Severity::Info);
    let (subject, text) = (String::new(), "started".to_owned());
    let event = Event { at, seq: 1, kind, severity, subject, text, gap: None, told: false };
    Batch { events: vec![event], messages: vec![numbered(RecordClass::Event, 77)], ..Batch::default() }
}

#[tokio::test]
async fn one_in_which_writing_fails_again_and_again_is_set_aside_and_what_waited_in_it_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = ten(dir.path());
    let mut ledger = open(&path, &["main"], ROOMY);
    change(&path, "DROP TABLE event");
    ledger.append(event()).unwrap();
    let mut flushes = 0;
    // The first try may have been before the first of these, or with it.
    while ledger.status().borrow().set_aside.is_none() {
        let error = ledger.status().borrow().error.clone();
        assert!(flushes == 0 || error.is_some_and(|error| error.contains("no such table")));
        assert!(flushes < 3, "after three tries it is still there");
        ledger.flush().await;
        flushes += 1;
    }
    assert!(flushes >= 2, "it was given up after {flushes} tries at most");
    let status = ledger.close();
    assert!(status.set_aside.is_some_and(|file| file.is_file()));
    assert_eq!(
        (status.error, status.outbox.classes.event.messages),
        (None, 1),
        "the batch is in the new one"
    );
    assert_eq!(status.outbox.gaps.iter().map(|gap| gap.records).sum::<u64>(), 10);
}

#[tokio::test]
async fn one_that_is_whole_is_left_alone_however_often_writing_fails() {
    let dir = tempfile::tempdir().unwrap();
    let path = ten(dir.path());
    let mut ledger = open(&path, &["main"], ROOMY);
    change(
        &path,
        "CREATE TRIGGER no BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'the operator forbids it'); END",
    );
    ledger.append(event()).unwrap();
    for _ in 0..7 {
        ledger.flush().await;
        assert!(ledger.status().borrow().error.as_ref().unwrap().contains("the operator forbids it"));
    }
    change(&path, "DROP TRIGGER no");
    ledger.flush().await;
    let status = ledger.close();
    assert_eq!((status.set_aside, status.error), (None, None));
    assert_eq!((status.outbox.classes.ledger.messages, status.outbox.classes.event.messages), (10, 1));
}
