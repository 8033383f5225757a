//! The replay itself.

use super::fleet::{Fleet, HashBlock};
use super::history::{HOUR_SECS, Hour};
use super::policy::{Hurdle, Known, Policy, Rule};
use crate::economics::dispatch::{Problem, Status, solve};
use crate::economics::value::power_cost;
use crate::units::{Usd, UsdPerMwh, Watts};

#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum ReplayError {
    #[error("the load besides hashing, {base_kw} kW, is over the cap of {cap_kw} kW")]
    NoRoom { base_kw: f64, cap_kw: f64 },
    #[error("the figures of {start} are out of range")]
    OutOfRange { start: jiff::Timestamp },
}

/// A policy with all that it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub policy: Policy,
    /// One for each hour of the history.
    pub steps: Vec<Step>,
    /// Blocks that changed their units, summed over the hours. The replay begins with everything
    /// running that the cap allows.
    pub switches: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Running units, in the order of the fleet's blocks.
    pub units: Vec<u32>,
    /// Facility power of the hashing.
    pub power: Watts,
    pub revenue: Usd,
    /// At the price that was paid.
    pub cost: Usd,
}

/// Plays `policy` through all hours.
///
/// # Errors
/// If there is no room under the cap, and on money that is no finite number.
pub fn replay(hours: &[Hour], fleet: &Fleet, policy: Policy) -> Result<Run, ReplayError> {
    let mut state = State::new(fleet, policy);
    let mut run = Run { policy, steps: Vec::with_capacity(hours.len()), switches: 0 };
    let mut before: Option<&Hour> = None;
    for hour in hours {
        let known = match policy.known {
            Known::Hour => Some(hour.price),
            Known::DayAhead => hour.day_ahead,
            Known::HourBefore => before
                .filter(|before| hour.start.as_second() - before.start.as_second() == HOUR_SECS)
                .map(|before| before.price),
        };
        state.price(hour, fleet);
        if before.is_none() {
            state.present = state.fill(fleet)?;
        }
        let units = state.decide(policy.rule, known, fleet)?;
        let changed = units.iter().zip(&state.present).filter(|(new, old)| new != old).count();
        run.switches += u32::try_from(changed).unwrap_or(u32::MAX);
        let step = account(&units, hour, fleet).ok_or(ReplayError::OutOfRange { start: hour.start })?;
        state.present = units;
        run.steps.push(step);
        before = Some(hour);
    }
    Ok(run)
}

struct State {
    problem: Problem,
    present: Vec<u32>,
    /// Blocks that the band lets run, room or not.
    wanted: Vec<bool>,
    /// The last answer of [`State::fill`], and to which `wanted`.
    filled: Option<(Vec<bool>, Vec<u32>)>,
}

impl State {
    fn new(fleet: &Fleet, policy: Policy) -> Self {
        let hurdle = match policy.rule {
            Rule::Dispatch(hurdle) => hurdle,
            Rule::AlwaysOn | Rule::Band { .. } => Hurdle::default(),
        };
        Self {
            problem: fleet.problem(hurdle.min_gain_usd_per_h, hurdle.uncertainty()),
            present: vec![0; fleet.blocks.len()],
            wanted: vec![true; fleet.blocks.len()],
            filled: None,
        }
    }

    fn price(&mut self, hour: &Hour, fleet: &Fleet) {
        for (block, kind) in self.problem.blocks.iter_mut().zip(&fleet.blocks) {
            block.revenue_usd_per_unit_h = kind.revenue(hour.hashprice);
        }
    }

    fn decide(
        &mut self,
        rule: Rule,
        known: Option<UsdPerMwh>,
        fleet: &Fleet,
    ) -> Result<Vec<u32>, ReplayError> {
        match rule {
            Rule::AlwaysOn => self.fill(fleet),
            Rule::Dispatch(_) => {
                for (block, units) in self.problem.blocks.iter_mut().zip(&self.present) {
                    block.current = *units;
                }
                // Without a price the answer is to hold.
                self.problem.price_usd_per_mwh = known.map(UsdPerMwh::get);
                Ok(solve(&self.problem).target)
            }
            Rule::Band { stop_above, start_below } => {
                let Some(price) = known else { return Ok(self.present.clone()) };
                for (block, wanted) in self.problem.blocks.iter().zip(&mut self.wanted) {
                    let Some(value) = block.marginal_value_usd_per_mwh() else { continue };
                    let limit = value * if *wanted { stop_above } else { start_below };
                    *wanted = price.get() < limit || *wanted && price.get() == limit;
                }
                self.fill(fleet)
            }
        }
    }

    /// The most revenue that the cap allows with the blocks that are wanted: what dispatch runs
    /// where power is free and nothing runs yet. The hashprice scales the revenue of every block
    /// alike, so that the answer to the same `wanted` stays the same.
    fn fill(&mut self, fleet: &Fleet) -> Result<Vec<u32>, ReplayError> {
        if let Some((_, units)) = self.filled.as_ref().filter(|(wanted, _)| *wanted == self.wanted) {
            return Ok(units.clone());
        }
        let mut problem = self.problem.clone();
        problem.price_usd_per_mwh = Some(0.0);
        problem.uncertainty = None;
        problem.min_gain_usd = 0.0;
        for (block, wanted) in problem.blocks.iter_mut().zip(&self.wanted) {
            block.current = 0;
            block.max_units = if *wanted { block.units } else { 0 };
        }
        let solution = solve(&problem);
        if let (Some(cap), Status::Infeasible | Status::Mandatory) = (fleet.cap, solution.status) {
            return Err(ReplayError::NoRoom { base_kw: fleet.base_load.kw(), cap_kw: cap.kw() });
        }
        self.filled = Some((self.wanted.clone(), solution.target.clone()));
        Ok(solution.target)
    }
}

fn account(units: &[u32], hour: &Hour, fleet: &Fleet) -> Option<Step> {
    let (mut revenue, mut power) = (0.0, Watts::ZERO);
    for (block, units) in fleet.blocks.iter().zip(units) {
        revenue += block.revenue(hour.hashprice).ok()? * f64::from(*units);
        power = power + facility_power(block, *units);
    }
    // An hour: dollars per hour are dollars.
    let cost = Usd::new(power_cost(power, hour.price)?.get())?;
    Some(Step { units: units.to_vec(), power, revenue: Usd::new(revenue)?, cost })
}

fn facility_power(block: &HashBlock, units: u32) -> Watts {
    block.unit_power * (f64::from(units) * block.overhead)
}
