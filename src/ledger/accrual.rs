//! From splits at moments to rows of intervals. Pure: no clock, no I/O.
//!
//! Which interval a moment belongs to is told by the wall clock, how long it lasted by the monotonic
//! one. Every moment of wall time is accrued at most once: while the wall clock repeats what it has
//! shown before, nothing accrues, and [`Accruer::repeated`] counts it. If it went back so far that it
//! must have been wrong before, or into time that it had jumped over, accrual goes on at the new time;
//! an interval that comes up again then keeps its first row in the store, if that holds an amount. Wall time that was never shown is in the rows as time that
//! is not covered.
//!
//! [`Accruer::open_interval`] is what a process that ends leaves to the next one: [`Accruer::resume`]
//! goes on with it, so that an interval with a restart inside is still one row, which holds what
//! both observed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Now, UnixMs};
use crate::economics::regret::Margins;
use crate::economics::{Class, Split};
use crate::reading::Read;
use crate::units::{Usd, UsdPerMwh, UsdPerPhDay};

use super::decision::{DecisionRow, OpenDecision};
use super::hosting::{HostingRow, OpenHostings};
use super::meter::{MAX_GAP, Mean, Meter, Piece};
use super::observation::{Observation, Rates};
use super::site::{OpenSite, SiteRow};
use super::{INTERVAL_MS, Row};

/// Before 2025 the clock of a box without a battery is not set yet.
const CLOCK_IS_SET_MS: i64 = 1_735_689_600_000;
/// Wall and monotonic clock may drift apart by this between two observations before it is a jump.
pub(super) const JUMP_MS: i64 = 1_000;
/// Rows without an amount that one jump or silence may add, a day's worth; the rest is counted in
/// [`Accruer::skipped_intervals`].
const MAX_EMPTY_INTERVALS: i64 = 288;
/// A wall clock that goes back by more than this was wrong before, and is not waited for.
const MAX_REPEAT_MS: i64 = 3_600_000;
/// Jumps ahead that are remembered, in case the clock is set back.
const MOST_JUMPS: usize = 8;

/// Accrues the split, observation by observation.
#[derive(Debug, Default)]
pub struct Accruer {
    /// Pool of each group that works for one that is read.
    pools: BTreeMap<String, String>,
    last: Option<Observation>,
    /// Wall time up to which all is accounted for; 0 before the first observation.
    done_ms: i64,
    blocks: BTreeMap<(Class, String), Open>,
    hashprice: Mean,
    power_price: Mean,
    btc_usd: Mean,
    /// `None`: the site has no meter.
    site: Option<OpenSite>,
    hostings: OpenHostings,
    decision: OpenDecision,
    /// Wall time that the clock jumped over: from, to. Nothing was accrued in it.
    jumped_over: Vec<(i64, i64)>,
    /// How often the wall clock was set back since the start.
    pub steps_back: u32,
    /// Time that the wall clock showed twice: not accrued.
    pub repeated: Duration,
    /// Intervals inside a silence too long to write each as a row.
    pub skipped_intervals: u64,
}

/// Intervals that ended.
#[derive(Debug, Default)]
pub struct Closed {
    pub rows: Vec<Row>,
    /// Of the site's meter.
    pub site_rows: Vec<SiteRow>,
    pub hosting_rows: Vec<HostingRow>,
    pub decisions: Vec<DecisionRow>,
}

impl Closed {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.site_rows.is_empty() && self.decisions.is_empty()
    }
}

/// The interval of one block that is not over.
#[derive(Debug, Default)]
struct Open {
    energy: Meter,
    revenue: Meter,
    cost: Meter,
}

/// What was accrued of the interval that is not over, as a process leaves it to the next one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenInterval {
    done_ms: i64,
    blocks: Vec<OpenBlock>,
    hashprice: Mean,
    power_price: Mean,
    btc_usd: Mean,
    /// Absent also in what an older wattsplit left.
    #[serde(default)]
    site: Option<OpenSite>,
    /// As the one before.
    #[serde(default)]
    hostings: OpenHostings,
    #[serde(default)]
    decision: OpenDecision,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct OpenBlock {
    class: String,
    block: String,
    energy: Meter,
    revenue: Meter,
    cost: Meter,
}

impl Accruer {
    /// `pools`: the pool that each group of miners works for.
    pub fn new(pools: BTreeMap<String, String>) -> Self {
        Self { pools, ..Self::default() }
    }

    /// The state for [`Accruer::resume`]; `None` before the first observation.
    pub fn open_interval(&self) -> Option<OpenInterval> {
        let block = |((class, block), open): (&(Class, String), &Open)| OpenBlock {
            class: class.as_str().to_owned(),
            block: block.clone(),
            energy: open.energy.clone(),
            revenue: open.revenue.clone(),
            cost: open.cost.clone(),
        };
        (self.done_ms > 0).then(|| OpenInterval {
            done_ms: self.done_ms,
            blocks: self.blocks.iter().map(block).collect(),
            hashprice: self.hashprice,
            power_price: self.power_price,
            btc_usd: self.btc_usd,
            site: self.site.clone(),
            hostings: self.hostings.clone(),
            decision: self.decision.clone(),
        })
    }

