//! The blocks of the hostings.
//!
//! A hosting that may neither stop nor start anything is one firm block. One that may is two: the GPUs
//! that are sold, under the name of the hosting, and those that run and nobody pays for. [`Rack`] tells
//! them apart.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Now;
use crate::economics::dispatch::Block;
use crate::economics::{
    Class, HostingConfig, PowerPaidBy, SiteTerms, Split, Stoppable, Terms, hosting, occupied,
};
use crate::reading::{Missing, Quality, Read, Reading};
use crate::site::{AiBlock, SiteView};
use crate::units::{UsdPerHour, Watts};

use super::basis::Inputs;
use super::fleet::Fleet;
use super::memory::Memory;
use super::rack::{Lots, Rack};

/// Id of the block of those GPUs of a hosting that run and nobody pays for.
pub fn unsold_id(hosting: &str) -> String {
    format!("{hosting}-unsold")
}

/// The GPUs of a block that may be moved.
#[derive(Debug, Clone, Default)]
pub struct Gpus {
    /// Nobody pays for them.
    pub unsold: bool,
    /// `<host>/<uuid>` of those that run, the first to stop first.
    pub to_stop: Vec<String>,
    /// Of those that are off, as far as they were ever read.
    pub to_start: Vec<String>,
}

/// All hostings, as dispatch sees them.
#[derive(Debug, Default)]
pub(super) struct Hostings {
    pub blocks: Vec<Block>,
    /// By id of the block.
    pub gpus: BTreeMap<String, Gpus>,
    /// Facility power that is no block's.
    pub other_kw: f64,
    /// Blocks that are not read, so that nothing is known of what they could do.
    pub blind: Vec<String>,
    pub unsure: Vec<Unsure>,
}

/// A hosting of which it is not known how much is sold. Its block is firm.
#[derive(Debug)]
pub(super) struct Unsure {
    pub block: String,
    /// What stands in its place where nothing is sold, and where everything is.
    pub ways: [Vec<Block>; 2],
}

impl Hostings {
    pub fn new(
        inputs: &mut Inputs,
        (view, split): (&SiteView, &Split),
        (terms, capped): (&SiteTerms, bool),
        fleet: &Fleet<'_>,
        memory: &Memory,
    ) -> Self {
        let mut all = Self::default();
        let mut hostings: Vec<&HostingConfig> = terms.hostings.iter().collect();
        hostings.sort_by(|a, b| a.name.cmp(&b.name));
        for hosting in hostings {
            let seen = view.ai_blocks.iter().find(|block| block.id == hosting.name);
            let Some(rack) = fleet.rack(&hosting.name).filter(|_| hosting.is_switchable()) else {
                all.blocks.push(firm(inputs, hosting, (seen, split), capped));
                continue;
            };
            let shift = |sold| Shift::new(hosting, rack, sold, (memory, view.at));
            let told = sold(hosting, seen);
            let (least, most) = match told {
                Ok(told) => (told.value, told.value),
                Err(_) => (0, hosting.gpus_installed.unwrap_or(rack.running())),
            };
            match (shift(least), shift(most)) {
                (Some(least), Some(most)) => {
                    least.note(inputs, told, occupancy_age(seen), capped);
                    if told.is_ok() { all.add(least) } else { all.add_unsure(&least, &most) }
                }
                _ => {
                    all.blocks.push(firm(inputs, hosting, (seen, split), capped));
                    all.blind.push(hosting.name.clone());
                }
            }
        }
        all
    }

    fn add_unsure(&mut self, least: &Shift<'_>, most: &Shift<'_>) {
        self.other_kw += least.other_kw;
        self.blocks.push(least.as_it_runs());
        let ways = [least.blocks(), most.blocks()];
        self.unsure.push(Unsure { block: least.hosting.name.clone(), ways });
    }

    fn add(&mut self, shift: Shift<'_>) {
        self.other_kw += shift.other_kw;
        self.blocks.extend(shift.blocks());
        let Lots { sold, unsold, off, .. } = shift.lots;
        let name = &shift.hosting.name;
        self.gpus.insert(name.clone(), Gpus { unsold: false, to_stop: sold.gpus, to_start: off });
        let unsold = Gpus { unsold: true, to_stop: unsold.gpus, to_start: Vec::new() };
        self.gpus.insert(unsold_id(name), unsold);
    }
}

/// GPUs that are paid for: under contract, or rented now.
///
/// # Errors
/// Nobody knows, or what is known is too old to act on.
pub(super) fn sold(hosting: &HostingConfig, seen: Option<&AiBlock>) -> Read<u32> {
    match hosting.terms {
        Terms::Reserved => {
            hosting.reserved_gpus.map(|n| Reading::measured(n, "contract")).ok_or(Missing::NotConfigured)
        }
        Terms::Occupied => match occupied(hosting, seen)? {
            Reading { quality: Quality::Stale, .. } => Err(Missing::Expired),
            told => Ok(told),
        },
        Terms::KwMonth => Err(Missing::Undefined),
    }
}

