//! What the site looks like at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Now, UnixMs};
use crate::reading::{
    Algorithm, AsicReport, AsicState, DriverState, GpuSample, GpuState, HostSample, Missing, Nameplate,
    Place, PoolReport, Quality, Read, Reading, Reasons,
};
use crate::units::{Celsius, Fraction, Hashrate, JoulesPerTerahash, Sats, Usd, UsdPerMwh, WattHours, Watts};

use super::suspect;

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
    /// Addresses from ranges that never answered: perhaps nothing is there.
    pub silent_addresses: u32,
    /// By venue; `economics` makes one price of them.
    pub btc_quotes: Vec<(&'static str, Current<Usd>)>,
    pub network: Current<Network>,
    pub power_price: Current<UsdPerMwh>,
    /// When the power price changes next, where the tariff says so.
    pub power_price_until: Option<UnixMs>,
    pub pools: Vec<PoolView>,
    pub hosts: Vec<HostView>,
    pub meter: MeterView,
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

/// One machine with GPUs: what is the matter with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GpuHostHealth {
    pub host: Arc<str>,
    /// Of the newest poll; `None` where an exporter stands in between, and before the first one.
    pub driver: Option<DriverState>,
    /// GPUs that want attention, or had XID errors.
    pub troubles: Vec<GpuTrouble>,
}

/// A GPU that is neither busy nor idle as it should be, or had XID errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuTrouble {
    pub uuid: Arc<str>,
    pub state: GpuState,
    /// Since wattsplit started, by code.
    pub xids: BTreeMap<u32, u64>,
}

/// One hosting of GPUs.
#[derive(Debug, Clone)]
pub struct AiBlock {
    /// Name of the hosting.
    pub id: String,
    pub counts: GpuCounts,
    /// GPUs that call themselves busy with no process and little power.
    pub suspect: u32,
    /// Hosts of the config, and those that answered without being in it.
    pub hosts: u32,
    /// Hosts that did not answer; how many GPUs they hold is known only if they answered before.
    pub hosts_unreachable: u32,
    pub board_power: Sum<Watts>,
    /// What the boards have used since wattsplit started, or since each was first seen.
    pub board_energy: Sum<WattHours>,
    /// Boards and servers: what is measured at the wall, and a model of the servers where nothing is,
    /// which makes it `estimated`.
    pub it_power: Sum<Watts>,
    pub wall: WallView,
    /// Mean over the GPUs that report it. Never makes revenue.
    pub utilisation: Sum<Fraction>,
    /// Hottest GPU.
    pub temp_max: Read<Celsius>,
    /// GPUs that are billed now, where the terms ask for it.
    pub occupied: Current<u32>,
}

/// Servers of one hosting that have a management controller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WallView {
    /// What they draw at the wall; the coverage counts servers. [`Missing::NotConfigured`]: none has one.
    pub power: Sum<Watts>,
    /// Servers whose controller tells less than their boards draw. Nothing counts it.
    pub implausible: u32,
}

impl Default for WallView {
    /// No server has one.
    fn default() -> Self {
        Self { power: Err(Missing::NotConfigured), implausible: 0 }
    }
}

/// Every GPU is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GpuCounts {
    pub ok: u32,
    pub throttled: u32,
    pub degraded: u32,
    pub reset_required: u32,
    pub hung: u32,
    pub lost: u32,
    /// Seen before on a host that does not answer now, or gone from a host that does.
    pub missing: u32,
}

impl GpuCounts {
    pub fn units(&self) -> u32 {
        GpuState::ALL.into_iter().fold(0, |sum, state| sum.saturating_add(self.of(state)))
    }

    /// Those whose work can be sold.
    pub fn working(&self) -> u32 {
        let works = GpuState::ALL.into_iter().filter(|state| state.works());
        works.fold(0, |sum, state| sum.saturating_add(self.of(state)))
    }

    pub fn of(mut self, state: GpuState) -> u32 {
        *self.count(state)
    }

    pub fn add(&mut self, state: GpuState, units: u32) {
        let count = self.count(state);
        *count = count.saturating_add(units);
    }

    fn count(&mut self, state: GpuState) -> &mut u32 {
        match state {
            GpuState::Ok => &mut self.ok,
            GpuState::Throttled => &mut self.throttled,
            GpuState::Degraded => &mut self.degraded,
            GpuState::ResetRequired => &mut self.reset_required,
            GpuState::Hung => &mut self.hung,
            GpuState::Lost => &mut self.lost,
            GpuState::Missing => &mut self.missing,
        }
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
}

/// One pool account at one moment.
#[derive(Debug, Clone)]
pub struct PoolView {
    pub name: Arc<str>,
    pub report: Current<Arc<PoolReport>>,
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

/// One machine with GPUs at one moment.
#[derive(Debug, Clone)]
pub struct GpuHostView<'a> {
    pub host: &'a str,
    pub hosting: &'a str,
    /// Power of the server beside its boards: what is left of a measured one, else the model's.
    pub base: Watts,
    /// Wall power per board power.
    pub factor: f64,
    /// Why nothing that it said is young enough; `None` while its values stand, fresh or stale.
    pub gone: Option<Missing>,
    /// Every GPU that was ever seen in it.
    pub gpus: Vec<GpuView<'a>>,
}

/// One GPU at one moment.
#[derive(Debug, Clone, Copy)]
pub struct GpuView<'a> {
    pub host: &'a str,
    pub hosting: &'a str,
    /// Age of the sample, where there is one.
    pub age: Option<Duration>,
    /// The latest poll of the host failed or is overdue: every value is at best stale.
    pub stale: bool,
    /// The newest sample of this GPU; `None` once it is too old.
    pub gpu: Option<&'a GpuSample>,
    pub uuid: &'a str,
    /// What it has used since wattsplit started or first saw it, from its `counter`, or `integrated`.
    pub energy_total: Read<WattHours>,
    /// Why there is no fresh value.
    pub missing: Option<Missing>,
}

impl GpuView<'_> {
    /// It calls itself busy, but no process is on it and it draws little.
    pub fn is_suspect(&self) -> bool {
        self.gpu.is_some_and(suspect::is_suspect)
    }

    /// What it is doing, by its host's newest answer and by how that came.
    pub fn state(&self) -> GpuState {
        match (self.missing, self.gpu) {
            (Some(Missing::Hung), _) => GpuState::Hung,
            (_, Some(gpu)) => gpu.state,
            (_, None) => GpuState::Missing,
        }
    }
}
