//! What a real mosquitto delivers of what wattsplit publishes.

pub mod devices;
#[cfg(feature = "demo")]
mod embedded;
pub mod gpu_rows;
mod homeassistant;
pub mod node_messages;
mod picture;
mod protobuf;
mod recipes;
mod records;
pub mod schemas;
mod secure;
mod sparkplug;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use wattsplit::ledger::Message;
use wattsplit::publish::mqtt::{self, Client, LinkHealth, MqttError, PublisherHandle, Records};
use wattsplit::publish::{LiveSet, MqttConfig, Unheard};
use wattsplit::reading::Quality;

use crate::broker::{self, Broker, PATIENCE, Subscriber};
use picture::{Picture, SITE, State};

const STATUS: &str = "wattsplit/tx01/status";

pub fn config(port: u16) -> MqttConfig {
    MqttConfig {
        host: "127.0.0.1".into(),
        port: Some(port),
        root: "wattsplit".into(),
        client_id: None,
        username: None,
        password_file: None,
        keep_alive_secs: 5,
        interval_secs: 1,
        max_payload_bytes: 256 * 1024,
        records_per_s: 100_000,
        no_matching_subscribers: Unheard::Delivered,
        insecure: false,
        tls: None,
        central: None,
    }
}

/// One connection that publishes nothing, as the site's agent.
async fn probe(config: &MqttConfig) -> Result<String, MqttError> {
    mqtt::probe(config, Client::site(SITE), "").await
}

pub fn publish(config: &MqttConfig, live: LiveSet) -> (PublisherHandle, watch::Sender<LiveSet>) {
    let (handle, live, _) = publish_records(config, live);
    (handle, live)
}

pub fn publish_records(
    config: &MqttConfig,
    live: LiveSet,
) -> (PublisherHandle, watch::Sender<LiveSet>, mpsc::UnboundedSender<Message>) {
    let ((sender, receiver), (records, to_send)) = (watch::channel(live), mpsc::unbounded_channel());
    let to_send = Records::unwritten(to_send);
    (mqtt::spawn(config, Client::site(SITE), receiver, to_send, Vec::new()).unwrap(), sender, records)
}

pub async fn health(handle: &PublisherHandle, what: &str, meets: impl Fn(&LinkHealth) -> bool) -> LinkHealth {
    let mut watch = handle.watch();
    let outcome = tokio::time::timeout(PATIENCE, watch.wait_for(|health| meets(health))).await;
    match outcome {
        Ok(health) => health.unwrap().clone(),
        Err(_) => panic!("never: {what}; it is {:?}", handle.health()),
    }
}

fn measured() -> Picture {
    picture::site(State::Known(Quality::Measured))
}

fn topic(below: &str) -> String {
    format!("wattsplit/{SITE}/{below}")
}

/// Topics with their prefix, as the broker sees them.
fn expected(live: &LiveSet) -> BTreeMap<String, Vec<u8>> {
    let mut all: BTreeMap<_, _> = live.iter().map(|(t, p)| (topic(t), p.clone())).collect();
    all.insert(STATUS.into(), b"online".to_vec());
    all
}

#[tokio::test]
async fn a_late_subscriber_gets_the_newest_of_every_topic() {
    let Some(broker) = Broker::open() else { return };
    let (first, second) = (measured().live(), measured().later(10_000).live());
    let mut early = Subscriber::start(broker.observer_port).await;
    let (_handle, live) = publish(&config(broker.port), first.clone());
    early.until("the first set", |seen| seen.newest == expected(&first)).await;
    live.send_replace(second.clone());
    early.until("the second set", |seen| seen.newest == expected(&second)).await;

    let mut late = Subscriber::start(broker.observer_port).await;
    let seen = late.until("every topic", |seen| seen.newest.len() == second.len() + 1).await;
    assert_eq!(seen.newest, expected(&second));
    assert_eq!(seen.retained.len(), second.len() + 1, "all of them because they were retained");
}

#[tokio::test]
async fn status_is_online_until_shutdown_says_offline() {
    let Some(broker) = Broker::open() else { return };
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let (handle, _live) = publish(&config(broker.port), measured().live());
    subscriber.until("online", |seen| seen.text(STATUS) == Some("online")).await;
    assert_eq!(health(&handle, "connected", |h| h.connected).await.connects, 1);
    handle.shutdown().await;
    let seen = subscriber.until("offline", |seen| seen.text(STATUS) == Some("offline")).await;
    let offline = seen.log.iter().filter(|(topic, payload)| topic == STATUS && payload == b"offline").count();
    assert_eq!(offline, 1, "said by the publisher; the last will did not have to");
    assert!(seen.newest.contains_key(&topic("split")), "what was published stays");
}

