//! Mean hashrate of the devices over the windows that pools report: 1 and 24 hours.

use std::collections::VecDeque;
use std::time::Duration;

use crate::reading::{Quality, Reading};
use crate::units::Hashrate;

/// Grain of the windows.
const BUCKET: Duration = Duration::from_secs(300);
const BUCKETS_PER_DAY: i64 = 288;
/// What a reading stands for at most, if none follows: time beyond it was not observed.
const LONGEST_HOLD: Duration = Duration::from_secs(120);
/// Part of a window that must have been observed.
const COVERED: f64 = 0.9;

/// What was observed in the last day.
#[derive(Debug, Clone, Default)]
pub struct HashWindow {
    /// In order of time.
    buckets: VecDeque<Bucket>,
    /// The newest reading, monotonic; `None`: too few devices told theirs.
    last: Option<(Duration, Option<Hashrate>)>,
    /// Number of the newest bucket that was told as over.
    told: Option<i64>,
}

/// Five minutes at most, as a process tells them to the next one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// How long ago they began.
    pub age: Duration,
    /// Mean over what was observed of them.
    pub hashrate: Hashrate,
    pub observed: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    number: i64,
    ths_seconds: f64,
    seconds: f64,
    /// By the process before. Its clock had another start, so that its grain is off by less than a bucket.
    before: bool,
}

impl HashWindow {
    /// The devices' hashrate from `at` (monotonic) on; `None` where it is not known well enough.
    pub fn observe(&mut self, at: Duration, hashrate: Option<Hashrate>) {
        if let Some((since, Some(held))) = self.last {
            let until = at.min(since.saturating_add(LONGEST_HOLD));
            self.add(since, until, held);
        }
        self.last = Some((at, hashrate));
        let oldest = bucket_of(at) - BUCKETS_PER_DAY;
        while self.buckets.front().is_some_and(|bucket| bucket.number < oldest) {
            self.buckets.pop_front();
        }
    }

    fn add(&mut self, since: Duration, until: Duration, held: Hashrate) {
        let mut from = since;
        while from < until {
            let number = bucket_of(from);
            let to = until.min(BUCKET.saturating_mul(u32::try_from(number + 1).unwrap_or(u32::MAX)));
            let seconds = to.saturating_sub(from).as_secs_f64();
            if self.buckets.back().is_none_or(|bucket| bucket.number != number) {
                self.buckets.push_back(Bucket { number, ths_seconds: 0.0, seconds: 0.0, before: false });
            }
            if let Some(bucket) = self.buckets.back_mut() {
                bucket.ths_seconds += held.ths() * seconds;
                bucket.seconds += seconds;
            }
            if to <= from {
                break;
            }
            from = to;
        }
    }

    /// What was observed in the buckets that are over at `now`, each told once.
    pub fn over(&mut self, now: Duration) -> Vec<Observed> {
        let (current, told) = (bucket_of(now), self.told.replace(bucket_of(now) - 1));
        let fresh = |bucket: &&Bucket| {
            !bucket.before && bucket.number < current && told.is_none_or(|told| bucket.number > told)
        };
        self.buckets.iter().filter(fresh).filter_map(|bucket| bucket.observed(now)).collect()
    }

    /// Goes on with what the process before observed, oldest first. What is older than a day is left.
    pub fn go_on_with(&mut self, observed: impl IntoIterator<Item = Observed>, now: Duration) {
        let oldest = bucket_of(now) - BUCKETS_PER_DAY;
        let bucket = |seen: Observed| {
            let seconds = seen.observed.min(BUCKET).as_secs_f64();
            let number = bucket_at(seconds_of(now) - seconds_of(seen.age));
            Bucket { number, ths_seconds: seen.hashrate.ths() * seconds, seconds, before: true }
        };
        let before = observed.into_iter().map(bucket).filter(|bucket| bucket.number >= oldest);
        let own = std::mem::take(&mut self.buckets);
        self.buckets = before.chain(own).collect();
    }

    /// Mean over the last hour, estimated where the process before observed a part of it. `None`: less than nine
    /// tenths of it were observed.
    pub fn hour(&self, now: Duration) -> Option<Reading<Hashrate>> {
        self.mean(now, 12)
    }

    /// Mean over the last day; otherwise as [`HashWindow::hour`].
    pub fn day(&self, now: Duration) -> Option<Reading<Hashrate>> {
        self.mean(now, BUCKETS_PER_DAY)
    }

    fn mean(&self, now: Duration, buckets: i64) -> Option<Reading<Hashrate>> {
        let oldest = bucket_of(now) - buckets;
        let within = || self.buckets.iter().filter(|bucket| bucket.number >= oldest);
        let (work, seconds) =
            within().fold((0.0, 0.0), |(work, secs), b| (work + b.ths_seconds, secs + b.seconds));
        let enough = seconds >= COVERED * BUCKET.as_secs_f64() * buckets as f64;
        let value = enough.then(|| Hashrate::new(work / seconds)).flatten()?;
        let quality =
            if within().any(|bucket| bucket.before) { Quality::Estimated } else { Quality::Measured };
        Some(Reading { value, quality, source: "devices" })
    }
}

