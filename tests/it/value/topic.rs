//! Topics of the operator on the daemon's broker: real processes and a real broker.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use wattsplit::clock;

use crate::broker::{Broker, Seen, Subscriber};
use crate::mqtt::schemas::check;
use crate::run::Daemon;

use super::feed::publish;

const METER: &str = "[meter]\ntopic = \"scada/hall\"\npower_key = \"/kw\"\npower_unit = \"kw\"\n\
    interval_secs = 2\n";

pub struct Site {
    pub broker: Broker,
    pub dir: TempDir,
}

impl Site {
    pub fn new() -> Option<Self> {
        Some(Self { broker: Broker::open()?, dir: TempDir::new().unwrap() })
    }

    pub fn config(&self, more: &str) -> PathBuf {
        let path = self.dir.path().join("wattsplit.toml");
        let text = format!(
            "[site]\nname = \"test\"\nnode = \"box\"\nstate_dir = {:?}\ntimezone = \"America/Chicago\"\n\
             [mqtt]\nhost = \"127.0.0.1\"\nport = {}\ninterval_secs = 1\n\
             [power]\nkind = \"fixed\"\nusd_per_mwh = 45.0\n\
             [btc]\ncoinbase_url = \"\"\nkraken_url = \"\"\nbitstamp_url = \"\"\n{more}",
            self.dir.path(),
            self.broker.port
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    pub async fn tell(&self, topic: &str, payload: impl Into<Vec<u8>>, retain: bool) {
        publish(self.broker.observer_port, topic, payload, retain).await;
    }

    /// The program's log goes to this file.
    pub fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    pub fn daemon(&self, more: &str) -> Daemon {
        let log = std::fs::File::create(self.log()).unwrap();
        Daemon::logging_to(Stdio::from(log), &self.config(more))
    }
}

pub fn json(seen: &Seen, below: &str) -> Value {
    let payload = seen.newest.get(&format!("wattsplit/test/{below}"));
    payload.map_or(Value::Null, |payload| serde_json::from_slice(payload).unwrap())
}

fn meter_is(seen: &Seen, kw: f64) -> bool {
    json(seen, "split")["meter_kw"] == kw
}

#[tokio::test]
async fn a_meter_on_a_topic_is_live_then_stale_and_survives_rubbish_and_a_broker_that_is_gone() {
    let Some(mut site) = Site::new() else { return };
    let mut subscriber = Subscriber::start(site.broker.observer_port).await;
    // Kept from whenever: shown, and not trusted.
    site.tell("scada/hall", "{\"kw\": 700}", true).await;
    let _daemon = site.daemon(METER);
    let seen = subscriber.until("what was kept", |seen| meter_is(seen, 700.0)).await;
    assert_eq!(json(&seen, "split")["meter_quality"], "stale");
    site.tell("scada/hall", "{\"kw\": \"812.5\"}", false).await;
    let seen = subscriber.until("a live reading", |seen| meter_is(seen, 812.5)).await;
    let split = check("split", &seen.newest["wattsplit/test/split"]);
    assert_eq!(split.get("meter_quality"), None, "measured");
    assert_eq!(split["site_power_kw"], 812.5);

    for rubbish in ["<html>Sign in", "{\"power\": 5}", "\u{fffd}"] {
        site.tell("scada/hall", rubbish, false).await;
    }
    site.tell("scada/hall", vec![b'7'; 200_000], false).await;
    subscriber.until("trouble", |seen| json(seen, "summary")["sources_failing"] == 1).await;
    subscriber.until("silence", |seen| json(seen, "split")["meter_quality"] == "stale").await;
    site.tell("scada/hall", "{\"kw\": 800}", false).await;
    let seen = subscriber.until("another reading", |seen| meter_is(seen, 800.0)).await;
    assert_eq!(json(&seen, "summary")["mqtt_connects"], 1, "no message ends the connection");

    site.broker.restart();
    let mut subscriber = Subscriber::start(site.broker.observer_port).await;
    subscriber.until("a second connection", |seen| json(seen, "summary")["mqtt_connects"] == 2).await;
    site.tell("scada/hall", "{\"kw\": 790}", false).await;
    let seen = subscriber.until("a reading after it", |seen| meter_is(seen, 790.0)).await;
    assert_eq!(json(&seen, "split").get("meter_quality"), None);
    let log = std::fs::read_to_string(site.log()).unwrap();
    for line in [
        "meter on scada/hall: garbage: the reply is HTML, not JSON (line 1, column 1); it begins: <html>Sign in",
        "meter on scada/hall: not_reported: no power at `/kw` of the page",
        "meter tells again on scada/hall",
    ] {
        assert!(log.contains(line), "{line}\n{log}");
    }
}

#[tokio::test]
async fn what_was_kept_since_yesterday_is_no_reading_if_it_tells_its_time() {
    let Some(site) = Site::new() else { return };
    let mut subscriber = Subscriber::start(site.broker.observer_port).await;
    let yesterday = clock::now().wall.secs() - 86_400;
    site.tell("scada/hall", format!("{{\"kw\": 700, \"at\": {yesterday}}}"), true).await;
    let _daemon = site.daemon(&format!("{METER}time_key = \"/at\"\n"));
    subscriber.until("expired", |seen| json(seen, "split")["meter_missing"] == "expired").await;
}

#[tokio::test]
async fn the_number_of_rented_gpus_comes_from_a_topic() {
    let Some(site) = Site::new() else { return };
    let mut subscriber = Subscriber::start(site.broker.observer_port).await;
    let hosting = "[[hosting]]\nname = \"gpus\"\nterms = \"occupied\"\nusd_per_gpu_h = 2.0\n\
        occupied_from = \"mqtt\"\noccupied_topic = \"platform/gpus\"\n";
    let _daemon = site.daemon(hosting);
    subscriber
        .until("nothing yet", |seen| json(seen, "block/gpus")["occupied_gpus_missing"] == "not_yet")
        .await;
    site.tell("platform/gpus", "5", false).await;
    let seen = subscriber.until("five", |seen| json(seen, "block/gpus")["occupied_gpus"] == 5).await;
    let block = check("block/gpus", &seen.newest["wattsplit/test/block/gpus"]);
    assert_eq!(block.get("occupied_gpus_quality"), None, "measured");
    site.tell("platform/gpus", "many", false).await;
    let stale = |seen: &Seen| json(seen, "block/gpus")["occupied_gpus_quality"] == "stale";
    subscriber.until("the last number", stale).await;
}

#[tokio::test]
async fn a_price_of_ones_own_is_one_more_venue() {
    let Some(site) = Site::new() else { return };
    let mut subscriber = Subscriber::start(site.broker.observer_port).await;
    let _daemon = site.daemon("[btc.own]\ntopic = \"desk/btc\"\nprice_key = \"/usd\"\n");
    subscriber.until("nothing yet", |seen| json(seen, "price/btc")["btc_missing"] == "not_yet").await;
    site.tell("desk/btc", "{\"usd\":\"91234.5\"}", true).await;
    let seen = subscriber.until("a price", |seen| json(seen, "price/btc")["btc_usd"] == 91_234.5).await;
    let price = check("price/btc", &seen.newest["wattsplit/test/price/btc"]);
    assert_eq!((&price["venue_own_usd"], &price["btc_quality"]), (&91_234.5.into(), &"estimated".into()));
    site.tell("desk/btc", "{\"usd\":9123450000}", true).await;
    let seen = subscriber.until("trouble", |seen| json(seen, "summary")["sources_failing"] == 1).await;
    assert_eq!(json(&seen, "price/btc")["venue_own_usd"], 91_234.5, "another unit is no price");
}

#[tokio::test]
async fn the_price_of_power_comes_from_a_topic_and_one_of_unknown_age_is_none() {
    let Some(site) = Site::new() else { return };
    let mut subscriber = Subscriber::start(site.broker.observer_port).await;
    site.tell("market/price", "7", true).await;
    let config = site.config("[power.own]\ntopic = \"market/price\"\n");
    let text = std::fs::read_to_string(&config).unwrap();
    let fixed = "kind = \"fixed\"\nusd_per_mwh = 45.0";
    std::fs::write(&config, text.replace(fixed, "kind = \"mqtt\"")).unwrap();
    let _daemon = Daemon::run(&config);
    subscriber.until("no price", |seen| json(seen, "price/power")["power_price_missing"] == "expired").await;
    site.tell("market/price", "-12.5", true).await;
    let seen = subscriber
        .until("a price", |seen| json(seen, "price/power")["power_price_usd_per_mwh"] == -12.5)
        .await;
    let price = check("price/power", &seen.newest["wattsplit/test/price/power"]);
    assert_eq!(
        (price.get("power_price_quality"), &price["power_price_source"]),
        (None, &"tariff.own".into())
    );
    assert!(price["power_price_until_ts"].as_i64().unwrap() > 0);
}
