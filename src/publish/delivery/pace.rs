//! How fast records go out, so that a backlog leaves the line to the live topics. Pure.

use std::time::Duration;

/// Records that may go out at once after a pause, as time at the full rate.
const BURST_SECS: f64 = 0.1;

/// A bucket that fills at a rate and gives one record at a time.
#[derive(Debug)]
pub struct Pace {
    per_s: f64,
    allowance: f64,
    /// When the allowance was true, monotonic.
    at: Duration,
}

impl Pace {
    /// `per_s`: records a second, at least 1.
    pub fn new(per_s: u32) -> Self {
        let per_s = f64::from(per_s.max(1));
        Self { per_s, allowance: Self::most(per_s), at: Duration::ZERO }
    }

    /// Whether a record may go now. If so, it is counted.
    pub fn take(&mut self, now: Duration) -> bool {
        self.fill(now);
        let may = self.allowance >= 1.0;
        if may {
            self.allowance -= 1.0;
        }
        may
    }

    /// When the next record may go, monotonic.
    pub fn due(&self) -> Duration {
        let lacks = (1.0 - self.allowance).max(0.0);
        self.at.saturating_add(Duration::from_secs_f64(lacks / self.per_s))
    }

    fn fill(&mut self, now: Duration) {
        let gained = now.saturating_sub(self.at).as_secs_f64() * self.per_s;
        self.allowance = (self.allowance + gained).min(Self::most(self.per_s));
        self.at = now;
    }

    fn most(per_s: f64) -> f64 {
        (per_s * BURST_SECS).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_goes_out_at_the_rate_after_a_small_burst() {
        let mut pace = Pace::new(100);
        let mut sent = |ms| (0..1_000).filter(|_| pace.take(Duration::from_millis(ms))).count();
        assert_eq!([sent(1_000), sent(1_000), sent(1_030), sent(9_000)], [10, 0, 3, 10]);
    }

    #[test]
    fn it_says_when_the_next_one_is_due() {
        let mut pace = Pace::new(10);
        assert!(pace.take(Duration::from_secs(5)) && !pace.take(Duration::from_secs(5)));
        assert_eq!(pace.due(), Duration::from_millis(5_100));
        assert!(pace.take(pace.due()));
    }
}
