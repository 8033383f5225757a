//! Home Assistant beside the daemon: told of blocks, told again, told when they have gone.

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};

use super::*;
use crate::broker::Seen;

const BIRTH: &str = "homeassistant/status";

/// Says something as another client would.
pub async fn say(port: u16, topic: &str, payload: &str) {
    let options = MqttOptions::new(format!("other-{}", fastrand::u64(..)), "127.0.0.1", port);
    let (client, mut events) = AsyncClient::new(options, 4);
    client.try_publish(topic, QoS::AtLeastOnce, false, payload.to_owned()).unwrap();
    let told =
        async { while !matches!(events.poll().await.unwrap(), Event::Incoming(Incoming::PubAck(_))) {} };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
}

fn config_of(device: &str) -> String {
    format!("homeassistant/device/test/{device}/config")
}

fn with_homeassistant(path: &Path, group: &str) {
    let toml = std::fs::read_to_string(path).unwrap().replace("row-a", group);
    std::fs::write(path, toml + "[homeassistant]\n").unwrap();
}

#[tokio::test]
async fn a_block_that_left_the_config_is_cleared_by_the_next_run() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("whatsminer-unknown-v1-20210322").await;
    let config = site(&dir, broker.port, &[of(&miner)]);
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let blocks = |seen: &Seen, row: &str| {
        let told = seen.newest.iter().filter(|(_, payload)| !payload.is_empty());
        told.filter(|(topic, _)| topic.starts_with(&format!("wattsplit/test/block/{row}"))).count()
    };
    let mut daemon = Daemon::run(&config);
    subscriber.until("a block", |seen| blocks(seen, "row-a") > 0).await;
    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));

    let toml = std::fs::read_to_string(&config).unwrap().replace("row-a", "row-b");
    std::fs::write(&config, toml).unwrap();
    let _daemon = Daemon::run(&config);
    let moved = |seen: &Seen| blocks(seen, "row-a") == 0 && blocks(seen, "row-b") > 0;
    subscriber.until("row-b alone", moved).await;
}

#[tokio::test]
async fn home_assistant_is_told_of_the_blocks_and_after_a_restart_of_those_that_are_gone() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("whatsminer-unknown-v1-20210322").await;
    let config = site(&dir, broker.port, &[of(&miner)]);
    with_homeassistant(&config, "row-a");
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut daemon = Daemon::run(&config);
    let of_row = |seen: &Seen, row: &str| -> Vec<String> {
        let told = seen.newest.iter().filter(|(topic, payload)| topic.contains(row) && !payload.is_empty());
        told.map(|(topic, _)| topic.clone()).filter(|topic| topic.starts_with("homeassistant/")).collect()
    };
    let seen = subscriber.until("a block", |seen| !of_row(seen, "row-a").is_empty()).await;
    let site: Value = serde_json::from_slice(&seen.newest[&config_of("_site")]).unwrap();
    assert_eq!(site["availability_topic"], "wattsplit/test/status");

    let times = |seen: &Seen| seen.log.iter().filter(|(topic, _)| *topic == config_of("_site")).count();
    let before = times(&seen);
    say(broker.observer_port, BIRTH, "online").await;
    subscriber.until("all of it again", |seen| times(seen) > before).await;

    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));
    let other = TempDir::new().unwrap();
    let config = super::site(&other, broker.port, &[of(&miner)]);
    with_homeassistant(&config, "row-b");
    let _daemon = Daemon::run(&config);
    let moved = |seen: &Seen| of_row(seen, "row-a").is_empty() && !of_row(seen, "row-b").is_empty();
    subscriber.until("row-b instead of row-a", moved).await;
}
