//! The samples that sources send to the site. The set is closed: one kind for each thing that can be
//! asked.

use std::sync::Arc;
use std::time::Duration;

use super::{
    EarningsSample, GpuHostSample, GpuPriceSample, HashpriceIndexSample, MarketSample, Missing, Nameplate,
    Place, PoolSample, PowerPriceSample, Read, Retarget, SignalSample, WallPowerSample,
};
use crate::clock::{Now, UnixMs};
use crate::units::{Celsius, Fraction, Hashrate, Sats, Usd, WattHours, Watts};

/// What one exchange with one source gave.
#[derive(Debug, Clone)]
pub struct Batch {
    /// When the exchange ended.
    pub at: Now,
    pub samples: Vec<Sample>,
}

/// One thing that a source has to say. The set is closed: the site knows each kind. What is large and rare is boxed: a
/// fleet sends thousands of the others a second.
#[derive(Debug, Clone)]
pub enum Sample {
    Asic(AsicSample),
    GpuHost(GpuHostSample),
    WallPower(WallPowerSample),
    Occupancy(OccupancySample),
    Earnings(EarningsSample),
    GpuPrice(GpuPriceSample),
    Market(MarketSample),
    Host(Box<HostSample>),
    Pool(Box<PoolSample>),
    BtcUsd(BtcUsdSample),
    Network(Box<NetworkSample>),
    HashpriceIndex(HashpriceIndexSample),
    PowerPrice(PowerPriceSample),
    Meter(MeterSample),
    Signal(Box<SignalSample>),
}

// ---- ASICs --------------------------------------------------------------------------------

/// One poll of one miner.
#[derive(Debug, Clone)]
pub struct AsicSample {
    /// Address and port as configured, such as `10.20.0.7:4028`: the identity while the miner is
    /// silent.
    pub id: Arc<str>,
    /// Group from the config.
    pub group: Arc<str>,
    /// Where it stands, if the operator says so.
    pub place: Option<Arc<Place>>,
    /// Named one by one in the config, so something must be there. Addresses out of a range or CIDR
    /// may be empty until they answer once.
    pub expected: bool,
    /// How often this miner is polled; its values age by this.
    pub interval: Duration,
    pub report: Result<Box<AsicReport>, Missing>,
}

/// What a miner said. Absent strings were not in the reply.
#[derive(Debug, Clone)]
pub struct AsicReport {
    pub make: Option<Arc<str>>,
    /// Model name without the make, such as `S19 XP`; `None` if the miner does not say.
    pub model: Option<Arc<str>>,
    /// Firmware family: `stock`, `braiins`, `luxos`…
    pub firmware: Option<Arc<str>>,
    pub firmware_version: Option<Arc<str>>,
    pub serial: Option<Arc<str>>,
    pub mac: Option<Arc<str>>,
    /// Whether its hashes earn bitcoin.
    pub algorithm: Algorithm,
    pub state: AsicState,
    /// Shortest window that the firmware calls current.
    pub hashrate_now: Read<Hashrate>,
    /// Longest average that the firmware reports.
    pub hashrate_avg: Read<Hashrate>,
    /// Wall power: `measured` by the supply, `estimated` by the firmware or from the model table.
    pub power: Read<Watts>,
    /// Of the model, where the table knows it and it hashes for bitcoin.
    pub nameplate: Option<&'static Nameplate>,
    pub temp_chip_max: Read<Celsius>,
    pub temp_board_max: Read<Celsius>,
    pub temp_inlet: Read<Celsius>,
    /// Case fans in slot order, revolutions per minute; empty if not reported.
    pub fans_rpm: Vec<u32>,
    /// Age of the mining process in seconds.
    pub uptime_s: Option<u64>,
    pub pool_url: Option<Arc<str>>,
    pub worker: Option<Arc<str>>,
    /// Shares since the mining process started.
    pub accepted: Option<u64>,
    pub rejected: Option<u64>,
    /// Boards the machine should have; `None` if the reply does not show it.
    pub boards_expected: Option<u32>,
    /// Boards hashing without a reported fault.
    pub boards_working: Option<u32>,
    /// Faults that the firmware reports, in its own words or codes.
    pub faults: Vec<String>,
}

