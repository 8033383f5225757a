//! What the Sparkplug edge node of a site says, by a decoder of the test's own.

use std::collections::BTreeSet;
use std::time::Duration;

use prost::Message;
use wattsplit::clock::{Now, UnixMs};
use wattsplit::publish::Live;
use wattsplit::publish::sparkplug::payload::{self, Metric, Property, PropertySet, PropertyValue};
use wattsplit::publish::sparkplug::{Edge, Out};
use wattsplit::reading::{Missing, Quality};

use super::picture::{self, State};
use super::protobuf::{self, Payload, Value};

fn at(secs: u64) -> Now {
    let wall = UnixMs(1_795_000_000_000 + i64::try_from(secs * 1_000).unwrap());
    Now { wall, mono: Duration::from_secs(3_600 + secs) }
}

fn live(state: State) -> Live {
    Live::clone(&picture::site(state).live())
}

fn measured() -> Live {
    live(State::Known(Quality::Measured))
}

fn edge() -> Edge {
    Edge::new("mining".into(), "tx01".into())
}

/// Topics below the group, with what was said there.
fn read(out: &[Out]) -> Vec<(&str, Payload)> {
    out.iter()
        .map(|out| (out.topic.strip_prefix("spBv1.0/mining/").unwrap(), protobuf::payload(&out.payload)))
        .collect()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|n| u8::from_str_radix(&text[n..n + 2], 16).unwrap()).collect()
}

/// One payload with another value at one key.
fn with(mut live: Live, topic: &str, key: &str, value: serde_json::Value) -> Live {
    let mut payload: serde_json::Value = serde_json::from_slice(&live[topic]).unwrap();
    payload[key] = value;
    live.insert(topic.into(), payload.to_string().into_bytes());
    live
}

#[test]
fn these_are_the_bytes_that_the_schema_of_the_specification_makes() {
    // Both from protoc's Python classes of `sparkplug_b.proto`.
    let death = "0880bcd9f29e3412120a0562645365711880bcd9f29e3420045807";
    assert_eq!(edge().connecting(7, at(0)).payload, hex(death));
    let data = "0880bcd9f29e34123a10ac021880bcd9f29e34200a28014a210a075175616c6974790a044e6f746512050803\
                18f4031209080c42057374616c6569000000000000f8bf120e10ad021880bcd9f29e342004380112080a026f\
                6e200b700112100a016e200458feffffffffffffffff0112090a0174200c7a02c3a918ff01";
    let named = |name: &str, value: payload::Value| Metric {
        timestamp: None,
        ..Metric::named(name, value, at(0).wall)
    };
    let number = PropertyValue { datatype: Some(3), value: Some(Property::Int(500)) };
    let words = PropertyValue { datatype: Some(12), value: Some(Property::String("stale".into())) };
    let properties = PropertySet { keys: vec!["Quality".into(), "Note".into()], values: vec![number, words] };
    let double = Metric {
        name: None,
        alias: Some(300),
        is_historical: Some(true),
        properties: Some(properties),
        ..Metric::named("", payload::Value::Double(-1.5), at(0).wall)
    };
    let null = Metric {
        alias: Some(301),
        timestamp: Some(1_795_000_000_000),
        datatype: Some(4),
        is_null: Some(true),
        ..Metric::default()
    };
    let metrics = vec![
        double,
        null,
        named("on", payload::Value::Boolean(true)),
        named("n", payload::Value::Long((-2i64).cast_unsigned())),
        named("t", payload::Value::String("é".into())),
    ];
    let said = payload::Payload { timestamp: Some(1_795_000_000_000), metrics, seq: Some(255) };
    assert_eq!(said.encode_to_vec(), hex(data));
}

