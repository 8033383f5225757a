//! What an edge node says: births, data and deaths, each numbered. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message;

use super::figures::{self, Figure, Told};
use super::history::History;
use super::payload::{Metric, Payload, Value, millis};
use crate::clock::Now;
use crate::publish::Live;

const NAMESPACE: &str = "spBv1.0";
const BD_SEQ: &str = "bdSeq";
/// The only command that is honoured: it asks to say everything again.
const REBIRTH: &str = "Node Control/Rebirth";

/// A message, QoS 0 and not retained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Out {
    pub topic: String,
    pub payload: Vec<u8>,
}

/// One metric, as it was last told.
#[derive(Debug)]
struct Known {
    alias: u64,
    datatype: u32,
    /// `None`: it is away, and why.
    figure: Result<Figure, Option<String>>,
}

type Metrics = BTreeMap<String, Known>;

/// The site as an edge node.
#[derive(Debug)]
pub struct Edge {
    group: String,
    node: String,
    bd_seq: u64,
    seq: u8,
    born: bool,
    aliases: u64,
    metrics: Metrics,
    devices: BTreeMap<String, Metrics>,
    history: History,
}

impl Edge {
    pub fn new(group: String, node: String) -> Self {
        Self {
            group,
            node,
            bd_seq: 0,
            seq: 0,
            born: false,
            aliases: 0,
            metrics: Metrics::new(),
            devices: BTreeMap::new(),
            history: History::default(),
        }
    }

    /// Where commands to the node come in.
    pub fn commands(&self) -> String {
        self.topic("NCMD", None)
    }

    /// Where `host` says whether it is there.
    pub fn state_topic(host: &str) -> String {
        format!("{NAMESPACE}/STATE/{host}")
    }

    pub fn is_born(&self) -> bool {
        self.born
    }

    /// A connection is about to be made, with this count: what is to be its last will.
    pub fn connecting(&mut self, bd_seq: u64, now: Now) -> Out {
        self.bd_seq = bd_seq;
        self.dead(now)
    }

    /// The connection is gone, and nobody hears anything.
    pub fn lost(&mut self) {
        self.born = false;
    }

    /// The last word, before the node disconnects itself.
    pub fn death(&mut self, now: Now) -> Out {
        self.born = false;
        self.dead(now)
    }

    fn dead(&self, now: Now) -> Out {
        let metrics = vec![self.bd_seq_metric(now)];
        let payload = Payload { timestamp: Some(millis(now.wall)), metrics, seq: None };
        Out { topic: self.topic("NDEATH", None), payload: payload.encode_to_vec() }
    }

    /// Whether a command asks for a rebirth. Whatever else it holds is ignored.
    pub fn asks_for_rebirth(payload: &[u8]) -> bool {
        let asks = |metric: &Metric| {
            metric.name.as_deref() == Some(REBIRTH) && metric.value == Some(Value::Boolean(true))
        };
        Payload::decode(payload).is_ok_and(|payload| payload.metrics.iter().any(asks))
    }

    /// Everything there is, numbered from 0, and behind it what nobody has heard.
    pub fn birth(&mut self, live: &Live, now: Now) -> Vec<Out> {
        self.born = true;
        // Births say what there is now; a device that has gone in between is not born again.
        self.devices.clear();
        update(&mut self.metrics, &figures::of_the_node(live), &mut self.aliases);
        let mut out = vec![self.node_birth(now)];
        out.extend(self.devices(live, now));
        for metrics in self.history.take() {
            out.push(self.say("NDATA", None, metrics, now));
        }
        out
    }

    /// What changed since the last word. Without a birth nothing is said, but the figures of the site
    /// are kept for later.
    pub fn data(&mut self, live: &Live, now: Now) -> Vec<Out> {
        if !self.born && !self.history.is_due(now.mono) {
            return Vec::new();
        }
        let (changed, grown) = update(&mut self.metrics, &figures::of_the_node(live), &mut self.aliases);
        let changed = changed.iter().filter_map(|name| Some(metric(self.metrics.get(name)?, now)));
        let changed: Vec<Metric> = changed.collect();
        let historical = changed.iter().cloned().map(|metric| Metric { is_historical: Some(true), ..metric });
        self.history.keep(historical.collect(), now.mono);
        if !self.born {
            return Vec::new();
        }
        if grown {
            return self.birth(live, now);
        }
        let mut out = Vec::new();
        if !changed.is_empty() {
            out.push(self.say("NDATA", None, changed, now));
        }
        out.extend(self.devices(live, now));
        out
    }

