//! From the wire to the topics and the ledger: the built daemon on a simulated site with a meter.

use serde_json::Value;
use tempfile::TempDir;

use crate::broker::{Broker, Subscriber};
use crate::mqtt::schemas::check;
use crate::run::{Daemon, simulated, wattsplit};

fn kw(payload: &Value, key: &str) -> f64 {
    payload[key].as_f64().unwrap_or_else(|| panic!("{key} in {payload:#}"))
}

#[tokio::test]
async fn the_meter_says_what_the_site_draws_and_the_residual_is_published() {
    let Some(broker) = Broker::open() else { return };
    let dir = TempDir::new().unwrap();
    let (simulation, config) = simulated(&dir, broker.port, 40, 2, 24228).await;
    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let mut daemon = Daemon::run(&config);
    let seen = subscriber
        .until("a residual", |seen| {
            let split = seen.newest.get("wattsplit/demo/split");
            let split = split.map(|p| serde_json::from_slice::<Value>(p).unwrap()).unwrap_or_default();
            split.get("attribution_method").is_some()
        })
        .await;
    let split = check("split", &seen.newest["wattsplit/demo/split"]);
    let meter = kw(&split, "meter_kw");
    assert_eq!((kw(&split, "site_power_kw"), split.get("site_power_quality")), (meter, None));
    let blocks = kw(&split, "hash_facility_power_kw") + kw(&split, "ai_facility_power_kw");
    assert!((blocks - meter).abs() < 1e-3, "{blocks} of {meter}");
    let fraction = kw(&split, "residual_kw") / meter;
    assert!((0.01..0.30).contains(&fraction) && (kw(&split, "residual_fraction") - fraction).abs() < 1e-5);
    assert!((1.05..1.6).contains(&kw(&split, "pue")), "{split:#}");
    assert_eq!(
        (&split["attribution_method"], &split["energy_capture_24h_missing"]),
        (&"it_power".into(), &"not_yet".into())
    );

    let seen =
        subscriber.until("the summary", |seen| seen.newest.contains_key("wattsplit/demo/summary")).await;
    let summary = check("summary", &seen.newest["wattsplit/demo/summary"]);
    assert_eq!(summary.get("power_quality"), None, "the meter's is measured");
    assert!((kw(&summary, "cap_kw") - kw(&summary, "power_kw") - kw(&summary, "headroom_kw")).abs() < 1e-3);

    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));
    let state = toml::from_str::<toml::Table>(&simulation.config_toml).unwrap();
    let state = state["site"]["state_dir"].as_str().unwrap();
    let ledger = rusqlite::Connection::open(format!("{state}/ledger.sqlite")).unwrap();
    let open: String = ledger.query_row("SELECT state FROM open_interval", [], |row| row.get(0)).unwrap();
    let open: Value = serde_json::from_str(&open).unwrap();
    assert!(open["site"]["counter"]["wh"].as_f64().unwrap() > 0.0, "{open:#}");
    let out = wattsplit(&["ledger", "--meter", "--config", config.to_str().unwrap()]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}
