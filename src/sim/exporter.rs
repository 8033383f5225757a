//! The metrics page of a GPU host, in the text format of NVIDIA's dcgm-exporter.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use super::gpus::{GPU_NAME, GPUS_PER_HOST, GpuState, Gpus};
use super::time::SimTime;
use crate::clock::Now;

/// Energy counters of all GPUs. They run in real time, like the real ones: whoever compares
/// counter and power must find them to agree whatever the speed of the simulation.
#[derive(Debug, Default)]
pub struct EnergyMeters(Mutex<Vec<Meter>>);

#[derive(Debug, Clone, Copy, Default)]
struct Meter {
    last: Option<(Now, f64)>,
    millijoules: f64,
}

impl EnergyMeters {
    /// Counts on to `now`, at which the GPU draws `watts`, and gives the counter in mJ.
    pub(super) fn count(&self, gpu: usize, watts: f64, now: Now) -> u64 {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if meters.len() <= gpu {
            // As if the driver had been loaded for a week.
            meters.resize(gpu + 1, Meter { last: None, millijoules: 4.2e11 });
        }
        let Some(meter) = meters.get_mut(gpu) else { return 0 };
        if let Some((then, before)) = meter.last {
            meter.millijoules += now.since(then).as_secs_f64() * (before + watts) / 2.0 * 1e3;
        }
        meter.last = Some((now, watts));
        meter.millijoules as u64
    }
}

type Family = (&'static str, &'static str, &'static str, fn(&GpuState) -> f64);

/// The counters that dcgm-exporter prints by default and wattsplit's site has: name, kind, help.
const FAMILIES: [Family; 6] = [
    ("DCGM_FI_DEV_MEMORY_TEMP", "gauge", "Memory temperature (in C).", |g| g.memory_c),
    ("DCGM_FI_DEV_GPU_TEMP", "gauge", "GPU temperature (in C).", |g| g.core_c),
    ("DCGM_FI_DEV_POWER_USAGE", "gauge", "Power draw (in W).", |g| (g.watts * 1e3).round() / 1e3),
    ("DCGM_FI_DEV_GPU_UTIL", "gauge", "GPU utilization (in %).", |g| (g.busy * 100.0).round()),
    ("DCGM_FI_DEV_FB_FREE", "gauge", "Framebuffer memory free (in MiB).", |g| g.memory_free_mib),
    ("DCGM_FI_DEV_FB_USED", "gauge", "Framebuffer memory used (in MiB).", |g| g.memory_used_mib),
];

/// The page of host number `host`; a GPU that fell off the bus has no rows.
pub fn page(gpus: &Gpus, meters: &EnergyMeters, host: usize, at: SimTime, now: Now) -> Option<String> {
    let name = &gpus.hosts.get(host)?.name;
    let states: Vec<(usize, String, GpuState)> = (0..GPUS_PER_HOST)
        .filter_map(|gpu| Some((gpu, labels(gpus, name, host, gpu), gpus.gpu(host, gpu, at)?)))
        .collect();
    let mut text = String::new();
    for (family, kind, help, value) in FAMILIES {
        head(&mut text, family, kind, help);
        for (_, labels, state) in &states {
            let _ = writeln!(text, "{family}{{{labels}}} {}", value(state));
        }
    }
    let family = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION";
    head(&mut text, family, "counter", "Total energy consumption since boot (in mJ).");
    for (gpu, labels, state) in &states {
        let counter = meters.count(host * GPUS_PER_HOST + gpu, state.watts, now);
        let _ = writeln!(text, "{family}{{{labels}}} {counter}");
    }
    Some(text)
}

fn head(text: &mut String, family: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {family} {help}\n# TYPE {family} {kind}");
}

fn labels(gpus: &Gpus, name: &str, host: usize, gpu: usize) -> String {
    let uuid = gpus.uuid(host, gpu);
    format!(
        "gpu=\"{gpu}\",UUID=\"{uuid}\",pci_bus_id=\"00000000:{:02X}:00.0\",device=\"nvidia{gpu}\",\
         modelName=\"{GPU_NAME}\",Hostname=\"{name}\",DCGM_FI_DRIVER_VERSION=\"580.105.08\"",
        0x1a + 16 * gpu
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;
    use crate::sim::noise::Noise;
    use std::time::Duration;

    #[test]
    fn the_energy_counter_is_the_integral_of_power_over_real_time() {
        let meters = EnergyMeters::default();
        let start = Now { wall: UnixMs(0), mono: Duration::ZERO };
        let first = meters.count(3, 500.0, start);
        let later = meters.count(3, 700.0, start.plus(Duration::from_secs(10)));
        assert_eq!(later - first, 6_000_000);
    }

    #[test]
    fn a_page_has_every_family_for_every_gpu_and_none_for_a_lost_one() {
        let gpus = Gpus::new(Noise::new(1), 2);
        let now = Now { wall: UnixMs(0), mono: Duration::ZERO };
        let rows = |hour| {
            let page = page(&gpus, &EnergyMeters::default(), 1, SimTime::from_hours(hour), now).unwrap();
            page.lines().filter(|line| !line.starts_with('#')).count()
        };
        assert_eq!(rows(12), 7 * 8);
        assert_eq!(rows(19), 7 * 7);
        assert_eq!(page(&gpus, &EnergyMeters::default(), 2, SimTime::from_hours(12), now), None);
    }
}
