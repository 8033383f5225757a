//! Unit commitment: when blocks that are switched as a whole should run, over a price forecast.
//!
//! Start and stop cost, minimum up and down times, and one cap on the site's power. Runs may be cut
//! by the end of the horizon. Without a full cap every block is on its own and dynamic programming
//! over (on or off, for how many steps) is exact.
//!
//! Method. Each step in which the cap is full gets a shadow price ([`rents`]), and from those each
//! block in each step a price of its own ([`split`]): the blocks plan on their own at these prices,
//! the steps fill their room on their own, and together they give a bound that no plan can beat.
//! Each decision of a block then *loses* a known amount of that bound ([`losses`]), and so does
//! room that a step fills badly ([`step`]). The search ([`search`]) goes from step to step with
//! every joint state of the blocks that loses little, then with those that lose more, until a plan
//! is among them; of two ways into the same joint state only the better one is kept. Money is in
//! integers there: floats only choose prices and rule out what is far from the best.

mod fill;
mod losses;
mod polish;
mod rents;
mod search;
mod split;
mod step;

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
    /// How much more another plan may earn, in nano-dollars: 0 with a proof.
    pub gap: i128,
}

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

/// The best plan; `None` if the cap cannot be kept.
pub fn plan(horizon: &Horizon) -> Option<Plan> {
    let free = vec![0.0; horizon.steps];
    let alone = rents::plans(horizon, &free)?.1;
    if horizon.fits(&alone) {
        return Some(Plan { profit: horizon.profit(&alone), on: alone, proven: true, gap: 0 });
    }
    search::plan(horizon)
}

impl Horizon {
    fn profit(&self, plan: &[Vec<bool>]) -> i128 {
        self.blocks.iter().zip(plan).map(|(block, plan)| block.profit(plan)).sum()
    }

    /// By how much each step draws more than the room; negative where there is room left.
    fn excess(&self, room: i64, plan: &[Vec<bool>]) -> impl Iterator<Item = i64> {
        (0..self.steps).map(move |t| {
            let drawn = self.blocks.iter().zip(plan);
            drawn.map(|(b, plan)| b.draw(plan.get(t).copied().unwrap_or(false))).sum::<i64>() - room
        })
    }

    fn fits(&self, plan: &[Vec<bool>]) -> bool {
        self.room.is_none_or(|room| self.excess(room, plan).all(|excess| excess <= 0))
    }
}
