//! One source under the runner: how it did, and what is said of it.

use std::time::Duration;

use super::RunnerHealth;
use super::digest::Digest;
use crate::reading::{Missing, Sample};
use crate::sources::{Failure, Source};

/// A source that comes and goes, or whose failure changes its face, is in the log this often at most.
const QUIET: Duration = Duration::from_secs(600);

/// Which others a source waits with: a lane has places of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Answered last time, in good time.
    Healthy,
    /// Should answer, and was never asked.
    Unproven,
    /// Failed last time, or dragged on.
    Suspect,
    /// Never answered, and perhaps nothing is there.
    Empty,
}

/// A source and what the runner remembers of it. There are tens of thousands: it is kept small.
pub struct Slot {
    pub source: Box<dyn Source>,
    /// Number among the sources of its runner.
    pub index: u32,
    /// Fetches that failed since the last one that did not.
    pub failures: u32,
    /// When its turn is or was, monotonic.
    pub due: Duration,
    /// When the log last told of a failure, monotonic seconds.
    logged_at: Option<u32>,
    /// The failure that the log tells of, unless it also told of its end.
    logged: Option<Missing>,
    ever_answered: bool,
    /// The last fetch took more than half of its time.
    pub slow: bool,
    counted: Option<Counted>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Ok,
    Failing,
}

impl Slot {
    pub fn new(source: Box<dyn Source>, index: u32, due: Duration) -> Self {
        Self {
            source,
            index,
            failures: 0,
            due,
            logged_at: None,
            logged: None,
            ever_answered: false,
            slow: false,
            counted: None,
        }
    }

    pub fn lane(&self) -> Lane {
        if !self.is_news() {
            Lane::Empty
        } else if self.failures > 0 || self.slow {
            Lane::Suspect
        } else if self.ever_answered {
            Lane::Healthy
        } else {
            Lane::Unproven
        }
    }

    /// Whether it would be news if it did not answer.
    pub fn is_news(&self) -> bool {
        self.ever_answered || self.source.expected()
    }

    /// Takes the outcome in: logs a change, counts it, and gives the samples for the site.
    pub fn record(
        &mut self,
        outcome: Result<Vec<Sample>, Failure>,
        totals: &mut RunnerHealth,
        digest: &mut Digest,
        now: Duration,
    ) -> Vec<Sample> {
        let (samples, counted) = match outcome {
            Ok(samples) => {
                totals.polls_ok += 1;
                if self.logged.take().is_some() {
                    let (id, after) = (self.source.id(), self.failures);
                    if digest.back(now) {
                        tracing::info!(source = id, after, "source answers again");
                    } else {
                        tracing::debug!(source = id, after, "source answers again");
                    }
                }
                self.failures = 0;
                self.ever_answered = true;
                (samples, Some(Counted::Ok))
            }
            Err(failure) => {
                totals.polls_failed += 1;
                self.log(&failure, digest, now);
                let counted = if failure.reason == Missing::NoSocket {
                    // It was not asked, and is as well as it was.
                    self.counted
                } else {
                    self.failures = self.failures.saturating_add(1);
                    self.is_news().then_some(Counted::Failing)
                };
                (self.source.failed(failure.reason), counted)
            }
        };
        if counted != self.counted {
            match std::mem::replace(&mut self.counted, counted) {
                Some(Counted::Ok) => totals.ok -= 1,
                Some(Counted::Failing) => totals.failing -= 1,
                None => {}
            }
            match counted {
                Some(Counted::Ok) => totals.ok += 1,
                Some(Counted::Failing) => totals.failing += 1,
                None => {}
            }
        }
        samples
    }

