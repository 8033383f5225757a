//! What is not known and could change the answer: blocks that are opened, so that the optimiser misses
//! it instead of taking silence for a reason to hold.

use crate::economics::dispatch::{Block, Problem, Solution, Status, solve};
use crate::economics::{Class, SiteTerms};
use crate::site::{HashBlock, SiteView};

use super::hosting::Unsure;

/// Blocks of miners of which not one answers; `miners` while there is no block at all of those that
/// are configured.
pub(super) fn silent_miners(view: &SiteView, terms: &SiteTerms) -> Vec<String> {
    let silent = |block: &&HashBlock| block.counts.unreachable == block.counts.units();
    let mut ids: Vec<String> = view.hash_blocks.iter().filter(silent).map(|b| b.id.clone()).collect();
    if view.hash_blocks.is_empty() && !terms.groups.is_empty() {
        ids.push("miners".to_owned());
    }
    ids
}

/// An answer to hold is none while all that could move is silent: what that draws and earns is missing.
/// `miners` are those of [`silent_miners`]; one row that is read is enough to advise on, and so is one
/// hosting among those that are not read.
pub(super) fn open_blind(problem: &mut Problem, miners: &[String], hostings: &[String]) {
    let moves = |class| problem.blocks.iter().any(|block| block.class == class && !block.is_fixed());
    let (hash, ai) = (moves(Class::Hash), moves(Class::Ai));
    if hash || miners.is_empty() && hostings.is_empty() || solve(problem).status != Status::Hold {
        return;
    }
    let hostings = if ai { &[] } else { hostings };
    for id in miners.iter().chain(hostings) {
        match problem.blocks.iter_mut().find(|block| block.id == *id) {
            Some(block) => open(block),
            None => problem.blocks.push(unseen(id)),
        }
    }
}

fn open(block: &mut Block) {
    block.units = block.units.max(1);
    (block.min_units, block.max_units, block.unit_kw) = (0, block.units, None);
    if block.class == Class::Hash {
        block.revenue_usd_per_unit_h = Err("hashrate");
    }
}

/// Stands for miners of which nothing is known.
fn unseen(id: &str) -> Block {
    let mut block = Block {
        id: id.to_owned(),
        class: Class::Hash,
        units: 0,
        current: 0,
        min_units: 0,
        max_units: 0,
        unit_kw: None,
        idle_kw: 0.0,
        overhead: 1.0,
        revenue_usd_per_unit_h: Err("hashrate"),
        var_cost_usd_per_unit_h: 0.0,
        committed: 0,
        stop_penalty_usd_per_unit_h: 0.0,
        power_passthrough: false,
        start_usd_per_unit: 0.0,
        stop_usd_per_unit: 0.0,
    };
    open(&mut block);
    block
}

/// Opens the firm block of each hosting whose sold GPUs are not known, if the answer is another one where
/// none or all of them are sold. While a cap is broken nothing waits for that.
pub(super) fn open_unsure(problem: &mut Problem, unsure: &[Unsure]) {
    let firm = solve(problem);
    if matches!(firm.status, Status::Mandatory | Status::Infeasible) {
        return;
    }
    for unsure in unsure {
        let matters = unsure.ways.iter().any(|way| is_another(problem, &firm, &unsure.block, way));
        let block = problem.blocks.iter_mut().find(|block| block.id == unsure.block && matters);
        if let Some(block) = block {
            (block.min_units, block.units) = (0, block.units.max(1));
            block.max_units = block.units;
        }
    }
}

/// Whether something else moves than in `firm` with `way` in the place of the block `id`.
fn is_another(problem: &Problem, firm: &Solution, id: &str, way: &[Block]) -> bool {
    let mut other = problem.clone();
    other.blocks.retain(|block| block.id != id);
    let kept = other.blocks.len();
    other.blocks.extend(way.iter().cloned());
    let answer = solve(&other);
    let before = problem.blocks.iter().zip(&firm.target).filter(|(block, _)| block.id != id);
    let same = before.zip(&answer.target).all(|((_, before), now)| before == now);
    let own = other.blocks.iter().zip(&answer.target).skip(kept);
    !same || own.into_iter().any(|(block, to)| block.current != *to)
}