#[tokio::test]
async fn a_publisher_that_vanishes_is_offline_by_its_last_will() {
    let Some(broker) = Broker::open() else { return };
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let (handle, _live) = publish(&config(broker.port), measured().live());
    subscriber.until("online", |seen| seen.text(STATUS) == Some("online")).await;
    drop(handle);
    subscriber.until("offline", |seen| seen.text(STATUS) == Some("offline")).await;
    let mut late = Subscriber::start(broker.observer_port).await;
    late.until("offline, retained", |seen| seen.text(STATUS) == Some("offline")).await;
}

#[tokio::test]
async fn after_an_outage_of_the_broker_only_the_newest_set_arrives() {
    let Some(mut broker) = Broker::open() else { return };
    let start = measured().live();
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let (handle, live) = publish(&config(broker.port), start.clone());
    subscriber.until("the first set", |seen| seen.newest == expected(&start)).await;

    broker.kill();
    let lost = health(&handle, "lost", |h| !h.connected && h.last_error.is_some()).await;
    assert_eq!(lost.connects, 1);
    let before = resident_kb();
    let set = |n: u32| -> LiveSet {
        let mut live = (*measured().later(n.into()).live()).clone();
        live.insert("block/ballast".into(), vec![b'x'; 100_000]);
        Arc::new(live)
    };
    for n in 1..=2_000 {
        live.send_replace(set(n));
        tokio::task::yield_now().await;
    }
    // A queue of them all would be 200 MB.
    assert!(resident_kb() < before + 60_000, "memory grew from {before} kB to {} kB", resident_kb());
    let newest = set(2_000);

    broker.restart();
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let seen = subscriber.until("the newest set", |seen| seen.newest == expected(&newest)).await;
    assert_eq!(seen.log.len(), newest.len() + 1, "every topic came once: {:?}", seen.log.len());
    let back = health(&handle, "connected", |h| h.connected).await;
    assert_eq!((back.connects, back.last_error), (2, None));
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn the_topic_of_a_vanished_block_is_cleared() {
    let Some(broker) = Broker::open() else { return };
    let mut picture = measured();
    let (_handle, live) = publish(&config(broker.port), picture.live());
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let block = topic("block/row-2-unknown");
    subscriber.until("the block", |seen| seen.text(&block).is_some_and(|p| !p.is_empty())).await;

    picture.view.hash_blocks.retain(|block| block.id != "row-2-unknown");
    let picture = picture.later(1_000);
    live.send_replace(picture.live());
    subscriber.until("the block cleared", |seen| seen.text(&block) == Some("")).await;
    let summary = picture.live().get("summary").cloned();
    subscriber.until("the rest", |seen| seen.newest.get(&topic("summary")) == summary.as_ref()).await;
    let mut late = Subscriber::start(broker.observer_port).await;
    let seen = late.until("the other topics", |seen| seen.newest.len() == picture.live().len() + 1).await;
    assert!(!seen.newest.contains_key(&block), "nothing is retained there");
}

#[tokio::test]
async fn an_advice_that_nobody_renews_is_gone_from_the_broker_after_its_time() {
    let Some(broker) = Broker::open() else { return };
    let mut live = (*measured().live()).clone();
    let soon = wattsplit::clock::now().mono + std::time::Duration::from_secs(2);
    live.expires.insert("advice".into(), soon);
    let live: LiveSet = Arc::new(live);
    let mut early = Subscriber::start(broker.observer_port).await;
    let (_handle, _live) = publish(&config(broker.port), live.clone());
    early.until("the advice", |seen| seen.newest.contains_key(&topic("advice"))).await;
    for _ in 0..40 {
        let mut late = Subscriber::start(broker.observer_port).await;
        let seen = late.until("the others", |seen| seen.newest.len() >= live.len()).await;
        if !seen.newest.contains_key(&topic("advice")) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    panic!("an advice that has expired is still there");
}

#[tokio::test]
async fn an_oversize_payload_stays_here_and_the_others_go() {
    let Some(broker) = Broker::open() else { return };
    let mut live = (*measured().live()).clone();
    live.insert("block/huge".into(), vec![b'x'; 300_000]);
    live.insert("zz/after".into(), b"{}".to_vec());
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let (handle, _live) = publish(&config(broker.port), Arc::new(live.clone()));
    live.remove("block/huge");
    let rest = expected(&Arc::new(live));
    subscriber.until("all but the huge one", |seen| seen.newest == rest).await;
    let health = handle.health();
    assert_eq!((health.oversize, health.connects), (1, 1));
}

#[tokio::test]
async fn the_brokers_own_limit_is_kept() {
    let Some(broker) = Broker::start("allow_anonymous true\nmax_packet_size 2000") else { return };
    let mut live = (*picture::empty().live()).clone();
    live.retain(|_, payload| payload.len() < 1_500);
    assert!(live.len() >= 3, "the empty site's payloads are small");
    live.insert("block/big".into(), vec![b'x'; 2_000]);
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let (handle, _live) = publish(&config(broker.port), Arc::new(live.clone()));
    live.remove("block/big");
    let rest = expected(&Arc::new(live));
    subscriber.until("all but the big one", |seen| seen.newest == rest).await;
    let health = handle.health();
    assert_eq!((health.oversize, health.connects), (1, 1));
}

#[tokio::test]
async fn more_topics_than_the_window_arrive_complete() {
    let Some(broker) = Broker::open() else { return };
    let live = |n: i32| -> LiveSet {
        Arc::new((0..900).map(|i| (format!("block/b{i}"), format!("{{\"n\":{n}}}").into_bytes())).collect())
    };
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let (handle, sender) = publish(&config(broker.port), live(0));
    for n in 1..=50 {
        sender.send_replace(live(n));
        tokio::task::yield_now().await;
    }
    let newest = expected(&live(50));
    subscriber.until("the newest of 900 topics", |seen| seen.newest == newest).await;
    assert_eq!(handle.health().connects, 1);
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_an_error_with_advice_and_delays_nothing() {
    let (handle, live) = publish(&config(broker::free_port()), measured().live());
    let health = health(&handle, "an error", |h| h.last_error.is_some()).await;
    let error = health.last_error.unwrap();
    assert!(error.contains("refused") && error.contains("mqtt.port"), "{error}");
    live.send_replace(measured().later(1).live());
    handle.shutdown().await;
}

#[tokio::test]
async fn a_broker_that_stops_reading_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let deaf = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = [0; 256];
        let _ = stream.read(&mut heard).unwrap();
        // CONNACK: no session, success, no properties.
        stream.write_all(&[0x20, 0x03, 0x00, 0x00, 0x00]).unwrap();
        let _ = stream.read(&mut heard).unwrap();
        // PUBACK of the first publish, which is `online`.
        stream.write_all(&[0x40, 0x02, 0x00, 0x01]).unwrap();
        let _ = wait.recv_timeout(2 * PATIENCE);
    });
    let much = (0..80).map(|i| (format!("block/b{i}"), vec![b'x'; 250_000])).collect();
    let (handle, _live) = publish(&config(port), Arc::new(much));
    health(&handle, "connected", |h| h.connected).await;
    let lost = health(&handle, "given up", |h| !h.connected && h.last_error.is_some()).await;
    let error = lost.last_error.unwrap();
    assert!(error.contains("nothing heard"), "{error}");
    drop(done);
    deaf.join().unwrap();
}

