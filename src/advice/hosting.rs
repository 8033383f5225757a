//! The blocks of the hostings.
//!
//! A hosting that may neither stop nor start anything is one firm block. One that may is two: the GPUs
//! that are sold, under the name of the hosting, and those that run and nobody pays for. [`super::rack`]
//! tells them apart.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::economics::dispatch::Block;
use crate::economics::{Class, HostingConfig, SiteTerms, Split, Terms, gpu_price, occupied};
use crate::reading::{Missing, Quality, Read, Reading};
use crate::site::{AiBlock, SiteView};

use super::basis::Inputs;
use super::fleet::Fleet;
use super::memory::Memory;
use super::rack::Lots;
use super::shift::{Shift, block, unsold_id};

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
            let price = gpu_price(hosting, view);
            let shift = |sold| Shift::new(hosting, rack, (sold, price), (memory, view.at));
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
        Terms::KwMonth | Terms::Platform => Err(Missing::Undefined),
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
        (Terms::Occupied | Terms::Platform, Some(Ok(revenue))) => Ok(revenue.value.get() / f64::from(units)),
        (Terms::Occupied | Terms::Platform, _) => Err("revenue"),
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
