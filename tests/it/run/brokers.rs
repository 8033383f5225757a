//! The daemon with two brokers, and what it keeps for one that is away.

use std::collections::HashSet;

use super::records::rows;
use super::*;
use crate::broker::{Seen, free_port};

fn events(seen: &Seen) -> Vec<(String, u64)> {
    let told = rows(seen, "event").into_iter();
    told.map(|event| (event["boot"].as_str().unwrap().to_owned(), event["seq"].as_u64().unwrap())).collect()
}

fn summary(seen: &Seen) -> Value {
    seen.newest.get("wattsplit/test/summary").map_or(Value::Null, |p| serde_json::from_slice(p).unwrap())
}

/// The site of [`site`] with a central broker.
fn with_central(dir: &TempDir, broker: &Broker, central_port: u16, hosts: &[String]) -> PathBuf {
    let config = site(dir, broker.port, hosts);
    let central = format!("[mqtt.central]\nhost = \"127.0.0.1\"\nport = {central_port}\n[[asic]]");
    let toml = std::fs::read_to_string(&config).unwrap().replace("[[asic]]", &central);
    std::fs::write(&config, toml).unwrap();
    config
}

#[tokio::test]
async fn a_central_broker_that_is_away_holds_nothing_up_and_misses_nothing_of_a_daemon_that_was_killed() {
    let (Some(broker), Some(mut central)) = (Broker::open(), Broker::open()) else { return };
    central.kill();
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let config = with_central(&dir, &broker, central.port, &[of(&miner)]);
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let daemon = Daemon::run(&config);
    let queued =
        |seen: &Seen| summary(seen)["outbox_event_messages"].as_u64() > Some(0) && !events(seen).is_empty();
    let seen = subscriber.until("events at the first broker, queued for the second", queued).await;
    let health = summary(&seen);
    assert_eq!((&health["mqtt_connected"], &health["mqtt_central_connected"]), (&true.into(), &false.into()));
    assert!(health["mqtt_central_last_error"].as_str().unwrap().contains("refused"), "{health}");
    assert!(health["outbox_event_oldest_age_s"].as_f64().is_some(), "{health}");
    let first = events(&seen);
    // Killed, not ended.
    drop(daemon);

    central.restart();
    let mut at_central = Subscriber::start(central.observer_port).await;
    let _daemon = Daemon::run(&config);
    subscriber.until("events of the second run", |seen| events(seen).iter().any(|e| e.0 != first[0].0)).await;
    let seen = at_central.until("live topics", |seen| !summary(seen).is_null()).await;
    assert_eq!(seen.text("wattsplit/test/status"), Some("online"));
    subscriber.until("an empty outbox", |seen| summary(seen)["outbox_event_messages"] == 0).await;
    // Each broker may get one twice that it had not confirmed when the daemon was killed.
    let once = |seen: &Seen| {
        let mut told = HashSet::new();
        events(seen).into_iter().filter(|event| told.insert(event.clone())).collect::<Vec<_>>()
    };
    let all = once(&subscriber.until("any", |_| true).await);
    at_central.until("the events of both runs, in their order", |seen| once(seen).starts_with(&all)).await;
}

#[tokio::test]
async fn what_was_written_while_the_broker_was_away_comes_from_the_next_run() {
    let port = free_port();
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let config = site(&dir, port, &[of(&miner)]);
    let first = Daemon::run(&config);
    let ledger = dir.path().join("ledger.sqlite");
    let waiting = || -> Option<Vec<Vec<u8>>> {
        let file = rusqlite::Connection::open(&ledger).ok()?;
        let mut statement = file.prepare("SELECT payload FROM outbox_event ORDER BY n").ok()?;
        statement.query_map([], |row| row.get(0)).ok()?.collect::<Result<_, _>>().ok()
    };
    for _ in 0..600 {
        if waiting().is_some_and(|events| events.len() >= 2) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Killed, not ended.
    drop(first);
    let written = waiting().unwrap();
    assert!(written.len() >= 2);
    let Some(broker) = Broker::open() else { return };
    let toml = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, toml.replace(&format!("port = {port}"), &format!("port = {}", broker.port)))
        .unwrap();
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let _second = Daemon::run(&config);
    let told = |seen: &Seen| -> Vec<Vec<u8>> {
        let events = seen.log.iter().filter(|(topic, _)| topic == "wattsplit/test/event");
        events.map(|(_, payload)| payload.clone()).collect()
    };
    let seen = subscriber.until("both runs", |seen| told(seen).len() > written.len()).await;
    assert_eq!(told(&seen)[..written.len()], written, "the first run's, before those of the second");
}
