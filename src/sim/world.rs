//! The state of the whole simulated site at any moment: pure, and the same for the same seed.

use super::fleet::{BOARDS, Condition, Miner, plan};
use super::gpus::Gpus;
use super::market::Market;
use super::noise::Noise;
use super::time::SimTime;

/// Above this price the operators put the least efficient container to sleep, USD/MWh.
const CURTAIL_ABOVE_USD_PER_MWH: f64 = 130.0;
/// They go from rack to rack: the last machine follows this much later, seconds.
const CURTAIL_WALK_S: f64 = 900.0;
/// After a restart, a miner tunes itself this long before it hashes, seconds.
const WARM_UP_S: f64 = 300.0;
/// Within each window of this length a miner may lose its network once, seconds.
const OUTAGE_WINDOW_S: f64 = 6.0 * 3600.0;
const OUTAGE_CHANCE: f64 = 0.02;

/// Everything that is simulated.
#[derive(Debug, Clone)]
pub struct World {
    pub miners: Vec<Miner>,
    pub gpus: Gpus,
    pub market: Market,
    noise: Noise,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    Hashing,
    /// Asleep, or starting.
    Idle,
    Fault,
}

/// One miner that answers, at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MinerState {
    pub activity: Activity,
    /// Boards that hash when the machine does.
    pub boards_ok: u32,
    /// Over the last seconds.
    pub ths_now: f64,
    /// Since the start.
    pub ths_avg: f64,
    /// At the wall.
    pub watts: f64,
    pub inlet_c: f64,
    pub board_c: f64,
    pub chip_c: f64,
    pub fan_rpm: u32,
    /// Since the mining process started, simulated.
    pub uptime_s: u64,
    pub accepted: u64,
    pub rejected: u64,
}

impl World {
    pub fn new(seed: u64, miners: usize, gpu_hosts: usize) -> Self {
        let noise = Noise::new(seed);
        Self {
            miners: plan(miners),
            gpus: Gpus::new(noise.of(1), gpu_hosts),
            market: Market::new(noise.of(2)),
            noise,
        }
    }

    /// Outside temperature, °C.
    pub fn ambient_c(&self, at: SimTime) -> f64 {
        let day = ((at.hour_of_day() - 9.0) / 24.0 * std::f64::consts::TAU).sin();
        21.0 + 8.0 * day + 1.5 * self.noise.of(3).smooth(at.secs(), 3600.0)
    }

    /// `None` while nothing listens at the miner's address.
    pub fn miner(&self, miner: &Miner, at: SimTime) -> Option<MinerState> {
        if miner.condition == Condition::Dead {
            return None;
        }
        let own = self.noise.of(4).of(miner.index as u64);
        let uptime_s = uptime_s(own, at)?;
        let model = miner.model;
        let boards_ok = match miner.condition {
            Condition::BoardDown => BOARDS - 1,
            _ => BOARDS,
        };
        let activity = match miner.condition {
            Condition::Faulty => Activity::Fault,
            Condition::Asleep => Activity::Idle,
            _ if uptime_s < WARM_UP_S || self.curtailed(miner, at) => Activity::Idle,
            _ => Activity::Hashing,
        };
        let share = f64::from(boards_ok) / f64::from(BOARDS);
        // No two machines are alike: ±2 % of hashrate, ±3 % of efficiency.
        let full_ths = model.ths * share * (1.0 + 0.02 * own.smooth(0.0, 1.0));
        let load = if activity == Activity::Hashing { share } else { 0.0 };
        let (ths_now, ths_avg) = match activity {
            Activity::Hashing => (full_ths * (1.0 + 0.02 * own.of(1).smooth(at.secs(), 60.0)), full_ths),
            Activity::Idle | Activity::Fault => (0.0, 0.0),
        };
        let inlet_c = self.ambient_c(at) + 2.0 + 1.5 * own.of(2).uniform(0);
        let chip_c = inlet_c + 5.0 + 45.0 * load + 3.0 * own.of(3).smooth(at.secs(), 600.0);
        let efficiency = model.j_per_th * (1.0 + 0.03 * own.of(4).smooth(0.0, 1.0));
        // Leakage: hotter chips need more power for the same work.
        let leakage = 1.0 + 0.0015 * (chip_c - 70.0);
        let standby_w = 14.0 + 6.0 * own.of(5).uniform(0);
        let accepted = (uptime_s * model.ths / 1500.0) as u64;
        Some(MinerState {
            activity,
            boards_ok,
            ths_now,
            ths_avg,
            watts: if load > 0.0 { ths_now * efficiency * leakage } else { standby_w },
            inlet_c,
            board_c: chip_c - 11.0 * load - 1.0,
            chip_c,
            fan_rpm: if load > 0.0 { 3000 + (30.0 * (chip_c - 40.0)).max(0.0) as u32 } else { 0 },
            uptime_s: uptime_s as u64,
            accepted,
            rejected: (accepted as f64 * (0.001 + 0.003 * own.of(6).uniform(0))) as u64,
        })
    }

