//! The search: a bounded knapsack with concave values, at most two rooms, and ties that keep the
//! present state. It is exact where it ends by proof, and says so where it does not.
//!
//! Method. Without a full room every block is on its own. Otherwise blocks whose units draw the
//! same are first joined into one ([`curve`]): which of them run is a matter of their own merit
//! order. Each room then gets a shadow price (the Lagrange multiplier, [`price`]), which makes the
//! curves independent again and gives a bound that no choice can beat. Each step away from a
//! curve's best choice at these prices *loses* a known amount of that bound, and so does room that
//! stays idle. Choices that lose more than the best choice found so far are out. What is left,
//! mostly a few curves near the margin, is gone through curve by curve ([`core`]): of all ways to
//! choose for the curves so far, those are kept that no other way beats in worth and in room left
//! ([`states`]).
//!
//! All sums are integers, so that equal choices are seen as equal. Worth is one integer: value
//! first, then least power moved ([`Weight`]); of equal worth, the least change by id wins.

use std::cmp::Reverse;

mod core;
mod curve;
mod layer;
mod price;
mod states;

use self::core::Core;
use self::curve::{Change, reachable};

/// One block, as the search sees it. Money in nano-dollars over the horizon, power in milliwatts.
/// `penalty`, `start` and `stop` are not negative: the value of its units is concave.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    pub id: &'a str,
    pub lo: i64,
    pub hi: i64,
    pub current: i64,
    pub committed: i64,
    /// Of each running unit.
    pub gain: i64,
    /// For each unit short of `committed`.
    pub penalty: i64,
    pub start: i64,
    pub stop: i64,
    /// What a running unit draws more than a stopped one, from each room.
    pub draw: [i64; 2],
}

#[derive(Debug, Clone)]
pub struct Knapsack<'a> {
    pub items: Vec<Item<'a>>,
    /// What running units may draw; `None` = no limit.
    pub room: [Option<i64>; 2],
}

#[derive(Debug, Clone)]
pub struct Found {
    pub units: Vec<u32>,
    /// Whether every other choice was ruled out.
    pub proven: bool,
    /// How much more another choice may be worth, in nano-dollars: 0 with a proof.
    pub gap: i128,
    /// Rooms without which a choice would be better.
    pub binding: [bool; 2],
}

/// Value first, then least power moved. Both exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    value: i128,
    moved: Reverse<i128>,
}

impl Item<'_> {
    fn value(&self, n: i64) -> i128 {
        let part = |each: i64, units: i64| i128::from(each) * i128::from(units.max(0));
        i128::from(self.gain) * i128::from(n)
            - part(self.penalty, self.committed - n)
            - part(self.start, n - self.current)
            - part(self.stop, self.current - n)
    }

    fn moved(&self, n: i64) -> i128 {
        i128::from((n - self.current).abs()) * i128::from(self.draw[0].abs())
    }

    /// Without a limit on power: the value is concave, so one of its kinks is best. Ties to the
    /// least change.
    fn best_alone(&self) -> i64 {
        let inside = |n: i64| n.clamp(self.lo, self.hi);
        let score = |n: i64| (self.value(n), Reverse((n - self.current).abs()));
        [inside(self.current), self.lo, self.hi, inside(self.committed)]
            .into_iter()
            .reduce(|best, n| if score(n) > score(best) { n } else { best })
            .unwrap_or(self.lo)
    }
}

impl Knapsack<'_> {
    fn fits_room(&self, room: usize, units: &[u32]) -> bool {
        let drawn =
            || self.items.iter().zip(units).map(|(item, &n)| i128::from(item.draw[room]) * i128::from(n));
        self.room[room].is_none_or(|room| drawn().sum::<i128>() <= i128::from(room))
    }

    pub fn fits(&self, units: &[u32]) -> bool {
        (0..2).all(|room| self.fits_room(room, units))
    }

    fn score(&self, units: &[u32]) -> Score {
        let each = || self.items.iter().zip(units.iter().map(|&n| i64::from(n)));
        Score {
            value: each().map(|(item, n)| item.value(n)).sum(),
            moved: Reverse(each().map(|(item, n)| item.moved(n)).sum()),
        }
    }
}

