//! What Home Assistant is told of a site, and when it is told that something has gone.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wattsplit::publish::homeassistant::{Announcer, Place};
use wattsplit::publish::{Live, LiveSet};
use wattsplit::reading::{Missing, Quality};

use super::picture::{self, SITE, State};

/// Sent three intervals long, what has gone is gone for good.
const INTERVAL: Duration = Duration::from_secs(10);

fn announcer() -> Announcer {
    Announcer::new(Place {
        discovery_prefix: "homeassistant".into(),
        site: SITE.into(),
        prefix: format!("wattsplit/{SITE}/"),
        names: vec!["row-1".into(), "row-2".into(), "h100".into()],
        interval: INTERVAL,
    })
}

fn at(secs: u64) -> Duration {
    Duration::from_secs(3_600 + secs)
}

fn live(state: State) -> Live {
    Live::clone(&picture::site(state).live())
}

fn measured() -> Live {
    live(State::Known(Quality::Measured))
}

fn topic(device: &str) -> String {
    format!("/homeassistant/device/{SITE}/{device}/config")
}

/// The configs among the live topics, by the name of their device.
fn configs(live: &Live) -> BTreeMap<String, Value> {
    let device = |topic: &str| Some(topic.strip_prefix("/homeassistant/")?.split('/').nth(2)?.to_owned());
    live.iter()
        .filter_map(|(topic, payload)| Some((device(topic)?, serde_json::from_slice(payload).unwrap())))
        .collect()
}

fn announced(announcer: &mut Announcer, mut live: Live, now: Duration) -> BTreeMap<String, Value> {
    assert_eq!(announcer.announce(&mut live, now), None);
    configs(&live)
}

fn components(config: &Value) -> &serde_json::Map<String, Value> {
    config["components"].as_object().unwrap()
}

fn payload(config: &Value) -> Vec<u8> {
    config.to_string().into_bytes()
}

#[test]
fn the_site_and_each_block_are_devices_and_this_is_their_text() {
    let mut told = String::new();
    for (device, config) in announced(&mut announcer(), measured(), at(0)) {
        let mut head = config.clone();
        head["components"] = Value::Null;
        writeln!(told, "{device} {head}").unwrap();
        for (key, component) in components(&config) {
            writeln!(told, "  {key} {component}").unwrap();
        }
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/homeassistant.txt");
    let told = told.replace(env!("CARGO_PKG_VERSION"), "<version>");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &told).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&golden).unwrap_or_default(), told);
}

#[test]
fn every_entity_reads_a_key_that_its_topic_has_and_money_follows_the_rules() {
    let live = measured();
    for config in announced(&mut announcer(), live.clone(), at(0)).values() {
        for (key, entity) in components(config) {
            let topic = entity["state_topic"].as_str().unwrap().strip_prefix("wattsplit/tx01/").unwrap();
            let payload: Value = serde_json::from_slice(&live[topic]).unwrap();
            let base = payload.as_object().unwrap();
            let missing = |(name, _): (&String, &Value)| {
                name.strip_suffix("_missing").is_some_and(|base| key.starts_with(base))
            };
            assert!(base.contains_key(key) || base.iter().any(missing), "{topic}: {key}");
            assert!(entity["value_template"].as_str().unwrap().contains(&format!("'{key}'")), "{key}");
            assert_eq!(entity["expire_after"], 40, "four publications late");
            let (unit, class) = (&entity["unit_of_measurement"], &entity["device_class"]);
            match unit.as_str().unwrap_or_default() {
                "USD" => assert_eq!((class, &entity["state_class"]), (&"monetary".into(), &"total".into())),
                rate if rate.starts_with("USD") => {
                    assert_eq!(
                        (class, &entity["state_class"]),
                        (&Value::Null, &"measurement".into()),
                        "{key}"
                    );
                }
                _ => assert_ne!(class, "monetary", "{key}"),
            }
        }
    }
}

#[test]
fn what_is_missing_for_now_is_an_entity_and_what_was_never_set_up_is_none() {
    let away = announced(&mut announcer(), live(State::Missing(Missing::Timeout)), at(0));
    assert!(components(&away["row-1-s19-xp"]).contains_key("it_power_kw"));
    let never = announced(&mut announcer(), live(State::Missing(Missing::NotConfigured)), at(0));
    assert!(!components(&never["row-1-s19-xp"]).contains_key("it_power_kw"));
}

#[test]
fn an_entity_that_was_there_stays_while_its_key_is_away() {
    let mut announcer = announcer();
    let mut live = measured();
    assert!(
        components(&announced(&mut announcer, live.clone(), at(0))["h100"])
            .contains_key("market_usd_per_gpu_h")
    );
    let block: Value = serde_json::from_slice(&live["block/h100"]).unwrap();
    let mut block = block.as_object().unwrap().clone();
    block.remove("market_usd_per_gpu_h");
    live.insert("block/h100".into(), Value::from(block).to_string().into_bytes());
    let later = announced(&mut announcer, live, at(100));
    assert!(components(&later["h100"])["market_usd_per_gpu_h"]["name"].is_string());
}

#[test]
fn an_entity_that_is_no_more_is_told_with_its_platform_alone_and_then_left_out() {
    let mut announcer = announcer();
    announced(&mut announcer, measured(), at(0));
    let never = || live(State::Missing(Missing::NotConfigured));
    let told = announced(&mut announcer, never(), at(10));
    assert_eq!(components(&told["h100"])["temp_max_c"], serde_json::json!({"platform": "sensor"}));
    let told = announced(&mut announcer, never(), at(50));
    assert!(!components(&told["h100"]).contains_key("temp_max_c"));
}

