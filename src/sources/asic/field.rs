//! Fields of replies as quantities, within what hardware can do.
//!
//! Miners send memory rubbish now and then (4294967295 RPM, 6300255232 °C). A value outside these
//! bounds is [`Missing::Implausible`]: it enters no sum, no alarm and no bill.

use std::sync::Arc;

use super::reply::{Reply, Row};
use crate::reading::{Missing, Read, Reading};
use crate::units::{Celsius, Hashrate, Watts};

/// Above the largest machine on the market (S21e XP Hyd 3U, 860 TH/s).
const MAX_THS: f64 = 2_000.0;
/// Above the largest machine on the market (11.2 kW). Nothing that answers draws less than 1 W.
const WATTS: std::ops::RangeInclusive<f64> = 1.0..=20_000.0;
/// Chips switch off below 130 °C; a machine asleep outdoors may be as cold as the night.
const CELSIUS: std::ops::RangeInclusive<f64> = -60.0..=200.0;
/// Case fans end at about 7,000 RPM.
const MAX_RPM: f64 = 20_000.0;
/// Twenty years.
const MAX_UPTIME_S: f64 = 20.0 * 366.0 * 86_400.0;
/// Longest text that is kept of a name, version, URL or worker.
const MAX_TEXT: usize = 160;
/// Most faults that are kept of a machine: whoever has more has seen enough of them.
pub const MAX_FAULTS: usize = 32;

/// Unit of a hashrate field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Mhs,
    Ghs,
    Ths,
}

/// Reads a hashrate field.
///
/// # Errors
/// [`Missing::NotReported`] if the field is not there, [`Missing::Implausible`] if it is negative
/// or more than any machine makes.
pub fn hashrate(row: Row<'_>, key: &str, unit: Unit, source: &'static str) -> Read<Hashrate> {
    rate(row.number(key)?, unit, source)
}

/// `value` as a hashrate.
///
/// # Errors
/// [`Missing::Implausible`] if it is negative or more than any machine makes.
pub fn rate(value: f64, unit: Unit, source: &'static str) -> Read<Hashrate> {
    let rate = match unit {
        Unit::Mhs => Hashrate::from_mhs(value),
        Unit::Ghs => Hashrate::from_ghs(value),
        Unit::Ths => Hashrate::new(value),
    };
    match rate {
        Some(rate) if (0.0..=MAX_THS).contains(&rate.ths()) => Ok(Reading::measured(rate, source)),
        _ => Err(Missing::Implausible),
    }
}

/// `watts` if a miner can draw that.
///
/// # Errors
/// [`Missing::Implausible`].
pub fn watts(watts: f64) -> Result<Watts, Missing> {
    Watts::new(watts).filter(|w| WATTS.contains(&w.get())).ok_or(Missing::Implausible)
}

/// `celsius` if that can be a temperature of a miner.
pub fn celsius(celsius: f64) -> Option<Celsius> {
    Celsius::new(celsius).filter(|c| CELSIUS.contains(&c.get()))
}

/// Reads a temperature. A sensor that is not there reports exactly 0.
///
/// # Errors
/// [`Missing::NotReported`] if there is none, [`Missing::Implausible`] if no miner can be at that.
pub fn sensor(row: Row<'_>, key: &str, source: &'static str) -> Read<Celsius> {
    temperature(row.number(key)?, source)
}

/// `value` as the temperature of a sensor in °C.
///
/// # Errors
/// As [`sensor`].
pub fn temperature(value: f64, source: &'static str) -> Read<Celsius> {
    match value {
        0.0 => Err(Missing::NotReported),
        value => celsius(value).map(|c| Reading::measured(c, source)).ok_or(Missing::Implausible),
    }
}

/// The hottest of the sensors `key` of all rows.
///
/// # Errors
/// [`Missing::NotReported`] if none of them can be read.
pub fn hottest<'r>(rows: impl Iterator<Item = Row<'r>>, key: &str, source: &'static str) -> Read<Celsius> {
    hottest_of(rows.map(|row| sensor(row, key, source)))
}

/// The hottest of several readings.
///
/// # Errors
/// [`Missing::NotReported`] if there is none.
pub fn hottest_of(reads: impl Iterator<Item = Read<Celsius>>) -> Read<Celsius> {
    reads.flatten().reduce(|a, b| if b.value > a.value { b } else { a }).ok_or(Missing::NotReported)
}

