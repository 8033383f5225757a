//! What the daemon writes down and tells once: rows of the ledger, events, advice.

use std::collections::BTreeSet;

use wattsplit::clock::{self, UnixMs};
use wattsplit::ledger::INTERVAL_MS;
use wattsplit::ledger::accrual::Accruer;
use wattsplit::ledger::rollup::HOUR_MS;
use wattsplit::ledger::store::{Batch, Ledger};

use super::*;
use crate::broker::Seen;
use crate::ledger::{kw, rows_of, split};
use crate::mqtt::schemas::check;

/// A ledger whose process ended in the middle of an interval, this long ago.
fn left_open(dir: &Path, ago_ms: i64) -> i64 {
    let now = clock::now();
    let around = now.wall.0 - ago_ms;
    // What was observed before the end is of the same interval.
    let ended = around - around % INTERVAL_MS + (around % INTERVAL_MS).max(15_000);
    let mut accruer = Accruer::default();
    for before in [10_000, 0] {
        rows_of(&mut accruer, &split(kw(120.0)), clock::Now { wall: UnixMs(ended - before), ..now });
    }
    let mut ledger = Ledger::open(&dir.join("ledger.sqlite")).unwrap();
    ledger.append(Batch { open: accruer.open_interval(), ..Batch::default() }).unwrap();
    ledger.close();
    ended
}

/// Everything that came on a record topic, checked against its schema.
pub fn rows(seen: &Seen, below: &str) -> Vec<Value> {
    let topic = format!("wattsplit/test/{below}");
    let messages = seen.log.iter().filter(|(t, _)| *t == topic);
    messages
        .flat_map(|(_, payload)| match check(below, payload) {
            Value::Array(rows) => rows,
            one => vec![one],
        })
        .collect()
}

fn kinds(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["kind"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_miner_has_a_row_also_the_one_that_is_silent_and_a_row_is_for_those_who_listen() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let dead = format!("{}:1", own_address());
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let config = site(&dir, broker.port, &[of(&miner), dead.clone()]);
    let with_labels = std::fs::read_to_string(&config)
        .unwrap()
        .replace("[[asic]]", "[[asic]]\nlabels_file = \"labels.csv\"");
    std::fs::write(&config, with_labels).unwrap();
    std::fs::write(dir.path().join("labels.csv"), format!("address,rack,position\n{dead},A-12,3-7\n"))
        .unwrap();
    let _daemon = Daemon::run(&config);
    let below = "devices/asic/row-a";
    let seen = subscriber.until("rows", |seen| !rows(seen, below).is_empty()).await;
    let rows = rows(&seen, below);
    let row = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap_or_else(|| panic!("{id}"));
    assert_eq!(
        (&row(&of(&miner))["state"], &row(&of(&miner))["model"]),
        (&"hashing".into(), &"S19 Pro".into())
    );
    assert_eq!(
        (&row(&dead)["state"], &row(&dead)["report_missing"]),
        (&"unreachable".into(), &"refused".into())
    );
    assert_eq!((&row(&dead)["rack"], &row(&dead)["position"]), (&"A-12".into(), &"3-7".into()));
    assert_eq!(row(&of(&miner)).get("rack"), None);
    let mut late = Subscriber::start(broker.observer_port).await;
    let seen = late.until("the live topics", |seen| seen.newest.contains_key("wattsplit/test/split")).await;
    assert!(!seen.newest.contains_key(&format!("wattsplit/test/{below}")));
}

#[tokio::test]
async fn a_model_that_the_table_does_not_know_is_an_event_with_the_string_that_the_machine_sent() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let miner = device(|mut stream| async move {
        let _ = stream.read(&mut [0; 256]).await?;
        let reply = r#"{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"GHS 5s":100000.0}],
            "STATS":[{"BMMiner":"1.0.0","Type":"Antminer S99"},{"GHS 5s":100000.0}]}"#;
        stream.write_all(reply.as_bytes()).await
    });
    let config = site(&dir, broker.port, &[miner.await]);
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let _daemon = Daemon::run(&config);
    let told = |seen: &Seen| rows(seen, "event").into_iter().find(|event| event["kind"] == "unknown_model");
    let seen = subscriber.until("the event", |seen| told(seen).is_some()).await;
    let event = told(&seen).unwrap();
    assert_eq!((&event["severity"], &event["subject"]), (&"warning".into(), &"row-a-s99".into()));
    assert!(event["text"].as_str().unwrap().starts_with("no model \"S99\" is in the table"), "{event}");
}

