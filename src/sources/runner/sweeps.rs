//! The report of each period, counted along the way.

use std::time::Duration;

use crate::reading::{Missing, Reasons, Sweep};

/// Four to the octave, from a millisecond to a quarter of an hour.
const BINS: usize = 80;

/// The period that runs.
#[derive(Debug)]
pub struct Sweeps {
    /// When it began, monotonic.
    begun: Duration,
    /// How long it is to be.
    length: Duration,
    sweep: Sweep,
    /// How many polls took how long since their turn.
    delays: [u32; BINS],
}

impl Sweeps {
    pub fn new(length: Duration, now: Duration) -> Self {
        let sweep = Sweep {
            length: Duration::ZERO,
            due: 0,
            polled: 0,
            late: 0,
            failed: Reasons::default(),
            delay_p50: Duration::ZERO,
            delay_max: Duration::ZERO,
        };
        Self { begun: now, length, sweep, delays: [0; BINS] }
    }

    /// Turns that have come, and those of them that were missed.
    pub fn turns(&mut self, due: u32, missed: u32) {
        self.sweep.due = self.sweep.due.saturating_add(due);
        self.sweep.late = self.sweep.late.saturating_add(missed);
    }

    /// A poll has ended, this long after its turn.
    pub fn polled(&mut self, delay: Duration, interval: Duration, failure: Option<Missing>) {
        self.sweep.polled = self.sweep.polled.saturating_add(1);
        self.sweep.late = self.sweep.late.saturating_add(u32::from(delay > interval));
        if let Some(why) = failure {
            self.sweep.failed.add(why);
        }
        self.sweep.delay_max = self.sweep.delay_max.max(delay);
        let bin = (4.0 * (delay.as_secs_f64() * 1e3).max(1.0).log2()) as usize;
        if let Some(count) = self.delays.get_mut(bin.min(BINS - 1)) {
            *count = count.saturating_add(1);
        }
    }

    /// The report, once the period is over; the next one begins.
    pub fn ended(&mut self, now: Duration) -> Option<Sweep> {
        let length = now.saturating_sub(self.begun);
        if length < self.length {
            return None;
        }
        let ended = std::mem::replace(self, Self::new(self.length, now));
        Some(Sweep { length, delay_p50: ended.median(), ..ended.sweep })
    }

    fn median(&self) -> Duration {
        let mut left = self.sweep.polled.div_ceil(2);
        for (bin, count) in (1u32..).zip(self.delays) {
            if left <= count {
                let upper = Duration::from_secs_f64((f64::from(bin) / 4.0).exp2() / 1e3);
                return upper.min(self.sweep.delay_max);
            }
            left -= count;
        }
        self.sweep.delay_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_reported_once_with_what_happened_in_it() {
        let (at, ms) = (Duration::from_secs, Duration::from_millis);
        let mut sweeps = Sweeps::new(at(30), at(100));
        sweeps.turns(5, 1);
        for delay in [ms(20), ms(60), ms(1_500)] {
            sweeps.polled(delay, at(30), None);
        }
        sweeps.polled(at(31), at(30), Some(Missing::Timeout));
        assert_eq!(sweeps.ended(at(129)), None);
        let sweep = sweeps.ended(at(130)).unwrap();
        assert_eq!((sweep.due, sweep.polled, sweep.late, sweep.length), (5, 4, 2, at(30)));
        assert_eq!((sweep.failed.to_string().as_str(), sweep.delay_max), ("timeout 1", at(31)));
        assert!(sweep.delay_p50 >= ms(60) && sweep.delay_p50 <= ms(72), "{:?}", sweep.delay_p50);
        let next = sweeps.ended(at(160)).unwrap();
        assert_eq!((next.due, next.polled, next.late, next.delay_p50), (0, 0, 0, Duration::ZERO));
    }

    #[test]
    fn delays_without_measure_are_counted_all_the_same() {
        let mut sweeps = Sweeps::new(Duration::from_secs(1), Duration::ZERO);
        sweeps.polled(Duration::MAX, Duration::MAX, None);
        let sweep = sweeps.ended(Duration::from_secs(1)).unwrap();
        assert_eq!((sweep.polled, sweep.late, sweep.delay_max), (1, 0, Duration::MAX));
        sweeps.polled(Duration::ZERO, Duration::ZERO, None);
        assert_eq!(sweeps.ended(Duration::MAX).unwrap().delay_p50, Duration::ZERO);
    }
}
