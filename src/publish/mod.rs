//! Output: what the site and the money look like on MQTT.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::economics::capture::PoolDay;
use crate::economics::energy_capture::SiteDay;
use crate::ledger::decision::Regret;
use crate::ledger::outbox::Health as OutboxHealth;
use crate::reading::Sweep;

mod backoff;
mod central;
mod delivery;
pub mod homeassistant;
pub mod mqtt;
mod outbox;
pub mod sparkplug;
pub mod tls;
pub mod topics;
pub mod wire;

pub use central::CentralConfig;
pub use outbox::OutboxConfig;

/// The newest payload of every live topic, below `<root>/<site>/` but for those that
/// [`topics::absolute`] names. Conflated by nature: a new set replaces the old one, and whoever is late
/// sends only the newest.
pub type LiveSet = Arc<Live>;

/// Payload by topic, and until when the broker may keep those that expire, monotonic.
#[derive(Debug, Clone, Default)]
pub struct Live {
    topics: BTreeMap<String, Vec<u8>>,
    pub expires: BTreeMap<Cow<'static, str>, Duration>,
    /// Topics that are to be cleared, though they were never part of a set.
    pub gone: BTreeSet<String>,
    /// How often those outside the prefix were asked for: with a new number they are sent again.
    pub announced: u64,
}

impl Deref for Live {
    type Target = BTreeMap<String, Vec<u8>>;

    fn deref(&self) -> &Self::Target {
        &self.topics
    }
}

impl DerefMut for Live {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.topics
    }
}

impl FromIterator<(String, Vec<u8>)> for Live {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(topics: I) -> Self {
        Self { topics: topics.into_iter().collect(), ..Self::default() }
    }
}

/// How wattsplit itself is doing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Health {
    /// Since wattsplit started.
    pub uptime: Duration,
    /// Sources that answered last time.
    pub sources_ok: u32,
    /// Sources that did not, without addresses out of ranges that never answered.
    pub sources_failing: u32,
    /// Fetches since the start, as the next one.
    pub polls_ok: u64,
    pub polls_failed: u64,
    /// The last period of the miners that is over.
    pub sweep: Option<Sweep>,
    /// In the order of the config.
    pub brokers: Vec<BrokerHealth>,
    /// In order of name.
    pub nodes: Vec<NodeHealth>,
    /// `None`: no ledger is kept.
    pub ledger: Option<LedgerHealth>,
}

/// How a broker is doing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BrokerHealth {
    /// In the outbox and in records.
    pub name: &'static str,
    pub link: mqtt::LinkHealth,
    /// Records that it confirmed since the picture before, per second.
    pub acks_per_s: Option<f64>,
}

/// How a node of the site is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeHealth {
    pub name: Arc<str>,
    /// Since it last said something new.
    pub silent: Duration,
    /// It is silent for too long, or it ended.
    pub lost: bool,
    /// It is there again for so short that it has not told everything yet.
    pub settling: bool,
    /// Messages and devices of it that could not be used.
    pub refused: u64,
    /// It told of more devices than one node reads: those beyond are not taken.
    pub crowded: bool,
}

/// How the ledger is doing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LedgerHealth {
    /// Since the start.
    pub rows_written: u64,
    /// Rows lost because the disk was too slow or failed.
    pub rows_refused: u64,
    /// The last write failed; it is tried again.
    pub failing: bool,
    /// `None` while its file cannot be opened: nobody knows what waits there.
    pub outbox: Option<OutboxHealth>,
    /// What the newest interval looks back on.
    pub regret: Regret,
    /// By pool, its newest day that is settled or accrued.
    pub captures: Arc<BTreeMap<String, PoolDay>>,
    /// The last UTC day that is over, by the site's meter.
    pub site_day: Option<SiteDay>,
}

/// `[mqtt]`: the broker.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttConfig {
    pub host: String,
    /// Absent: 1883, or 8883 with `[mqtt.tls]`.
    pub port: Option<u16>,
    /// First level of every topic.
    #[serde(default = "default_root")]
    pub root: String,
    /// Absent: `wattsplit-<site>`. A second client with the same id kicks the first.
    pub client_id: Option<String>,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    /// Seconds between two pings; a silent link is noticed after twice this. At least 5.
    #[serde(default = "default_keep_alive")]
    pub keep_alive_secs: u64,
    /// Seconds between two publications of the live topics.
    #[serde(default = "default_interval")]
    pub interval_secs: u64,
    /// Largest payload that is sent, in bytes.
    #[serde(default = "default_max_payload")]
    pub max_payload_bytes: usize,
    /// Most records that go out in a second, so that a backlog leaves the line to the live topics.
    #[serde(default = "default_records_per_s")]
    pub records_per_s: u32,
    /// What becomes of a record that the broker takes while nobody listens.
    #[serde(default)]
    pub no_matching_subscribers: Unheard,
    /// Without `[mqtt.tls]` only a broker on this machine is connected to, unless this says that the way to it
    /// needs no encryption.
    #[serde(default)]
    pub insecure: bool,
    pub tls: Option<TlsConfig>,
    pub central: Option<CentralConfig>,
}

/// What becomes of a record for which the broker has no subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unheard {
    /// It counts as any other that the broker took.
    #[default]
    Delivered,
    /// It is kept, and tried again until somebody listens.
    Keep,
}

impl MqttConfig {
    /// Whether what is sent can be read and changed on the way: without TLS, and not within this machine.
    pub fn is_in_the_open(&self) -> bool {
        self.tls.is_none() && !self.is_here()
    }

    /// Whether the broker is on this machine, by its name or address.
    fn is_here(&self) -> bool {
        let host = self.bare_host();
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Without the brackets of an IPv6 address.
    fn bare_host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// Whether both are the same broker, as far as their names tell.
    pub fn is_same_broker(&self, other: &MqttConfig) -> bool {
        let same_host =
            self.bare_host().eq_ignore_ascii_case(other.bare_host()) || self.is_here() && other.is_here();
        same_host && self.port_or_default() == other.port_or_default()
    }

    /// The port that is connected to: the one in the file, else the registered one.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.tls.is_some() { 8883 } else { 1883 })
    }
}

/// `[mqtt.tls]`: encryption, with the server always verified.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file of the authority that signed the broker's certificate. Absent: the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client's own certificate chain…
    pub cert_file: Option<PathBuf>,
    /// …and of its private key.
    pub key_file: Option<PathBuf>,
}

fn default_root() -> String {
    "wattsplit".into()
}

fn default_keep_alive() -> u64 {
    15
}

fn default_interval() -> u64 {
    10
}

/// Far more than a site makes.
fn default_records_per_s() -> u32 {
    2_000
}

fn default_max_payload() -> usize {
    256 * 1024
}
