//! What the site looks like at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Now, UnixMs};
use crate::reading::{
    Algorithm, AsicReport, AsicState, Earnings, HostSample, MarketPrice, Missing, Nameplate, Place,
    PoolReport, PriceKind, Quality, Read, Reading, Reasons, Retarget,
};
use crate::units::{
    Celsius, Currency, Fraction, Hashrate, JoulesPerTerahash, Sats, Usd, UsdPerHour, UsdPerMwh, UsdPerPhDay,
    WattHours, Watts,
};

use super::doubts::Doubts;
use super::signals::SignalView;

mod gpus;

pub use gpus::*;

/// A sum over the units of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Total<T> {
    pub value: T,
    /// The worst of the parts.
    pub quality: Quality,
    /// Units that gave a value / units that should have.
    pub coverage: Fraction,
}

/// A sum, or why no part of it has a value.
pub type Sum<T> = Result<Total<T>, Missing>;

/// A single value and how old it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aged<T> {
    pub value: T,
    pub quality: Quality,
    /// Field or method that gave the value.
    pub source: &'static str,
    /// By the monotonic clock.
    pub age: Duration,
}

/// A value that ages, or why there is none that is young enough.
pub type Current<T> = Result<Aged<T>, Missing>;

/// The site at one moment.
#[derive(Debug, Clone)]
pub struct SiteView {
    pub at: Now,
    /// In order of id.
    pub hash_blocks: Vec<HashBlock>,
    /// In order of name; without groups of which no miner ever answered.
    pub groups: Vec<GroupView>,
    /// In order of id.
    pub ai_blocks: Vec<AiBlock>,
    /// Machines with GPUs, in order of name.
    pub gpu_hosts: Vec<GpuHostHealth>,
    /// What is said of hostings elsewhere, by their name.
    pub hostings: BTreeMap<Arc<str>, HostingFeeds>,
    /// Addresses from ranges that never answered: perhaps nothing is there.
    pub silent_addresses: u32,
    /// By venue; `economics` makes one price of them.
    pub btc_quotes: Vec<(&'static str, Current<Usd>)>,
    pub network: Current<Network>,
    /// Somebody else's hashprice, never used for money. [`Missing::NotConfigured`]: nobody is asked.
    pub hashprice_index: Current<UsdPerPhDay>,
    pub power_price: Current<UsdPerMwh>,
    /// When the power price changes next, where the tariff says so.
    pub power_price_until: Option<UnixMs>,
    /// What the power price is made of. `None` while there is none.
    pub power_basis: Option<PowerBasis>,
    pub pools: Vec<PoolView>,
    pub hosts: Vec<HostView>,
    pub meter: MeterView,
    /// What others ask of the site, in order of name.
    pub signals: Vec<SignalView>,
    pub doubts: Doubts,
}

/// The market's price behind the all-in price of power.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerBasis {
    /// `None`: the source does not say.
    pub kind: Option<PriceKind>,
    pub currency: Currency,
    /// Before adders and tax, per megawatt-hour in `currency`.
    pub market_per_mwh: f64,
    /// What turned it into US dollars. `None`: nothing had to.
    pub usd_per_unit: Option<f64>,
}

/// One group × model of ASICs.
#[derive(Debug, Clone)]
pub struct HashBlock {
    /// `<group>-<model>`, `[a-z0-9-]+`; the model's part has no `-`: `row-a-s19jproplus`,
    /// `row-a-unknown`.
    pub id: String,
    pub group: Arc<str>,
    /// `None`: the miners do not say.
    pub model: Option<Arc<str>>,
    pub counts: AsicCounts,
    /// Over the shortest window that each unit calls current.
    pub hashrate: Sum<Hashrate>,
    /// Over the longest average that each unit reports.
    pub hashrate_avg: Sum<Hashrate>,
    /// What all units would make if they ran and were well, by their nameplates: also those that stand or
    /// are silent, as far as their model is known.
    pub hashrate_expected: Sum<Hashrate>,
    /// IT power.
    pub power: Sum<Watts>,
    /// Of the units that hash and tell both their power and their hashrate: an idle unit or one that
    /// tells only half does not spoil it.
    pub efficiency: Read<JoulesPerTerahash>,
    /// Of the units whose power was not read.
    pub hashrate_without_power: Hashrate,
    /// Hottest chip of all units.
    pub temp_chip_max: Read<Celsius>,
    /// Shares since the mining processes started, of the units that tell both counts.
    pub accepted: Option<u64>,
    pub rejected: Option<u64>,
}

/// Every unit is counted once, in the state of [`AsicState`] or as one that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AsicCounts {
    pub hashing: u32,
    pub idle: u32,
    pub fault: u32,
    pub unknown: u32,
    pub unreachable: u32,
}

impl AsicCounts {
    pub fn units(&self) -> u32 {
        self.hashing + self.idle + self.fault + self.unknown + self.unreachable
    }
}

/// One group of ASICs: whether its miners are there, whatever they do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupView {
    pub group: Arc<str>,
    /// Miners that answered at least once.
    pub answered: u32,
    /// Of those, the ones that failed to answer for two intervals, by the reason of the latest failure.
    pub lost: Reasons,
    /// Since the last answer of any of the lost.
    pub silence: Option<Duration>,
    /// Two and a half intervals, the longest of its miners.
    pub overdue: Duration,
}

