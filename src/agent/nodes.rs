//! What the nodes of the site tell its agent: who they are, how old what they say is, and which are gone. Pure.
//!
//! Ages come without any node's wall clock. A message holds the node's monotonic time; when its clock was at
//! zero, by ours, is known from the message that took least to arrive. One that the broker had kept shows in its
//! expiry how long that was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Now, UnixMs};
use crate::config::Config;
use crate::publish::NodeHealth;
use crate::publish::mqtt::Arrival;
use crate::publish::topics;
use crate::publish::wire::nodes::read::{self, Told};
use crate::reading::{Batch, GpuHostSample, Missing, Sample};
use crate::sources::asic::models;

/// More are none of one site's.
const MOST_NODES: usize = 1_024;
/// More are none of one node's.
const MOST_HOSTS: usize = 64;
/// As the one before: one machine does not read more.
const MOST_MINERS: usize = 100_000;
/// A node says something every few seconds. One that is silent for longer is lost…
const SILENT: Duration = Duration::from_secs(25);
/// …and one that said that it ends is when it is not back after this: a restart is no loss.
const RESTART: Duration = Duration::from_secs(15);
/// Two clocks drift apart by less than this: parts per million.
const DRIFT_PPM: i128 = 200;

/// All nodes that were ever heard.
#[derive(Debug, Default)]
pub struct Nodes {
    nodes: BTreeMap<Arc<str>, Node>,
    known: Known,
}

/// What the config of the site knows: nodes bring nothing that has no terms.
#[derive(Debug, Default)]
pub struct Known {
    /// Hosting of each GPU host that is in the config: the site's word counts.
    pub hosts: BTreeMap<String, Arc<str>>,
    pub hostings: BTreeSet<String>,
    pub groups: BTreeSet<String>,
}

#[derive(Debug)]
struct Node {
    boot: Arc<str>,
    /// Our monotonic time when the node's was zero, in ns, and when that was last found out.
    zero_ns: i128,
    zero_at: Duration,
    /// When it last said something new, monotonic.
    heard: Duration,
    /// When it was first heard, or heard again after it was lost or started anew, monotonic.
    returned: Duration,
    /// Since when it is said to be offline.
    offline: Option<Duration>,
    hosts: BTreeMap<Arc<str>, HostOfNode>,
    miners: BTreeSet<Arc<str>>,
    /// It told of more hosts or miners than one has: those beyond are not taken.
    crowded: bool,
    /// Messages and devices that cannot be used.
    refused: u64,
}

/// A host of GPUs that a node reads.
#[derive(Debug)]
struct HostOfNode {
    hosting: Arc<str>,
    interval: Duration,
    /// Its newest reading gave nothing: there is nothing to grow stale.
    failing: bool,
}

/// What follows from a message.
#[derive(Debug, Default)]
pub struct Heard {
    pub node: Option<Arc<str>>,
    pub batches: Vec<Batch>,
    /// To be logged: the first message of a node that cannot be used.
    pub complaint: Option<String>,
}

impl From<&Config> for Known {
    fn from(config: &Config) -> Self {
        let hosts = config.gpu_host.iter().map(|host| (host.name.clone(), host.hosting.as_str().into()));
        Self {
            hosts: hosts.collect(),
            hostings: config.hosting.iter().map(|hosting| hosting.name.clone()).collect(),
            groups: config.asic.iter().map(|asic| asic.group.clone()).collect(),
        }
    }
}

impl Nodes {
    pub fn new(known: Known) -> Self {
        Self { nodes: BTreeMap::new(), known }
    }

    /// Takes in a message below `node/`.
    pub fn receive(&mut self, arrival: &Arrival, now: Now) -> Heard {
        let Some((name, below)) = arrival.topic.strip_prefix("node/").and_then(|rest| rest.split_once('/'))
        else {
            return Heard::default();
        };
        if below == "status" {
            return self.status(name, &arrival.payload, now);
        }
        let known = self.nodes.get_key_value(name).map(|(name, _)| Arc::clone(name));
        if known.is_none() && (self.nodes.len() >= MOST_NODES || !topics::is_id(name)) {
            return Heard::default();
        }
        let name = known.unwrap_or_else(|| name.into());
        match read::read(&name, below, &arrival.payload) {
            None => Heard::default(),
            Some(Ok(told)) => self.told(name, told, arrival.expires_in, now),
            Some(Err(error)) => {
                let Some(node) = self.nodes.get_mut(&name) else { return Heard::default() };
                Heard { complaint: node.refuse(&name, &format!("{below}: {error}")), ..Heard::default() }
            }
        }
    }