fn occupancy_age(seen: Option<&AiBlock>) -> Option<Duration> {
    seen.and_then(|block| block.occupied.ok()).map(|told| told.age)
}

/// All GPUs of it run, whatever the price.
fn firm(
    inputs: &mut Inputs,
    hosting: &HostingConfig,
    (seen, split): (Option<&AiBlock>, &Split),
    capped: bool,
) -> Block {
    let units = seen.map_or(0, |block| block.counts.units()).max(1);
    let power = match seen.map_or(Err(Missing::NotConfigured), |block| block.it_power) {
        Ok(total) if total.coverage.get() > 0.0 => {
            // What was not read draws like what was.
            let value = total.value.kw() / total.coverage.get();
            Ok(Reading { value, quality: total.quality, source: "boards and servers" })
        }
        Ok(_) => Err(Missing::NotReported),
        Err(why) => match hosting.contracted_kw {
            Some(kw) => Ok(Reading::estimated(kw, "contracted")),
            None => Err(why),
        },
    };
    let revenue = split.blocks.iter().find(|b| b.class == Class::Ai && b.id == hosting.name);
    let revenue_usd_per_unit_h = match (hosting.terms, revenue.map(|b| b.money.revenue)) {
        (Terms::Occupied, Some(Ok(revenue))) => Ok(revenue.value.get() / f64::from(units)),
        (Terms::Occupied, _) => Err("revenue"),
        // Paid whatever runs: nothing at the margin.
        (Terms::Reserved | Terms::KwMonth, _) => Ok(0.0),
    };
    inputs.push(format!("{}.it_kw", hosting.name), "kw", power, None, capped);
    Block {
        unit_kw: power.ok().map(|p| p.value / f64::from(units)),
        revenue_usd_per_unit_h,
        ..block(hosting, units)
    }
}

/// `units` that run and stay, at no price of their own.
fn block(hosting: &HostingConfig, units: u32) -> Block {
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

/// A hosting whose GPUs may be moved, with what is sold of it.
struct Shift<'a> {
    hosting: &'a HostingConfig,
    lots: Lots,
    sold: u32,
    /// GPUs that are sold and off, and may be started.
    startable: u32,
    /// Of a sold GPU, and how old that is.
    unit: Option<(Reading<Watts>, Option<Duration>)>,
    /// Facility power that is no block's, kW.
    other_kw: f64,
}

impl<'a> Shift<'a> {
    /// `None` if there is no telling what it draws.
    fn new(
        hosting: &'a HostingConfig,
        rack: &Rack<'_>,
        sold: u32,
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
        Some(Self { hosting, lots, sold, startable, unit, other_kw })
    }

    fn running(&self) -> u32 {
        self.lots.sold.units().saturating_add(self.lots.unsold.units())
    }

    /// The sold GPUs, and the unsold ones if there are any.
    fn blocks(&self) -> Vec<Block> {
        let (sold, unsold) = (self.lots.sold.units(), self.lots.unsold.units());
        let sold = Some(self.sold_block(sold)).filter(|block| block.units > 0 || unsold == 0);
        let unsold = (unsold > 0).then(|| Block {
            id: unsold_id(&self.hosting.name),
            min_units: if self.hosting.stoppable == Stoppable::No { unsold } else { 0 },
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
        let price = self.hosting.usd_per_gpu_h.unwrap_or(0.0);
        let earned = hosting::gpu_hours(1.0, price, self.hosting.host_fee).map(UsdPerHour::get);
        Block {
            units,
            min_units: if self.hosting.stoppable == Stoppable::All { 0 } else { running },
            max_units: units,
            unit_kw: self.unit.map(|(unit, _)| unit.value.kw()),
            idle_kw: self.hosting.stopped_kw_per_gpu,
            revenue_usd_per_unit_h: match self.hosting.terms {
                Terms::Occupied => earned.ok_or("revenue"),
                // Take-or-pay: the contract pays, whatever runs.
                Terms::Reserved | Terms::KwMonth => Ok(0.0),
            },
            committed: self.sold,
            stop_penalty_usd_per_unit_h: self.hosting.stop_penalty_usd_per_gpu_h,
            ..block(self.hosting, running)
        }
    }

    /// What runs, as one firm block, where it is not known what of it is sold.
    fn as_it_runs(&self) -> Block {
        let running = self.running();
        let power = self.lots.sold.power + self.lots.unsold.power;
        let unit_kw = if running == 0 { 0.0 } else { power.kw() / f64::from(running) };
        Block { unit_kw: Some(unit_kw), revenue_usd_per_unit_h: Err("sold"), ..block(self.hosting, running) }
    }

    fn note(&self, inputs: &mut Inputs, sold: Read<u32>, age: Option<Duration>, capped: bool) {
        let name = |what: &str| format!("{}.{what}", self.hosting.name);
        let blocks = self.blocks();
        let moves = blocks.iter().any(|block| !block.is_fixed());
        inputs.push(name("sold"), "gpus", sold.map(|n| n.map(f64::from)), age, moves);
        let running = Reading::measured(f64::from(self.running()), "GPUs that answer");
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
