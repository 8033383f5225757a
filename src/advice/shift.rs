//! The blocks of one hosting whose GPUs may be moved.

use std::time::Duration;

use crate::clock::Now;
use crate::economics::dispatch::Block;
use crate::economics::{Class, HostingConfig, PowerPaidBy, Stoppable, Terms, hosting};
use crate::reading::{Missing, Quality, Read, Reading};
use crate::units::{UsdPerHour, Watts};

use super::basis::Inputs;
use super::memory::Memory;
use super::rack::{Lots, Rack};

/// Id of the block of those GPUs of a hosting that run and nobody pays for.
pub fn unsold_id(hosting: &str) -> String {
    format!("{hosting}-unsold")
}

/// A hosting whose GPUs may be moved, with what is sold of it.
pub(super) struct Shift<'a> {
    pub hosting: &'a HostingConfig,
    pub lots: Lots,
    sold: u32,
    /// Price of a GPU-hour, USD.
    price: Read<f64>,
    /// GPUs that are sold and off, and may be started.
    startable: u32,
    /// Of a sold GPU, and how old that is.
    unit: Option<(Reading<Watts>, Option<Duration>)>,
    /// Facility power that is no block's, kW.
    pub other_kw: f64,
}

impl<'a> Shift<'a> {
    /// `None` if there is no telling what it draws.
    pub fn new(
        hosting: &'a HostingConfig,
        rack: &Rack<'_>,
        (sold, price): (u32, Read<f64>),
        (memory, now): (&Memory, Now),
    ) -> Option<Self> {
        let lots = rack.lots(sold)?;
        let running = lots.sold.units().saturating_add(lots.unsold.units());
        if running == 0 && sold > 0 && hosting.gpus_installed.is_none() {
            return None;
        }
        let seen_off = u32::try_from(lots.off.len()).unwrap_or(u32::MAX);
        let installed = hosting.gpus_installed.unwrap_or(running);
        let off = installed.saturating_sub(running).saturating_sub(lots.unread);
        let short = sold.saturating_sub(running);
        let startable = short.min(off);
        // Sold GPUs of a host that is down: where nobody says how many there are, they may well run.
        let presumed = short.saturating_sub(startable).min(seen_off);
        let unit = match lots.sold.unit_power() {
            Some(unit) => Some((unit, None)),
            None => memory.gpu(&hosting.name, now).map(|(unit, age)| (unit, Some(age))),
        };
        let stopped = off.max(seen_off).saturating_sub(startable).saturating_sub(presumed);
        let it_kw = lots.other.kw()
            + f64::from(presumed) * unit.map_or(0.0, |(unit, _)| unit.value.kw())
            + f64::from(stopped) * hosting.stopped_kw_per_gpu;
        let other_kw = it_kw * hosting.overhead;
        Some(Self { hosting, lots, sold, price, startable, unit, other_kw })
    }

    fn running(&self) -> u32 {
        self.lots.sold.units().saturating_add(self.lots.unsold.units())
    }

    /// The sold GPUs, and the unsold ones if there are any.
    pub fn blocks(&self) -> Vec<Block> {
        let (sold, unsold) = (self.lots.sold.units(), self.lots.unsold.units());
        let sold = Some(self.sold_block(sold)).filter(|block| block.units > 0 || unsold == 0);
        let unsold = (unsold > 0).then(|| Block {
            id: unsold_id(&self.hosting.name),
            min_units: if self.hosting.stoppable == Stoppable::No { unsold } else { self.kept(unsold) },
            unit_kw: self.lots.unsold.unit_power().map(|unit| unit.value.kw()),
            idle_kw: self.hosting.stopped_kw_per_gpu,
            // There is no tenant who could pay for it.
            power_passthrough: false,
            ..block(self.hosting, unsold)
        });
        sold.into_iter().chain(unsold).collect()
    }

