//! From rates at moments to an amount over an interval.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::economics::energy;
use crate::reading::{Missing, Quality, Read};
use crate::units::Fraction;

use super::{Accrued, INTERVAL_MS};

/// Observations further apart than this say nothing about the time between them.
pub const MAX_GAP: Duration = Duration::from_secs(120);
/// A quality that holds for no more than this share of the observed time does not taint the rest.
pub const NEGLIGIBLE: f64 = 0.01;

/// Quality of a sum, estimated at best unless it is `complete`. What holds for a negligible part of the
/// `covered` time does not taint the rest.
pub(super) fn quality_of_sum(covered: f64, [estimated, stale]: [f64; 2], complete: bool) -> Quality {
    let matters = |part: f64| part > covered * NEGLIGIBLE;
    if matters(stale) {
        Quality::Stale
    } else if matters(estimated) || !complete {
        Quality::Estimated
    } else {
        Quality::Measured
    }
}

/// Whether so much of the time is covered that the amount counts as measured.
pub(super) fn is_complete(coverage: f64) -> bool {
    energy::quality(coverage) == Some(Quality::Measured)
}

/// Sums a rate over one interval after the other.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Meter {
    amount: f64,
    /// Observed milliseconds, by quality in the order of [`QUALITIES`].
    observed_ms: [f64; 3],
    /// Why the rate was last unknown. Not kept over a restart, which is a reason of its own.
    #[serde(skip)]
    missing: Option<Missing>,
    /// What rounding to integers left over so far: the sum of the rows stays exact.
    carry: f64,
}

const QUALITIES: [Quality; 3] = [Quality::Measured, Quality::Estimated, Quality::Stale];

/// A part of the time between two observations.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    /// Where it begins and ends, as fractions of that time.
    pub from: f64,
    pub to: f64,
    pub ms: f64,
}

impl Meter {
    /// Adds `piece` of the time between two observations of the rate, in units per hour: the
    /// trapezoid rule, exact for ramps. Nothing if either is missing.
    pub fn add(&mut self, before: Read<f64>, after: Read<f64>, piece: Piece) {
        match (before, after) {
            (Ok(before), Ok(after)) => {
                let middle = (piece.from + piece.to) / 2.0;
                let mean = before.value + (after.value - before.value) * middle;
                self.amount += mean * piece.ms / 3_600_000.0;
                self.observe(before.quality.max(after.quality), piece.ms);
            }
            (Err(why), _) | (_, Err(why)) => self.missing = Some(why),
        }
    }

    /// Adds an amount that was counted over `ms` of the interval.
    pub fn add_amount(&mut self, amount: f64, quality: Quality, ms: f64) {
        self.amount += amount;
        self.observe(quality, ms);
    }

    fn observe(&mut self, quality: Quality, ms: f64) {
        for (observed_ms, of) in self.observed_ms.iter_mut().zip(QUALITIES) {
            if of == quality {
                *observed_ms += ms;
            }
        }
    }

    /// The amount of the interval that ends now, in whole units; the next one starts.
    pub fn close(&mut self) -> Accrued {
        let observed: f64 = self.observed_ms.iter().sum();
        // The monotonic clock may run a little faster than the wall clock.
        let coverage = (observed / INTERVAL_MS as f64).min(1.0);
        let worst = QUALITIES.into_iter().zip(self.observed_ms);
        let worst = worst.filter(|(_, ms)| *ms > observed * NEGLIGIBLE).map(|(quality, _)| quality).max();
        let amount = match worst.zip(energy::quality(coverage)) {
            Some((worst, at_best)) => {
                let exact = self.amount + self.carry;
                let whole = exact.round();
                self.carry = exact - whole;
                Ok((whole as i64, worst.max(at_best)))
            }
            None => Err(self.missing.unwrap_or(Missing::NotYet)),
        };
        *self = Self { carry: self.carry, ..Self::default() };
        Accrued { amount, coverage: Fraction::new(coverage).unwrap_or(Fraction::ZERO) }
    }
}

/// Mean of a price over the time that it was known.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Mean {
    sum: f64,
    ms: f64,
}

impl Mean {
    pub fn add(&mut self, value: Option<f64>, ms: f64) {
        if let Some(value) = value {
            self.sum += value * ms;
            self.ms += ms;
        }
    }

    pub fn close(&mut self) -> Option<f64> {
        let Self { sum, ms } = std::mem::take(self);
        (ms > 0.0).then_some(sum / ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Reading;

    fn whole(ms: f64) -> Piece {
        Piece { from: 0.0, to: 1.0, ms }
    }

    fn rate(value: f64) -> Read<f64> {
        Ok(Reading::measured(value, "test"))
    }

    #[test]
    fn a_step_between_samples_is_shared_by_both_sides() {
        let mut meter = Meter::default();
        let watts = [100e3, 100e3, 100e3, 0.0, 0.0, 0.0];
        for pair in watts.windows(2) {
            meter.add(rate(pair[0]), rate(pair[1]), whole(60_000.0));
        }
        let got = meter.close();
        assert_eq!(got.amount, Ok((4_167, Quality::Measured)));
        assert_eq!(got.coverage.get(), 1.0);
    }

    #[test]
    fn a_piece_of_a_ramp_has_the_mean_of_its_own_ends() {
        let mut meter = Meter::default();
        meter.add(rate(0.0), rate(400.0), Piece { from: 0.75, to: 1.0, ms: 300_000.0 });
        assert_eq!(meter.close().amount, Ok((29, Quality::Measured))); // 350 W for 1/12 h
    }

    #[test]
    fn half_an_interval_is_estimated_and_less_is_missing_with_its_reason() {
        let mut meter = Meter::default();
        meter.add(rate(1200.0), rate(1200.0), whole(150_000.0));
        assert_eq!(meter.close().amount, Ok((50, Quality::Estimated)));
        meter.add(rate(1200.0), rate(1200.0), whole(149_000.0));
        meter.add(rate(1200.0), Err(Missing::Timeout), whole(151_000.0));
        assert_eq!(meter.close().amount, Err(Missing::Timeout));
        assert_eq!(meter.close().amount, Err(Missing::NotYet));
    }

    #[test]
    fn a_moment_of_stale_readings_does_not_taint_the_interval() {
        let stale = Ok(Reading { value: 1200.0, quality: Quality::Stale, source: "test" });
        for (ms, wanted) in [(2_000.0, Quality::Measured), (20_000.0, Quality::Stale)] {
            let mut meter = Meter::default();
            meter.add(rate(1200.0), rate(1200.0), whole(300_000.0 - ms));
            meter.add(rate(1200.0), stale, whole(ms));
            assert_eq!(meter.close().amount, Ok((100, wanted)));
        }
    }

    #[test]
    fn rounding_never_adds_up() {
        let mut meter = Meter::default();
        let mut sum = 0;
        for _ in 0..288 {
            meter.add(rate(3_500.0), rate(3_500.0), whole(300_000.0)); // 291.67 Wh each
            sum += meter.close().amount.unwrap().0;
        }
        assert_eq!(sum, 84_000);
    }
}
