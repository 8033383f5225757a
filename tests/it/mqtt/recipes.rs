//! The files in `docs/` for those that listen, as they stand there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::PubAckReason;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use serde_json::Value;
use tempfile::TempDir;
use wattsplit::publish::MqttConfig;
use wattsplit::publish::mqtt::{self, Client};
use wattsplit::publish::topics;

use super::picture::SITE;
use super::secure::run;
use super::{config, expected, health, measured, publish};
use crate::broker::{Broker, PATIENCE, Subscriber, installed};

fn docs(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file)
}

/// A broker with the access list of `docs/`, and these logins, each with its name as password.
fn guarded(dir: &TempDir, logins: &[&str]) -> Option<Broker> {
    if !installed("mosquitto_passwd") {
        return None;
    }
    std::fs::write(dir.path().join("passwords"), "").unwrap();
    for login in logins {
        run("mosquitto_passwd", dir.path(), &["-b", "passwords", login, login]);
    }
    let (passwords, acl) = (dir.path().join("passwords"), docs("mosquitto.acl"));
    let (passwords, acl) = (passwords.display(), acl.display());
    Broker::start(&format!("allow_anonymous false\npassword_file {passwords}\nacl_file {acl}"))
}

fn login(port: u16, dir: &TempDir, name: &str) -> MqttConfig {
    let file = dir.path().join(name);
    std::fs::write(&file, name).unwrap();
    MqttConfig { username: Some(name.into()), password_file: Some(file), ..config(port) }
}

/// What the broker answers to a message of this login.
async fn answer(port: u16, name: &str, topic: &str) -> PubAckReason {
    let mut options = MqttOptions::new(format!("{name}-{}", fastrand::u64(..)), "127.0.0.1", port);
    options.set_credentials(name, name);
    let (client, mut events) = AsyncClient::new(options, 4);
    client.try_publish(topic, QoS::AtLeastOnce, false, "x").unwrap();
    let told = async {
        loop {
            if let Event::Incoming(Incoming::PubAck(ack)) = events.poll().await.unwrap() {
                return ack.reason;
            }
        }
    };
    tokio::time::timeout(PATIENCE, told).await.unwrap()
}

#[tokio::test]
async fn with_the_access_list_a_site_writes_below_its_own_prefix_only_and_readers_write_nothing() {
    let dir = TempDir::new().unwrap();
    let Some(broker) = guarded(&dir, &[SITE, "reader", "homeassistant"]) else { return };
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut live = measured().live();
    let homeassistant = format!("homeassistant/device/{SITE}/_site/config");
    Arc::make_mut(&mut live).insert(topics::absolute(&homeassistant), b"{}".to_vec());
    let own = login(broker.port, &dir, SITE);
    let (handle, _live) = publish(&own, live);
    let mut all = expected(&measured().live());
    all.insert(homeassistant, b"{}".to_vec());
    subscriber.until("the whole set", |seen| seen.newest == all).await;
    assert_eq!(handle.health().rejected, 0);

    // The same login calls itself after another site.
    let (_live, live) = tokio::sync::watch::channel(measured().live());
    let (_records, records) = tokio::sync::mpsc::unbounded_channel();
    let records = mqtt::Records::unwritten(records);
    let other = mqtt::spawn(&own, Client::site("tx02"), live, records, Vec::new()).unwrap();
    let sent = measured().live().len() as u64 + 1;
    health(&other, "every topic refused", |health| health.rejected == sent).await;

    let port = broker.port;
    for (name, topic) in [
        (SITE, "wattsplit/tx02/summary"),
        (SITE, "homeassistant/device/tx02/_site/config"),
        (SITE, "spBv1.0/mining/NDATA/tx02"),
        (SITE, "spBv1.0/STATE/scada"),
        ("reader", "wattsplit/tx01/summary"),
        ("homeassistant", "homeassistant/device/tx01/_site/config"),
    ] {
        assert_eq!(answer(port, name, topic).await, PubAckReason::NotAuthorized, "{name} {topic}");
    }
    for (name, topic) in [(SITE, "spBv1.0/mining/NDATA/tx01"), ("homeassistant", "homeassistant/status")] {
        assert_ne!(answer(port, name, topic).await, PubAckReason::NotAuthorized, "{name} {topic}");
    }
    let seen = subscriber.until("nothing of tx02", |seen| seen.newest.len() >= all.len()).await;
    assert!(seen.newest.keys().all(|topic| !topic.contains("tx02")));
}