    fn sold_block(&self, running: u32) -> Block {
        let units = running.saturating_add(self.startable);
        if units == 0 {
            return block(self.hosting, 0);
        }
        // A price that is stale decides nothing.
        let price = self.price.ok().filter(|price| price.quality < Quality::Stale);
        let earned = price.and_then(|price| hosting::gpu_hours(1.0, price.value, self.hosting.host_fee));
        let earned = earned.map(UsdPerHour::get);
        Block {
            units,
            min_units: if self.hosting.stoppable == Stoppable::All { 0 } else { running },
            max_units: units,
            unit_kw: self.unit.map(|(unit, _)| unit.value.kw()),
            idle_kw: self.hosting.stopped_kw_per_gpu,
            revenue_usd_per_unit_h: match self.hosting.terms {
                Terms::Occupied => earned.ok_or("revenue"),
                // Take-or-pay: the contract pays, whatever runs.
                Terms::Reserved | Terms::KwMonth | Terms::Platform => Ok(0.0),
            },
            committed: self.hosting.committed_gpus.map_or(self.sold, |committed| committed.min(self.sold)),
            stop_penalty_usd_per_unit_h: self.hosting.stop_penalty_usd_per_gpu_h,
            ..block(self.hosting, running)
        }
    }

    /// Of the unsold GPUs, those that the commitment asks for beyond the ones that are sold.
    fn kept(&self, unsold: u32) -> u32 {
        self.hosting.committed_gpus.map_or(0, |committed| committed.saturating_sub(self.sold)).min(unsold)
    }

    /// What runs, as one firm block, where it is not known what of it is sold.
    pub fn as_it_runs(&self) -> Block {
        let running = self.running();
        let power = self.lots.sold.power + self.lots.unsold.power;
        let unit_kw = if running == 0 { 0.0 } else { power.kw() / f64::from(running) };
        Block { unit_kw: Some(unit_kw), revenue_usd_per_unit_h: Err("sold"), ..block(self.hosting, running) }
    }

    pub fn note(&self, inputs: &mut Inputs, sold: Read<u32>, age: Option<Duration>, capped: bool) {
        let name = |what: &str| format!("{}.{what}", self.hosting.name);
        let blocks = self.blocks();
        let moves = blocks.iter().any(|block| !block.is_fixed());
        inputs.push(name("sold"), "gpus", sold.map(|n| n.map(f64::from)), age, moves);
        if self.hosting.price.is_some() {
            inputs.push(name("price"), "usd_per_gpu_h", self.price, None, moves);
        }
        let running = Reading::measured(f64::from(self.running()), "GPUs that tell their power");
        inputs.push(name("running"), "gpus", Ok(running), None, moves);
        if self.running() > 0 && sold.is_err() {
            let power = (self.lots.sold.power + self.lots.unsold.power).kw();
            inputs.push(
                name("it_kw"),
                "kw",
                Ok(Reading::estimated(power, "boards and servers")),
                None,
                capped,
            );
            return;
        }
        for block in blocks.iter().filter(|block| block.units > 0) {
            let sold = block.id == self.hosting.name;
            let (unit, age) = match sold {
                true => (self.unit.map(|(unit, _)| unit), self.unit.and_then(|(_, age)| age)),
                false => (self.lots.unsold.unit_power(), None),
            };
            let read = unit.map(|unit| unit.map(Watts::kw)).ok_or(Missing::NotYet);
            inputs.push(format!("{}.unit_kw", block.id), "kw", read, age, capped || !block.is_fixed());
        }
        let off = self.startable.max(u32::try_from(self.lots.off.len()).unwrap_or(u32::MAX));
        if off > 0 {
            let off = Reading::estimated(f64::from(off), "hosts that are down: taken as switched off");
            inputs.push(name("off"), "gpus", Ok(off), None, self.startable > 0);
        }
    }
}

/// `units` that run and stay, at no price of their own.
pub(super) fn block(hosting: &HostingConfig, units: u32) -> Block {
    Block {
        id: hosting.name.clone(),
        class: Class::Ai,
        units,
        current: units,
        min_units: units,
        max_units: units,
        unit_kw: Some(0.0),
        idle_kw: 0.0,
        overhead: hosting.overhead,
        revenue_usd_per_unit_h: Ok(0.0),
        var_cost_usd_per_unit_h: 0.0,
        committed: 0,
        stop_penalty_usd_per_unit_h: 0.0,
        power_passthrough: hosting.power_paid_by == PowerPaidBy::Tenant,
        start_usd_per_unit: hosting.start_usd_per_gpu,
        stop_usd_per_unit: hosting.stop_usd_per_gpu,
    }
}
