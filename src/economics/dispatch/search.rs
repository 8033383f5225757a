//! The search: a bounded knapsack with concave values, at most two rooms, and ties that keep the
//! present state.
//!
//! Method. Without a full room every block is on its own. Otherwise each room gets a shadow price
//! (the Lagrange multiplier), which makes the blocks independent again and gives an upper bound
//! that no choice can beat. Each step away from a block's best choice at these prices *loses* a
//! known amount of that bound; choices that lose more than the gap between the bound and the best
//! choice found so far are out. What is left, mostly a handful of blocks near the margin, is
//! enumerated depth first. All sums are integers, so equal choices are seen as equal: of those the
//! least power moved wins, then the least change by id.

/// One block, as the search sees it. Money in nano-dollars over the horizon, power in milliwatts.
#[derive(Debug, Clone)]
pub struct Item {
    pub id: String,
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
pub struct Knapsack {
    pub items: Vec<Item>,
    /// What running units may draw; `None` = no limit.
    pub room: [Option<i64>; 2],
}

#[derive(Debug, Clone)]
pub struct Found {
    pub units: Vec<u32>,
    /// Whether every other choice was ruled out.
    pub proven: bool,
}

/// Value first, then least power moved. Both exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score {
    value: i128,
    moved: std::cmp::Reverse<i128>,
}

/// Choices looked at before the search settles for [`TOLERANCE`].
const STEPS: u32 = 200_000;

/// Share of the bound that the search may leave undecided once it has used up its steps.
const TOLERANCE: f64 = 1e-7;

impl Item {
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

    /// Value of `n` units at these shadow prices (nano-dollars per milliwatt).
    fn priced(&self, n: i64, shadow: [f64; 2]) -> f64 {
        let rent = shadow[0] * self.draw[0] as f64 + shadow[1] * self.draw[1] as f64;
        self.value(n) as f64 - rent * n as f64
    }

    /// The value is concave with kinks where it is: one of them is best.
    fn best_at(&self, shadow: [f64; 2]) -> i64 {
        let inside = |n: i64| n.clamp(self.lo, self.hi);
        let mut best = inside(self.current);
        let mut best_value = self.priced(best, shadow);
        for n in [self.lo, self.hi, inside(self.committed)] {
            let value = self.priced(n, shadow);
            if value > best_value {
                (best, best_value) = (n, value);
            }
        }
        best
    }

    /// Without a limit on power: exact, ties to the least power moved.
    fn best_alone(&self) -> i64 {
        let inside = |n: i64| n.clamp(self.lo, self.hi);
        let score = |n: i64| (self.value(n), std::cmp::Reverse((n - self.current).abs()));
        [inside(self.current), self.lo, self.hi, inside(self.committed)]
            .into_iter()
            .reduce(|best, n| if score(n) > score(best) { n } else { best })
            .unwrap_or(self.lo)
    }
}

impl Knapsack {
    fn draw(&self, room: usize, units: impl Iterator<Item = i64>) -> i128 {
        self.items.iter().zip(units).map(|(item, n)| i128::from(item.draw[room]) * i128::from(n)).sum()
    }

    pub fn fits(&self, units: &[u32]) -> bool {
        (0..2).all(|r| {
            self.room[r].is_none_or(|room| self.draw(r, units.iter().map(|&n| n.into())) <= i128::from(room))
        })
    }

    pub fn score(&self, units: &[u32]) -> Score {
        let each = || self.items.iter().zip(units.iter().map(|&n| i64::from(n)));
        Score {
            value: each().map(|(item, n)| item.value(n)).sum(),
            moved: std::cmp::Reverse(each().map(|(item, n)| item.moved(n)).sum()),
        }
    }
}

/// The best choice, or `None` if not even the least draw of every block fits.
pub fn best(knapsack: &Knapsack) -> Option<Found> {
    if knapsack.items.iter().any(|item| item.lo > item.hi) {
        return None;
    }
    let alone: Vec<u32> = knapsack.items.iter().map(|item| to_units(item.best_alone())).collect();
    if knapsack.fits(&alone) {
        return Some(Found { units: alone, proven: true });
    }
    let shadow = shadow_prices(knapsack);
    Enumeration::new(knapsack, shadow)?.run()
}

fn to_units(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(0)
}

/// Shadow prices that (nearly) minimise the bound: each room in turn gets the least price at which
/// the blocks' own best choices fit it.
fn shadow_prices(knapsack: &Knapsack) -> [f64; 2] {
    let mut shadow = [0.0; 2];
    for _round in 0..4 {
        for room in 0..2 {
            let Some(limit) = knapsack.room[room] else { continue };
            let fits = |price: f64| {
                let mut at = shadow;
                at[room] = price;
                let units = knapsack.items.iter().map(|item| item.best_at(at));
                knapsack.draw(room, units) <= i128::from(limit)
            };
            shadow[room] = least_price(fits);
        }
    }
    shadow
}