    /// Hashrate of all miners, as the pool counts it: a little less than they think. TH/s.
    pub fn pool_ths(&self, at: SimTime) -> f64 {
        let total: f64 = self.miners.iter().filter_map(|m| self.miner(m, at)).map(|s| s.ths_now).sum();
        total * (0.987 + 0.008 * self.noise.of(5).smooth(at.secs(), 900.0))
    }

    /// How the losses of the site stray from their mean, -1.0 to 1.0.
    pub fn losses(&self, at: SimTime) -> f64 {
        self.noise.of(7).smooth(at.secs(), 1800.0)
    }

    /// Only the machines that need the most energy are worth switching off for a few hours.
    fn curtailed(&self, miner: &Miner, at: SimTime) -> bool {
        if miner.model.group != "container-1" {
            return false;
        }
        let delay_s = CURTAIL_WALK_S * self.noise.of(6).uniform(miner.index as u64);
        let noticed = SimTime::from_secs(at.secs() - delay_s);
        self.market.power_usd_per_mwh(noticed.hour()) > CURTAIL_ABOVE_USD_PER_MWH
    }
}

/// Seconds since the last restart; `None` within an outage.
fn uptime_s(own: Noise, at: SimTime) -> Option<f64> {
    let outage = own.of(7);
    let newest = (at.secs() / OUTAGE_WINDOW_S) as u64;
    // Whatever happened more than a week ago counts as never.
    for window in (newest.saturating_sub(28)..=newest).rev() {
        if outage.of(1).uniform(window) >= OUTAGE_CHANCE {
            continue;
        }
        let length = 1200.0 + 2400.0 * outage.of(2).uniform(window);
        let start =
            OUTAGE_WINDOW_S * window as f64 + (OUTAGE_WINDOW_S - length) * outage.of(3).uniform(window);
        if at.secs() >= start + length {
            return Some(at.secs() - start - length);
        }
        if at.secs() >= start {
            return None;
        }
    }
    // Up since some day of the last two months.
    Some(at.secs() + 86_400.0 * (2.0 + 58.0 * own.of(8).uniform(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_time_give_the_same_site() {
        let (a, b) = (World::new(9, 300, 8), World::new(9, 300, 8));
        let at = SimTime::from_secs(123_456.7);
        for (x, y) in a.miners.iter().zip(&b.miners) {
            assert_eq!(a.miner(x, at), b.miner(y, at));
        }
        assert_ne!(
            a.miner(&a.miners[0], at),
            World::new(10, 300, 8).miner(&a.miners[0], at),
            "another seed, another site"
        );
    }

    #[test]
    fn a_hashing_miner_draws_about_its_nameplate_and_its_temperatures_are_in_order() {
        let world = World::new(1, 300, 0);
        let at = SimTime::from_hours(10);
        for miner in world.miners.iter().filter(|m| m.condition == Condition::Healthy) {
            let Some(state) = world.miner(miner, at) else { continue };
            if state.activity != Activity::Hashing {
                continue;
            }
            let j_per_th = state.watts / state.ths_now;
            assert!((j_per_th / miner.model.j_per_th - 1.0).abs() < 0.08, "{j_per_th}");
            assert!(state.inlet_c < state.board_c && state.board_c < state.chip_c, "{state:?}");
            assert!((45.0..95.0).contains(&state.chip_c), "{state:?}");
        }
    }

    #[test]
    fn the_least_efficient_container_sleeps_through_the_evening_spike() {
        let world = World::new(1, 300, 0);
        let asleep = |at| {
            let states = world.miners.iter().filter(|m| m.model.group == "container-1");
            states.filter_map(|m| world.miner(m, at)).filter(|s| s.activity == Activity::Idle).count()
        };
        let before = asleep(SimTime::from_hours(16));
        let during = asleep(SimTime::from_secs(19.9 * 3600.0));
        assert!(before < 15 && during > 80, "{before} then {during}");
    }

    #[test]
    fn miners_drop_out_for_a_while_and_come_back_with_a_young_uptime() {
        let world = World::new(1, 300, 0);
        let mut dropped = 0;
        for miner in world.miners.iter().filter(|m| m.condition == Condition::Healthy) {
            let path: Vec<_> =
                (0..144).map(|k| world.miner(miner, SimTime::from_secs(600.0 * f64::from(k)))).collect();
            if let Some(k) = path.windows(2).position(|w| w[0].is_none() && w[1].is_some()) {
                dropped += 1;
                assert!(path[k + 1].unwrap().uptime_s <= 600);
            }
        }
        assert!((3..100).contains(&dropped), "{dropped}");
    }
}
