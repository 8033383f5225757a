//! `<discovery prefix>/device/<site>/<device>/config`: what Home Assistant makes its devices of.
//!
//! Its own form, not ours: <https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload>.
//! A template never fails on a key that is absent: it says `None`, which Home Assistant shows as unknown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::publish::homeassistant::{Component, Device, Kind, Place, SITE};
use crate::publish::topics;

/// Who made a config: nobody else's is ever touched.
const ORIGIN: &str = "wattsplit";

/// A value that is four publications late is none.
const LATE_AFTER: u64 = 4;

#[derive(Serialize)]
struct Config<'a> {
    device: DeviceInfo,
    origin: Origin<'a>,
    availability_topic: String,
    payload_available: &'static str,
    payload_not_available: &'static str,
    components: BTreeMap<&'a str, Sensor>,
}

#[derive(Serialize)]
struct DeviceInfo {
    identifiers: [String; 1],
    name: String,
    manufacturer: &'static str,
    model: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sw_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via_device: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Origin<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sw_version: Option<&'a str>,
}

/// One that holds only its platform is removed by Home Assistant.
#[derive(Serialize)]
struct Sensor {
    platform: &'static str,
    #[serde(flatten)]
    shown: Option<Shown>,
}

#[derive(Serialize)]
struct Shown {
    unique_id: String,
    name: &'static str,
    state_topic: String,
    value_template: String,
    #[serde(flatten)]
    class: SensorClass,
    expire_after: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_attributes_topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_attributes_template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_category: Option<&'static str>,
}

#[derive(Serialize, Default)]
struct SensorClass {
    #[serde(skip_serializing_if = "Option::is_none")]
    device_class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_of_measurement: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggested_display_precision: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<&'static [&'static str]>,
}

/// The config of one device. `gone` names entities that it no longer has.
pub fn config<'a>(place: &Place, device: &'a Device, gone: impl Iterator<Item = &'a String>) -> Vec<u8> {
    let is_site = device.object == SITE;
    let id = |object: &str| format!("wattsplit_{}_{object}", place.site);
    let site = format!("wattsplit_{}", place.site);
    let own = if is_site { site.clone() } else { id(&device.object) };
    let shown = |component: &'a Component| {
        let sensor = Sensor { platform: "sensor", shown: Some(shown(place, &own, component)) };
        (component.entity.key, sensor)
    };
    let gone = gone.map(|key| (key.as_str(), Sensor { platform: "sensor", shown: None }));
    let config = Config {
        device: DeviceInfo {
            identifiers: [own.clone()],
            name: if is_site { place.site.clone() } else { format!("{} {}", place.site, device.object) },
            manufacturer: "wattsplit",
            model: if is_site { "site" } else { "block" },
            sw_version: is_site.then_some(env!("CARGO_PKG_VERSION")),
            via_device: (!is_site).then_some(site),
        },
        origin: Origin { name: ORIGIN, sw_version: Some(env!("CARGO_PKG_VERSION")) },
        availability_topic: format!("{}{}", place.prefix, topics::STATUS),
        payload_available: "online",
        payload_not_available: "offline",
        components: gone.chain(device.components.iter().map(shown)).collect(),
    };
    // Structs of texts and numbers: this cannot fail, and an empty payload would only clear the topic.
    serde_json::to_vec(&config).unwrap_or_default()
}

fn shown(place: &Place, device: &str, component: &Component) -> Shown {
    let entity = &component.entity;
    let state_topic = format!("{}{}", place.prefix, component.topic);
    let figure = !matches!(entity.kind, Kind::Word(_) | Kind::Text);
    Shown {
        unique_id: format!("{device}_{}", entity.key),
        name: entity.name,
        value_template: template(entity.key, entity.kind),
        class: class(entity.kind),
        expire_after: place.interval.as_secs().max(1).saturating_mul(LATE_AFTER),
        json_attributes_topic: figure.then(|| state_topic.clone()),
        json_attributes_template: figure.then(|| attributes(entity.base)),
        entity_category: entity.diagnostic.then_some("diagnostic"),
        state_topic,
    }
}

fn template(key: &str, kind: Kind) -> String {
    match kind {
        Kind::Share => format!("{{{{ value_json['{key}'] * 100 if '{key}' in value_json else None }}}}"),
        // A state holds 255 characters.
        Kind::Text => format!("{{{{ value_json.get('{key}', '')[:255] }}}}"),
        _ => format!("{{{{ value_json.get('{key}') }}}}"),
    }
}

/// A guess is labelled, and a value that is missing says why.
fn attributes(base: &str) -> String {
    format!(
        "{{{{ ({{'missing': value_json['{base}_missing']}} if '{base}_missing' in value_json else \
         {{'quality': value_json.get('{base}_quality', 'measured')}}) | tojson }}}}"
    )
}

/// Money has the class `monetary` and is a `total` in an ISO 4217 currency; what is per hour or per
/// megawatt-hour is a rate and has no class.
fn class(kind: Kind) -> SensorClass {
    let measured = |device_class, unit, precision| SensorClass {
        device_class,
        state_class: Some("measurement"),
        unit_of_measurement: unit,
        suggested_display_precision: precision,
        options: None,
    };
    let total = |device_class, unit| SensorClass {
        state_class: Some("total"),
        ..measured(Some(device_class), Some(unit), Some(2))
    };
    match kind {
        Kind::Power => measured(Some("power"), Some("kW"), Some(1)),
        Kind::Temperature => measured(Some("temperature"), Some("°C"), Some(1)),
        Kind::Energy => total("energy", "MWh"),
        Kind::Money => total("monetary", "USD"),
        Kind::Rate(unit) => measured(None, Some(unit), Some(2)),
        Kind::Share => measured(None, Some("%"), Some(1)),
        Kind::Count => measured(None, None, None),
        Kind::Word(words) => {
            SensorClass { device_class: Some("enum"), options: Some(words), ..SensorClass::default() }
        }
        Kind::Text => SensorClass::default(),
    }
}

/// Names of the entities in a config that wattsplit has made; `None`: somebody else has.
pub fn own_components(payload: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Kept<'a> {
        #[serde(borrow)]
        origin: Origin<'a>,
        components: BTreeMap<String, Value>,
    }
    let kept: Kept<'_> = serde_json::from_slice(payload).ok()?;
    (kept.origin.name == ORIGIN).then(|| kept.components.into_keys().collect())
}
