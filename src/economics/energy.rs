//! Energy of an interval, from power samples or from a counter.

use std::time::Duration;

use crate::reading::Quality;
use crate::units::{WattHours, Watts};

/// Part of the interval that samples must cover for a measured figure…
const MEASURED_FROM: f64 = 0.95;
/// …and for an estimate. Below this no energy is reported.
const ESTIMATED_FROM: f64 = 0.50;

/// Power at a time since the start of the interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerAt {
    pub at: Duration,
    pub power: Watts,
}

/// What samples tell of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Integral {
    /// Exact for ramps; off by at most half a step times half a gap for steps.
    pub trapezoid: WattHours,
    /// Each sample holds until the next.
    pub left: WattHours,
    /// What the trapezoid would be if it bridged silence. For comparison only: it invents energy.
    pub bridged: WattHours,
    /// Part of the interval between samples that are close enough to each other.
    pub covered_fraction: f64,
}

/// Integrates `samples`, in order of time. A pair further apart than `max_gap` adds nothing to
/// anything but [`Integral::bridged`].
pub fn integrate(samples: &[PowerAt], interval: Duration, max_gap: Duration) -> Integral {
    let (mut trapezoid, mut left, mut bridged) = (WattHours::ZERO, WattHours::ZERO, WattHours::ZERO);
    let mut covered = Duration::ZERO;
    for pair in samples.windows(2) {
        let [from, to] = pair else { continue };
        let gap = to.at.saturating_sub(from.at);
        let hours = gap.as_secs_f64() / 3600.0;
        let area = ((from.power + to.power) * 0.5).over_hours(hours);
        bridged = bridged + area;
        if gap <= max_gap {
            trapezoid = trapezoid + area;
            left = left + from.power.over_hours(hours);
            covered += gap;
        }
    }
    let covered_fraction =
        if interval.is_zero() { 0.0 } else { covered.as_secs_f64() / interval.as_secs_f64() };
    Integral { trapezoid, left, bridged, covered_fraction }
}

impl Integral {
    /// `None`: too little is covered to report any energy.
    pub fn quality(&self) -> Option<Quality> {
        quality(self.covered_fraction)
    }
}

/// What a figure is worth at best that was observed for `covered_fraction` (0 to 1) of its interval.
/// `None`: too little to report it.
pub fn quality(covered_fraction: f64) -> Option<Quality> {
    if covered_fraction >= MEASURED_FROM {
        Some(Quality::Measured)
    } else if covered_fraction >= ESTIMATED_FROM {
        Some(Quality::Estimated)
    } else {
        None
    }
}

/// What an energy counter tells of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    pub energy: WattHours,
    /// Times that the counter began anew.
    pub resets: u32,
}

/// Adds up the steps of a counter that only grows. After a reset the new reading counts from zero:
/// what was drawn between the last reading before it and the reset itself is lost.
///
/// `None` with fewer than two readings.
pub fn count(readings: &[WattHours]) -> Option<Counted> {
    if readings.len() < 2 {
        return None;
    }
    let mut counted = Counted { energy: WattHours::ZERO, resets: 0 };
    for pair in readings.windows(2) {
        let [from, to] = pair else { continue };
        if to.get() < from.get() {
            counted.resets = counted.resets.saturating_add(1);
            counted.energy = counted.energy + *to;
        } else {
            counted.energy = counted.energy + (*to - *from);
        }
    }
    Some(counted)
}

/// One step of a counter. `None` if it is more than `most`, which is all that can have been drawn: the
/// meter was exchanged, or one of the two readings is wrong.
pub fn step(from: WattHours, to: WattHours, most: WattHours) -> Option<Counted> {
    count(&[from, to]).filter(|counted| counted.energy <= most)
}

/// Where a figure of energy comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Counter,
    Trapezoid,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Counter => "counter",
            Method::Trapezoid => "trapezoid",
        }
    }
}

/// The figure to use, and how it came about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Best {
    pub method: Method,
    /// `None`: too little was seen.
    pub energy: Option<(WattHours, Quality)>,
}

/// A counter beats samples; after a reset it is an estimate.
pub fn best(integral: &Integral, counted: Option<Counted>) -> Best {
    match counted {
        Some(Counted { energy, resets }) => {
            let quality = if resets == 0 { Quality::Measured } else { Quality::Estimated };
            Best { method: Method::Counter, energy: Some((energy, quality)) }
        }
        None => Best {
            method: Method::Trapezoid,
            energy: integral.quality().map(|quality| (integral.trapezoid, quality)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64, kw: f64) -> PowerAt {
        PowerAt { at: Duration::from_secs(secs), power: Watts::from_kw(kw).unwrap() }
    }

    #[test]
    fn constant_power_gives_its_energy_by_every_method() {
        let samples: Vec<PowerAt> = (0..=15).map(|minute| at(minute * 60, 4.0)).collect();
        let got = integrate(&samples, Duration::from_secs(900), Duration::from_secs(120));
        for energy in [got.trapezoid, got.left, got.bridged] {
            assert!((energy.kwh() - 1.0).abs() < 1e-12);
        }
        assert_eq!(got.quality(), Some(Quality::Measured));
    }

    #[test]
    fn three_quarters_covered_is_an_estimate_and_nothing_at_all_is_missing() {
        let hour = Duration::from_secs(3600);
        let samples = [at(0, 1.0), at(2700, 1.0)];
        assert_eq!(integrate(&samples, hour, hour).quality(), Some(Quality::Estimated));
        assert_eq!(integrate(&[], hour, hour).quality(), None);
        assert_eq!(integrate(&samples, Duration::ZERO, hour).quality(), None);
    }

    #[test]
    fn samples_out_of_order_add_no_energy() {
        let minute = Duration::from_secs(60);
        let got = integrate(&[at(60, 5.0), at(0, 5.0)], minute, minute);
        assert_eq!(got.trapezoid, WattHours::ZERO);
    }

    #[test]
    fn a_step_that_no_site_can_have_drawn_is_none_whether_it_goes_up_or_begins_anew() {
        let wh = |kwh: f64| WattHours::new(kwh * 1e3).unwrap();
        let step = |from, to| step(wh(from), wh(to), wh(10.0)).map(|c| (c.energy.kwh(), c.resets));
        assert_eq!(step(100.0, 104.0), Some((4.0, 0)));
        assert_eq!(step(100.0, 3.0), Some((3.0, 1)));
        assert_eq!(step(100.0, 100.0), Some((0.0, 0)));
        assert_eq!((step(100.0, 111.0), step(100.0, 99.0)), (None, None));
    }

    #[test]
    fn one_counter_reading_is_no_energy() {
        assert_eq!(count(&[WattHours::ZERO]), None);
    }
}
