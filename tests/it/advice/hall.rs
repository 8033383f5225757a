//! A small real site with a hall of GPU servers.

use std::time::Duration;

use wattsplit::advice::{Advice, Move};
use wattsplit::economics::dispatch::Block;
use wattsplit::economics::{HostingConfig, Stoppable, Terms};
use wattsplit::reading::*;
use wattsplit::site::{GpuHostLayout, Layout, Site};
use wattsplit::units::*;

use super::plant::{Plant, gpu_host};

/// What a board draws that works, and one that has nothing to do.
pub const BUSY: f64 = 700.0;
pub const IDLE: f64 = 70.0;

/// [`Plant`] with two servers of eight GPUs that are rented out by the hour: `a`, which is busy, and
/// `b`, which idles. A server draws 1 kW and 1.1 times its boards.
pub struct Hall {
    pub plant: Plant,
    /// Name, and the watts of its boards.
    pub servers: Vec<(&'static str, Result<Vec<f64>, Missing>)>,
    pub occupied: u32,
    /// How old the number of rented GPUs is.
    pub occupied_age: Duration,
}

impl Hall {
    pub fn new(occupied: u32) -> Self {
        let mut plant = Plant::new();
        let host = |name: &str| GpuHostLayout {
            name: name.into(),
            hosting: "market".into(),
            base: Watts::from_kw(1.0).unwrap(),
            factor: 1.1,
        };
        plant.site = Site::new(Layout { gpu_hosts: ["a", "b"].map(host).into(), ..Layout::default() });
        let hosting = &mut plant.terms.hostings[0];
        hosting.name = "market".into();
        hosting.terms = Terms::Occupied;
        hosting.reserved_gpus = None;
        hosting.occupied_file = Some("market-gpus".into());
        hosting.stoppable = Stoppable::Unsold;
        plant.policy.site.ramp_reserve_kw = Some(0.0);
        let servers = vec![("a", Ok(vec![BUSY; 8])), ("b", Ok(vec![IDLE; 8]))];
        Self { plant, servers, occupied, occupied_age: Duration::ZERO }
    }

    pub fn hosting(&mut self) -> &mut HostingConfig {
        &mut self.plant.terms.hostings[0]
    }

    pub fn cap(&mut self, kw: f64) {
        self.plant.terms.cap = Watts::from_kw(kw);
    }

    pub fn tick(&mut self, secs: u64) -> Advice {
        let hosts = self.servers.iter().map(|(name, watts)| gpu_host(name, "market", watts.clone()));
        let mut samples: Vec<Sample> = hosts.collect();
        samples.push(Sample::Occupancy(OccupancySample {
            hosting: "market".into(),
            interval: Duration::from_secs(10),
            occupied_gpus: Ok(Reading::measured(self.occupied, "occupied_file")),
            observed: Some(wattsplit::clock::UnixMs(
                super::at(secs).wall.0 - i64::try_from(self.occupied_age.as_millis()).unwrap(),
            )),
        }));
        self.plant.gpu_samples = Some(samples);
        self.plant.tick(secs)
    }

    pub fn block(&self, id: &str) -> Option<&Block> {
        self.plant.basis.as_ref().unwrap().problem.blocks.iter().find(|block| block.id == id)
    }
}

/// The move of this block, if there is one.
pub fn of<'a>(advice: &'a Advice, block: &str) -> Option<&'a Move> {
    advice.moves.iter().find(|m| m.block == block)
}

pub fn close(what: &str, got: f64, wanted: f64) {
    assert!((got - wanted).abs() < 1e-6, "{what}: {got}, not {wanted}");
}
