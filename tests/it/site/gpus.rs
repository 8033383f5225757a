//! GPUs, their hosts and how many are rented.

use wattsplit::site::{GpuHostLayout, Layout};

use super::*;

pub fn one_gpu_host() -> Layout {
    gpu_hosts(&["gpu-1"])
}

pub fn gpu_hosts(names: &[&str]) -> Layout {
    Layout { gpu_hosts: names.iter().map(|name| layout_host(name)).collect(), ..Layout::default() }
}

fn layout_host(name: &str) -> GpuHostLayout {
    GpuHostLayout {
        name: name.into(),
        hosting: "h100".into(),
        base: Watts::new(1000.0).unwrap(),
        factor: 1.1,
    }
}

pub fn gpu(uuid: &str, power_w: f64) -> GpuSample {
    GpuSample {
        power: watts(power_w),
        utilisation: Ok(Reading::measured(Fraction::new(0.5).unwrap(), "test")),
        temp_gpu: celsius(60.0),
        ..GpuSample::blank(uuid.into(), None, GpuState::Ok, Missing::NotReported)
    }
}

pub fn gpu_host(gpus: Result<Vec<GpuSample>, Missing>) -> Sample {
    gpu_host_named("gpu-1", gpus)
}

pub fn gpu_host_named(host: &str, gpus: Result<Vec<GpuSample>, Missing>) -> Sample {
    let interval = Duration::from_secs(10);
    Sample::GpuHost(GpuHostSample { host: host.into(), hosting: "h100".into(), interval, driver: None, gpus })
}

pub fn occupancy(gpus: u32, observed: Option<UnixMs>) -> Sample {
    let occupied_gpus = Ok(Reading::estimated(gpus, "test"));
    Sample::Occupancy(OccupancySample { hosting: "h100".into(), interval: INTERVAL, occupied_gpus, observed })
}

#[test]
fn it_power_is_the_boards_and_their_server_and_never_better_than_estimated() {
    let mut site = Site::new(one_gpu_host());
    put(&mut site, 0, gpu_host(Ok(vec![gpu("a", 500.0), gpu("b", 700.0)])));
    let view = site.view(at(1));
    let block = &view.ai_blocks[0];
    assert_eq!((block.id.as_str(), block.counts.ok, block.hosts), ("h100", 2, 1));
    let (boards, it) = (block.board_power.unwrap(), block.it_power.unwrap());
    assert_eq!((boards.value, boards.quality), (Watts::new(1200.0).unwrap(), Quality::Measured));
    assert!((it.value.get() - (1000.0 + 1.1 * 1200.0)).abs() < 1e-9);
    assert_eq!((it.quality, it.coverage.get()), (Quality::Estimated, 1.0));
    assert_eq!(block.utilisation.unwrap().value.get(), 0.5);
}

#[test]
fn a_gpu_that_its_host_no_longer_lists_is_missing_as_lost() {
    let mut site = Site::new(one_gpu_host());
    put(&mut site, 0, gpu_host(Ok(vec![gpu("a", 500.0), gpu("b", 700.0)])));
    put(&mut site, 10, gpu_host(Ok(vec![gpu("b", 600.0)])));
    let view = site.view(at(11));
    let block = &view.ai_blocks[0];
    assert_eq!((block.counts.ok, block.counts.missing), (1, 1));
    assert_eq!(block.board_power.unwrap().coverage.get(), 0.5);
    let missing = site.gpus(at(11)).next().unwrap();
    assert_eq!((missing.uuid, missing.missing, missing.gpu.is_none()), ("a", Some(Missing::Lost), true));
}

