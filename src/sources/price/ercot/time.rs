//! Central Prevailing Time as ERCOT writes it: hours by their end, 1 to 24, quarters 1 to 4, and a
//! flag for the hour that autumn repeats. Pure.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::clock::UnixMs;
use crate::sources::Failure;
use crate::sources::price::market::garbage;
use crate::sources::price::{TariffError, zone};

/// The clock of Texas.
#[derive(Debug, Clone)]
pub struct Central(TimeZone);

impl Central {
    const NAME: &'static str = "America/Chicago";

    /// # Errors
    /// No such zone is known to this system.
    pub fn new() -> Result<Self, TariffError> {
        zone(Self::NAME).map(Self)
    }

    /// When an interval starts: of `hour_ending` (1–24) the `quarter` (1–4). `repeated` tells the
    /// second from the first of two hours that the clocks show alike. `None` for an hour that the
    /// clocks skip.
    ///
    /// # Errors
    /// It is no date, hour or quarter.
    pub fn start(
        &self,
        date: &str,
        hour_ending: i8,
        quarter: i8,
        repeated: bool,
    ) -> Result<Option<UnixMs>, Failure> {
        let bad = || garbage(format!("no such interval: hour {hour_ending}, quarter {quarter}"));
        if !(1..=24).contains(&hour_ending) || !(1..=4).contains(&quarter) {
            return Err(bad());
        }
        let date: Date = date.parse().map_err(|_| garbage("a delivery date is none".to_owned()))?;
        let minutes = (i64::from(hour_ending) - 1) * 60 + (i64::from(quarter) - 1) * 15;
        let wall = date.at(0, 0, 0, 0).checked_add(minutes.minutes()).map_err(|_| bad())?;
        let at = self.0.to_ambiguous_timestamp(wall);
        if matches!(at.offset(), AmbiguousOffset::Gap { .. }) {
            return Ok(None);
        }
        let at = if repeated { at.later() } else { at.earlier() };
        at.map(|at| Some(UnixMs(at.as_millisecond()))).map_err(|_| bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(date: &str, hour: i8, quarter: i8, repeated: bool) -> Option<String> {
        let at = Central::new().unwrap().start(date, hour, quarter, repeated).unwrap()?;
        Some(at.timestamp().unwrap().to_string())
    }

    #[test]
    fn an_hour_is_called_by_its_end_and_quarters_count_from_one() {
        let utc = |text: &str| Some(text.to_owned());
        assert_eq!(start("2026-07-01", 1, 1, false), utc("2026-07-01T05:00:00Z"));
        assert_eq!(start("2026-07-01", 24, 4, false), utc("2026-07-02T04:45:00Z"));
        assert_eq!(start("2026-12-01", 24, 1, false), utc("2026-12-02T05:00:00Z"));
    }

    #[test]
    fn the_flag_tells_the_second_of_two_hours_from_the_first() {
        let utc = |text: &str| Some(text.to_owned());
        assert_eq!(start("2026-11-01", 2, 1, false), utc("2026-11-01T06:00:00Z"));
        assert_eq!(start("2026-11-01", 2, 1, true), utc("2026-11-01T07:00:00Z"));
        assert_eq!(start("2026-11-01", 3, 1, false), utc("2026-11-01T08:00:00Z"));
    }

    #[test]
    fn the_hour_that_spring_skips_is_no_time() {
        assert_eq!(start("2026-03-08", 3, 1, false), None);
        assert_eq!(start("2026-03-08", 4, 1, false), Some("2026-03-08T08:00:00Z".to_owned()));
    }

    #[test]
    fn what_is_no_interval_is_an_error() {
        let central = Central::new().unwrap();
        for (date, hour, quarter) in
            [("2026-07-01", 0, 1), ("2026-07-01", 25, 1), ("2026-07-01", 1, 5), ("July", 1, 1)]
        {
            assert!(central.start(date, hour, quarter, false).is_err(), "{date} {hour} {quarter}");
        }
    }
}
