//! What is not known and could change the answer: blocks that are opened, so that the optimiser misses
//! it instead of taking silence for a reason to hold.

use crate::economics::dispatch::{Block, Problem, Solution, Status, solve};

use super::hosting::Unsure;

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
