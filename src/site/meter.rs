//! The site's power meter as it ages.

use std::time::Duration;

use crate::clock::Now;
use crate::reading::{MeterSample, Quality, Reading};
use crate::units::{WattHours, Watts};

use super::held::Held;
use super::view::{Aged, Current, MeterView};

/// Missed readings after which the meter is stale: two lost requests must not make the site's power
/// another figure for a moment.
const FRESH_INTERVALS: u32 = 3;
/// However often it is asked.
const SHORTEST_FRESH: Duration = Duration::from_secs(15);
/// How much longer its last reading is shown as stale.
const GRACE: Duration = Duration::from_secs(10 * 60);

#[derive(Debug)]
pub(super) struct Meter {
    interval: Duration,
    power: Held<Reading<Watts>>,
    energy: Held<Reading<WattHours>>,
}

impl Default for Meter {
    fn default() -> Self {
        Self { interval: Duration::ZERO, power: Held::new(), energy: Held::new() }
    }
}

impl Meter {
    pub fn apply(&mut self, at: Now, sample: MeterSample) {
        self.interval = sample.interval;
        let (power, energy) = match sample.report {
            Ok(report) => (report.power, report.energy),
            Err(why) => (Err(why), Err(why)),
        };
        self.power.record_dated(at, sample.observed, power);
        self.energy.record_dated(at, sample.observed, energy);
    }

    /// How far the clock is ahead that dates its readings.
    pub fn clock_ahead(&self) -> Option<Duration> {
        self.power.clock_ahead().or(self.energy.clock_ahead())
    }

    pub fn view(&self, now: Now) -> MeterView {
        MeterView { power: self.current(&self.power, now), energy: self.current(&self.energy, now) }
    }

    fn current<T: Copy>(&self, held: &Held<Reading<T>>, now: Now) -> Current<T> {
        let fresh = self.interval.saturating_mul(FRESH_INTERVALS).max(SHORTEST_FRESH);
        let holding = held.current(now, fresh.saturating_add(GRACE))?;
        let best = if holding.age <= fresh { Quality::Measured } else { Quality::Stale };
        let Reading { value, quality, source } = holding.value.at_best(best);
        Ok(Aged { value, quality, source, age: holding.age })
    }
}
