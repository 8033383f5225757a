//! The machine that runs wattsplit: `/proc`, `/sys/class/hwmon` and `statvfs`, by `sysinfo`. A box of 64 cores has a
//! hundred sensors, so what is there is listed now and then, and only read in between.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::param::page_size;
use sysinfo::{Components, Disk, DiskRefreshKind, Disks, MINIMUM_CPU_UPDATE_INTERVAL, System};

use crate::clock::Now;
use crate::reading::{HostSample, Missing, Read, Reading, Sample};
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::{Celsius, Fraction};

const INTERVAL: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(5);
/// How often is looked for sensors that were not there before.
const LIST: Duration = Duration::from_secs(600);

/// Sensors outside this range, °C, are not connected or report an error as a number.
const PLAUSIBLE_TEMP_C: std::ops::RangeInclusive<f64> = -50.0..=150.0;

/// The box itself.
pub struct HostSource {
    id: String,
    node: Arc<str>,
    state_dir: PathBuf,
    /// Kept between fetches: CPU load is the difference between two looks. `None` before the first
    /// fetch, and where sysinfo does not know the platform.
    probes: Option<Probes>,
}

struct Probes {
    system: System,
    disks: Disks,
    components: Components,
    /// When the sensors were listed.
    listed: Option<Now>,
    since: Now,
}

impl HostSource {
    /// `node` is this machine's name on MQTT; disk figures are of the file system that holds
    /// `state_dir`.
    pub fn new(node: &str, state_dir: &Path) -> Self {
        Self { id: format!("host/{node}"), node: node.into(), state_dir: state_dir.to_owned(), probes: None }
    }

    fn read(&mut self, now: Now) -> Result<HostSample, sysinfo::Error> {
        let probes = match &mut self.probes {
            Some(probes) => probes,
            None => self.probes.insert(Probes::new(now)?),
        };
        let cpu = probes.cpu(now);
        probes.system.refresh_memory();
        let memory_total = probes.system.total_memory();
        let disk = probes.disk(&self.state_dir);
        Ok(HostSample {
            node: Arc::clone(&self.node),
            interval: INTERVAL,
            cpu,
            memory_used_bytes: unless_zero(memory_total, "meminfo")
                .map(|total| total.map(|_| probes.system.used_memory())),
            memory_total_bytes: unless_zero(memory_total, "meminfo"),
            disk_free_bytes: disk.map(|(free, _)| Reading::measured(free, "statvfs")),
            disk_total_bytes: disk.map(|(_, total)| Reading::measured(total, "statvfs")),
            temp_max: probes.temp_max(now),
            uptime_s: System::uptime()
                .map(|uptime| Reading::measured(uptime, "uptime"))
                .map_err(|_| Missing::NotSupported),
            own_rss_bytes: own_rss(),
        })
    }
}

impl Source for HostSource {
    fn id(&self) -> &str {
        &self.id
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: INTERVAL, deadline: DEADLINE }
    }

    fn fetch(&mut self, now: Now) -> Fetch<'_> {
        Box::pin(async move {
            let mut now = now;
            if self.probes.is_none() {
                // The first look at the CPU has nothing to compare with; the second one has.
                self.read(now).map_err(unknown_platform)?;
                tokio::time::sleep(MINIMUM_CPU_UPDATE_INTERVAL).await;
                now = now.plus(MINIMUM_CPU_UPDATE_INTERVAL);
            }
            match self.read(now) {
                Ok(sample) => Ok(vec![Sample::Host(Box::new(sample))]),
                Err(error) => Err(unknown_platform(error)),
            }
        })
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        vec![Sample::Host(Box::new(HostSample {
            node: Arc::clone(&self.node),
            interval: INTERVAL,
            cpu: Err(why),
            memory_used_bytes: Err(why),
            memory_total_bytes: Err(why),
            disk_free_bytes: Err(why),
            disk_total_bytes: Err(why),
            temp_max: Err(why),
            uptime_s: Err(why),
            own_rss_bytes: Err(why),
        }))]
    }
}

fn unknown_platform(error: sysinfo::Error) -> Failure {
    Failure::new(Missing::NotSupported, error.to_string())
}

impl Probes {
    fn new(now: Now) -> Result<Self, sysinfo::Error> {
        Ok(Self {
            system: System::new()?,
            disks: Disks::new()?,
            components: Components::new()?,
            listed: None,
            since: now,
        })
    }

    /// Load of all cores since the fetch before. The first look has nothing to compare with.
    fn cpu(&mut self, now: Now) -> Read<Fraction> {
        self.system.refresh_cpu_usage();
        if self.system.cpus().is_empty() {
            return Err(Missing::NotSupported);
        }
        if now.since(self.since) < MINIMUM_CPU_UPDATE_INTERVAL {
            return Err(Missing::NotYet);
        }
        let busy = f64::from(self.system.global_cpu_usage()) / 100.0;
        let busy = Fraction::new(busy.clamp(0.0, 1.0)).ok_or(Missing::Implausible)?;
        Ok(Reading::measured(busy, "cpu_usage"))
    }

