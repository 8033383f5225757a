//! GPUs: those of this machine through NVML, those of other hosts through their exporter; and how
//! many of them are rented.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use self::occupancy::OccupancyConfig;
use self::release::Release;
use crate::http::Http;
use crate::reading::{DriverState, GpuHostSample, GpuSample, Missing, Sample};
use crate::secret::SecretError;
use crate::sources::Source;

pub mod amd;
pub mod dcgm;
pub mod exporter;
pub mod nvml;
pub mod occupancy;
pub mod redfish;
pub mod release;
pub mod rent;
mod roster;
mod state;
mod throttle;

/// `[[gpu_host]]`: one machine with GPUs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuHostConfig {
    /// Name of the host: `[a-z0-9-]+`, unique.
    pub name: String,
    /// Name of the `[[hosting]]` under which its GPUs are sold.
    pub hosting: String,
    /// `nvml` (this machine), whose exporter has a `/metrics` page (NVIDIA's `dcgm`, AMD's `amd`), or `node` (a node
    /// of the site).
    pub read: GpuReader,
    /// Address of the metrics page; needed by, and only by, exporters.
    pub url: Option<String>,
    /// Seconds between two readings. Without it: 5 with `nvml`, 10 with an exporter.
    pub interval_secs: Option<u64>,
    /// Power of the server beside its GPU boards, in kW, whatever the load. Absent: that of its hosting,
    /// else none.
    pub server_base_kw: Option<f64>,
    /// Wall power per GPU board power, for what grows with the load. Absent: that of its hosting, else 1.
    pub server_factor: Option<f64>,
    /// Its management controller, which measures what the server draws. Absent: the model stands for it.
    pub bmc: Option<redfish::BmcConfig>,
    /// Driver library to load instead of `libnvidia-ml.so.1`; only with `read = "nvml"`.
    pub library: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GpuReader {
    Nvml,
    Dcgm,
    Amd,
    /// A node of the site, over MQTT.
    Node,
}

impl GpuHostConfig {
    /// Seconds between two readings. This machine's own driver is asked more often than the network.
    pub fn interval_secs(&self) -> u64 {
        self.interval_secs.unwrap_or(match self.read {
            GpuReader::Nvml => 5,
            // A node tells its own.
            GpuReader::Dcgm | GpuReader::Amd | GpuReader::Node => 10,
        })
    }
}

/// What every sample of one host says beside its GPUs.
struct Host {
    /// Of its source.
    id: String,
    name: Arc<str>,
    hosting: Arc<str>,
    interval: Duration,
}

impl Host {
    fn new(config: &GpuHostConfig) -> Self {
        Self {
            id: format!("gpu/{}", config.name),
            name: config.name.as_str().into(),
            hosting: config.hosting.as_str().into(),
            interval: Duration::from_secs(config.interval_secs()),
        }
    }

    /// An exporter stands between the driver and us.
    fn sample(&self, gpus: Result<Vec<GpuSample>, Missing>) -> Vec<Sample> {
        self.sample_of(None, gpus)
    }

    fn sample_of(&self, driver: Option<DriverState>, gpus: Result<Vec<GpuSample>, Missing>) -> Vec<Sample> {
        vec![Sample::GpuHost(GpuHostSample {
            host: Arc::clone(&self.name),
            hosting: Arc::clone(&self.hosting),
            interval: self.interval,
            driver,
            gpus: gpus.map(|gpus| gpus.into_iter().map(GpuSample::plausible).collect()),
        })]
    }
}

/// Everything that reads GPUs: one source per host that no node reads, one per management controller, and one for
/// the occupancy of each hosting that is billed by it. `state_dir` is where this machine is asked to let go of its
/// driver.
///
/// # Errors
/// If a file with a password cannot be read.
pub fn sources(
    hosts: &[GpuHostConfig],
    occupancies: &[OccupancyConfig],
    http: &Http,
    state_dir: Option<&Path>,
) -> Result<Vec<Box<dyn Source>>, SecretError> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    for host in hosts {
        match host.read {
            GpuReader::Nvml => {
                sources.push(Box::new(nvml::NvmlSource::new(host, state_dir.map(Release::new))));
            }
            GpuReader::Dcgm | GpuReader::Amd => {
                sources.push(Box::new(exporter::ExporterSource::new(host, http.clone())))
            }
            GpuReader::Node => {}
        }
        if let Some(bmc) = &host.bmc {
            sources.push(Box::new(redfish::WallSource::new(&host.name, bmc, http)?));
        }
    }
    for config in occupancies {
        sources.push(Box::new(occupancy::OccupancySource::new(config, http.clone())?));
    }
    Ok(sources)
}