#[tokio::test]
async fn what_was_missed_is_told_when_the_daemon_is_back_and_its_end_too() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let config = site(&dir, broker.port, &[of(&miner)]);
    let ended = left_open(dir.path(), 2 * HOUR_MS);
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut daemon = Daemon::run(&config);
    subscriber.until("an hour", |seen| kinds(&rows(seen, "ledger")).contains(&"hour")).await;
    subscriber.until("an advice", |seen| kinds(&rows(seen, "event")).contains(&"advice")).await;
    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));
    let offline = |seen: &Seen| seen.text("wattsplit/test/status") == Some("offline");
    let seen = subscriber.until("offline", offline).await;

    let ledger = rows(&seen, "ledger");
    let intervals: Vec<&Value> = ledger.iter().filter(|row| row["kind"] == "interval").collect();
    assert_eq!(intervals[0]["ts"], ended - ended % INTERVAL_MS, "the one that was open is the first");
    assert!(intervals.iter().all(|row| row["energy_missing"] == "not_yet"), "nobody saw enough of them");
    assert!(intervals.len() >= 24, "{}", intervals.len());
    let hours: Vec<&Value> = ledger.iter().filter(|row| row["kind"] == "hour").collect();
    assert!(hours.iter().all(|hour| hour["ts"].as_i64().unwrap() % HOUR_MS == 0 && hour["intervals"].as_u64() <= Some(12)));
    let numbers: Vec<u64> = ledger.iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());

    let events = rows(&seen, "event");
    assert_eq!(kinds(&events)[..2], ["started", "gap"]);
    assert_eq!(kinds(&events).last(), Some(&"stopped"));
    let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let boots: BTreeSet<&str> =
        events.iter().chain(&ledger).map(|row| row["boot"].as_str().unwrap()).collect();
    assert_eq!(boots.len(), 1);

    // The books hold what was told.
    let ledger = |what: &str| -> Vec<Value> {
        let out = wattsplit(&["ledger", what, "--json", "--config", config.to_str().unwrap()]);
        assert!(out.status.success(), "{}", text(&out.stderr));
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let written = ledger("--events");
    assert_eq!(kinds(&written), kinds(&events));
    let advice = ledger("--advice");
    let message: Value = serde_json::from_str(advice[0]["message"].as_str().unwrap()).unwrap();
    assert_eq!((&message["id"], &message["status"]), (&advice[0]["id"], &"no_recommendation".into()));
}

#[tokio::test]
async fn without_a_place_for_the_ledger_events_are_told_all_the_same() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let config = site(&dir, broker.port, &[of(&miner)]);
    // A directory stands where the file should be.
    std::fs::create_dir(dir.path().join("ledger.sqlite")).unwrap();
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut daemon = Daemon::run(&config);
    let seen =
        subscriber.until("the alarm", |seen| kinds(&rows(seen, "event")).contains(&"ledger_failing")).await;
    let alarm = rows(&seen, "event").into_iter().find(|event| event["kind"] == "ledger_failing").unwrap();
    assert_eq!(alarm["severity"], "alarm");
    assert!(alarm["text"].as_str().unwrap().contains("ledger.sqlite: unable to open"), "{alarm}");
    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));
    subscriber.until("the end", |seen| kinds(&rows(seen, "event")).contains(&"stopped")).await;
}

/// Runs the daemon with its state on a disk of its own of 600 kB, fills the disk when a line comes in
/// and empties it with the next one.
const SMALL_DISK: &str = r#"
    mount -t tmpfs -o size=600k tmpfs "$1" || exit 3
    "$2" run --config "$3" 2>/dev/null & daemon=$!
    read _; dd if=/dev/zero of="$1/ballast" bs=1k 2>/dev/null
    read _; rm "$1/ballast"
    read _; kill -TERM $daemon; wait $daemon"#;

