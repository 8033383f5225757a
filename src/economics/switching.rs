//! What a switch costs, and how far the price must move before it pays.

use crate::units::{Usd, UsdPerMwh, WattHours};

/// Cost of stopping GPU work that is not drained first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preemption {
    /// Half a checkpoint interval on average, and the restart.
    pub lost_h: f64,
    pub one_off: Usd,
}

/// Work since the last checkpoint is done again: half the interval on average.
///
/// `None` if the result is not a finite number; so in all of this file.
pub fn preempt(
    checkpoint_interval_h: f64,
    restart_h: f64,
    gpus: f64,
    usd_per_gpu_h: f64,
) -> Option<Preemption> {
    let lost_h = checkpoint_interval_h / 2.0 + restart_h;
    Some(Preemption { lost_h, one_off: Usd::new(lost_h * gpus * usd_per_gpu_h)? })
}

/// Prices of power between which the present state is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// A running block stops above this price.
    pub stop_above: UsdPerMwh,
    /// A stopped block starts below this price.
    pub start_below: UsdPerMwh,
}

/// Marshall band around the break-even `value` (after Dixit 1989): the cost of a switch is spread
/// over the energy that the block is expected to draw until the next one. Who stops also pays for
/// the later start; who starts from the stopped state pays for the start alone.
///
/// `None` also if the expected energy is not above zero.
pub fn hysteresis(
    value: UsdPerMwh,
    start_cost: Usd,
    stop_cost: Usd,
    energy_of_stay: WattHours,
) -> Option<Band> {
    let mwh = energy_of_stay.mwh();
    if mwh <= 0.0 {
        return None;
    }
    Some(Band {
        stop_above: UsdPerMwh::new(value.get() + (start_cost.get() + stop_cost.get()) / mwh)?,
        start_below: UsdPerMwh::new(value.get() - start_cost.get() / mwh)?,
    })
}

/// What drawing power may cost in next year's transmission charge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoincidentPeak {
    /// Expected charge per kW that keeps running.
    pub usd_per_kw: f64,
    /// The same, per energy of the hours in question: an adder to the price of power.
    pub adder: UsdPerMwh,
}

/// `probability` that this interval sets one of `peaks` equal parts of the yearly charge; being off
/// for `curtail_hours` avoids it. ERCOT's 4CP has four peaks.
///
/// `None` also if there are no peaks or no hours.
pub fn coincident_peak(
    probability: f64,
    usd_per_kw_year: f64,
    peaks: f64,
    curtail_hours: f64,
) -> Option<CoincidentPeak> {
    if peaks <= 0.0 || curtail_hours <= 0.0 {
        return None;
    }
    let usd_per_kw = probability * usd_per_kw_year / peaks;
    Some(CoincidentPeak { usd_per_kw, adder: UsdPerMwh::new(usd_per_kw / curtail_hours * 1e3)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_switches_need_no_band() {
        let value = UsdPerMwh::new(50.0).unwrap();
        let band = hysteresis(value, Usd::ZERO, Usd::ZERO, WattHours::new(1e6).unwrap()).unwrap();
        assert_eq!((band.stop_above, band.start_below), (value, value));
    }

    #[test]
    fn a_stay_without_energy_has_no_band() {
        assert_eq!(hysteresis(UsdPerMwh::ZERO, Usd::ZERO, Usd::ZERO, WattHours::ZERO), None);
    }
}
