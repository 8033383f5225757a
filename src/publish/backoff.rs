//! How long to wait before the next attempt to connect.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// An attempt that no broker hears costs none: a site should be back soon after its broker is.
const LONGEST_UNHEARD: Duration = Duration::from_secs(8);

/// Doubles from 1 s to 60 s, or to 8 s while nothing answers.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    pub fn new() -> Self {
        Self { next: FIRST }
    }

    /// The next wait. `jitter` in 0.0..1.0 takes up to half of it away, so that the sites of one
    /// broker do not come back all at once. `heard`: something answered the last attempt.
    pub fn wait(&mut self, jitter: f64, heard: bool) -> Duration {
        let wait = self.next.min(if heard { LONGEST } else { LONGEST_UNHEARD });
        self.next = (wait * 2).min(LONGEST);
        wait.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
    }

    pub fn reset(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_start_over_after_a_reset() {
        let mut backoff = Backoff::new();
        let waits: Vec<u64> = (0..8).map(|_| backoff.wait(0.0, true).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        backoff.reset();
        assert_eq!(backoff.wait(1.0, true), Duration::from_millis(500));
    }

    #[test]
    fn a_broker_that_is_not_there_is_looked_for_every_few_seconds() {
        let mut backoff = Backoff::new();
        let waits: Vec<u64> = (0..6).map(|_| backoff.wait(0.0, false).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 8, 8]);
        assert_eq!(backoff.wait(0.0, true).as_secs(), 16, "one that refuses is asked less and less");
    }
}