#[test]
fn a_birth_names_everything_once_and_numbers_its_messages_from_0() {
    let mut edge = edge();
    let will = edge.connecting(7, at(0));
    assert_eq!(will.topic, "spBv1.0/mining/NDEATH/tx01");
    let will = protobuf::payload(&will.payload);
    assert_eq!((will.seq, will.metrics.len()), (None, 1));

    let born = edge.birth(&measured(), at(0));
    let born = read(&born);
    let topics: Vec<&str> = born.iter().map(|(topic, _)| *topic).collect();
    assert_eq!(
        topics,
        [
            "NBIRTH/tx01",
            "DBIRTH/tx01/block-h100",
            "DBIRTH/tx01/block-row-1-s19-xp",
            "DBIRTH/tx01/block-row-2-unknown",
            "DBIRTH/tx01/pool-braiins-main"
        ]
    );
    assert!(born.iter().enumerate().all(|(n, (_, said))| said.seq == Some(n as u64)));
    let [bd_seq, rebirth] = &born[0].1.metrics[..2] else { panic!() };
    assert_eq!((bd_seq.name.as_deref(), &bd_seq.value), (Some("bdSeq"), &Some(Value::Whole(7))));
    assert_eq!(bd_seq.value, will.metrics[0].value, "the same as in the last will");
    assert_eq!(rebirth.name.as_deref(), Some("Node Control/Rebirth"));
    assert_eq!(rebirth.value, Some(Value::Flag(false)));
    let metrics: Vec<_> = born.iter().flat_map(|(_, said)| &said.metrics).skip(2).collect();
    let aliases: BTreeSet<_> = metrics.iter().filter_map(|metric| metric.alias).collect();
    assert_eq!(aliases.len(), metrics.len(), "no alias twice on the node");
    assert!(metrics.iter().all(|metric| metric.name.is_some() && metric.value.is_some()));
    let types: BTreeSet<u64> = metrics.iter().map(|metric| metric.datatype).collect();
    assert_eq!(types, [4, 10, 11, 12].into(), "Int64, Double, Boolean, String");
}

#[test]
fn data_holds_what_changed_by_its_alias_and_the_next_number() {
    let mut edge = edge();
    let born = edge.birth(&measured(), at(0));
    let born = read(&born);
    let told = |topic: &str, name: &str| {
        let (_, said) = born.iter().find(|(t, _)| *t == topic).unwrap();
        said.metrics.iter().find(|metric| metric.name.as_deref() == Some(name)).unwrap().alias
    };
    assert_eq!(edge.data(&measured(), at(10)), [], "nothing changed");
    let changed = with(measured(), "summary", "power_kw", 1.5.into());
    let changed = with(changed, "block/h100", "units_ok", 3.into());
    let out = edge.data(&changed, at(20));
    let out = read(&out);
    let [("NDATA/tx01", node), ("DDATA/tx01/block-h100", device)] = &out[..] else { panic!("{out:?}") };
    assert_eq!((node.seq, device.seq), (Some(born.len() as u64), Some(born.len() as u64 + 1)));
    let said =
        |said: &Payload| (said.metrics[0].name.clone(), said.metrics[0].alias, said.metrics[0].value.clone());
    assert_eq!(said(node), (None, told("NBIRTH/tx01", "summary/power_kw"), Some(Value::Double(1.5))));
    assert_eq!(said(device), (None, told("DBIRTH/tx01/block-h100", "units_ok"), Some(Value::Whole(3))));
    assert_eq!((node.metrics.len(), device.metrics.len()), (1, 1));
}

#[test]
fn a_value_that_is_away_is_null_with_its_reason_and_a_stale_one_says_so() {
    let mut edge = edge();
    let alias = {
        let born = edge.birth(&measured(), at(0));
        let node = read(&born).remove(0).1;
        node.metrics
            .into_iter()
            .find(|metric| metric.name.as_deref() == Some("summary/power_kw"))
            .unwrap()
            .alias
    };
    let mut said = |live: &Live, secs| {
        let out = edge.data(live, at(secs));
        let (topic, node) = read(&out).remove(0);
        assert_eq!(topic, "NDATA/tx01");
        node.metrics.into_iter().find(|metric| metric.alias == alias).unwrap()
    };
    let away = said(&live(State::Missing(Missing::Timeout)), 10);
    assert!(away.null && away.value.is_none());
    assert_eq!(away.properties["Quality"], Value::Whole(0));
    assert_eq!(away.properties["Note"], Value::Text("timeout".into()));
    let stale = said(&live(State::Known(Quality::Stale)), 20);
    assert!(!stale.null && stale.value.is_some());
    assert_eq!(stale.properties["Quality"], Value::Whole(500));
    let guess = said(&live(State::Known(Quality::Estimated)), 30);
    assert_eq!(guess.properties["Quality"], Value::Whole(192));
    assert_eq!(guess.properties["Note"], Value::Text("estimated".into()));
}

#[test]
fn what_no_birth_has_named_is_born_and_what_is_gone_dies() {
    let mut edge = edge();
    edge.birth(&measured(), at(0));
    let mut live = with(measured(), "block/h100", "new_kw", 2.5.into());
    live.remove("pool/braiins-main");
    let out = edge.data(&live, at(10));
    let kinds: Vec<&str> = read(&out).iter().map(|(topic, _)| *topic).collect();
    assert_eq!(kinds, ["DDEATH/tx01/pool-braiins-main", "DBIRTH/tx01/block-h100"]);
    let out = edge.data(&with(live, "summary", "new_kw", 1.5.into()), at(20));
    let born = read(&out);
    assert_eq!(
        (born[0].0, born[0].1.seq),
        ("NBIRTH/tx01", Some(0)),
        "the node is born again, and all with it"
    );
    assert_eq!(born.len(), 4);
}

