//! Nodes that read devices, and the agent of the site that merges what they read: real processes and a real broker.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::broker::{Broker, Seen, Subscriber};
use crate::fake_http::{FakeHttp, Reply};
use crate::fake_miner::FakeMiner;
use crate::mqtt::schemas::check;
use crate::run::{Daemon, PROGRAM};

const MINERS: [&str; 4] = [
    "antminer-s21-stock-2024.07-minerpower",
    "antminer-s19pro-stock-2022.12",
    "whatsminer-unknown-v1-20210322",
    "avalon-1246-21072802",
];

/// A host of GPUs that draw so many watts each.
async fn exporter(prefix: &'static str, watts: &[f64]) -> FakeHttp {
    let rows = watts.iter().enumerate().map(|(n, watts)| {
        format!("DCGM_FI_DEV_POWER_USAGE{{gpu=\"{n}\",UUID=\"GPU-{prefix}-{n}\",modelName=\"NVIDIA H100\"}} {watts}\n")
    });
    FakeHttp::always(Reply::Ok(rows.collect())).await
}

struct Site {
    broker: Broker,
    dir: TempDir,
}

impl Site {
    fn new() -> Option<Self> {
        Some(Self { broker: Broker::open()?, dir: TempDir::new().unwrap() })
    }

    fn config(&self, name: &str, role: &str, rest: &str) -> PathBuf {
        let path = self.dir.path().join(format!("{name}.toml"));
        let port = self.broker.port;
        let state = self.dir.path().join(name);
        std::fs::create_dir_all(&state).unwrap();
        let text = format!(
            "[site]\nname = \"test\"\nnode = \"{name}\"\nrole = \"{role}\"\nstate_dir = {state:?}\n\
             [mqtt]\nhost = \"127.0.0.1\"\nport = {port}\ninterval_secs = 1\n{rest}"
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The agent of the site: terms, prices, and these sections.
    fn agent(&self, name: &str, rest: &str) -> Daemon {
        Daemon::run(&self.config(name, "site", &format!("{rest}{MONEY}")))
    }

    fn node(&self, name: &str, rest: &str) -> Daemon {
        Daemon::run(&self.config(name, "node", rest))
    }
}

const MONEY: &str = "[btc]\ncoinbase_url = \"\"\nkraken_url = \"\"\nbitstamp_url = \"\"\n\
    [power]\nkind = \"fixed\"\nusd_per_mwh = 45.0\n";
const HOSTING: &str =
    "[[hosting]]\nname = \"h100\"\nterms = \"occupied\"\nusd_per_gpu_h = 2.0\noccupied_gpus = 2\n";
const BY_NODE: &str =
    "[[gpu_host]]\nname = \"gpu-1\"\nhosting = \"h100\"\nread = \"node\"\nserver_base_kw = 1.0\n";

fn dcgm(host: &str, exporter: &FakeHttp) -> String {
    format!(
        "[[gpu_host]]\nname = \"{host}\"\nhosting = \"h100\"\nread = \"dcgm\"\nurl = \"{}/metrics\"\ninterval_secs = 1\n",
        exporter.url
    )
}

fn group(name: &str, miners: &[FakeMiner]) -> String {
    let hosts: Vec<String> = miners.iter().map(|miner| miner.host.to_string()).collect();
    format!("[[asic]]\ngroup = \"{name}\"\nhosts = {hosts:?}\ninterval_secs = 1\n")
}

/// What `once --json` prints.
async fn once(config: &Path) -> Value {
    let mut program = Command::new(PROGRAM);
    program.args(["once", "--json", "--config"]).arg(config);
    let out = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)))
}

fn json(seen: &Seen, below: &str) -> Value {
    let payload = seen.newest.get(&format!("wattsplit/test/{below}"));
    payload.map_or(Value::Null, |payload| serde_json::from_slice(payload).unwrap())
}

fn events(seen: &Seen, kind: &str) -> Vec<Value> {
    let all = seen.log.iter().filter(|(topic, _)| topic == "wattsplit/test/event");
    let all = all.map(|(_, payload)| serde_json::from_slice::<Value>(payload).unwrap());
    all.filter(|event| event["kind"] == kind).collect()
}

