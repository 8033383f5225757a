//! A file whose bytes are not those that were written.

use wattsplit::ledger::outbox::{Cause, News};

use super::*;

/// A file with ten records of the ledger.
pub fn ten(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("ledger.sqlite");
    let mut ledger = open(&path, &["main"], ROOMY);
    append(&mut ledger, RecordClass::Ledger, 0..10);
    ledger.close();
    path
}

pub fn change(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_record_that_is_damaged_is_dropped_and_counted_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = ten(dir.path());
    change(&path, "UPDATE outbox_ledger SET payload = '{\"boot\":\"b\",\"seq\":77}' WHERE n = 4");
    let ledger = open(&path, &["main"], ROOMY);
    assert_eq!(numbers(&ask(&ledger.outbox("main"), 99).await), [0, 1, 2, 4, 5, 6, 7, 8, 9]);
    let gaps = ledger.close().outbox.gaps;
    assert_eq!((gaps.len(), gaps[0].cause, gaps[0].records), (1, Cause::Damaged, 1));
}

#[tokio::test]
async fn thousands_of_damaged_records_go_at_once_and_those_behind_them_do_not_wait() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = open(&path, &["main", "central"], ROOMY);
    for some in 0..10 {
        let messages = (1_000 * some..1_000 * (some + 1)).map(|n| numbered(RecordClass::Ledger, n)).collect();
        ledger.append(Batch { messages, ..Batch::default() }).unwrap();
    }
    ledger.flush().await;
    ledger.outbox("main").confirmed(RecordClass::Ledger, 1_000, Vec::new());
    ledger.close();
    // A stretch, and behind it every other one.
    change(&path, "UPDATE outbox_ledger SET payload = 'x' WHERE n <= 5000 OR n % 2 = 0");
    let ledger = open(&path, &["main", "central"], ROOMY);
    assert_eq!(
        numbers(&ask(&ledger.outbox("main"), 3).await),
        [5_000, 5_002, 5_004],
        "at the first question"
    );
    let left: Vec<u64> = (5_000..10_000).step_by(2).collect();
    assert_eq!(numbers(&ask(&ledger.outbox("central"), usize::MAX).await), left);
    let outbox = ledger.close().outbox;
    let gap = |broker: &str| outbox.gaps.iter().find(|gap| gap.broker == broker).unwrap().records;
    assert_eq!((outbox.gaps.len(), gap("central"), gap("main")), (2, 7_500, 6_500));
    let held: u64 = left.iter().map(|n| 6 + numbered(RecordClass::Ledger, *n).payload.len() as u64).sum();
    assert_eq!((outbox.classes.ledger.messages, outbox.classes.ledger.bytes), (2_500, held));
}

#[tokio::test]
async fn records_that_are_gone_are_counted_when_the_file_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = ten(dir.path());
    change(&path, "DELETE FROM outbox_ledger WHERE n IN (2, 3)");
    let ledger = open(&path, &["main"], ROOMY);
    let gaps = ledger.close().outbox.gaps;
    assert_eq!((gaps.len(), gaps[0].cause, gaps[0].records), (1, Cause::Missing, 2));
    assert_eq!(open(&path, &["main"], ROOMY).close().outbox.gaps, gaps, "once");
}

#[tokio::test]
async fn records_that_are_gone_are_none_of_a_broker_that_has_confirmed_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = open(&path, &["main", "central"], ROOMY);
    append(&mut ledger, RecordClass::Ledger, 0..10);
    ledger.flush().await;
    ledger.outbox("main").confirmed(RecordClass::Ledger, 10, Vec::new());
    ledger.close();
    change(&path, "DELETE FROM outbox_ledger WHERE n = 4");
    let gaps = open(&path, &["main", "central"], ROOMY).close().outbox.gaps;
    assert_eq!((gaps.len(), gaps[0].broker.as_str(), gaps[0].records), (1, "central", 1));
}

#[tokio::test]
async fn a_count_of_what_is_lost_that_is_damaged_is_told_and_does_not_pass_for_the_count() {
    let dir = tempfile::tempdir().unwrap();
    let path = ten(dir.path());
    change(&path, "DELETE FROM outbox_ledger WHERE n IN (2, 3)");
    assert_eq!(open(&path, &["main"], ROOMY).close().outbox.gaps[0].records, 2);
    change(&path, "UPDATE outbox_gap SET records = 1, dropped = 1");
    let outbox = open(&path, &["main"], ROOMY).close().outbox;
    let [broker, class, cause] = ["main", "ledger", "missing"].map(str::to_owned);
    assert_eq!((outbox.gaps, outbox.news), (vec![], vec![News::CountLost { broker, class, cause }]));
    assert_eq!(open(&path, &["main"], ROOMY).close().outbox.news, [], "once");
}

#[tokio::test]
async fn a_cursor_that_is_damaged_sends_again_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = ten(dir.path());
    let ledger = open(&path, &["main"], ROOMY);
    ledger.outbox("main").confirmed(RecordClass::Ledger, 3, Vec::new());
    ledger.close();
    change(&path, "UPDATE outbox_cursor SET n = 9");
    let ledger = open(&path, &["main"], ROOMY);
    assert_eq!(numbers(&ask(&ledger.outbox("main"), 99).await), (3..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_file_that_breaks_while_it_is_open_is_set_aside_and_records_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    // More than is in memory.
    let large = |n| Message { payload: vec![b'x'; 30_000], ..numbered(RecordClass::Devices, n) };
    let mut ledger = open(&path, &["main"], ROOMY);
    for n in 0..30 {
        let messages = (0..10).map(|m| large(10 * n + m)).collect();
        ledger.append(Batch { messages, ..Batch::default() }).unwrap();
    }
    ledger.close();
    let mut ledger = open(&path, &["main"], ROOMY);
    let outbox = ledger.outbox("main");
    // Not through SQLite, which would keep it whole.
    let bytes = std::fs::metadata(&path).unwrap().len() as usize;
    std::fs::write(&path, vec![0x5a; bytes]).unwrap();
    let wanted = Wanted { after: ByClass::each(|_| Some(0)), messages: 9, bytes: 1 << 20, wait: true };
    let answer = outbox.next(wanted);
    append(&mut ledger, RecordClass::Devices, 300..302);
    let broken = status(&ledger, "set aside", |s| s.set_aside.is_some() && !s.outbox.gaps.is_empty()).await;
    assert_eq!(broken.set_aside.unwrap().metadata().unwrap().len() as usize, bytes);
    let gap = &broken.outbox.gaps[0];
    assert_eq!((gap.cause, gap.records >= 300), (Cause::Missing, true), "what lay in it is counted");
    // Those before it may have been written before the damage was seen: they are counted, too.
    append(&mut ledger, RecordClass::Devices, 302..303);
    ledger.flush().await;
    let first = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert!(numbers(&first)[0] >= 300, "the question is answered from the new file");
    assert_eq!(numbers(&ask(&outbox, 99).await).last(), Some(&302));
    // Nothing of the old file gets in the way of the new one.
    ledger.close();
    let ledger = open(&path, &["main"], ROOMY);
    assert_eq!(numbers(&ask(&ledger.outbox("main"), 99).await).last(), Some(&302));
}
