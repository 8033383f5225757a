//! The built program as an operator runs it: real processes, sockets, signals and a real broker.

#[path = "run/brokers.rs"]
mod brokers;
#[path = "run/changed.rs"]
mod changed;
#[path = "run/gpus.rs"]
mod gpus;
#[path = "run/homeassistant.rs"]
mod homeassistant;
#[path = "run/outage.rs"]
mod outage;
#[path = "run/platform.rs"]
mod platform;
#[path = "run/records.rs"]
mod records;
#[path = "run/secrets.rs"]
mod secrets;
#[path = "run/sparkplug.rs"]
mod sparkplug;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wattsplit::sim::site::{Options, Simulation};

use crate::broker::{Broker, PATIENCE, Subscriber};
use crate::fake_miner::{FakeMiner, own_address};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_wattsplit");

pub fn wattsplit(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The daemon; killed if the test ends before it does.
pub struct Daemon(Child);

impl Daemon {
    pub fn run(config: &Path) -> Self {
        Self::logging_to(Stdio::null(), config)
    }

    pub fn logging_to(log: impl Into<Stdio>, config: &Path) -> Self {
        let child = Command::new(PROGRAM)
            .args(["run", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn();
        Self(child.unwrap())
    }

    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for the end without stopping the fakes on this runtime.
    pub async fn ended(&mut self) -> ExitStatus {
        let waiting = async {
            loop {
                if let Some(status) = self.0.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the daemon does not end")
    }

    fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A site of these miners, with everything else fixed and near.
fn site(dir: &TempDir, broker_port: u16, hosts: &[String]) -> PathBuf {
    let path = dir.path().join("wattsplit.toml");
    let config = format!(
        r#"
[site]
name = "test"
state_dir = {state:?}
[mqtt]
host = "127.0.0.1"
port = {broker_port}
interval_secs = 1
[[asic]]
group = "row-a"
hosts = {hosts:?}
interval_secs = 1
pool_fee = 0.01
[power]
kind = "fixed"
usd_per_mwh = 45.0
[btc]
coinbase_url = ""
kraken_url = ""
bitstamp_url = ""
"#,
        state = dir.path(),
    );
    std::fs::write(&path, config).unwrap();
    path
}

/// A device of this behaviour at an address of its own.
async fn device<F>(behave: impl Fn(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind((own_address(), 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(behave(stream));
        }
    });
    address
}

async fn hang(stream: TcpStream) -> std::io::Result<()> {
    tokio::time::sleep(PATIENCE * 2).await;
    drop(stream);
    Ok(())
}

fn of(miner: &FakeMiner) -> String {
    miner.host.to_string()
}

/// A simulated site that publishes to this broker, and its config.
pub async fn simulated(
    dir: &TempDir,
    broker_port: u16,
    miners: usize,
    gpu_hosts: usize,
    miner_port: u16,
) -> (Simulation, PathBuf) {
    let options = Options { miners, gpu_hosts, broker_port, miner_port, ..Options::default() };
    let simulation = Simulation::start(options).await.unwrap();
    let config = dir.path().join("site.toml");
    std::fs::write(&config, &simulation.config_toml).unwrap();
    (simulation, config)
}

#[tokio::test]
async fn a_mixed_site_is_published_and_the_end_is_announced() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let (_simulation, config) = simulated(&dir, broker.port, 40, 2, 24028).await;
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut daemon = Daemon::run(&config);

    subscriber
        .until("both sides earn", |seen| {
            let split =
                seen.newest.get("wattsplit/demo/split").map(|p| serde_json::from_slice::<Value>(p).unwrap());
            split.is_some_and(|s| {
                s["hash_revenue_usd_per_h"].as_f64() > Some(0.0)
                    && s["ai_revenue_usd_per_h"].as_f64() > Some(0.0)
            })
        })
        .await;
    for topic in [
        "summary",
        "advice",
        "price/power",
        "price/btc",
        "price/network",
        "price/hashprice",
        "pool/braiins-demo",
        "host/demo",
    ] {
        subscriber.until(topic, |seen| seen.newest.contains_key(&format!("wattsplit/demo/{topic}"))).await;
    }
    let block = |topic: &String| topic.starts_with("wattsplit/demo/block/");
    let seen = subscriber.until("a block", |seen| seen.newest.keys().any(block)).await;
    assert_eq!(seen.text("wattsplit/demo/status"), Some("online"));

    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));
    let seen =
        subscriber.until("offline", |seen| seen.text("wattsplit/demo/status") == Some("offline")).await;
    assert_eq!(seen.text("wattsplit/demo/status"), Some("offline"));
}

#[tokio::test]
async fn what_the_pool_settled_is_in_the_ledger_and_is_held_against_what_was_accrued() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let (_simulation, config) = simulated(&dir, broker.port, 8, 1, 24128).await;
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut daemon = Daemon::run(&config);
    // The pool's last day is settled, and nothing of it was accrued.
    subscriber
        .until("a settled day", |seen| {
            let pool = seen.newest.get("wattsplit/demo/pool/braiins-demo");
            let pool = pool.map(|p| serde_json::from_slice::<Value>(p).unwrap()).unwrap_or_default();
            pool.get("settled_last_sats").is_some() && pool["capture_24h_missing"] == "not_yet"
        })
        .await;
    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));
    let config = config.to_str().unwrap();
    let out = wattsplit(&["ledger", "--settlements", "--json", "--config", config, "--from", "2020-01-01"]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let rows: Vec<Value> = serde_json::from_slice(&out.stdout).unwrap();
    assert!(!rows.is_empty());
    // The pool has told all of it more than once.
    let days: std::collections::BTreeSet<i64> =
        rows.iter().map(|row| row["at_ts"].as_i64().unwrap()).collect();
    assert_eq!(days.len(), rows.len());
    assert!(rows.iter().all(|row| row["pool"] == "braiins-demo" && row.get("corrects").is_none()));
}

#[tokio::test]
async fn while_the_broker_is_away_polling_goes_on_and_afterwards_the_newest_is_there() {
    let Some(mut broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let daemon = Daemon::run(&site(&dir, broker.port, &[of(&miner)]));
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    subscriber.until("the block", |seen| seen.newest.contains_key("wattsplit/test/block/row-a-s19pro")).await;

    broker.kill();
    let rss_before = daemon.rss_kib();
    let mut polls = 0;
    miner.asked();
    while polls < 12 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        polls += miner.asked().iter().filter(|request| request.contains("summary")).count();
    }
    let grown = daemon.rss_kib().saturating_sub(rss_before);
    assert!(grown < 2048, "memory grew by {grown} KiB while the broker was away");

    let back = wattsplit::clock::now().wall.0;
    broker.restart();
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let seen = subscriber
        .until("a new summary", |seen| {
            let summary = seen.newest.get("wattsplit/test/summary");
            summary.is_some_and(|p| {
                serde_json::from_slice::<Value>(p).unwrap()["ts"].as_i64() >= Some(back - 2000)
            })
        })
        .await;
    assert_eq!(seen.text("wattsplit/test/status"), Some("online"));
}

#[tokio::test]
async fn sigterm_ends_it_also_while_a_device_hangs() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let hanging = device(hang).await;
    let mut daemon = Daemon::run(&site(&dir, broker.port, &[hanging]));
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    subscriber.until("online", |seen| seen.text("wattsplit/test/status") == Some("online")).await;
    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));
    subscriber.until("offline", |seen| seen.text("wattsplit/test/status") == Some("offline")).await;
}

