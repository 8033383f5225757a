//! What a node of a site tells the site's agent, below `node/<name>/`: the samples of its sources, each live
//! topic with the newest. [`read`] is the other direction.
//!
//! | topic | holds |
//! |---|---|
//! | `gpu/<host>` | all GPUs of one host |
//! | `wall/<host>` | power of that host at the wall |
//! | `asic/<slot>` | miners that were asked within two seconds |
//! | `host` | the node itself |
//!
//! No clock of a node is believed: ages count from `mono_ms`, the node's monotonic time when the payload was
//! made, and `expires_s` tells by what is left of the message's expiry how long the broker had it.

use std::time::Duration;

use super::devices::{asic, gpu};
use super::feeds;
use super::flat::{Flat, seconds};
use crate::clock::Now;
use crate::reading::{AsicReport, AsicSample, GpuHostSample, HostSample, Quality, WallPowerSample};
use crate::units::{Hashrate, Watts};

pub mod read;
mod row;

/// What every payload of a node begins with.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    pub site: &'a str,
    pub node: &'a str,
    /// Tells one run from another.
    pub boot: &'a str,
    pub now: Now,
    /// For how long the broker may keep it.
    pub expires: Duration,
}

impl Head<'_> {
    fn flat(&self) -> Flat {
        let mut flat = Flat::new(self.site, self.now.wall);
        flat.text("node", self.node);
        flat.text("boot", self.boot);
        flat.figure("mono_ms", u64::try_from(self.now.mono.as_millis()).unwrap_or(u64::MAX));
        flat.figure("expires_s", self.expires.as_secs());
        flat
    }

    fn age(&self, flat: &mut Flat, at: Now) {
        flat.figure("age_s", seconds(self.now.since(at)));
    }
}

/// All GPUs of one host, read at `at`.
pub fn gpu_host(head: &Head<'_>, at: Now, sample: &GpuHostSample) -> Vec<u8> {
    let mut flat = head.flat();
    head.age(&mut flat, at);
    flat.text("host", &sample.host);
    flat.text("hosting", &sample.hosting);
    flat.figure("interval_s", seconds(sample.interval));
    flat.word("driver_state", sample.driver.map(|state| state.as_str()));
    match &sample.gpus {
        Ok(gpus) => flat.rows(
            "gpus",
            gpus.iter().map(|gpu| {
                let mut row = Flat::row();
                row.text("id", &gpu.uuid);
                row.text("state", gpu.state.as_str());
                gpu::of_sample(&mut row, gpu, Quality::Measured);
                row
            }),
        ),
        Err(why) => flat.missing("gpus", *why),
    }
    flat.finish()
}

/// Power of one host at the wall.
pub fn wall(head: &Head<'_>, at: Now, sample: &WallPowerSample) -> Vec<u8> {
    let mut flat = head.flat();
    head.age(&mut flat, at);
    flat.text("host", &sample.host);
    flat.figure("interval_s", seconds(sample.interval));
    flat.read("power", "w", &sample.power, Watts::get);
    flat.finish()
}

/// The node itself.
pub fn host(head: &Head<'_>, at: Now, sample: &HostSample) -> Vec<u8> {
    let mut flat = head.flat();
    head.age(&mut flat, at);
    flat.figure("interval_s", seconds(sample.interval));
    feeds::of_box(&mut flat, sample, Quality::Measured);
    flat.finish()
}

/// One miner, asked at `at`: a row of [`miners`].
pub fn miner(now: Now, at: Now, sample: &AsicSample) -> Flat {
    let mut row = Flat::row();
    row.text("id", &sample.id);
    row.text("group", &sample.group);
    row.figure("age_s", seconds(now.since(at)));
    row.figure("interval_s", seconds(sample.interval));
    row.flag("expected", Some(sample.expected));
    if let Some(place) = &sample.place {
        row.word("rack", place.rack.as_deref());
        row.word("position", place.position.as_deref());
    }
    match &sample.report {
        Ok(report) => of_report(&mut row, report),
        Err(why) => row.missing("report", *why),
    }
    row
}

/// Miners that were asked lately.
pub fn miners(head: &Head<'_>, rows: impl Iterator<Item = Flat>) -> Vec<u8> {
    let mut flat = head.flat();
    flat.rows("miners", rows);
    flat.finish()
}

/// What rows of devices tell, and what the site's agent needs beside it.
fn of_report(row: &mut Flat, report: &AsicReport) {
    row.text("state", report.state.as_str());
    row.text("algorithm", report.algorithm.as_str());
    row.word("make", report.make.as_deref());
    row.word("model", report.model.as_deref());
    row.word("firmware_version", report.firmware_version.as_deref());
    row.word("pool_url", report.pool_url.as_deref());
    row.read("hashrate_avg", "ths", &report.of_bitcoin(report.hashrate_avg), Hashrate::ths);
    asic::of_report(row, report, Quality::Measured);
}
