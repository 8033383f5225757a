//! Brokers that do not take every record.

use wattsplit::ledger::outbox::Cause;
use wattsplit::publish::{MqttConfig, Unheard};

use super::delivered::{came, publish};
use super::*;
use crate::broker::{Broker, Subscriber};
use crate::mqtt::{config, health};

const ALLOWED: &str = "topic write wattsplit/tx01/status\ntopic write wattsplit/tx01/ledger\n";

#[tokio::test]
async fn what_the_access_list_forbids_is_kept_and_goes_out_when_it_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("access");
    std::fs::write(&list, ALLOWED).unwrap();
    let settings = format!("allow_anonymous true\nacl_file {}", list.display());
    let Some(mut broker) = Broker::start(&settings) else { return };
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut ledger = open(&dir.path().join("ledger.sqlite"), &["main"], ROOMY);
    append(&mut ledger, RecordClass::Event, 0..200);
    append(&mut ledger, RecordClass::Ledger, 0..200);
    let handle = publish(&ledger, &config(broker.port), "main");
    let seen = subscriber.until("the allowed class", |seen| came(seen, "ledger").len() >= 200).await;
    assert_eq!(came(&seen, "event"), Vec::<u64>::new());
    let refused = health(&handle, "refused", |h| h.refused.event.is_some()).await;
    assert_eq!(refused.refused.event.as_deref(), Some("event: NotAuthorized; check its access list"));
    assert_eq!(refused.refused.ledger, None);
    let kept = status(&ledger, "the allowed are gone", |s| s.outbox.classes.ledger.messages == 0).await;
    assert_eq!(kept.outbox.classes.event.messages, 200);

    std::fs::write(&list, format!("{ALLOWED}topic write wattsplit/tx01/event\n")).unwrap();
    broker.restart();
    // A reconnect tries again at once.
    status(&ledger, "all are gone", |s| s.outbox.classes.event.messages == 0).await;
    health(&handle, "no refusal", |h| h.refused.event.is_none()).await;
    assert_eq!(ledger.close().outbox.gaps, []);
}

#[tokio::test]
async fn what_nobody_listens_to_is_kept_where_the_config_says_so() {
    let Some(broker) = Broker::open() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(&dir.path().join("ledger.sqlite"), &["main"], ROOMY);
    append(&mut ledger, RecordClass::Event, 0..20);
    let keep = MqttConfig { no_matching_subscribers: Unheard::Keep, ..config(broker.port) };
    let handle = publish(&ledger, &keep, "main");
    health(&handle, "unheard", |h| h.refused.event.is_some()).await;
    handle.shutdown().await;
    assert_eq!(status(&ledger, "any", |_| true).await.outbox.classes.event.messages, 20);
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let _handle = publish(&ledger, &keep, "main");
    let seen = subscriber.until("all", |seen| came(seen, "event").len() >= 20).await;
    assert_eq!(came(&seen, "event"), (0..20).collect::<Vec<_>>());
    status(&ledger, "an empty outbox", |s| s.outbox.classes.event.messages == 0).await;
}

/// A message of so many rows of 100 bytes.
fn rows(numbers: std::ops::Range<u64>) -> Message {
    let records = numbers.end - numbers.start;
    let rows: Vec<String> =
        numbers.map(|n| format!(r#"{{"boot":"b","seq":{n},"pad":"{}"}}"#, "x".repeat(66))).collect();
    let payload = format!("[{}]", rows.join(",")).into_bytes();
    Message { payload, records, ..numbered(RecordClass::Ledger, 0) }
}

/// Sends a message of 200 rows, one of a single row of 3 kB and one of a small row to a broker with
/// `settings`: the large one is counted. Returns the others as they arrive.
async fn sends_what_fits(settings: &str) -> Vec<u64> {
    let Some(broker) = Broker::start(settings) else { return (0..201).collect() };
    let dir = tempfile::tempdir().unwrap();
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut ledger = open(&dir.path().join("ledger.sqlite"), &["main"], ROOMY);
    let huge = Message {
        payload: format!(r#"[{{"seq":999,"pad":"{}"}}]"#, "x".repeat(3_000)).into_bytes(),
        ..rows(0..1)
    };
    let messages = vec![rows(0..200), huge, rows(200..201)];
    ledger.append(Batch { messages, ..Batch::default() }).unwrap();
    ledger.flush().await;
    let _handle = publish(&ledger, &config(broker.port), "main");
    let done = status(&ledger, "all are dealt with", |s| s.outbox.classes.ledger.messages == 0).await;
    let numbers = |seen: &crate::broker::Seen| -> Vec<u64> {
        let payloads = seen.log.iter().filter(|(topic, _)| topic.ends_with("/ledger"));
        let rows = payloads
            .flat_map(|(_, payload)| serde_json::from_slice::<Vec<serde_json::Value>>(payload).unwrap());
        rows.map(|row| row["seq"].as_u64().unwrap()).collect()
    };
    let all = |seen: &crate::broker::Seen| (0..201).all(|n| numbers(seen).contains(&n));
    let seen = subscriber.until("all rows", all).await;
    let gap = &done.outbox.gaps[0];
    assert_eq!((gap.cause, gap.records), (Cause::TooLarge, 1), "{settings}");
    numbers(&seen)
}

#[tokio::test]
async fn a_message_is_split_for_a_broker_that_says_how_much_it_takes() {
    let arrived = sends_what_fits("allow_anonymous true\nmax_packet_size 2500").await;
    assert_eq!(arrived, (0..201).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_message_is_split_for_a_broker_that_only_refuses_what_is_too_large() {
    // It ends the connection over each size that is tried, so what was on its way comes again.
    let arrived = sends_what_fits("allow_anonymous true\nmessage_size_limit 2500").await;
    assert_eq!(arrived.iter().max(), Some(&200));
}