#[tokio::test]
async fn each_miner_that_misbehaves_is_reported_as_what_it_is_and_harms_no_other() {
    let dir = TempDir::new().unwrap();
    let healthy = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let refusing = format!("{}:1", own_address());
    let hanging = device(hang).await;
    let trickling = device(|mut stream| async move {
        for byte in std::iter::repeat_n(b' ', 600) {
            stream.write_all(&[byte]).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    });
    let trickling = trickling.await;
    let cut = device(|mut stream| async move {
        let _ = stream.read(&mut [0; 256]).await?;
        stream.write_all(br#"{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"GHS 5s":1100"#).await
    });
    let cut = cut.await;
    let garbage = device(|mut stream| async move {
        let _ = stream.read(&mut [0; 256]).await?;
        stream.write_all(b"SSH-2.0-dropbear\r\n\0").await
    });
    let garbage = garbage.await;
    let endless = device(|mut stream| async move {
        let _ = stream.read(&mut [0; 256]).await?;
        for _ in 0..100 {
            stream.write_all(&vec![b'['; 1 << 20]).await?;
        }
        Ok(())
    });
    let endless = endless.await;

    let expected = [
        (&refusing, "refused"),
        (&hanging, "timeout"),
        (&trickling, "timeout"),
        (&cut, "cut_off"),
        (&garbage, "garbage"),
        (&endless, "too_large"),
    ];
    let hosts: Vec<String> = expected.iter().map(|(host, _)| (*host).clone()).chain([of(&healthy)]).collect();
    let config = site(&dir, 1, &hosts);
    let once = tokio::task::spawn_blocking(move || {
        wattsplit(&["once", "--json", "--config", config.to_str().unwrap()])
    });
    let out = once.await.unwrap();
    assert!(out.status.success(), "{}", text(&out.stderr));
    let document: Value = serde_json::from_slice(&out.stdout).unwrap();
    let asics = document["asics"].as_array().unwrap();
    let asic = |id: &str| asics.iter().find(|asic| asic["id"] == id).unwrap_or_else(|| panic!("{id}"));
    for (host, why) in expected {
        assert_eq!(asic(host)["state"], "unreachable", "{why}");
        assert_eq!(asic(host)["missing"], why, "{}", asic(host));
        assert!(asic(host).get("hashrate_ths").is_none_or(|h| h.get("value").is_none()), "{why}");
    }
    assert_eq!(asic(&of(&healthy))["state"], "hashing");
}

#[tokio::test]
async fn explain_says_what_is_missing_before_it_says_what_to_do() {
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let config = site(&dir, 1, &[of(&miner)]);
    let explain = move || wattsplit(&["explain", "--config", config.to_str().unwrap()]);
    let out = tokio::task::spawn_blocking(explain).await.unwrap();
    assert!(out.status.success(), "{}", text(&out.stderr));
    let page = text(&out.stdout);
    assert!(page.contains("No recommendation: row-a-s19pro.hashprice missing or stale."), "{page}");
    assert!(page.contains("MERIT ORDER") && page.contains("hashprice"), "{page}");
}

#[test]
fn exit_codes_tell_usage_config_and_failure_apart() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    assert_eq!(wattsplit(&["run", "--no-such-option"]).status.code(), Some(2));

    let init = wattsplit(&["init", &path("new.toml")]);
    assert_eq!(init.status.code(), Some(0), "{}", text(&init.stderr));
    assert_eq!(wattsplit(&["init", &path("new.toml")]).status.code(), Some(1), "never overwrites by itself");
    assert_eq!(wattsplit(&["check", &path("new.toml")]).status.code(), Some(0));

    std::fs::write(path("bad.toml"), "[site]\nnaem = \"x\"\nname = \"A B\"\n").unwrap();
    for command in [vec!["check"], vec!["once", "--config"], vec!["run", "--config"]] {
        let bad = path("bad.toml");
        let out = wattsplit(&[command.as_slice(), &[bad.as_str()]].concat());
        assert_eq!(out.status.code(), Some(78), "{command:?}");
        let said = text(&out.stderr);
        assert!(said.contains("bad.toml:2:1") && said.contains("bad.toml:3:8"), "{said}");
    }

    std::fs::write(path("mute.toml"), "[site]\nname = \"mute\"\n").unwrap();
    let mute = wattsplit(&["run", "--config", &path("mute.toml")]);
    assert_eq!(mute.status.code(), Some(1));
    assert!(text(&mute.stderr).contains("[mqtt]"), "{}", text(&mute.stderr));
}