#[tokio::test]
async fn a_full_disk_is_an_alarm_and_stops_the_ledger_and_not_the_daemon() {
    use std::io::Write as _;
    let (Some(broker), true) = (Broker::open(), crate::broker::installed("unshare")) else { return };
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let config = site(&dir, broker.port, &[of(&miner)]);
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let with_state = std::fs::read_to_string(&config).unwrap();
    let with_state = with_state.replace(dir.path().to_str().unwrap(), state.to_str().unwrap());
    std::fs::write(&config, with_state).unwrap();
    let mut child = Command::new("unshare")
        .args(["--mount", "sh", "-c", SMALL_DISK, "sh"])
        .arg(&state)
        .arg(PROGRAM)
        .arg(&config)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut step = child.stdin.take().unwrap();
    let mut disk = Daemon(child);
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    tokio::select! {
        _ = subscriber.until("the start", |seen| kinds(&rows(seen, "event")).contains(&"started")) => {}
        status = disk.ended() => {
            eprintln!("skipped: this user may not mount a disk ({status})");
            return;
        }
    }
    step.write_all(b"\n").unwrap();
    let has = |seen: &Seen, kind: &str| kinds(&rows(seen, "event")).contains(&kind);
    // The interval that is open is written once a minute.
    tokio::time::sleep(Duration::from_secs(45)).await;
    let seen = subscriber.until("the alarm", |seen| has(seen, "ledger_failing")).await;
    let alarm = rows(&seen, "event").into_iter().find(|event| event["kind"] == "ledger_failing").unwrap();
    assert!(alarm["text"].as_str().unwrap().contains("full"), "{alarm}");
    let summary =
        |seen: &Seen| -> Value { serde_json::from_slice(&seen.newest["wattsplit/test/summary"]).unwrap() };
    let failing = subscriber.until("failing", |seen| summary(seen)["ledger_state"] == "failing").await;
    let later = summary(&failing)["ts"].as_i64().unwrap() + 1_500;
    subscriber.until("a later picture", |seen| summary(seen)["ts"].as_i64() > Some(later)).await;
    step.write_all(b"\n").unwrap();
    subscriber.until("the recovery", |seen| has(seen, "ledger_recovered")).await;
    step.write_all(b"\n").unwrap();
    assert_eq!(disk.ended().await.code(), Some(0));
    subscriber.until("the end", |seen| has(seen, "stopped")).await;
}

/// Milliseconds of energy in the ledger, rows and open interval together, and where it ends.
fn accrued(dir: &Path) -> (f64, i64) {
    let ledger = rusqlite::Connection::open(dir.join("ledger.sqlite")).unwrap();
    let in_rows = "SELECT coalesce(sum(energy_coverage), 0.0) * 300000.0 FROM interval";
    let in_rows: f64 = ledger.query_row(in_rows, [], |row| row.get(0)).unwrap();
    let state: String = ledger.query_row("SELECT state FROM open_interval", [], |row| row.get(0)).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    let blocks = state["blocks"].as_array().unwrap().iter();
    let open = blocks.flat_map(|block| block["energy"]["observed_ms"].as_array().unwrap());
    (in_rows + open.map(|ms| ms.as_f64().unwrap()).sum::<f64>(), state["done_ms"].as_i64().unwrap())
}

#[tokio::test]
async fn an_interval_that_is_open_survives_the_end_of_the_daemon() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let miner = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let config = site(&dir, broker.port, &[of(&miner)]);
    let begun = wattsplit::clock::now().wall.0;
    let (mut before, mut ended) = (0.0, begun);
    for kill in [false, true, false] {
        let mut subscriber = Subscriber::start(broker.observer_port).await;
        let now = wattsplit::clock::now().wall.0;
        let mut daemon = Daemon::run(&config);
        // Some pictures of this process in which the block is there.
        subscriber
            .until("the block", |seen| {
                let block = seen.newest.get("wattsplit/test/block/row-a-s19pro");
                let ts = block.map(|p| serde_json::from_slice::<Value>(p).unwrap()["ts"].as_i64().unwrap());
                ts.is_some_and(|ts| ts > now + 4_000)
            })
            .await;
        if kill {
            // What it had not written is lost, and nothing that was.
            drop(daemon);
            let (observed, done) = accrued(dir.path());
            assert!(observed >= before && done >= ended, "{observed} ms up to {done}");
            continue;
        }
        daemon.terminate();
        assert_eq!(daemon.ended().await.code(), Some(0));
        let (observed, done) = accrued(dir.path());
        assert!(
            observed > before && done > ended,
            "{observed} ms up to {done}, after {before} up to {ended}"
        );
        assert!(observed <= (done - begun) as f64, "{observed} ms in {} ms", done - begun);
        (before, ended) = (observed, done);
    }
}
