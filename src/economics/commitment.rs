//! Unit commitment: when blocks that are switched as a whole should run, over a price forecast.
//!
//! Start and stop cost, minimum up and down times, and one cap on the site's power. Runs may be cut
//! by the end of the horizon. Without a full cap every block is on its own and dynamic programming
//! over (on or off, for how many steps) is exact. A cap that is full in some step gets a shadow
//! price there, which gives an upper bound; branch and bound on the steps where the bound and the
//! best plan disagree closes the gap.

/// A horizon of equal steps.
#[derive(Debug, Clone)]
pub struct Horizon {
    pub steps: usize,
    /// Most power of all blocks together, in milliwatts.
    pub room: Option<i64>,
    pub blocks: Vec<Switched>,
}

/// A block that is on or off as a whole. Money in nano-dollars, power in milliwatts.
#[derive(Debug, Clone)]
pub struct Switched {
    /// Profit of each step, power paid, while on and while off.
    pub on: Vec<i64>,
    pub off: Vec<i64>,
    pub draw_on: i64,
    pub draw_off: i64,
    pub start: i64,
    pub stop: i64,
    pub min_up: usize,
    pub min_down: usize,
    pub initial_on: bool,
    /// Steps for which the initial state has lasted.
    pub initial_steps: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// By block and step: on?
    pub on: Vec<Vec<bool>>,
    /// Nano-dollars over the horizon.
    pub profit: i128,
    /// Whether every other plan was ruled out.
    pub proven: bool,
}

/// Plans looked at before the search settles for the best so far.
const NODES: u32 = 120;

/// Rounds of the shadow prices at each node.
const ROUNDS: u32 = 15;

impl Switched {
    fn step(&self, t: usize, on: bool) -> i128 {
        let table = if on { &self.on } else { &self.off };
        table.get(t).copied().unwrap_or(0).into()
    }

    fn draw(&self, on: bool) -> i64 {
        if on { self.draw_on } else { self.draw_off }
    }

    fn switching(&self, was_on: bool, on: bool) -> i128 {
        match (was_on, on) {
            (false, true) => self.start.into(),
            (true, false) => self.stop.into(),
            _ => 0,
        }
    }

    /// Profit of a plan of this block, one-off cost included.
    pub fn profit(&self, plan: &[bool]) -> i128 {
        let mut was_on = self.initial_on;
        plan.iter()
            .enumerate()
            .map(|(t, &on)| {
                let profit = self.step(t, on) - self.switching(was_on, on);
                was_on = on;
                profit
            })
            .sum()
    }

    /// What it does without looking ahead: each step on if that step alone earns more on than off,
    /// as far as the minimum times allow.
    pub fn myopic(&self, steps: usize) -> Vec<bool> {
        let (mut on, mut lasted) = (self.initial_on, self.initial_steps);
        (0..steps)
            .map(|t| {
                let wish = self.step(t, true) > self.step(t, false)
                    || self.step(t, true) == self.step(t, false) && on;
                let least = if on { self.min_up } else { self.min_down };
                if wish != on && lasted >= least {
                    (on, lasted) = (wish, 0);
                }
                lasted = lasted.saturating_add(1);
                on
            })
            .collect()
    }

    /// The best plan at these rents (nano-dollars per milliwatt and step) that obeys `allowed`.
    /// Value first, then fewest switches. `None` if nothing is allowed.
    fn best(
        &self,
        steps: usize,
        rent: &[f64],
        allowed: impl Fn(usize, bool) -> bool,
    ) -> Option<(f64, Vec<bool>)> {
        // States: off for 1..=n steps, then on for 1..=n, the last meaning "n or more".
        let n = self.min_up.max(self.min_down).max(1);
        let states = 2 * n;
        let state = |on: bool, lasted: usize| usize::from(on) * n + lasted.min(n) - 1;
        type Score = (f64, i64);
        let worse = |a: Score, b: Score| a.0 < b.0 || a.0 == b.0 && a.1 < b.1;
        let mut now: Vec<Option<Score>> = vec![None; states];
        let mut next = now.clone();
        *now.get_mut(state(self.initial_on, self.initial_steps.max(1)))? = Some((0.0, 0));
        let mut from = vec![0usize; steps * states];
        for (t, back) in from.chunks_exact_mut(states).enumerate() {
            next.fill(None);
            let rent = rent.get(t).copied().unwrap_or(0.0);
            let worth = |on: bool| self.step(t, on) as f64 - rent * self.draw(on) as f64;
            let (worth_on, worth_off) = (worth(true), worth(false));
            let (may_on, may_off) = (allowed(t, true), allowed(t, false));
            for (index, score) in now.iter().enumerate() {
                let Some((value, switches)) = *score else { continue };
                let (was_on, lasted) = (index >= n, index % n + 1);
                for on in [was_on, !was_on] {
                    let least = if was_on { self.min_up } else { self.min_down };
                    if !(if on { may_on } else { may_off }) || on != was_on && lasted < least {
                        continue;
                    }
                    let earned = if on { worth_on } else { worth_off } - self.switching(was_on, on) as f64;
                    let score = (value + earned, switches - i64::from(on != was_on));
                    let to = state(on, if on == was_on { lasted + 1 } else { 1 });
                    let (Some(place), Some(mark)) = (next.get_mut(to), back.get_mut(to)) else { continue };
                    if place.is_none_or(|best| worse(best, score)) {
                        (*place, *mark) = (Some(score), index);
                    }
                }
            }
            std::mem::swap(&mut now, &mut next);
        }
        let mut end: Option<(Score, usize)> = None;
        for (index, score) in now.iter().enumerate() {
            if let Some(score) = *score
                && end.is_none_or(|(best, _)| worse(best, score))
            {
                end = Some((score, index));
            }
        }
        let ((value, _), mut index) = end?;
        let mut plan = vec![false; steps];
        for t in (0..steps).rev() {
            *plan.get_mut(t)? = index >= n;
            index = *from.get(t * states + index)?;
        }
        Some((value, plan))
    }
}

