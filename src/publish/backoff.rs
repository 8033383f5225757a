//! How long to wait before the next attempt to connect.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// An attempt that no broker hears costs none: a site should be back soon after its broker is.
const LONGEST_UNHEARD: Duration = Duration::from_secs(8);

/// Doubles from 1 s to 60 s, or to 8 s while nothing answers. A connection that is up for twice the wait before it, or
/// for a keep-alive, starts over. What ends at once, time and again, is asked less and less; so are two clients that
/// throw each other out, of which each is up for as long as the other one waits.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    last: Duration,
    /// Since when there is a connection, monotonic.
    up: Option<Duration>,
}

impl Backoff {
    pub fn new() -> Self {
        Self { next: FIRST, last: Duration::ZERO, up: None }
    }

    /// The next wait. `jitter` in 0.0..1.0 takes up to half of it away, so that the sites of one
    /// broker do not come back all at once. `heard`: something answered the last attempt. `now` is
    /// monotonic.
    pub fn wait(&mut self, jitter: f64, heard: bool, now: Duration) -> Duration {
        if self.up.take().is_some_and(|since| now.saturating_sub(since) >= self.last * 2) {
            self.reset();
        }
        let wait = self.next.min(if heard { LONGEST } else { LONGEST_UNHEARD });
        self.next = (wait * 2).min(LONGEST);
        self.last = wait;
        wait.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
    }

    /// There is a connection.
    pub fn connected(&mut self, now: Duration) {
        self.up = Some(now);
    }

    /// It has lasted for a while: the next outage is a new one.
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
        let waits: Vec<u64> = (0..8).map(|_| backoff.wait(0.0, true, Duration::ZERO).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        backoff.reset();
        assert_eq!(backoff.wait(1.0, true, Duration::ZERO), Duration::from_millis(500));
    }

    #[test]
    fn they_start_over_when_a_connection_was_up_for_twice_the_wait_before_it() {
        // Each connection is up for so many seconds: the waits behind it.
        let after = |up: [u64; 6]| {
            let (mut backoff, mut now) = (Backoff::new(), Duration::from_secs(1_000));
            backoff.wait(0.0, true, now);
            up.map(|secs| {
                backoff.connected(now);
                now += Duration::from_secs(secs);
                backoff.wait(0.0, true, now).as_secs()
            })
        };
        assert_eq!(after([0; 6]), [2, 4, 8, 16, 32, 60], "one that ends at once");
        assert_eq!(after([5; 6]), [1; 6], "one that ends every few seconds");
        assert_eq!(after([0, 0, 0, 0, 31, 64]), [2, 4, 8, 16, 32, 1], "one that comes to rest");
    }

    #[test]
    fn a_broker_that_is_not_there_is_looked_for_every_few_seconds() {
        let mut backoff = Backoff::new();
        let waits: Vec<u64> = (0..6).map(|_| backoff.wait(0.0, false, Duration::ZERO).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 8, 8]);
        assert_eq!(
            backoff.wait(0.0, true, Duration::ZERO).as_secs(),
            16,
            "one that refuses is asked less and less"
        );
    }
}
