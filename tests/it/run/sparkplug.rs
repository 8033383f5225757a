//! The edge node of a daemon on a real broker: born, born again, dead.

use prost::Message;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use wattsplit::clock::UnixMs;
use wattsplit::publish::sparkplug::payload::{Metric, Payload, Value as Figure};

use super::*;
use crate::broker::Seen;

const BIRTH: &str = "spBv1.0/mining/NBIRTH/test";
const DEATH: &str = "spBv1.0/mining/NDEATH/test";

/// Says something as a host application would.
async fn say(port: u16, topic: &str, payload: Vec<u8>) {
    let options = MqttOptions::new(format!("host-{}", fastrand::u64(..)), "127.0.0.1", port);
    let (client, mut events) = AsyncClient::new(options, 4);
    client.try_publish(topic, QoS::AtLeastOnce, true, payload).unwrap();
    let told =
        async { while !matches!(events.poll().await.unwrap(), Event::Incoming(Incoming::PubAck(_))) {} };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
}

fn edge_node(dir: &TempDir, broker: &Broker, miner: &FakeMiner, keys: &str) -> PathBuf {
    let path = site(dir, broker.port, &[of(miner)]);
    let toml = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{toml}[sparkplug]\ngroup = \"mining\"\n{keys}")).unwrap();
    path
}

fn times(seen: &Seen, topic: &str) -> usize {
    seen.log.iter().filter(|(told, _)| told == topic).count()
}

fn rebirth() -> Vec<u8> {
    let metrics = vec![Metric::named("Node Control/Rebirth", Figure::Boolean(true), UnixMs(0))];
    Payload { timestamp: Some(0), metrics, seq: None }.encode_to_vec()
}

fn bd_seq(payload: &[u8]) -> u64 {
    let payload = Payload::decode(payload).unwrap();
    let metric = payload.metrics.iter().find(|metric| metric.name.as_deref() == Some("bdSeq")).unwrap();
    let Some(Figure::Long(count)) = metric.value else { panic!("{metric:?}") };
    count
}

#[tokio::test]
async fn a_node_is_born_again_on_command_dies_by_its_will_and_counts_on() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("whatsminer-unknown-v1-20210322").await;
    let config = edge_node(&dir, &broker, &miner, "");
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let daemon = Daemon::run(&config);
    let is_device = |topic: &String| topic.starts_with("spBv1.0/mining/DBIRTH/test/block-row-a-");
    let born = subscriber.until("a device", |seen| seen.newest.keys().any(is_device)).await;
    let before = times(&born, BIRTH);

    say(broker.observer_port, "spBv1.0/mining/NCMD/test", rebirth()).await;
    let born = subscriber.until("a rebirth", |seen| times(seen, BIRTH) > before).await;

    // Killed: the broker tells of it.
    drop(daemon);
    let dead = subscriber.until("a death", |seen| times(seen, DEATH) == 1).await;
    assert_eq!(bd_seq(&dead.newest[DEATH]), bd_seq(&born.newest[BIRTH]));
    assert!(!dead.retained.iter().any(|topic| topic.starts_with("spBv1.0/mining/NB")));

    // The command is kept by the broker here, and so honoured by the next run too.
    let before = times(&dead, BIRTH);
    let mut daemon = Daemon::run(&config);
    let again = subscriber.until("a birth", |seen| times(seen, BIRTH) > before).await;
    assert_eq!(bd_seq(&again.newest[BIRTH]), bd_seq(&born.newest[BIRTH]) + 1, "over a restart");
    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));
    let dead = subscriber.until("a last word", |seen| times(seen, DEATH) == 2).await;
    assert_eq!(bd_seq(&dead.newest[DEATH]), bd_seq(&again.newest[BIRTH]));
}

#[tokio::test]
async fn a_node_waits_for_its_primary_host_and_leaves_with_it() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("whatsminer-unknown-v1-20210322").await;
    let config = edge_node(&dir, &broker, &miner, "primary_host = \"scada\"\n");
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let _daemon = Daemon::run(&config);
    let state = |online: bool, at: u64| format!(r#"{{"online":{online},"timestamp":{at}}}"#).into_bytes();
    const STATE: &str = "spBv1.0/STATE/scada";
    subscriber.until("a picture", |seen| times(seen, "wattsplit/test/summary") > 2).await;
    say(broker.observer_port, STATE, state(false, 1_000)).await;
    let seen = subscriber.until("more", |seen| times(seen, "wattsplit/test/summary") > 4).await;
    assert_eq!(times(&seen, BIRTH), 0);

    say(broker.observer_port, STATE, state(true, 2_000)).await;
    subscriber.until("a birth", |seen| times(seen, BIRTH) > 0).await;
    say(broker.observer_port, STATE, state(false, 1_500)).await;
    say(broker.observer_port, STATE, state(false, 3_000)).await;
    let seen = subscriber.until("a death", |seen| times(seen, DEATH) > 0).await;
    let told = seen.log.iter().map(|(topic, payload)| (topic.as_str(), payload.as_slice()));
    let order: Vec<&[u8]> =
        told.filter(|(topic, _)| [STATE, DEATH].contains(topic)).map(|(_, p)| p).collect();
    assert_eq!(order[3], state(false, 3_000), "an old word of the host ends nothing");

    let before = times(&seen, BIRTH);
    say(broker.observer_port, STATE, state(true, 4_000)).await;
    subscriber.until("another birth", |seen| times(seen, BIRTH) > before).await;
}

#[tokio::test]
async fn a_node_lives_through_an_outage_of_its_broker_and_is_born_again() {
    let Some(mut broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("whatsminer-unknown-v1-20210322").await;
    let config = edge_node(&dir, &broker, &miner, "");
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut daemon = Daemon::run(&config);
    let born = subscriber.until("a birth", |seen| times(seen, BIRTH) > 0).await;
    broker.kill();
    // Some pictures long.
    tokio::time::sleep(Duration::from_secs(3)).await;
    broker.restart();

    let mut subscriber = Subscriber::start(broker.observer_port).await;
    subscriber.until("the daemon is back", |seen| times(seen, "wattsplit/test/summary") > 0).await;
    let node_is_back = |seen: &Seen| times(seen, "spBv1.0/mining/NDATA/test") > 0;
    subscriber.until("the node is back", node_is_back).await;
    say(broker.observer_port, "spBv1.0/mining/NCMD/test", rebirth()).await;
    let again = subscriber.until("another birth", |seen| times(seen, BIRTH) > 0).await;
    assert!(bd_seq(&again.newest[BIRTH]) > bd_seq(&born.newest[BIRTH]), "another connection");
    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));
}
