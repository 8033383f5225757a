//! What is read of GPUs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Missing, Read};
use crate::units::{Celsius, Fraction, WattHours, Watts};

/// One reading of all GPUs of one host.
#[derive(Debug, Clone)]
pub struct GpuHostSample {
    /// Name from the config.
    pub host: Arc<str>,
    /// Name of the hosting under which its GPUs are sold.
    pub hosting: Arc<str>,
    /// How often the host is polled; its values age by this.
    pub interval: Duration,
    /// What the driver's library is like; `None` where an exporter stands in between.
    pub driver: Option<DriverState>,
    pub gpus: Result<Vec<GpuSample>, Missing>,
}

/// The driver's library on a host, as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriverState {
    Ok,
    /// There is no library to load.
    Absent,
    /// The library is there, its kernel driver is not.
    NotLoaded,
    /// Library and kernel driver are of different versions.
    VersionMismatch,
    /// A call has not returned.
    Hung,
    /// Let go on request, for a reset or a change of MIG mode.
    Released,
    /// It fails in another way.
    Failing,
}

impl DriverState {
    pub const ALL: [DriverState; 7] = [
        DriverState::Ok,
        DriverState::Absent,
        DriverState::NotLoaded,
        DriverState::VersionMismatch,
        DriverState::Hung,
        DriverState::Released,
        DriverState::Failing,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            DriverState::Ok => "ok",
            DriverState::Absent => "absent",
            DriverState::NotLoaded => "driver_not_loaded",
            DriverState::VersionMismatch => "version_mismatch",
            DriverState::Hung => "hung",
            DriverState::Released => "released",
            DriverState::Failing => "failing",
        }
    }
}

/// One GPU of a host.
#[derive(Debug, Clone)]
pub struct GpuSample {
    /// As the driver gives it: the identity of the board wherever it is plugged in.
    pub uuid: Arc<str>,
    /// Such as `NVIDIA H200`.
    pub name: Option<Arc<str>>,
    pub state: GpuState,
    /// Board power, averaged by the driver over about a second.
    pub power: Read<Watts>,
    /// Board power at the moment of reading.
    pub power_instant: Read<Watts>,
    /// The limit in force.
    pub power_limit: Read<Watts>,
    /// Counter since the driver was loaded; resets with it.
    pub energy: Read<WattHours>,
    /// Share of time that the GPU was busy, over the last second or so.
    pub utilisation: Read<Fraction>,
    /// Share of time that its memory was read or written, as above.
    pub memory_utilisation: Read<Fraction>,
    pub memory_used_bytes: Read<u64>,
    pub memory_total_bytes: Read<u64>,
    pub temp_gpu: Read<Celsius>,
    pub temp_memory: Read<Celsius>,
    /// 0 (fastest) to 15.
    pub performance_state: Read<u32>,
    /// Of [`THROTTLE_REASONS`], those in force; empty = none, or not reported.
    pub throttle: Vec<&'static str>,
    /// XID errors since wattsplit started, by code. Empty also where nobody counts them.
    pub xids: BTreeMap<u32, u64>,
    /// What changes rarely and is read rarely. Shared between samples.
    pub facts: Arc<GpuFacts>,
    /// What the scheduler or the platform gave it to, where the host tells. `None`: not told.
    pub allocation: Option<Arc<Allocation>>,
}

/// What a GPU is doing, as far as its host can tell. In order of gravity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GpuState {
    /// Busy or idle, at the clocks it wants.
    Ok,
    /// Clocks are held down by heat or by the hardware's power brake.
    Throttled,
    /// It works, but its memory or its driver wants attention: rows that cannot be remapped, a
    /// recovery action that is due.
    Degraded,
    /// It works no more until it is reset.
    ResetRequired,
    /// A call to the driver has not returned.
    Hung,
    /// Fell off the bus.
    Lost,
    /// Seen before, and not there any more.
    Missing,
}

impl GpuState {
    pub const ALL: [GpuState; 7] = [
        GpuState::Ok,
        GpuState::Throttled,
        GpuState::Degraded,
        GpuState::ResetRequired,
        GpuState::Hung,
        GpuState::Lost,
        GpuState::Missing,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            GpuState::Ok => "ok",
            GpuState::Throttled => "throttled",
            GpuState::Degraded => "degraded",
            GpuState::ResetRequired => "reset_required",
            GpuState::Hung => "hung",
            GpuState::Lost => "lost",
            GpuState::Missing => "missing",
        }
    }

    /// Whether it does work that can be sold.
    pub fn works(self) -> bool {
        self <= GpuState::Degraded
    }
}

