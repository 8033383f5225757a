//! The machines of each block: what one of them draws and hashes, and which are worst; and the GPUs of
//! each hosting.

use std::collections::BTreeMap;

use crate::reading::{Algorithm, AsicState, Missing, Nameplate, Quality, Read, Reading};
use crate::site::{AsicView, GpuHostView, Tally, UnitState};
use crate::units::{Hashrate, Watts};

use super::rack::Rack;

/// All blocks of miners, and all hostings.
#[derive(Debug, Default)]
pub struct Fleet<'a> {
    crews: BTreeMap<&'a str, Crew<'a>>,
    racks: BTreeMap<&'a str, Rack<'a>>,
}

/// The machines of one block.
#[derive(Debug, Default)]
pub struct Crew<'a> {
    /// In order of address.
    pub hashing: Vec<Machine<'a>>,
    /// In order of address.
    pub idle: Vec<Machine<'a>>,
    power: Tally,
    hashrate: Tally,
    idle_power: Tally,
    /// Of its model.
    nameplate: Option<&'static Nameplate>,
    /// Drawn by machines that are in trouble or work for another coin: what they say.
    pub other_watts: f64,
    /// Machines that may draw power which nobody reads.
    pub unread_units: u32,
}

#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    /// Address.
    pub id: &'a str,
    pub j_per_th: Option<f64>,
}

impl<'a> Fleet<'a> {
    /// One pass over all machines: miners, each with the id of its block, and hosts of GPUs.
    pub fn survey(
        units: impl Iterator<Item = (&'a str, AsicView<'a>)>,
        gpu_hosts: impl Iterator<Item = GpuHostView<'a>>,
    ) -> Self {
        let mut fleet = Self::default();
        for (block, unit) in units {
            fleet.crews.entry(block).or_default().add(&unit);
        }
        for host in gpu_hosts {
            fleet.racks.entry(host.hosting).or_default().add(&host);
        }
        fleet
    }

    pub fn crew(&self, block: &str) -> Option<&Crew<'a>> {
        self.crews.get(block)
    }

    /// `None`: the hosting has no hosts.
    pub fn rack(&self, hosting: &str) -> Option<&Rack<'a>> {
        self.racks.get(hosting)
    }
}

impl<'a> Crew<'a> {
    fn add(&mut self, unit: &AsicView<'a>) {
        let Some(report) = unit.report else {
            self.unread_units = self.unread_units.saturating_add(1);
            return;
        };
        self.nameplate = self.nameplate.or(unit.nameplate);
        let best = if unit.stale { Quality::Stale } else { Quality::Measured };
        let power = report.power.map(|power| power.at_best(best));
        let measured = report.efficiency().ok().map(|efficiency| efficiency.value.get());
        let machine = Machine {
            id: unit.id,
            j_per_th: measured.or(unit.nameplate.map(|nameplate| nameplate.efficiency.get())),
        };
        // What a machine earns with another coin is not known: it draws, and is not judged.
        let ours = report.algorithm == Algorithm::Sha256;
        match unit.state {
            UnitState::Asic(AsicState::Hashing) if ours => {
                self.power.read(power, Watts::get);
                self.hashrate.read(report.hashrate_now.map(|h| h.at_best(best)), Hashrate::ths);
                self.hashing.push(machine);
            }
            UnitState::Asic(AsicState::Idle) if ours => {
                self.idle_power.read(power, Watts::get);
                self.idle.push(machine);
            }
            _ => match report.power {
                Ok(power) => self.other_watts += power.value.get(),
                Err(_) => self.unread_units = self.unread_units.saturating_add(1),
            },
        }
    }

    /// Mean power of a machine that hashes.
    ///
    /// # Errors
    /// None hashes, or none of them tells.
    pub fn unit_power(&self) -> Read<Watts> {
        mean(&self.power, Watts::new)
    }

    /// Mean hashrate of a machine that hashes.
    ///
    /// # Errors
    /// As [`Crew::unit_power`].
    pub fn unit_hashrate(&self) -> Read<Hashrate> {
        mean(&self.hashrate, Hashrate::new)
    }

    /// Power and hashrate of a machine that hashes, by the maker's word.
    pub fn by_nameplate(&self) -> Option<(Reading<Watts>, Reading<Hashrate>)> {
        let Nameplate { power, hashrate, .. } = *self.nameplate?;
        let source = "nameplate: none has run yet";
        Some((Reading::estimated(power, source), Reading::estimated(hashrate, source)))
    }

    /// Mean power of a machine that idles.
    ///
    /// # Errors
    /// None idles, or none of them tells.
    pub fn idle_power(&self) -> Read<Watts> {
        mean(&self.idle_power, Watts::new)
    }

    /// The `n` machines to stop: those that draw most for what they hash. One that does not tell comes
    /// last; among equals the order of addresses decides.
    pub fn worst(&self, n: usize) -> Vec<&'a str> {
        let mut order: Vec<&Machine<'a>> = self.hashing.iter().collect();
        order.sort_by(|a, b| {
            let rank = |m: &Machine<'_>| m.j_per_th.unwrap_or(f64::NEG_INFINITY);
            rank(b).total_cmp(&rank(a))
        });
        order.into_iter().take(n).map(|m| m.id).collect()
    }

    /// The `n` machines to start: the best that idle, by what the maker says.
    pub fn best_idle(&self, n: usize) -> Vec<&'a str> {
        let mut order: Vec<&Machine<'a>> = self.idle.iter().collect();
        order.sort_by(|a, b| {
            let rank = |m: &Machine<'_>| m.j_per_th.unwrap_or(f64::INFINITY);
            rank(a).total_cmp(&rank(b))
        });
        order.into_iter().take(n).map(|m| m.id).collect()
    }
}

fn mean<T>(tally: &Tally, new: impl FnOnce(f64) -> Option<T>) -> Read<T> {
    let total =
        tally.mean(new).map_err(|why| if why == Missing::NotReported { Missing::NotYet } else { why })?;
    Ok(Reading { value: total.value, quality: total.quality, source: "mean of the units" })
}