impl Default for WallView {
    /// No server has one.
    fn default() -> Self {
        Self { power: Err(Missing::NotConfigured), implausible: 0 }
    }
}

/// The Bitcoin network as hashprice needs it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Network {
    /// Of the newest block.
    pub height: u64,
    /// Above zero and finite.
    pub difficulty: f64,
    /// Fees of a block, mean of the last 144.
    pub mean_fee: Read<Sats>,
    /// The next change of difficulty, at best an estimate.
    pub retarget: Read<Retarget>,
}

/// One pool account at one moment.
#[derive(Debug, Clone)]
pub struct PoolView {
    pub name: Arc<str>,
    pub report: Current<Arc<PoolReport>>,
    pub devices: AgainstDevices,
}

/// The pool's hashrate over that of the devices which work for it, both of the same window.
#[derive(Debug, Clone, PartialEq)]
pub struct AgainstDevices {
    pub ratio_1h: Read<Fraction>,
    pub ratio_24h: Read<Fraction>,
    /// What it was when it was last judged before.
    pub ratio_24h_before: Option<Fraction>,
    /// The pool's hashrates are off by this factor: they are in another unit, and left out.
    pub off_by: Option<f64>,
    /// How many times the devices' hashrate the pool told when the two were first compared, where that was far too
    /// much, until an hour says otherwise.
    pub far_above: Option<f64>,
}

impl Default for AgainstDevices {
    fn default() -> Self {
        let (ratio_1h, ratio_24h) = (Err(Missing::NotYet), Err(Missing::NotYet));
        Self { ratio_1h, ratio_24h, ratio_24h_before: None, off_by: None, far_above: None }
    }
}

/// What is said of one hosting elsewhere, at one moment. [`Missing::NotConfigured`]: nobody is asked.
#[derive(Debug, Clone)]
pub struct HostingFeeds {
    /// Its platform's statement.
    pub earnings: Current<Arc<Earnings>>,
    /// The price that the operator lists for one GPU-hour.
    pub usd_per_gpu_h: Current<UsdPerHour>,
    /// What the market asks. Never revenue.
    pub market: Current<MarketPrice>,
}

/// A machine that runs wattsplit, at one moment.
#[derive(Debug, Clone)]
pub struct HostView {
    pub sample: Arc<HostSample>,
    /// No value of the sample is better than this.
    pub quality: Quality,
    pub age: Duration,
}

/// The meter of the whole site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeterView {
    /// What the site draws.
    pub power: Current<Watts>,
    /// Counter of imported energy.
    pub energy: Current<WattHours>,
}

impl MeterView {
    /// The power, where it can stand for what the site draws now.
    ///
    /// # Errors
    /// Why there is none; [`Missing::Expired`] where it is stale.
    pub fn fresh(&self) -> Current<Watts> {
        self.power
            .and_then(|power| if power.quality < Quality::Stale { Ok(power) } else { Err(Missing::Expired) })
    }
}

impl Default for MeterView {
    /// There is no meter.
    fn default() -> Self {
        Self { power: Err(Missing::NotConfigured), energy: Err(Missing::NotConfigured) }
    }
}

/// One miner at one moment.
#[derive(Debug, Clone, Copy)]
pub struct AsicView<'a> {
    pub id: &'a str,
    pub group: &'a str,
    pub place: Option<&'a Place>,
    /// The last one told, also by a miner that is silent now.
    pub model: Option<&'a str>,
    /// Of that model, as it was when it last answered.
    pub nameplate: Option<&'static Nameplate>,
    pub state: UnitState,
    /// Age of the report, where there is one.
    pub age: Option<Duration>,
    /// The latest poll failed or is overdue: every value of the report is at best stale.
    pub stale: bool,
    /// The newest report that is young enough to be shown.
    pub report: Option<&'a AsicReport>,
    /// Why the latest poll gave nothing.
    pub missing: Option<Missing>,
}

impl AsicView<'_> {
    /// What a machine of its model makes when it is well.
    ///
    /// # Errors
    /// [`Missing::Undefined`]: the model is not in the table. [`Missing::NotReported`]: it does not say what it
    /// is. [`Missing::OtherAlgorithm`]; or why a machine that never said anything is silent.
    pub fn hashrate_expected(&self) -> Read<Hashrate> {
        if let Some(nameplate) = self.nameplate {
            return Ok(Reading::estimated(nameplate.hashrate, "model table"));
        }
        Err(match self.report {
            Some(report) if report.algorithm == Algorithm::Other => Missing::OtherAlgorithm,
            Some(report) if report.model.is_none() => Missing::NotReported,
            _ if self.model.is_some() => Missing::Undefined,
            _ => self.missing.unwrap_or(Missing::Expired),
        })
    }
}

/// What is known of an address in the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitState {
    /// It answers.
    Asic(AsicState),
    /// A unit that does not answer.
    Unreachable,
    /// Never answered, and perhaps nothing is there.
    Silent,
}

impl UnitState {
    pub fn as_str(self) -> &'static str {
        match self {
            UnitState::Asic(state) => state.as_str(),
            UnitState::Unreachable => "unreachable",
            UnitState::Silent => "silent",
        }
    }
}