/// One `[[inputs.mqtt_consumer]]`, as far as it says how payloads are read.
struct Consumer {
    topics: Vec<String>,
    tags: Vec<String>,
    time_key: String,
}

fn consumers() -> Vec<Consumer> {
    let text = std::fs::read_to_string(docs("telegraf.conf")).unwrap();
    let file: toml::Table = text.parse().unwrap();
    let consumer = |table: &toml::Value| {
        let texts = |key: &str| -> Vec<String> {
            let list = table[key].as_array().unwrap();
            list.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(
            (table["data_format"].as_str(), table["json_time_format"].as_str()),
            (Some("json"), Some("unix_ms"))
        );
        assert_eq!(texts("json_string_fields"), ["*"], "every word that is no tag becomes a field");
        let time_key = table["json_time_key"].as_str().unwrap().to_owned();
        Consumer { topics: texts("topics"), tags: texts("tag_keys"), time_key }
    };
    file["inputs"]["mqtt_consumer"].as_array().unwrap().iter().map(consumer).collect()
}

fn heard(consumer: &Consumer, topic: &str) -> bool {
    let matches = |filter: &String| {
        filter.split('/').count() == topic.split('/').count()
            && filter.split('/').zip(topic.split('/')).all(|(f, t)| f == "+" || f == t)
    };
    consumer.topics.iter().any(matches)
}

type Fields = BTreeMap<String, Value>;

/// A metric as Telegraf's JSON parser makes it of one object: tags out of words, the time out of its key, and fields
/// of all that is left, lists by the number of each item.
fn metric(consumer: &Consumer, row: &Value) -> (Fields, Fields) {
    let mut row = row.as_object().unwrap().clone();
    let time = row.remove(&consumer.time_key).and_then(|time| time.as_i64());
    assert!(time.is_some_and(|ms| ms > 1_600_000_000_000), "no Unix time in ms: {row:?}");
    let mut tags = Fields::new();
    for key in &consumer.tags {
        tags.extend(row.remove(key).map(|value| (key.clone(), value)));
    }
    let mut fields = Fields::new();
    for (key, value) in row {
        match value {
            Value::Array(items) => {
                fields.extend(items.into_iter().enumerate().map(|(n, item)| (format!("{key}_{n}"), item)));
            }
            value => {
                fields.insert(key, value);
            }
        }
    }
    (tags, fields)
}

#[test]
fn telegraf_reads_every_payload_but_advice_and_status() {
    let consumers = consumers();
    let live = measured().live();
    let live = live.iter().map(|(topic, payload)| (topic.clone(), payload.clone()));
    let records =
        [super::records::of_every_kind(), super::devices::of_every_kind(), super::gpu_rows::of_every_kind()];
    let records = records.concat().into_iter().map(|message| (message.topic.into_owned(), message.payload));
    let (mut metrics, mut types, mut tag_keys) = (0, BTreeMap::new(), BTreeSet::new());
    for (topic, payload) in live.chain(records) {
        let full = format!("wattsplit/{SITE}/{topic}");
        let hearing: Vec<&Consumer> = consumers.iter().filter(|consumer| heard(consumer, &full)).collect();
        let [consumer] = hearing[..] else {
            assert!(hearing.is_empty() && topic == topics::ADVICE, "{full}: {} consumers", hearing.len());
            continue;
        };
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        let rows = payload.as_array().cloned().unwrap_or_else(|| vec![payload]);
        let mut points = BTreeSet::new();
        for row in rows {
            let time = row["ts"].clone();
            let (tags, fields) = metric(consumer, &row);
            assert!(tags.contains_key("site") && !fields.is_empty(), "{full}: {row}");
            assert!(fields.values().all(|value| !value.is_object() && !value.is_null()), "{full}: {row}");
            tag_keys.extend(tags.keys().cloned());
            // All payloads are one measurement.
            for (key, value) in &fields {
                let is_text = value.is_string();
                let first = *types.entry(key.clone()).or_insert(is_text);
                assert_eq!(first, is_text, "{full}: {key} is now text, now a number");
            }
            // Miners of one message are points of their own, or one would take the place of the other.
            let is_new = points.insert(format!("{tags:?} {time}"));
            assert!(is_new || !topic.starts_with("devices/asic/"), "{topic}: {tags:?}");
            metrics += 1;
        }
    }
    assert!(metrics > 30, "{metrics}");
    let hidden: Vec<_> = tag_keys.iter().filter(|key| types.contains_key(*key)).collect();
    assert!(hidden.is_empty(), "a field hides the tag of its name from queries: {hidden:?}");
}
