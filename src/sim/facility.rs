//! What the simulated site draws beyond its machines, and its power meter.

use serde_json::{Value, json};

use super::exporter::EnergyMeters;
use super::gpus::GPUS_PER_HOST;
use super::time::SimTime;
use super::world::World;
use crate::clock::Now;

/// Facility power per IT power of miners…
pub const MINER_OVERHEAD: f64 = 1.05;
/// …and of GPU hosts.
pub const GPU_OVERHEAD: f64 = 1.25;
/// Power of a server beside its boards, kW, and per power of its boards.
pub const SERVER_BASE_KW: f64 = 1.9;
pub const SERVER_FACTOR: f64 = 1.12;
/// Lighting, offices, pumps.
pub const FIXED_KW: f64 = 15.0;
/// Transformers and cables lose this part of the rest, give or take [`LOSS_SWING`].
const LOSS: f64 = 0.03;
const LOSS_SWING: f64 = 0.01;

/// All that the site draws, W.
pub fn watts(world: &World, at: SimTime) -> f64 {
    let miners: f64 = world.miners.iter().filter_map(|m| world.miner(m, at)).map(|state| state.watts).sum();
    let host = |host| {
        let boards = (0..GPUS_PER_HOST).filter_map(|gpu| world.gpus.gpu(host, gpu, at)).map(|gpu| gpu.watts);
        SERVER_BASE_KW * 1e3 + SERVER_FACTOR * boards.sum::<f64>()
    };
    let gpus: f64 = (0..world.gpus.hosts.len()).map(host).sum();
    let drawn = MINER_OVERHEAD * miners + GPU_OVERHEAD * gpus + FIXED_KW * 1e3;
    drawn * (1.0 + LOSS + LOSS_SWING * world.losses(at))
}

/// The page of the meter, in the shape of a Shelly Pro 3EM. Its counter runs in real time.
pub fn page(world: &World, counter: &EnergyMeters, at: SimTime, now: Now) -> Value {
    let watts = (watts(world, at) * 10.0).round() / 10.0;
    let watt_hours = counter.count(0, watts, now) as f64 / 3.6e6;
    json!({
        "em:0": {
            "id": 0, "total_act_power": watts,
            "a_act_power": watts / 3.0, "b_act_power": watts / 3.0, "c_act_power": watts / 3.0,
        },
        "emdata:0": { "id": 0, "total_act": (watt_hours * 100.0).round() / 100.0, "total_act_ret": 0.0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;
    use std::time::Duration;

    #[test]
    fn the_meter_shows_a_few_percent_more_than_machines_and_overhead() {
        let world = World::new(1, 300, 8);
        for hour in 0..48 {
            let at = SimTime::from_hours(hour);
            let lossless = watts(&world, at) / (1.0 + LOSS + LOSS_SWING * world.losses(at));
            let beyond = watts(&world, at) / lossless - 1.0;
            assert!((0.02..=0.04).contains(&beyond), "{beyond} in hour {hour}");
            assert!((500e3..1_200e3).contains(&lossless), "{lossless} in hour {hour}");
        }
    }

    #[test]
    fn the_counter_agrees_with_the_power() {
        let (world, counter) = (World::new(1, 50, 2), EnergyMeters::default());
        let start = Now { wall: UnixMs(0), mono: Duration::ZERO };
        let at = SimTime::from_hours(10);
        let read = |now| page(&world, &counter, at, now)["emdata:0"]["total_act"].as_f64().unwrap();
        let first = read(start);
        let hour = read(start.plus(Duration::from_secs(3600)));
        assert!((hour - first - watts(&world, at)).abs() < 1.0, "{}", hour - first);
    }
}