impl Bucket {
    fn observed(&self, now: Duration) -> Option<Observed> {
        let start = u64::try_from(self.number)
            .ok()
            .map(|n| Duration::from_secs(n.saturating_mul(BUCKET.as_secs())))?;
        let hashrate =
            (self.seconds > 0.0).then(|| Hashrate::new(self.ths_seconds / self.seconds)).flatten()?;
        let observed = Duration::try_from_secs_f64(self.seconds).ok()?;
        Some(Observed { age: now.saturating_sub(start), hashrate, observed })
    }
}

/// Below zero: before this clock began.
fn bucket_of(at: Duration) -> i64 {
    bucket_at(seconds_of(at))
}

fn bucket_at(secs: i64) -> i64 {
    secs.div_euclid(seconds_of(BUCKET))
}

fn seconds_of(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ths(value: f64) -> Option<Hashrate> {
        Hashrate::new(value)
    }

    fn observed(window: &mut HashWindow, from: u64, to: u64, hashrate: Option<Hashrate>) {
        for at in (from..to).step_by(10) {
            window.observe(Duration::from_secs(at), hashrate);
        }
    }

    #[test]
    fn a_window_has_a_mean_once_nine_tenths_of_it_were_observed() {
        let mut window = HashWindow::default();
        observed(&mut window, 0, 3_000, ths(100.0));
        assert_eq!(window.hour(Duration::from_secs(3_000)), None);
        observed(&mut window, 3_000, 3_600, ths(200.0));
        let hour = window.hour(Duration::from_secs(3_600)).unwrap();
        assert!((hour.value.ths() - (3_000.0 * 100.0 + 590.0 * 200.0) / 3_590.0).abs() < 1e-9);
        assert_eq!(window.day(Duration::from_secs(3_600)), None);
    }

    #[test]
    fn time_that_nobody_observed_is_no_part_of_the_mean() {
        let mut window = HashWindow::default();
        observed(&mut window, 0, 1_000, ths(100.0));
        // Half an hour without a reading, and ten minutes with too few devices.
        observed(&mut window, 2_800, 3_400, None);
        observed(&mut window, 3_400, 4_000, ths(50.0));
        assert_eq!(window.hour(Duration::from_secs(4_000)), None);
        observed(&mut window, 4_000, 7_000, ths(50.0));
        assert_eq!(window.hour(Duration::from_secs(7_000)).map(|hour| hour.value.ths()), Some(50.0));
    }

    #[test]
    fn what_is_older_than_a_day_is_forgotten() {
        let mut window = HashWindow::default();
        observed(&mut window, 0, 86_400, ths(100.0));
        observed(&mut window, 86_400, 2 * 86_400 + 300, ths(300.0));
        let day = window.day(Duration::from_secs(2 * 86_400 + 300)).unwrap();
        assert_eq!((day.value.ths(), day.quality), (300.0, Quality::Measured));
        assert!(window.buckets.len() <= 290);
    }

    #[test]
    fn what_is_over_is_told_once_and_the_next_process_has_a_day_of_it_at_once() {
        let mut window = HashWindow::default();
        let mut told = Vec::new();
        for at in (0..86_400).step_by(10) {
            window.observe(Duration::from_secs(at), ths(100.0));
            // By the wall clock, which goes on.
            let over = window.over(Duration::from_secs(at));
            told.extend(
                over.into_iter().map(|seen| (Duration::from_secs(at).saturating_sub(seen.age), seen)),
            );
        }
        assert_eq!(told.len(), 287);
        assert_eq!(
            told[0].1,
            Observed {
                age: Duration::from_secs(300),
                hashrate: Hashrate::new(100.0).unwrap(),
                observed: Duration::from_secs(300),
            }
        );
        // A minute later, on a clock that began anew.
        let now = Duration::from_secs(5);
        let ago = |(start, seen): &(Duration, Observed)| Observed {
            age: Duration::from_secs(86_460).saturating_sub(*start),
            ..*seen
        };
        let mut next = HashWindow::default();
        next.go_on_with(told.iter().map(ago), now);
        let day = next.day(now).unwrap();
        assert_eq!((day.value.ths(), day.quality), (100.0, Quality::Estimated));
        assert_eq!(next.over(Duration::from_secs(700)), [], "it is told already");
        // What was observed before is no part of an hour that the new process has observed itself.
        observed(&mut next, 5, 3_905, ths(50.0));
        let hour = next.hour(Duration::from_secs(3_905)).unwrap();
        assert_eq!((hour.value.ths(), hour.quality), (50.0, Quality::Measured));
    }

    #[test]
    fn what_the_process_before_observed_more_than_a_day_ago_is_left() {
        let old =
            |secs| Observed { age: Duration::from_secs(secs), hashrate: ths(9.0).unwrap(), observed: BUCKET };
        let mut window = HashWindow::default();
        window.go_on_with([old(90_000), old(u64::MAX), old(3_000)], Duration::from_secs(10));
        assert_eq!(window.buckets.len(), 1);
    }
}
