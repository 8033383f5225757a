//! From live topics to figures: values with their type and quality, or why there is none. Pure.

use std::collections::BTreeMap;

use serde_json::Map;

use super::payload::{INT32, Property, PropertySet, PropertyValue, STRING, Value};
use crate::publish::wire::told;
use crate::publish::{Live, topics};
use crate::reading::Quality;

/// Codes of the property `Quality`; there are no others.
const GOOD: u32 = 192;
const STALE: u32 = 500;
const BAD: u32 = 0;

/// Live topics that belong to the edge node itself.
const OF_THE_NODE: [&str; 6] = [
    topics::SUMMARY,
    topics::SPLIT,
    topics::PRICE_POWER,
    topics::PRICE_BTC,
    topics::PRICE_NETWORK,
    topics::PRICE_HASHPRICE,
];

/// Keys that say something of the payload, not of the site.
const FRAME: [&str; 3] = ["v", "ts", "site"];

/// What a key says now.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub value: Value,
    pub quality: u32,
    /// `estimated`, `stale`; `None` where it was measured.
    pub note: Option<String>,
}

/// The figures of the edge node or of one device, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    pub figures: BTreeMap<String, Figure>,
    /// Why there is no value, by what its name begins with.
    missing: BTreeMap<String, String>,
}

impl Told {
    /// Why `name` has no value.
    pub fn why_not(&self, name: &str) -> Option<&str> {
        bases(name).find_map(|base| self.missing.get(base)).map(String::as_str)
    }

    fn read(&mut self, payload: &Map<String, serde_json::Value>, folder: &str) {
        let text = |key: String| payload.get(&key).and_then(serde_json::Value::as_str);
        for (key, json) in payload {
            if let Some(base) = key.strip_suffix("_missing") {
                let why = json.as_str().unwrap_or_default();
                self.missing.insert(format!("{folder}{base}"), why.to_owned());
            }
            let about = ["_missing", "_quality", "_age_s"].iter().any(|end| key.ends_with(end));
            let Some(value) = value(json).filter(|_| !about && !FRAME.contains(&key.as_str())) else {
                continue;
            };
            let note = bases(key).find_map(|base| text(format!("{base}_quality")));
            let quality = if note == Some(Quality::Stale.as_str()) { STALE } else { GOOD };
            let figure = Figure { value, quality, note: note.map(str::to_owned) };
            self.figures.insert(format!("{folder}{key}"), figure);
        }
    }
}

/// What may be the base of a key: all of it, then without its last words, which may be the unit.
fn bases(key: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(key), |key| key.rsplit_once('_').map(|(base, _)| base))
}

/// Payloads print a decimal point wherever a figure is no count, so types never change.
fn value(json: &serde_json::Value) -> Option<Value> {
    match json {
        serde_json::Value::Bool(flag) => Some(Value::Boolean(*flag)),
        serde_json::Value::String(text) => Some(Value::String(text.clone())),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Some(Value::Long(whole.cast_unsigned())),
            None => number.as_f64().map(Value::Double),
        },
        _ => None,
    }
}

/// Of the edge node; names begin with their topic.
pub fn of_the_node(live: &Live) -> Told {
    let mut told = Told::default();
    for topic in OF_THE_NODE {
        told.read(&told::keys(live, topic), &format!("{topic}/"));
    }
    told
}

/// Of blocks and pools, by the name of the device: `block-<id>`, `pool-<name>`.
pub fn of_devices(live: &Live) -> BTreeMap<String, Told> {
    let device = |topic: &String| {
        let is_one = topic.starts_with(topics::BLOCK) || topic.starts_with(topics::POOL);
        let mut told = Told::default();
        told.read(&told::keys(live, topic), "");
        is_one.then(|| (topic.replace('/', "-"), told))
    };
    live.keys().filter_map(device).collect()
}

/// What is said about a value beside it: `Quality`, and in words what it rests on or why it is away.
pub fn properties(quality: u32, note: Option<&str>) -> PropertySet {
    let number = PropertyValue { datatype: Some(INT32), value: Some(Property::Int(quality)) };
    let words = note
        .map(|note| PropertyValue { datatype: Some(STRING), value: Some(Property::String(note.to_owned())) });
    let keys = ["Quality", "Note"].into_iter().take(1 + usize::from(words.is_some()));
    PropertySet {
        keys: keys.map(str::to_owned).collect(),
        values: [number].into_iter().chain(words).collect(),
    }
}

/// Of a value that is away.
pub fn away(why: Option<&str>) -> PropertySet {
    properties(BAD, why)
}
