//! What one curve can still change, and what all later ones can.

use super::curve::Curve;
use super::states::State;

/// What rounding may add to a bound that is reckoned in floats.
const MARGIN: f64 = 1.0 - 1e-9;

/// Most numbers fit 64 bits, and those convert in one instruction.
fn float(of: i128) -> f64 {
    i64::try_from(of).map_or_else(|_| of as f64, |of| of as f64)
}

/// The shadow prices: worth per milliwatt of each room.
#[derive(Debug, Clone, Copy)]
pub struct Prices(pub [i128; 2]);

impl Prices {
    pub fn rent(&self, room: [i128; 2]) -> i128 {
        self.0[0] * room[0] + self.0[1] * room[1]
    }

    /// What a state has lost by its steps alone.
    fn lost(&self, state: &State) -> i128 {
        state.cost - self.rent(state.slack)
    }
}

/// Steps of one curve away from its best, in one direction, as runs of units that lose the same.
#[derive(Debug)]
pub struct Side {
    /// Of each step.
    pub draw: [i128; 2],
    pub runs: Vec<(i64, i128)>,
}

#[derive(Debug)]
pub struct Layer {
    pub curve: usize,
    /// More units, fewer units.
    pub sides: [Side; 2],
    /// Loss of the cheapest step, as a fraction of its rent.
    pub rate: f64,
    /// What the later layers can do about slack: in each room, and in the rent of both.
    pub rest: [Rest; 3],
}

/// What some layers can do, at best.
#[derive(Debug, Clone, Copy)]
pub struct Rest {
    /// Loss for each milliwatt of room filled, and how much of it there is.
    fill: f64,
    most_fill: f64,
    free: f64,
    most_free: f64,
    /// Rent of a milliwatt that stays idle.
    idle: f64,
}

impl Rest {
    pub fn nothing(idle: f64) -> Self {
        Self { fill: f64::INFINITY, most_fill: 0.0, free: f64::INFINITY, most_free: 0.0, idle }
    }

    pub fn with(mut self, draw: f64, runs: &[(i64, i128)]) -> Self {
        let Some(&(_, loss)) = runs.first() else { return self };
        let units: f64 = runs.iter().map(|&(units, _)| units as f64).sum();
        let rate = loss as f64 / draw.abs();
        if draw > 0.0 {
            self.fill = self.fill.min(rate);
            self.most_fill += draw * units;
        } else if draw < 0.0 {
            self.free = self.free.min(rate);
            self.most_free -= draw * units;
        }
        self
    }

    /// The least that this much slack still loses.
    pub fn loss(&self, slack: f64) -> f64 {
        if slack < 0.0 {
            return if -slack * MARGIN > self.most_free { f64::INFINITY } else { -slack * self.free };
        }
        let filled = if self.fill < self.idle { slack.min(self.most_fill) } else { 0.0 };
        let fill = if filled > 0.0 { filled * self.fill } else { 0.0 };
        fill + (slack - filled) * self.idle
    }

    /// Slack beyond which more than this is lost.
    pub fn window(&self, loss: f64) -> [f64; 2] {
        let over = |rate: f64, loss: f64| if rate > 0.0 { loss / rate } else { f64::INFINITY };
        let low = over(self.free, loss).min(self.most_free);
        let full = self.most_fill * self.fill;
        let high = if self.fill >= self.idle || self.most_fill == 0.0 {
            over(self.idle, loss)
        } else if loss <= full {
            over(self.fill, loss)
        } else {
            self.most_fill + over(self.idle, loss - full)
        };
        [-low, high]
    }
}

impl Layer {
    pub fn new(index: usize, curve: &Curve, from: i64, rent: i128) -> Self {
        let sides = [Side::above(curve, from, rent), Side::below(curve, from, rent)];
        let losses = sides.iter().filter_map(|side| side.runs.first()).map(|&(_, loss)| loss as f64);
        let least = losses.fold(f64::INFINITY, f64::min);
        let rate = if least == 0.0 { 0.0 } else { least / (rent as f64).abs() };
        Self { curve: index, sides, rate, rest: [Rest::nothing(0.0); 3] }
    }

    /// The steps that lose no more than this; `None` if there are none.
    pub fn trimmed(&self, most: i128) -> Option<Self> {
        let sides = self.sides.each_ref().map(|side| side.trimmed(most));
        let open = sides.iter().any(|side| !side.runs.is_empty());
        open.then_some(Self { sides, ..*self })
    }

