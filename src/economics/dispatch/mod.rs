//! Economic dispatch of one interval: how many units of each block should run.
//!
//! Firm blocks, integer units, site and cooling caps, start and stop cost, soft commitments,
//! demand-response credit, and a test against the stated uncertainty. The answer holds the present
//! state unless a change is better, allowed, and robust.
//!
//! The search itself ([`search`]) works on integers: nano-dollars and milliwatts. Sums are exact
//! there, so that the answer depends neither on the order of the blocks nor on the processor.

use super::Class;

mod account;
mod interval;
mod search;

pub use account::Account;

/// One interval of one site.
#[derive(Debug, Clone)]
pub struct Problem {
    /// All-in price of energy in USD/MWh; `None` if it is missing or too old to act on.
    pub price_usd_per_mwh: Option<f64>,
    /// Paid for being off, in USD/MWh; counts against every MWh that a block draws.
    pub dr_credit_usd_per_mwh: f64,
    /// Most facility power.
    pub cap_kw: Option<f64>,
    /// Most IT power that can be cooled.
    pub cooling_cap_kw: Option<f64>,
    pub fixed_overhead_kw: f64,
    /// How long the new state is expected to stay, in hours: one-off costs are weighed against it.
    pub horizon_h: f64,
    /// Gain over the horizon below which the present state is kept.
    pub min_gain_usd: f64,
    pub uncertainty: Option<Uncertainty>,
    pub blocks: Vec<Block>,
}

/// How far the inputs may be off, as fractions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Uncertainty {
    pub price_rel: f64,
    pub hash_revenue_rel: f64,
    pub ai_revenue_rel: f64,
}

/// What is moved, in whole units.
#[derive(Debug, Clone)]
pub struct Block {
    pub id: String,
    pub class: Class,
    /// Installed and healthy.
    pub units: u32,
    /// Running now.
    pub current: u32,
    /// Firm: never fewer than these.
    pub min_units: u32,
    /// Sold or allowed: never more than these.
    pub max_units: u32,
    /// IT power of a running unit; `None` if it is not known.
    pub unit_kw: Option<f64>,
    /// IT power of a stopped unit.
    pub idle_kw: f64,
    /// Facility kW per IT kW at the margin.
    pub overhead: f64,
    /// Of a running unit, in USD/h, or the name of the input that it lacks.
    pub revenue_usd_per_unit_h: Result<f64, &'static str>,
    pub var_cost_usd_per_unit_h: f64,
    /// Units that are promised; each one short costs the penalty.
    pub committed: u32,
    pub stop_penalty_usd_per_unit_h: f64,
    /// The tenant pays for the energy.
    pub power_passthrough: bool,
    pub start_usd_per_unit: f64,
    pub stop_usd_per_unit: f64,
}

impl Block {
    /// Nothing but the present state is allowed.
    pub fn is_fixed(&self) -> bool {
        self.min_units == self.max_units.min(self.units) && self.current == self.min_units
    }

    /// Facility power as it runs now, kW; `None` without the power of a unit that runs.
    pub fn present_facility_kw(&self) -> Option<f64> {
        let running = match (self.current, self.unit_kw) {
            (0, _) => 0.0,
            (units, unit_kw) => f64::from(units) * unit_kw?,
        };
        let stopped = f64::from(self.units.saturating_sub(self.current)) * self.idle_kw;
        Some(self.overhead * (running + stopped))
    }

