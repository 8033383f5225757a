//! The days of a day-ahead market, and when the prices of tomorrow come out. Pure.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::TariffError;
use crate::clock::{Now, UnixMs};
use crate::reading::Missing;
use crate::sources::Failure;

/// Between two requests in the hours before tomorrow appears.
pub(super) const EAGER: Duration = Duration::from_secs(600);

/// Of one market.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    zone: TimeZone,
    /// Local hours between which tomorrow usually comes out.
    out: std::ops::Range<i8>,
}

impl Calendar {
    /// `zone` is an IANA name.
    pub(super) fn new(zone: &str, out: std::ops::Range<i8>) -> Result<Self, TariffError> {
        Ok(Self { zone: super::zone(zone)?, out })
    }

    /// Today and tomorrow by the market's clock.
    pub(super) fn days(&self, now: Now) -> Result<[Date; 2], Failure> {
        let today = now.wall.timestamp().map(|at| self.zone.to_datetime(at).date());
        let tomorrow = today.and_then(|day| day.tomorrow().ok());
        today.zip(tomorrow).map(|(today, tomorrow)| [today, tomorrow]).ok_or_else(no_calendar)
    }

    /// From the start of today to the end of tomorrow: 47 to 49 hours.
    pub(super) fn span(&self, now: Now) -> Result<(UnixMs, UnixMs), Failure> {
        let [today, tomorrow] = self.days(now)?;
        let start = self.start_of(today).ok_or_else(no_calendar)?;
        let end = tomorrow.tomorrow().ok().and_then(|day| self.start_of(day)).ok_or_else(no_calendar)?;
        Ok((start, end))
    }

    /// How long to wait for the next request, no longer than `usual`, when prices are known up to
    /// `known_until`.
    pub(super) fn pause(&self, now: Now, known_until: UnixMs, usual: Duration) -> Duration {
        let wait = || {
            let at = now.wall.timestamp()?;
            let wall = self.zone.to_datetime(at);
            let [_, tomorrow] = self.days(now).ok()?;
            if known_until > self.instant(tomorrow, 12)? || wall.hour() >= self.out.end {
                return None;
            }
            let opens = self.instant(wall.date(), self.out.start)?;
            Some(Duration::from_millis(u64::try_from(opens.0.saturating_sub(now.wall.0)).unwrap_or(0)))
        };
        wait().map_or(usual, |wait| usual.min(wait.max(EAGER)))
    }

    fn start_of(&self, day: Date) -> Option<UnixMs> {
        self.instant(day, 0)
    }

    fn instant(&self, day: Date, hour: i8) -> Option<UnixMs> {
        let at = self.zone.to_zoned(day.at(hour, 0, 0, 0)).ok()?;
        Some(UnixMs(at.timestamp().as_millisecond()))
    }
}

fn no_calendar() -> Failure {
    Failure::new(Missing::Implausible, "the clock is outside the years of the calendar")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Now {
        let wall = UnixMs(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        Now { wall, mono: Duration::ZERO }
    }

    fn berlin() -> Calendar {
        Calendar::new("Europe/Berlin", 12..15).unwrap()
    }

    fn hours(now: &str) -> i64 {
        let (start, end) = berlin().span(at(now)).unwrap();
        (end.0 - start.0) / 3_600_000
    }

    #[test]
    fn two_days_are_an_hour_short_in_spring_and_an_hour_long_in_autumn() {
        assert_eq!(hours("2026-06-01T09:00:00Z"), 48);
        assert_eq!([hours("2026-03-28T23:30:00Z"), hours("2026-03-27T23:30:00Z")], [47, 47]);
        assert_eq!(hours("2026-10-24T23:30:00Z"), 49);
    }

    #[test]
    fn tomorrow_is_looked_for_every_ten_minutes_from_noon_on_until_it_is_there() {
        let calendar = berlin();
        let minutes = |now: &str, known_until: &str| {
            let pause = calendar.pause(at(now), at(known_until).wall, Duration::from_secs(3600));
            pause.as_secs() / 60
        };
        let (today, tomorrow) = ("2026-06-01T22:00:00Z", "2026-06-02T22:00:00Z");
        assert_eq!(minutes("2026-06-01T05:00:00Z", today), 60);
        assert_eq!(minutes("2026-06-01T09:35:00Z", today), 25, "until noon in Berlin");
        assert_eq!(minutes("2026-06-01T09:55:00Z", today), 10);
        assert_eq!(minutes("2026-06-01T11:00:00Z", today), 10);
        assert_eq!(minutes("2026-06-01T11:00:00Z", tomorrow), 60);
        assert_eq!(minutes("2026-06-01T13:00:00Z", today), 60, "it is late: an outage over there");
    }
}