    fn told(&mut self, name: Arc<str>, told: Told, expires_in: Option<u32>, now: Now) -> Heard {
        // What is left was rounded down to whole seconds.
        let kept =
            expires_in.map(|left| told.expires.saturating_sub(Duration::from_secs(u64::from(left) + 1)));
        let kept = kept.unwrap_or_default();
        let mono_ns = nanos(told.mono);
        let zero_ns = nanos(now.mono) - nanos(kept) - mono_ns;
        let node = self.nodes.entry(Arc::clone(&name)).or_insert_with(|| Node::new(&told.boot, zero_ns, now));
        // The clock of one that was lost may have stood still meanwhile, as in a machine that was suspended.
        if node.boot == told.boot && !node.is_lost(now.mono) {
            let drift = nanos(now.mono.saturating_sub(node.zero_at)) * DRIFT_PPM / 1_000_000;
            node.zero_ns = zero_ns.min(node.zero_ns + drift);
            node.zero_at = now.mono;
        } else {
            let (hosts, miners) = (std::mem::take(&mut node.hosts), std::mem::take(&mut node.miners));
            let (refused, crowded) = (node.refused, node.crowded);
            *node = Node { hosts, miners, refused, crowded, ..Node::new(&told.boot, zero_ns, now) };
        }
        let since =
            Duration::from_nanos_u128((nanos(now.mono) - node.zero_ns - mono_ns).max(0).unsigned_abs());
        if since < SILENT {
            (node.heard, node.offline) = (now.mono, None);
        }
        let mut heard = Heard { node: Some(Arc::clone(&name)), ..Heard::default() };
        for (age, mut sample) in told.samples {
            match &mut sample {
                Sample::GpuHost(sample) => {
                    match self.known.hosts.get(&*sample.host) {
                        Some(hosting) => sample.hosting = Arc::clone(hosting),
                        None if self.known.hostings.contains(&*sample.hosting) => {}
                        None => {
                            let what = format!("no [[hosting]] is called `{}`", sample.hosting);
                            heard.complaint = node.refuse(&name, &what).or(heard.complaint);
                            continue;
                        }
                    }
                    if node.hosts.len() >= MOST_HOSTS && !node.hosts.contains_key(&sample.host) {
                        node.crowded = true;
                        heard.complaint = node.refuse(&name, "too many GPU hosts").or(heard.complaint);
                        continue;
                    }
                    let (hosting, interval) = (Arc::clone(&sample.hosting), sample.interval);
                    let known = HostOfNode { hosting, interval, failing: sample.gpus.is_err() };
                    node.hosts.insert(Arc::clone(&sample.host), known);
                }
                Sample::Asic(sample) => {
                    if !self.known.groups.contains(&*sample.group) {
                        let what = format!("no group of an [[asic]] is called `{}`", sample.group);
                        heard.complaint = node.refuse(&name, &what).or(heard.complaint);
                        continue;
                    }
                    if node.miners.len() >= MOST_MINERS && !node.miners.contains(&sample.id) {
                        node.crowded = true;
                        heard.complaint = node.refuse(&name, "too many miners").or(heard.complaint);
                        continue;
                    }
                    node.miners.insert(Arc::clone(&sample.id));
                    if let Ok(report) = &mut sample.report {
                        report.nameplate = models::nameplate(report);
                    }
                }
                _ => {}
            }
            let at = before(now, since.saturating_add(age));
            heard.batches.push(Batch { at, samples: vec![sample] });
        }
        heard
    }

    /// A node that ends says so, or the broker does when its connection is lost: its GPUs are stale at once.
    /// Miners age by themselves.
    fn status(&mut self, name: &str, payload: &[u8], now: Now) -> Heard {
        let known = self.nodes.get_key_value(name).map(|(name, _)| Arc::clone(name));
        let Some((name, node)) = known.and_then(|name| Some((Arc::clone(&name), self.nodes.get_mut(&name)?)))
        else {
            return Heard::default();
        };
        if payload != b"offline" {
            node.offline = None;
            return Heard::default();
        }
        node.offline = node.offline.or(Some(now.mono));
        let answering = node.hosts.iter().filter(|(_, known)| !known.failing);
        let samples = answering.map(|(host, known)| {
            Sample::GpuHost(GpuHostSample {
                host: Arc::clone(host),
                hosting: Arc::clone(&known.hosting),
                interval: known.interval,
                driver: None,
                gpus: Err(Missing::Unreachable),
            })
        });
        let batch = Batch { at: now, samples: samples.collect() };
        Heard { node: Some(name), batches: vec![batch], complaint: None }
    }

    /// All nodes in order of name.
    pub fn health(&self, now: Now) -> Vec<NodeHealth> {
        let health = self.nodes.iter().map(|(name, node)| NodeHealth {
            name: Arc::clone(name),
            silent: now.mono.saturating_sub(node.heard),
            lost: node.is_lost(now.mono),
            settling: now.mono.saturating_sub(node.returned) < RESTART,
            refused: node.refused,
            crowded: node.crowded,
        });
        health.collect()
    }
}

impl Node {
    fn new(boot: &Arc<str>, zero_ns: i128, now: Now) -> Self {
        Self {
            boot: Arc::clone(boot),
            zero_ns,
            zero_at: now.mono,
            heard: now.mono,
            returned: now.mono,
            offline: None,
            hosts: BTreeMap::new(),
            miners: BTreeSet::new(),
            crowded: false,
            refused: 0,
        }
    }

    /// Something of it cannot be used. Only the first time is told.
    fn refuse(&mut self, name: &str, what: &str) -> Option<String> {
        self.refused = self.refused.saturating_add(1);
        (self.refused == 1).then(|| format!("node {name}: {what}"))
    }

    fn is_lost(&self, now: Duration) -> bool {
        let for_longer = |since: Duration, limit| now.saturating_sub(since) > limit;
        for_longer(self.heard, SILENT) || self.offline.is_some_and(|since| for_longer(since, RESTART))
    }
}

fn nanos(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap_or(i128::MAX)
}

fn before(now: Now, age: Duration) -> Now {
    let ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    Now { wall: UnixMs(now.wall.0.saturating_sub(ms)), mono: now.mono.saturating_sub(age) }
}

#[cfg(test)]
mod tests;