#[tokio::test]
async fn the_gpus_of_a_node_are_the_sites_and_one_that_dies_is_one_event_until_it_is_back() {
    let Some(site) = Site::new() else { return };
    let exporter = exporter("a", &[500.0, 300.0]).await;
    let mut subscriber = Subscriber::start(site.broker.observer_port).await;
    let node = site.node("n1", &dcgm("gpu-1", &exporter));
    let _agent = site.agent("agent", &format!("{HOSTING}{BY_NODE}"));
    let seen = subscriber
        .until("both GPUs with their server", |seen| json(seen, "block/h100")["it_power_kw"] == 1.8)
        .await;
    let block = json(&seen, "block/h100");
    assert_eq!((&block["units_ok"], &block["board_power_kw"]), (&2.into(), &0.8.into()));
    assert_eq!(block.get("board_power_quality"), None, "measured");
    assert_eq!(seen.text("wattsplit/test/node/n1/status"), Some("online"));
    let seen = subscriber.until("the box of the node", |seen| json(seen, "host/n1").is_object()).await;
    for below in ["gpu/gpu-1", "host"] {
        check(&format!("node/n1/{below}"), &seen.newest[&format!("wattsplit/test/node/n1/{below}")]);
    }
    let seen = subscriber.until("the summary", |seen| json(seen, "summary")["nodes"] == 1).await;
    check("summary", &seen.newest["wattsplit/test/summary"]);

    let once = once(&site.config("agent", "site", &format!("{HOSTING}{BY_NODE}{MONEY}"))).await;
    let board = &once["blocks"]["ai"][0]["board_power_w"];
    assert_eq!((&once["gpus"][1]["uuid"], &board["value"]), (&"GPU-a-1".into(), &800.0.into()), "{once:#}");

    // As a power cut does: the broker tells of it.
    drop(node);
    subscriber.until("stale", |seen| json(seen, "block/h100")["board_power_quality"] == "stale").await;
    subscriber.until("missing", |seen| json(seen, "block/h100")["units_absent"] == 2).await;
    subscriber.until("lost", |seen| json(seen, "summary")["nodes_lost"] == 1).await;
    let seen = subscriber.until("an event", |seen| !events(seen, "node_lost").is_empty()).await;
    assert_eq!((events(&seen, "node_lost").len(), events(&seen, "node_back").len()), (1, 0));

    let _node = site.node("n1", &dcgm("gpu-1", &exporter));
    let seen = subscriber.until("its return", |seen| !events(seen, "node_back").is_empty()).await;
    assert_eq!((events(&seen, "node_lost").len(), events(&seen, "node_back").len()), (1, 1));
    assert_eq!(events(&seen, "gpu_state"), [Value::Null; 0], "the node's event says it all");
    subscriber
        .until("the GPUs", |seen| {
            let block = json(seen, "block/h100");
            block["units_ok"] == 2 && block.get("board_power_quality").is_none()
        })
        .await;
}

#[test]
fn once_says_that_the_broker_is_not_there_to_tell_of_nodes() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("wattsplit.toml");
    let text = "[site]\nname = \"test\"\n[mqtt]\nhost = \"127.0.0.1\"\nport = 1\n[btc]\ncoinbase_url = \"\"\n\
                kraken_url = \"\"\nbitstamp_url = \"\"\n[[asic]]\ngroup = \"row\"\nread = \"node\"\npool_fee = 0.0\n";
    std::fs::write(&config, text).unwrap();
    let out = Command::new(PROGRAM).args(["once", "--config"]).arg(&config).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.starts_with("nodes are not heard, and what they read is missing: "), "{said}");
}

