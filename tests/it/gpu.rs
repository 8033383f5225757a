//! GPUs: through the real loader and a stand-in for NVIDIA's library, through an exporter's page over
//! a socket, and how many are rented.

mod amd;
mod dcgm;
mod facts;
pub mod fake;
mod nvml;
mod occupancy;
pub mod redfish;
mod released;
mod states;
mod xids;

use wattsplit::clock::Now;
use wattsplit::reading::{GpuHostSample, GpuSample, Missing, OccupancySample, Sample};
use wattsplit::sources::gpu::GpuHostConfig;
use wattsplit::sources::{Failure, Source};

/// One fetch of a source of GPUs.
async fn read(source: &mut impl Source) -> Result<Vec<GpuSample>, Failure> {
    read_at(source, wattsplit::clock::now()).await
}

async fn read_at(source: &mut impl Source, now: Now) -> Result<Vec<GpuSample>, Failure> {
    let samples = source.fetch(now).await?;
    Ok(host(samples).gpus.expect("a fetch that succeeds has GPUs"))
}

/// What the site is told when a fetch failed.
fn told(source: &impl Source, why: Missing) -> Missing {
    host(source.failed(why)).gpus.expect_err("a failure has no GPUs")
}

fn host(samples: Vec<Sample>) -> GpuHostSample {
    match <[Sample; 1]>::try_from(samples) {
        Ok([Sample::GpuHost(host)]) => host,
        other => panic!("expected one host: {other:?}"),
    }
}

fn occupancy_sample(samples: Vec<Sample>) -> OccupancySample {
    match <[Sample; 1]>::try_from(samples) {
        Ok([Sample::Occupancy(occupancy)]) => occupancy,
        other => panic!("expected one occupancy: {other:?}"),
    }
}

fn host_config(text: &str) -> GpuHostConfig {
    toml::from_str(text).expect("a valid [[gpu_host]]")
}
