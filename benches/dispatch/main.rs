//! Prints how long the optimisers take. `cargo bench --bench dispatch`
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use families::{FAMILIES, real_horizon};
use random::{Random, horizon, legal, site};
use wattsplit::economics::commitment::{Horizon, plan};
use wattsplit::economics::dispatch::{Problem, solve};

mod families;
#[path = "../../tests/it/dispatch/random.rs"]
mod random;

/// One run: how long, and what is left open, as a fraction of the profit, where it is not proven.
struct Run {
    took: Duration,
    open: Option<f64>,
}

impl Run {
    fn dispatch(problem: &Problem) -> Self {
        let start = Instant::now();
        let solution = solve(problem);
        let took = start.elapsed();
        let profit = solution.after.map_or(f64::NAN, |after| after.profit_usd_per_h.abs());
        Self { took, open: (!solution.proven).then_some(solution.gap_usd / profit) }
    }

    fn commitment(horizon: &Horizon) -> Self {
        let start = Instant::now();
        let plan = plan(horizon);
        let took = start.elapsed();
        let open = |plan: wattsplit::economics::commitment::Plan| plan.gap as f64 / plan.profit as f64;
        Self { took, open: plan.filter(|plan| !plan.proven).map(open) }
    }
}

/// Median and worst of the runs, how many ended without a proof, and the widest gap of those.
fn print(what: &str, budget_ms: u32, mut runs: Vec<Run>) {
    runs.sort_by_key(|run| run.took);
    let unproven = runs.iter().filter(|run| run.open.is_some()).count();
    let gap = runs.iter().filter_map(|run| run.open).fold(0.0, f64::max) * 100.0;
    let ms = |at: usize| runs.get(at).map_or(f64::NAN, |run| run.took.as_secs_f64() * 1e3);
    let (median, worst) = (ms(runs.len() / 2), ms(runs.len().saturating_sub(1)));
    let count = runs.len();
    println!(
        "| {what:<54} | {median:>9.3} | {worst:>9.3} | {budget_ms:>6} | {unproven:>3}/{count:<3} | {gap:>8.1e} |"
    );
}

fn main() {
    println!(
        "| {:<54} | {:>9} | {:>9} | {:>6} | unproven | gap %    |",
        "instance", "median ms", "worst ms", "budget"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    for (blocks, budget_ms) in [(20, 1), (200, 50)] {
        let mut random = Random(99);
        let runs = (0..100).map(|_| {
            let mut problem = site(&mut random, blocks, 1000);
            legal(&mut problem);
            Run::dispatch(&problem)
        });
        print(&format!("dispatch: {blocks} blocks x up to 1,000 units"), budget_ms, runs.collect());
    }
    for (what, family) in FAMILIES {
        for (blocks, budget_ms) in [(20, 1), (200, 50)] {
            let mut random = Random(4242);
            let runs = (0..20).map(|_| Run::dispatch(&family(&mut random, blocks)));
            print(&format!("dispatch: {blocks} blocks, {what}"), budget_ms, runs.collect());
        }
    }
    for capped in [false, true] {
        let mut random = Random(77);
        let runs = (0..15).map(|_| Run::commitment(&horizon(&mut random, 20, 48, capped)));
        let what = if capped { "with a full cap" } else { "no cap" };
        print(&format!("commitment: 48 steps x 20 blocks, {what}"), 200, runs.collect());
    }
    let mut random = Random(78);
    let runs = (0..15).map(|_| Run::commitment(&real_horizon(&mut random, 20, 48)));
    print("commitment: 48 x 20, one price for all, full cap", 200, runs.collect());
}