/// Choices that a branch has made, by block and step.
type Fixed = Vec<Vec<Option<bool>>>;

/// The best plan; `None` if the cap cannot be kept.
pub fn plan(horizon: &Horizon) -> Option<Plan> {
    let free = vec![0.0; horizon.steps];
    let alone: Option<Vec<Vec<bool>>> = horizon
        .blocks
        .iter()
        .map(|b| b.best(horizon.steps, &free, |_, _| true).map(|(_, plan)| plan))
        .collect();
    let alone = alone?;
    if overdrawn(horizon, &alone).is_none() {
        return Some(Plan { profit: profit(horizon, &alone), on: alone, proven: true });
    }
    let mut search = Search { horizon, best: None, nodes: 0 };
    let fixed = vec![vec![None; horizon.steps]; horizon.blocks.len()];
    search.node(&fixed, free);
    let proven = search.nodes <= NODES;
    search.best.map(|(profit, on)| Plan { on, profit, proven })
}

fn profit(horizon: &Horizon, plan: &[Vec<bool>]) -> i128 {
    horizon.blocks.iter().zip(plan).map(|(block, plan)| block.profit(plan)).sum()
}

/// By how much each step draws more than the room; negative where there is room left.
fn excess(horizon: &Horizon, room: i64, plan: &[Vec<bool>]) -> Vec<i64> {
    (0..horizon.steps)
        .map(|t| {
            let drawn = horizon.blocks.iter().zip(plan);
            drawn.map(|(b, plan)| b.draw(plan.get(t).copied().unwrap_or(false))).sum::<i64>() - room
        })
        .collect()
}

/// The step that breaks the cap most.
fn overdrawn(horizon: &Horizon, plan: &[Vec<bool>]) -> Option<usize> {
    let excess = excess(horizon, horizon.room?, plan);
    let (step, most) = excess.into_iter().enumerate().max_by_key(|&(t, e)| (e, std::cmp::Reverse(t)))?;
    (most > 0).then_some(step)
}

struct Search<'a> {
    horizon: &'a Horizon,
    best: Option<(i128, Vec<Vec<bool>>)>,
    nodes: u32,
}