    /// Free and total bytes.
    fn disk(&mut self, state_dir: &Path) -> Result<(u64, u64), Missing> {
        let listed = holding(&self.disks, state_dir).or_else(|| {
            // The list of mounts is read without asking the disks: only the one that matters is asked.
            self.disks.refresh_specifics(true, DiskRefreshKind::nothing());
            holding(&self.disks, state_dir)
        });
        let disk = listed.and_then(|at| self.disks.get_mut(at)).ok_or(Missing::NotSupported)?;
        disk.refresh_specifics(DiskRefreshKind::nothing().with_storage());
        match disk.total_space() {
            0 => Err(Missing::NotSupported),
            total => Ok((disk.available_space(), total)),
        }
    }

    fn temp_max(&mut self, now: Now) -> Read<Celsius> {
        if self.listed.is_none_or(|at| now.since(at) >= LIST) {
            self.components.refresh(true);
            self.listed = Some(now);
        } else {
            self.components.iter_mut().for_each(|component| component.refresh());
        }
        let hottest = hottest(self.components.iter().filter_map(|component| component.temperature()));
        Ok(Reading::measured(hottest.ok_or(Missing::NotSupported)?, "hottest sensor"))
    }
}

/// Which of the mounted file systems holds `path`. `None` if sysinfo does not list it (tmpfs, network).
fn holding(disks: &[Disk], path: &Path) -> Option<usize> {
    let path = path.canonicalize().ok()?;
    let device = path.metadata().ok()?.dev();
    let above = disks.iter().enumerate().filter(|(_, disk)| path.starts_with(disk.mount_point()));
    // A longer mount point that sysinfo does not list would leave its parent as the best match.
    let same =
        above.filter(|(_, disk)| disk.mount_point().metadata().is_ok_and(|mount| mount.dev() == device));
    same.max_by_key(|(_, disk)| disk.mount_point().components().count()).map(|(at, _)| at)
}

/// One file: sysinfo opens four to know a process.
fn own_rss() -> Read<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").map_err(|_| Missing::NotSupported)?;
    let pages = resident_pages(&statm).ok_or(Missing::NotSupported)?;
    unless_zero(pages.saturating_mul(page_size() as u64), "rss")
}

/// The second number of `statm`: `man 5 proc_pid_statm`.
fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// `None` if there is no sensor, or none that makes sense.
fn hottest(sensors: impl Iterator<Item = f32>) -> Option<Celsius> {
    sensors
        .map(f64::from)
        .filter(|celsius| PLAUSIBLE_TEMP_C.contains(celsius))
        .max_by(f64::total_cmp)
        .and_then(Celsius::new)
}

/// None of these figures can be zero: sysinfo says 0 for what it could not read.
fn unless_zero(value: u64, source: &'static str) -> Read<u64> {
    if value == 0 { Err(Missing::NotSupported) } else { Ok(Reading::measured(value, source)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;

    fn at(secs: u64) -> Now {
        Now { wall: UnixMs::from_secs(1_700_000_000), mono: Duration::from_secs(secs) }
    }

    #[test]
    fn this_box_has_memory_a_disk_an_uptime_and_a_size_of_its_own() {
        // Not the temporary directory: that may be a tmpfs.
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sample = HostSource::new("box", here).read(at(0)).unwrap();
        let (used, total) = (sample.memory_used_bytes.unwrap(), sample.memory_total_bytes.unwrap());
        assert!(0 < used.value && used.value < total.value);
        assert!(sample.disk_free_bytes.unwrap().value <= sample.disk_total_bytes.unwrap().value);
        assert!(sample.uptime_s.unwrap().value > 0);
        assert!(sample.own_rss_bytes.unwrap().value > 500_000);
    }

    #[test]
    fn the_first_look_at_the_cpu_is_missing_and_never_zero() {
        let mut host = HostSource::new("box", Path::new("/"));
        assert_eq!(host.read(at(0)).unwrap().cpu, Err(Missing::NotYet));
        let busy = host.read(at(10)).unwrap().cpu.unwrap().value.get();
        assert!((0.0..=1.0).contains(&busy));
    }

    #[test]
    fn a_file_system_that_is_not_listed_is_not_mistaken_for_its_parent() {
        // `/proc` lies below `/` and is another file system.
        let sample = HostSource::new("box", Path::new("/proc/self")).read(at(0)).unwrap();
        assert_eq!(sample.disk_free_bytes, Err(Missing::NotSupported));
    }

    #[test]
    fn the_second_number_of_statm_is_what_is_resident() {
        assert_eq!(resident_pages("300328 3254 2722 2488 0 263355 0\n"), Some(3254));
        for garbage in ["", "300328", "1 -2 3", "1 x"] {
            assert_eq!(resident_pages(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn the_hottest_sensor_counts_and_errors_in_disguise_do_not() {
        assert_eq!(hottest([41.0, 63.5, f32::NAN, 255.0, -273.0].into_iter()), Celsius::new(63.5));
        assert_eq!(hottest([f32::NAN].into_iter()), None);
        assert_eq!(hottest(std::iter::empty()), None);
    }
}
