//! What a platform has paid, as a rate of now.

use std::time::Duration;

use crate::clock::{Now, UnixMs};
use crate::reading::{EarnedDay, Earnings, Missing, Quality};
use crate::site::HostingFeeds;
use crate::units::UsdPerHour;

const DAY_MS: i64 = 86_400_000;
const HOURS_PER_DAY: f64 = 24.0;
const MICRO: f64 = 1e6;
/// A platform states a day within hours of its end. One that ended longer ago says little of now…
const FRESH: Duration = Duration::from_secs(36 * 3600);
/// …and after this nothing.
const LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The last UTC day that a platform has stated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LastDay {
    pub stated: EarnedDay,
    /// Since its end.
    pub age: Duration,
    /// Of the day as a measure of now: at best an estimate.
    pub quality: Quality,
}

/// # Errors
/// Why there is no statement; [`Missing::NotReported`]: of no day that is over; [`Missing::Expired`]: its
/// newest day ended more than a week ago.
pub fn last_day(feeds: &HostingFeeds, now: Now) -> Result<LastDay, Missing> {
    let earnings = feeds.earnings.as_ref().map_err(|why| *why)?;
    let day = newest(&earnings.value, now)?;
    Ok(LastDay { quality: day.quality.max(earnings.quality), ..day })
}

/// Of a statement that was given just now.
///
/// # Errors
/// As [`last_day`].
pub fn newest(earnings: &Earnings, now: Now) -> Result<LastDay, Missing> {
    let stated = *earnings.days.first().ok_or(Missing::NotReported)?;
    let age = since(stated.day, now);
    if age > LIMIT {
        return Err(Missing::Expired);
    }
    let quality = if age <= FRESH { Quality::Estimated } else { Quality::Stale };
    Ok(LastDay { stated, age, quality })
}

impl LastDay {
    /// Gross and net, spread evenly over the day: `amount / 24 h`. `None` if the result is not a finite
    /// number.
    pub(super) fn per_hour(&self) -> Option<(UsdPerHour, UsdPerHour)> {
        let rate = |micro: i64| UsdPerHour::new(micro as f64 / MICRO / HOURS_PER_DAY);
        rate(self.stated.gross_micro_usd).zip(rate(self.stated.net_micro_usd()))
    }
}

/// Since the end of the day that began at `start`.
fn since(start: UnixMs, now: Now) -> Duration {
    let ms = now.wall.0.saturating_sub(start.0.saturating_add(DAY_MS));
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
