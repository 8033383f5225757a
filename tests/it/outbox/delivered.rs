//! From the outbox to a real broker.

use tokio::sync::{mpsc, watch};
use wattsplit::publish::MqttConfig;
use wattsplit::publish::mqtt::{self, Client, PublisherHandle, Records};

use super::*;
use crate::broker::{Broker, Seen, Subscriber};
use crate::mqtt::{config, health};

/// Publishes what the outbox holds for `broker`.
pub fn publish(ledger: &Ledger, config: &MqttConfig, broker: &str) -> PublisherHandle {
    let (_, live) = watch::channel(wattsplit::publish::LiveSet::default());
    let (_, unwritten) = mpsc::unbounded_channel();
    let (_, written) = watch::channel(Some(ledger.outbox(broker)));
    mqtt::spawn(config, Client::site("tx01"), live, Records { unwritten, written }, Vec::new()).unwrap()
}

/// Numbers that came on a topic, in order.
pub fn came(seen: &Seen, topic: &str) -> Vec<u64> {
    let topic = format!("wattsplit/tx01/{topic}");
    seen.log.iter().filter(|(t, _)| *t == topic).map(|(_, payload)| seq(payload)).collect()
}

#[tokio::test]
async fn records_are_deleted_when_the_broker_has_them_and_come_once_and_in_order() {
    let Some(broker) = Broker::open() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut ledger = open(&dir.path().join("ledger.sqlite"), &["main"], ROOMY);
    append(&mut ledger, RecordClass::Ledger, 0..500);
    let handle = publish(&ledger, &config(broker.port), "main");
    append(&mut ledger, RecordClass::Ledger, 500..1_000);
    let seen = subscriber.until("the last", |seen| came(seen, "ledger").len() >= 1_000).await;
    assert_eq!(came(&seen, "ledger"), (0..1_000).collect::<Vec<_>>());
    status(&ledger, "an empty outbox", |s| s.outbox.classes.ledger.messages == 0).await;
    assert_eq!(handle.health().acked, 1_000);
}

#[tokio::test]
async fn a_broker_that_is_killed_loses_nothing_that_it_did_not_confirm() {
    let Some(mut broker) = Broker::open() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(&dir.path().join("ledger.sqlite"), &["main"], ROOMY);
    let handle = publish(&ledger, &config(broker.port), "main");
    health(&handle, "connected", |h| h.connected).await;
    broker.kill();
    health(&handle, "lost", |h| !h.connected).await;
    append(&mut ledger, RecordClass::Event, 0..300);
    // Nobody listens before the subscriber does: what comes before it is delivered and gone.
    broker.restart();
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let seen = subscriber.until("the last", |seen| came(seen, "event").contains(&299)).await;
    let came = came(&seen, "event");
    assert_eq!(came, (came[0]..300).collect::<Vec<_>>());
    status(&ledger, "an empty outbox", |s| s.outbox.classes.event.messages == 0).await;
}
