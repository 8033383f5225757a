//! The connection to the broker: the only module that knows the MQTT crate.
//!
//! Every connection gets a fresh client and event loop and a clean start; nothing that matters lives
//! in them. One task drives the loop and never gives up on a poll half-way, except by dropping the
//! whole loop. Whoever publishes puts the newest set into a watch channel and waits for nothing.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::v5::MqttOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, LastWill};
use rumqttc::{NetworkOptions, TlsConfiguration, Transport};
use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::failure::Stage;
use self::session::Publisher;
use super::delivery::OFFLINE;
use super::tls::{self, TlsError};
use super::topics::{self, Prefix, TopicError};
use super::{LiveSet, MqttConfig, Unheard};
use crate::ledger::outbox::ByClass;
use crate::secret::{Secret, SecretError};

mod backlog;
mod connection;
mod failure;
mod inbox;
mod listen;
mod session;
pub mod sparkplug;
mod subscribe;

pub use self::backlog::Records;
pub use self::inbox::{Arrival, Filter, Inbox};
pub use self::listen::{listen, probe};

/// Publishes without acknowledgement, unless the broker allows fewer. The crate reserves memory for
/// each; left alone it does so for 65,535.
const WINDOW: u16 = 100;
/// Room for a full window, `offline` and the disconnect, so that handing over never waits.
const CHANNEL: usize = WINDOW as usize + 8;
/// Largest packet that may arrive: twice what a node sends. The broker drops what is larger; the crate would end
/// the connection over it.
const MOST_ARRIVING_BYTES: u32 = 64 * 1024;
/// For the connection, TLS and the broker's answer together.
const CONNECT_SECS: u64 = 5;
const SHUTDOWN: Duration = Duration::from_secs(2);

/// How the connection is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkHealth {
    pub connected: bool,
    /// Connections made since the start.
    pub connects: u64,
    /// Payloads not sent because they exceed the size limit of the config or of the broker.
    pub oversize: u64,
    /// Publishes that the broker refused, such as for want of permission.
    pub rejected: u64,
    /// Records that were never sent because too many waited for the broker. The ledger has its own.
    pub records_dropped: u64,
    /// Messages of the outbox that the broker took.
    pub acked: u64,
    /// The class of records that the broker refuses: which topic, and why.
    pub refused: ByClass<Option<String>>,
    /// Messages of others that found no room.
    pub arrivals_dropped: u64,
    /// When the first of the certificates in the config's files ends, Unix seconds.
    pub cert_expires: Option<i64>,
    /// Why there is no connection, and what to do; `None` while there is one.
    pub last_error: Option<String>,
}

/// Who connects.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    site: &'a str,
    /// One of its nodes; `None`: the agent of the site.
    node: Option<&'a str>,
    /// Of the name that the client has unless the config gives one.
    suffix: &'static str,
}

impl<'a> Client<'a> {
    pub fn site(site: &'a str) -> Self {
        Self { site, node: None, suffix: "" }
    }

    /// The agent of the site at the central broker.
    pub fn central(site: &'a str) -> Self {
        Self { suffix: "-central", ..Self::site(site) }
    }

    pub fn node(site: &'a str, node: &'a str) -> Self {
        Self { site, node: Some(node), suffix: "" }
    }
}

impl Client<'_> {
    /// What the broker knows it by.
    pub fn id(&self, config: &MqttConfig) -> String {
        let node = self.node.map_or_else(String::new, |node| format!("-{node}"));
        let own = || format!("wattsplit-{}{node}{}", self.site, self.suffix);
        config.client_id.clone().unwrap_or_else(own)
    }

    /// The first broker gets each picture, which is made in its interval or when something changes.
    fn live_every(&self, config: &MqttConfig) -> Duration {
        let own = if self.suffix.is_empty() { 0 } else { config.interval_secs };
        Duration::from_secs(own)
    }
}

/// The running publisher. Dropped without [`PublisherHandle::shutdown`], it vanishes without a word
/// and the broker publishes the last will.
#[derive(Debug)]
pub struct PublisherHandle {
    stop: watch::Sender<bool>,
    health: watch::Receiver<LinkHealth>,
    task: JoinHandle<()>,
}

impl PublisherHandle {
    pub fn health(&self) -> LinkHealth {
        self.health.borrow().clone()
    }

    /// For those who wait for a change.
    pub fn watch(&self) -> watch::Receiver<LinkHealth> {
        self.health.clone()
    }

    /// Publishes `offline` and disconnects, within 2 s; after that the last will has to do.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // A timeout or a panicked task: either way the drop below ends the connection.
        let _ = timeout(SHUTDOWN, &mut self.task).await;
    }
}