#[tokio::test]
async fn two_nodes_that_poll_add_up_to_one_agent_that_polls_all() {
    let Some((split, whole)) = Site::new().zip(Site::new()) else { return };
    let mut miners = Vec::new();
    for n in 0..12 {
        miners.push(FakeMiner::serve(MINERS[n % MINERS.len()]).await);
    }
    let pool_fee = "pool_fee = 0.02\n";
    let _nodes =
        [split.node("n1", &group("row-a", &miners[..7])), split.node("n2", &group("row-a", &miners[7..]))];
    let _agent = split.agent("agent", &format!("[[asic]]\ngroup = \"row-a\"\nread = \"node\"\n{pool_fee}"));
    let _one = whole.agent("agent", &format!("{}{pool_fee}", group("row-a", &miners)));

    let mut totals = Vec::new();
    for site in [&split, &whole] {
        let mut subscriber = Subscriber::start(site.broker.observer_port).await;
        let seen = subscriber
            .until("all twelve", |seen| {
                let summary = json(seen, "summary");
                summary["asics"] == 12 && summary["asics_unreachable"] == 0
            })
            .await;
        let mut blocks: Vec<(String, Value)> = Vec::new();
        for (topic, payload) in &seen.newest {
            if topic.starts_with("wattsplit/test/block/") {
                let mut block: Value = serde_json::from_slice(payload).unwrap();
                block.as_object_mut().unwrap().remove("ts");
                blocks.push((topic.clone(), block));
            }
        }
        let summary = json(&seen, "summary");
        let keys = ["hashrate_phs", "power_kw", "asics_hashing", "asics_idle", "asics_fault", "coverage"];
        totals.push((keys.map(|key| summary[key].clone()), blocks));
    }
    assert_eq!(totals[0], totals[1]);
    assert_eq!(totals[0].1.len(), MINERS.len(), "one block for each model");
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off_and_rubbish_on_its_topics_corrupt_nothing() {
    let Some(site) = Site::new() else { return };
    let exporter = exporter("b", &[400.0]).await;
    let mut subscriber = Subscriber::start(site.broker.observer_port).await;
    let _agent = site.agent("agent", &format!("{HOSTING}{BY_NODE}"));
    let _node = site.node("n1", &dcgm("gpu-1", &exporter));
    subscriber.until("its GPU", |seen| json(seen, "block/h100")["board_power_kw"] == 0.4).await;
    let seen = subscriber.until("a message", |seen| json(seen, "node/n1/gpu/gpu-1").is_object()).await;

    // What another node with a clock in the past says, and what no node would.
    let mut forged = json(&seen, "node/n1/gpu/gpu-1");
    for (key, value) in
        [("ts", Value::from(1_000)), ("node", "n2".into()), ("boot", "b2".into()), ("host", "gpu-2".into())]
    {
        forged[key] = value;
    }
    forged["gpus"][0]["id"] = "GPU-z".into();
    forged["mono_ms"] = 77.into();
    let publisher = Publisher::connect(site.broker.observer_port).await;
    publisher.publish("wattsplit/test/node/n2/gpu/gpu-2", forged.to_string().into_bytes()).await;
    for rubbish in [vec![], vec![b'{'; 200_000], b"null".to_vec(), vec![0xff; 3_000_000]] {
        for below in ["gpu/gpu-1", "asic/0-0", "host", "wall/gpu-1", "status"] {
            publisher.publish(&format!("wattsplit/test/node/n3/{below}"), rubbish.clone()).await;
        }
    }
    let seen = subscriber.until("both", |seen| json(seen, "block/h100")["units_ok"] == 2).await;
    assert_eq!(json(&seen, "block/h100")["board_power_kw"], 0.8);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let seen = subscriber.until("still both", |seen| json(seen, "summary")["nodes"] == 2).await;
    assert_eq!(json(&seen, "block/h100")["units_ok"], 2);
    assert_eq!(json(&seen, "summary")["mqtt_connects"], 1, "nothing broke the connection");
}

/// A client that publishes what it is given.
struct Publisher(rumqttc::v5::AsyncClient);

impl Publisher {
    async fn connect(port: u16) -> Self {
        let mut options = rumqttc::v5::MqttOptions::new("forger", "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(30));
        let (client, mut events) = rumqttc::v5::AsyncClient::new(options, 64);
        tokio::spawn(async move { while events.poll().await.is_ok() {} });
        Self(client)
    }

    async fn publish(&self, topic: &str, payload: Vec<u8>) {
        self.0.publish(topic, rumqttc::v5::mqttbytes::QoS::AtLeastOnce, false, payload).await.unwrap();
    }
}