/// Names of all throttle reasons.
pub const THROTTLE_REASONS: [&str; 8] = [
    "application_clocks",
    "sw_power_cap",
    "hw_slowdown",
    "sync_boost",
    "sw_thermal",
    "hw_thermal",
    "hw_power_brake",
    "display_clocks",
];

/// What a driver may ask for.
pub const RECOVERY_ACTIONS: [&str; 5] = ["none", "reset", "reboot", "drain", "drain_and_reset"];

/// What changes rarely on a GPU. What was not told is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GpuFacts {
    pub serial: Option<Arc<str>>,
    pub board_part: Option<Arc<str>>,
    pub driver_version: Option<Arc<str>>,
    pub persistence_mode: Option<bool>,
    pub clock_sm_mhz: Option<u32>,
    pub clock_memory_mhz: Option<u32>,
    /// Above it the clocks go down.
    pub temp_slowdown: Option<Celsius>,
    /// Above it the board switches itself off.
    pub temp_shutdown: Option<Celsius>,
    /// Most that the memory may have.
    pub temp_memory_max: Option<Celsius>,
    /// Errors that ECC found and could not correct, since the driver was loaded.
    pub ecc_uncorrected: Option<u64>,
    /// Rows of memory that were replaced by spare ones.
    pub rows_remapped: Option<u32>,
    /// A row waits for a reset to be replaced.
    pub remap_pending: Option<bool>,
    /// There was no spare row left.
    pub remap_failed: Option<bool>,
    /// What the driver asks for, of [`RECOVERY_ACTIONS`].
    pub recovery_action: Option<&'static str>,
    pub mig_mode: Option<bool>,
    pub mig_instances: Option<u32>,
    /// That compute on it.
    pub processes: Option<u32>,
}

/// Who uses a GPU, in the words of the scheduler or the platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allocation {
    pub namespace: Option<Arc<str>>,
    pub pod: Option<Arc<str>>,
    pub container: Option<Arc<str>>,
    pub job: Option<Arc<str>>,
}

impl Allocation {
    /// Whether anybody has it.
    pub fn is_taken(&self) -> bool {
        self.pod.is_some() || self.job.is_some() || self.container.is_some()
    }
}

impl GpuSample {
    /// A GPU of which every value is missing for the same reason.
    pub fn blank(uuid: Arc<str>, name: Option<Arc<str>>, state: GpuState, why: Missing) -> Self {
        Self {
            uuid,
            name,
            state,
            power: Err(why),
            power_instant: Err(why),
            power_limit: Err(why),
            energy: Err(why),
            utilisation: Err(why),
            memory_utilisation: Err(why),
            memory_used_bytes: Err(why),
            memory_total_bytes: Err(why),
            temp_gpu: Err(why),
            temp_memory: Err(why),
            performance_state: Err(why),
            throttle: Vec::new(),
            xids: BTreeMap::new(),
            facts: Arc::default(),
            allocation: None,
        }
    }
}

/// No board draws more; a module of two GPUs with its processor has a limit of 2,900 W.
const MOST_BOARD_W: f64 = 5_000.0;
/// A sensor that says something else is broken or absent, °C.
const TEMPERATURES_C: std::ops::RangeInclusive<f64> = -50.0..=150.0;

impl GpuSample {
    /// The same, with what no board can have as [`Missing::Implausible`].
    #[must_use]
    pub fn plausible(mut self) -> Self {
        for power in [&mut self.power, &mut self.power_instant, &mut self.power_limit] {
            if power.is_ok_and(|power| !(0.0..=MOST_BOARD_W).contains(&power.value.get())) {
                *power = Err(Missing::Implausible);
            }
        }
        for temperature in [&mut self.temp_gpu, &mut self.temp_memory] {
            if temperature.is_ok_and(|temperature| !TEMPERATURES_C.contains(&temperature.value.get())) {
                *temperature = Err(Missing::Implausible);
            }
        }
        self
    }
}

/// Power of a whole server at the wall, from its management controller.
#[derive(Debug, Clone)]
pub struct WallPowerSample {
    /// Name of the GPU host from the config.
    pub host: Arc<str>,
    /// How often it is asked; the value ages by this.
    pub interval: Duration,
    pub power: Read<Watts>,
}
