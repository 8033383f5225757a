//! The simulated GPU hosts: what is rented, what is busy and what they draw.
//!
//! Rented and busy are two things: a tenant may let rented GPUs idle, and reserved ones are paid
//! between two jobs too.

use super::noise::Noise;
use super::time::SimTime;

pub const GPUS_PER_HOST: usize = 8;
/// As the driver names them.
pub const GPU_NAME: &str = "NVIDIA H100 80GB HBM3";
/// Board power, W.
const IDLE_W: f64 = 69.0;
const LIMIT_W: f64 = 700.0;
const MEMORY_MIB: f64 = 81_079.0;
/// Market GPUs are rented by blocks of this length.
const RENTAL_S: f64 = 2.0 * 3600.0;
/// Jobs on reserved hosts.
const JOB_S: f64 = 4.0 * 3600.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sale {
    /// Under contract, paid whether used or not.
    Reserved,
    /// By the hour on a market place.
    Market,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuHost {
    pub name: String,
    pub sale: Sale,
}

/// One GPU at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GpuState {
    pub rented: bool,
    /// 0.0 to 1.0.
    pub busy: f64,
    pub watts: f64,
    pub memory_used_mib: f64,
    pub memory_free_mib: f64,
    pub core_c: f64,
    pub memory_c: f64,
}

#[derive(Debug, Clone)]
pub struct Gpus {
    pub hosts: Vec<GpuHost>,
    noise: Noise,
}

impl Gpus {
    /// The first half of the hosts is reserved, the rest is on the market.
    pub fn new(noise: Noise, hosts: usize) -> Self {
        let reserved = hosts.div_ceil(2);
        let host = |k| GpuHost {
            name: format!("ai-{:02}", k + 1),
            sale: if k < reserved { Sale::Reserved } else { Sale::Market },
        };
        Self { hosts: (0..hosts).map(host).collect(), noise }
    }

    pub fn hosts_sold_as(&self, sale: Sale) -> usize {
        self.hosts.iter().filter(|h| h.sale == sale).count()
    }

    /// Stable name of a GPU in the driver's form.
    pub fn uuid(&self, host: usize, gpu: usize) -> String {
        let id = self.noise.of(1).of(host as u64);
        let part = |k: u64, bits: u32| (id.uniform(gpu as u64 * 8 + k) * 2f64.powi(bits as i32)) as u64;
        format!(
            "GPU-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            part(0, 32),
            part(1, 16),
            part(2, 16),
            part(3, 16),
            part(4, 48)
        )
    }

    /// `None` while the GPU has fallen off the bus: the last one of a market host does so every
    /// day between 18:00 and 19:30.
    pub fn gpu(&self, host: usize, gpu: usize, at: SimTime) -> Option<GpuState> {
        let sale = self.hosts.get(host)?.sale;
        let is_last = host + 1 == self.hosts.len() && gpu + 1 == GPUS_PER_HOST;
        if is_last && sale == Sale::Market && (18.0..19.5).contains(&at.hour_of_day()) {
            return None;
        }
        let own = self.noise.of(2).of((host * GPUS_PER_HOST + gpu) as u64);
        let (rented, busy) = match sale {
            Sale::Reserved => (true, self.training(host, own, at)),
            Sale::Market => {
                let rented = self.rented(host, own, at);
                (rented, if rented { inference(own, at) } else { 0.0 })
            }
        };
        let watts = IDLE_W + 4.0 * own.uniform(0) + (LIMIT_W - IDLE_W - 25.0) * busy;
        let used = if busy > 0.0 { MEMORY_MIB * (0.72 + 0.2 * own.uniform(1)) } else { 4.0 };
        let core_c = 26.0 + 0.058 * watts + 2.0 * own.uniform(2);
        Some(GpuState {
            rented,
            busy,
            watts,
            memory_used_mib: used.round(),
            memory_free_mib: (MEMORY_MIB - used).round(),
            core_c: core_c.round(),
            memory_c: (core_c + 9.0 + 8.0 * busy).round(),
        })
    }

    /// Market GPUs that somebody pays for now; one that fell off the bus earns nothing.
    pub fn occupied(&self, at: SimTime) -> usize {
        let market = self.hosts.iter().enumerate().filter(|(_, host)| host.sale == Sale::Market);
        market
            .flat_map(|(host, _)| (0..GPUS_PER_HOST).filter_map(move |gpu| self.gpu(host, gpu, at)))
            .filter(|gpu| gpu.rented)
            .count()
    }

