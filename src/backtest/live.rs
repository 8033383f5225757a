//! The advice that the daemon would have given, by the functions that it calls.

use std::time::Duration;

use super::history::Hour;
use crate::advice::{self, Advice, Assumption, Basis, PolicyConfig, renew};
use crate::clock::{Now, UnixMs};
use crate::economics::dispatch::Problem;
use crate::reading::{Missing, Quality, Read, Reading};
use crate::units::UsdPerPhDay;

/// Gives advice hour by hour.
pub(super) struct Live<'a> {
    policy: &'a PolicyConfig,
    /// In order of time; the last one stands.
    given: Vec<Advice>,
}

impl<'a> Live<'a> {
    pub fn new(policy: &'a PolicyConfig) -> Self {
        Self { policy, given: Vec::new() }
    }

    /// Units to run in `hour` where the advice on `problem` is followed at once.
    ///
    /// The daemon would renew the advice within the hour, too; nothing changes in it, and who has
    /// followed the advice is told to hold.
    pub fn advise(&mut self, problem: &Problem, hour: &Hour) -> Vec<u32> {
        let basis = Basis {
            price_until: Some(hour.end()),
            assumptions: assumptions(problem, hour),
            ..Basis::of(problem.clone(), moment(hour))
        };
        let before = self.given.last();
        // Machines are not recorded one by one: no advice names them.
        let advice = renew(&basis, self.policy, &advice::Fleet::default(), before);
        let units = problem.blocks.iter().map(|block| {
            let moved = advice.moves.iter().find(|m| m.block == block.id);
            moved.map_or(block.current, |m| m.to_units)
        });
        let units = units.collect();
        if before.is_none_or(|before| before.id != advice.id) {
            self.given.push(advice);
        }
        units
    }

    pub fn into_advice(self) -> Vec<Advice> {
        self.given
    }
}

/// The beginning of the hour. Recorded time makes no jumps: the monotonic clock counts with it.
fn moment(hour: &Hour) -> Now {
    let secs = hour.start.as_second();
    Now { wall: UnixMs::from_secs(secs), mono: Duration::from_secs(u64::try_from(secs).unwrap_or(0)) }
}

fn assumptions(problem: &Problem, hour: &Hour) -> Vec<Assumption> {
    let price = problem.price_usd_per_mwh.map(|price| Reading::measured(price, "recorded"));
    vec![
        assumption("price", "usd_per_mwh", price.ok_or(Missing::Expired)),
        assumption("hashprice", "usd_per_ph_day", Ok(hour.hashprice.map(UsdPerPhDay::get))),
    ]
}

fn assumption(name: &str, unit: &'static str, read: Read<f64>) -> Assumption {
    let (quality, source) = read.map_or((Quality::Measured, ""), |r| (r.quality, r.source));
    let value = read.map(|r| r.value);
    Assumption {
        name: name.to_owned(),
        unit,
        value,
        quality,
        age: Some(Duration::ZERO),
        source,
        deciding: true,
    }
}
