//! Marks of the time axis: at most twelve, at whole hours, days, months or years of UTC.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

/// More would touch each other.
const MOST: usize = 12;

/// Seconds since 1970 and the text beside them.
pub type Mark = (i64, String);

/// Marks within `from..=to`.
pub fn marks(from: i64, to: i64) -> Vec<Mark> {
    let steps = [
        (1.hours(), "%d %b %H:%M"),
        (6.hours(), "%d %b %H:%M"),
        (1.day(), "%d %b"),
        (2.days(), "%d %b"),
        (7.days(), "%d %b"),
        (14.days(), "%d %b"),
        (1.month(), "%b %Y"),
        (2.months(), "%b %Y"),
        (3.months(), "%b %Y"),
        (6.months(), "%b %Y"),
        (1.year(), "%Y"),
        (5.years(), "%Y"),
        (20.years(), "%Y"),
    ];
    let all = steps.into_iter().map(|(step, format)| stepped(from, to, step, format));
    all.into_iter().find(|marks| marks.len() <= MOST).unwrap_or_default()
}

/// From the beginning of the year of `from`, or of its day where the step is hours.
fn stepped(from: i64, to: i64, step: Span, format: &str) -> Vec<Mark> {
    let utc = |secs| Timestamp::from_second(secs).ok().map(|at| at.to_zoned(TimeZone::UTC).datetime());
    let Some(first) = utc(from) else { return Vec::new() };
    let start = if step.get_hours() > 0 { first.date() } else { first.date().first_of_year() };
    let mut marks = Vec::new();
    for n in 0.. {
        let Ok(at) = step.checked_mul(n).and_then(|span| start.at(0, 0, 0, 0).checked_add(span)) else {
            break;
        };
        let Ok(zoned) = at.to_zoned(TimeZone::UTC) else { break };
        let secs = zoned.timestamp().as_second();
        if secs > to || marks.len() > MOST {
            break;
        }
        if secs >= from {
            marks.push((secs, at.strftime(format).to_string()));
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(from: &str, to: &str) -> Vec<String> {
        let secs = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        marks(secs(from), secs(to)).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn marks_suit_the_period() {
        assert_eq!(
            texts("2025-11-01T05:00:00Z", "2025-11-02T04:00:00Z"),
            ["01 Nov 06:00", "01 Nov 12:00", "01 Nov 18:00", "02 Nov 00:00"]
        );
        let weeks = texts("2025-10-20T05:00:00Z", "2025-11-11T04:00:00Z");
        assert_eq!((weeks.len(), weeks[0].as_str()), (11, "22 Oct"));
        let year = texts("2025-01-01T06:00:00Z", "2025-11-22T23:00:00Z");
        assert_eq!(year.first().map(String::as_str), Some("Feb 2025"));
        assert_eq!(year.len(), 10);
        assert_eq!(texts("2016-01-01T00:00:00Z", "2025-01-01T00:00:00Z").len(), 10);
        assert_eq!(texts("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"), ["01 Jan 00:00"]);
    }
}
