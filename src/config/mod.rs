//! The configuration file.
//!
//! The structs, here and with the components, declare what may stand in it. [`Config::load`] finds
//! everything that is wrong with a file at once and says where, what was expected and what was
//! probably meant.

mod document;
mod files;
mod load;
mod problem;
pub mod schema;
mod shape;
mod terms;
mod validate;

use std::path::PathBuf;

use serde::Deserialize;

use crate::advice::PolicyConfig;
use crate::economics::HostingConfig;
use crate::publish::homeassistant::HomeAssistantConfig;
use crate::publish::sparkplug::SparkplugConfig;
use crate::publish::{MqttConfig, OutboxConfig};
use crate::sources::asic::AsicConfig;
use crate::sources::gpu::GpuHostConfig;
use crate::sources::meter::MeterConfig;
use crate::sources::network::NetworkConfig;
use crate::sources::pool::PoolConfig;
use crate::sources::price::{BtcPriceConfig, HashpriceIndexConfig, PowerPriceConfig};
use crate::sources::signal::SignalConfig;

pub use files::Places;
pub use problem::{ConfigErrors, Problem};

/// The whole file. `config/wattsplit.toml` documents every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub site: SiteConfig,
    /// Absent: nothing is published; `once` works, `run` refuses.
    pub mqtt: Option<MqttConfig>,
    /// Absent: Home Assistant is told nothing.
    pub homeassistant: Option<HomeAssistantConfig>,
    /// Absent: the site is no Sparkplug edge node.
    pub sparkplug: Option<SparkplugConfig>,
    #[serde(default)]
    pub outbox: OutboxConfig,
    #[serde(default)]
    pub asic: Vec<AsicConfig>,
    #[serde(default)]
    pub hosting: Vec<HostingConfig>,
    #[serde(default)]
    pub gpu_host: Vec<GpuHostConfig>,
    #[serde(default)]
    pub pool: Vec<PoolConfig>,
    pub power: Option<PowerPriceConfig>,
    #[serde(default)]
    pub btc: BtcPriceConfig,
    pub network: Option<NetworkConfig>,
    /// Absent: hashprice is compared with nobody's.
    pub hashprice_index: Option<HashpriceIndexConfig>,
    /// Absent: the sum of the parts stands in for the meter.
    pub meter: Option<MeterConfig>,
    #[serde(default)]
    pub signal: Vec<SignalConfig>,
    #[serde(default)]
    pub policy: PolicyConfig,
}

/// `[site]`: what one MQTT prefix describes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// `[a-z0-9-]+`: the second level of every topic.
    pub name: String,
    /// Name of this node. Absent: the machine's host name.
    pub node: Option<String>,
    /// What this daemon is to the site.
    #[serde(default)]
    pub role: Role,
    /// IANA time zone of tariffs. Absent: UTC.
    #[serde(default = "utc")]
    pub timezone: String,
    /// Most power the site may draw, kW. Absent: no cap and no headroom.
    pub cap_kw: Option<f64>,
    /// Facility power that depends on no block: lighting, offices, pumps. kW.
    #[serde(default)]
    pub fixed_overhead_kw: f64,
    /// Where the ledger is kept. Absent: in `$STATE_DIRECTORY`; without that, no ledger is kept.
    pub state_dir: Option<PathBuf>,
    /// Most miners that are asked at the same time, each over one connection. Fewer, where the limit of open
    /// files leaves no room for them.
    #[serde(default = "default_concurrency")]
    pub concurrency: usize,
}

/// What a daemon is to its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Its agent: it knows prices and terms, reckons and advises.
    #[default]
    Site,
    /// Reads devices for the site's agent.
    Node,
}

fn utc() -> String {
    "UTC".into()
}

/// What 1,024 open files, the usual limit, leave beside the broker, feeds and the ledger. It is enough to
/// ask 30,000 dead miners, which take a second and a half each, within 90 seconds.
fn default_concurrency() -> usize {
    768
}