fn least_price(fits: impl Fn(f64) -> bool) -> f64 {
    if fits(0.0) {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 1e-3);
    while !fits(high) && high < 1e12 {
        (low, high) = (high, high * 4.0);
    }
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if fits(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// A block that the shadow prices leave open, with its choices by rising loss.
struct Open {
    index: usize,
    choices: Vec<(f64, i64)>,
    /// Least and most that this block and all later ones draw.
    least: [i128; 2],
    most: [i128; 2],
}

struct Enumeration<'a> {
    knapsack: &'a Knapsack,
    /// Block indices by id, for ties.
    by_id: Vec<usize>,
    shadow: [f64; 2],
    bound: f64,
    best: Vec<i64>,
    best_score: Score,
    open: Vec<Open>,
    steps: u32,
}

impl<'a> Enumeration<'a> {
    fn new(knapsack: &'a Knapsack, shadow: [f64; 2]) -> Option<Self> {
        let items = &knapsack.items;
        let rent: f64 = (0..2).map(|r| shadow[r] * knapsack.room[r].unwrap_or(0) as f64).sum();
        let bound = rent + items.iter().map(|i| i.priced(i.best_at(shadow), shadow)).sum::<f64>();
        let mut by_id: Vec<usize> = (0..items.len()).collect();
        by_id.sort_by(|&a, &b| items.get(a).map(|i| &i.id).cmp(&items.get(b).map(|i| &i.id)));
        let filled = feasible(knapsack, shadow, &by_id)?;
        let present: Vec<i64> = items.iter().map(|item| item.current.clamp(item.lo, item.hi)).collect();
        let units = |n: &[i64]| n.iter().map(|&n| to_units(n)).collect::<Vec<_>>();
        let score = |n: &[i64]| knapsack.score(&units(n));
        let keep = knapsack.fits(&units(&present)) && score(&present) >= score(&filled);
        let start = if keep { present } else { filled };
        let best_score = score(&start);
        let steps = 0;
        Some(Self { knapsack, by_id, shadow, bound, best: start, best_score, open: Vec::new(), steps })
    }

    /// What the bound may still lose before it falls below the best choice, with a nano-dollar for
    /// the rounding of floats.
    fn budget(&self) -> f64 {
        let slack = if self.steps > STEPS { -TOLERANCE * self.bound.abs() } else { 1.0 };
        self.bound - self.best_score.value as f64 + slack
    }

    fn run(mut self) -> Option<Found> {
        self.open_blocks();
        let mut units: Vec<i64> = self.knapsack.items.iter().map(|item| item.best_at(self.shadow)).collect();
        let room = self.room_after(&units);
        self.descend(0, 0.0, room, &mut units);
        let proven = self.steps <= STEPS;
        Some(Found { units: self.best.iter().map(|&n| to_units(n)).collect(), proven })
    }

    /// Room left by the closed blocks.
    fn room_after(&self, units: &[i64]) -> [Option<i128>; 2] {
        let open: Vec<usize> = self.open.iter().map(|o| o.index).collect();
        let mut room = [None; 2];
        for (r, left) in room.iter_mut().enumerate() {
            let Some(limit) = self.knapsack.room[r] else { continue };
            let closed = self.knapsack.items.iter().zip(units).enumerate();
            let drawn: i128 = closed
                .filter(|(index, _)| !open.contains(index))
                .map(|(_, (item, &n))| i128::from(item.draw[r]) * i128::from(n))
                .sum();
            *left = Some(i128::from(limit) - drawn);
        }
        room
    }

    fn open_blocks(&mut self) {
        let budget = self.budget();
        for &index in &self.by_id {
            let Some(item) = self.knapsack.items.get(index) else { continue };
            let best = item.best_at(self.shadow);
            let top = item.priced(best, self.shadow);
            let loss = |n: i64| (top - item.priced(n, self.shadow)).max(0.0);
            let down = (item.lo..best).rev().take_while(|&n| loss(n) <= budget);
            let up = (best + 1..=item.hi).take_while(|&n| loss(n) <= budget);
            let mut choices: Vec<(f64, i64)> = down.chain(up).map(|n| (loss(n), n)).collect();
            if choices.is_empty() {
                continue;
            }
            choices.push((0.0, best));
            let nearness = |n: i64| (n - item.current).abs();
            choices.sort_by(|a, b| a.0.total_cmp(&b.0).then(nearness(a.1).cmp(&nearness(b.1))));
            self.open.push(Open { index, choices, least: [0; 2], most: [0; 2] });
        }
        // Big steps first: the small ones then fill what is left.
        let items = &self.knapsack.items;
        let size = |o: &Open| items.get(o.index).map_or(0, |i| i.draw[0].abs().max(i.draw[1].abs()));
        self.open.sort_by(|a, b| size(b).cmp(&size(a)).then(a.index.cmp(&b.index)));
        let (mut least, mut most) = ([0i128; 2], [0i128; 2]);
        for open in self.open.iter_mut().rev() {
            let Some(item) = items.get(open.index) else { continue };
            for r in 0..2 {
                let draws = open.choices.iter().map(|&(_, n)| i128::from(item.draw[r]) * i128::from(n));
                least[r] += draws.clone().min().unwrap_or(0);
                most[r] += draws.max().unwrap_or(0);
            }
            (open.least, open.most) = (least, most);
        }
    }

    fn descend(&mut self, depth: usize, lost: f64, room: [Option<i128>; 2], units: &mut Vec<i64>) {
        self.steps = self.steps.saturating_add(1);
        let Some(open) = self.open.get(depth) else {
            self.take(units, lost, room);
            return;
        };
        // Room that nothing can fill any more is lost, too.
        let mut idle = 0.0;
        for (r, left) in room.iter().enumerate() {
            let Some(left) = *left else { continue };
            if open.least[r] > left {
                return;
            }
            idle += self.shadow[r] * (left - open.most[r]).max(0) as f64;
        }
        if lost + idle > self.budget() {
            return;
        }
        let index = open.index;
        for choice in 0..open.choices.len() {
            let Some(&(loss, n)) = self.open.get(depth).and_then(|o| o.choices.get(choice)) else { return };
            if lost + loss > self.budget() || self.steps > 2 * STEPS {
                return;
            }
            let Some(item) = self.knapsack.items.get(index) else { return };
            let mut left = room;
            for (r, left) in left.iter_mut().enumerate() {
                *left = left.map(|l| l - i128::from(item.draw[r]) * i128::from(n));
            }
            if let Some(place) = units.get_mut(index) {
                *place = n;
            }
            self.descend(depth + 1, lost + loss, left, units);
        }
    }

    fn take(&mut self, units: &[i64], lost: f64, room: [Option<i128>; 2]) {
        if room.iter().flatten().any(|&left| left < 0) {
            return;
        }
        let idle: f64 =
            room.iter().zip(self.shadow).map(|(left, price)| left.unwrap_or(0) as f64 * price).sum();
        if lost + idle > self.budget() {
            return;
        }
        let score = self.knapsack.score(&units.iter().map(|&n| to_units(n)).collect::<Vec<_>>());
        if score > self.best_score || score == self.best_score && self.changes_less(units) {
            self.best = units.to_vec();
            self.best_score = score;
        }
    }

    /// Whether |change| by id is lexicographically smaller than that of the best so far.
    fn changes_less(&self, units: &[i64]) -> bool {
        let change = |units: &[i64], i: usize| {
            let current = self.knapsack.items.get(i).map_or(0, |item| item.current);
            (units.get(i).copied().unwrap_or(0) - current).abs()
        };
        let ours = self.by_id.iter().map(|&i| change(units, i));
        let theirs = self.by_id.iter().map(|&i| change(&self.best, i));
        ours.lt(theirs)
    }
}

/// A choice that fits: the blocks' own best at these prices, cut back where it does not, then
/// filled up where there is room.
fn feasible(knapsack: &Knapsack, shadow: [f64; 2], order: &[usize]) -> Option<Vec<i64>> {
    let items = &knapsack.items;
    let least = |item: &Item| if item.draw[0].max(item.draw[1]) > 0 { item.lo } else { item.hi };
    let mut units: Vec<i64> = items.iter().map(least).collect();
    let fits = |units: &[i64]| knapsack.fits(&units.iter().map(|&n| to_units(n)).collect::<Vec<_>>());
    if !fits(&units) {
        return None;
    }
    // By value per unit of rent: the merit order.
    let mut ranked: Vec<usize> = order.to_vec();
    let merit = |i: &usize| {
        items.get(*i).map_or(0.0, |item| {
            let rent = shadow[0] * item.draw[0] as f64 + shadow[1] * item.draw[1] as f64;
            (i128::from(item.gain) + i128::from(item.penalty)) as f64 / rent.max(1.0)
        })
    };
    ranked.sort_by(|a, b| merit(b).total_cmp(&merit(a)));
    for index in ranked {
        let Some(item) = items.get(index) else { continue };
        let (mut low, mut high) = (least(item), item.best_alone());
        // Most units of this block that still fit, towards its own best.
        while low < high {
            let middle = low + (high - low + 1) / 2;
            let mut tried = units.clone();
            if let Some(place) = tried.get_mut(index) {
                *place = middle;
            }
            if fits(&tried) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        if let Some(place) = units.get_mut(index) {
            *place = low;
        }
    }
    Some(units)
}
