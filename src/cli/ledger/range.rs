//! Which time is asked for. All of it is UTC, as the ledger and the pools reckon.

use crate::clock::UnixMs;
use crate::ledger::rollup::DAY_MS;

use super::table::minute;

/// Shown without a range: today and the days before it.
const DEFAULT_DAYS: i64 = 7;

/// A day, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Start of it.
    Day(UnixMs),
    Time(UnixMs),
}

/// `from <= t < to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub from: UnixMs,
    pub to: UnixMs,
}

/// `2026-01-31`, `2026-01-31T14:00`, or a time with its offset.
///
/// # Errors
/// It is none of them.
pub fn moment(text: &str) -> Result<Moment, String> {
    let utc = |civil: jiff::civil::DateTime| {
        let at = jiff::tz::TimeZone::UTC.to_timestamp(civil).map_err(|e| e.to_string())?;
        Ok(UnixMs(at.as_millisecond()))
    };
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Moment::Time(UnixMs(at.as_millisecond())));
    }
    match text.parse::<jiff::civil::DateTime>() {
        Ok(civil) if text.len() > "2026-01-31".len() => utc(civil).map(Moment::Time),
        Ok(civil) => utc(civil).map(Moment::Day),
        Err(_) => Err("expected a day such as 2026-01-31, or a time such as 2026-01-31T14:00".to_owned()),
    }
}

impl Moment {
    fn start(self) -> UnixMs {
        match self {
            Moment::Day(at) | Moment::Time(at) => at,
        }
    }

    /// A day lasts to its end.
    fn end(self) -> UnixMs {
        match self {
            Moment::Day(at) => UnixMs(at.0.saturating_add(DAY_MS)),
            Moment::Time(at) => at,
        }
    }
}

impl Range {
    /// # Errors
    /// It ends before it begins.
    pub fn of(
        day: Option<Moment>,
        from: Option<Moment>,
        to: Option<Moment>,
        now: UnixMs,
    ) -> anyhow::Result<Self> {
        let today = day_of(now);
        let range = match (day, from, to) {
            (Some(day), _, _) => {
                Self { from: UnixMs(day_of(day.start())), to: UnixMs(day_of(day.start()) + DAY_MS) }
            }
            (None, None, None) => {
                Self { from: UnixMs(today - (DEFAULT_DAYS - 1) * DAY_MS), to: UnixMs(today + DAY_MS) }
            }
            (None, from, to) => Self {
                from: from.map_or(UnixMs(0), Moment::start),
                to: to.map_or(UnixMs(i64::MAX), Moment::end),
            },
        };
        anyhow::ensure!(
            range.from < range.to,
            "--from ({}) is not before --to ({})",
            minute(range.from),
            minute(range.to)
        );
        Ok(range)
    }

    /// Cut at every midnight, and to what a ledger of this `span` can hold.
    pub fn days(&self, (first, last): (UnixMs, UnixMs)) -> Vec<(UnixMs, UnixMs)> {
        let (mut from, to) = (self.from.0.max(first.0), self.to.0.min(last.0.saturating_add(1)));
        let mut days = Vec::new();
        while from < to {
            let midnight = (day_of(UnixMs(from)) + DAY_MS).min(to);
            days.push((UnixMs(from), UnixMs(midnight)));
            from = midnight;
        }
        days
    }

    /// Every day of which it has a part.
    pub fn whole_days(&self) -> Self {
        let last = day_of(UnixMs(self.to.0.saturating_sub(1)));
        Self { from: UnixMs(day_of(self.from)), to: UnixMs(last.saturating_add(DAY_MS)) }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.from.0, self.to.0) {
            (0, _) => write!(f, "before {}", minute(self.to)),
            (_, i64::MAX) => write!(f, "from {} on", minute(self.from)),
            _ => write!(f, "from {} to {}", minute(self.from), minute(self.to)),
        }
    }
}

fn day_of(at: UnixMs) -> i64 {
    at.0.div_euclid(DAY_MS) * DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2025-11-21 14:00:00 UTC.
    const NOW: UnixMs = UnixMs(1_763_733_600_000);

    fn range(from: Option<&str>, to: Option<&str>) -> String {
        let of = |text: &str| moment(text).unwrap();
        Range::of(None, from.map(of), to.map(of), NOW).unwrap().to_string()
    }

    #[test]
    fn a_day_at_the_end_of_a_range_belongs_to_it_and_a_time_ends_it() {
        assert_eq!(
            range(Some("2025-11-01"), Some("2025-11-02")),
            "from 2025-11-01 00:00 to 2025-11-03 00:00"
        );
        let times = range(Some("2025-11-01T12:30"), Some("2025-11-02T00:00:00+01:00"));
        assert_eq!(times, "from 2025-11-01 12:30 to 2025-11-01 23:00");
        assert_eq!(range(Some("2025-11-01"), None), "from 2025-11-01 00:00 on");
        assert_eq!(range(None, Some("2025-11-01")), "before 2025-11-02 00:00");
    }

    #[test]
    fn without_a_range_it_is_today_and_the_six_days_before() {
        assert_eq!(range(None, None), "from 2025-11-15 00:00 to 2025-11-22 00:00");
    }

    #[test]
    fn what_is_no_time_or_ends_before_it_begins_is_refused() {
        for text in ["", "yesterday", "2025-13-01", "2025-11-21T25:00"] {
            assert!(moment(text).is_err(), "{text}");
        }
        let (later, sooner) = (moment("2025-11-03").unwrap(), moment("2025-11-01").unwrap());
        assert!(Range::of(None, Some(later), Some(sooner), NOW).is_err());
    }

    #[test]
    fn a_range_is_cut_at_midnight_and_to_what_there_is() {
        let range = Range { from: UnixMs(0), to: UnixMs(i64::MAX) };
        let days = range.days((UnixMs(DAY_MS / 2), UnixMs(DAY_MS + 5)));
        assert_eq!(days, [(UnixMs(DAY_MS / 2), UnixMs(DAY_MS)), (UnixMs(DAY_MS), UnixMs(DAY_MS + 6))]);
        assert_eq!(range.whole_days().from, UnixMs(0));
    }
}
