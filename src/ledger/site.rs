//! The whole site in one interval: what its meter counted, against what its machines should have drawn.
//! Pure.
//!
//! A counter beats samples, and it survives silence: what it went on by belongs to the time between two
//! readings, and is shared evenly by the intervals in between that are not closed yet. Where there is no
//! counter, or it does not cover the interval, the power samples are integrated as those of the blocks.
//! [`Accruer`](super::accrual::Accruer) says when an interval ends, for both.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Now, UnixMs};
use crate::economics::energy::{self, Counted, Method};
use crate::economics::{Metering, Split};
use crate::reading::{Missing, Quality, Read, Reading};
use crate::units::{Fraction, WattHours, Watts};

use super::accrual::{JUMP_MS, interval_start};
use super::meter::{MAX_GAP, Meter, NEGLIGIBLE, Piece};
use super::rollup::DAY_MS;
use super::{Accrued, INTERVAL_MS};

/// The site in one interval.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteRow {
    pub start: UnixMs,
    /// Energy at the site's meter, watt-hours.
    pub metered_wh: Accrued,
    pub method: Method,
    /// IT energy with the blocks' own overhead and the fixed overhead, watt-hours.
    pub modelled_wh: Accrued,
    /// Energy at the plugs of all machines, watt-hours.
    pub it_wh: Accrued,
    /// Metered less IT and the blocks' own overhead; below zero where a reading or an overhead is wrong.
    /// Missing where meter and machines were not observed for the same time.
    pub residual_wh: Accrued,
    /// Version of the program that accrued the row.
    pub program: &'static str,
}

/// The site at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct SiteRates {
    /// Watts.
    power: Read<f64>,
    it: Read<f64>,
    known: Read<f64>,
    modelled: Read<f64>,
    /// Watt-hours, and when they were read.
    counter: Option<(f64, Now)>,
}

/// The interval of the site that is not over.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct OpenSite {
    power: Meter,
    counted: Meter,
    modelled: Meter,
    it: Meter,
    known: Meter,
    counter: Option<Counter>,
    /// What the counter went on by and no interval holds yet. Never outlives one observation.
    #[serde(skip)]
    span: Option<Span>,
}

/// The newest reading of the counter.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Counter {
    wh: f64,
    /// What the site drew then, as far as that was known: a step is judged by it.
    watts: Option<f64>,
    /// When it was read, by the wall clock…
    read_ms: i64,
    /// …and by the monotonic one, which begins anew with every process.
    #[serde(skip)]
    mono: Option<Duration>,
    /// Wall time up to which its energy is accounted for.
    done_ms: i64,
    /// For how long it has not moved.
    still_ms: i64,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    from_ms: i64,
    to_ms: i64,
    wh: f64,
    quality: Quality,
}

/// A step of more than twice what the site draws is none of it, unless it came after a time that long:
/// the meter was exchanged, or a digit fell over.
const MOST_OF_POWER: f64 = 2.0;
/// A counter of coarse steps, or one that others pass on now and then, may lag by this.
const MOST_LAG: Duration = Duration::from_millis(INTERVAL_MS as u64);
/// Silence longer than this is not shared out any more: nobody could tell when the energy was drawn.
const MOST_SHARED_MS: i64 = DAY_MS;

impl SiteRates {
    /// `None`: the site has no meter.
    pub fn of(split: &Split, now: Now) -> Option<Self> {
        let Metering { power, energy, it_power, known_power, modelled_power, .. } = split.metering;
        if split.metering.is_absent() {
            return None;
        }
        let watts = |read: Read<Watts>| read.map(|power| power.map(Watts::get));
        let counter = energy.ok().map(|counter| {
            let wall = UnixMs(now.wall.0.saturating_sub(millis(counter.age)));
            (counter.value.get(), Now { wall, mono: now.mono.saturating_sub(counter.age) })
        });
        Some(Self {
            power: match power {
                // An older reading says nothing of the time since.
                Ok(old) if old.age > MAX_GAP => Err(Missing::Expired),
                power => {
                    power.map(|p| Reading { value: p.value.get(), quality: p.quality, source: p.source })
                }
            },
            it: watts(it_power),
            known: watts(known_power),
            modelled: watts(modelled_power),
            counter,
        })
    }

    /// Most that the site is known to draw, watts.
    fn most_watts(&self) -> Option<f64> {
        let known = [self.power, self.modelled].into_iter().filter_map(Result::ok).map(|read| read.value);
        known.reduce(f64::max)
    }
}

impl OpenSite {
    /// From the first observation on.
    pub fn starting_with(first: &SiteRates) -> Self {
        let mut open = Self::default();
        open.read(first, i64::MIN);
        open
    }

    pub fn add(&mut self, before: &SiteRates, after: &SiteRates, piece: Piece) {
        self.power.add(before.power, after.power, piece);
        self.modelled.add(before.modelled, after.modelled, piece);
        self.it.add(before.it, after.it, piece);
        self.known.add(before.known, after.known, piece);
    }