    /// Goes on where another process stopped. The time in between was not observed: the next
    /// observation closes the intervals that ended by then, and they say how much they cover.
    pub fn resume(&mut self, open: OpenInterval) {
        let OpenInterval { done_ms, blocks, hashprice, power_price, btc_usd, site, hostings, decision } =
            open;
        let known = blocks.into_iter().filter_map(|b| {
            let OpenBlock { class, block, energy, revenue, cost } = b;
            let class = [Class::Hash, Class::Ai].into_iter().find(|known| known.as_str() == class)?;
            Some(((class, block), Open { energy, revenue, cost }))
        });
        *self = Self {
            done_ms,
            blocks: known.collect(),
            hashprice,
            power_price,
            btc_usd,
            site,
            hostings,
            decision,
            ..std::mem::take(self)
        };
    }

    /// Takes the split of this moment, and how well it is decided. Returns the rows of the intervals that
    /// ended since the last observation: by interval, then by class and block.
    pub fn observe(&mut self, split: &Split, margins: Read<Margins>, now: Now) -> Closed {
        let wall = now.wall.0;
        if wall < CLOCK_IS_SET_MS {
            return Closed::default();
        }
        let next = Observation::of(split, margins, now);
        let mut closed = Closed::default();
        if let (Some(open), Some(rates)) = (&mut self.site, &next.site) {
            open.read(rates, interval_start(self.done_ms));
        }
        match self.last.take() {
            Some(last) => self.accrue(&last, &next, &mut closed),
            None => self.begin(wall, &mut closed),
        }
        if !closed.is_empty() {
            // A block or a meter that is gone has had its last row.
            self.blocks.retain(|key, _| next.blocks.contains_key(key));
            self.site = self.site.take().filter(|_| next.site.is_some());
            self.hostings.keep(&next.hostings);
        }
        self.start_with(next);
        closed
    }

    /// The first observation of this process: nothing is known of the time before it.
    fn begin(&mut self, wall: i64, closed: &mut Closed) {
        if self.done_ms == 0 {
            self.done_ms = wall;
        }
        self.leave_wrong_time(wall, wall, closed);
        if wall > self.done_ms {
            self.jump_over(self.done_ms, wall);
            self.advance(wall, closed);
        }
    }

    fn jump_over(&mut self, from: i64, to: i64) {
        if self.jumped_over.len() >= MOST_JUMPS {
            self.jumped_over.remove(0);
        }
        self.jumped_over.push((from, to));
    }

    /// A wall clock that goes back too far, or to where it jumped from, was wrong before: its interval
    /// ends there, and accrual goes on at the time that it shows now.
    fn leave_wrong_time(&mut self, wall: i64, from: i64, closed: &mut Closed) {
        let jumped = self.jumped_over.iter().rev().find(|(left, landed)| (*left..*landed).contains(&wall));
        let jumped = jumped.filter(|_| self.done_ms > wall).copied();
        if self.done_ms - wall > MAX_REPEAT_MS || jumped.is_some() {
            self.close(UnixMs(interval_start(self.done_ms)), closed);
            self.done_ms = jumped.map_or(from, |(left, _)| from.max(left));
            self.jumped_over.retain(|(_, landed)| *landed <= self.done_ms);
            if let Some(site) = &mut self.site {
                site.leave_wrong_time(self.done_ms);
            }
        }
    }

    fn accrue(&mut self, last: &Observation, next: &Observation, closed: &mut Closed) {
        let wall = next.at.wall.0;
        let elapsed = next.at.since(last.at);
        let elapsed_ms = elapsed.as_secs_f64() * 1e3;
        let drift = (wall - last.at.wall.0).saturating_sub(elapsed_ms.round() as i64);
        // After a jump the time that passed is put before the new wall time: the old one was wrong.
        let from = if drift.abs() > JUMP_MS { wall - elapsed_ms.round() as i64 } else { last.at.wall.0 };
        if drift < -JUMP_MS {
            self.steps_back = self.steps_back.saturating_add(1);
        } else if drift > JUMP_MS {
            self.jump_over(last.at.wall.0, from);
        }
        self.leave_wrong_time(wall, from, closed);
        let fresh_from = from.max(self.done_ms);
        if fresh_from > from {
            let repeated = (fresh_from.min(wall) - from).max(0);
            self.repeated += Duration::from_millis(u64::try_from(repeated).unwrap_or(0));
        }
        if wall > fresh_from {
            self.advance(fresh_from, closed);
            if elapsed <= MAX_GAP {
                let fraction = |t: i64| (t - from) as f64 / (wall - from) as f64;
                let mut at = fresh_from;
                while at < wall {
                    let until = wall.min(interval_start(at) + INTERVAL_MS);
                    let (start, to) = (fraction(at), fraction(until));
                    // Prices change with an interval: what is after its end goes by the new ones.
                    let prices = if interval_start(at) == interval_start(from) { last } else { next };
                    let piece = Piece { from: start, to, ms: (to - start) * elapsed_ms };
                    self.add((last, next), prices, piece);
                    self.advance(until, closed);
                    at = until;
                }
            }
            self.advance(wall, closed);
        }
    }

