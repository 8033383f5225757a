//! From live topics to devices: which of the entities there are. Pure.

use serde_json::{Map, Value};

use super::entity::{self, Entity};
use crate::economics::Class;
use crate::publish::wire::told::keys;
use crate::publish::{Live, topics};
use crate::reading::Missing;

/// Home Assistant gets slow with thousands of entities; a site is one of several things in it.
pub const MOST_ENTITIES: usize = 499;

/// Name of the site's device in its discovery topic. No block has it: ids hold no `_`.
pub const SITE: &str = "_site";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// [`SITE`], or the id of a block: its name in the discovery topic.
    pub object: String,
    pub components: Vec<Component>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Live topic that its value is in.
    pub topic: String,
    pub entity: Entity,
}

/// The devices in `live`, the site first, then blocks in order. `known` says whether an entity of a
/// device was there before: it stays while its value is away.
pub fn devices(live: &Live, known: impl Fn(&str, &str) -> bool) -> Vec<Device> {
    let blocks = live.keys().filter_map(|topic| topic.strip_prefix(topics::BLOCK));
    let blocks = blocks.map(|id| block(live, id, &known));
    let site = entity::of_site().filter_map(|entity| Some((entity.topic?.to_owned(), entity)));
    std::iter::once(device(live, SITE, site, &known)).chain(blocks).collect()
}

fn block(live: &Live, id: &str, known: &impl Fn(&str, &str) -> bool) -> Device {
    let topic = topics::block(id);
    let hosting = keys(live, &topic).get("class").and_then(Value::as_str) == Some(Class::Ai.as_str());
    device(live, id, entity::of_block(hosting).map(|entity| (topic.clone(), entity)), known)
}

fn device(
    live: &Live,
    object: &str,
    entities: impl Iterator<Item = (String, Entity)>,
    known: &impl Fn(&str, &str) -> bool,
) -> Device {
    let mut payload = (String::new(), Map::new());
    let components = entities.filter_map(|(topic, entity)| {
        if payload.0 != topic {
            payload = (topic.clone(), keys(live, &topic));
        }
        there(&payload.1, &entity, known(object, entity.key)).then_some(Component { topic, entity })
    });
    Device { object: object.to_owned(), components: components.collect() }
}

/// A value that is missing for now is an entity all the same, one that was never set up is not.
fn there(payload: &Map<String, Value>, entity: &Entity, known: bool) -> bool {
    let why = payload.get(&format!("{}_missing", entity.base)).and_then(Value::as_str);
    match why {
        Some(why) => why != Missing::NotConfigured.as_str(),
        None => payload.contains_key(entity.key) || known,
    }
}

/// As many as Home Assistant takes well: where it is too much, blocks show the essential, and those
/// that find no room even so are left out. Returns how many entities and blocks were.
pub fn fit(devices: &mut Vec<Device>) -> (usize, usize) {
    let count = |devices: &[Device]| devices.iter().map(|device| device.components.len()).sum::<usize>();
    let all = count(devices);
    if all <= MOST_ENTITIES {
        return (0, 0);
    }
    for block in devices.iter_mut().skip(1) {
        block.components.retain(|component| component.entity.essential);
    }
    let blocks = devices.len();
    while count(devices) > MOST_ENTITIES && devices.pop().is_some() {}
    (all - count(devices), blocks - devices.len())
}
