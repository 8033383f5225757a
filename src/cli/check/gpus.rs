//! What a GPU host tells, and what it does not and why.

use std::collections::{BTreeMap, BTreeSet};

use crate::reading::{GpuFacts, GpuHostSample, GpuSample, GpuState, Missing};

/// In one line: how many GPUs of which kind, those that are not well, and what the others do not tell.
pub fn describe(host: &GpuHostSample, gpus: &[GpuSample]) -> String {
    let names: BTreeSet<&str> = gpus.iter().filter_map(|gpu| gpu.name.as_deref()).collect();
    let names = Vec::from_iter(names).join(", ");
    let kind = if names.is_empty() { names } else { format!(" ({names})") };
    let mut said = vec![format!("{} GPUs{kind}", gpus.len())];
    for state in GpuState::ALL.into_iter().filter(|state| *state != GpuState::Ok) {
        match gpus.iter().filter(|gpu| gpu.state == state).count() {
            0 => {}
            count => said.push(format!("{count} {}", state.as_str().replace('_', " "))),
        }
    }
    // One that is gone says nothing of what its like can tell.
    let telling: Vec<&GpuSample> = gpus.iter().filter(|gpu| gpu.power != Err(Missing::Lost)).collect();
    let mut untold = untold(&telling);
    // An exporter has few of the facts, and which ones is not this host's doing.
    if host.driver.is_some() {
        untold.extend(untold_facts(&telling));
    }
    if !untold.is_empty() {
        said.push(format!("not told: {}", untold.join(", ")));
    }
    said.join("; ")
}

/// Each reading that is missing, with the reason, and on how many if not on all.
fn untold(gpus: &[&GpuSample]) -> Vec<String> {
    let mut missing: BTreeMap<(usize, Missing), (&str, usize)> = BTreeMap::new();
    for gpu in gpus {
        for (n, (what, why)) in readings(gpu).into_iter().enumerate() {
            let Some(why) = why else { continue };
            missing.entry((n, why)).or_insert((what, 0)).1 += 1;
        }
    }
    let line = |((_, why), (what, count)): ((usize, Missing), (&str, usize))| {
        format!("{what}{} ({})", on(count, gpus.len()), why.as_str())
    };
    missing.into_iter().map(line).collect()
}

/// Each fact that is absent; nobody says why.
fn untold_facts(gpus: &[&GpuSample]) -> Vec<String> {
    let mut missing: BTreeMap<usize, (&str, usize)> = BTreeMap::new();
    for gpu in gpus {
        for (n, (what, told)) in facts(&gpu.facts).into_iter().enumerate() {
            if !told {
                missing.entry(n).or_insert((what, 0)).1 += 1;
            }
        }
    }
    missing.into_values().map(|(what, count)| format!("{what}{}", on(count, gpus.len()))).collect()
}

fn on(count: usize, all: usize) -> String {
    if count == all { String::new() } else { format!(" on {count} of {all}") }
}

