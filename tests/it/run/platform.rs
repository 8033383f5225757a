//! A hosting on a platform: what is stated becomes revenue and a row of the ledger, and is corrected later.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::records::rows;
use super::*;
use crate::broker::Seen;
use crate::fake_http::{FakeHttp, Reply};
use crate::mqtt::schemas::check;

/// What the account of the platform must not leave behind.
const PERSONAL: [&str; 2] = ["mallory@hosts.example", "Mallory Hostkeeper"];

/// A statement in which the GPUs have earned so much yesterday, and 31 USD today.
fn statement(usd: u32) -> String {
    let today = wattsplit::clock::now().wall.secs().div_euclid(86_400);
    let day = |day: i64, usd: u32| {
        format!(r#"{{"day":{day},"gpu_earn":{usd},"sto_earn":"0.5","bwu_earn":0.25,"bwd_earn":0.25}}"#)
    };
    let [email, name] = PERSONAL;
    format!(
        r#"{{"email":"{email}","fullname":"{name}","per_day":[{},{}]}}"#,
        day(today - 1, usd),
        day(today, 30)
    )
}

fn config(dir: &TempDir, broker_port: u16, url: &str) -> PathBuf {
    let path = site(dir, broker_port, &[]);
    let mut toml = std::fs::read_to_string(&path).unwrap();
    let asic = toml.find("[[asic]]").unwrap()..toml.find("[power]").unwrap();
    toml.replace_range(asic, "");
    toml.push_str(&format!(
        "[[hosting]]\nname = \"listed\"\nterms = \"platform\"\nhost_fee = 0.25\n\
         [hosting.platform]\nkind = \"vast\"\ntoken_file = \"key\"\nurl = \"{url}\"\n"
    ));
    std::fs::write(dir.path().join("key"), "key-0123456789abcdef").unwrap();
    std::fs::write(&path, toml).unwrap();
    path
}

fn earnings(seen: &Seen) -> Vec<Value> {
    rows(seen, "ledger").into_iter().filter(|row| row["kind"] == "earning").collect()
}

#[tokio::test]
async fn a_days_earning_is_published_kept_and_corrected_and_the_account_is_nowhere() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let usd = Arc::new(AtomicU32::new(119));
    let stated = usd.clone();
    let vast = FakeHttp::start(move |request| match request.header("authorization") {
        Some("Bearer key-0123456789abcdef") => Reply::Ok(statement(stated.load(Ordering::SeqCst))),
        _ => Reply::Status(401, vec![], ""),
    })
    .await;
    let config = config(&dir, broker.port, &vast.url);
    let log = dir.path().join("log");
    let mut subscriber = Subscriber::start(broker.observer_port).await;

    let mut daemon = Daemon::logging_to(File::create(&log).unwrap(), &config);
    let seen = subscriber
        .until("the earning and the block", |seen| {
            let block = seen.text("wattsplit/test/block/listed").unwrap_or_default();
            !earnings(seen).is_empty() && block.contains("earned_last_usd")
        })
        .await;
    let block = check("block/listed", &seen.newest["wattsplit/test/block/listed"]);
    // 120 USD a day, less a quarter.
    assert_eq!((&block["revenue_usd_per_h"], &block["revenue_quality"]), (&3.75.into(), &"estimated".into()));
    assert_eq!(
        (&block["revenue_gross_usd_per_h"], &block["revenue_fee_usd_per_h"]),
        (&5.0.into(), &1.25.into())
    );
    assert_eq!((&block["revenue_basis"], &block["earned_last_usd"]), (&"settled".into(), &90.0.into()));
    let today = (&block["earned_today_usd"], &block["earned_today_basis"]);
    assert_eq!(today, (&23.25.into(), &"platform_estimate".into()));
    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));

    usd.store(123, Ordering::SeqCst);
    let mut daemon = Daemon::logging_to(File::options().append(true).open(&log).unwrap(), &config);
    let seen = subscriber.until("the correction", |seen| earnings(seen).len() > 1).await;
    let corrected = earnings(&seen).pop().unwrap();
    assert_eq!((&corrected["net_usd"], &corrected["corrects_net_usd"]), (&93.0.into(), &90.0.into()));
    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));

    let mut left_behind = std::fs::read(&log).unwrap();
    for file in ["ledger.sqlite", "ledger.sqlite-wal"] {
        left_behind.extend(std::fs::read(dir.path().join(file)).unwrap_or_default());
    }
    seen.newest.values().for_each(|payload| left_behind.extend(payload));
    let left_behind = String::from_utf8_lossy(&left_behind);
    for word in PERSONAL.iter().chain(&["key-0123456789abcdef"]) {
        assert!(!left_behind.contains(word), "{word} was left behind");
    }
}
