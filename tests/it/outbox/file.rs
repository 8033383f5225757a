//! What is in the file when a process ends, a broker confirms or a budget is full.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use wattsplit::ledger::outbox::{Cause, Unsendable};
use wattsplit::ledger::{Event, EventKind, Gap, Severity};

use super::*;

#[tokio::test]
async fn records_are_given_in_order_events_first_and_go_when_all_brokers_have_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = open(&path, &["main", "central"], ROOMY);
    append(&mut ledger, RecordClass::Devices, 0..3);
    append(&mut ledger, RecordClass::Event, 3..5);
    ledger.flush().await;
    let (main, central) = (ledger.outbox("main"), ledger.outbox("central"));
    assert_eq!(numbers(&ask(&main, 10).await), [3, 4, 0, 1, 2]);
    assert_eq!(numbers(&ask(&main, 3).await), [3, 4, 0]);
    main.confirmed(RecordClass::Event, 2, Vec::new());
    main.confirmed(RecordClass::Devices, 1, Vec::new());
    assert_eq!(numbers(&ask(&main, 10).await), [1, 2]);
    assert_eq!(numbers(&ask(&central, 10).await), [3, 4, 0, 1, 2], "each has a cursor of its own");
    central.confirmed(RecordClass::Event, 1, Vec::new());
    let left = status(&ledger, "one event is left", |s| s.outbox.classes.event.messages == 1).await;
    assert_eq!(left.outbox.classes.devices.messages, 3);
    assert_eq!(left.outbox.classes.event.bytes, 5 + numbered(RecordClass::Event, 4).payload.len() as u64);
    // The next process goes on where the brokers are, a broker that is gone holds nothing, and a new one
    // gets what is there.
    ledger.close();
    let ledger = open(&path, &["main", "other"], ROOMY);
    assert_eq!(numbers(&ask(&ledger.outbox("main"), 10).await), [1, 2]);
    assert_eq!(numbers(&ask(&ledger.outbox("other"), 10).await), [4, 0, 1, 2]);
}

#[tokio::test]
async fn a_question_waits_for_the_next_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(&dir.path().join("ledger.sqlite"), &["main"], ROOMY);
    let wanted = Wanted { after: ByClass::each(|_| Some(0)), messages: 9, bytes: 9, wait: true };
    let answer = ledger.outbox("main").next(wanted);
    assert!(ask(&ledger.outbox("main"), 9).await.is_empty());
    append(&mut ledger, RecordClass::Ledger, 0..1);
    let records = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(numbers(&records), [0], "the first one is given whatever its size");
}

#[tokio::test]
async fn a_full_budget_lets_the_oldest_of_its_class_go_and_counts_them_for_the_brokers_that_lack_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let budgets = Budgets { devices: 1_000, ..ROOMY };
    let mut ledger = open(&path, &["main", "central"], budgets);
    append(&mut ledger, RecordClass::Event, 0..50);
    append(&mut ledger, RecordClass::Devices, 0..10);
    ledger.flush().await;
    let main = ledger.outbox("main");
    assert_eq!(ask(&main, 100).await.len(), 60);
    main.confirmed(RecordClass::Devices, 10, Vec::new());
    append(&mut ledger, RecordClass::Devices, 10..100);
    ledger.flush().await;
    let health = status(&ledger, "all", |_| true).await.outbox;
    let held = health.classes.devices;
    assert!(held.bytes <= 1_000 && held.bytes > 900, "{held:?}");
    assert_eq!((health.classes.event.messages, health.classes.event.dropped), (50, 0));
    let gap = |broker: &str| health.gaps.iter().find(|gap| gap.broker == broker).unwrap().clone();
    let gone = 100 - held.messages;
    assert_eq!((gap("main").records, gap("central").records), (gone - 10, gone));
    assert_eq!((gap("main").class, gap("main").cause), (RecordClass::Devices, Cause::Budget));
    assert!(gap("main").from <= gap("main").to);
    let left = numbers(&ask(&ledger.outbox("central"), 100).await);
    assert_eq!(left[50..], (gone..100).collect::<Vec<_>>());
    // A count that was not announced is there after a kill, and goes with the event that announces it.
    drop(ledger);
    let mut ledger = open(&path, &["main", "central"], budgets);
    let kept = status(&ledger, "the gaps", |s| s.outbox.gaps.len() == 2).await.outbox.gaps;
    assert_eq!(kept, health.gaps);
    let event = |gap: &Gap| Event {
        at: gap.to,
        seq: 1,
        kind: EventKind::RecordsDropped,
        severity: Severity::Alarm,
        subject: "devices".into(),
        text: "gone".into(),
        gap: Some(gap.clone()),
        told: false,
    };
    ledger.append(Batch { events: kept.iter().map(event).collect(), ..Batch::default() }).unwrap();
    let told = status(&ledger, "the announcement", |s| s.outbox.announced == 2).await.outbox;
    assert_eq!(told.gaps, []);
    assert_eq!(told.classes.devices.dropped, 2 * gone - 10, "the count of all stays");
}

#[tokio::test]
async fn what_cannot_be_sent_is_a_gap_of_that_broker() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(&dir.path().join("ledger.sqlite"), &["main"], ROOMY);
    append(&mut ledger, RecordClass::Ledger, 0..1);
    let record = ask(&ledger.outbox("main"), 1).await.remove(0);
    let unsendable = vec![Unsendable { records: record.records, at: record.at }];
    ledger.outbox("main").confirmed(RecordClass::Ledger, record.n, unsendable);
    let health = status(&ledger, "the gap", |s| !s.outbox.gaps.is_empty()).await.outbox;
    assert_eq!((health.gaps[0].cause, health.gaps[0].records), (Cause::TooLarge, 1));
    assert_eq!(health.classes.ledger.messages, 0);
}

/// Names the file for [`a_writer_to_be_killed`].
const VICTIM: &str = "WATTSPLIT_TEST_OUTBOX";

/// Not a test by itself: runs in a process of its own and writes until it is killed. Prints what is on disk
/// for certain.
#[tokio::test]
async fn a_writer_to_be_killed() {
    let Some(path) = std::env::var_os(VICTIM) else { return };
    let mut ledger = open(path.as_ref(), &["main"], ROOMY);
    let mut n = 0;
    loop {
        append(&mut ledger, RecordClass::Ledger, n..n + 20);
        n += 20;
        ledger.flush().await;
        println!("durable {n}");
    }
}

/// A process that writes records of the ledger until it is killed, and how many are on disk for certain, time and
/// again.
pub fn start_a_writer(path: &Path) -> (Child, impl Iterator<Item = u64> + use<>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "outbox::file::a_writer_to_be_killed", "--nocapture"])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    (child, lines.filter_map(|line| Some(line.split_once("durable ")?.1.parse().unwrap())))
}

#[tokio::test]
async fn what_is_on_disk_survives_a_process_that_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let (mut child, mut durable) = start_a_writer(&path);
    let said = durable.find(|n| *n >= 400).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let said = durable.last().unwrap_or(said);
    let ledger = open(&path, &["main"], ROOMY);
    let found = numbers(&ask(&ledger.outbox("main"), usize::MAX).await);
    assert!(found.len() as u64 >= said, "{} of {said}", found.len());
    assert_eq!(found, (0..found.len() as u64).collect::<Vec<_>>());
    assert_eq!(ledger.close().outbox.gaps, []);
}