#[test]
fn gpus_of_a_silent_host_are_first_stale_and_then_missing() {
    let mut site = Site::new(one_gpu_host());
    put(&mut site, 0, gpu_host(Ok(vec![gpu("a", 500.0)])));
    put(&mut site, 10, gpu_host(Err(Missing::Timeout)));
    let view = site.view(at(11));
    assert_eq!((view.ai_blocks[0].counts.ok, view.ai_blocks[0].hosts_unreachable), (1, 0));
    assert_eq!(view.ai_blocks[0].it_power.unwrap().quality, Quality::Stale);
    let view = site.view(at(41));
    let block = &view.ai_blocks[0];
    assert_eq!((block.counts.missing, block.hosts_unreachable), (1, 1));
    assert_eq!((block.it_power, block.board_power), (Err(Missing::Timeout), Err(Missing::Timeout)));
}

#[test]
fn a_board_that_was_moved_to_another_host_is_not_missing_where_it_was() {
    let mut site = Site::new(gpu_hosts(&["gpu-1", "gpu-2"]));
    put(&mut site, 0, gpu_host(Ok(vec![gpu("a", 500.0), gpu("b", 500.0)])));
    put(&mut site, 10, gpu_host(Ok(vec![gpu("a", 500.0)])));
    put(&mut site, 10, gpu_host_named("gpu-2", Ok(vec![gpu("b", 500.0)])));
    let counts = site.view(at(11)).ai_blocks[0].counts;
    assert_eq!((counts.ok, counts.missing), (2, 0));

    put(&mut site, 20, gpu_host(Err(Missing::Timeout)));
    put(&mut site, 20, gpu_host_named("gpu-2", Ok(vec![gpu("a", 500.0), gpu("b", 500.0)])));
    let counts = site.view(at(21)).ai_blocks[0].counts;
    assert_eq!((counts.ok, counts.missing), (2, 0), "also from a host that was switched off before");
}

#[test]
fn a_host_that_never_answered_lowers_the_coverage_by_what_its_neighbours_hold() {
    let mut site = Site::new(gpu_hosts(&["gpu-1", "gpu-2"]));
    let view = site.view(at(0));
    assert_eq!((view.ai_blocks[0].hosts, view.ai_blocks[0].hosts_unreachable), (2, 0));
    assert_eq!(view.ai_blocks[0].it_power, Err(Missing::NotYet));
    put(&mut site, 0, gpu_host(Ok(vec![gpu("a", 500.0), gpu("b", 500.0)])));
    put(&mut site, 0, gpu_host_named("gpu-2", Err(Missing::Refused)));
    let block = &site.view(at(1)).ai_blocks[0];
    assert_eq!((block.hosts_unreachable, block.it_power.unwrap().coverage.get()), (1, 0.5));
}

#[test]
fn a_board_that_tells_no_power_leaves_its_server_out_rather_than_counting_it_alone() {
    let mut site = Site::new(one_gpu_host());
    let mut mute = gpu("a", 0.0);
    mute.power = Err(Missing::NotSupported);
    put(&mut site, 0, gpu_host(Ok(vec![mute])));
    assert_eq!(site.view(at(1)).ai_blocks[0].it_power, Err(Missing::NotSupported));
}

#[test]
fn declared_occupancy_never_ages_and_a_file_is_stale_after_a_quarter_of_an_hour() {
    let quality =
        |site: &Site, secs| site.view(at(secs)).ai_blocks[0].occupied.map(|occupied| occupied.quality);
    let mut site = Site::new(one_gpu_host());
    assert_eq!(quality(&site, 0), Err(Missing::NotConfigured));
    put(&mut site, 0, occupancy(5, None));
    assert_eq!(quality(&site, 40 * 24 * HOUR), Ok(Quality::Estimated));

    let mut site = Site::new(one_gpu_host());
    put(&mut site, 600, occupancy(5, Some(at(0).wall)));
    assert_eq!(quality(&site, 900), Ok(Quality::Estimated));
    assert_eq!(quality(&site, 901), Ok(Quality::Stale));
    assert_eq!(quality(&site, 25 * HOUR), Err(Missing::Expired));
}

