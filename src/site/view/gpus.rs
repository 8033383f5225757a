//! Hostings, their hosts and their GPUs at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Current, Sum};
use crate::reading::{DriverState, GpuSample, GpuState, Missing, Read};
use crate::site::suspect;
use crate::units::{Celsius, Fraction, WattHours, Watts};

/// One machine with GPUs: how it is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GpuHostHealth {
    pub host: Arc<str>,
    pub hosting: Arc<str>,
    /// The node that reads it; `None`: this agent does.
    pub node: Option<Arc<str>>,
    /// Since it last answered; `None`: it never did.
    pub age: Option<Duration>,
    /// Why its newest poll gave nothing, or that none came for too long.
    pub missing: Option<Missing>,
    pub counts: GpuCounts,
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
