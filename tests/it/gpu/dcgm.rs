use std::sync::atomic::{AtomicUsize, Ordering};

use wattsplit::http::Http;
use wattsplit::reading::{GpuSample, GpuState, Missing, Quality};
use wattsplit::sources::gpu::dcgm;
use wattsplit::sources::gpu::exporter::{ExporterSource, PageError};
use wattsplit::units::{Celsius, Fraction, WattHours, Watts};

use super::{host_config, read, told};
use crate::fake_http::{FakeHttp, Reply};

const PODS: &str = include_str!("../../fixtures/dcgm/h200-pods.prom");
const MIG: &str = include_str!("../../fixtures/dcgm/a30-mig.prom");
const MIG_PODS: &str = include_str!("../../fixtures/dcgm/h100-mig-pods.prom");

fn parse(page: &[u8]) -> Result<Vec<GpuSample>, PageError> {
    dcgm::parse(page).map(|page| page.gpus)
}

#[test]
fn a_page_gives_every_value_in_its_unit() {
    let gpus = parse(PODS.as_bytes()).unwrap();
    let gpu = &gpus[0];
    assert_eq!(&*gpu.uuid, "GPU-00000000-0000-0000-0000-0000000000a0");
    assert_eq!(gpu.name.as_deref(), Some("NVIDIA H200"));
    assert_eq!(gpu.power.unwrap().value, Watts::new(612.25).unwrap());
    assert_eq!(gpu.power_limit.unwrap().value, Watts::new(700.0).unwrap());
    assert_eq!(gpu.energy.unwrap().value, WattHours::new(1500.0).unwrap());
    assert_eq!(gpu.utilisation.unwrap().value, Fraction::new(0.97).unwrap());
    assert_eq!(gpu.memory_used_bytes.unwrap().value, 130_000 * 1_048_576);
    assert_eq!(gpu.memory_total_bytes.unwrap().value, 143_771 * 1_048_576);
    assert_eq!(gpu.memory_total_bytes.unwrap().quality, Quality::Measured);
    assert_eq!(gpu.temp_gpu.unwrap().value, Celsius::new(64.0).unwrap());
    assert_eq!(gpu.temp_memory.unwrap().value, Celsius::new(72.0).unwrap());
    assert_eq!((gpu.state, &gpu.throttle[..]), (GpuState::Ok, &["sw_power_cap"][..]));
}

#[test]
fn a_gpu_that_two_pods_share_counts_once() {
    let gpus = parse(PODS.as_bytes()).unwrap();
    assert_eq!(gpus.len(), 3);
    let watts: f64 = gpus.iter().filter_map(|gpu| gpu.power.ok()).map(|power| power.value.get()).sum();
    assert_eq!(watts, 612.25 + 76.5);
}

#[test]
fn what_the_page_does_not_hold_is_missing_and_never_zero() {
    let gpus = parse(PODS.as_bytes()).unwrap();
    assert_eq!(gpus[1].utilisation.unwrap().value, Fraction::ZERO);
    assert_eq!(gpus[1].energy, Err(Missing::NotReported));
    assert_eq!(gpus[1].memory_total_bytes, Err(Missing::NotReported));
    // Not a number.
    assert_eq!(gpus[2].power, Err(Missing::NotSupported));
}

#[test]
fn clock_event_reasons_make_the_state() {
    let gpus = parse(PODS.as_bytes()).unwrap();
    assert_eq!((gpus[1].state, gpus[1].throttle.len()), (GpuState::Ok, 0));
    assert_eq!(gpus[2].state, GpuState::Throttled);
    assert_eq!(gpus[2].throttle, ["hw_slowdown", "hw_thermal"]);
}

#[test]
fn a_gpu_cut_into_instances_has_the_power_of_one_board() {
    let gpus = parse(MIG.as_bytes()).unwrap();
    assert_eq!(gpus.len(), 2);
    assert_eq!(gpus[0].power.unwrap().value, Watts::new(52.6).unwrap());
    assert_eq!(gpus[0].energy.unwrap().value, WattHours::new(100.0).unwrap());
    // The rows of instances do not tell these of the board.
    assert_eq!(gpus[0].utilisation, Err(Missing::NotSupported));
    assert_eq!(gpus[0].memory_used_bytes, Err(Missing::NotSupported));
}

#[test]
fn sentinels_of_older_exporters_are_not_values() {
    let gpus = parse(MIG.as_bytes()).unwrap();
    assert_eq!(gpus[0].temp_memory, Err(Missing::NotSupported));
    assert_eq!(gpus[1].temp_memory, Err(Missing::NotSupported));
    assert_eq!(gpus[1].power, Err(Missing::NotSupported));
    assert_eq!(gpus[1].energy.unwrap().value, WattHours::new(200.0).unwrap());
}

#[test]
fn without_the_reserved_part_the_total_memory_is_an_estimate() {
    let total = parse(MIG.as_bytes()).unwrap()[1].memory_total_bytes.unwrap();
    assert_eq!((total.value, total.quality), (24_258 * 1_048_576, Quality::Estimated));
}

#[test]
fn an_old_namespace_page_spells_the_uuid_in_lower_case() {
    let gpus = parse(b"DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",uuid=\"GPU-x\",pod_name=\"\"} 55.5\n").unwrap();
    assert_eq!(gpus[0].power.unwrap().value, Watts::new(55.5).unwrap());
}

