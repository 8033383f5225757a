//! A switch dies, and with it a group of miners.

use std::fs::File;

use super::records::rows;
use super::*;
use crate::broker::Seen;

/// Miners of each group.
const ROW: usize = 16;

async fn row() -> Vec<FakeMiner> {
    let mut row = Vec::new();
    for _ in 0..ROW {
        row.push(FakeMiner::serve("whatsminer-unknown-v1-20210322").await);
    }
    row
}

fn events<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["kind"] == kind).collect()
}

fn summary(seen: &Seen) -> Value {
    seen.newest.get("wattsplit/test/summary").map_or(Value::Null, |p| serde_json::from_slice(p).unwrap())
}

#[tokio::test]
async fn a_group_that_dies_is_one_event_and_few_lines_and_its_return_another_event() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let (mut dies, stays) = (row().await, row().await);
    let hosts = |row: &[FakeMiner]| row.iter().map(of).collect::<Vec<String>>();
    let config = site(&dir, broker.port, &hosts(&dies));
    let mut toml = std::fs::read_to_string(&config).unwrap();
    toml.push_str(&format!("[[asic]]\ngroup = \"row-b\"\nhosts = {:?}\npool_fee = 0.01\n", hosts(&stays)));
    // Often enough to see it soon, and seldom enough for a busy machine.
    std::fs::write(
        &config,
        toml.replace("hosts = [", "interval_secs = 2\nhosts = [").replace("interval_secs = 1\npool", "pool"),
    )
    .unwrap();
    let log = dir.path().join("log");
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut daemon = Daemon::logging_to(File::create(&log).unwrap(), &config);

    let hashing = |seen: &Seen| summary(seen)["sources_ok"].as_u64() > Some(2 * ROW as u64);
    subscriber.until("all are read", hashing).await;
    for miner in &mut dies {
        miner.die().await;
    }
    let lost = |seen: &Seen| !events(&rows(seen, "event"), "group_lost").is_empty();
    let seen = subscriber.until("the loss", lost).await;
    assert!(summary(&seen)["sweep_failed_refused"].as_u64() > Some(0), "{}", summary(&seen));
    for miner in &mut dies {
        miner.revive().await;
    }
    let back = |seen: &Seen| !events(&rows(seen, "event"), "group_back").is_empty();
    let seen = subscriber.until("the return", back).await;
    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));

    let told = rows(&seen, "event");
    let [lost] = events(&told, "group_lost")[..] else { panic!("{told:#?}") };
    assert_eq!((&lost["severity"], &lost["subject"]), (&"alarm".into(), &"row-a".into()));
    let text = lost["text"].as_str().unwrap();
    assert!(text.ends_with("of 16 miners of row-a have stopped to answer so far, mostly: refused"), "{text}");
    let [back] = events(&told, "group_back")[..] else { panic!("{told:#?}") };
    assert_eq!((&back["severity"], &back["subject"]), (&"info".into(), &"row-a".into()));
    let text = back["text"].as_str().unwrap();
    assert!(text.contains("of 16 miners of row-a answer again after "), "{text}");

    let log = std::fs::read_to_string(&log).unwrap();
    let lines = log.lines().filter(|line| line.contains("source=\"asic/")).count();
    assert!((1..=10).contains(&lines), "five in a minute, of two at most:\n{log}");
}

#[test]
fn a_small_limit_of_open_files_is_one_warning_and_fewer_miners_at_a_time() {
    let dir = TempDir::new().unwrap();
    let config = site(&dir, 1, &["127.0.0.1:1".into()]);
    let limited = r#"ulimit -n 300; exec "$1" -v once --json --config "$2""#;
    let out = Command::new("sh").args(["-c", limited, "sh", PROGRAM]).arg(&config).output().unwrap();
    assert!(out.status.success(), "{}", text(&out.stderr));
    let warnings: Vec<&str> = text(&out.stderr).lines().filter(|line| line.contains("open files")).collect();
    assert_eq!(warnings.len(), 1, "{}", text(&out.stderr));
    assert!(warnings[0].contains("places=75"), "{}", warnings[0]);
}
