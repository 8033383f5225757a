//! Prints how long the optimisers take. `cargo bench --bench dispatch`
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use random::{Random, horizon, legal, site};
use wattsplit::economics::commitment::plan;
use wattsplit::economics::dispatch::solve;

#[path = "../tests/it/dispatch/random.rs"]
mod random;

/// Median and worst of the runs, and how many ended without a proof.
fn print(what: &str, budget_ms: u32, mut runs: Vec<(Duration, bool)>) {
    runs.sort();
    let unproven = runs.iter().filter(|(_, proven)| !proven).count();
    let ms = |at: usize| runs.get(at).map_or(f64::NAN, |(took, _)| took.as_secs_f64() * 1e3);
    let (median, worst) = (ms(runs.len() / 2), ms(runs.len().saturating_sub(1)));
    println!("| {what:<48} | {median:>9.3} | {worst:>9.3} | {budget_ms:>6} | {unproven:>3}/{} |", runs.len());
}

fn main() {
    println!("| {:<48} | {:>9} | {:>9} | {:>6} | unproven |", "instance", "median ms", "worst ms", "budget");
    println!("|---|---:|---:|---:|---:|");
    for (blocks, budget_ms) in [(20, 1), (200, 50)] {
        let mut random = Random(99);
        let runs = (0..100).map(|_| {
            let mut problem = site(&mut random, blocks, 1000);
            legal(&mut problem);
            let start = Instant::now();
            let solution = solve(&problem);
            (start.elapsed(), solution.proven)
        });
        print(&format!("dispatch: {blocks} blocks x up to 1,000 units"), budget_ms, runs.collect());
    }
    for capped in [false, true] {
        let mut random = Random(77);
        let runs = (0..15).map(|_| {
            let horizon = horizon(&mut random, 20, 48, capped);
            let start = Instant::now();
            let proven = plan(&horizon).is_some_and(|plan| plan.proven);
            (start.elapsed(), proven)
        });
        let what = if capped { "with a full cap" } else { "no cap" };
        print(&format!("commitment: 48 steps x 20 blocks, {what}"), 200, runs.collect());
    }
}
