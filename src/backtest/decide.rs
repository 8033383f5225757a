//! Which units run in an hour, by the rule of a policy.

use std::collections::BTreeMap;

use super::fleet::Fleet;
use super::history::Hour;
use super::live::Live;
use super::policy::Rule;
use super::replay::ReplayError;
use crate::advice::{Advice, PolicyConfig};
use crate::economics::dispatch::{Block, Problem, Status, solve};
use crate::units::UsdPerMwh;

/// A site on its way through the hours.
pub(super) struct State<'a> {
    fleet: &'a Fleet,
    /// As the live code states it.
    problem: Problem,
    /// Running units, in the order of the problem's blocks.
    pub present: Vec<u32>,
    /// Blocks that the band lets run, room or not.
    wanted: Vec<bool>,
    /// Answers of [`State::fill`] by `wanted`. Those hold for all hours: the hashprice scales the
    /// revenue of all miners alike. Where GPUs can give way to miners, none is kept.
    filled: BTreeMap<Vec<bool>, Vec<u32>>,
    contested: bool,
    live: Live<'a>,
}

impl<'a> State<'a> {
    pub fn new(fleet: &'a Fleet, policy: &'a PolicyConfig) -> Self {
        let problem = fleet.problem(policy);
        let blocks = problem.blocks.len();
        Self {
            fleet,
            problem,
            present: vec![0; blocks],
            wanted: vec![true; blocks],
            filled: BTreeMap::new(),
            contested: fleet.is_contested(),
            live: Live::new(fleet, policy),
        }
    }

    /// What each block earns in this hour.
    pub fn price(&mut self, hour: &Hour) {
        for (block, revenue) in self.problem.blocks.iter_mut().zip(self.fleet.unit_revenues(hour)) {
            block.revenue_usd_per_unit_h = revenue;
        }
    }

    /// Units to run, from the present ones. Without a price they stay.
    pub fn decide(
        &mut self,
        rule: Rule,
        known: Option<UsdPerMwh>,
        hour: &Hour,
    ) -> Result<Vec<u32>, ReplayError> {
        for (block, units) in self.problem.blocks.iter_mut().zip(&self.present) {
            block.current = *units;
        }
        self.problem.price_usd_per_mwh = known.map(UsdPerMwh::get);
        match rule {
            Rule::AlwaysOn => self.fill(),
            Rule::Dispatch => Ok(solve(&unhindered(&self.problem)).target),
            Rule::Band { stop_above, start_below } => {
                let Some(price) = known else { return Ok(self.present.clone()) };
                for (block, wanted) in self.problem.blocks.iter().zip(&mut self.wanted) {
                    let Some(value) = block.marginal_value_usd_per_mwh() else { continue };
                    let limit = value * if *wanted { stop_above } else { start_below };
                    *wanted = price.get() < limit || *wanted && price.get() == limit;
                }
                self.fill()
            }
            Rule::Advice => Ok(self.live.advise(&self.problem, hour)),
        }
    }

    /// The most revenue that the caps allow with the blocks that are wanted: what dispatch runs
    /// where power is free and nothing runs yet.
    pub fn fill(&mut self) -> Result<Vec<u32>, ReplayError> {
        if let Some(units) = self.filled.get(&self.wanted) {
            return Ok(units.clone());
        }
        let mut problem = unhindered(&self.problem);
        problem.price_usd_per_mwh = Some(0.0);
        for (block, wanted) in problem.blocks.iter_mut().zip(&self.wanted) {
            block.current = 0;
            if !wanted {
                block.max_units = block.min_units;
            }
        }
        let solution = solve(&problem);
        if matches!(solution.status, Status::Infeasible | Status::Mandatory) {
            return Err(no_room(&problem));
        }
        if !self.contested {
            self.filled.insert(self.wanted.clone(), solution.target.clone());
        }
        Ok(solution.target)
    }

    /// What was advised on the way.
    pub fn into_advice(self) -> Vec<Advice> {
        self.live.into_advice()
    }
}

/// Which limit is broken by the load that must run.
fn no_room(problem: &Problem) -> ReplayError {
    let it_kw = |b: &Block| {
        let stopped = b.units.saturating_sub(b.min_units);
        f64::from(b.min_units) * b.unit_kw.unwrap_or(0.0) + f64::from(stopped) * b.idle_kw
    };
    let site_kw =
        problem.blocks.iter().map(|b| b.overhead * it_kw(b)).sum::<f64>() + problem.fixed_overhead_kw;
    match (problem.cap_kw, problem.cooling_cap_kw) {
        (Some(cap_kw), _) if site_kw > cap_kw => ReplayError::NoRoom { must_kw: site_kw, cap_kw },
        (_, cooling) => ReplayError::NoCooling {
            must_kw: problem.blocks.iter().map(it_kw).sum(),
            cap_kw: cooling.unwrap_or(0.0),
        },
    }
}

/// The same choice where switching costs nothing and every gain is taken.
fn unhindered(problem: &Problem) -> Problem {
    let mut problem = Problem { horizon_h: 1.0, min_gain_usd: 0.0, uncertainty: None, ..problem.clone() };
    for block in &mut problem.blocks {
        (block.start_usd_per_unit, block.stop_usd_per_unit) = (0.0, 0.0);
    }
    problem
}
