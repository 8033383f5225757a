//! GPUs that are taken, counted among the GPUs themselves.

use std::sync::Arc;

use wattsplit::site::{CountedBy, Layout};

use super::gpus::{gpu_host_named, gpu_hosts};
use super::*;

fn site(by: CountedBy) -> Site {
    let counted = [(Arc::from("h100"), by)].into();
    Site::new(Layout { counted, ..gpu_hosts(&["gpu-1", "gpu-2"]) })
}

fn with_processes(uuid: &str, processes: Option<u32>) -> GpuSample {
    GpuSample { facts: Arc::new(GpuFacts { processes, ..GpuFacts::default() }), ..gpu(uuid, 500.0) }
}

fn with_holder(uuid: &str, pod: Option<&str>) -> GpuSample {
    let holder = Allocation { pod: pod.map(Arc::from), ..Allocation::default() };
    GpuSample { allocation: Some(Arc::new(holder)), ..gpu(uuid, 500.0) }
}

fn occupied(site: &Site, secs: u64) -> Result<(u32, Quality, &'static str), Missing> {
    let block = site.view(at(secs)).ai_blocks.remove(0);
    block.occupied.map(|told| (told.value, told.quality, told.source))
}

#[test]
fn a_gpu_with_a_process_is_taken_as_an_estimate() {
    let mut site = site(CountedBy::Processes);
    assert_eq!(occupied(&site, 0), Err(Missing::NotYet));
    put(&mut site, 0, gpu_host(Ok(vec![with_processes("a", Some(2)), with_processes("b", Some(0))])));
    assert_eq!(occupied(&site, 1), Err(Missing::NotYet), "nobody knows what the other host does");
    put(&mut site, 0, gpu_host_named("gpu-2", Ok(vec![with_processes("c", Some(1))])));
    assert_eq!(occupied(&site, 1), Ok((2, Quality::Estimated, "processes")));
    put(&mut site, 10, gpu_host_named("gpu-2", Ok(vec![with_processes("c", None)])));
    assert_eq!(occupied(&site, 11), Err(Missing::NotReported), "a host that does not count them");
}

#[test]
fn a_gpu_with_a_pod_is_taken_and_labels_that_are_never_there_are_no_zero() {
    let mut site = site(CountedBy::Pods);
    put(&mut site, 0, gpu_host(Ok(vec![with_holder("a", Some("llm-0")), with_holder("b", None)])));
    put(&mut site, 0, gpu_host_named("gpu-2", Ok(vec![gpu("c", 700.0)])));
    assert_eq!(occupied(&site, 1), Err(Missing::NotReported));
    put(&mut site, 10, gpu_host_named("gpu-2", Ok(vec![with_holder("c", None)])));
    assert_eq!(occupied(&site, 11), Ok((1, Quality::Measured, "pods")));
    // The other host's answer is overdue, then too old.
    put(&mut site, 30, gpu_host_named("gpu-2", Ok(vec![with_holder("c", None)])));
    assert_eq!(occupied(&site, 31), Ok((1, Quality::Stale, "pods")));
    put(&mut site, 50, gpu_host_named("gpu-2", Ok(vec![with_holder("c", None)])));
    assert_eq!(occupied(&site, 51), Err(Missing::Expired));
}

#[test]
fn a_board_that_its_host_has_lost_is_taken_by_nobody() {
    let mut site = site(CountedBy::Pods);
    put(&mut site, 0, gpu_host_named("gpu-2", Ok(vec![with_holder("c", Some("llm-1"))])));
    put(&mut site, 0, gpu_host(Ok(vec![with_holder("a", Some("llm-0")), with_holder("b", Some("llm-0"))])));
    assert_eq!(occupied(&site, 1), Ok((3, Quality::Measured, "pods")));
    put(&mut site, 10, gpu_host(Ok(vec![with_holder("b", Some("llm-0"))])));
    assert_eq!(occupied(&site, 11), Ok((2, Quality::Measured, "pods")));
}

#[test]
fn by_contract_every_gpu_that_was_ever_seen_is_taken_whatever_it_does() {
    let mut site = site(CountedBy::Contract);
    assert_eq!(occupied(&site, 0), Err(Missing::NotYet));
    put(&mut site, 0, gpu_host(Ok(vec![gpu("a", 70.0), gpu("b", 70.0)])));
    assert_eq!(occupied(&site, 1000), Ok((2, Quality::Estimated, "contract")));
}

#[test]
fn a_gpu_that_is_busy_without_a_process_and_power_is_flagged_and_keeps_its_state() {
    let mut site = Site::new(one_gpu_host());
    let latched = GpuSample {
        utilisation: Ok(Reading::measured(Fraction::new(1.0).unwrap(), "test")),
        power_limit: watts(700.0),
        power: watts(100.0),
        ..with_processes("a", Some(0))
    };
    put(&mut site, 0, gpu_host(Ok(vec![latched, with_processes("b", Some(1))])));
    let block = site.view(at(1)).ai_blocks.remove(0);
    assert_eq!((block.suspect, block.counts.ok), (1, 2));
    let suspects: Vec<&str> = site.gpus(at(1)).filter(|gpu| gpu.is_suspect()).map(|gpu| gpu.uuid).collect();
    assert_eq!(suspects, ["a"]);
}
