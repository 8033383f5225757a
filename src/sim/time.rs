//! Simulated time: what the site lives by, faster than the wall clock if asked.

use std::time::Duration;

use crate::clock::{Now, UnixMs};

/// Since midnight of the first simulated day.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct SimTime(f64);

/// The first day is joined in the afternoon, so that the evening's price spike is not far off.
const START_HOUR: u64 = 16;

impl SimTime {
    pub fn from_secs(secs: f64) -> Self {
        Self(secs.max(0.0))
    }

    pub fn from_hours(hours: u64) -> Self {
        Self(hours as f64 * 3600.0)
    }

    pub fn secs(self) -> f64 {
        self.0
    }

    /// Whole hours since the start of the first day.
    pub fn hour(self) -> u64 {
        (self.0 / 3600.0) as u64
    }

    /// Hour of the day with its fraction, 0.0..24.0.
    pub fn hour_of_day(self) -> f64 {
        (self.0 / 3600.0).rem_euclid(24.0)
    }
}

impl std::fmt::Display for SimTime {
    /// Such as `day 2, 07:45`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let minutes = (self.0 / 60.0) as u64;
        write!(f, "day {}, {:02}:{:02}", minutes / 1440 + 1, minutes / 60 % 24, minutes % 60)
    }
}

/// Maps the real clock to simulated time and back.
#[derive(Debug, Clone, Copy)]
pub struct SimClock {
    start: Now,
    speed: f64,
}

impl SimClock {
    /// `speed`: simulated seconds per real second, kept within 1 to 3600.
    pub fn new(start: Now, speed: f64) -> Self {
        let speed = if speed.is_finite() { speed.clamp(1.0, 3600.0) } else { 1.0 };
        Self { start, speed }
    }

    pub fn speed(self) -> f64 {
        self.speed
    }

    pub fn at(self, now: Now) -> SimTime {
        let real: Duration = now.since(self.start);
        SimTime(SimTime::from_hours(START_HOUR).0 + real.as_secs_f64() * self.speed)
    }

    /// When the wall clock shows that `time` is reached; also for times before the start.
    pub fn wall(self, time: SimTime) -> UnixMs {
        let ahead_s = (time.0 - SimTime::from_hours(START_HOUR).0) / self.speed;
        UnixMs(self.start.wall.0.saturating_add((ahead_s * 1e3).round() as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_passes_in_a_minute_at_speed_60() {
        let start = Now { wall: UnixMs(1_000_000), mono: Duration::from_secs(5) };
        let clock = SimClock::new(start, 60.0);
        let later = clock.at(start.plus(Duration::from_secs(60)));
        assert_eq!(later.to_string(), "day 1, 17:00");
        assert_eq!(clock.wall(later), UnixMs(1_060_000));
        assert_eq!(clock.wall(SimTime::from_hours(15)), UnixMs(940_000));
    }

    #[test]
    fn a_speed_that_makes_no_sense_is_kept_in_range() {
        let start = Now { wall: UnixMs(0), mono: Duration::ZERO };
        assert_eq!(SimClock::new(start, f64::NAN).speed(), 1.0);
        assert_eq!(SimClock::new(start, -5.0).speed(), 1.0);
        assert_eq!(SimClock::new(start, 1e9).speed(), 3600.0);
    }
}
