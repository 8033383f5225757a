//! The daemon and what waits on its disk, while its config changes.

use super::records::rows;
use super::*;
use crate::broker::{Seen, free_port};

/// The config with other words in it.
fn change(config: &Path, words: &[(&str, &str)]) {
    let mut toml = std::fs::read_to_string(config).unwrap();
    for (from, to) in words {
        assert!(toml.contains(from), "{from} in {toml}");
        toml = toml.replace(from, to);
    }
    std::fs::write(config, toml).unwrap();
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["kind"] == kind).collect()
}

#[tokio::test]
async fn what_waited_for_a_central_broker_and_in_a_state_directory_that_leave_the_config_is_told() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let config = site(&dir, broker.port, &["127.0.0.1:1".to_owned()]);
    let central = format!("[mqtt.central]\nhost = \"127.0.0.1\"\nport = {}\n[[asic]]", free_port());
    change(&config, &[("[[asic]]", &central)]);
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let daemon = Daemon::run(&config);
    let starts = |seen: &Seen| of_kind(&rows(seen, "event"), "started").len();
    subscriber.until("the start", |seen| starts(seen) == 1).await;

    // It never had anything: its events, and they alone, are dropped.
    change(&config, &[(&central, "[[asic]]")]);
    daemon.signal("-HUP");
    let dropped = |seen: &Seen| !of_kind(&rows(seen, "event"), "records_dropped").is_empty();
    let seen = subscriber.until("what is dropped", dropped).await;
    let events = rows(&seen, "event");
    let told = of_kind(&events, "records_dropped")[0];
    assert_eq!((&told["broker"], &told["cause"]), (&"central".into(), &"broker_left".into()), "{told}");
    assert_eq!((&told["subject"], told["records"].as_u64() > Some(1)), (&"event".into(), true), "{told}");

    // Without a broker events wait on disk; then the file is another one.
    change(&config, &[(&format!("port = {}", broker.port), &format!("port = {}", free_port()))]);
    daemon.signal("-HUP");
    let left = |seen: &Seen| seen.text("wattsplit/test/status") == Some("offline");
    subscriber.until("its parting", left).await;
    let ledger = dir.path().join("ledger.sqlite");
    let mut waiting = 0;
    for _ in 0..600 {
        waiting = wattsplit::ledger::outbox::waiting(&ledger).map_or(0, |records| records.event);
        if waiting > 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(waiting > 1);
    let other = TempDir::new().unwrap();
    let old_port = std::fs::read_to_string(&config).unwrap();
    let old_port = old_port.lines().find(|line| line.starts_with("port")).unwrap().to_owned();
    let (from, to) = (format!("state_dir = {:?}", dir.path()), format!("state_dir = {:?}", other.path()));
    change(&config, &[(&from, &to), (&old_port, &format!("port = {}", broker.port))]);
    daemon.signal("-HUP");
    let elsewhere = |seen: &Seen| !of_kind(&rows(seen, "event"), "records_elsewhere").is_empty();
    let seen = subscriber.until("what is left behind", elsewhere).await;
    let events = rows(&seen, "event");
    let text = of_kind(&events, "records_elsewhere")[0]["text"].as_str().unwrap();
    assert!(text.contains("records of event") && text.contains(ledger.to_str().unwrap()), "{text}");
    assert!(
        wattsplit::ledger::outbox::waiting(&ledger).unwrap().event >= waiting,
        "and nothing of it is gone"
    );
}

#[tokio::test]
async fn a_site_that_is_renamed_tells_its_old_events_below_the_old_name() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let config = site(&dir, free_port(), &["127.0.0.1:1".to_owned()]);
    change(&config, &[("name = \"test\"", "name = \"old\"")]);
    let mut first = Daemon::run(&config);
    let ledger = dir.path().join("ledger.sqlite");
    for _ in 0..600 {
        if wattsplit::ledger::outbox::waiting(&ledger).is_ok_and(|records| records.event > 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    first.terminate();
    assert!(first.ended().await.success());
    let waiting = wattsplit::ledger::outbox::waiting(&ledger).unwrap().event as usize;
    assert!(waiting > 0);

    let old_port = std::fs::read_to_string(&config).unwrap();
    let old_port = old_port.lines().find(|line| line.starts_with("port")).unwrap().to_owned();
    change(
        &config,
        &[("name = \"old\"", "name = \"test\""), (&old_port, &format!("port = {}", broker.port))],
    );
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let _second = Daemon::run(&config);
    let seen =
        subscriber.until("news", |seen| of_kind(&rows(seen, "event"), "records_elsewhere").len() == 1).await;
    let below_old: Vec<Value> = seen
        .log
        .iter()
        .filter(|(topic, _)| topic.starts_with("wattsplit/old/"))
        .map(|(_, payload)| serde_json::from_slice(payload).unwrap())
        .collect();
    assert_eq!(below_old.len(), waiting);
    assert!(below_old.iter().all(|event| event["site"] == "old"), "{below_old:?}");
    assert!(rows(&seen, "event").iter().all(|event| event["site"] == "test"));
}
