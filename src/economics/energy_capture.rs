//! Accrued energy against the site's meter: do the machines and the operator's figures explain it?

use crate::clock::UnixMs;
use crate::reading::{Read, Reading};
use crate::units::{Fraction, WattHours};

use super::capture::Band;

/// Modelled per metered energy of a whole day: within this, readings and overhead factors explain the
/// meter as well as readings of power do…
const OK: std::ops::RangeInclusive<f64> = 0.95..=1.05;
/// …and without this, by more than the residual may be, a machine is not read or a figure is wrong.
const ALARM: std::ops::RangeInclusive<f64> = 0.90..=1.10;

/// What the ratio of a day says.
pub fn band(ratio: f64) -> Band {
    if OK.contains(&ratio) {
        Band::Ok
    } else if ALARM.contains(&ratio) {
        Band::Watch
    } else {
        Band::Alarm
    }
}

/// One UTC day of the site: the intervals for which both the meter and the machines were observed.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteDay {
    /// Start of the day.
    pub day: UnixMs,
    /// Share of the day that the figures hold, 0.0 to 1.0.
    pub coverage: Fraction,
    /// At the meter.
    pub metered: Option<Reading<WattHours>>,
    /// IT energy with the blocks' own overhead and the fixed overhead.
    pub modelled: Option<Reading<WattHours>>,
    /// Metered less IT and the blocks' own overhead.
    pub residual: Option<Reading<WattHours>>,
    /// `modelled / metered`. Missing unless they hold nearly the whole day.
    pub capture: Read<Fraction>,
    pub band: Option<Band>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_percent_are_well_and_ten_are_an_alarm_in_both_directions() {
        for (ratio, wanted) in [
            (1.0, Band::Ok),
            (0.95, Band::Ok),
            (1.05, Band::Ok),
            (0.94, Band::Watch),
            (1.08, Band::Watch),
            (0.89, Band::Alarm),
            (1.11, Band::Alarm),
        ] {
            assert_eq!(band(ratio), wanted, "{ratio}");
        }
    }
}
