//! What a row tells of one GPU.

use super::super::flat::{Flat, seconds};
use crate::reading::{Allocation, GpuFacts, GpuSample, Missing, Quality, at_best};
use crate::site::GpuView;
use crate::units::{Celsius, Fraction, WattHours, Watts};

pub fn of_gpu(row: &mut Flat, unit: &GpuView<'_>) {
    row.text("id", unit.uuid);
    row.text("host", unit.host);
    row.text("hosting", unit.hosting);
    row.text("state", unit.state().as_str());
    if let Some(age) = unit.age {
        row.figure("age_s", seconds(age));
    }
    row.read("energy_total", "kwh", &unit.energy_total, WattHours::kwh);
    row.word("energy_source", unit.energy_total.ok().map(|total| total.source));
    match unit.gpu {
        Some(gpu) => {
            let best = if unit.stale { Quality::Stale } else { Quality::Measured };
            row.quality("report", best);
            of_sample(row, gpu, best);
        }
        None => row.missing("report", unit.missing.unwrap_or(Missing::Expired)),
    }
}

/// What is read of it. No part is better than the whole.
pub fn of_sample(row: &mut Flat, gpu: &GpuSample, best: Quality) {
    row.word("model", gpu.name.as_deref());
    for (base, power) in
        [("power", gpu.power), ("power_instant", gpu.power_instant), ("power_limit", gpu.power_limit)]
    {
        row.read(base, "w", &at_best(power, best), Watts::get);
    }
    row.read("energy_counter", "wh", &at_best(gpu.energy, best), WattHours::get);
    row.read("utilisation", "", &at_best(gpu.utilisation, best), Fraction::get);
    row.read("memory_utilisation", "", &at_best(gpu.memory_utilisation, best), Fraction::get);
    row.read("memory_used", "bytes", &at_best(gpu.memory_used_bytes, best), |bytes| bytes);
    row.read("memory_total", "bytes", &at_best(gpu.memory_total_bytes, best), |bytes| bytes);
    row.read("temp_gpu", "c", &at_best(gpu.temp_gpu, best), Celsius::get);
    row.read("temp_memory", "c", &at_best(gpu.temp_memory, best), Celsius::get);
    row.read("performance_state", "", &at_best(gpu.performance_state, best), |state| state);
    if !gpu.throttle.is_empty() {
        row.text("throttle", &gpu.throttle.join(","));
    }
    if !gpu.xids.is_empty() {
        let counted: Vec<String> = gpu.xids.iter().map(|(code, count)| format!("{code}:{count}")).collect();
        row.figure("xid_errors", gpu.xids.values().fold(0, |sum: u64, count| sum.saturating_add(*count)));
        row.text("xids", &counted.join(","));
    }
    facts(row, &gpu.facts);
    if let Some(allocation) = &gpu.allocation {
        self::allocation(row, allocation);
    }
}

fn facts(row: &mut Flat, facts: &GpuFacts) {
    row.word("serial", facts.serial.as_deref());
    row.word("board_part", facts.board_part.as_deref());
    row.word("driver_version", facts.driver_version.as_deref());
    row.flag("persistence_mode", facts.persistence_mode);
    row.known("clock_sm_mhz", facts.clock_sm_mhz);
    row.known("clock_memory_mhz", facts.clock_memory_mhz);
    for (key, temperature) in [
        ("temp_slowdown_c", facts.temp_slowdown),
        ("temp_shutdown_c", facts.temp_shutdown),
        ("temp_memory_max_c", facts.temp_memory_max),
    ] {
        row.known(key, temperature.map(Celsius::get));
    }
    row.known("ecc_uncorrected", facts.ecc_uncorrected);
    row.known("rows_remapped", facts.rows_remapped);
    row.flag("remap_pending", facts.remap_pending);
    row.flag("remap_failed", facts.remap_failed);
    row.word("recovery_action", facts.recovery_action);
    row.flag("mig_mode", facts.mig_mode);
    row.known("mig_instances", facts.mig_instances);
    row.known("processes", facts.processes);
}

/// A host that tells who has its GPUs says of a free one that nobody has it.
fn allocation(row: &mut Flat, allocation: &Allocation) {
    row.flag("allocated", Some(allocation.is_taken()));
    row.word("namespace", allocation.namespace.as_deref());
    row.word("pod", allocation.pod.as_deref());
    row.word("container", allocation.container.as_deref());
    row.word("job", allocation.job.as_deref());
}
