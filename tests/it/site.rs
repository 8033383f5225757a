//! The picture of the site: ageing, states, sums, order.

mod gpus;
mod meter;
mod miners;
mod occupied;
mod prices;
mod wall;

use std::time::Duration;

use gpus::{gpu, gpu_host, occupancy, one_gpu_host};
use miners::s19;
use prices::{btc, network};
use wattsplit::clock::{Now, UnixMs};
use wattsplit::reading::*;
use wattsplit::site::{Site, SiteView};
use wattsplit::units::*;

const INTERVAL: Duration = Duration::from_secs(30);
const HOUR: u64 = 3600;

fn at(secs: u64) -> Now {
    Now { wall: UnixMs(1_763_800_000_000), mono: Duration::from_secs(1000) }.plus(Duration::from_secs(secs))
}

fn put(site: &mut Site, secs: u64, sample: Sample) {
    site.apply(Batch { at: at(secs), samples: vec![sample] });
}

fn ths(value: f64) -> Read<Hashrate> {
    Ok(Reading::measured(Hashrate::new(value).unwrap(), "test"))
}

fn watts(value: f64) -> Read<Watts> {
    Ok(Reading::measured(Watts::new(value).unwrap(), "test"))
}

fn celsius(value: f64) -> Read<Celsius> {
    Ok(Reading::measured(Celsius::new(value).unwrap(), "test"))
}

#[test]
fn a_jump_of_the_wall_clock_changes_nothing_but_the_time_of_the_view() {
    let mut site = Site::new(one_gpu_host());
    put(&mut site, 0, s19("10.0.0.1:4028"));
    put(&mut site, 0, gpu_host(Ok(vec![gpu("a", 400.0)])));
    put(&mut site, 0, btc("kraken", Ok(100_000.0), None));
    put(&mut site, 0, network(Ok(())));
    put(&mut site, 0, occupancy(5, Some(UnixMs(at(0).wall.0 - 60_000))));
    for jump_ms in [-86_400_000 * 400, 86_400_000 * 400] {
        let now = at(20);
        let jumped = Now { wall: UnixMs(now.wall.0 + jump_ms), ..now };
        let masked = |view: SiteView| format!("{:?}", SiteView { at: now, ..view });
        assert_eq!(masked(site.view(jumped)), masked(site.view(now)));
    }
}