#[test]
fn gpus_behind_a_call_that_hangs_are_hung_and_their_values_grow_old() {
    let mut site = Site::new(one_gpu_host());
    put(&mut site, 0, gpu_host(Ok(vec![gpu("a", 500.0)])));
    put(&mut site, 10, gpu_host(Err(Missing::Hung)));
    let view = site.gpus(at(12)).next().unwrap();
    assert_eq!((view.state(), view.stale, view.age), (GpuState::Hung, true, Some(Duration::from_secs(12))));
    assert_eq!(view.gpu.unwrap().power.unwrap().value.get(), 500.0, "the last that was read");
    let block = &site.view(at(12)).ai_blocks[0];
    assert_eq!((block.counts.hung, block.board_power.unwrap().quality), (1, Quality::Stale));

    put(&mut site, 40, gpu_host(Err(Missing::Hung)));
    let view = site.gpus(at(41)).next().unwrap();
    assert_eq!((view.state(), view.missing, view.gpu.is_none()), (GpuState::Hung, Some(Missing::Hung), true));
    let block = &site.view(at(41)).ai_blocks[0];
    assert_eq!((block.counts.hung, block.board_power), (1, Err(Missing::Hung)));
}

#[test]
fn a_host_tells_which_of_its_gpus_want_attention_and_which_had_errors() {
    let mut site = Site::new(one_gpu_host());
    let mut erring = gpu("b", 500.0);
    erring.xids = [(79, 2)].into();
    let lost = GpuSample::blank("c".into(), None, GpuState::Lost, Missing::Lost);
    put(&mut site, 0, gpu_host(Ok(vec![gpu("a", 500.0), erring, lost])));
    let health = &site.view(at(1)).gpu_hosts[0];
    let troubles: Vec<_> =
        health.troubles.iter().map(|gpu| (&*gpu.uuid, gpu.state, gpu.xids.len())).collect();
    assert_eq!(&*health.host, "gpu-1");
    assert_eq!(troubles, [("b", GpuState::Ok, 1), ("c", GpuState::Lost, 0)]);
}

#[test]
fn a_gpu_that_stood_for_a_place_is_forgotten_when_it_tells_who_it_is() {
    let mut site = Site::new(one_gpu_host());
    let nameless = GpuSample::blank("index-0".into(), None, GpuState::Lost, Missing::Lost);
    put(&mut site, 0, gpu_host(Ok(vec![nameless])));
    assert_eq!(site.view(at(1)).ai_blocks[0].counts.lost, 1);
    put(&mut site, 10, gpu_host(Ok(vec![gpu("a", 500.0)])));
    let counts = site.view(at(11)).ai_blocks[0].counts;
    assert_eq!((counts.ok, counts.units()), (1, 1));
}

/// A GPU whose counter stands at so many Wh.
fn counting(uuid: &str, counter_wh: f64) -> GpuSample {
    let energy = Ok(Reading::measured(WattHours::new(counter_wh).unwrap(), "test"));
    GpuSample { energy, ..gpu(uuid, 360.0) }
}

#[test]
fn what_the_boards_have_used_since_the_start_is_summed_and_outlives_a_silent_host() {
    let mut site = Site::new(one_gpu_host());
    let poll = |a, b| gpu_host(Ok(vec![counting("a", a), counting("b", b)]));
    put(&mut site, 0, poll(1000.0, 50.0));
    assert_eq!(site.view(at(0)).ai_blocks[0].board_energy, Err(Missing::NotYet));
    put(&mut site, 10, poll(1001.0, 51.5));
    let view = site.gpus(at(10)).next().unwrap();
    let total = view.energy_total.unwrap();
    assert_eq!((total.value.get(), total.quality, total.source), (1.0, Quality::Measured, "counter"));
    let sum = site.view(at(10)).ai_blocks[0].board_energy.unwrap();
    assert_eq!((sum.value.get(), sum.quality, sum.coverage.get()), (2.5, Quality::Measured, 1.0));

    put(&mut site, 20, gpu_host(Err(Missing::Timeout)));
    let sum = site.view(at(60)).ai_blocks[0].board_energy.unwrap();
    assert_eq!((sum.value.get(), sum.quality), (2.5, Quality::Stale));
}