/// What a miner computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// Bitcoin's. Also of machines whose model does not say otherwise.
    #[default]
    Sha256,
    /// Scrypt, X11 and the like: one TH/s of it has nothing in common with one of bitcoin's.
    Other,
}

impl Algorithm {
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Other => "other",
        }
    }
}

/// What a miner that answers is doing. Never inferred from missing data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AsicState {
    /// Hashrate above zero.
    Hashing,
    /// Hashrate zero and no fault: asleep, paused or starting.
    Idle,
    /// Hashrate zero and the machine reports faults.
    Fault,
    /// It answers, but does not tell its hashrate.
    Unknown,
}

impl AsicState {
    pub fn as_str(self) -> &'static str {
        match self {
            AsicState::Hashing => "hashing",
            AsicState::Idle => "idle",
            AsicState::Fault => "fault",
            AsicState::Unknown => "unknown",
        }
    }
}

// ---- occupancy ----------------------------------------------------------------------------

/// GPUs of a hosting that are billed now: occupancy, not utilisation.
#[derive(Debug, Clone)]
pub struct OccupancySample {
    pub hosting: Arc<str>,
    pub interval: Duration,
    pub occupied_gpus: Read<u32>,
    /// When the figure was written, if that is known.
    pub observed: Option<UnixMs>,
}

// ---- the box ------------------------------------------------------------------------------

/// The machine that runs wattsplit.
#[derive(Debug, Clone)]
pub struct HostSample {
    pub node: Arc<str>,
    pub interval: Duration,
    /// Share of time that all cores are busy, since the fetch before.
    pub cpu: Read<Fraction>,
    pub memory_used_bytes: Read<u64>,
    pub memory_total_bytes: Read<u64>,
    /// Of the file system that holds the state directory.
    pub disk_free_bytes: Read<u64>,
    pub disk_total_bytes: Read<u64>,
    /// Hottest sensor.
    pub temp_max: Read<Celsius>,
    /// Since the machine started, seconds.
    pub uptime_s: Read<u64>,
    /// Resident memory of wattsplit itself.
    pub own_rss_bytes: Read<u64>,
}

// ---- the site's meter ---------------------------------------------------------------------

/// One look at the meter of the whole site.
#[derive(Debug, Clone)]
pub struct MeterSample {
    /// How often the meter is asked; its values age by this.
    pub interval: Duration,
    /// When it showed this by its own account, if it says so.
    pub observed: Option<UnixMs>,
    pub report: Result<MeterReport, Missing>,
}

/// What the meter shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeterReport {
    /// Active power that the site draws.
    pub power: Read<Watts>,
    /// Import counter: it only grows until it begins anew. [`Missing::NotConfigured`] without a key.
    pub energy: Read<WattHours>,
}

// ---- money --------------------------------------------------------------------------------

/// One venue's price of a bitcoin, not yet combined with the others'.
#[derive(Debug, Clone)]
pub struct BtcUsdSample {
    pub interval: Duration,
    pub venue: &'static str,
    pub quote: Read<Usd>,
    /// Time in the reply, where there is one.
    pub observed: Option<UnixMs>,
}

/// One look at the Bitcoin network.
#[derive(Debug, Clone)]
pub struct NetworkSample {
    pub interval: Duration,
    pub report: Result<NetworkReport, Missing>,
}

/// What hashprice needs of the network.
#[derive(Debug, Clone)]
pub struct NetworkReport {
    /// Kind of the node or service that was asked.
    pub source: &'static str,
    /// Of the newest block.
    pub height: u64,
    /// Above zero and finite.
    pub difficulty: f64,
    /// Mean fee per block over the last 144 blocks.
    pub mean_fee: Read<Sats>,
    /// The next change of difficulty; at best an estimate.
    pub retarget: Read<Retarget>,
}
