//! One step of all blocks: which joint states can follow, and the least that the step loses.

use super::losses::Chain;
use super::search::to_u16;

/// What rounding may add to a bound that is reckoned in floats.
const MARGIN: f64 = 1.0 - 1e-9;

/// Joint state of all blocks after a step.
#[derive(Debug, Clone)]
pub struct Joint {
    pub states: Box<[u16]>,
    pub lost: i128,
    /// Which joint state of the step before.
    pub from: usize,
}

pub struct Step<'a> {
    pub chains: &'a [Chain<'a>],
    pub t: usize,
    pub room: i64,
    /// Of room.
    pub rent: i128,
    /// The most that the step can be paid.
    pub paid: i128,
    /// States that have lost as much are out.
    pub most: i128,
}

/// A block's other choice.
#[derive(Debug, Clone, Copy)]
struct Flip {
    block: usize,
    to: u16,
    /// What it loses more than the first choice, with the rent of what it draws more.
    loss: i128,
    draw: i64,
}

/// What some flips can do about slack, at best: how much, and at what loss per milliwatt.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    frees: i64,
    fills: i64,
    free: f64,
    fill: f64,
}

impl Step<'_> {
    /// Adds all joint states that can follow, and says how many decisions it looked at, `looks` at
    /// most or one more.
    pub fn expand(&self, joint: &Joint, from: usize, looks: u64, next: &mut Vec<Joint>) -> u64 {
        let mut states = joint.states.clone();
        let (mut slack, mut lost, mut flips) = (self.room, joint.lost + self.paid, Vec::new());
        for (block, (chain, place)) in self.chains.iter().zip(&mut states).enumerate() {
            let state = usize::from(*place);
            let draw = |on| chain.block.draw(on);
            let cost = |on| {
                let loss = chain.loss(self.t, state, on)?;
                Some(loss - if on { chain.price(self.t) } else { 0 } + self.rent * i128::from(draw(on)))
            };
            let on = match (cost(false), cost(true)) {
                (Some(off), Some(on)) => on <= off,
                (_, on) => on.is_some(),
            };
            let (Some(to), Some(least)) = (chain.next(state, on), cost(on)) else { return 1 };
            *place = to_u16(to);
            slack -= draw(on);
            lost += least;
            if let (Some(other), Some(to)) = (cost(!on), chain.next(state, !on)) {
                let (to, draw) = (to_u16(to), draw(!on) - draw(on));
                flips.push(Flip { block, to, loss: other - least, draw });
            }
        }
        // Less the rent of all room: that of idle room remains.
        let lost = lost - self.rent * i128::from(self.room);
        flips.retain(|flip| lost + flip.loss < self.most);
        flips.sort_by_key(|flip| (flip.loss, flip.block));
        let mut last = Ahead { frees: 0, fills: 0, free: f64::INFINITY, fill: f64::INFINITY };
        let mut ahead = vec![last];
        for flip in flips.iter().rev() {
            let rate = flip.loss as f64 / flip.draw.abs() as f64;
            if flip.draw < 0 {
                last = Ahead { frees: last.frees - flip.draw, free: last.free.min(rate), ..last };
            } else {
                last = Ahead { fills: last.fills + flip.draw, fill: last.fill.min(rate), ..last };
            }
            ahead.push(last);
        }
        ahead.reverse();
        let mut walk =
            Walk { step: self, flips: &flips, ahead: &ahead, from, states, looks, looked: 0, next };
        walk.go(0, lost, slack);
        walk.looked
    }
}

/// All sets of flips, depth first.
struct Walk<'a> {
    step: &'a Step<'a>,
    flips: &'a [Flip],
    ahead: &'a [Ahead],
    from: usize,
    states: Box<[u16]>,
    looks: u64,
    looked: u64,
    next: &'a mut Vec<Joint>,
}

impl Walk<'_> {
    /// `lost` without the rent of idle room.
    fn go(&mut self, at: usize, lost: i128, slack: i64) {
        self.looked += 1;
        let Some(ahead) = self.ahead.get(at).filter(|_| self.looked <= self.looks) else { return };
        if self.least(ahead, slack) * MARGIN >= (self.step.most - lost) as f64 {
            return;
        }
        let Some(&flip) = self.flips.get(at) else {
            let lost = lost + self.step.rent * i128::from(slack);
            if slack >= 0 && lost < self.step.most {
                self.next.push(Joint { states: self.states.clone(), lost, from: self.from });
            }
            return;
        };
        self.go(at + 1, lost, slack);
        if lost + flip.loss < self.step.most {
            let Some(place) = self.states.get_mut(flip.block) else { return };
            let old = std::mem::replace(place, flip.to);
            self.go(at + 1, lost + flip.loss, slack - flip.draw);
            if let Some(place) = self.states.get_mut(flip.block) {
                *place = old;
            }
        }
    }

    /// The least that this much slack still loses.
    fn least(&self, ahead: &Ahead, slack: i64) -> f64 {
        let rent = self.step.rent as f64;
        if slack < 0 {
            return if -slack > ahead.frees { f64::INFINITY } else { -slack as f64 * ahead.free };
        }
        let filled = if ahead.fill < rent { slack.min(ahead.fills) } else { 0 };
        let fill = if filled > 0 { filled as f64 * ahead.fill } else { 0.0 };
        fill + (slack - filled) as f64 * rent
    }
}

/// The least that one step loses, `most` at most: each block off or on at these costs and draws, of
/// what the step can be paid.
pub fn least_loss(choices: &[([i128; 2], [i64; 2])], room: i64, rent: i128, paid: i128, most: i128) -> i128 {
    let cheapest = |costs: &[i128; 2], draws: &[i64; 2]| {
        let each = costs.iter().zip(draws).map(|(cost, &draw)| cost + rent * i128::from(draw));
        each.min().unwrap_or(0)
    };
    let mut ahead: i128 = choices.iter().map(|(costs, draws)| cheapest(costs, draws)).sum();
    // Ways to choose so far: room left, and cost.
    let mut ways: Vec<(i64, i128)> = vec![(room, paid)];
    for (costs, draws) in choices {
        ahead -= cheapest(costs, draws);
        let mut next: Vec<(i64, i128)> = Vec::with_capacity(2 * ways.len());
        for &(slack, cost) in &ways {
            let each = costs.iter().zip(draws).map(|(more, draw)| (slack - draw, cost + more));
            next.extend(each.filter(|&(slack, cost)| cost - rent * i128::from(slack) + ahead < most));
        }
        next.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut best = i128::MAX;
        next.retain(|way| {
            let keep = way.1 < best;
            best = best.min(way.1);
            keep
        });
        ways = next;
        if ways.len() > MOST_WAYS {
            return 0;
        }
    }
    let costs = ways.iter().filter(|(slack, _)| *slack >= 0).map(|&(_, cost)| cost);
    costs.min().unwrap_or(most).clamp(0, most.max(0))
}

/// Ways beyond which a step is taken to lose nothing.
const MOST_WAYS: usize = 20_000;