#[tokio::test]
async fn a_second_client_of_the_same_name_is_named_as_the_cause() {
    let Some(broker) = Broker::open() else { return };
    let (first, _live) = publish(&config(broker.port), measured().live());
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    subscriber.until("the set", |seen| seen.newest == expected(&measured().live())).await;
    let (second, _live) = publish(&config(broker.port), measured().live());
    let ousted = health(&first, "ousted", |h| h.last_error.is_some()).await;
    let error = ousted.last_error.unwrap();
    assert!(error.contains("mqtt.client_id"), "{error}");
    drop((first, second));
}

#[tokio::test]
async fn a_probe_describes_the_broker_and_leaves_no_trace() {
    let Some(broker) = Broker::start("allow_anonymous true\nmax_packet_size 2000") else { return };
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let config = config(broker.port);
    let line = probe(&config).await.unwrap();
    let place = format!("MQTT 5 at 127.0.0.1:{}, not encrypted", broker.port);
    assert!(line.starts_with(&place) && line.contains("up to 2000 bytes"), "{line}");
    let (_handle, _live) = publish(&config, Arc::default());
    let seen = subscriber.until("online", |seen| seen.text(STATUS) == Some("online")).await;
    assert_eq!(seen.log.len(), 1, "the probe published nothing: {:?}", seen.log);

    let absent = self::config(broker::free_port());
    let error = probe(&absent).await.unwrap_err().to_string();
    assert!(error.contains("connection refused") && error.contains("mqtt.port"), "{error}");
}
