//! The schemas that ship describe what a broker really delivers.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jsonschema::Validator;
use serde_json::Value;
use wattsplit::reading::{Missing, Quality};
use wattsplit::units::Currency;

use super::picture::{self, Picture, State};
use super::{config, expected, publish};
use super::{devices, gpu_rows, node_messages, records};
use crate::broker::{Broker, Subscriber};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

fn schema(name: &str) -> Value {
    let path = folder().join(format!("{name}.schema.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The schema of a topic, by its levels below the site.
fn name_of(below: &str) -> String {
    match below.split_once('/') {
        Some(("price", which)) => format!("price-{which}"),
        Some(("node", rest)) => format!("node-{}", rest.split('/').nth(1).unwrap()),
        Some(("devices", which)) => format!("devices-{}", which.split('/').next().unwrap()),
        Some((kind, _)) => kind.to_owned(),
        None => below.to_owned(),
    }
}

fn pictures() -> Vec<(&'static str, Picture)> {
    let known = |quality| picture::site(State::Known(quality));
    let mut mixed = known(Quality::Estimated);
    mixed.split.ai = picture::site(State::Missing(Missing::NotConfigured)).split.ai;
    mixed.split.cap = None;
    vec![
        ("all measured", known(Quality::Measured)),
        ("all estimated", known(Quality::Estimated)),
        ("all stale", known(Quality::Stale)),
        ("nothing read yet", picture::site(State::Missing(Missing::NotYet))),
        ("nothing reachable", picture::site(State::Missing(Missing::Unreachable))),
        ("no AI, no cap", mixed),
        ("GPU hosts that never answered", picture::silent_gpu_hosts()),
        ("hollow answers", picture::hollow()),
        ("an empty site", picture::empty()),
    ]
}

pub fn check(below: &str, payload: &[u8]) -> Value {
    let schema = schema(&name_of(below));
    let validator: Validator = jsonschema::draft202012::new(&schema).unwrap();
    let value = match below {
        "status" => Value::from(std::str::from_utf8(payload).unwrap()),
        _ => serde_json::from_slice(payload).unwrap(),
    };
    let errors: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{below}: {errors:#?}\n{value:#}");
    value
}

#[tokio::test]
async fn what_mosquitto_delivers_is_what_the_schemas_describe() {
    let Some(broker) = Broker::open() else { return };
    for (what, picture) in pictures() {
        let live = picture.live();
        let (handle, _live) = publish(&config(broker.port), live.clone());
        let mut subscriber = Subscriber::start(broker.observer_port).await;
        let all = expected(&live);
        let seen =
            subscriber.until(what, |seen| all.iter().all(|(t, p)| seen.newest.get(t) == Some(p))).await;
        for topic in all.keys() {
            check(topic.strip_prefix("wattsplit/tx01/").unwrap(), &seen.newest[topic]);
        }
        handle.shutdown().await;
    }
}

#[test]
fn a_missing_value_is_a_reason_and_never_a_number() {
    let live = picture::site(State::Missing(Missing::Unreachable)).live();
    let split = check("split", &live["split"]);
    assert_eq!(split["hash_revenue_missing"], "unreachable");
    assert_eq!(split.get("hash_revenue_usd_per_h"), None);
    let summary = check("summary", &live["summary"]);
    assert_eq!(summary["hashrate_missing"], "unreachable");
    assert_eq!(summary["headroom_missing"], "unreachable");
    assert_eq!(summary.get("power_kw"), None);
}

#[test]
fn gpus_that_nobody_has_seen_are_not_zero_gpus() {
    let live = picture::silent_gpu_hosts().live();
    let block = check("block/h100", &live["block/h100"]);
    assert_eq!((&block["units_missing"], block.get("units")), (&"timeout".into(), None));
    let summary = check("summary", &live["summary"]);
    assert_eq!((&summary["gpus_missing"], summary.get("gpus_ok")), (&"timeout".into(), None));
}

#[test]
fn a_hosting_whose_gpus_nobody_reads_still_tells_what_it_earns() {
    let mut picture = picture::site(State::Known(Quality::Measured));
    picture.view.ai_blocks.clear();
    let block = check("block/h100", &picture.live()["block/h100"]);
    assert_eq!((&block["units_missing"], block.get("units")), (&"not_configured".into(), None));
    assert_eq!(
        (&block["revenue_usd_per_h"], &block["revenue_gross_usd_per_h"]),
        (&22.123457.into(), &32.0.into())
    );
    assert_eq!((&block["earned_last_usd"], &block["earned_last_age_s"]), (&576.0.into(), &3600.0.into()));
}

#[test]
fn every_reason_is_one_that_the_schemas_know() {
    let reasons: Vec<&str> = Missing::ALL.iter().map(|why| why.as_str()).collect();
    for name in [
        "block",
        "devices-asic",
        "devices-gpu",
        "gpu_host",
        "node-asic",
        "node-gpu",
        "node-host",
        "node-wall",
        "host",
        "pool",
        "price-btc",
        "price-hashprice",
        "price-network",
        "price-power",
        "split",
        "summary",
    ] {
        assert_eq!(schema(name)["$defs"]["missing"]["enum"], serde_json::json!(reasons), "{name}");
    }
    // Take-or-pay terms have no break-even, and are no error.
    let mut picture = picture::site(State::Known(Quality::Measured));
    picture.split.ai.breakeven = Err(Missing::Undefined);
    let split = check("split", &picture.live()["split"]);
    assert_eq!(split["ai_breakeven_missing"], "undefined");
}

#[test]
fn a_stale_value_keeps_its_number_and_says_that_it_is_stale() {
    let live = picture::site(State::Known(Quality::Stale)).live();
    let host = check("host/edge-01-example", &live["host/edge-01-example"]);
    assert_eq!((&host["cpu_utilisation"], &host["cpu_utilisation_quality"]), (&0.07.into(), &"stale".into()));
    let price = check("price/power", &live["price/power"]);
    assert_eq!(price["power_price_usd_per_mwh"], -12.5);
    assert_eq!((&price["power_price_quality"], &price["power_price_age_s"]), (&"stale".into(), &2.5.into()));
}

#[test]
fn the_price_of_power_says_what_it_is_made_of() {
    let mut picture = picture::site(State::Known(Quality::Measured));
    let price = |picture: &Picture| check("price/power", &picture.live()["price/power"]);
    let foreign = price(&picture);
    assert_eq!(
        (&foreign["power_price_kind"], &foreign["market_price_currency"]),
        (&"day_ahead".into(), &"EUR".into())
    );
    assert_eq!(
        (&foreign["market_price_per_mwh"], &foreign["market_price_usd_per_unit"]),
        (&(-14.0).into(), &1.25.into())
    );
    // Where nothing is converted there is no rate, and slots do not say of which kind they are.
    let basis = picture.view.power_basis.as_mut().unwrap();
    (basis.kind, basis.currency, basis.usd_per_unit) = (None, Currency::USD, None);
    let own = price(&picture);
    assert_eq!((own.get("power_price_kind"), own.get("market_price_usd_per_unit")), (None, None));
    picture.view.power_basis = None;
    assert_eq!(price(&picture).get("market_price_per_mwh"), None);
}

#[test]
fn the_capture_of_a_pool_is_there_for_a_settled_day_and_else_says_why_not() {
    let mut picture = picture::site(State::Known(Quality::Measured));
    let pool = |picture: &Picture| check("pool/braiins-main", &picture.live()["pool/braiins-main"]);
    let known = pool(&picture);
    assert_eq!((&known["capture_24h"], &known["capture_24h_band"]), (&0.985.into(), &"ok".into()));
    assert_eq!(known["capture_24h_ts"], 1_794_873_600_000_i64);

    // Two days after the end of the last settled day, and a millisecond.
    picture.view.at.wall.0 = 1_794_873_600_000 + 3 * 86_400_000 + 1;
    let late = pool(&picture);
    assert_eq!((&late["capture_24h_missing"], late.get("capture_24h")), (&"expired".into(), None));
    picture.health.ledger.as_mut().unwrap().captures = Default::default();
    assert_eq!(pool(&picture)["capture_24h_missing"], "not_yet");
    picture.health.ledger = None;
    assert_eq!(pool(&picture)["capture_24h_missing"], "not_configured");
}

#[test]
fn a_block_without_a_value_lowers_the_coverage_of_the_sites_hashrate() {
    let mut picture = picture::site(State::Known(Quality::Measured));
    picture.view.hash_blocks[1].hashrate = Err(Missing::Timeout);
    let summary = check("summary", &picture.live()["summary"]);
    assert_eq!(summary["hashrate_phs"], 13.7204);
    assert_eq!(summary["hashrate_coverage"], 0.49);
    assert_eq!(summary["hashrate_quality"], "estimated");
}

#[test]
fn the_last_period_of_the_miners_is_told_with_each_reason_and_else_why_there_is_none() {
    let summary = |picture: Picture| check("summary", &picture.live()["summary"]);
    let known = summary(picture::site(State::Known(Quality::Measured)));
    assert_eq!((&known["sweep_s"], &known["sweep_delay_max_s"]), (&30.0.into(), &3.012.into()));
    let parts = known.as_object().unwrap().iter().filter(|(key, _)| key.starts_with("sweep_failed_"));
    assert_eq!(parts.map(|(_, count)| count.as_u64().unwrap()).sum::<u64>(), Missing::ALL.len() as u64);
    assert_eq!(known["sweep_failed"], Missing::ALL.len());
    assert_eq!(summary(picture::site(State::Missing(Missing::NotYet)))["sweep_missing"], "not_yet");
    assert_eq!(summary(picture::empty())["sweep_missing"], "not_configured");
}

#[test]
fn the_split_is_written_with_units_and_six_decimals() {
    let live = picture::site(State::Known(Quality::Measured)).live();
    let text = std::str::from_utf8(&live["split"]).unwrap();
    for part in [
        r#"{"v":1,"ts":1795000000000,"site":"tx01","btc_usd":91237.2825,"#,
        r#""hashprice_usd_per_ph_day":38.123457,"#,
        r#""hash_revenue_usd_per_h":22.123457,"hash_share":0.4,"#,
        r#""total_revenue_usd_per_h":44.246914,"#,
        r#""issues":"btc_usd: stale; network: timeout"}"#,
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn what_a_schema_calls_a_number_has_a_decimal_point() {
    for (what, picture) in pictures() {
        for (below, payload) in picture.live().iter() {
            let integers = integers(&schema(&name_of(below)));
            for (key, value) in check(below, payload).as_object().unwrap() {
                if let Value::Number(number) = value {
                    assert_eq!(number.is_f64(), !integers.contains(key), "{what}: {below}: {key} = {number}");
                }
            }
        }
    }
}

/// Every row of every record, with the name of its schema.
fn record_rows() -> Vec<(String, Value)> {
    let rows = |message: &wattsplit::ledger::Message| {
        let value = check(&message.topic, &message.payload);
        let rows = value.as_array().cloned().unwrap_or_else(|| vec![value]);
        rows.into_iter().map(|row| (name_of(&message.topic), row)).collect::<Vec<_>>()
    };
    let devices = [devices::of_every_kind(), gpu_rows::of_every_kind()].concat();
    let nodes = node_messages::of_every_kind();
    let records = records::of_every_kind();
    records.iter().chain(&devices).flat_map(rows).chain(nodes.iter().flat_map(parts)).collect()
}

/// The head of a message of a node, and the rows in it.
fn parts(message: &wattsplit::ledger::Message) -> Vec<(String, Value)> {
    let name = name_of(&message.topic);
    let Value::Object(mut head) = check(&message.topic, &message.payload) else { panic!("{name}") };
    let lists = ["gpus", "miners"].into_iter().filter_map(|list| head.remove(list));
    let mut rows: Vec<Value> = lists.flat_map(|list| list.as_array().unwrap().clone()).collect();
    rows.push(head.into());
    rows.into_iter().map(|row| (name.clone(), row)).collect()
}

#[test]
fn records_are_flat_and_what_a_schema_calls_a_number_has_a_decimal_point() {
    for (name, row) in record_rows() {
        let integers = integers(&schema(&name));
        for (key, value) in row.as_object().unwrap() {
            assert!(!value.is_object() && !value.is_array() && !value.is_null(), "{name}: {key}");
            if let Value::Number(number) = value {
                assert_eq!(number.is_f64(), !integers.contains(key), "{name}: {key} = {number}");
            }
        }
    }
}

/// Definitions that are objects of their own.
const PARTS: [&str; 10] =
    ["hash", "ai", "accrual", "meter", "hosting", "decision", "settlement", "earning", "miner", "gpu"];

/// Names of properties that are integers, wherever the schema has them.
fn integers(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (key, property) in properties {
            let count = property.get("$ref").is_some_and(|r| r == "#/$defs/count");
            let constant = property.get("const").is_some_and(Value::is_u64);
            if count || constant || property.get("type").is_some_and(|t| t == "integer") {
                found.insert(key.clone());
            }
        }
    }
    for part in PARTS {
        if let Some(inner) = schema.pointer(&format!("/$defs/{part}")) {
            found.extend(integers(inner));
        }
    }
    found
}

#[test]
fn every_schema_is_closed_and_describes_every_key() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        let parts: Vec<&Value> = PARTS.iter().filter_map(|part| schema["$defs"].get(part)).collect();
        let objects = if parts.is_empty() { vec![&schema] } else { parts };
        for object in objects.into_iter().filter(|object| object.get("enum").is_none()) {
            assert_eq!(object["additionalProperties"], false, "{}", path.display());
            for group in ["properties", "patternProperties"] {
                for (key, property) in object.get(group).and_then(Value::as_object).into_iter().flatten() {
                    assert!(property["description"].is_string(), "{}: {key}", path.display());
                }
            }
        }
    }
}

#[test]
fn no_schema_describes_a_key_that_is_never_published() {
    let mut published: BTreeSet<(String, String)> = BTreeSet::new();
    for (_, picture) in pictures() {
        for (below, payload) in picture.live().iter() {
            let value = check(below, payload);
            let keys = value.as_object().unwrap().keys();
            published.extend(keys.map(|key| (name_of(below), key.clone())));
        }
    }
    for (name, row) in record_rows() {
        published.extend(row.as_object().unwrap().keys().map(|key| (name.clone(), key.clone())));
    }
    for entry in std::fs::read_dir(folder()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = file.strip_suffix(".schema.json").unwrap();
        let schema = schema(name);
        let parts = PARTS.iter().map(|part| format!("/$defs/{part}/properties"));
        for at in parts.chain(["/properties".to_owned()]) {
            for key in schema.pointer(&at).and_then(Value::as_object).into_iter().flat_map(|p| p.keys()) {
                let list = ["gpus", "miners"].contains(&key.as_str());
                assert!(list || published.contains(&(name.to_owned(), key.clone())), "{name}: {key}");
            }
        }
    }
}