#[test]
fn a_block_that_goes_away_takes_its_config_along() {
    let mut announcer = announcer();
    announced(&mut announcer, measured(), at(0));
    let mut without = measured();
    without.remove("block/h100");
    assert!(announced(&mut announcer, without.clone(), at(10)).contains_key("h100"));
    let left = announced(&mut announcer, without, at(31));
    assert!(!left.contains_key("h100") && left.contains_key("row-1-s19-xp"));
}

#[test]
fn a_device_of_the_last_run_goes_at_once_if_the_config_lost_it_and_waits_if_its_miners_are_silent() {
    let config = announced(&mut announcer(), measured(), at(0)).remove("row-1-s19-xp").unwrap();
    let mut announcer = announcer();
    for device in ["row-1-s21", "row-9-s21"] {
        let name = topic(device);
        assert!(!announcer.hear((&name[1..], &payload(&config)), true, at(0)));
    }
    let told = announced(&mut announcer, measured(), at(10));
    assert!(told.contains_key("row-1-s21") && told.contains_key("row-9-s21"));
    let told = announced(&mut announcer, measured(), at(31));
    assert!(told.contains_key("row-1-s21") && !told.contains_key("row-9-s21"));
    assert!(!announced(&mut announcer, measured(), at(3_601)).contains_key("row-1-s21"));
}

#[test]
fn an_entity_of_the_last_run_that_this_one_does_not_know_is_removed() {
    let mut config = announced(&mut announcer(), measured(), at(0)).remove("h100").unwrap();
    config["components"]["old_usd"] = serde_json::json!({"platform": "sensor", "unique_id": "x"});
    for heard_first in [true, false] {
        let mut announcer = announcer();
        if !heard_first {
            announced(&mut announcer, measured(), at(0));
        }
        announcer.hear((&topic("h100")[1..], &payload(&config)), true, at(1));
        let told = announced(&mut announcer, measured(), at(2));
        assert_eq!(components(&told["h100"])["old_usd"], serde_json::json!({"platform": "sensor"}));
        assert!(!components(&announced(&mut announcer, measured(), at(40))["h100"]).contains_key("old_usd"));
    }
}

#[test]
fn the_config_of_somebody_else_is_never_touched() {
    let mut announcer = announcer();
    for theirs in [r#"{"origin":{"name":"Zigbee2MQTT"},"components":{"x":{"platform":"sensor"}}}"#, "{", ""] {
        announcer.hear((&topic("lamp")[1..], theirs.as_bytes()), true, at(0));
    }
    let told = announced(&mut announcer, measured(), at(1));
    assert!(!told.contains_key("lamp"));
}

#[test]
fn home_assistant_is_told_again_when_it_has_started_and_not_because_the_broker_kept_that() {
    let mut announcer = announcer();
    assert!(!announcer.hear(("homeassistant/status", b"online"), true, at(0)));
    assert!(!announcer.hear(("homeassistant/status", b"offline"), false, at(0)));
    let mut live = measured();
    announcer.announce(&mut live, at(0));
    assert_eq!(live.announced, 0);
    assert!(announcer.hear(("homeassistant/status", b"online"), false, at(0)));
    announcer.announce(&mut live, at(0));
    assert_eq!(live.announced, 1);
}

#[test]
fn a_large_site_stays_below_500_entities_and_says_once_what_it_leaves_out() {
    let many = |blocks: usize| {
        let mut live = measured();
        let block = live["block/row-1-s19-xp"].clone();
        live.extend((0..blocks).map(|n| (format!("block/row-{n:03}"), block.clone())));
        live
    };
    for (blocks, left_out) in [(40, " 0 blocks"), (150, " 78 blocks")] {
        let (mut announcer, mut live) = (announcer(), many(blocks));
        let complaint = announcer.announce(&mut live, at(0)).unwrap();
        assert!(complaint.contains(left_out), "{complaint}");
        let entities: usize = configs(&live).values().map(|config| components(config).len()).sum();
        assert!((300..500).contains(&entities), "{entities}");
        assert_eq!(announcer.announce(&mut many(blocks), at(10)), None, "said once");
    }
}

#[tokio::test]
async fn configs_are_retained_beside_the_sites_own_topics_and_sent_again_when_asked_for() {
    let Some(broker) = crate::broker::Broker::open() else { return };
    let mut subscriber = crate::broker::Subscriber::start(broker.observer_port).await;
    let mut announcer = announcer();
    let mut set = |now| {
        let mut live = measured();
        announcer.announce(&mut live, at(now));
        live
    };
    let (_handle, live) = super::publish(&super::config(broker.port), LiveSet::new(set(0)));
    let config = "homeassistant/device/tx01/_site/config";
    subscriber.until("the config", |seen| seen.newest.contains_key(config)).await;

    let mut again = set(1);
    again.announced = 1;
    live.send_replace(Arc::new(again));
    let times = |seen: &crate::broker::Seen| seen.log.iter().filter(|(topic, _)| topic == config).count();
    subscriber.until("the config again", |seen| times(seen) == 2).await;

    let mut without = measured();
    without.announced = 1;
    live.send_replace(Arc::new(without));
    let cleared = |seen: &crate::broker::Seen| seen.newest.get(config).is_some_and(Vec::is_empty);
    subscriber.until("no config", cleared).await;
}