    /// The least that a state still loses, after what it has lost.
    pub fn least_loss(&self, prices: &Prices, state: &State) -> f64 {
        prices.lost(state) as f64 + self.rest_loss(prices, state.slack)
    }

    fn rest_loss(&self, prices: &Prices, slack: [i128; 2]) -> f64 {
        let each = self.rest[0].loss(float(slack[0])).max(self.rest[1].loss(float(slack[1])));
        // The rent of both rooms says no more where only one of them has a price.
        if prices.0.contains(&0) { each } else { each.max(self.rest[2].loss(float(prices.rent(slack)))) }
    }

    /// All that can follow `state` without losing more than `gap`, which falls with every better
    /// choice that is met.
    pub fn expand(&self, prices: &Prices, state: &State, gap: &mut i128, next: &mut Vec<State>) -> u64 {
        let mut looked = 0;
        let lost = prices.lost(state);
        let windows = self.rest.map(|rest| rest.window((*gap - lost) as f64));
        let mut consider = |slack: [i128; 2], loss: i128, step: i64| {
            looked += 1;
            if loss > *gap || (float(loss) + self.rest_loss(prices, slack)) * MARGIN > float(*gap) {
                return;
            }
            let cost = loss + prices.rent(slack);
            if cost < *gap && slack.iter().all(|&slack| slack >= 0) {
                *gap = cost;
            }
            next.push(State { slack, cost, from: state.from, step });
        };
        consider(state.slack, lost, 0);
        for (side, sign) in self.sides.iter().zip([1, -1]) {
            let Some((first, last)) = side.steps_within(prices, state.slack, &windows) else { continue };
            let (mut done, mut loss) = (0, lost);
            for &(units, each) in &side.runs {
                for step in first.max(done + 1)..=last.min(done + units) {
                    let slack = [0, 1].map(|r| state.slack[r] - side.draw[r] * i128::from(step));
                    consider(slack, loss + each * i128::from(step - done), sign * step);
                }
                loss += each * i128::from(units);
                done += units;
                if done >= last {
                    break;
                }
            }
        }
        looked
    }
}

impl Side {
    pub fn above(curve: &Curve, from: i64, rent: i128) -> Self {
        let mut skip = from;
        let mut runs = Vec::new();
        for run in &curve.runs {
            let skipped = skip.min(run.units);
            skip -= skipped;
            if run.units > skipped {
                runs.push((run.units - skipped, rent - run.each));
            }
        }
        Self { draw: curve.draw, runs }
    }

    pub fn below(curve: &Curve, from: i64, rent: i128) -> Self {
        let mut left = from;
        let mut runs = Vec::new();
        for run in &curve.runs {
            let taken = left.min(run.units);
            left -= taken;
            if taken > 0 {
                runs.push((taken, run.each - rent));
            }
        }
        runs.reverse();
        Self { draw: curve.draw.map(|draw| -draw), runs }
    }

    /// The steps that leave the slack where later layers can mend it.
    fn steps_within(&self, prices: &Prices, slack: [i128; 2], windows: &[[f64; 2]; 3]) -> Option<(i64, i64)> {
        let slacks = [float(slack[0]), float(slack[1]), float(prices.rent(slack))];
        let draws = [self.draw[0] as f64, self.draw[1] as f64, prices.rent(self.draw) as f64];
        let (mut first, mut last) = (1.0f64, f64::INFINITY);
        for ((slack, draw), [low, high]) in slacks.into_iter().zip(draws).zip(windows) {
            let (a, b) = ((slack - low) / draw, (slack - high) / draw);
            // No draw at all: whatever is wrong with the slack, this side does not mend it.
            if draw != 0.0 {
                first = first.max(a.min(b) * (1.0 - a.min(b).signum() * 1e-9) - 1.0);
                last = last.min(a.max(b) * (1.0 + a.max(b).signum() * 1e-9) + 1.0);
            }
        }
        (first <= last).then_some((first as i64, last as i64))
    }

    /// Without the steps that lose more than this.
    fn trimmed(&self, most: i128) -> Self {
        let (mut left, mut runs) = (most, Vec::new());
        for &(units, loss) in &self.runs {
            let fits = if loss > 0 { i64::try_from(left / loss).unwrap_or(i64::MAX) } else { units };
            let kept = units.min(fits);
            if kept == 0 {
                break;
            }
            left -= i128::from(kept) * loss;
            runs.push((kept, loss));
        }
        Self { draw: self.draw, runs }
    }
}
