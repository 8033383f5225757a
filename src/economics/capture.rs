//! What the pool paid, against what the work was worth.

use crate::clock::UnixMs;
use crate::reading::{Read, Reading};
use crate::units::{Fraction, Sats, Usd, UsdPerHour};

/// Accrued against settled revenue of the same period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capture {
    pub settled: Usd,
    /// `settled / theoretical`; `None` if nothing was accrued.
    pub ratio: Option<f64>,
    /// The two differ by more than the limit: work is lost, or a figure is wrong.
    pub alarm: bool,
}

/// Revenue that a constant rate earns in `hours`. `None` if the result is not a finite number.
pub fn accrued(rate: UsdPerHour, hours: f64) -> Option<Usd> {
    Usd::new(rate.get() * hours)
}

/// Compares with what the pool credited, net of its fee and priced when it settled. `alarm_rel` is
/// the accepted difference as a fraction of the theoretical revenue, in both directions.
pub fn capture(theoretical: Usd, settled: Sats, btc_usd: Usd, alarm_rel: f64) -> Option<Capture> {
    let settled = Usd::new(settled.btc() * btc_usd.get())?;
    let ratio = (theoretical.get() > 0.0).then(|| settled.get() / theoretical.get());
    Some(Capture { settled, ratio, alarm: ratio.is_some_and(|ratio| (ratio - 1.0).abs() > alarm_rel) })
}

/// Of a whole day: what it is within is well…
const OK: std::ops::RangeInclusive<f64> = 0.97..=1.02;
/// …what it is below for two days in a row deserves a look…
const LOW: f64 = 0.95;
/// …and what it is without means that work is lost or that machines are not in the list.
const ALARM: std::ops::RangeInclusive<f64> = 0.90..=1.05;
/// A ratio this near to a power of a thousand is an error of a unit.
const UNIT_ERROR: f64 = 0.20;

/// What a capture ratio of a day says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    Ok,
    /// Outside what is usual; one day alone proves nothing.
    Watch,
    Warn,
    Alarm,
}

impl Band {
    /// Of the ratio of a day, and of the day before where there is one.
    pub fn of(ratio: f64, before: Option<f64>) -> Self {
        if !ALARM.contains(&ratio) {
            Band::Alarm
        } else if ratio < LOW && before.is_some_and(|before| before < LOW) {
            Band::Warn
        } else if OK.contains(&ratio) {
            Band::Ok
        } else {
            Band::Watch
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Band::Ok => "ok",
            Band::Watch => "watch",
            Band::Warn => "warn",
            Band::Alarm => "alarm",
        }
    }
}

/// The power of a thousand by which a ratio is off, 10⁻⁹ to 10⁹, where it is near to one: then it is no figure to
/// judge by.
pub fn unit_error(ratio: f64) -> Option<f64> {
    [1e-9, 1e-6, 1e-3, 1e3, 1e6, 1e9].into_iter().find(|k| (ratio / k - 1.0).abs() <= UNIT_ERROR)
}

/// One UTC day at one pool.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolDay {
    /// Start of the day.
    pub day: UnixMs,
    /// Net of the fee, the newest word of the pool; `None`: it has not settled the day.
    pub settled: Option<Sats>,
    /// Share of the day in which the revenue of the pool's miners was accrued, each block weighed by
    /// what it earns. 0.0 to 1.0.
    pub coverage: Fraction,
    /// What was accrued, net of the fee, at the bitcoin price of each interval.
    pub accrued: Option<Reading<Sats>>,
    /// `settled / (accrued / coverage)`: the little that was not observed is taken to have earned like
    /// the rest. Missing unless the day is settled and nearly all of it was accrued.
    pub capture: Read<Fraction>,
    pub band: Option<Band>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_pays_too_little_or_too_much_raises_the_alarm() {
        let (theoretical, price) = (Usd::new(1000.0).unwrap(), Usd::new(100_000.0).unwrap());
        for (sats, alarm) in [(960_000, true), (980_000, false), (1_020_000, false), (1_040_000, true)] {
            assert_eq!(capture(theoretical, Sats(sats), price, 0.03).unwrap().alarm, alarm, "{sats}");
        }
    }

    #[test]
    fn nothing_accrued_has_no_capture_ratio() {
        let got = capture(Usd::ZERO, Sats(5), Usd::ZERO, 0.03).unwrap();
        assert_eq!((got.ratio, got.alarm), (None, false));
    }

    #[test]
    fn a_day_is_judged_by_its_band_and_by_the_day_before() {
        for (ratio, before, band) in [
            (1.0, None, Band::Ok),
            (0.97, None, Band::Ok),
            (0.96, Some(0.94), Band::Watch),
            (1.03, None, Band::Watch),
            (0.94, None, Band::Watch),
            (0.94, Some(0.99), Band::Watch),
            (0.94, Some(0.93), Band::Warn),
            (0.89, None, Band::Alarm),
            (1.06, Some(1.0), Band::Alarm),
        ] {
            assert_eq!(Band::of(ratio, before), band, "{ratio} after {before:?}");
        }
    }

    #[test]
    fn a_factor_of_a_thousand_is_an_error_of_the_unit_and_half_the_money_is_not() {
        for ratio in [0.98e3, 1.1e-6, 0.9e9, 1.1e-3] {
            assert!(unit_error(ratio).is_some(), "{ratio}");
        }
        for ratio in [0.0, 0.5, 1.0, 2.0, 100.0] {
            assert_eq!(unit_error(ratio), None, "{ratio}");
        }
    }
}
