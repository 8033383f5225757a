//! Records that wait while the config changes: another name of the site, another file, a broker that leaves.

use wattsplit::ledger::outbox::{self, Cause, News};

use super::delivered::{came, publish};
use super::*;
use crate::broker::{Broker, Subscriber};
use crate::mqtt::config;

/// A ledger of a site that is `place` to its brokers.
fn open_at(path: &Path, place: &str) -> Ledger {
    Ledger::open_with(path, Some(outlet(&["main"], ROOMY).at(place.to_owned()))).unwrap()
}

#[tokio::test]
async fn records_of_a_site_that_was_renamed_go_to_the_topics_of_its_old_name() {
    let Some(broker) = Broker::open() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = open_at(&path, "/acme/old/");
    append(&mut ledger, RecordClass::Ledger, 0..5);
    append(&mut ledger, RecordClass::Devices, 0..2);
    ledger.close();

    let mut ledger = open_at(&path, "/wattsplit/tx01/");
    append(&mut ledger, RecordClass::Ledger, 5..9);
    let news = ledger.status().borrow().outbox.news.clone();
    let records = ByClass { event: 0, ledger: 5, devices: 2 };
    assert_eq!(news, [News::Elsewhere { records, topic: "/acme/old/ledger".to_owned() }]);
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let _handle = publish(&ledger, &config(broker.port), "main");
    let seen = subscriber.until("the new ones", |seen| came(seen, "ledger").len() >= 4).await;
    assert_eq!(came(&seen, "ledger"), (5..9).collect::<Vec<_>>());
    let seen = subscriber
        .until("rows of devices", |seen| seen.newest.contains_key("acme/old/devices/asic/row-a"))
        .await;
    let old: Vec<u64> =
        seen.log.iter().filter(|(topic, _)| topic == "acme/old/ledger").map(|(_, p)| seq(p)).collect();
    assert_eq!(old, (0..5).collect::<Vec<_>>());
    status(&ledger, "an empty outbox", |s| s.outbox.classes.devices.messages == 0).await;
    ledger.close();
    assert_eq!(open_at(&path, "/wattsplit/tx01/").close().outbox.news, [], "nothing of the old name is left");
}

#[tokio::test]
async fn topics_of_files_that_knew_no_names_are_those_of_the_site_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = open(&path, &["main"], ROOMY);
    append(&mut ledger, RecordClass::Ledger, 0..2);
    ledger.close();
    let ledger = open_at(&path, "/wattsplit/tx01/");
    let records = ask(&ledger.outbox("main"), 9).await;
    assert!(records.iter().all(|record| record.topic == "ledger"), "{records:?}");
    assert_eq!(ledger.close().outbox.news, []);
}

#[tokio::test]
async fn what_waited_for_a_broker_that_leaves_the_config_is_counted_as_dropped_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = open(&path, &["main", "central"], ROOMY);
    append(&mut ledger, RecordClass::Event, 0..4);
    append(&mut ledger, RecordClass::Devices, 0..3);
    ledger.flush().await;
    ledger.outbox("main").confirmed(RecordClass::Event, 4, Vec::new());
    ledger.outbox("central").confirmed(RecordClass::Event, 1, Vec::new());
    ledger.close();
    assert_eq!(outbox::waiting(&path).unwrap(), ByClass { event: 3, ledger: 0, devices: 3 });

    let ledger = open(&path, &["main"], ROOMY);
    assert_eq!(numbers(&ask(&ledger.outbox("main"), 9).await), [0, 1, 2], "the other one has lost nothing");
    let gaps = ledger.close().outbox.gaps;
    let told: Vec<_> = gaps.iter().map(|gap| (gap.class, gap.records, gap.cause)).collect();
    let left = Cause::BrokerLeft;
    assert_eq!(told, [(RecordClass::Event, 3, left), (RecordClass::Devices, 3, left)]);
    assert!(gaps.iter().all(|gap| gap.broker == "central" && gap.from.0 > 0 && gap.from <= gap.to));
    assert_eq!(open(&path, &["main"], ROOMY).close().outbox.gaps, gaps, "once");
}

#[tokio::test]
async fn a_broker_that_never_confirmed_anything_is_missed_all_the_same_when_it_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = open(&path, &["main", "central"], ROOMY);
    append(&mut ledger, RecordClass::Ledger, 0..2);
    ledger.close();
    let gaps = open(&path, &["main"], ROOMY).close().outbox.gaps;
    assert_eq!((gaps.len(), gaps[0].records, gaps[0].broker.as_str()), (1, 2, "central"));
}
