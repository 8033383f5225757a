//! How values grow old. Ages are monotonic: a jump of the wall clock changes none.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::reading::Missing;

/// Longest time without an answer for which a device is called fresh, however often it is polled:
/// a poll a second apart must not make one lost packet visible.
const SHORTEST_FRESH: Duration = Duration::from_secs(15);
/// How much longer the last values of a device that does not answer are shown as stale.
const GRACE: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    Fresh,
    /// The latest poll failed or is overdue; the last values still stand.
    Stale,
    /// Nothing that is young enough.
    Gone,
}

/// Who reads a device: a node, or `None` for this agent itself.
pub(super) type Reader<'a> = Option<&'a Arc<str>>;

/// The polls of one device.
#[derive(Debug, Clone)]
pub(super) struct Polling {
    /// Two and a half intervals: two polls in a row are missing.
    overdue: Duration,
    answered: Option<Now>,
    /// Why the latest poll gave nothing; `None` if it succeeded.
    failure: Option<Missing>,
}

impl Polling {
    /// Before the first poll.
    pub fn new(interval: Duration) -> Self {
        Self { overdue: overdue(interval), answered: None, failure: Some(Missing::NotYet) }
    }

    pub fn record(&mut self, at: Now, interval: Duration, outcome: Result<(), Missing>) {
        self.overdue = overdue(interval);
        match outcome {
            Ok(()) => {
                self.answered = Some(at);
                self.failure = None;
            }
            // The device was not asked: it only grows older.
            Err(Missing::NoSocket) if self.ever_polled() => {}
            Err(why) => self.failure = Some(why),
        }
    }

    /// Whether a poll of the reader `new` counts for what `old` has read so far. An answer that is older than
    /// the newest never does, nor does a failure of another reader.
    pub fn admits(&self, at: Now, (old, new): (Reader<'_>, Reader<'_>), answered: bool) -> bool {
        if old != new {
            let says_more = answered || !self.ever_answered();
            return says_more && (new.is_none() || self.freshness(at) != Freshness::Fresh);
        }
        self.answered.is_none_or(|last| last.mono <= at.mono)
    }

    pub fn freshness(&self, now: Now) -> Freshness {
        let Some(age) = self.age(now) else { return Freshness::Gone };
        if self.failure.is_none() && age <= self.overdue.max(SHORTEST_FRESH) {
            Freshness::Fresh
        } else if age <= self.overdue.saturating_add(GRACE) {
            Freshness::Stale
        } else {
            Freshness::Gone
        }
    }

    /// Since the last answer.
    pub fn age(&self, now: Now) -> Option<Duration> {
        self.answered.map(|at| now.since(at))
    }

    /// Two and a half intervals.
    pub fn overdue(&self) -> Duration {
        self.overdue
    }

    /// Why a device that has answered does no more: the latest poll failed, and for two intervals none did not.
    /// Polls that do not come at all say nothing about it.
    pub fn lost(&self, now: Now) -> Option<Missing> {
        let two_intervals = self.overdue / 5 * 4;
        let silent = self.age(now).is_some_and(|age| age > two_intervals.max(SHORTEST_FRESH));
        self.failure.filter(|_| silent)
    }

    pub fn ever_answered(&self) -> bool {
        self.answered.is_some()
    }

    pub fn ever_polled(&self) -> bool {
        self.failure != Some(Missing::NotYet)
    }

    /// Why there is no fresh value. Polls that stopped coming are `expired`.
    pub fn why_not(&self, freshness: Freshness) -> Option<Missing> {
        match freshness {
            Freshness::Fresh => None,
            Freshness::Stale | Freshness::Gone => Some(self.failure.unwrap_or(Missing::Expired)),
        }
    }
}

fn overdue(interval: Duration) -> Duration {
    interval.saturating_mul(5) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;

    fn at(secs: u64) -> Now {
        Now { wall: UnixMs(1_000_000_000), mono: Duration::ZERO }.plus(Duration::from_secs(secs))
    }

    fn why_not(polling: &Polling, now: Now) -> Option<Missing> {
        polling.why_not(polling.freshness(now))
    }

    #[test]
    fn an_absurd_interval_is_no_panic() {
        let mut polling = Polling::new(Duration::MAX);
        polling.record(at(0), Duration::MAX, Ok(()));
        assert_eq!(polling.freshness(at(1_000_000)), Freshness::Fresh);
    }

    #[test]
    fn a_device_is_fresh_then_stale_then_gone() {
        let interval = Duration::from_secs(30);
        let mut polling = Polling::new(interval);
        assert_eq!(
            (polling.freshness(at(0)), why_not(&polling, at(0))),
            (Freshness::Gone, Some(Missing::NotYet))
        );
        polling.record(at(0), interval, Ok(()));
        for (secs, expected) in [(0, Freshness::Fresh), (75, Freshness::Fresh), (76, Freshness::Stale)] {
            assert_eq!(polling.freshness(at(secs)), expected, "{secs}");
        }
        assert_eq!(polling.freshness(at(90)), Freshness::Stale);
        assert_eq!(
            (polling.freshness(at(91)), why_not(&polling, at(91))),
            (Freshness::Gone, Some(Missing::Expired))
        );
    }

    #[test]
    fn one_failed_poll_makes_a_fresh_device_stale_with_its_reason() {
        let interval = Duration::from_secs(30);
        let mut polling = Polling::new(interval);
        polling.record(at(0), interval, Ok(()));
        polling.record(at(30), interval, Err(Missing::Refused));
        assert_eq!(
            (polling.freshness(at(31)), why_not(&polling, at(31))),
            (Freshness::Stale, Some(Missing::Refused))
        );
        polling.record(at(60), interval, Ok(()));
        assert_eq!((polling.freshness(at(61)), why_not(&polling, at(61))), (Freshness::Fresh, None));
    }

    #[test]
    fn a_device_is_lost_after_two_intervals_without_an_answer_and_not_for_want_of_polls() {
        let interval = Duration::from_secs(30);
        let mut polling = Polling::new(interval);
        assert_eq!(polling.lost(at(1000)), None, "it was never there");
        polling.record(at(0), interval, Ok(()));
        assert_eq!(polling.lost(at(1000)), None);
        polling.record(at(30), interval, Err(Missing::Refused));
        assert_eq!((polling.lost(at(60)), polling.lost(at(61))), (None, Some(Missing::Refused)));
        polling.record(at(90), interval, Ok(()));
        assert_eq!(polling.lost(at(91)), None);
    }

    #[test]
    fn a_device_that_could_not_be_asked_is_not_said_to_be_gone_before_its_values_are_too_old() {
        let interval = Duration::from_secs(30);
        let mut polling = Polling::new(interval);
        polling.record(at(0), interval, Ok(()));
        polling.record(at(30), interval, Err(Missing::NoSocket));
        assert_eq!(polling.freshness(at(31)), Freshness::Fresh);
        assert_eq!(why_not(&polling, at(91)), Some(Missing::Expired));
        let mut never = Polling::new(interval);
        never.record(at(0), interval, Err(Missing::NoSocket));
        assert_eq!(why_not(&never, at(1)), Some(Missing::NoSocket));
    }

    #[test]
    fn fast_polling_does_not_shorten_the_patience_below_fifteen_seconds() {
        let second = Duration::from_secs(1);
        let mut polling = Polling::new(second);
        polling.record(at(0), second, Ok(()));
        assert_eq!(polling.freshness(at(15)), Freshness::Fresh);
        assert_eq!(polling.freshness(at(17)), Freshness::Stale);
        assert_eq!(polling.freshness(at(18)), Freshness::Gone);
    }
}
