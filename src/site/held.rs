//! The last good value of something that is asked now and then, through later failures. Ages are monotonic: a jump of
//! the wall clock changes none.

use std::time::Duration;

use crate::clock::{Now, UnixMs};
use crate::reading::Missing;

/// What is dated further ahead of this machine's clock than this was dated by a clock that differs.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// A value, and why it could not be renewed.
#[derive(Debug, Clone)]
pub(super) struct Held<T> {
    last: Option<Last<T>>,
    failure: Option<Missing>,
}

#[derive(Debug, Clone)]
struct Last<T> {
    value: T,
    received: Now,
    /// When it was true by its own account.
    observed: Option<UnixMs>,
    /// Age that the value already had when it was received…
    age_then: Duration,
    /// …or how far ahead of the wall clock its own time was.
    ahead: Duration,
}

impl<T> Last<T> {
    fn new(value: T, received: Now, observed: Option<UnixMs>) -> Self {
        let ms = observed.map_or(0, |observed| received.wall.0.saturating_sub(observed.0));
        let span = Duration::from_millis(ms.unsigned_abs());
        let (age_then, ahead) = if ms < 0 { (Duration::ZERO, span) } else { (span, Duration::ZERO) };
        Self { value, received, observed, age_then, ahead }
    }

    fn age(&self, now: Now) -> Duration {
        now.since(self.received).saturating_add(self.age_then)
    }
}

/// A held value at one moment.
#[derive(Debug)]
pub(super) struct Holding<'a, T> {
    pub value: &'a T,
    pub age: Duration,
    /// The latest attempt to renew it failed.
    pub failing: bool,
}

impl<T> Held<T> {
    pub fn new() -> Self {
        Self { last: None, failure: None }
    }

    /// Takes a value that is true when it comes.
    pub fn record(&mut self, at: Now, outcome: Result<T, Missing>) {
        match outcome {
            Ok(value) => self.renew(Last::new(value, at, None)),
            Err(why) => self.failure = Some(why),
        }
    }

    fn renew(&mut self, last: Last<T>) {
        self.last = Some(last);
        self.failure = None;
    }

    /// # Errors
    /// While nothing was ever read: the reason of the latest failure, or that nobody was ever asked. Else [`Missing::Expired`] past
    /// `limit`.
    pub fn current(&self, now: Now, limit: Duration) -> Result<Holding<'_, T>, Missing> {
        let Some(last) = &self.last else { return Err(self.failure.unwrap_or(Missing::NotConfigured)) };
        let age = last.age(now);
        if age > limit {
            return Err(Missing::Expired);
        }
        Ok(Holding { value: &last.value, age, failing: self.failure.is_some() })
    }

    /// How far the clock that dated the value is ahead of this machine's; zero while it is by no more than five
    /// minutes. `None`: nothing is held that has a time of its own.
    pub fn clock_ahead(&self) -> Option<Duration> {
        let last = self.last.as_ref().filter(|last| last.observed.is_some())?;
        Some(if last.ahead > AHEAD { last.ahead } else { Duration::ZERO })
    }
}

