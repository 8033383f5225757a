//! Goes from step to step with all joint states of the blocks that may still be part of the best plan.

use super::losses::SCALE;
use super::polish::polish;
use super::split::Split;
use super::step::{Joint, Step, least_loss};
use super::{Horizon, Plan, rents};

/// Joint states kept after each step, try by try. A try that never had to drop one rules out every
/// plan that loses less than it looked for.
const WIDTHS: [usize; 3] = [300, 1_500, 7_500];

/// Decisions looked at before the best plan so far is taken without a proof.
const LOOKS: u64 = 1_500_000;

struct Search<'a> {
    horizon: &'a Horizon,
    room: i64,
    /// Of room, by step: nano-dollars per milliwatt × [`SCALE`].
    rent: Vec<i128>,
    split: Split<'a>,
    /// The least that all steps from this one on still lose.
    rest: Vec<i128>,
    best: Vec<Vec<bool>>,
    /// What `best` loses of the bound.
    gap: i128,
    /// Plans that lose as much are not looked for.
    most: i128,
    looks: u64,
    /// The least that the states that were dropped lose.
    dropped: i128,
}

/// The best plan under a full cap; `None` if it cannot be kept.
pub fn plan(horizon: &Horizon) -> Option<Plan> {
    let room = horizon.room?;
    let first = rents::first_plan(horizon, room, &vec![0.0; horizon.steps])?;
    let rent = rents::improve(horizon, room, horizon.profit(&first) as f64)?;
    let second = rents::first_plan(horizon, room, &rent)?;
    let mut best = if horizon.profit(&second) > horizon.profit(&first) { second } else { first };
    polish(horizon, room, &mut best);
    let profit = horizon.profit(&best);
    let rent = rents::improve(horizon, room, profit as f64)?;
    let split = Split::improve(horizon, room, &rent, profit);
    let rent = rent.iter().map(|rent| (rent * SCALE as f64) as i128).collect();
    let gap = split.bound - profit * SCALE;
    let rest = vec![0; horizon.steps + 1];
    let mut search = Search { horizon, room, rent, split, rest, best, gap, most: gap, looks: 0, dropped: 0 };
    let least = search.run();
    let gap = (search.gap - least).max(0) / SCALE;
    Some(Plan { profit: horizon.profit(&search.best), on: search.best, proven: gap == 0, gap })
}

impl Search<'_> {
    /// Looks for plans that lose little, then for those that lose more, until it meets one. What
    /// every plan loses at least.
    fn run(&mut self) -> i128 {
        let mut least = 0;
        self.most = (self.gap / 64).max(SCALE);
        let mut widths = WIDTHS.into_iter();
        let Some(mut width) = widths.next() else { return least };
        // A plan that earns a nano-dollar more loses that much less.
        while least <= self.gap - SCALE && self.looks <= LOOKS {
            self.reckon_rest();
            let rest = self.rest.first().copied().unwrap_or(0);
            least = least.max(rest.min(self.gap));
            if rest >= self.most {
                self.most = (2 * self.most).min(self.gap);
                continue;
            }
            let tried = self.most;
            self.dropped = tried;
            if self.pass(width) {
                least = least.max(tried.min(self.gap));
                self.most = (tried * 7 / 5).min(self.gap);
            } else {
                least = least.max(self.dropped.min(self.gap));
                self.most = self.most.min(self.gap);
                let Some(wider) = widths.next() else { break };
                width = wider;
            }
        }
        least
    }

    /// What is left to lose from each step on, by any plan that loses less than `most`.
    fn reckon_rest(&mut self) {
        let chains = &self.split.chains;
        let least: Vec<Vec<[i128; 2]>> = chains.iter().map(|chain| chain.least_losses(self.most)).collect();
        let mut rest = 0;
        for t in (0..self.horizon.steps).rev() {
            let choices = chains.iter().zip(&least).map(|(chain, least)| {
                let [off, on] = least.get(t).copied().unwrap_or([0; 2]);
                ([off, on - chain.price(t)], [chain.block.draw_off, chain.block.draw_on])
            });
            let choices: Vec<_> = choices.collect();
            let paid = self.split.paid.get(t).copied().unwrap_or(0);
            let rent = self.rent.get(t).copied().unwrap_or(0);
            rest += least_loss(&choices, self.room, rent, paid, self.most - rest);
            if let Some(place) = self.rest.get_mut(t) {
                *place = rest;
            }
        }
    }

    /// Goes through all steps. Whether no state had to be dropped for want of space.
    fn pass(&mut self, width: usize) -> bool {
        let first: Box<[u16]> = self.split.chains.iter().map(|chain| to_u16(chain.initial())).collect();
        let mut layers = vec![vec![Joint { states: first, lost: 0, from: 0 }]];
        let mut complete = true;
        for t in 0..self.horizon.steps {
            let rest = self.rest.get(t + 1).copied().unwrap_or(0);
            let step = Step {
                chains: &self.split.chains,
                t,
                room: self.room,
                rent: self.rent.get(t).copied().unwrap_or(0),
                paid: self.split.paid.get(t).copied().unwrap_or(0),
                most: self.most - rest,
            };
            let mut next = Vec::new();
            for (from, joint) in layers.last().into_iter().flatten().enumerate() {
                self.looks += step.expand(joint, from, LOOKS.saturating_sub(self.looks), &mut next);
                if self.looks > LOOKS {
                    self.dropped = 0;
                    return false;
                }
                if next.len() > 8 * width {
                    complete &= narrow(&mut next, 2 * width, rest, &mut self.dropped);
                }
            }
            complete &= narrow(&mut next, width, rest, &mut self.dropped);
            layers.push(next);
        }
        let ends = layers.last().into_iter().flatten();
        if let Some(end) = ends.min_by_key(|joint| joint.lost).filter(|end| end.lost < self.gap) {
            self.gap = end.lost;
            self.best = self.trace(&layers, end);
        }
        complete
    }

    /// The plan that leads to this joint state.
    fn trace(&self, layers: &[Vec<Joint>], end: &Joint) -> Vec<Vec<bool>> {
        let mut plan = vec![vec![false; self.horizon.steps]; self.split.chains.len()];
        let mut at = Some(end);
        for t in (0..self.horizon.steps).rev() {
            let Some(joint) = at else { break };
            for ((chain, &state), plan) in self.split.chains.iter().zip(&joint.states).zip(&mut plan) {
                if let Some(place) = plan.get_mut(t) {
                    *place = chain.is_on(state.into());
                }
            }
            at = layers.get(t).and_then(|layer| layer.get(joint.from));
        }
        plan
    }
}

/// A minimum time has at most some thousand steps.
pub fn to_u16(state: usize) -> u16 {
    u16::try_from(state).unwrap_or(u16::MAX)
}

/// Of two ways into the same joint state keeps the better, and, which is no proof, only `width`
/// states. Whether that was all.
fn narrow(next: &mut Vec<Joint>, width: usize, rest: i128, dropped: &mut i128) -> bool {
    next.sort_by(|a, b| a.states.cmp(&b.states).then(a.lost.cmp(&b.lost)));
    next.dedup_by(|b, a| a.states == b.states);
    if next.len() <= width {
        return true;
    }
    next.sort_by_key(|joint| joint.lost);
    if let Some(first) = next.get(width) {
        *dropped = (*dropped).min(first.lost + rest);
    }
    next.truncate(width);
    false
}