impl Search<'_> {
    fn node(&mut self, fixed: &Fixed, rent: Vec<f64>) {
        self.nodes += 1;
        if self.nodes > NODES {
            return;
        }
        let Some((bound, rent, plan)) = self.bound(fixed, rent) else { return };
        self.try_plan(fixed, &rent);
        if self.best.as_ref().is_some_and(|(best, _)| bound < *best as f64 + 1.0) {
            return;
        }
        let Some((block, step)) = self.branch_at(fixed, &plan, &rent) else { return };
        let wish = plan.get(block).and_then(|p| p.get(step)).copied().unwrap_or(false);
        for choice in [!wish, wish] {
            let mut next = fixed.clone();
            if let Some(place) = next.get_mut(block).and_then(|f| f.get_mut(step)) {
                *place = Some(choice);
            }
            self.node(&next, rent.clone());
        }
    }

    /// Improves the rents by subgradient steps: the least bound found, its rents and its plan.
    fn bound(&self, fixed: &Fixed, start: Vec<f64>) -> Option<(f64, Vec<f64>, Vec<Vec<bool>>)> {
        let room = self.horizon.room?;
        let mut rent = start;
        let mut least: Option<(f64, Vec<f64>, Vec<Vec<bool>>)> = None;
        for round in 0..ROUNDS {
            let mut value: f64 = rent.iter().map(|r| r * room as f64).sum();
            let mut plan = Vec::with_capacity(self.horizon.blocks.len());
            for (block, fixed) in self.horizon.blocks.iter().zip(fixed) {
                let allowed = |t: usize, on: bool| fixed.get(t).copied().flatten().is_none_or(|f| f == on);
                let (best, on) = block.best(self.horizon.steps, &rent, allowed)?;
                value += best;
                plan.push(on);
            }
            let excess = excess(self.horizon, room, &plan);
            if least.as_ref().is_none_or(|(bound, ..)| value < *bound) {
                least = Some((value, rent.clone(), plan));
            }
            let target = self.best.as_ref().map_or(value - value.abs() * 0.05, |(best, _)| *best as f64);
            let norm: f64 = excess
                .iter()
                .zip(&rent)
                .filter(|&(&e, &r)| e > 0 || r > 0.0)
                .map(|(&e, _)| (e as f64).powi(2))
                .sum();
            if norm == 0.0 || value <= target {
                break;
            }
            let scale = (1.5 / f64::from(1 + round / 8)) * (value - target) / norm;
            for (r, &e) in rent.iter_mut().zip(&excess) {
                *r = (*r + scale * e as f64).max(0.0);
            }
        }
        least
    }

    /// A plan that keeps the cap: block by block, each in the room that the earlier ones left,
    /// the most valuable first.
    fn try_plan(&mut self, fixed: &Fixed, rent: &[f64]) {
        let Some(room) = self.horizon.room else { return };
        let blocks = &self.horizon.blocks;
        let idle: i64 = blocks.iter().map(|b| b.draw_off.min(b.draw_on)).sum();
        let worth = |b: &Switched| {
            let gain: i128 = (0..self.horizon.steps).map(|t| b.step(t, true) - b.step(t, false)).sum();
            gain as f64 / ((b.draw_on - b.draw_off).max(1) as f64)
        };
        let priced =
            |b: &Switched| b.best(self.horizon.steps, rent, |_, _| true).map_or(0.0, |(value, _)| value);
        for by_worth in [true, false] {
            let mut order: Vec<usize> = (0..blocks.len()).collect();
            let key = |i: &usize| blocks.get(*i).map_or(0.0, |b| if by_worth { worth(b) } else { priced(b) });
            order.sort_by(|a, b| key(b).total_cmp(&key(a)).then(a.cmp(b)));
            let mut left = vec![room - idle; self.horizon.steps];
            let mut plan = vec![Vec::new(); blocks.len()];
            let placed = order.iter().all(|&index| {
                let (Some(block), Some(fixed)) = (blocks.get(index), fixed.get(index)) else { return false };
                let extra = |on: bool| block.draw(on) - block.draw_off.min(block.draw_on);
                let allowed = |t: usize, on: bool| {
                    fixed.get(t).copied().flatten().is_none_or(|f| f == on)
                        && left.get(t).is_some_and(|&l| extra(on) <= l)
                };
                let Some((_, on)) = block.best(self.horizon.steps, &[], allowed) else { return false };
                for (l, &on) in left.iter_mut().zip(&on) {
                    *l -= extra(on);
                }
                if let Some(place) = plan.get_mut(index) {
                    *place = on;
                }
                true
            });
            if placed && overdrawn(self.horizon, &plan).is_none() {
                let value = profit(self.horizon, &plan);
                if self.best.as_ref().is_none_or(|(best, _)| value > *best) {
                    self.best = Some((value, plan));
                }
            }
        }
    }

    /// Where the bound's plan breaks the cap, or wastes paid-for room, most; there the free block
    /// that draws most.
    fn branch_at(&self, fixed: &Fixed, plan: &[Vec<bool>], rent: &[f64]) -> Option<(usize, usize)> {
        let excess = excess(self.horizon, self.horizon.room?, plan);
        let mut steps: Vec<usize> = (0..self.horizon.steps).collect();
        let weight = |t: usize| {
            let e = excess.get(t).copied().unwrap_or(0) as f64;
            if e > 0.0 { e } else { -e * rent.get(t).copied().unwrap_or(0.0).min(1.0) }
        };
        steps.sort_by(|&a, &b| weight(b).total_cmp(&weight(a)).then(a.cmp(&b)));
        for step in steps {
            let open = |i: &usize| fixed.get(*i).and_then(|f| f.get(step)).is_some_and(Option::is_none);
            let size = |i: &usize| self.horizon.blocks.get(*i).map_or(0, |b| b.draw_on - b.draw_off);
            let block =
                (0..self.horizon.blocks.len()).filter(open).max_by_key(|i| (size(i), std::cmp::Reverse(*i)));
            if let Some(block) = block {
                return Some((block, step));
            }
        }
        None
    }
}
