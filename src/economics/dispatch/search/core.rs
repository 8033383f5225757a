//! Goes through the curves, the cheapest to move first, with all the ways that may still be best.

use super::MOST;
use super::curve::{Change, Curve};
use super::layer::{Layer, Prices, Rest};
use super::price;
use super::states::{Paths, State, Ties};

/// Ways kept after each curve, try by try. A try that never had to drop a way has met the best
/// choice, or else ruled out all that lose as little as it looked for.
const WIDTHS: [usize; 3] = [300, 3_000, 30_000];

/// The first try looks for choices that lose this part of what the first choice loses: the less
/// may be lost, the fewer ways there are.
const FIRST_LOOK: i128 = 1 << 40;

/// Ways looked at before the best so far is taken without a proof: bounds time and memory. Random
/// sites need up to 400,000, and most of them a few hundred.
const STEPS: u64 = 800_000;

pub struct Core<'a> {
    change: Change<'a>,
    prices: Prices,
    /// Units of each curve: the best at these prices.
    start: Vec<i64>,
    /// Room that these leave.
    slack: [i128; 2],
    layers: Vec<Layer>,
    /// The best choice so far, as units of each curve, and what it loses of the bound.
    best: Vec<i64>,
    loss: i128,
    /// What a choice may lose: the least loss that was seen, or what this try looks for. The choice
    /// follows at the end of the layer.
    gap: i128,
    steps: u64,
    /// What the ways that were dropped lose at least.
    dropped: f64,
}

/// Units of each curve.
pub struct Counts {
    pub units: Vec<i64>,
    /// Whether nothing is better.
    pub proven: bool,
    /// How much more worth another choice may have.
    pub gap: i128,
}

impl<'a> Core<'a> {
    /// `None` if not even the least draw fits. Room is what the units of the curves may draw.
    pub fn new(curves: &'a [Curve], room: [Option<i128>; 2], change: Change<'a>) -> Option<Self> {
        let least = |r: usize| -> i128 {
            curves.iter().map(|curve| curve.draw[r].min(0) * i128::from(curve.units())).sum()
        };
        if (0..2).any(|r| room[r].is_some_and(|room| least(r) > room)) {
            return None;
        }
        let shadow = price::shadow(curves, room);
        let prices = Prices([0, 1].map(|r| {
            let most = MOST / change.most_draw(r).saturating_add(room[r].unwrap_or(0).saturating_abs());
            (shadow[r] as i128).clamp(0, most)
        }));
        let start: Vec<i64> = curves.iter().map(|c| c.worth_more_than(prices.rent(c.draw))).collect();
        let slack = [0, 1].map(|r| {
            let drawn = curves.iter().zip(&start).map(|(curve, &n)| curve.draw[r] * i128::from(n));
            room[r].map_or(0, |room| room - drawn.sum::<i128>())
        });
        let layers = curves.iter().zip(&start).enumerate();
        let mut layers: Vec<Layer> =
            layers.map(|(i, (curve, &n))| Layer::new(i, curve, n, prices.rent(curve.draw))).collect();
        layers.sort_by(|a, b| a.rate.total_cmp(&b.rate).then(a.curve.cmp(&b.curve)));
        let best = start.clone();
        let mut core =
            Self { change, prices, start, slack, layers, best, loss: 0, gap: 0, steps: 0, dropped: 0.0 };
        core.fill();
        Some(core)
    }

    pub fn solve(mut self) -> Counts {
        let mut least = 0;
        let mut limit = self.loss / FIRST_LOOK;
        let mut widths = WIDTHS.into_iter();
        let mut width = widths.next();
        while let Some(wide) = width {
            self.gap = self.loss.min(limit);
            self.dropped = limit as f64;
            if self.pass(wide) {
                if self.loss <= self.gap {
                    return Counts { units: self.best, proven: true, gap: 0 };
                }
                least = limit;
                limit = (16 * limit).max(1).min(self.loss);
            } else {
                least = least.max(self.dropped as i128);
                width = widths.next().filter(|_| self.steps <= STEPS);
            }
        }
        Counts { units: self.best, proven: false, gap: (self.loss - least).max(0) }
    }

