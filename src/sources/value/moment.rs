//! Times: seconds or milliseconds since 1970, or ISO 8601 with or without a zone.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use crate::clock::UnixMs;
use crate::reading::Missing;
use crate::sources::Failure;
use crate::sources::web::Decimal;

use super::page::at;

/// As seconds the year 5138, as milliseconds 1973: numbers from here on are milliseconds.
const LEAST_MS: f64 = 1e11;
/// As milliseconds the year 5138.
const MAX_MS: f64 = 1e14;

/// A time. One that is written without a zone is meant in `zone`; of an hour that comes twice it is the first.
///
/// # Errors
/// [`Missing::Garbage`] for what is no time since 1970.
pub fn moment(value: &Value, zone: &TimeZone) -> Result<UnixMs, Missing> {
    let decimal = Decimal::deserialize(value).map_err(|_| Missing::Garbage)?;
    let ms = match decimal.f64() {
        Some(secs) if secs < LEAST_MS => secs * 1e3,
        Some(ms) => ms,
        None => return written(decimal.text().ok_or(Missing::Garbage)?, zone),
    };
    if !(0.0..MAX_MS).contains(&ms) {
        return Err(Missing::Garbage);
    }
    Ok(UnixMs(ms as i64))
}

/// When a page was true by its own account: the time that `key` points at, if there is such a key.
///
/// # Errors
/// It points at no time.
pub fn observed(page: &Value, key: Option<&str>, zone: &TimeZone) -> Result<Option<UnixMs>, Failure> {
    let Some(key) = key else { return Ok(None) };
    let time = at(page, key).and_then(|time| moment(time, zone));
    time.map(Some).map_err(|why| Failure::new(why, format!("no time at `{key}` of the page")))
}

fn written(text: &str, zone: &TimeZone) -> Result<UnixMs, Missing> {
    let time = match text.parse::<Timestamp>() {
        Ok(time) => time,
        Err(_) => {
            let local: DateTime = text.parse().map_err(|_| Missing::Garbage)?;
            zone.to_timestamp(local).map_err(|_| Missing::Garbage)?
        }
    };
    Some(UnixMs(time.as_millisecond())).filter(|time| time.0 >= 0).ok_or(Missing::Garbage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, zone: &str) -> Result<i64, Missing> {
        let zone = TimeZone::get(zone).unwrap();
        moment(&serde_json::from_str(json).unwrap(), &zone).map(|at| at.0)
    }

    #[test]
    fn seconds_milliseconds_and_iso_times_are_told_apart() {
        for json in [
            "1691435700",
            "\"1691435700\"",
            "1691435700.0",
            "1691435700000",
            "\"1691435700000\"",
            "\"2023-08-07T19:15:00Z\"",
            "\"2023-08-07T14:15:00-05:00\"",
            "\"2023-08-07 19:15:00Z\"",
        ] {
            assert_eq!(read(json, "Asia/Tokyo"), Ok(1_691_435_700_000), "{json}");
        }
        assert_eq!(read("1691435700.25", "UTC"), Ok(1_691_435_700_250));
    }

    #[test]
    fn a_time_without_a_zone_is_meant_at_the_site() {
        for json in ["\"2023-08-07 14:15:00\"", "\"2023-08-07T14:15:00\"", "\"2023-08-07T14:15\""] {
            assert_eq!(read(json, "America/Chicago"), Ok(1_691_435_700_000), "{json}");
        }
        // The clocks went back at 02:00 of that day: the first of two half past one.
        assert_eq!(read("\"2023-11-05 01:30:00\"", "America/Chicago"), Ok(1_699_165_800_000));
    }

    #[test]
    fn what_is_no_time_is_unreadable() {
        for json in ["-1", "1e15", "\"\"", "\"14:15\"", "\"now\"", "true", "{}", "\"1969-01-01T00:00:00Z\""] {
            assert_eq!(read(json, "UTC"), Err(Missing::Garbage), "{json}");
        }
    }
}