    /// Marginal value in USD per facility MWh: the price of power at which one more unit earns
    /// nothing. `None` without its power, or where running draws no more than standing by.
    /// An unknown revenue counts as none: only a block that cannot move is ranked without one.
    pub fn marginal_value_usd_per_mwh(&self) -> Option<f64> {
        let kw = self.overhead * (self.unit_kw? - self.idle_kw);
        let net = self.revenue_usd_per_unit_h.map_or(0.0, |r| r - self.var_cost_usd_per_unit_h);
        (kw > 0.0).then(|| 1000.0 * net / kw)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Hold,
    Change,
    /// The present state breaks a cap.
    Mandatory,
    /// An input that can change the answer is missing.
    NoRecommendation,
    /// Firm blocks alone break a cap.
    Infeasible,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Hold => "hold",
            Status::Change => "change",
            Status::Mandatory => "mandatory",
            Status::NoRecommendation => "no_recommendation",
            Status::Infeasible => "infeasible",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldReason {
    BelowMinGain,
    NotRobust,
}

impl HoldReason {
    pub fn as_str(self) -> &'static str {
        match self {
            HoldReason::BelowMinGain => "below_min_gain",
            HoldReason::NotRobust => "not_robust",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Cap,
    Cooling,
}

impl Limit {
    pub fn as_str(self) -> &'static str {
        match self {
            Limit::Cap => "cap_kw",
            Limit::Cooling => "cooling_cap_kw",
        }
    }
}

/// The answer, blocks in the order of [`Problem::blocks`].
#[derive(Debug, Clone)]
pub struct Solution {
    pub status: Status,
    pub hold_reason: Option<HoldReason>,
    /// Names of the inputs that are missing and can change the answer.
    pub missing: Vec<String>,
    /// Advised units; the present ones where the answer is to hold.
    pub target: Vec<u32>,
    pub before: Option<Account>,
    pub after: Option<Account>,
    /// Of the advised move: starts and stops.
    pub one_off_usd: f64,
    /// Of the advised move, over the horizon.
    pub net_gain_usd: f64,
    /// Of the optimum, even where it is held back.
    pub best_net_gain_usd: f64,
    /// Worst and best over the corners of the uncertainty, of the optimum.
    pub net_gain_range_usd: Option<(f64, f64)>,
    /// Caps that keep the optimum from being better.
    pub binding: Vec<Limit>,
    /// Whether the search ruled out every other choice. Where many units of different power are
    /// worth the same per MWh, or nearly so, there can be more choices than it looks at.
    pub proven: bool,
    /// How much better than the optimum another choice may be: 0 with a proof.
    pub gap_usd: f64,
}

/// Solves one interval.
pub fn solve(problem: &Problem) -> Solution {
    let missing = interval::missing_inputs(problem);
    let present: Vec<u32> = problem.blocks.iter().map(|b| b.current).collect();
    let nothing = |status, missing| Solution {
        status,
        hold_reason: None,
        missing,
        target: present.clone(),
        before: None,
        after: None,
        one_off_usd: 0.0,
        net_gain_usd: 0.0,
        best_net_gain_usd: 0.0,
        net_gain_range_usd: None,
        binding: Vec::new(),
        proven: true,
        gap_usd: 0.0,
    };
    let (true, Some(price)) = (missing.is_empty(), problem.price_usd_per_mwh) else {
        return nothing(Status::NoRecommendation, missing);
    };
    let case = interval::Interval::new(problem, price);
    let knapsack = case.knapsack();
    let Some(best) = search::best(&knapsack) else {
        return Solution { before: Some(case.account(&present)), ..nothing(Status::Infeasible, missing) };
    };

    let best_net = case.net_gain(&present, &best.units);
    let range = problem.uncertainty.map(|u| case.net_gain_range(&present, &best.units, u));
    let moves = best.units != present;
    let worst = range.map_or(best_net, |(worst, _)| worst);
    let (status, hold_reason) = if !knapsack.fits(&present) {
        (Status::Mandatory, None)
    } else if !moves || best_net <= 0.0 {
        (Status::Hold, None)
    } else if best_net < problem.min_gain_usd {
        (Status::Hold, Some(HoldReason::BelowMinGain))
    } else if worst <= 0.0 {
        (Status::Hold, Some(HoldReason::NotRobust))
    } else {
        (Status::Change, None)
    };
    let target = if status == Status::Hold { present.clone() } else { best.units.clone() };
    Solution {
        status,
        hold_reason,
        missing,
        before: Some(case.account(&present)),
        after: Some(case.account(&target)),
        one_off_usd: case.one_off(&present, &target),
        net_gain_usd: case.net_gain(&present, &target),
        best_net_gain_usd: best_net,
        net_gain_range_usd: range.filter(|_| moves),
        binding: binding(&best),
        proven: best.proven,
        gap_usd: best.gap as f64 / 1e9,
        target,
    }
}

/// A cap binds if the optimum would be better without it.
fn binding(best: &search::Found) -> Vec<Limit> {
    let limits = [Limit::Cap, Limit::Cooling].into_iter().zip(best.binding);
    limits.filter_map(|(limit, binds)| binds.then_some(limit)).collect()
}

/// Blocks by falling marginal value, ties by id.
pub fn merit_order(blocks: &[Block]) -> Vec<&str> {
    let mut ranked: Vec<(f64, &str)> = blocks
        .iter()
        .map(|b| (b.marginal_value_usd_per_mwh().unwrap_or(f64::NEG_INFINITY), b.id.as_str()))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    ranked.into_iter().map(|(_, id)| id).collect()
}
