//! How much waits for each broker.

use wattsplit::ledger::outbox::Backlog;

use super::*;

const BROKERS: [&str; 2] = ["main", "central"];

/// What waits, once everything that was asked for is written.
async fn backlogs(ledger: &Ledger) -> Vec<Backlog> {
    ledger.flush().await;
    ledger.status().borrow().outbox.backlogs.clone()
}

fn messages(backlogs: &[Backlog]) -> [u64; 2] {
    [0, 1].map(|n| backlogs[n].messages)
}

#[tokio::test]
async fn what_waits_for_a_broker_is_counted_along_and_is_what_the_next_start_sums_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    // Room for a hundred and some rows of devices.
    let size = 18 + numbered(RecordClass::Devices, 100).payload.len() as u64;
    let budgets = Budgets { devices: 120 * size, ..ROOMY };
    let mut ledger = open(&path, &BROKERS, budgets);
    append(&mut ledger, RecordClass::Event, 100..110);
    append(&mut ledger, RecordClass::Devices, 100..200);
    let all = backlogs(&ledger).await;
    assert_eq!(
        (all[0].broker.as_str(), all[1].broker.as_str(), messages(&all)),
        ("main", "central", [110, 110])
    );
    assert!(all.iter().all(|backlog| backlog.oldest.is_some()));

    ledger.outbox("main").confirmed(RecordClass::Event, 10, Vec::new());
    ledger.outbox("main").confirmed(RecordClass::Devices, 60, Vec::new());
    ledger.outbox("central").confirmed(RecordClass::Devices, 20, Vec::new());
    assert_eq!(messages(&backlogs(&ledger).await), [40, 90]);
    // Sixty more: the budget takes some that main has and central lacks.
    append(&mut ledger, RecordClass::Devices, 200..260);
    let evicted = backlogs(&ledger).await;
    assert_eq!(messages(&evicted), [100, 130], "central has its events besides");
    assert_eq!(evicted[0].bytes, 100 * size);
    ledger.close();

    super::damage::change(&path, "UPDATE outbox_devices SET payload = 'x' WHERE n IN (50, 130)");
    let ledger = open(&path, &BROKERS, budgets);
    assert_eq!(messages(&backlogs(&ledger).await), messages(&evicted));
    assert_eq!(ask(&ledger.outbox("main"), 999).await.len(), 99);
    let counted = backlogs(&ledger).await;
    assert_eq!(messages(&counted), [99, 128]);
    ledger.close();
    assert_eq!(backlogs(&open(&path, &BROKERS, budgets)).await, counted);

    let ledger = open(&path, &BROKERS, budgets);
    for broker in BROKERS {
        ledger.outbox(broker).confirmed(RecordClass::Event, 10, Vec::new());
        ledger.outbox(broker).confirmed(RecordClass::Devices, 160, Vec::new());
    }
    let done = backlogs(&ledger).await;
    assert!(done.iter().all(|b| (b.messages, b.bytes, b.oldest) == (0, 0, None)), "{done:?}");
}
