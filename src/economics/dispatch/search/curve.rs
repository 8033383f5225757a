//! Blocks whose units draw the same, joined into one concave curve.
//!
//! Of such blocks only the number of running units matters to the rooms. Which units run is
//! settled by their worth: the most valuable first, and of equal ones those that change least by
//! id. So a curve is a list of runs by falling worth, and a choice is a number of units.

use super::{Item, MOST, Weight};

/// Units of one block that are worth the same.
#[derive(Debug, Clone)]
pub struct Run {
    pub item: usize,
    pub units: i64,
    /// Worth of each unit.
    pub each: i128,
    /// The block's place by id.
    place: usize,
    /// Whether these units bring the block nearer to its present state.
    returns: bool,
}

#[derive(Debug, Clone)]
pub struct Curve {
    /// Of each unit, from each room that counts.
    pub draw: [i128; 2],
    pub runs: Vec<Run>,
}

impl Curve {
    /// All of them.
    pub fn units(&self) -> i64 {
        self.runs.iter().map(|run| run.units).sum()
    }

    /// Units that are worth something on their own.
    pub fn wanted(&self) -> i64 {
        self.worth_more_than(0)
    }

    pub fn worth(&self, units: i64) -> i128 {
        let mut left = units;
        let each = self.runs.iter().map(|run| {
            let taken = left.min(run.units);
            left -= taken;
            run.each * i128::from(taken)
        });
        each.sum()
    }

    /// Units that are worth more than this.
    pub fn worth_more_than(&self, each: i128) -> i64 {
        self.runs.iter().take_while(|run| run.each > each).map(|run| run.units).sum()
    }
}

/// The curves of these items above their least units, in an order of their own. `by_id` lists the
/// items by id; a room that does not count tells no blocks apart.
pub fn join(items: &[Item], by_id: &[usize], rooms: [bool; 2], weight: Weight) -> Vec<Curve> {
    let mut runs: Vec<([i128; 2], Run)> = Vec::with_capacity(3 * items.len());
    for (place, &index) in by_id.iter().enumerate() {
        let Some(item) = items.get(index) else { continue };
        let draw = [0, 1].map(|r| if rooms[r] { i128::from(item.draw[r]) } else { 0 });
        let inside = |n: i64| n.clamp(item.lo, item.hi);
        let mut kinks = [item.lo, inside(item.committed), inside(item.current), item.hi];
        kinks.sort_unstable();
        for (from, to) in kinks.iter().zip(kinks.iter().skip(1)) {
            let units = to - from;
            if units == 0 {
                continue;
            }
            let each = (weight.worth(item, *to) - weight.worth(item, *from)) / i128::from(units);
            runs.push((draw, Run { item: index, units, each, place, returns: *to <= item.current }));
        }
    }
    let by_change = |run: &Run| if run.returns { (0, run.place) } else { (1, usize::MAX - run.place) };
    runs.sort_by(|(draw, a), (other, b)| {
        draw.cmp(other).then(b.each.cmp(&a.each)).then_with(|| by_change(a).cmp(&by_change(b)))
    });
    let mut curves: Vec<Curve> = Vec::new();
    for (draw, run) in runs {
        match curves.last_mut() {
            Some(curve) if curve.draw == draw => curve.runs.push(run),
            _ => curves.push(Curve { draw, runs: vec![run] }),
        }
    }
    curves
}

/// The part of this room that units can fill at all: their draws have a common measure.
pub fn reachable(room: i128, index: usize, curves: &[Curve]) -> i128 {
    let measure = curves.iter().map(|curve| curve.draw[index].abs()).fold(0, common_measure);
    if measure == 0 { room } else { room - room.rem_euclid(measure) }
}

fn common_measure(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What the units of every curve change in the blocks.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub curves: &'a [Curve],
}

impl Change<'_> {
    /// Adds the units of all curves to those of the blocks.
    pub fn add(&self, counts: &[i64], units: &mut [i64]) {
        for (curve, &count) in self.curves.iter().zip(counts) {
            let mut left = count;
            for run in &curve.runs {
                let taken = left.min(run.units);
                left -= taken;
                if let Some(units) = units.get_mut(run.item) {
                    *units += taken;
                }
            }
        }
    }

    /// Whether `a` is to be preferred to `b` of equal worth: |change| by id is lexicographically
    /// smaller, or else the units are. The curves that are not listed are the same in both.
    pub fn is_less(&self, differing: &[(usize, i64, i64)]) -> bool {
        let mut changes: Vec<(usize, i64, i64, i64)> = Vec::new();
        for &(index, a, b) in differing {
            let Some(curve) = self.curves.get(index) else { continue };
            let (mut left_a, mut left_b) = (a, b);
            for run in &curve.runs {
                let (in_a, in_b) = (left_a.min(run.units), left_b.min(run.units));
                (left_a, left_b) = (left_a - in_a, left_b - in_b);
                if in_a != in_b {
                    let toward = if run.returns { -1 } else { 1 };
                    changes.push((run.place, toward * in_a, toward * in_b, in_a - in_b));
                }
            }
        }
        changes.sort_unstable();
        let mut sums: Vec<(usize, i64, i64)> = Vec::new();
        for (place, a, b, units) in changes {
            match sums.last_mut() {
                Some(sum) if sum.0 == place => (sum.1, sum.2) = (sum.1 + a - b, sum.2 + units),
                _ => sums.push((place, a - b, units)),
            }
        }
        let first = |of: fn(&(usize, i64, i64)) -> i64| sums.iter().map(of).find(|&d| d != 0);
        first(|sum| sum.1).or_else(|| first(|sum| sum.2)).is_some_and(|difference| difference < 0)
    }

    /// The most that all units together draw from a room, whatever runs.
    pub fn most_draw(&self, room: usize) -> i128 {
        let each = |curve: &Curve| curve.draw[room].saturating_abs().saturating_mul(curve.units().into());
        self.curves.iter().map(each).fold(1, |sum, draw| sum.saturating_add(draw).min(MOST))
    }
}
