//! Miners, GPUs and the box, one object each.

use std::time::Duration;

use serde::Serialize;

use crate::reading::{AsicReport, Missing, Quality};
use crate::site::{AsicView, GpuView, HostView};
use crate::units::{Celsius, Fraction, Hashrate, WattHours, Watts};

use super::value::{Report, Value, read, secs};

#[derive(Serialize)]
pub struct Asic<'a> {
    id: &'a str,
    group: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rack: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<&'a str>,
    state: &'static str,
    #[serde(flatten)]
    poll: Poll,
    #[serde(flatten)]
    facts: Option<AsicFacts<'a>>,
    hashrate_ths: Value<f64>,
    hashrate_avg_ths: Value<f64>,
    /// By the nameplate of its model.
    hashrate_expected_ths: Value<f64>,
    power_w: Value<f64>,
    temp_chip_max_c: Value<f64>,
    temp_board_max_c: Value<f64>,
    temp_inlet_c: Value<f64>,
}

/// How the latest poll went; shared by miners and GPUs.
#[derive(Serialize)]
struct Poll {
    /// Age of the readings, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<u64>,
    /// The readings are not confirmed by the latest poll.
    stale: bool,
    /// Why the latest poll gave nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'static str>,
}

/// What a miner says in words and counts.
#[derive(Serialize)]
struct AsicFacts<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    make: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    firmware: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    firmware_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<&'a str>,
    /// `sha256`, or `other`: then its hashrate earns no bitcoin.
    algorithm: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nameplate_j_per_th: Option<f64>,
    #[serde(skip_serializing_if = "<[u32]>::is_empty")]
    fans_rpm: &'a [u32],
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    boards_expected: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    boards_working: Option<u32>,
    faults: &'a [String],
}

impl<'a> Asic<'a> {
    pub fn of(view: AsicView<'a>) -> Self {
        let report = Report { report: view.report, stale: view.stale, missing: view.missing };
        Self {
            id: view.id,
            group: view.group,
            rack: view.place.and_then(|place| place.rack.as_deref()),
            position: view.place.and_then(|place| place.position.as_deref()),
            state: view.state.as_str(),
            poll: Poll::of(view.age, view.stale, view.missing),
            facts: view.report.map(AsicFacts::of),
            hashrate_ths: report.read(|r| r.hashrate_now, Hashrate::ths),
            hashrate_avg_ths: report.read(|r| r.hashrate_avg, Hashrate::ths),
            hashrate_expected_ths: read(view.hashrate_expected(), Quality::Measured, Hashrate::ths),
            power_w: report.read(|r| r.power, Watts::get),
            temp_chip_max_c: report.read(|r| r.temp_chip_max, Celsius::get),
            temp_board_max_c: report.read(|r| r.temp_board_max, Celsius::get),
            temp_inlet_c: report.read(|r| r.temp_inlet, Celsius::get),
        }
    }
}

impl Poll {
    fn of(age: Option<Duration>, stale: bool, missing: Option<Missing>) -> Self {
        Self { age_s: age.map(secs), stale, missing: missing.map(Missing::as_str) }
    }
}

impl<'a> AsicFacts<'a> {
    fn of(report: &'a AsicReport) -> Self {
        Self {
            make: report.make.as_deref(),
            model: report.model.as_deref(),
            firmware: report.firmware.as_deref(),
            firmware_version: report.firmware_version.as_deref(),
            serial: report.serial.as_deref(),
            mac: report.mac.as_deref(),
            algorithm: report.algorithm.as_str(),
            nameplate_j_per_th: report.nameplate.map(|n| n.efficiency.get()),
            fans_rpm: &report.fans_rpm,
            uptime_s: report.uptime_s,
            pool_url: report.pool_url.as_deref(),
            worker: report.worker.as_deref(),
            accepted: report.accepted,
            rejected: report.rejected,
            boards_expected: report.boards_expected,
            boards_working: report.boards_working,
            faults: &report.faults,
        }
    }
}

#[derive(Serialize)]
pub struct Gpu<'a> {
    uuid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    host: &'a str,
    hosting: &'a str,
    state: &'static str,
    /// Busy by its own word, with no process and little power.
    suspect: bool,
    #[serde(flatten)]
    poll: Poll,
    power_w: Value<f64>,
    power_limit_w: Value<f64>,
    energy_wh: Value<f64>,
    utilisation: Value<f64>,
    memory_used_bytes: Value<u64>,
    memory_total_bytes: Value<u64>,
    temp_gpu_c: Value<f64>,
    temp_memory_c: Value<f64>,
    /// Reasons in force; absent while the GPU is silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    throttle: Option<&'a [&'static str]>,
}

impl<'a> Gpu<'a> {
    pub fn of(view: GpuView<'a>) -> Self {
        let report = Report { report: view.gpu, stale: view.stale, missing: view.missing };
        Self {
            uuid: view.uuid,
            name: view.gpu.and_then(|g| g.name.as_deref()),
            host: view.host,
            hosting: view.hosting,
            state: view.state().as_str(),
            suspect: view.is_suspect(),
            poll: Poll::of(view.age, view.stale, view.missing),
            power_w: report.read(|g| g.power, Watts::get),
            power_limit_w: report.read(|g| g.power_limit, Watts::get),
            energy_wh: report.read(|g| g.energy, WattHours::get),
            utilisation: report.read(|g| g.utilisation, Fraction::get),
            memory_used_bytes: report.read(|g| g.memory_used_bytes, |n| n),
            memory_total_bytes: report.read(|g| g.memory_total_bytes, |n| n),
            temp_gpu_c: report.read(|g| g.temp_gpu, Celsius::get),
            temp_memory_c: report.read(|g| g.temp_memory, Celsius::get),
            throttle: view.gpu.map(|g| g.throttle.as_slice()),
        }
    }
}

/// The machine that runs wattsplit.
#[derive(Serialize)]
pub struct Host<'a> {
    node: &'a str,
    age_s: u64,
    cpu: Value<f64>,
    memory_used_bytes: Value<u64>,
    memory_total_bytes: Value<u64>,
    disk_free_bytes: Value<u64>,
    disk_total_bytes: Value<u64>,
    temp_max_c: Value<f64>,
    uptime_s: Value<u64>,
    own_rss_bytes: Value<u64>,
}

impl<'a> Host<'a> {
    pub fn of(view: &'a HostView) -> Self {
        let (sample, at_best) = (&view.sample, view.quality);
        let count = |value| read(value, at_best, |n: u64| n);
        Self {
            node: &sample.node,
            age_s: secs(view.age),
            cpu: read(sample.cpu, at_best, Fraction::get),
            memory_used_bytes: count(sample.memory_used_bytes),
            memory_total_bytes: count(sample.memory_total_bytes),
            disk_free_bytes: count(sample.disk_free_bytes),
            disk_total_bytes: count(sample.disk_total_bytes),
            temp_max_c: read(sample.temp_max, at_best, Celsius::get),
            uptime_s: count(sample.uptime_s),
            own_rss_bytes: count(sample.own_rss_bytes),
        }
    }
}
