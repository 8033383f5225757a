//! What lists of settled earnings have in common.

use std::time::Duration;

use super::Piece;
use crate::clock::UnixMs;
use crate::reading::{Missing, Settled, SettledKind};
use crate::sources::Failure;
use crate::units::Sats;

const HOUR: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 86_400_000;
/// How far back lists are asked for: the ledger knows what is older.
const BACK_MS: i64 = 30 * DAY_MS;

/// How often lists are asked for: a day settles once, at an hour that few pools tell.
pub(super) fn hourly(interval: Duration) -> Duration {
    interval.max(HOUR)
}

/// Where a list that is asked for now begins.
pub(super) fn since(now: UnixMs) -> UnixMs {
    UnixMs(now.0.saturating_sub(BACK_MS))
}

/// The UTC day of `at` as `2026-09-21`.
pub(super) fn date(at: UnixMs) -> String {
    let instant = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    instant.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

/// Start of the UTC day of `at`.
pub(super) fn day_of(at: UnixMs) -> UnixMs {
    UnixMs(at.0.div_euclid(DAY_MS).saturating_mul(DAY_MS))
}

/// Whether the UTC day that starts at `day` has ended.
pub(super) fn is_over(day: UnixMs, now: UnixMs) -> bool {
    day.0.saturating_add(DAY_MS) <= now.0
}

/// The UTC day of `at`; `None` where the row of the list could not be read.
pub(super) fn day(at: Option<UnixMs>, net: Option<Sats>, fee: Option<Sats>) -> Option<Settled> {
    Some(Settled { at: day_of(at?), kind: SettledKind::UtcDay, net: net?, fee })
}

/// The days of `list` that are over, newest first.
///
/// # Errors
/// As [`newest_first`].
pub(super) fn days_over(
    rows: impl Iterator<Item = Option<Settled>>,
    list: &str,
    now: UnixMs,
) -> Result<Piece, Failure> {
    newest_first(rows.filter(|row| row.as_ref().is_none_or(|row| is_over(row.at, now))), list)
}

/// All rows of `list`, newest first.
///
/// # Errors
/// If one of the rows cannot be read: a list with a row left out would look like less income.
pub(super) fn newest_first(
    rows: impl Iterator<Item = Option<Settled>>,
    list: &str,
) -> Result<Piece, Failure> {
    let rows: Option<Vec<Settled>> = rows.collect();
    let unreadable = || Failure::new(Missing::Garbage, format!("a row of {list} cannot be read"));
    let mut rows = rows.ok_or_else(unreadable)?;
    rows.sort_by_key(|row| (std::cmp::Reverse(row.at), row.net, row.fee));
    // What is told twice is no second part.
    rows.dedup();
    Ok(rows.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_told_twice_counts_once_and_a_second_part_counts() {
        let row = |net| day(Some(UnixMs(5 * DAY_MS)), Some(Sats(net)), None);
        let rows = newest_first([row(1_000), row(2_000), row(1_000)].into_iter(), "rows").unwrap();
        let told: Vec<i64> = rows.settled.unwrap().iter().map(|row| row.net.0).collect();
        assert_eq!(told, [1_000, 2_000]);
    }
}