impl<T: PartialEq> Held<T> {
    /// Takes a value that was true when it was `observed` by its own account. That moment is compared with the
    /// wall clock once, here, so that later jumps change nothing. What is older than what is held is late news.
    ///
    /// A time that lies ahead proves nothing about the age: that counts from when this value first came with this
    /// time. A clock that is wrong, there or here, so makes a value that does not change old, and none that does.
    pub fn record_dated(&mut self, at: Now, observed: Option<UnixMs>, outcome: Result<T, Missing>) {
        let new = match outcome {
            Ok(value) => Last::new(value, at, observed),
            Err(why) => {
                self.failure = Some(why);
                return;
            }
        };
        let known = self.last.as_ref().is_some_and(|last| {
            let again = !new.ahead.is_zero() && last.observed == new.observed && last.value == new.value;
            let late = last.ahead <= AHEAD && last.age(at) < new.age_then;
            again || late
        });
        if known {
            self.failure = None;
        } else {
            self.renew(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Now {
        Now { wall: UnixMs(1_000_000_000), mono: Duration::ZERO }.plus(Duration::from_secs(secs))
    }

    fn age(held: &Held<u32>, secs: u64) -> u64 {
        held.current(at(secs), Duration::MAX).unwrap().age.as_secs()
    }

    #[test]
    fn what_is_dated_ahead_grows_old_from_when_it_first_came() {
        let (mut held, ahead) = (Held::new(), Some(at(5_000).wall));
        held.record_dated(at(100), ahead, Ok(7));
        held.record_dated(at(160), ahead, Ok(7));
        assert_eq!((age(&held, 160), held.clock_ahead()), (60, Some(Duration::from_secs(4_900))));
        held.record_dated(at(170), Some(at(5_070).wall), Ok(7));
        assert_eq!(age(&held, 170), 0, "its clock goes on: it is told anew");
        held.record_dated(at(180), Some(at(5_070).wall), Ok(8));
        assert_eq!(age(&held, 180), 0, "its clock stands still, and it changes");
        held.record_dated(at(200), Some(at(190).wall), Ok(8));
        assert_eq!(
            (age(&held, 200), held.clock_ahead()),
            (10, Some(Duration::ZERO)),
            "its clock was set right"
        );
    }

    #[test]
    fn a_clock_that_is_a_little_ahead_is_no_news_and_hides_no_age() {
        let mut held = Held::new();
        held.record_dated(at(100), Some(at(400).wall), Ok(7));
        held.record_dated(at(399), Some(at(400).wall), Ok(7));
        assert_eq!((age(&held, 399), held.clock_ahead()), (299, Some(Duration::ZERO)));
        held.record_dated(at(399), Some(at(20).wall), Ok(5));
        assert_eq!(held.current(at(399), Duration::MAX).map(|holding| *holding.value), Ok(7), "late news");
    }

    #[test]
    fn what_has_no_time_of_its_own_says_nothing_about_a_clock() {
        let mut held = Held::new();
        held.record(at(0), Ok(7));
        assert_eq!(held.clock_ahead(), None);
    }

    #[test]
    fn late_news_does_not_replace_what_is_younger() {
        let mut held = Held::new();
        held.record_dated(at(100), Some(at(90).wall), Ok("new"));
        held.record_dated(at(110), Some(at(20).wall), Ok("late"));
        let holding = held.current(at(110), Duration::from_secs(60)).unwrap();
        assert_eq!((*holding.value, holding.age), ("new", Duration::from_secs(20)));
        held.record_dated(at(120), Some(at(110).wall), Ok("newer"));
        assert_eq!(held.current(at(120), Duration::from_secs(60)).map(|holding| *holding.value), Ok("newer"));
    }

    #[test]
    fn a_held_value_is_as_old_as_it_says_itself_and_survives_failures() {
        let mut held = Held::new();
        assert_eq!(held.current(at(0), Duration::MAX).unwrap_err(), Missing::NotConfigured);
        held.record_dated(at(0), None, Err(Missing::Denied));
        assert_eq!(held.current(at(0), Duration::MAX).unwrap_err(), Missing::Denied);
        held.record_dated(at(100), Some(UnixMs(at(40).wall.0)), Ok(7));
        held.record_dated(at(110), None, Err(Missing::Timeout));
        let holding = held.current(at(120), Duration::from_secs(80)).unwrap();
        assert_eq!((*holding.value, holding.age, holding.failing), (7, Duration::from_secs(80), true));
        assert_eq!(held.current(at(121), Duration::from_secs(80)).unwrap_err(), Missing::Expired);
    }

    #[test]
    fn a_jump_of_the_wall_clock_changes_no_held_age() {
        let mut held = Held::new();
        held.record_dated(at(100), Some(UnixMs(at(90).wall.0)), Ok(()));
        let jumped = Now { wall: UnixMs(0), ..at(105) };
        assert_eq!(held.current(jumped, Duration::MAX).unwrap().age, Duration::from_secs(15));
        let from_the_future = UnixMs(at(5000).wall.0);
        held.record_dated(at(200), Some(from_the_future), Ok(()));
        assert_eq!(held.current(at(201), Duration::MAX).unwrap().age, Duration::from_secs(1));
    }
}