    /// Takes in a reading of the counter, before the intervals that ended by now are closed. What it
    /// went on by since the last reading waits for [`OpenSite::settle`]. `open_from`: where the interval
    /// begins that is open.
    pub fn read(&mut self, now: &SiteRates, open_from: i64) {
        let Some((wh, read)) = now.counter else { return };
        let (read_ms, mono, watts) = (read.wall.0, Some(read.mono), now.most_watts());
        let Some(last) = self.counter else {
            self.counter = Some(Counter { wh, watts, read_ms, mono, done_ms: read_ms, still_ms: 0 });
            return;
        };
        if last.mono == mono {
            return;
        }
        let by_wall = read_ms.saturating_sub(last.read_ms);
        let passed = last.mono.map_or(by_wall, |mono| millis(read.mono.saturating_sub(mono)));
        let step = step(&last, wh, watts, passed);
        let moved = step.is_none_or(|step| step.energy.get() > 0.0 || step.resets > 0);
        let still_ms = if moved { 0 } else { last.still_ms.saturating_add(passed.max(0)) };
        let done_ms = last.done_ms.max(read_ms);
        self.counter = Some(Counter { wh, watts, read_ms, mono, done_ms, still_ms });
        let Some(Counted { energy, resets }) = step.filter(|_| (1..=MOST_SHARED_MS).contains(&passed)) else {
            return;
        };
        // A jump of the wall clock is no time that passed.
        let jumped = by_wall.saturating_sub(passed).saturating_abs() > JUMP_MS;
        let from_ms = if jumped { read_ms.saturating_sub(passed) } else { last.read_ms };
        let silent = passed > millis(MAX_GAP);
        let shared = silent && interval_start(from_ms) != interval_start(read_ms);
        let quality = if resets > 0 || shared { Quality::Estimated } else { Quality::Measured };
        let mut span = Span { from_ms, to_ms: read_ms, wh: energy.get(), quality };
        // Wall time that comes a second time is not accounted for again, and an interval that is closed
        // stays so. What came just after its end counts in the next one: the sum stays exact.
        span.cut(if silent { last.done_ms.max(open_from) } else { last.done_ms });
        self.span = Some(span);
    }

    /// The wall clock was wrong before: from here on time is accounted for again.
    pub fn leave_wrong_time(&mut self, from: i64) {
        self.counter = self.counter.map(|counter| Counter { done_ms: from, ..counter });
    }

    /// Puts what the counter went on by up to `until` into the interval that is open.
    pub fn settle(&mut self, until: i64) {
        let Some(span) = &mut self.span else { return };
        let from_ms = span.from_ms;
        let wh = span.cut(until);
        if span.from_ms > from_ms {
            self.counted.add_amount(wh, span.quality, (span.from_ms - from_ms) as f64);
        }
        if span.from_ms >= span.to_ms {
            self.span = None;
        }
    }

    pub fn close(&mut self, start: UnixMs) -> SiteRow {
        self.settle(start.0.saturating_add(INTERVAL_MS));
        let (sampled, counted) = (self.power.close(), self.counted.close());
        let whole = energy::quality(counted.coverage.get()) == Some(Quality::Measured);
        let by_counter = counted.amount.is_ok() && (whole || counted.coverage >= sampled.coverage);
        let (metered_wh, method) =
            if by_counter { (counted, Method::Counter) } else { (sampled, Method::Trapezoid) };
        let known = self.known.close();
        SiteRow {
            start,
            metered_wh,
            method,
            modelled_wh: self.modelled.close(),
            it_wh: self.it.close(),
            residual_wh: less(metered_wh, known),
            program: env!("CARGO_PKG_VERSION"),
        }
    }
}

impl Span {
    /// Takes off what lies before `until`, evenly by time, and returns it.
    fn cut(&mut self, until: i64) -> f64 {
        let cut = until.clamp(self.from_ms, self.to_ms.max(self.from_ms));
        let whole = (self.to_ms - self.from_ms) as f64;
        let part = if whole > 0.0 { self.wh * (cut - self.from_ms) as f64 / whole } else { 0.0 };
        self.wh -= part;
        self.from_ms = cut;
        part
    }
}

/// How far the counter went on; `None` if no site of this power can have drawn that.
fn step(last: &Counter, wh: f64, watts: Option<f64>, passed_ms: i64) -> Option<Counted> {
    let most_watts = [last.watts, watts].into_iter().flatten().reduce(f64::max);
    let ms = last.still_ms.saturating_add(passed_ms).max(millis(MOST_LAG)) as f64;
    // Without a power to judge by, the limits of the readings themselves are all there is.
    let most = most_watts.map_or(f64::MAX, |watts| MOST_OF_POWER * watts * ms / 3_600_000.0);
    energy::step(WattHours::new(last.wh)?, WattHours::new(wh)?, WattHours::new(most)?)
}

/// `a - b`, where both hold the same time.
fn less(a: Accrued, b: Accrued) -> Accrued {
    let same = (a.coverage.get() - b.coverage.get()).abs() <= NEGLIGIBLE;
    let amount = a.amount.and_then(|(a, quality)| {
        let (b, other) = b.amount?;
        if same { Ok((a.saturating_sub(b), quality.max(other))) } else { Err(Missing::Undefined) }
    });
    let least = if a.coverage < b.coverage { a.coverage } else { b.coverage };
    Accrued { amount, coverage: if amount.is_ok() { least } else { Fraction::ZERO } }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
