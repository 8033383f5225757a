//! Improves a plan: two blocks at a time, in the room that all others leave.

use super::losses::Chain;
use super::{Horizon, Switched};

/// Joint states of two blocks beyond which they are left as they are.
const MOST_STATES: usize = 400;

/// Times that all pairs are gone through.
const ROUNDS: usize = 4;

/// Replans each pair of blocks until none gains.
pub fn polish(horizon: &Horizon, room: i64, plan: &mut [Vec<bool>]) {
    let chains: Vec<Chain> = horizon.blocks.iter().map(|block| Chain::new(block, Vec::new())).collect();
    for _ in 0..ROUNDS {
        let before = horizon.profit(plan);
        for (a, first) in chains.iter().enumerate() {
            for (b, second) in chains.iter().enumerate().skip(a + 1) {
                let left: Vec<i64> = horizon.excess(room, plan).map(|excess| -excess).collect();
                let drawn = |block: &Switched, plan: Option<&Vec<bool>>, t: usize| {
                    block.draw(plan.and_then(|plan| plan.get(t)).copied().unwrap_or(false))
                };
                let own = |t| drawn(first.block, plan.get(a), t) + drawn(second.block, plan.get(b), t);
                let left: Vec<i64> = left.into_iter().enumerate().map(|(t, left)| left + own(t)).collect();
                if let Some((on_first, on_second)) = best_pair(first, second, &left) {
                    for (index, on) in [(a, on_first), (b, on_second)] {
                        if let Some(place) = plan.get_mut(index) {
                            *place = on;
                        }
                    }
                }
            }
        }
        if horizon.profit(plan) <= before {
            break;
        }
    }
}

/// The best plans of two blocks in this room, by step.
fn best_pair(first: &Chain, second: &Chain, left: &[i64]) -> Option<(Vec<bool>, Vec<bool>)> {
    let (n, m) = (first.states(), second.states());
    if n * m > MOST_STATES {
        return None;
    }
    let start = first.initial() * m + second.initial();
    let mut now: Vec<Option<i128>> = vec![None; n * m];
    *now.get_mut(start)? = Some(0);
    let mut from = vec![0usize; left.len() * n * m];
    for (t, (back, &left)) in from.chunks_exact_mut(n * m).zip(left).enumerate() {
        let mut next: Vec<Option<i128>> = vec![None; n * m];
        for (joint, earned) in now.iter().enumerate() {
            let Some(earned) = *earned else { continue };
            let (s, r) = (joint / m, joint % m);
            for (on_first, on_second) in [(false, false), (false, true), (true, false), (true, true)] {
                let (Some(to_s), Some(to_r)) = (first.next(s, on_first), second.next(r, on_second)) else {
                    continue;
                };
                if first.block.draw(on_first) + second.block.draw(on_second) > left {
                    continue;
                }
                let earned = earned + first.earned(t, s, on_first) + second.earned(t, r, on_second);
                let to = to_s * m + to_r;
                let (Some(place), Some(mark)) = (next.get_mut(to), back.get_mut(to)) else { continue };
                if place.is_none_or(|best| earned > best) {
                    (*place, *mark) = (Some(earned), joint);
                }
            }
        }
        now = next;
    }
    let ends =
        now.iter().enumerate().filter_map(|(joint, earned)| Some(((*earned)?, std::cmp::Reverse(joint))));
    let (_, std::cmp::Reverse(mut joint)) = ends.max()?;
    let mut plans = (vec![false; left.len()], vec![false; left.len()]);
    for t in (0..left.len()).rev() {
        *plans.0.get_mut(t)? = first.is_on(joint / m);
        *plans.1.get_mut(t)? = second.is_on(joint % m);
        joint = *from.get(t * n * m + joint)?;
    }
    Some(plans)
}
