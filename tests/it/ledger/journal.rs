//! What goes out because of what was written: composed in the transaction, sent when it is on disk.

use std::sync::{Arc, Mutex};

use wattsplit::ledger::outbox::{ByClass, RecordClass};
use wattsplit::ledger::rollup::Period;
use wattsplit::ledger::store::Batch;
use wattsplit::ledger::{Destination, Event, EventKind, Fresh, Message, Outlet, Severity};

use super::*;

type Composed = Arc<Mutex<Vec<(u64, Vec<(Period, i64)>, usize)>>>;

/// An outlet that notes what it composes.
fn outlet() -> (Outlet, Composed) {
    let (unwritten, _) = tokio::sync::mpsc::unbounded_channel();
    let composed = Composed::default();
    let note = Arc::clone(&composed);
    let compose = move |fresh: &Fresh, first: u64| {
        let sums =
            fresh.roll_ups.iter().map(|(period, sum)| (*period, (sum.start.0 - START_MS) / INTERVAL_MS));
        note.lock().unwrap().push((first, sums.collect(), fresh.rows.len()));
        let (payload, class) = (first.to_string().into_bytes(), RecordClass::Ledger);
        vec![Message { topic: "ledger".into(), payload, class, records: 1 }]
    };
    let to = vec![Destination { broker: "main".into(), unwritten }];
    (Outlet::new(Arc::new(compose), to, ByClass::each(|_| 1_000_000)), composed)
}

/// What waits in the outbox.
fn waits(path: &std::path::Path) -> Vec<String> {
    let file = rusqlite::Connection::open(path).unwrap();
    let mut statement = file.prepare("SELECT payload FROM outbox_ledger ORDER BY n").unwrap();
    let payloads = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    payloads.map(|payload| String::from_utf8(payload.unwrap()).unwrap()).collect()
}

#[test]
fn an_hour_is_summed_when_its_last_interval_is_written_and_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let (outlet, composed) = outlet();
    let mut ledger = Ledger::open_with(&path, Some(outlet)).unwrap();
    for interval in 0..12 {
        ledger.append(vec![row(interval, 1_000)]).unwrap();
    }
    // The last one again: it is there already.
    ledger.append(vec![row(11, 1_000)]).unwrap();
    ledger.append(vec![row(12, 1_000)]).unwrap();
    ledger.close();
    let composed = composed.lock().unwrap();
    assert!(composed[..11].iter().all(|(_, sums, rows)| sums.is_empty() && *rows == 1));
    assert_eq!(composed[11], (12, vec![(Period::Hour, 0)], 1));
    // Row and sum took the numbers 12 and 13; what is no news takes none.
    assert_eq!((composed[12].0, composed[12].2), (14, 0));
    assert_eq!((composed[13].0, composed[13].2), (14, 1));
    assert_eq!(waits(&path).len(), 14);
}

#[test]
fn the_last_interval_of_a_day_ends_its_hour_and_the_day() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let (outlet, composed) = outlet();
    let mut ledger = Ledger::open_with(&path, Some(outlet)).unwrap();
    // START_MS is 14:00: ten hours are left of the day.
    ledger.append((0..120).map(|interval| row(interval, 1_000)).collect::<Vec<_>>()).unwrap();
    ledger.close();
    let sums = &composed.lock().unwrap()[0].1;
    assert_eq!(sums.iter().filter(|(period, _)| *period == Period::Hour).count(), 10);
    assert_eq!(sums.last(), Some(&(Period::Day, -14 * 12)));
}

#[test]
fn what_is_not_on_disk_is_not_sent_and_keeps_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let (outlet, _composed) = outlet();
    let mut ledger = Ledger::open_with(&path, Some(outlet)).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("ALTER TABLE advice RENAME TO elsewhere; ALTER TABLE event RENAME TO away").unwrap();
    let event = Event {
        at: UnixMs(START_MS),
        seq: 1,
        kind: EventKind::Started,
        severity: Severity::Info,
        subject: String::new(),
        text: "x".into(),
        gap: None,
        told: false,
    };
    ledger.append(Batch { rows: vec![row(0, 1)], events: vec![event], ..Batch::default() }).unwrap();
    let mut status = ledger.status();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let failed = status.wait_for(|s| s.error.is_some());
        tokio::time::timeout(Duration::from_secs(10), failed).await.unwrap().unwrap();
    });
    assert_eq!(waits(&path), Vec::<String>::new());
    other.execute_batch("ALTER TABLE elsewhere RENAME TO advice; ALTER TABLE away RENAME TO event").unwrap();
    let status = ledger.close();
    assert_eq!((status.written, status.error), (1, None));
    assert_eq!(waits(&path), ["1"], "as if the failure had not been");
}

#[test]
fn a_row_without_any_amount_gives_way_to_one_that_covers_more_and_one_with_an_amount_to_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    let nothing = Accrued { amount: Err(Missing::NotYet), coverage: Fraction::ZERO };
    let blind = Row { energy_wh: nothing, revenue_micro_usd: nothing, cost_micro_usd: nothing, ..row(0, 1) };
    ledger.append(vec![blind.clone()]).unwrap();
    ledger.append(vec![row(0, 777)]).unwrap();
    ledger.append(vec![blind, row(0, 5)]).unwrap();
    let status = ledger.close();
    assert_eq!((status.written, status.duplicates), (2, 2));
    assert_eq!(sum(&path, UnixMs(0), UnixMs(i64::MAX)).unwrap()[0].energy_wh, Some(777));
}
