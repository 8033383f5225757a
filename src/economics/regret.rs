//! What the present state of a site earns, against doing nothing and against the best there is.
//!
//! The three margins are those of one dispatch problem at one moment, so their differences depend on
//! the decisions alone and not on machines that are broken: only units that could run count. Switching
//! is free in all three, as in a replay: perfect foresight is a bound that nobody can beat.

use super::dispatch::{Problem, Status, solve};

/// Margins in USD/h: revenue less power, variable cost and penalties.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margins {
    /// Of what runs.
    pub actual: f64,
    /// Of everything that may run and fits under the caps, whatever the price.
    pub always_on: f64,
    /// Of the optimum.
    pub perfect: f64,
}

/// Judges the present state. `None` where an input that can change the answer is missing, where the
/// present state breaks a cap, and where no state keeps the caps: there is nothing fair to compare with.
pub fn margins(problem: &Problem) -> Option<Margins> {
    let mut free = Problem { min_gain_usd: 0.0, uncertainty: None, ..problem.clone() };
    for block in &mut free.blocks {
        (block.start_usd_per_unit, block.stop_usd_per_unit) = (0.0, 0.0);
    }
    let best = solve(&free);
    if !matches!(best.status, Status::Hold | Status::Change) || problem.horizon_h <= 0.0 {
        return None;
    }
    let actual = best.before?.profit_usd_per_h;
    Some(Margins {
        actual,
        always_on: profit_of(&free, &always_on(&free)?)?,
        perfect: actual + best.best_net_gain_usd / problem.horizon_h,
    })
}

/// Units by block: all that may run, or where the caps do not allow that, those that earn most. `None`
/// if no state keeps the caps.
pub fn always_on(problem: &Problem) -> Option<Vec<u32>> {
    let mut unpaid = Problem {
        price_usd_per_mwh: Some(0.0),
        dr_credit_usd_per_mwh: 0.0,
        min_gain_usd: 0.0,
        uncertainty: None,
        ..problem.clone()
    };
    for block in &mut unpaid.blocks {
        (block.start_usd_per_unit, block.stop_usd_per_unit) = (0.0, 0.0);
        // Ties keep the present state: what earns nothing runs all the same.
        block.current = block.max_units.min(block.units);
    }
    let solution = solve(&unpaid);
    let solved = !matches!(solution.status, Status::NoRecommendation | Status::Infeasible);
    solved.then_some(solution.target)
}

fn profit_of(problem: &Problem, units: &[u32]) -> Option<f64> {
    let mut pinned = problem.clone();
    for (block, &units) in pinned.blocks.iter_mut().zip(units) {
        (block.current, block.min_units, block.max_units) = (units, units, units);
    }
    Some(solve(&pinned).before?.profit_usd_per_h)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::economics::Class;
    use crate::economics::dispatch::Block;

    /// Machines of 100 kW that are worth so many USD/MWh.
    fn block(id: &str, usd_per_mwh: f64, units: u32, current: u32) -> Block {
        Block {
            id: id.into(),
            class: Class::Hash,
            units,
            current,
            min_units: 0,
            max_units: units,
            unit_kw: Some(100.0),
            idle_kw: 0.0,
            overhead: 1.0,
            revenue_usd_per_unit_h: Ok(usd_per_mwh * 0.1),
            var_cost_usd_per_unit_h: 0.0,
            committed: 0,
            stop_penalty_usd_per_unit_h: 0.0,
            power_passthrough: false,
            start_usd_per_unit: 5.0,
            stop_usd_per_unit: 5.0,
        }
    }

    fn site(price: f64, cap_kw: Option<f64>, blocks: Vec<Block>) -> Problem {
        Problem {
            price_usd_per_mwh: Some(price),
            dr_credit_usd_per_mwh: 0.0,
            cap_kw,
            cooling_cap_kw: None,
            fixed_overhead_kw: 0.0,
            horizon_h: 0.5,
            min_gain_usd: 1000.0,
            uncertainty: None,
            blocks,
        }
    }

    #[test]
    fn a_machine_that_runs_above_its_break_even_is_the_regret() {
        // 10 machines of 50 USD/MWh at 80: each loses 3 USD/h; 10 of 120 earn 4 each.
        let site = site(80.0, None, vec![block("a", 50.0, 10, 10), block("b", 120.0, 10, 10)]);
        assert_eq!(margins(&site), Some(Margins { actual: 10.0, always_on: 10.0, perfect: 40.0 }));
    }

    #[test]
    fn a_machine_that_stands_still_and_would_earn_is_the_regret_and_doing_nothing_is_better() {
        let site = site(40.0, None, vec![block("a", 50.0, 10, 2)]);
        assert_eq!(margins(&site), Some(Margins { actual: 2.0, always_on: 10.0, perfect: 10.0 }));
    }

    #[test]
    fn always_on_means_as_much_as_the_cap_allows() {
        let site = site(40.0, Some(1000.0), vec![block("a", 50.0, 10, 10), block("b", 90.0, 4, 0)]);
        assert_eq!(always_on(&site), Some(vec![6, 4]));
        assert_eq!(margins(&site), Some(Margins { actual: 10.0, always_on: 26.0, perfect: 26.0 }));
    }

    #[test]
    fn what_earns_nothing_is_on_all_the_same_when_nobody_decides() {
        let site = site(40.0, None, vec![block("idle-gpus", 0.0, 3, 3)]);
        assert_eq!(margins(&site), Some(Margins { actual: -12.0, always_on: -12.0, perfect: 0.0 }));
    }

    #[test]
    fn without_a_price_or_over_the_cap_nothing_is_judged() {
        let blocks = || vec![block("a", 50.0, 10, 10)];
        let unpriced = Problem { price_usd_per_mwh: None, ..site(0.0, None, blocks()) };
        assert_eq!(margins(&unpriced), None);
        assert_eq!(margins(&site(40.0, Some(500.0), blocks())), None);
    }
}
