//! A machine with GPUs: the driver hangs, and is let go on request.

use super::records::rows;
use super::*;
use crate::broker::Seen;
use crate::gpu::fake::Machine;

const TWO: &str = "
count = 2
gpu0.uuid = GPU-a
gpu0.name = NVIDIA H200
gpu0.power_average_mw = 500000
gpu0.energy_mj = 1000
gpu0.temp_c = 60
gpu0.xids =
gpu1.uuid = GPU-b
gpu1.name = NVIDIA H200
gpu1.power_average_mw = 700000
gpu1.energy_mj = 2000
gpu1.temp_c = 64
gpu1.xids =
";

/// A site of this machine's GPUs alone.
fn site_of(machine: &Machine, dir: &TempDir, broker_port: u16) -> PathBuf {
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
[[hosting]]
name = "ai"
terms = "reserved"
usd_per_gpu_h = 2.0
reserved_gpus = 2
[[gpu_host]]
name = "own"
hosting = "ai"
read = "nvml"
library = {library:?}
interval_secs = 1
[power]
kind = "fixed"
usd_per_mwh = 45.0
[btc]
coinbase_url = ""
kraken_url = ""
bitstamp_url = ""
"#,
        state = dir.path(),
        library = machine.library(),
    );
    std::fs::write(&path, config).unwrap();
    path
}

fn summary(payload: &[u8]) -> Value {
    serde_json::from_slice(payload).unwrap()
}

/// Whether the newest summary counts that many GPUs under `key`.
fn counts(seen: &Seen, key: &str, count: u64) -> bool {
    seen.newest.get("wattsplit/test/summary").is_some_and(|payload| summary(payload)[key] == count)
}

/// Summaries so far that count two hung GPUs.
fn summaries_of_the_hang(seen: &Seen) -> usize {
    let summaries = seen.log.iter().filter(|(topic, _)| topic == "wattsplit/test/summary");
    summaries.filter(|(_, payload)| summary(payload)["gpus_hung"] == 2).count()
}

/// What was told of changes.
fn states(seen: &Seen) -> Vec<String> {
    let events = rows(seen, "event").into_iter().filter(|event| event["kind"] == "gpu_state");
    events.map(|event| event["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_driver_that_hangs_for_a_minute_stops_no_message_and_is_told_with_the_age_of_the_last_values() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let machine = Machine::new(TWO);
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut daemon = Daemon::run(&site_of(&machine, &dir, broker.port));
    subscriber.until("both GPUs", |seen| counts(seen, "gpus_ok", 2)).await;

    machine.set(&format!("hang = gpu0.power_average_mw\n{TWO}"));
    subscriber.until("the hang", |seen| counts(seen, "gpus_hung", 2)).await;
    // One a second.
    for summaries in [20, 40, 60] {
        subscriber.until("messages", |seen| summaries_of_the_hang(seen) >= summaries).await;
    }
    let seen = subscriber.until("no power", |seen| {
        let block = seen.newest.get("wattsplit/test/block/ai").map(|payload| summary(payload));
        block.is_some_and(|block| block["board_power_missing"] == "hung" && block["units_hung"] == 2)
    });
    let seen = seen.await;
    assert_eq!(states(&seen), ["own: driver: hung (was ok); hung: GPU-a (was ok), GPU-b (was ok)"]);

    machine.set(TWO);
    subscriber.until("the return", |seen| counts(seen, "gpus_ok", 2)).await;
    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));
}

#[tokio::test]
async fn sigterm_ends_it_also_while_the_driver_hangs() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let machine = Machine::new(&format!("hang = init\n{TWO}"));
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut daemon = Daemon::run(&site_of(&machine, &dir, broker.port));
    subscriber.until("online", |seen| seen.text("wattsplit/test/status") == Some("online")).await;
    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));
    subscriber.until("offline", |seen| seen.text("wattsplit/test/status") == Some("offline")).await;
}

#[tokio::test]
async fn the_gpus_are_released_for_a_reset_and_taken_up_again() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let machine = Machine::new(TWO);
    let config = site_of(&machine, &dir, broker.port);
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let _daemon = Daemon::run(&config);
    subscriber.until("both GPUs", |seen| counts(seen, "gpus_ok", 2)).await;
    assert!(machine.is_held());

    let config = config.to_str().unwrap().to_owned();
    let release = |more: &'static [&str]| {
        let args = [&["release-gpus", "--config", &config], more].concat();
        let out = wattsplit(&args);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        text(&out.stdout).to_owned()
    };
    let said = release(&["--for", "1h"]);
    assert!(said.starts_with("released until 20"), "{said}");
    assert!(!machine.is_held());
    subscriber.until("no GPU", |seen| counts(seen, "gpus_absent", 2)).await;

    assert_eq!(release(&["--resume"]), "the GPUs are read again\n");
    assert!(machine.is_held());
    subscriber.until("both GPUs again", |seen| counts(seen, "gpus_ok", 2)).await;
    let seen = subscriber.until("two events", |seen| states(seen).len() >= 2).await;
    assert_eq!(states(&seen), ["own: driver: released (was ok)", "own: driver: ok (was released)"]);
    assert_eq!(release(&["--resume"]), "nothing was released\n");
}