impl Drop for PublisherHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts to publish `live` and `records` below `<root>/<site>/`, or a node's place there. Runs on the current tokio runtime.
///
/// # Errors
/// A secret or TLS file that cannot be used, or names that make no topic. An unreachable broker is
/// no error: it is tried again and again, and [`LinkHealth`] says so.
pub fn spawn(
    config: &MqttConfig,
    client: Client<'_>,
    live: watch::Receiver<LiveSet>,
    records: Records,
    inboxes: Vec<Inbox>,
) -> Result<PublisherHandle, MqttError> {
    let link = Link::new(config, client)?;
    let (stop, stopped) = watch::channel(false);
    let cert_expires = config.tls.as_ref().and_then(tls::expires);
    let (report, health) = watch::channel(LinkHealth { cert_expires, ..LinkHealth::default() });
    let task = tokio::spawn(Publisher::new(link, live, records, inboxes, (stopped, report)).run());
    Ok(PublisherHandle { stop, health, task })
}

/// Why publishing cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum MqttError {
    #[error("mqtt.password_file: {reason}")]
    Password { reason: SecretError },
    #[error("mqtt.password_file is set, but not mqtt.username")]
    PasswordWithoutUser,
    #[error(transparent)]
    Tls { source: TlsError },
    #[error(transparent)]
    Topic { source: TopicError },
    #[error("broker {broker}: {what}; {hint}")]
    Probe { broker: String, what: String, hint: &'static str },
}

/// Everything that a connection is made with, read once.
struct Link {
    host: String,
    port: u16,
    client_id: String,
    credentials: Option<(String, Option<Secret>)>,
    keep_alive: Duration,
    max_payload_bytes: usize,
    /// Between two rounds of live topics, at least.
    live_every: Duration,
    records_per_s: u32,
    /// A record that no subscriber gets counts as refused.
    keeps_unheard: bool,
    prefix: Prefix,
    tls: Option<Arc<ClientConfig>>,
}

impl Link {
    fn new(config: &MqttConfig, client: Client<'_>) -> Result<Self, MqttError> {
        let site = Prefix::new(&config.root, client.site);
        let prefix = site.and_then(|site| client.node.map_or(Ok(site.clone()), |node| site.node(node)));
        let prefix = prefix.map_err(|source| MqttError::Topic { source })?;
        let password = config.password_file.as_deref().map(Secret::from_file).transpose();
        let password = password.map_err(|reason| MqttError::Password { reason })?;
        let credentials = match (&config.username, password) {
            (None, None) => None,
            (None, Some(_)) => return Err(MqttError::PasswordWithoutUser),
            (Some(user), None) => Some((user.clone(), None)),
            (Some(user), Some(password)) => Some((user.clone(), Some(password))),
        };
        let tls = config.tls.as_ref().map(tls::client_config).transpose();
        let tls = tls.map_err(|source| MqttError::Tls { source })?;
        Ok(Self {
            host: config.host.clone(),
            port: config.port_or_default(),
            client_id: client.id(config),
            credentials,
            // The crate panics below 5 s, and the protocol ends at 65,535 s.
            keep_alive: Duration::from_secs(config.keep_alive_secs.clamp(5, u16::MAX.into())),
            max_payload_bytes: config.max_payload_bytes,
            live_every: client.live_every(config),
            records_per_s: config.records_per_s,
            keeps_unheard: config.no_matching_subscribers == Unheard::Keep,
            prefix,
            tls: tls.map(Arc::new),
        })
    }

    fn options(&self, suffix: &str, with_will: bool) -> MqttOptions {
        let id = format!("{}{suffix}", self.client_id);
        let mut options = MqttOptions::new(id, &self.host, self.port);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        options
            .set_clean_start(true)
            .set_keep_alive(self.keep_alive)
            .set_connection_timeout(CONNECT_SECS)
            .set_outgoing_inflight_upper_limit(WINDOW)
            .set_max_packet_size(Some(MOST_ARRIVING_BYTES))
            .set_network_options(network);
        if let Some((user, password)) = &self.credentials {
            options.set_credentials(user, password.as_ref().map_or("", Secret::reveal));
        }
        if let Some(tls) = &self.tls {
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::clone(tls))));
        }
        if with_will {
            let topic = self.prefix.topic(topics::STATUS);
            options.set_last_will(LastWill::new(topic, OFFLINE, QoS::AtLeastOnce, true, None));
        }
        options
    }

    /// Before the broker has answered.
    fn stage(&self) -> Stage {
        if self.tls.is_some() { Stage::Encrypted } else { Stage::Plain }
    }

    /// For logs and errors.
    fn broker(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn describe(&self, ack: &ConnAck) -> String {
        let said = ack.properties.as_ref();
        let packet = match said.and_then(|p| p.max_packet_size) {
            Some(bytes) => format!("packets up to {bytes} bytes"),
            None => "packets of any size".to_owned(),
        };
        let window = said.and_then(|p| p.receive_max).unwrap_or(u16::MAX);
        let transport = if self.tls.is_some() { "TLS" } else { "not encrypted" };
        format!("MQTT 5 at {}, {transport}, {packet}, {window} publishes in flight", self.broker())
    }
}
