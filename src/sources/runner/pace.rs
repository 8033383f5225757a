//! How fast fetches may start, so that what was held up is no burst when it goes on.

use std::time::Duration;

use super::turns::START_RATE;

/// Starts that fall into so short a time may come together: timers are no finer.
const GRAIN: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two starts.
    gap: Duration,
    /// When the next one may be, monotonic.
    next: Duration,
}

impl Pace {
    /// Twice as fast as sources of these intervals need to be asked, and not below [`START_RATE`].
    pub fn of(intervals: impl Iterator<Item = Duration>) -> Self {
        let needed: f64 = intervals.map(|interval| 1.0 / interval.as_secs_f64().max(1e-3)).sum();
        Self { gap: Duration::from_secs_f64(1.0 / START_RATE.max(2.0 * needed)), next: Duration::ZERO }
    }

    /// Nothing ever waits for its start.
    pub fn unlimited() -> Self {
        Self { gap: Duration::ZERO, next: Duration::ZERO }
    }

    /// Whether a fetch may start `now`; if so, it counts as started.
    pub fn takes(&mut self, now: Duration) -> bool {
        let may = self.next <= now;
        if may {
            self.next = self.next.max(now.saturating_sub(GRAIN)).saturating_add(self.gap);
        }
        may
    }

    /// Time until a fetch may start.
    pub fn until(self, now: Duration) -> Duration {
        self.next.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(pace: &mut Pace, now: Duration) -> usize {
        std::iter::from_fn(|| pace.takes(now).then_some(())).take(100_000).count()
    }

    #[test]
    fn a_fleet_is_caught_up_with_at_twice_its_rate_and_a_small_site_at_once() {
        let mut fleet = Pace::of(std::iter::repeat_n(Duration::from_secs(30), 30_000));
        let started: usize = (1..=1000).map(|ms| starts(&mut fleet, Duration::from_millis(ms))).sum();
        assert!((1_990..=2_041).contains(&started), "{started}");
        let mut small = Pace::of(std::iter::repeat_n(Duration::from_secs(30), 10));
        let started: usize = (1..=10).map(|ms| starts(&mut small, Duration::from_millis(ms))).sum();
        assert!(started >= 10, "{started}");
    }

    #[test]
    fn time_in_which_nothing_was_due_is_not_saved_up() {
        let mut pace = Pace::of(std::iter::empty());
        assert!(starts(&mut pace, Duration::from_secs(3600)) <= 22);
        assert_eq!(starts(&mut Pace::unlimited(), Duration::ZERO), 100_000);
    }
}