#[test]
fn who_has_a_gpu_is_told_in_either_spelling_for_the_board_as_a_whole() {
    let pods = parse(PODS.as_bytes()).unwrap();
    let shared = pods[0].allocation.as_ref().unwrap();
    assert_eq!(shared.pod.as_deref(), Some("llm-0,llm-1"), "both share it");
    assert_eq!((shared.namespace.as_deref(), shared.container.as_deref()), (Some("ai"), Some("serve")));
    // The labels are there and empty.
    assert!(pods[1].allocation.as_ref().is_some_and(|holder| !holder.is_taken()));

    let mig = parse(MIG_PODS.as_bytes()).unwrap();
    let slices = mig[0].allocation.as_ref().unwrap();
    assert_eq!(slices.pod.as_deref(), Some("tune-0,chat-1"));
    assert_eq!((slices.namespace.as_deref(), slices.container.as_deref()), (Some("lab"), Some("tune,chat")));
    assert_eq!(mig[1].allocation.as_ref().unwrap().job.as_deref(), Some("4711"));
    assert_eq!(parse(MIG.as_bytes()).unwrap()[0].allocation, None, "no such label at all");
}

#[test]
fn families_beside_the_default_ones_are_read_where_they_are() {
    let page = dcgm::parse(MIG_PODS.as_bytes()).unwrap();
    assert_eq!(page.last_xids, [(1, 43)]);
    let gpu = &page.gpus[1];
    assert_eq!(gpu.power_instant.unwrap().value, Watts::new(705.25).unwrap());
    assert_eq!(gpu.memory_utilisation.unwrap().value, Fraction::new(0.61).unwrap());
    assert_eq!(gpu.performance_state.unwrap().value, 0);
    let facts = &gpu.facts;
    assert_eq!(facts.driver_version.as_deref(), Some("575.57.08"));
    assert_eq!((facts.clock_sm_mhz, facts.clock_memory_mhz), (Some(1755), Some(2619)));
    assert_eq!((facts.temp_slowdown, facts.temp_shutdown), (Celsius::new(87.0), None));
    assert_eq!((facts.ecc_uncorrected, facts.rows_remapped), (Some(2), Some(4)));
    assert_eq!((facts.remap_failed, facts.remap_pending, facts.mig_mode), (Some(false), None, None));
    let sliced = &page.gpus[0].facts;
    assert_eq!((sliced.mig_mode, sliced.mig_instances), (Some(true), Some(2)));
}

#[test]
fn a_board_that_ran_out_of_spare_rows_is_degraded() {
    let gpus = parse(MIG_PODS.as_bytes()).unwrap();
    assert_eq!(gpus[1].state, GpuState::Ok);
    assert_eq!((gpus[2].state, gpus[2].facts.remap_failed), (GpuState::Degraded, Some(true)));
    assert_eq!(gpus[2].facts.rows_remapped, None, "one of the two kinds is no sum");
    assert_eq!(gpus[2].performance_state, Err(Missing::NotSupported), "32 is the driver's word for unknown");
}

#[test]
fn a_page_of_something_else_is_refused() {
    assert_eq!(parse(b"up 1\n").unwrap_err(), PageError::NoGpus);
    assert_eq!(parse(b"").unwrap_err(), PageError::NoGpus);
    assert_eq!(parse(b"# ok\n<html>\n").unwrap_err(), PageError::NotExposition { line: 2 });
    assert_eq!(parse(b"\xff\xfe").unwrap_err(), PageError::NotText);
    assert_eq!(parse(b"<html>without a line break").unwrap_err(), PageError::NotExposition { line: 1 });
    let row = |n: u32| format!("DCGM_FI_DEV_POWER_USAGE{{UUID=\"GPU-{n}\"}} 50\n");
    let gpus = |count: u32| (0..count).map(row).collect::<String>();
    assert_eq!(parse(gpus(256).as_bytes()).unwrap().len(), 256);
    assert_eq!(parse(gpus(257).as_bytes()).unwrap_err(), PageError::TooManyGpus);
}

#[test]
fn a_page_that_breaks_off_within_a_line_is_refused() {
    for end in 1..MIG.len() {
        if !MIG[..end].ends_with('\n') {
            assert_eq!(parse(&MIG.as_bytes()[..end]).unwrap_err(), PageError::CutOff, "cut at {end}");
        }
    }
}

#[tokio::test]
async fn a_host_is_read_over_http_and_remembers_a_gpu_that_vanishes() {
    let without_b1: String =
        MIG.lines().filter(|line| !line.contains("b1\"")).map(|line| format!("{line}\n")).collect();
    let asked = AtomicUsize::new(0);
    let server = FakeHttp::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Ok(MIG.to_owned()),
        1 => Reply::Ok(without_b1.clone()),
        _ => Reply::Status(503, vec![], ""),
    })
    .await;
    let url = format!("{}/metrics", server.url);
    let config = format!("name = \"rack\"\nhosting = \"ai\"\nread = \"dcgm\"\nurl = \"{url}\"");
    let mut source = ExporterSource::new(&host_config(&config), Http::new().unwrap());

    let gpus = read(&mut source).await.unwrap();
    assert!(gpus.len() == 2 && gpus.iter().all(|gpu| gpu.state == GpuState::Ok), "{gpus:?}");
    let gpus = read(&mut source).await.unwrap();
    assert_eq!(gpus.len(), 2);
    assert_eq!((gpus[1].state, gpus[1].power), (GpuState::Missing, Err(Missing::Lost)));

    let failure = read(&mut source).await.unwrap_err();
    assert_eq!(failure.reason, Missing::RemoteError);
    assert_eq!(told(&source, failure.reason), failure.reason);
}
