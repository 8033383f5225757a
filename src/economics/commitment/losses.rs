//! What each decision of a block loses of the bound at given prices.

use super::Switched;

/// Prices are whole numbers of this part of a nano-dollar.
pub const SCALE: i128 = 1 << 20;

/// A block with its best worth from each step and state on. States: off for 1, 2, … steps up to the
/// minimum time, the last meaning "as long or longer"; then the same for on.
pub struct Chain<'a> {
    pub block: &'a Switched,
    down: usize,
    states: usize,
    to_go: Vec<i128>,
    /// Of running in each step, in nano-dollars × [`SCALE`].
    prices: Vec<i128>,
}

impl<'a> Chain<'a> {
    /// `prices` of running in each step, in nano-dollars × [`SCALE`].
    pub fn new(block: &'a Switched, prices: Vec<i128>) -> Self {
        let (down, up) = (block.min_down.max(1), block.min_up.max(1));
        let states = down + up;
        let to_go = vec![0; (prices.len() + 1) * states];
        let mut chain = Self { block, down, states, to_go, prices };
        for t in (0..chain.prices.len()).rev() {
            for state in 0..states {
                let best = [false, true].into_iter().filter_map(|on| chain.worth(t, state, on)).max();
                if let (Some(place), Some(best)) = (chain.to_go.get_mut(t * states + state), best) {
                    *place = best;
                }
            }
        }
        chain
    }

    pub fn states(&self) -> usize {
        self.states
    }

    pub fn initial(&self) -> usize {
        let block = self.block;
        let (first, most) =
            if block.initial_on { (self.down, self.states - self.down) } else { (0, self.down) };
        first + block.initial_steps.clamp(1, most) - 1
    }

    pub fn is_on(&self, state: usize) -> bool {
        state >= self.down
    }

    /// The state after a step on or off; `None` before the minimum time.
    pub fn next(&self, state: usize, on: bool) -> Option<usize> {
        let was_on = self.is_on(state);
        let last = if was_on { self.states - 1 } else { self.down - 1 };
        if on == was_on {
            return Some((state + 1).min(last));
        }
        (state == last).then_some(if on { self.down } else { 0 })
    }

    pub fn price(&self, t: usize) -> i128 {
        self.prices.get(t).copied().unwrap_or(0)
    }

    /// A plan that loses nothing; as it is, where that loses nothing either.
    pub fn plan(&self) -> Vec<bool> {
        let mut state = self.initial();
        let steps = 0..self.prices.len();
        let each = steps.map(|t| {
            let same = self.is_on(state);
            let on = if self.loss(t, state, same) == Some(0) { same } else { !same };
            state = self.next(state, on).unwrap_or(state);
            on
        });
        each.collect()
    }

    /// Best worth from this step and state on.
    pub fn to_go(&self, t: usize, state: usize) -> i128 {
        self.to_go.get(t * self.states + state).copied().unwrap_or(0)
    }

    /// Profit of a step on or off, nano-dollars.
    pub fn earned(&self, t: usize, state: usize, on: bool) -> i128 {
        self.block.step(t, on) - self.block.switching(self.is_on(state), on)
    }

    fn worth(&self, t: usize, state: usize, on: bool) -> Option<i128> {
        let next = self.next(state, on)?;
        let earned = self.earned(t, state, on);
        let price = if on { self.price(t) } else { 0 };
        Some(earned * SCALE - price + self.to_go(t + 1, next))
    }

    /// What this decision loses, not counting what the state has lost already. `None` before the
    /// minimum time.
    pub fn loss(&self, t: usize, state: usize, on: bool) -> Option<i128> {
        Some(self.to_go(t, state) - self.worth(t, state, on)?)
    }

    /// The least that any plan loses, of those on and of those off, in each step: by step, off
    /// first. Only of the decision itself.
    pub fn least_losses(&self, gap: i128) -> Vec<[i128; 2]> {
        let mut lost: Vec<Option<i128>> = vec![None; self.states];
        if let Some(place) = lost.get_mut(self.initial()) {
            *place = Some(0);
        }
        let steps = 0..self.prices.len();
        let each = steps.map(|t| {
            let mut next: Vec<Option<i128>> = vec![None; self.states];
            let mut least = [1 << 100; 2];
            for (state, lost) in lost.iter().enumerate() {
                let Some(lost) = *lost else { continue };
                for on in [false, true] {
                    let (Some(loss), Some(to)) = (self.loss(t, state, on), self.next(state, on)) else {
                        continue;
                    };
                    if lost + loss > gap {
                        continue;
                    }
                    least[usize::from(on)] = least[usize::from(on)].min(loss);
                    if let Some(place) = next.get_mut(to) {
                        *place = Some(place.map_or(lost + loss, |l: i128| l.min(lost + loss)));
                    }
                }
            }
            lost = next;
            least
        });
        each.collect()
    }
}