    /// A first choice that fits: frees what is overdrawn where that loses least, then fills what is
    /// left in the same order.
    fn fill(&mut self) {
        let mut slack = self.slack;
        let curves = || {
            self.layers.iter().filter_map(|layer| Some((layer.curve, self.change.curves.get(layer.curve)?)))
        };
        for (index, curve) in curves() {
            let Some(count) = self.best.get_mut(index) else { continue };
            let needed = (0..2)
                .filter(|&r| curve.draw[r] != 0)
                .map(|r| -slack[r].min(0).div_euclid(curve.draw[r].abs()));
            let draws = curve.draw[0] + curve.draw[1] > 0;
            let most = if draws { *count } else { curve.units() - *count };
            let steps = needed.fold(0, i128::max).min(most.into());
            slack = [0, 1].map(|r| slack[r] + curve.draw[r].abs() * steps);
            let steps = i64::try_from(steps).unwrap_or(0);
            *count += if draws { -steps } else { steps };
        }
        for (index, curve) in curves() {
            let Some(count) = self.best.get_mut(index) else { continue };
            let wanted = curve.wanted() - *count;
            let draw = curve.draw.map(|draw| draw * i128::from(wanted.signum()));
            let room = (0..2).filter(|&r| draw[r] > 0).map(|r| slack[r] / draw[r]);
            let steps = room.fold(wanted.abs().into(), i128::min);
            slack = [0, 1].map(|r| slack[r] - draw[r] * steps);
            *count += i64::try_from(steps).unwrap_or(0) * wanted.signum();
        }
        let worth =
            |counts: &[i64]| self.change.curves.iter().zip(counts).map(|(c, &n)| c.worth(n)).sum::<i128>();
        self.loss = worth(&self.start) + self.prices.rent(self.slack) - worth(&self.best);
        self.gap = self.loss;
    }

    /// The layers with steps that do not lose too much, and what is left to do after each of them.
    fn open_layers(&self) -> Vec<Layer> {
        let mut layers: Vec<Layer> = self.layers.iter().filter_map(|layer| layer.trimmed(self.gap)).collect();
        let price = self.prices.0.map(|price| price as f64);
        let mut rest = [Rest::nothing(price[0]), Rest::nothing(price[1]), Rest::nothing(1.0)];
        for layer in layers.iter_mut().rev() {
            layer.rest = rest;
            for side in &layer.sides {
                let draws = [side.draw[0] as f64, side.draw[1] as f64, self.prices.rent(side.draw) as f64];
                for (rest, draw) in rest.iter_mut().zip(draws) {
                    *rest = rest.with(draw, &side.runs);
                }
            }
        }
        layers
    }

    /// Goes through all layers. Whether no way had to be dropped for want of space.
    fn pass(&mut self, width: usize) -> bool {
        let layers = self.open_layers();
        let mut paths = Paths::new();
        let cost = self.prices.rent(self.slack);
        let mut states = vec![State { slack: self.slack, cost, from: 0, step: 0 }];
        self.take(&states, &paths, 0);
        let mut next: Vec<State> = Vec::new();
        let mut complete = true;
        for layer in &layers {
            let mut limit = 4 * width;
            for state in &states {
                self.steps += layer.expand(&self.prices, state, &mut self.gap, &mut next);
                if self.steps > STEPS {
                    self.dropped = 0.0;
                    return false;
                }
                if next.len() > limit {
                    complete &= self.narrow(layer, &paths, &mut next, 2 * width);
                    limit = next.len() + 4 * width;
                }
            }
            complete &= self.narrow(layer, &paths, &mut next, width);
            next.iter_mut().for_each(|state| paths.settle(state, layer.curve));
            std::mem::swap(&mut states, &mut next);
            next.clear();
        }
        complete
    }

    /// Drops the states that cannot be best, and, which is no proof, those of the highest bound
    /// beyond `width`. Whether there were none of the latter.
    fn narrow(&mut self, layer: &Layer, paths: &Paths, states: &mut Vec<State>, width: usize) -> bool {
        let ties = Ties { change: self.change, start: &self.start, paths, curve: layer.curve };
        ties.prune(states);
        self.take(states, paths, layer.curve);
        if states.len() <= width {
            return true;
        }
        let mut ranked: Vec<(f64, State)> =
            states.iter().map(|state| (layer.least_loss(&self.prices, state), *state)).collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.dropped = ranked.get(width).map_or(self.dropped, |(loss, _)| self.dropped.min(*loss));
        states.clear();
        states.extend(ranked.into_iter().take(width).map(|(_, state)| state));
        false
    }

    /// Keeps the best of the states that fit, if it beats the best so far.
    fn take(&mut self, states: &[State], paths: &Paths, curve: usize) {
        for state in states {
            if state.cost > self.gap || state.slack.iter().any(|&slack| slack < 0) {
                continue;
            }
            let mut counts = self.start.clone();
            for (curve, step) in paths.steps(state.from).chain([(curve, state.step)]) {
                if let Some(count) = counts.get_mut(curve) {
                    *count += step;
                }
            }
            let differing = || counts.iter().zip(&self.best).enumerate().filter(|(_, (a, b))| a != b);
            let differing = || differing().map(|(curve, (&a, &b))| (curve, a, b)).collect::<Vec<_>>();
            if state.cost < self.loss || state.cost == self.loss && self.change.is_less(&differing()) {
                (self.best, self.loss) = (counts, state.cost);
                self.gap = self.gap.min(self.loss);
            }
        }
    }
}
