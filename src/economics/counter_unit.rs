//! Whether a counter of energy is in the unit of the power beside it.

use std::time::Duration;

use crate::units::{WattHours, Watts};

use super::capture::unit_error;

/// What the counter went on by is held against the power over this time…
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// …and from so much of it on: the ledger has closed no interval by then.
const SHORTEST: Duration = Duration::from_secs(60);
/// Readings further apart than this say nothing of the time between them.
const MAX_GAP: Duration = Duration::from_secs(120);
/// Counted over reckoned energy that no unit explains: the counter is sound. It may lag, or move in coarse steps.
const SOUND: std::ops::RangeInclusive<f64> = 0.5..=2.0;

/// One meter's counter against its own power. It holds no power of a thousand for one that no ratio speaks against.
#[derive(Debug, Clone, Default)]
pub struct CounterUnit {
    window: Option<Window>,
    off_by: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    /// Monotonic, like `last`.
    since: Duration,
    first: WattHours,
    /// By the power.
    reckoned: WattHours,
    last: (Duration, Watts, WattHours),
}

impl CounterUnit {
    /// A reading of both, as of `at` (monotonic). One of a moment that was there before is left.
    pub fn observe(&mut self, at: Duration, power: Watts, counter: WattHours) {
        let fresh =
            Window { since: at, first: counter, reckoned: WattHours::ZERO, last: (at, power, counter) };
        let Some(window) = &mut self.window else {
            self.window = Some(fresh);
            return;
        };
        let (before, was, counted) = window.last;
        if at <= before {
            return;
        }
        let gap = at.saturating_sub(before);
        if gap > MAX_GAP || counter < counted {
            *window = fresh;
            return;
        }
        window.reckoned = window.reckoned + ((was + power) * 0.5).over_hours(gap.as_secs_f64() / 3600.0);
        window.last = (at, power, counter);
        let long = at.saturating_sub(window.since);
        if long < SHORTEST || window.reckoned <= WattHours::ZERO {
            return;
        }
        let ratio = (counter - window.first).get() / window.reckoned.get();
        if long >= WINDOW {
            self.window = Some(fresh);
        }
        if let Some(factor) = unit_error(ratio) {
            self.off_by = Some(factor);
        } else if SOUND.contains(&ratio) {
            self.off_by = None;
        }
    }

    /// What is observed next begins a new comparison.
    pub fn interrupt(&mut self) {
        self.window = None;
    }

    /// The power of a thousand by which the counter is off.
    pub fn off_by(&self) -> Option<f64> {
        self.off_by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a meter at 8 kW every 10 s in `from..=to`, whose counter shows `factor` times what is drawn, in steps
    /// of `grain`.
    fn observed(unit: &mut CounterUnit, from: u64, to: u64, factor: f64, grain: f64) {
        for secs in (from..=to).step_by(10) {
            let exact = 5e6 + factor * 8_000.0 * secs as f64 / 3600.0;
            let shown = WattHours::new((exact / grain).floor() * grain).unwrap();
            unit.observe(Duration::from_secs(secs), Watts::new(8_000.0).unwrap(), shown);
        }
    }

    #[test]
    fn a_counter_in_another_unit_is_seen_within_a_minute_and_one_in_the_right_unit_never_is() {
        for (factor, off_by) in
            [(1e-3, Some(1e-3)), (1e3, Some(1e3)), (1e-6, Some(1e-6)), (1.0, None), (1.9, None)]
        {
            let mut unit = CounterUnit::default();
            observed(&mut unit, 0, 50, factor, 1e-6);
            assert_eq!(unit.off_by(), None, "{factor}");
            observed(&mut unit, 60, 60, factor, 1e-6);
            assert_eq!(unit.off_by(), off_by, "{factor}");
            observed(&mut unit, 70, 7_200, factor, 1e-6);
            assert_eq!(unit.off_by(), off_by, "{factor}");
        }
    }

    #[test]
    fn a_counter_of_coarse_steps_is_no_other_unit() {
        let mut unit = CounterUnit::default();
        for to in (0..7_200).step_by(10) {
            observed(&mut unit, to, to, 1.0, 1_000.0);
            assert_eq!(unit.off_by(), None, "{to}");
        }
    }

    #[test]
    fn a_counter_that_stands_still_or_begins_anew_is_another_fault() {
        let mut unit = CounterUnit::default();
        observed(&mut unit, 0, 3_600, 0.0, 1.0);
        assert_eq!(unit.off_by(), None);
        unit.observe(Duration::from_secs(3_610), Watts::new(8_000.0).unwrap(), WattHours::new(3.0).unwrap());
        assert_eq!(unit.off_by(), None);
    }

    #[test]
    fn what_was_found_lasts_over_silence_until_a_ratio_speaks_against_it() {
        let mut unit = CounterUnit::default();
        observed(&mut unit, 0, 100, 1e-3, 1e-6);
        observed(&mut unit, 10_000, 10_050, 1.0, 1e-6);
        assert_eq!(unit.off_by(), Some(1e-3));
        observed(&mut unit, 10_060, 10_060, 1.0, 1e-6);
        assert_eq!(unit.off_by(), None);
    }
}
