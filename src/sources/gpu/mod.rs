//! GPUs: those of this machine through NVML, those of other hosts through their exporter; and how
//! many of them are rented.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use self::occupancy::OccupancyConfig;
use crate::http::Http;
use crate::reading::{GpuHostSample, GpuSample, Missing, Sample};
use crate::sources::Source;

pub mod dcgm;
mod exposition;
pub mod nvml;
pub mod occupancy;
mod roster;
mod throttle;

/// `[[gpu_host]]`: one machine with GPUs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuHostConfig {
    /// Name of the host: `[a-z0-9-]+`, unique.
    pub name: String,
    /// Name of the `[[hosting]]` under which its GPUs are sold.
    pub hosting: String,
    /// `nvml` (this machine), `dcgm` (an exporter's `/metrics` page) or `node` (a node of the site).
    pub read: GpuReader,
    /// Address of the metrics page; needed by, and only by, `read = "dcgm"`.
    pub url: Option<String>,
    /// Seconds between two readings.
    #[serde(default = "default_interval")]
    pub interval_secs: u64,
    /// Power of the server beside its GPU boards, in kW, whatever the load.
    #[serde(default)]
    pub server_base_kw: f64,
    /// Wall power per GPU board power, for what grows with the load.
    #[serde(default = "one")]
    pub server_factor: f64,
    /// Driver library to load instead of `libnvidia-ml.so.1`; only with `read = "nvml"`.
    pub library: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GpuReader {
    Nvml,
    Dcgm,
    /// A node of the site, over MQTT.
    Node,
}

fn default_interval() -> u64 {
    10
}

fn one() -> f64 {
    1.0
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
            interval: Duration::from_secs(config.interval_secs),
        }
    }

    fn sample(&self, gpus: Result<Vec<GpuSample>, Missing>) -> Vec<Sample> {
        vec![Sample::GpuHost(GpuHostSample {
            host: Arc::clone(&self.name),
            hosting: Arc::clone(&self.hosting),
            interval: self.interval,
            driver: None,
            gpus,
        })]
    }
}

/// Everything that reads GPUs: one source per host, and one for the occupancy of each hosting that is
/// billed by it.
pub fn sources(
    hosts: &[GpuHostConfig],
    occupancies: &[OccupancyConfig],
    http: &Http,
) -> Vec<Box<dyn Source>> {
    let hosts = hosts.iter().filter_map(|host| -> Option<Box<dyn Source>> {
        match host.read {
            GpuReader::Nvml => Some(Box::new(nvml::NvmlSource::new(host))),
            GpuReader::Dcgm => Some(Box::new(dcgm::DcgmSource::new(host, http.clone()))),
            GpuReader::Node => None,
        }
    });
    let occupancies = occupancies
        .iter()
        .map(|config| -> Box<dyn Source> { Box::new(occupancy::OccupancySource::new(config)) });
    hosts.chain(occupancies).collect()
}
