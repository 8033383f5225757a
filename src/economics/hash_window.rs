//! Mean hashrate of the devices over the windows that pools report: 1 and 24 hours.

use std::collections::VecDeque;
use std::time::Duration;

use crate::units::Hashrate;

/// Grain of the windows.
const BUCKET: Duration = Duration::from_secs(300);
const BUCKETS_PER_DAY: u64 = 288;
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
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    number: u64,
    ths_seconds: f64,
    seconds: f64,
}

impl HashWindow {
    /// The devices' hashrate from `at` (monotonic) on; `None` where it is not known well enough.
    pub fn observe(&mut self, at: Duration, hashrate: Option<Hashrate>) {
        if let Some((since, Some(held))) = self.last {
            let until = at.min(since.saturating_add(LONGEST_HOLD));
            self.add(since, until, held);
        }
        self.last = Some((at, hashrate));
        let oldest = bucket_of(at).saturating_sub(BUCKETS_PER_DAY);
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
                self.buckets.push_back(Bucket { number, ths_seconds: 0.0, seconds: 0.0 });
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

    /// Mean over the last hour. `None`: less than nine tenths of it were observed.
    pub fn hour(&self, now: Duration) -> Option<Hashrate> {
        self.mean(now, 12)
    }

    /// Mean over the last day; otherwise as [`HashWindow::hour`].
    pub fn day(&self, now: Duration) -> Option<Hashrate> {
        self.mean(now, BUCKETS_PER_DAY)
    }

    fn mean(&self, now: Duration, buckets: u64) -> Option<Hashrate> {
        let oldest = bucket_of(now).saturating_sub(buckets);
        let within = self.buckets.iter().filter(|bucket| bucket.number >= oldest);
        let (work, seconds) =
            within.fold((0.0, 0.0), |(work, secs), b| (work + b.ths_seconds, secs + b.seconds));
        let enough = seconds >= COVERED * BUCKET.as_secs_f64() * buckets as f64;
        enough.then(|| Hashrate::new(work / seconds)).flatten()
    }
}

fn bucket_of(at: Duration) -> u64 {
    at.as_secs() / BUCKET.as_secs()
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
        assert!((hour.ths() - (3_000.0 * 100.0 + 590.0 * 200.0) / 3_590.0).abs() < 1e-9);
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
        assert_eq!(window.hour(Duration::from_secs(7_000)).map(Hashrate::ths), Some(50.0));
    }

    #[test]
    fn what_is_older_than_a_day_is_forgotten() {
        let mut window = HashWindow::default();
        observed(&mut window, 0, 86_400, ths(100.0));
        observed(&mut window, 86_400, 2 * 86_400 + 300, ths(300.0));
        assert_eq!(window.day(Duration::from_secs(2 * 86_400 + 300)).map(Hashrate::ths), Some(300.0));
        assert!(window.buckets.len() <= 290);
    }
}