#[test]
fn numbers_go_from_255_to_0() {
    let mut edge = edge();
    let mut next = edge.birth(&measured(), at(0)).len() as u64;
    for n in 0..300u64 {
        let out = edge.data(&with(measured(), "summary", "power_kw", (n as f64).into()), at(n));
        assert_eq!(read(&out)[0].1.seq, Some(next % 256));
        next += out.len() as u64;
    }
}

#[test]
fn only_a_rebirth_is_honoured() {
    let command = |name: &str, value| {
        let metrics = vec![Metric::named(name, value, at(0).wall)];
        payload::Payload { timestamp: None, metrics, seq: None }.encode_to_vec()
    };
    assert!(Edge::asks_for_rebirth(&command("Node Control/Rebirth", payload::Value::Boolean(true))));
    assert!(!Edge::asks_for_rebirth(&command("Node Control/Rebirth", payload::Value::Boolean(false))));
    assert!(!Edge::asks_for_rebirth(&command("Node Control/Reboot", payload::Value::Boolean(true))));
    assert!(!Edge::asks_for_rebirth(b"\xff\xff"));
}

#[test]
fn what_nobody_heard_follows_the_next_birth_marked_historical() {
    let mut edge = edge();
    edge.birth(&measured(), at(0));
    edge.arrived(at(1).mono);
    edge.lost();
    edge.connecting(8, at(10));
    for n in 1..=5u64 {
        let live = with(measured(), "summary", "power_kw", (n as f64).into());
        assert_eq!(edge.data(&live, at(n * 60)), [], "nobody would hear it");
        assert_eq!(edge.data(&live, at(n * 60 + 10)), []);
    }
    let out = edge.birth(&measured(), at(400));
    let out = read(&out);
    let (topic, history) = out.last().unwrap();
    assert_eq!(*topic, "NDATA/tx01");
    assert_eq!(history.seq, Some(out.len() as u64 - 1));
    let values: Vec<_> = history.metrics.iter().map(|metric| metric.value.clone().unwrap()).collect();
    assert_eq!(values, [1.0, 2.0, 3.0, 4.0, 5.0].map(Value::Double));
    assert!(history.metrics.iter().all(|metric| metric.historical && metric.alias.is_some()));
    let out = edge.birth(&measured(), at(500));
    assert!(
        read(&out).iter().all(|(_, said)| said.metrics.iter().all(|metric| !metric.historical)),
        "sent once"
    );
}

#[test]
fn what_was_said_since_the_last_answer_of_the_broker_is_said_again() {
    let mut edge = edge();
    edge.birth(&measured(), at(0));
    for n in 1..=3u64 {
        edge.data(&with(measured(), "summary", "power_kw", (n as f64).into()), at(n));
    }
    // A ping that was sent after the first was answered; then the link is gone.
    edge.arrived(at(2).mono);
    edge.lost();
    edge.connecting(9, at(30));
    let out = edge.birth(&measured(), at(40));
    let history = read(&out).pop().unwrap().1;
    let values: Vec<_> = history.metrics.iter().map(|metric| metric.value.clone().unwrap()).collect();
    assert_eq!(values, [2.0, 3.0].map(Value::Double));
}

#[test]
fn a_long_outage_keeps_the_newest_megabyte() {
    let mut edge = edge();
    edge.birth(&measured(), at(0));
    edge.lost();
    edge.connecting(1, at(1));
    for n in 1..=400u64 {
        let state = if n % 2 == 0 { Quality::Measured } else { Quality::Estimated };
        edge.data(&with(live(State::Known(state)), "summary", "power_kw", (n as f64).into()), at(n * 60));
    }
    let out = edge.birth(&measured(), at(30_000));
    let history: Vec<&Out> = out.iter().filter(|out| out.topic.contains("NDATA")).collect();
    let bytes: usize = history.iter().map(|out| out.payload.len()).sum();
    assert!((900_000..1_200_000).contains(&bytes), "{bytes}");
    assert!(history.iter().all(|out| out.payload.len() < 40_000));
    let newest = protobuf::payload(&history.last().unwrap().payload);
    assert!(newest.metrics.iter().any(|metric| metric.value == Some(Value::Double(400.0))));
}
