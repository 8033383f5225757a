//! What servers draw at the wall, as their management controllers measure it.

use wattsplit::site::AiBlock;

use super::gpus::gpu_hosts;
use super::*;

fn wall(host: &str, power: Read<Watts>) -> Sample {
    Sample::WallPower(WallPowerSample { host: host.into(), interval: INTERVAL, power })
}

/// A host of two boards that draw 1 kW together; the model says 2.1 kW.
fn site() -> Site {
    let mut site = Site::new(one_gpu_host());
    put(&mut site, 0, two_boards());
    site
}

fn two_boards() -> Sample {
    gpu_host(Ok(vec![gpu("a", 400.0), gpu("b", 600.0)]))
}

fn block(site: &Site, secs: u64) -> AiBlock {
    site.view(at(secs)).ai_blocks.remove(0)
}

fn it_power(block: &AiBlock) -> (f64, Quality) {
    let it = block.it_power.unwrap();
    (it.value.get().round(), it.quality)
}

const MODEL: (f64, Quality) = (2100.0, Quality::Estimated);

#[test]
fn the_power_at_the_wall_counts_for_the_host_while_it_is_fresh() {
    let mut site = site();
    assert_eq!(block(&site, 1).wall.power, Err(Missing::NotConfigured));
    put(&mut site, 1, wall("gpu-1", watts(1800.0)));
    let fresh = block(&site, 2);
    assert_eq!(it_power(&fresh), (1800.0, Quality::Measured));
    assert_eq!(fresh.it_power.unwrap().coverage.get(), 1.0);
    assert_eq!(fresh.wall.power.unwrap().value, Watts::new(1800.0).unwrap());
    assert_eq!(fresh.board_power.unwrap().value, Watts::new(1000.0).unwrap());
}

#[test]
fn a_controller_that_falls_silent_is_first_stale_and_then_the_model_counts() {
    let mut site = site();
    put(&mut site, 1, wall("gpu-1", watts(1800.0)));
    put(&mut site, 31, wall("gpu-1", Err(Missing::Timeout)));
    put(&mut site, 31, two_boards());
    assert_eq!(it_power(&block(&site, 32)), (1800.0, Quality::Stale));
    put(&mut site, 100, two_boards());
    let silent = block(&site, 101);
    assert_eq!(it_power(&silent), MODEL);
    assert_eq!(silent.wall.power, Err(Missing::Timeout));
}

#[test]
fn less_at_the_wall_than_the_boards_draw_is_said_and_does_not_count() {
    let mut site = site();
    for power in [850.0, 0.0] {
        put(&mut site, 1, wall("gpu-1", watts(power)));
        let block = block(&site, 2);
        assert_eq!(it_power(&block), MODEL);
        assert_eq!((block.wall.implausible, block.wall.power), (1, Err(Missing::Implausible)), "{power}");
    }
    put(&mut site, 3, wall("gpu-1", watts(950.0)));
    assert_eq!((block(&site, 4).wall.implausible, it_power(&block(&site, 4)).0), (0, 950.0));
}

#[test]
fn a_server_whose_gpus_do_not_answer_still_draws_what_is_measured() {
    let mut site = Site::new(gpu_hosts(&["gpu-1", "gpu-2"]));
    put(&mut site, 0, wall("gpu-1", watts(700.0)));
    put(&mut site, 0, gpu_host(Err(Missing::Refused)));
    let block = block(&site, 1);
    assert_eq!(block.it_power.unwrap().value, Watts::new(700.0).unwrap());
    assert_eq!((block.hosts_unreachable, block.board_power), (1, Err(Missing::Refused)));
    assert!(block.it_power.unwrap().coverage.get() < 1.0, "nobody knows what the other one draws");
}

#[test]
fn what_is_measured_is_shared_between_the_boards_and_the_rest_of_the_server() {
    let mut site = site();
    let base = |site: &Site, secs| site.gpu_hosts(at(secs)).next().unwrap().base.get().round();
    assert_eq!(base(&site, 1), 1000.0, "the model's");
    put(&mut site, 1, wall("gpu-1", watts(1800.0)));
    assert_eq!(base(&site, 2), 700.0, "what the boards and their factor leave");
    put(&mut site, 3, wall("gpu-1", watts(1050.0)));
    assert_eq!(base(&site, 4), 0.0);
    put(&mut site, 5, wall("gpu-1", watts(500.0)));
    assert_eq!(base(&site, 6), 1000.0, "the reading is not believed");
}

#[test]
fn a_controller_of_an_unknown_host_measures_nothing_that_counts() {
    let mut site = site();
    put(&mut site, 1, wall("elsewhere", watts(9000.0)));
    assert_eq!((site.view(at(2)).ai_blocks.len(), it_power(&block(&site, 2))), (1, MODEL));
}
