//! Shadow prices of the cap, step by step, and a first plan that keeps it.
//!
//! Any rents give a valid bound; good ones give a tight bound. So floats may choose them.

use super::Horizon;

/// Rounds in which the rents are improved.
const ROUNDS: u32 = 300;

/// Rounds without a better bound after which the strides get shorter.
const PATIENCE: u32 = 12;

/// Times that each block is planned anew.
const REPLANS: usize = 10;

/// The blocks' own best plans at these rents (nano-dollars per milliwatt and step), and their worth.
pub fn plans(horizon: &Horizon, rent: &[f64]) -> Option<(f64, Vec<Vec<bool>>)> {
    let mut worth = 0.0;
    let plans = horizon.blocks.iter().map(|block| {
        let (value, plan) = block.best(horizon.steps, rent, |_, _| true)?;
        worth += value;
        Some(plan)
    });
    let plans = plans.collect::<Option<_>>()?;
    Some((worth, plans))
}

/// Rents that (nearly) minimise the bound, by subgradient strides; `target` is what some plan earns.
pub fn improve(horizon: &Horizon, room: i64, target: f64) -> Option<Vec<f64>> {
    let mut rent = vec![0.0; horizon.steps];
    let mut least = (f64::INFINITY, rent.clone());
    let (mut stride, mut waited) = (1.0, 0);
    for _ in 0..ROUNDS {
        let (worth, plan) = plans(horizon, &rent)?;
        let bound = worth + rent.iter().map(|r| r * room as f64).sum::<f64>();
        waited += 1;
        if bound < least.0 {
            least = (bound, rent.clone());
            waited = 0;
        } else if waited >= PATIENCE {
            (stride, waited) = (stride * 0.6, 0);
            rent.clone_from(&least.1);
        }
        let excess: Vec<f64> = horizon.excess(room, &plan).map(|e| e as f64).collect();
        let moves = || excess.iter().zip(&rent).filter(|&(&e, &r)| e > 0.0 || r > 0.0);
        let norm: f64 = moves().map(|(e, _)| e * e).sum();
        if norm == 0.0 || bound <= target {
            break;
        }
        let scale = stride * (bound - target) / norm;
        for (rent, excess) in rent.iter_mut().zip(&excess) {
            *rent = (*rent + scale * excess).max(0.0);
        }
    }
    Some(least.1)
}

/// A plan that keeps the cap, `None` if none does. It begins with every block at its least draw:
/// the minimum times can only delay that. Then each block is planned anew in the room of all
/// others, the most valuable at these rents first, until none gains.
pub fn first_plan(horizon: &Horizon, room: i64, rent: &[f64]) -> Option<Vec<Vec<bool>>> {
    let dear = vec![f64::MAX / 1e40; horizon.steps];
    let mut plan = plans(horizon, &dear)?.1;
    if !horizon.fits(&plan) {
        return None;
    }
    let blocks = &horizon.blocks;
    let priced =
        blocks.iter().map(|b| b.best(horizon.steps, rent, |_, _| true).map_or(0.0, |(value, _)| value));
    let mut order: Vec<(f64, usize)> = priced.zip(0..).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut earned = None;
    for _ in 0..REPLANS {
        for &(_, index) in &order {
            let (Some(block), Some(old)) = (blocks.get(index), plan.get(index)) else { continue };
            let left: Vec<i64> =
                horizon.excess(room, &plan).zip(old).map(|(excess, &on)| block.draw(on) - excess).collect();
            let allowed = |t: usize, on: bool| left.get(t).is_some_and(|&left| block.draw(on) <= left);
            let new = block.best(horizon.steps, &[], allowed)?.1;
            if let Some(place) = plan.get_mut(index) {
                *place = new;
            }
        }
        let profit = horizon.profit(&plan);
        if earned == Some(profit) {
            break;
        }
        earned = Some(profit);
    }
    Some(plan)
}
