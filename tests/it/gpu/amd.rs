use wattsplit::http::Http;
use wattsplit::reading::{GpuSample, GpuState, Missing, Quality};
use wattsplit::sources::gpu::amd;
use wattsplit::sources::gpu::exporter::{ExporterSource, PageError};
use wattsplit::units::{Celsius, Fraction, WattHours, Watts};

use super::{host_config, read};
use crate::fake_http::{FakeHttp, Reply};

const PAGE: &str = include_str!("../../fixtures/amd/mi300x.prom");

fn parse(page: &str) -> Result<Vec<GpuSample>, PageError> {
    amd::parse(page.as_bytes(), "hall-4").map(|page| page.gpus)
}

#[test]
fn a_page_gives_every_value_in_its_unit() {
    let gpus = parse(PAGE).unwrap();
    let gpu = &gpus[0];
    assert_eq!((&*gpu.uuid, gpu.name.as_deref()), ("69200AB00001", Some("AMD Instinct MI300X")));
    assert_eq!(gpu.power.unwrap().value, Watts::new(143.0).unwrap());
    assert_eq!(gpu.power_instant.unwrap().value, Watts::new(143.0).unwrap());
    let energy = gpu.energy.unwrap();
    assert_eq!((energy.value, energy.quality), (WattHours::new(2000.0).unwrap(), Quality::Estimated));
    assert_eq!(gpu.utilisation.unwrap().value, Fraction::ZERO);
    assert_eq!(gpu.temp_gpu.unwrap().value, Celsius::new(39.0).unwrap());
    assert_eq!(gpu.temp_memory.unwrap().value, Celsius::new(33.0).unwrap());
    assert_eq!(gpu.memory_total_bytes.unwrap().value, 196_592 * 1_048_576);
    assert_eq!(gpu.memory_used_bytes.unwrap().value, 283 * 1_048_576);
    assert_eq!((gpu.state, gpu.throttle.len()), (GpuState::Ok, 0));
    assert_eq!(gpu.facts.driver_version.as_deref(), Some("6.12.12"));
    assert_eq!((gpu.facts.serial.as_deref(), gpu.facts.ecc_uncorrected), (Some("69200AB00001"), Some(0)));
    assert!(gpu.allocation.as_ref().is_some_and(|holder| !holder.is_taken()));
}

#[test]
fn a_board_in_partitions_counts_once_with_the_values_of_the_first() {
    let gpus = parse(PAGE).unwrap();
    assert_eq!(gpus.len(), 3);
    let gpu = &gpus[1];
    assert_eq!(gpu.power.unwrap().value, Watts::new(712.0).unwrap());
    assert_eq!(gpu.energy.unwrap().value, WattHours::new(3000.0).unwrap());
    // The first partition does not tell these of the board.
    assert_eq!(gpu.utilisation, Err(Missing::NotSupported));
    assert_eq!(gpu.allocation.as_ref().unwrap().pod.as_deref(), Some("train-0,serve-0"));
    assert_eq!((gpu.state, &gpu.throttle[..]), (GpuState::Throttled, &["sw_power_cap", "hw_thermal"][..]));
}

#[test]
fn a_board_without_a_serial_number_is_known_by_its_place() {
    let gpus = parse(PAGE).unwrap();
    let gpu = &gpus[2];
    assert_eq!((&*gpu.uuid, gpu.state), ("hall-4-gpu-3", GpuState::Degraded));
    assert_eq!(gpu.power.unwrap().value, Watts::new(305.5).unwrap());
    assert_eq!(gpu.power_instant, Err(Missing::NotReported));
    assert_eq!(gpu.memory_utilisation.unwrap().value, Fraction::new(0.21).unwrap());
    assert_eq!(gpu.temp_gpu.unwrap().value, Celsius::new(51.0).unwrap());
    assert_eq!(gpu.allocation.as_ref().unwrap().job.as_deref(), Some("88"));
}

#[test]
fn names_in_capitals_and_behind_a_prefix_are_the_same() {
    for name in ["GPU_POWER_USAGE", "gpu_power_usage", "amd_gpu_power_usage"] {
        let gpus = parse(&format!("{name}{{gpu_id=\"0\"}} 90\n")).unwrap();
        assert_eq!(gpus[0].power.unwrap().value, Watts::new(90.0).unwrap(), "{name}");
    }
    assert_eq!(parse("notgpu_power_usage{gpu_id=\"0\"} 90\n").unwrap_err(), PageError::NoGpus);
    assert_eq!(parse("gpu_nodes_total{hostname=\"hall-4\"} 8\n").unwrap_err(), PageError::NoGpus);
}

#[tokio::test]
async fn a_host_is_read_over_http() {
    let server = FakeHttp::always(Reply::Ok(PAGE.to_owned())).await;
    let config = format!("name = \"hall-4\"\nhosting = \"ai\"\nread = \"amd\"\nurl = \"{}\"", server.url);
    let mut source = ExporterSource::new(&host_config(&config), Http::new().unwrap());
    assert_eq!(read(&mut source).await.unwrap().len(), 3);
}
