//! What Home Assistant was told, over restarts: what is new, what stays and what has to go.

use std::collections::BTreeMap;
use std::time::Duration;

use super::device::{self, Device};
use crate::publish::wire::homeassistant as wire;
use crate::publish::{Live, topics};

/// A group whose miners are dead after a restart has lost its models, and with them its blocks: Home
/// Assistant keeps names and history of them for this long.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// Devices that are remembered of the last run; a site has fewer live topics.
const MOST_DEVICES: usize = 1_000;

/// Where the site is to be found, and how often it speaks.
#[derive(Debug, Clone)]
pub struct Place {
    pub discovery_prefix: String,
    pub site: String,
    /// `<root>/<site>/`.
    pub prefix: String,
    /// Groups and hostings of the config.
    pub names: Vec<String>,
    /// Between two publications of the live topics.
    pub interval: Duration,
}

impl Place {
    /// Where Home Assistant says that it has started.
    fn birth(&self) -> String {
        format!("{}/status", self.discovery_prefix)
    }

    /// The discovery topic of one device; `+` stands for all of the site. The site's name is a level
    /// of its own, so that an access list can name it.
    fn config(&self, object: &str) -> String {
        format!("{}/device/{}/{object}/config", self.discovery_prefix, self.site)
    }

    fn names(&self, object: &str) -> bool {
        object == device::SITE || topics::is_block_of(&self.names, object)
    }
}

/// One device, as Home Assistant knows it.
#[derive(Debug, Default)]
struct Told {
    payload: Vec<u8>,
    /// Names of its entities.
    keys: Vec<String>,
    /// Entities that are no more, and since when, monotonic.
    gone: BTreeMap<String, Duration>,
    /// When it was last part of the site, monotonic; for one of the last run when it was heard of.
    seen: Duration,
    /// Of the last run, and not part of the site yet.
    remembered: bool,
}

/// Adds the discovery topics to the live ones.
#[derive(Debug)]
pub struct Announcer {
    place: Place,
    told: BTreeMap<String, Told>,
    announced: u64,
    left_out: (usize, usize),
}

impl Announcer {
    pub fn new(place: Place) -> Self {
        Self { place, told: BTreeMap::new(), announced: 0, left_out: (0, 0) }
    }

    /// What to listen to, full names.
    pub fn topics(&self) -> Vec<String> {
        vec![self.place.birth(), self.place.config("+")]
    }

    /// Takes in a message of one of [`Announcer::topics`]; `kept` says that the broker had it. Returns
    /// whether Home Assistant has just started and wants to be told again.
    pub fn hear(&mut self, (topic, payload): (&str, &[u8]), kept: bool, now: Duration) -> bool {
        if topic == self.place.birth() {
            let born = !kept && payload == b"online";
            self.announced += u64::from(born);
            return born;
        }
        let around = self.place.config("+");
        let object = around
            .split_once('+')
            .and_then(|(before, after)| topic.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)));
        // What is told anew is what this very daemon has sent.
        if let (Some(object), true) = (object, kept) {
            self.remember(object, payload, now);
        }
        false
    }

    fn remember(&mut self, object: &str, payload: &[u8], now: Duration) {
        let Some(keys) = wire::own_components(payload) else { return };
        let room = self.told.len() < MOST_DEVICES;
        match self.told.get_mut(object) {
            Some(told) => {
                let gone: Vec<String> = keys.into_iter().filter(|key| !told.keys.contains(key)).collect();
                told.gone.extend(gone.into_iter().map(|key| (key, now)));
            }
            None if room => {
                let told =
                    Told { payload: payload.to_vec(), keys, seen: now, remembered: true, ..Told::default() };
                self.told.insert(object.to_owned(), told);
            }
            None => {}
        }
    }

    /// Adds a config for each device. What is no longer part of the site is told so for a moment, and
    /// then left out, which clears its topic. Returns what there is to say about what found no room.
    pub fn announce(&mut self, live: &mut Live, now: Duration) -> Option<String> {
        let known = |object: &str, key: &str| {
            self.told.get(object).is_some_and(|told| told.keys.iter().any(|known| known == key))
        };
        let mut devices = device::devices(live, known);
        let left_out = device::fit(&mut devices);
        for device in &devices {
            self.tell(device, now);
        }
        let (place, moment) = (&self.place, self.place.interval.saturating_mul(3));
        self.told.retain(|object, told| {
            let patience = if told.remembered && place.names(object) { PATIENCE } else { moment };
            now.saturating_sub(told.seen) <= patience
        });
        for (object, told) in &self.told {
            live.insert(topics::absolute(&self.place.config(object)), told.payload.clone());
        }
        live.announced = self.announced;
        self.complain(left_out)
    }

    fn tell(&mut self, device: &Device, now: Duration) {
        let moment = self.place.interval.saturating_mul(3);
        let told = self.told.entry(device.object.clone()).or_default();
        let keys: Vec<String> =
            device.components.iter().map(|component| component.entity.key.to_owned()).collect();
        let gone: Vec<String> = told.keys.iter().filter(|key| !keys.contains(key)).cloned().collect();
        told.gone.extend(gone.into_iter().map(|key| (key, now)));
        told.gone.retain(|key, since| !keys.contains(key) && now.saturating_sub(*since) <= moment);
        told.keys = keys;
        told.seen = now;
        told.remembered = false;
        told.payload = wire::config(&self.place, device, told.gone.keys());
    }

    fn complain(&mut self, left_out: (usize, usize)) -> Option<String> {
        if std::mem::replace(&mut self.left_out, left_out) == left_out || left_out.0 == 0 {
            return None;
        }
        let ((entities, blocks), most) = (left_out, device::MOST_ENTITIES);
        Some(format!(
            "Home Assistant gets at most {most} entities: {entities} are left out, with them {blocks} blocks; \
             the others show the essential"
        ))
    }
}