    fn start_with(&mut self, next: Observation) {
        for key in next.blocks.keys() {
            if !self.blocks.contains_key(key) {
                self.blocks.insert(key.clone(), Open::default());
            }
        }
        self.hostings.see(&next.hostings);
        match (&mut self.site, &next.site) {
            (Some(open), _) => open.settle(next.at.wall.0),
            (None, Some(first)) => self.site = Some(OpenSite::starting_with(first)),
            (None, None) => {}
        }
        self.last = Some(next);
    }

    fn add(&mut self, (last, next): (&Observation, &Observation), prices: &Observation, piece: Piece) {
        for (key, before) in &last.blocks {
            let (Some(after), Some(open)) = (next.blocks.get(key), self.blocks.get_mut(key)) else {
                continue;
            };
            open.energy.add(before.power, after.power, piece);
            open.revenue.add(before.revenue, after.revenue, piece);
            let cost = |rates: &Rates, at: &Observation| {
                rates.cost.map(|cost| cost.map(|cost| cost * reprice(at.power_price, prices.power_price)))
            };
            open.cost.add(cost(before, last), cost(after, next), piece);
        }
        if let (Some(before), Some(after), Some(open)) = (&last.site, &next.site, &mut self.site) {
            open.add(before, after, piece);
        }
        self.hostings.add(&last.hostings, &next.hostings, piece);
        self.decision.add(last.margins, next.margins, piece);
        // A price holds until the next one is seen, or until the interval is over.
        self.hashprice.add(prices.hashprice, piece.ms);
        self.power_price.add(prices.power_price, piece.ms);
        self.btc_usd.add(prices.btc_usd, piece.ms);
    }

    /// Accounts for the wall time up to `until`, and closes the intervals that end by then.
    fn advance(&mut self, until: i64, closed: &mut Closed) {
        let mut ended = 0;
        while interval_start(self.done_ms) + INTERVAL_MS <= until {
            let start = interval_start(self.done_ms);
            let left = (interval_start(until) - start) / INTERVAL_MS;
            if ended > MAX_EMPTY_INTERVALS {
                self.skipped_intervals += u64::try_from(left).unwrap_or(0);
                break;
            }
            self.close(UnixMs(start), closed);
            self.done_ms = start + INTERVAL_MS;
            ended += 1;
        }
        self.done_ms = until;
    }

    fn close(&mut self, start: UnixMs, closed: &mut Closed) {
        let hashprice = self.hashprice.close().and_then(UsdPerPhDay::new);
        let power_price = self.power_price.close().and_then(UsdPerMwh::new);
        let btc_usd = self.btc_usd.close().and_then(Usd::new);
        closed.site_rows.extend(self.site.as_mut().map(|site| site.close(start)));
        closed.hosting_rows.extend(self.hostings.close(start));
        closed.decisions.push(self.decision.close(start));
        for ((class, block), open) in &mut self.blocks {
            closed.rows.push(Row {
                start,
                class: *class,
                block: block.clone(),
                pool: pool_of(&self.pools, *class, block),
                energy_wh: open.energy.close(),
                revenue_micro_usd: open.revenue.close(),
                cost_micro_usd: open.cost.close(),
                hashprice: hashprice.filter(|_| *class == Class::Hash),
                power_price,
                btc_usd: btc_usd.filter(|_| *class == Class::Hash),
                program: env!("CARGO_PKG_VERSION"),
            });
        }
    }
}

/// What turns a cost at one price into that at another.
fn reprice(from: Option<f64>, to: Option<f64>) -> f64 {
    match (from, to) {
        (Some(from), Some(to)) if from != 0.0 => to / from,
        _ => 1.0,
    }
}

/// Hash blocks are named `<group>-<model>`, and there is no `-` in the model's part.
fn pool_of(pools: &BTreeMap<String, String>, class: Class, block: &str) -> Option<String> {
    let (group, _) = block.rsplit_once('-').filter(|_| class == Class::Hash)?;
    pools.get(group).cloned()
}

pub(super) fn interval_start(ms: i64) -> i64 {
    ms.div_euclid(INTERVAL_MS) * INTERVAL_MS
}
