//! One source under the runner: how it did, and when it is asked again.

use std::time::Duration;

use super::RunnerHealth;
use crate::reading::{Missing, Sample};
use crate::sources::{Failure, Schedule, Source};

/// Longest pause between two attempts at a source that fails.
const MAX_BACKOFF: Duration = Duration::from_secs(300);

/// A source that comes and goes, or whose failure changes its face, is in the log this often at most.
const QUIET: Duration = Duration::from_secs(600);

/// Which others a source waits with: a lane has places of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Answered last time, in good time.
    Healthy,
    /// Never asked.
    Unproven,
    /// Failed last time, or dragged on.
    Suspect,
}

/// A source and what the runner remembers of it.
pub struct Slot {
    pub source: Box<dyn Source>,
    /// Fetches that failed since the last one that did not.
    failures: u32,
    /// The failure that the log tells of, unless it also told of its end.
    logged: Option<Missing>,
    /// When the log last told of a failure.
    logged_at: Option<Duration>,
    retry_after: Option<Duration>,
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
    pub fn new(source: Box<dyn Source>) -> Self {
        Self {
            source,
            failures: 0,
            logged: None,
            logged_at: None,
            retry_after: None,
            ever_answered: false,
            slow: false,
            counted: None,
        }
    }

    pub fn lane(&self) -> Lane {
        if self.failures > 0 || self.slow {
            Lane::Suspect
        } else if self.ever_answered {
            Lane::Healthy
        } else {
            Lane::Unproven
        }
    }

    /// Time until the next fetch; `random` in 0.0..1.0 spreads it.
    pub fn pause(&self, random: f64) -> Duration {
        pause(self.source.schedule(), self.failures, self.retry_after, random)
    }

    /// Takes the outcome in: logs a change, counts it, and gives the samples for the site.
    pub fn record(
        &mut self,
        outcome: Result<Vec<Sample>, Failure>,
        totals: &mut RunnerHealth,
        now: Duration,
    ) -> Vec<Sample> {
        let (samples, counted) = match outcome {
            Ok(samples) => {
                totals.polls_ok += 1;
                if self.logged.take().is_some() {
                    tracing::info!(source = self.source.id(), after = self.failures, "source answers again");
                }
                (self.failures, self.retry_after) = (0, None);
                self.ever_answered = true;
                (samples, Some(Counted::Ok))
            }
            Err(failure) => {
                totals.polls_failed += 1;
                self.log(&failure, now);
                self.failures = self.failures.saturating_add(1);
                self.retry_after = failure.retry_after;
                let news = self.ever_answered || self.source.expected();
                (self.source.failed(failure.reason), news.then_some(Counted::Failing))
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
    fn log(&mut self, failure: &Failure, now: Duration) {
        let id = self.source.id();
        let quiet = self.logged_at.is_some_and(|at| now.saturating_sub(at) < QUIET);
        if self.logged == Some(failure.reason) || quiet {
            tracing::debug!(source = id, error = %failure, "source still fails");
        } else if self.ever_answered || self.source.expected() {
            tracing::warn!(source = id, error = %failure, "source failed");
            (self.logged, self.logged_at) = (Some(failure.reason), Some(now));
        } else {
            tracing::debug!(source = id, error = %failure, "nothing answers there");
        }
    }
}

/// Time until the next fetch: the interval, doubled with each failure in a row up to
/// [`MAX_BACKOFF`], spread by ±10 %, and never before `retry_after`.
fn pause(schedule: Schedule, failures: u32, retry_after: Option<Duration>, random: f64) -> Duration {
    let doubled = schedule.interval.saturating_mul(1 << failures.min(10));
    let backed_off = doubled.min(MAX_BACKOFF.max(schedule.interval));
    let jittered = backed_off.mul_f64(0.9 + 0.2 * random.clamp(0.0, 1.0));
    jittered.max(retry_after.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Now;
    use crate::sources::Fetch;

    const EVERY: Schedule = Schedule { interval: Duration::from_secs(30), deadline: Duration::from_secs(5) };

    #[test]
    fn a_source_that_fails_is_asked_less_and_less_but_never_given_up() {
        let at = |failures| pause(EVERY, failures, None, 0.5).as_secs();
        assert_eq!((at(0), at(1), at(2), at(3)), (30, 60, 120, 240));
        assert_eq!((at(4), at(4_000_000_000)), (300, 300));
    }

    #[test]
    fn pauses_are_spread_and_retry_after_is_obeyed() {
        assert_eq!(pause(EVERY, 0, None, 0.0), Duration::from_secs(27));
        assert_eq!(pause(EVERY, 0, None, 1.0), Duration::from_secs(33));
        let told = Some(Duration::from_secs(900));
        assert_eq!(pause(EVERY, 1, told, 0.5), Duration::from_secs(900));
    }

    /// Is never asked here.
    struct Mute;

    impl Source for Mute {
        fn id(&self) -> &str {
            "mute"
        }
        fn schedule(&self) -> Schedule {
            EVERY
        }
        fn fetch(&mut self, _now: Now) -> Fetch<'_> {
            Box::pin(std::future::ready(Ok(Vec::new())))
        }
        fn failed(&self, _why: Missing) -> Vec<Sample> {
            Vec::new()
        }
    }

    #[test]
    fn a_failing_source_moves_to_the_suspect_lane_and_back() {
        let mut slot = Slot::new(Box::new(Mute));
        let mut totals = RunnerHealth::default();
        assert_eq!(slot.lane(), Lane::Unproven);
        slot.record(Err(Failure::new(Missing::Refused, "")), &mut totals, Duration::ZERO);
        assert_eq!((slot.lane(), totals.ok, totals.failing), (Lane::Suspect, 0, 1));
        slot.record(Ok(Vec::new()), &mut totals, Duration::ZERO);
        assert_eq!((slot.lane(), totals.ok, totals.failing), (Lane::Healthy, 1, 0));
        assert_eq!((totals.polls_ok, totals.polls_failed), (1, 1));
        slot.slow = true;
        assert_eq!(slot.lane(), Lane::Suspect, "one that drags on holds up nobody else");
    }

    #[test]
    fn a_source_that_comes_and_goes_does_not_fill_the_log() {
        let mut slot = Slot::new(Box::new(Mute));
        let mut told = |after_s, outcome: Result<(), Missing>| {
            let before = (slot.logged, slot.logged_at);
            let outcome = outcome.map(|()| Vec::new()).map_err(|why| Failure::new(why, ""));
            slot.record(outcome, &mut RunnerHealth { ok: 9, failing: 9, ..RunnerHealth::default() }, after_s);
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