    /// All GPUs of a reserved host work on one job; now and then there is none.
    fn training(&self, host: usize, own: Noise, at: SimTime) -> f64 {
        let jobs = self.noise.of(3).of(host as u64);
        // Hosts do not change jobs at the same moment.
        let since = at.secs() + JOB_S * jobs.uniform(u64::MAX);
        let job = (since / JOB_S) as u64;
        if jobs.uniform(job) < 0.12 {
            return 0.0;
        }
        // Writing a checkpoint pauses the work for a minute of every half hour.
        if since % 1800.0 < 60.0 {
            return 0.15;
        }
        0.95 + 0.04 * own.of(1).smooth(at.secs(), 120.0)
    }

    /// The market fills one host after the other: most of the time the last one has nobody.
    fn rented(&self, host: usize, own: Noise, at: SimTime) -> bool {
        let hosts = self.hosts_sold_as(Sale::Market);
        let before = hosts.saturating_sub(self.hosts.len().saturating_sub(host));
        let demand = 0.72 + 0.18 * self.noise.of(4).smooth(at.secs(), 8.0 * 3600.0);
        let left = demand * hosts as f64 - before as f64;
        let block = (at.secs() / RENTAL_S + own.uniform(3)) as u64;
        own.of(2).uniform(block) < left
    }
}

/// What a tenant does with a rented GPU: bursts, and one tenant in six nothing at all.
fn inference(own: Noise, at: SimTime) -> f64 {
    let block = (at.secs() / RENTAL_S + own.uniform(3)) as u64;
    if own.of(3).uniform(block) < 0.17 {
        return 0.0;
    }
    (0.62 + 0.4 * own.of(4).smooth(at.secs(), 300.0)).clamp(0.05, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpus() -> Gpus {
        Gpus::new(Noise::new(3), 8)
    }

    #[test]
    fn power_follows_what_the_gpu_does() {
        for hour in 0..48 {
            for gpu in 0..GPUS_PER_HOST {
                let state = gpus().gpu(0, gpu, SimTime::from_hours(hour)).unwrap();
                assert!(state.watts <= LIMIT_W && state.watts >= IDLE_W);
                assert_eq!(state.busy > 0.9, state.watts > 600.0, "{state:?}");
            }
        }
    }

    #[test]
    fn some_rented_gpus_are_idle_and_no_free_one_is_busy() {
        let states: Vec<_> = (0..48)
            .flat_map(|hour| (0..8).filter_map(move |gpu| gpus().gpu(6, gpu, SimTime::from_hours(hour))))
            .collect();
        assert!(states.iter().any(|s| s.rented && s.busy == 0.0));
        assert!(states.iter().all(|s| s.rented || s.busy == 0.0));
    }

    #[test]
    fn occupancy_moves_and_counts_only_market_gpus() {
        let path: Vec<_> = (0..48).map(|hour| gpus().occupied(SimTime::from_hours(hour))).collect();
        assert!(path.iter().all(|n| *n <= 32));
        assert!(path.windows(2).any(|w| w[0] != w[1]), "{path:?}");
    }

    #[test]
    fn some_market_gpus_are_free_and_now_and_then_a_whole_host() {
        let free = |host, hour| {
            let gpu = |gpu| gpus().gpu(host, gpu, SimTime::from_hours(hour)).unwrap();
            (0..GPUS_PER_HOST).filter(|k| !gpu(*k).rented).count()
        };
        let path: Vec<usize> =
            (0..48).filter(|hour| hour % 24 != 18 && hour % 24 != 19).map(|h| free(7, h)).collect();
        assert!(path.contains(&GPUS_PER_HOST) && path.iter().any(|n| *n < GPUS_PER_HOST), "{path:?}");
        assert!((0..48).all(|hour| free(4, hour) == 0), "the first one is always full");
    }

    #[test]
    fn one_gpu_falls_off_the_bus_in_the_evening() {
        assert_eq!(gpus().gpu(7, 7, SimTime::from_hours(19)), None);
        assert!(gpus().gpu(7, 7, SimTime::from_hours(21)).is_some());
        assert!(gpus().gpu(7, 6, SimTime::from_hours(19)).is_some());
    }

    #[test]
    fn uuids_are_stable_and_unique() {
        let all: std::collections::BTreeSet<_> =
            (0..8).flat_map(|host| (0..8).map(move |gpu| gpus().uuid(host, gpu))).collect();
        assert_eq!(all.len(), 64);
        assert!(all.iter().all(|uuid| uuid.len() == 40), "{all:?}");
    }
}