/// The best choice, or `None` if not even the least draw of every block fits.
pub fn best(knapsack: &Knapsack) -> Option<Found> {
    if knapsack.items.iter().any(|item| item.lo > item.hi) {
        return None;
    }
    let alone: Vec<u32> = knapsack.items.iter().map(|item| to_units(item.best_alone())).collect();
    let tight = [!knapsack.fits_room(0, &alone), !knapsack.fits_room(1, &alone)];
    let alone = Choice { units: alone, proven: true, gap: 0 };
    // With fewer rooms the best can only be better: if it fits the other room, it is the best.
    let with = |rooms: [bool; 2]| match rooms {
        [false, false] => Some(alone.clone()),
        _ => limited(knapsack, rooms),
    };
    let only = [with([tight[0], false])?, with([false, tight[1]])?];
    let best = if knapsack.fits(&only[0].units) {
        only[0].clone()
    } else if knapsack.fits(&only[1].units) {
        only[1].clone()
    } else {
        with([true, true])?
    };
    let score = knapsack.score(&best.units);
    let without = |room: usize| knapsack.score(&only[1 - room].units) > score;
    let binding = [tight[0] && without(0), tight[1] && without(1)];
    Some(Found { units: best.units, proven: best.proven, gap: best.gap, binding })
}

#[derive(Debug, Clone)]
struct Choice {
    units: Vec<u32>,
    proven: bool,
    gap: i128,
}

fn to_units(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(0)
}

/// The best choice under the limits of these rooms alone.
fn limited(knapsack: &Knapsack, rooms: [bool; 2]) -> Option<Choice> {
    let items = &knapsack.items;
    let mut by_id: Vec<usize> = (0..items.len()).collect();
    by_id.sort_by_key(|&i| items.get(i).map(|item| item.id));
    let (weight, counted) = Weight::of(items);
    let curves = curve::join(items, &by_id, rooms, weight);
    let room = |r: usize| {
        let limit = knapsack.room[r].filter(|_| rooms[r])?;
        let least = items.iter().map(|item| i128::from(item.draw[r]) * i128::from(item.lo));
        Some(reachable(i128::from(limit) - least.sum::<i128>(), r, &curves))
    };
    let change = Change { curves: &curves };
    let counts = Core::new(&curves, [room(0), room(1)], change)?.solve();
    let mut units: Vec<i64> = items.iter().map(|item| item.lo).collect();
    change.add(&counts.units, &mut units);
    let units: Vec<u32> = units.into_iter().map(to_units).collect();
    // Never worse than to leave all as it is, proof or not.
    let present: Vec<u32> = items.iter().map(|item| to_units(item.current.clamp(item.lo, item.hi))).collect();
    let keep = !counts.proven
        && (0..2).all(|r| !rooms[r] || knapsack.fits_room(r, &present))
        && knapsack.score(&present) >= knapsack.score(&units);
    let gap = counts.gap / weight.value + i128::from(counts.gap % weight.value > 0);
    Some(Choice { units: if keep { present } else { units }, proven: counts.proven && counted, gap })
}

/// Makes one integer of value and power moved: worth = value × `value` − moved × `moved`.
#[derive(Debug, Clone, Copy)]
struct Weight {
    value: i128,
    moved: i128,
}

/// Worth, and what shadow prices make of it, stays below this.
const MOST: i128 = 1 << 120;

impl Weight {
    /// Also whether it fits 128 bits. Only absurd sums do not; then power moved is left out.
    fn of(items: &[Item]) -> (Self, bool) {
        let ends = |item: &Item| [item.lo, item.hi, item.current.clamp(item.lo, item.hi)];
        let most = |worth: &dyn Fn(&Item, i64) -> i128| -> i128 {
            let each = items.iter().map(|item| ends(item).map(|n| worth(item, n).saturating_abs()));
            each.map(|worths| worths.into_iter().fold(0, i128::max)).fold(0, i128::saturating_add)
        };
        let value = most(&|item, n| item.value(n)).max(1);
        let moved = most(&|item, n| item.moved(n)).saturating_add(1);
        match value.checked_mul(moved) {
            Some(worth) if worth < MOST / 8 => (Self { value: moved, moved: 1 }, true),
            _ => (Self { value: 1, moved: 0 }, false),
        }
    }

    fn worth(self, item: &Item, n: i64) -> i128 {
        self.value * item.value(n) - self.moved * item.moved(n)
    }
}