    /// The broker has answered something that was sent at `then`, monotonic.
    pub fn arrived(&mut self, then: Duration) {
        if self.born {
            self.history.arrived(then);
        }
    }

    fn node_birth(&mut self, now: Now) -> Out {
        self.seq = 0;
        let control = Metric::named(REBIRTH, Value::Boolean(false), now.wall);
        let metrics = self.metrics.iter().map(|(name, known)| named(name, known, now));
        let metrics = [self.bd_seq_metric(now), control].into_iter().chain(metrics).collect();
        self.say("NBIRTH", None, metrics, now)
    }

    fn devices(&mut self, live: &Live, now: Now) -> Vec<Out> {
        let told = figures::of_devices(live);
        let mut out = Vec::new();
        let gone: Vec<String> =
            self.devices.keys().filter(|name| !told.contains_key(*name)).cloned().collect();
        for name in gone {
            self.devices.remove(&name);
            out.push(self.say("DDEATH", Some(&name), Vec::new(), now));
        }
        for (name, told) in told {
            let is_new = !self.devices.contains_key(&name);
            let known = self.devices.entry(name.clone()).or_default();
            let (changed, grown) = update(known, &told, &mut self.aliases);
            if is_new || grown {
                let metrics = known.iter().map(|(name, known)| self::named(name, known, now)).collect();
                out.push(self.say("DBIRTH", Some(&name), metrics, now));
            } else if !changed.is_empty() {
                let changed = changed.iter().filter_map(|name| Some(metric(known.get(name)?, now)));
                let metrics = changed.collect();
                out.push(self.say("DDATA", Some(&name), metrics, now));
            }
        }
        out
    }

    fn bd_seq_metric(&self, now: Now) -> Metric {
        Metric::named(BD_SEQ, Value::Long(self.bd_seq), now.wall)
    }

    fn say(&mut self, kind: &str, device: Option<&str>, metrics: Vec<Metric>, now: Now) -> Out {
        let payload = Payload { timestamp: Some(millis(now.wall)), metrics, seq: Some(self.seq.into()) };
        self.seq = self.seq.wrapping_add(1);
        Out { topic: self.topic(kind, device), payload: payload.encode_to_vec() }
    }

    fn topic(&self, kind: &str, device: Option<&str>) -> String {
        let node = format!("{NAMESPACE}/{}/{kind}/{}", self.group, self.node);
        device.map_or(node.clone(), |device| format!("{node}/{device}"))
    }
}

/// Takes in what is told now. Returns the names of what changed, and whether there is something that
/// no birth has named yet.
fn update(metrics: &mut Metrics, told: &Told, aliases: &mut u64) -> (Vec<String>, bool) {
    let (mut changed, mut grown) = (Vec::new(), false);
    for (name, known) in metrics.iter_mut().filter(|(name, _)| !told.figures.contains_key(*name)) {
        let away = Err(told.why_not(name).map(str::to_owned));
        if known.figure != away {
            known.figure = away;
            changed.push(name.clone());
        }
    }
    for (name, figure) in &told.figures {
        let datatype = figure.value.datatype();
        match metrics.get_mut(name) {
            Some(known) if known.datatype == datatype => {
                if known.figure.as_ref() != Ok(figure) {
                    known.figure = Ok(figure.clone());
                    changed.push(name.clone());
                }
            }
            known => {
                grown = true;
                let alias = known.map_or_else(
                    || {
                        *aliases += 1;
                        *aliases
                    },
                    |known| known.alias,
                );
                metrics.insert(name.clone(), Known { alias, datatype, figure: Ok(figure.clone()) });
            }
        }
    }
    (changed, grown)
}

/// As births tell it.
fn named(name: &str, known: &Known, now: Now) -> Metric {
    Metric { name: Some(name.to_owned()), ..metric(known, now) }
}

/// As data tells it: by its alias.
fn metric(known: &Known, now: Now) -> Metric {
    let (value, properties) = match &known.figure {
        Ok(figure) => {
            (Some(figure.value.clone()), figures::properties(figure.quality, figure.note.as_deref()))
        }
        Err(why) => (None, figures::away(why.as_deref())),
    };
    Metric {
        name: None,
        alias: Some(known.alias),
        timestamp: Some(millis(now.wall)),
        datatype: Some(known.datatype),
        is_historical: None,
        is_null: value.is_none().then_some(true),
        properties: Some(properties),
        value,
    }
}