    /// A failure is news once: when it starts, and when its reason changes; and not all the time.
    fn log(&mut self, failure: &Failure, digest: &mut Digest, now: Duration) {
        let id = self.source.id();
        let at = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        let quiet = self.logged_at.is_some_and(|then| u64::from(at.saturating_sub(then)) < QUIET.as_secs());
        if self.logged == Some(failure.reason) || quiet {
            tracing::debug!(source = id, error = %failure, "source still fails");
        } else if self.is_news() {
            if digest.failed(failure.reason, now) {
                tracing::warn!(source = id, error = %failure, "source failed");
            } else {
                tracing::debug!(source = id, error = %failure, "source failed");
            }
            (self.logged, self.logged_at) = (Some(failure.reason), Some(at));
        } else {
            tracing::debug!(source = id, error = %failure, "nothing answers there");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Now;
    use crate::sources::{Fetch, Schedule};

    /// Is never asked here.
    struct Mute;

    impl Source for Mute {
        fn id(&self) -> &str {
            "mute"
        }
        fn schedule(&self) -> Schedule {
            Schedule { interval: Duration::from_secs(30), deadline: Duration::from_secs(5) }
        }
        fn fetch(&mut self, _now: Now) -> Fetch<'_> {
            Box::pin(std::future::ready(Ok(Vec::new())))
        }
        fn failed(&self, _why: Missing) -> Vec<Sample> {
            Vec::new()
        }
    }

    #[test]
    fn tens_of_thousands_of_slots_are_a_few_megabytes() {
        assert!(size_of::<Option<Slot>>() <= 64, "{}", size_of::<Option<Slot>>());
    }

    #[test]
    fn a_failing_source_moves_to_the_suspect_lane_and_back() {
        let mut slot = Slot::new(Box::new(Mute), 0, Duration::ZERO);
        let (mut totals, mut digest) = (RunnerHealth::default(), Digest::new(9));
        assert_eq!(slot.lane(), Lane::Unproven);
        slot.record(Err(Failure::new(Missing::Refused, "")), &mut totals, &mut digest, Duration::ZERO);
        assert_eq!((slot.lane(), totals.ok, totals.failing), (Lane::Suspect, 0, 1));
        slot.record(Ok(Vec::new()), &mut totals, &mut digest, Duration::ZERO);
        assert_eq!((slot.lane(), totals.ok, totals.failing), (Lane::Healthy, 1, 0));
        assert_eq!((totals.polls_ok, totals.polls_failed), (1, 1));
        slot.record(Err(Failure::new(Missing::NoSocket, "")), &mut totals, &mut digest, Duration::ZERO);
        assert_eq!((slot.lane(), totals.ok), (Lane::Healthy, 1), "it was not asked");
        slot.slow = true;
        assert_eq!(slot.lane(), Lane::Suspect, "one that drags on holds up nobody else");
    }

    #[test]
    fn a_source_that_comes_and_goes_does_not_fill_the_log() {
        let mut slot = Slot::new(Box::new(Mute), 0, Duration::ZERO);
        let mut told = |after_s, outcome: Result<(), Missing>| {
            let before = (slot.logged, slot.logged_at);
            let outcome = outcome.map(|()| Vec::new()).map_err(|why| Failure::new(why, ""));
            let mut totals = RunnerHealth { ok: 9, failing: 9, ..RunnerHealth::default() };
            slot.record(outcome, &mut totals, &mut Digest::new(1), after_s);
            (slot.logged, slot.logged_at) != before
        };
        let at = Duration::from_secs;
        assert!(told(at(0), Err(Missing::Timeout)));
        assert!(!told(at(60), Err(Missing::Timeout)), "the same again");
        assert!(!told(at(120), Err(Missing::Refused)), "another reason, soon");
        assert!(told(at(180), Ok(())), "it is over");
        assert!(!told(at(240), Err(Missing::Timeout)), "soon again");
        assert!(!told(at(300), Ok(())), "of that nobody was told");
        assert!(!told(at(360), Err(Missing::Timeout)));
        assert!(told(at(700), Err(Missing::Timeout)), "it stays away");
        assert!(told(at(1400), Err(Missing::Refused)), "for another reason");
    }
}
