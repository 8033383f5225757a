//! What must be held against something else before anything is reckoned with it, and what of it the
//! next process goes on with.

use super::pool_watch::PoolWatch;
use super::{Core, Picture};
use crate::clock::Now;
use crate::config::Config;
use crate::economics::Split;
use crate::economics::counter_unit::CounterUnit;
use crate::reading::Missing;
use crate::site::SiteView;

/// What is remembered of the pools and of the meter.
#[derive(Debug, Default)]
pub struct Watches {
    pools: PoolWatch,
    counter: CounterUnit,
    /// The meter's power itself is in another unit, and says nothing of the counter.
    power_is_off: bool,
}

impl Watches {
    pub fn new(config: &Config) -> Self {
        Self { pools: PoolWatch::new(config.pools_by_group()), ..Self::default() }
    }

    /// Takes out of the view what is in another unit.
    pub fn look(&mut self, view: &mut SiteView) {
        self.pools.look(view);
        match (view.meter.fresh(), view.meter.energy) {
            (Ok(power), Ok(energy)) if !self.power_is_off => {
                let read = view.at.mono.saturating_sub(energy.age);
                self.counter.observe(read, power.value, energy.value);
            }
            _ => self.counter.interrupt(),
        }
        if view.meter.energy.is_ok() && self.counter.off_by().is_some() {
            view.doubts.counter_off_by = self.counter.off_by();
            view.meter.energy = Err(Missing::Implausible);
        }
    }

    /// What the split found of the meter's power.
    pub fn learn(&mut self, split: &Split) {
        self.power_is_off = split.metering.off_by.is_some();
    }
}

impl Core {
    /// Writes down the picture, and what the next process goes on with.
    pub(super) fn record(&mut self, picture: &Picture, now: Now) {
        self.watches.pools.go_on_with(&std::mem::take(&mut self.books.device_hashrates), now);
        let device_hashrates = self.watches.pools.over(now);
        self.books.record(picture, device_hashrates, now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::UnixMs;
    use crate::reading::{Batch, MeterReport, MeterSample, Reading, Sample};
    use crate::site::Site;
    use crate::units::{WattHours, Watts};

    /// What the view holds of the counter after `secs` of a meter at 8 kW whose counter shows `factor` times that.
    fn counter_after(watches: &mut Watches, site: &mut Site, secs: u64, factor: f64) -> (Option<f64>, bool) {
        let mut seen = (None, false);
        for at in (0..=secs).step_by(10) {
            let now =
                Now { wall: UnixMs(1_790_000_000_000), mono: Duration::ZERO }.plus(Duration::from_secs(at));
            let watt_hours = 1e6 + factor * 8_000.0 * at as f64 / 3600.0;
            let report = MeterReport {
                power: Ok(Reading::measured(Watts::new(8_000.0).unwrap(), "test")),
                energy: Ok(Reading::measured(WattHours::new(watt_hours).unwrap(), "test")),
            };
            let interval = Duration::from_secs(10);
            let sample = MeterSample { interval, observed: None, report: Ok(report) };
            site.apply(Batch { at: now, samples: vec![Sample::Meter(sample)] });
            let mut view = site.view(now);
            watches.look(&mut view);
            seen = (view.doubts.counter_off_by, view.meter.energy.is_ok());
        }
        seen
    }

    #[test]
    fn a_counter_in_another_unit_is_taken_out_and_doubted() {
        let seen = |factor| counter_after(&mut Watches::default(), &mut Site::default(), 120, factor);
        assert_eq!(seen(1.0), (None, true));
        assert_eq!(seen(1e-3), (Some(1e-3), false));
    }

    #[test]
    fn a_power_in_another_unit_says_nothing_of_the_counter() {
        let mut watches = Watches { power_is_off: true, ..Watches::default() };
        assert_eq!(counter_after(&mut watches, &mut Site::default(), 120, 1e-3), (None, true));
    }
}