fn readings(gpu: &GpuSample) -> [(&'static str, Option<Missing>); 11] {
    [
        ("power", gpu.power.err()),
        ("instant power", gpu.power_instant.err()),
        ("power limit", gpu.power_limit.err()),
        ("energy", gpu.energy.err()),
        ("utilisation", gpu.utilisation.err()),
        ("memory utilisation", gpu.memory_utilisation.err()),
        ("memory in use", gpu.memory_used_bytes.err()),
        ("memory size", gpu.memory_total_bytes.err()),
        ("GPU temperature", gpu.temp_gpu.err()),
        ("memory temperature", gpu.temp_memory.err()),
        ("performance state", gpu.performance_state.err()),
    ]
}

/// And whether each is told. Instances are those of MIG, which a GPU may not be in.
fn facts(facts: &GpuFacts) -> [(&'static str, bool); 12] {
    [
        ("serial", facts.serial.is_some()),
        ("board part", facts.board_part.is_some()),
        ("driver version", facts.driver_version.is_some()),
        ("persistence mode", facts.persistence_mode.is_some()),
        ("clocks", facts.clock_sm_mhz.is_some() && facts.clock_memory_mhz.is_some()),
        ("thresholds", facts.temp_slowdown.is_some() && facts.temp_shutdown.is_some()),
        ("memory threshold", facts.temp_memory_max.is_some()),
        ("ECC errors", facts.ecc_uncorrected.is_some()),
        ("remapped rows", facts.rows_remapped.is_some()),
        ("recovery action", facts.recovery_action.is_some()),
        ("MIG mode", facts.mig_mode.is_some()),
        ("processes", facts.processes.is_some()),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::reading::{DriverState, Reading};
    use crate::units::{Celsius, Fraction, WattHours, Watts};

    /// A GPU that tells every reading, and no fact.
    fn gpu(uuid: &str) -> GpuSample {
        let bytes = Ok(Reading::measured(1, "test"));
        GpuSample {
            power: Ok(Reading::measured(Watts::ZERO, "test")),
            power_instant: Ok(Reading::measured(Watts::ZERO, "test")),
            power_limit: Ok(Reading::measured(Watts::ZERO, "test")),
            energy: Ok(Reading::measured(WattHours::ZERO, "test")),
            utilisation: Ok(Reading::measured(Fraction::ZERO, "test")),
            memory_utilisation: Ok(Reading::measured(Fraction::ZERO, "test")),
            memory_used_bytes: bytes,
            memory_total_bytes: bytes,
            temp_gpu: Ok(Reading::measured(Celsius::ZERO, "test")),
            temp_memory: Ok(Reading::measured(Celsius::ZERO, "test")),
            performance_state: Ok(Reading::measured(0, "test")),
            ..GpuSample::blank(uuid.into(), Some("NVIDIA H200".into()), GpuState::Ok, Missing::NotReported)
        }
    }

    fn said(driver: Option<DriverState>, gpus: Vec<GpuSample>) -> String {
        let interval = Duration::from_secs(5);
        let gpus = Ok(gpus);
        let host = GpuHostSample { host: "own".into(), hosting: "ai".into(), interval, driver, gpus };
        describe(&host, host.gpus.as_deref().unwrap())
    }

    #[test]
    fn a_host_that_tells_everything_is_its_gpus_and_no_more() {
        assert_eq!(said(None, vec![gpu("a"), gpu("b")]), "2 GPUs (NVIDIA H200)");
        assert_eq!(said(None, Vec::new()), "0 GPUs");
    }

    #[test]
    fn what_is_not_told_has_its_reason_and_how_many_do_not() {
        let cold = |uuid| GpuSample { temp_memory: Err(Missing::NotSupported), ..gpu(uuid) };
        let text = said(None, vec![cold("a"), cold("b")]);
        assert_eq!(text, "2 GPUs (NVIDIA H200); not told: memory temperature (not_supported)");
        let denied = GpuSample { energy: Err(Missing::Denied), ..gpu("c") };
        let text = said(None, vec![cold("a"), gpu("b"), denied]);
        assert_eq!(
            text,
            "3 GPUs (NVIDIA H200); not told: energy on 1 of 3 (denied), memory temperature on 1 of 3 (not_supported)"
        );
    }

    #[test]
    fn a_gpu_that_is_gone_is_counted_by_its_state_and_not_asked_what_it_tells() {
        let lost = GpuSample::blank("b".into(), None, GpuState::Lost, Missing::Lost);
        assert_eq!(said(None, vec![gpu("a"), lost]), "2 GPUs (NVIDIA H200); 1 lost");
    }

    #[test]
    fn the_facts_of_this_machine_are_looked_through_as_well() {
        let facts = GpuFacts {
            serial: Some("1".into()),
            board_part: Some("2".into()),
            driver_version: Some("580.95.05".into()),
            persistence_mode: Some(false),
            clock_sm_mhz: Some(1),
            clock_memory_mhz: Some(1),
            temp_slowdown: Some(Celsius::ZERO),
            temp_shutdown: Some(Celsius::ZERO),
            recovery_action: Some("none"),
            mig_mode: Some(false),
            processes: Some(0),
            ..GpuFacts::default()
        };
        let gpu = GpuSample { facts: Arc::new(facts), ..gpu("a") };
        let text = said(Some(DriverState::Ok), vec![gpu]);
        assert_eq!(text, "1 GPUs (NVIDIA H200); not told: memory threshold, ECC errors, remapped rows");
    }
}