/// Boards that a `devs` reply lists, and those of them whose most current hashrate is above zero. `None` if
/// it lists none.
pub fn boards(devs: &Reply) -> Option<(u32, u32)> {
    let hashes = |row: &Row<'_>| {
        let rates = ["HS RT", "MHS 5s", "MHS 1m", "MHS 5m", "MHS av"].into_iter();
        rates.filter_map(|key| row.number(key).ok()).next().is_some_and(|rate| rate > 0.0)
    };
    let present = devs.rows("DEVS").count() as u32;
    (present > 0).then(|| (present, devs.rows("DEVS").filter(hashes).count() as u32))
}

/// `rpm` if that can be a fan, standing or turning.
pub fn rpm(rpm: f64) -> Option<u32> {
    (0.0..=MAX_RPM).contains(&rpm).then_some(rpm as u32)
}

/// Reads a time in seconds.
pub fn seconds(row: Row<'_>, key: &str) -> Option<u64> {
    row.number(key).ok().and_then(uptime)
}

/// `seconds` if a machine can have run that long.
pub fn uptime(seconds: f64) -> Option<u64> {
    (0.0..=MAX_UPTIME_S).contains(&seconds).then_some(seconds as u64)
}

/// Reads a counter.
pub fn count(row: Row<'_>, key: &str) -> Option<u64> {
    row.number(key).ok().and_then(counter)
}

/// `number` if it can be a counter.
pub fn counter(number: f64) -> Option<u64> {
    /// The largest integer that a JSON number keeps exactly.
    const MAX: f64 = 9_007_199_254_740_992.0;
    (0.0..=MAX).contains(&number).then_some(number as u64)
}

/// Reads a text, cut to a length that a payload can take.
pub fn text(row: Row<'_>, key: &str) -> Option<Arc<str>> {
    row.text(key).map(short)
}

/// `text`, cut to a length that a payload can take.
pub fn short(text: &str) -> Arc<str> {
    let end = (0..=MAX_TEXT.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    Arc::from(text.get(..end).unwrap_or_default())
}

/// The first value, else the next; with none, the reason that says most.
pub fn first_of<T>(reads: impl IntoIterator<Item = Read<T>>) -> Read<T> {
    let mut why = Missing::NotReported;
    for read in reads {
        match read {
            Ok(reading) => return Ok(reading),
            Err(Missing::NotReported | Missing::NotYet) => {}
            Err(other) if why == Missing::NotReported => why = other,
            Err(_) => {}
        }
    }
    Err(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_rubbish_is_implausible_and_absent_is_not_reported() {
        let reply = Reply::parse(
            br#"{"S":[{"a":99999999999999.98,"b":-1,"c":"110566.89","d":"","Elapsed":-1,"n":"156.0000"}]}"#,
        )
        .unwrap();
        let row = reply.row("S", 0).unwrap();
        let read = |key| hashrate(row, key, Unit::Ghs, "test").map(|r| r.value.ths());
        assert_eq!(read("a"), Err(Missing::Implausible));
        assert_eq!(read("b"), Err(Missing::Implausible));
        assert_eq!(read("c"), Ok(110.56689));
        assert_eq!(read("d"), Err(Missing::NotReported));
        assert_eq!(seconds(row, "Elapsed"), None);
        assert_eq!(count(row, "n"), Some(156));
        assert_eq!(watts(0.0), Err(Missing::Implausible));
        assert_eq!(celsius(6_300_255_232.0), None);
        assert_eq!((rpm(4_294_967_295.0), rpm(0.0)), (None, Some(0)));
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(short(&"é".repeat(200)).chars().count(), 80);
        assert_eq!(&*short("S19 Pro"), "S19 Pro");
    }

    #[test]
    fn the_reason_that_says_most_survives() {
        let read = |why| Err::<Reading<u32>, _>(why);
        assert_eq!(
            first_of([read(Missing::NotReported), read(Missing::Implausible), read(Missing::NotReported)]),
            Err(Missing::Implausible)
        );
        let one = Reading::measured(1u32, "test");
        assert_eq!(first_of([read(Missing::Implausible), Ok(one)]), Ok(one));
    }
}
