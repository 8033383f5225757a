//! Sums that know how good they are.

use crate::reading::{Missing, Quality, Read, Reading};
use crate::units::Fraction;

use super::view::{Sum, Total};

/// Parts of worse quality that together stay below this share of a sum do not worsen it; and a sum
/// that lacks more than this share of its units is an estimate.
const NEGLIGIBLE: f64 = 0.01;

/// Adds up parts, and remembers how good they are and how many should have come.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    sum: f64,
    /// Sizes of the parts without their sign, by quality.
    estimated: f64,
    stale: f64,
    size: f64,
    worst: Option<Quality>,
    parts: u32,
    units_given: f64,
    units_expected: f64,
    why: Option<Missing>,
}

impl Tally {
    /// One unit's value.
    pub fn add(&mut self, value: f64, quality: Quality) {
        self.add_part(value, quality, 1.0, 1.0);
    }

    /// One unit without a value.
    pub fn miss(&mut self, why: Missing) {
        self.miss_part(why, 1.0);
    }

    /// One unit, as it was read; `get` takes the number out of its newtype.
    pub fn read<T>(&mut self, read: Read<T>, get: impl FnOnce(T) -> f64) {
        match read {
            Ok(reading) => self.add(get(reading.value), reading.quality),
            Err(why) => self.miss(why),
        }
    }

    /// A sum of its own, over `given` of `expected` units.
    pub fn add_part(&mut self, value: f64, quality: Quality, given: f64, expected: f64) {
        let size = value.abs();
        self.sum += value;
        self.size += size;
        match quality {
            Quality::Measured => {}
            Quality::Estimated => self.estimated += size,
            Quality::Stale => self.stale += size,
        }
        self.worst = self.worst.max(Some(quality));
        self.parts = self.parts.saturating_add(1);
        self.units_given += given;
        self.units_expected += expected;
    }

    /// The sum of a part that has `units`, as that part knows it.
    pub fn sum<T>(&mut self, sum: Sum<T>, units: f64, get: impl FnOnce(T) -> f64) {
        match sum {
            Ok(Total { value, quality, coverage }) => {
                self.add_part(get(value), quality, units * coverage.get(), units);
            }
            Err(why) => self.miss_part(why, units),
        }
    }

    /// `units` without a value.
    pub fn miss_part(&mut self, why: Missing, units: f64) {
        self.units_expected += units;
        self.why = self.why.or(Some(why));
    }

    /// Units that gave a value / units that should have; 1 where nothing should have come.
    pub fn coverage(&self) -> f64 {
        if self.units_expected > 0.0 { self.units_given / self.units_expected } else { 1.0 }
    }

    /// # Errors
    /// No part has a value: the reason of the first.
    pub fn total<T>(&self, new: impl FnOnce(f64) -> Option<T>) -> Sum<T> {
        self.result(self.sum, new)
    }

    /// The mean of the parts.
    ///
    /// # Errors
    /// As [`Tally::total`].
    pub fn mean<T>(&self, new: impl FnOnce(f64) -> Option<T>) -> Sum<T> {
        self.result(self.sum / f64::from(self.parts.max(1)), new)
    }

    /// The sum as a single value.
    ///
    /// # Errors
    /// As [`Tally::total`].
    pub fn reading<T>(&self, source: &'static str, new: impl FnOnce(f64) -> Option<T>) -> Read<T> {
        self.total(new).map(|total| Reading { value: total.value, quality: total.quality, source })
    }

    /// Why a sum of zero says nothing: what is known adds nothing to it, and a part is not known. Zero would pass for
    /// a figure.
    pub fn missing_behind_zero(&self) -> Option<Missing> {
        self.why.filter(|_| self.size <= 0.0)
    }

    fn result<T>(&self, value: f64, new: impl FnOnce(f64) -> Option<T>) -> Sum<T> {
        let Some(worst) = self.worst else { return Err(self.why.unwrap_or(Missing::NotReported)) };
        // Only what stands beside the units is known, and that is nothing.
        if let Some(why) = self.missing_behind_zero().filter(|_| self.units_given <= 0.0) {
            return Err(why);
        }
        let value = new(value).ok_or(Missing::Implausible)?;
        let coverage = self.coverage();
        let quality = self.quality(worst, coverage);
        Ok(Total { value, quality, coverage: Fraction::new(coverage).ok_or(Missing::Implausible)? })
    }

    fn quality(&self, worst: Quality, coverage: f64) -> Quality {
        let matters = NEGLIGIBLE * self.size;
        let of_parts = if self.size <= 0.0 {
            worst
        } else if self.stale > matters {
            Quality::Stale
        } else if self.stale + self.estimated > matters {
            Quality::Estimated
        } else {
            Quality::Measured
        };
        if coverage < 1.0 - NEGLIGIBLE { of_parts.max(Quality::Estimated) } else { of_parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Watts;

    fn total(parts: &[(f64, Quality)], missing: usize) -> Sum<Watts> {
        let mut tally = Tally::default();
        parts.iter().for_each(|(value, quality)| tally.add(*value, *quality));
        (0..missing).for_each(|_| tally.miss(Missing::Timeout));
        tally.total(Watts::new)
    }

    #[test]
    fn a_sum_of_nothing_is_missing_with_the_first_reason_and_never_zero() {
        assert_eq!(total(&[], 3), Err(Missing::Timeout));
        assert_eq!(total(&[], 0), Err(Missing::NotReported));
    }

    #[test]
    fn what_stands_beside_units_that_are_all_missing_is_no_sum_of_them_unless_it_is_something() {
        let beside = |value| {
            let mut tally = Tally::default();
            tally.add_part(value, Quality::Estimated, 0.0, 0.0);
            tally.miss_part(Missing::Timeout, 8.0);
            tally.total(Watts::new)
        };
        assert_eq!(beside(0.0), Err(Missing::Timeout));
        assert_eq!(beside(300.0).unwrap().coverage, Fraction::ZERO);
        assert_eq!(
            total(&[(0.0, Quality::Measured)], 1).unwrap().value,
            Watts::ZERO,
            "one of two draws nothing"
        );
    }

    #[test]
    fn a_sum_is_as_bad_as_the_worst_part_that_matters() {
        use Quality::{Estimated, Measured, Stale};
        for (parts, expected) in [
            (vec![(100.0, Measured), (100.0, Measured)], Measured),
            (vec![(100.0, Measured), (0.5, Stale)], Measured),
            (vec![(100.0, Measured), (5.0, Stale)], Stale),
            (vec![(100.0, Measured), (5.0, Estimated), (0.5, Stale)], Estimated),
            (vec![(100.0, Measured), (0.6, Estimated), (0.6, Stale)], Estimated),
            (vec![(0.0, Measured), (0.0, Stale)], Stale),
            (vec![(-100.0, Stale), (100.0, Measured)], Stale),
        ] {
            assert_eq!(total(&parts, 0).unwrap().quality, expected, "{parts:?}");
        }
    }

    #[test]
    fn a_sum_over_some_of_its_units_is_an_estimate_with_its_coverage() {
        let three_of_four = total(&[(1.0, Quality::Measured); 3], 1).unwrap();
        assert_eq!(three_of_four.quality, Quality::Estimated);
        assert_eq!(three_of_four.coverage, Fraction::new(0.75).unwrap());
        let nearly_all = total(&[(1.0, Quality::Measured); 199], 1).unwrap();
        assert_eq!(nearly_all.quality, Quality::Measured);
    }
}
