//! Hourly prices of power, as ERCOT's settlement points are published: `date_cpt` and `he` (hour
//! ending, 1 to 24) in Central Prevailing Time, `dam` and/or `rtm` (day-ahead and real-time price in
//! USD/MWh), and where the file has them `q` (`o` observed, `l` recovered, `m` missing) and `rep`
//! (1: the repeated hour of the autumn change).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::csv_file::{CsvError, Row, Rows};
use crate::units::UsdPerMwh;

/// Central Prevailing Time.
const ZONE: &str = "America/Chicago";

#[derive(Debug, Clone, PartialEq)]
pub struct PowerHour {
    pub start: Timestamp,
    /// The day of the market.
    pub date: Date,
    /// `None`: missing, never zero.
    pub day_ahead: Option<UsdPerMwh>,
    pub real_time: Option<UsdPerMwh>,
}

/// In order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerPrices {
    pub hours: Vec<PowerHour>,
    /// Whether the file has such prices at all.
    pub has_day_ahead: bool,
    pub has_real_time: bool,
}

/// Reads a price file; `file` is its name for errors. The hour that does not exist on the day of the
/// spring change may stand in it without a price.
///
/// # Errors
/// A file without prices, a value that cannot be understood, and hours out of order.
pub fn parse(file: &str, bytes: &[u8]) -> Result<PowerPrices, CsvError> {
    let zone = TimeZone::get(ZONE).map_err(|_| CsvError::NoZone { zone: ZONE })?;
    let mut rows = Rows::new(file, bytes)?;
    let (date, hour_ending) = (rows.column("date_cpt")?, rows.column("he")?);
    let (dam, rtm) = (rows.optional("dam"), rows.optional("rtm"));
    if dam.is_none() {
        rows.column("rtm")?;
    }
    let (quality, repeated) = (rows.optional("q"), rows.optional("rep"));
    let mut hours: Vec<PowerHour> = Vec::new();
    while let Some(row) = rows.next_row()? {
        let day: Date = row.get(date, "a date, YYYY-MM-DD", |text| text.parse().ok())?;
        let start = row.get(hour_ending, "an hour ending, 1 to 24", |text| {
            let hour = text.parse::<i8>().ok().filter(|he| (1..=24).contains(he))? - 1;
            Some(day.at(hour, 0, 0, 0))
        })?;
        let known = match quality {
            Some(q) => row.get(q, "`o`, `l` or `m`", |text| match text {
                "o" | "l" => Some(true),
                "m" => Some(false),
                _ => None,
            })?,
            None => true,
        };
        let again = match repeated {
            Some(rep) => row.get(rep, "0 or 1", |text| match text {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            })?,
            None => false,
        };
        let price = |column| match column {
            Some(column) if known => price(&row, column),
            _ => Ok(None),
        };
        let (day_ahead, real_time) = (price(dam)?, price(rtm)?);
        let Some(start) = instant(&zone, start, again) else {
            if day_ahead.is_some() || real_time.is_some() {
                return Err(row.wrong(hour_ending, "an hour that this day has"));
            }
            continue;
        };
        if hours.last().is_some_and(|last| last.start >= start) {
            return Err(row.wrong(hour_ending, "an hour after the one before"));
        }
        hours.push(PowerHour { start, date: day, day_ahead, real_time });
    }
    let hours = rows.not_empty(hours)?;
    Ok(PowerPrices { hours, has_day_ahead: dam.is_some(), has_real_time: rtm.is_some() })
}

/// No market has ever had more by a factor of ten.
const MOST_USD_PER_MWH: f64 = 100_000.0;

fn price(row: &Row, column: crate::csv_file::Column) -> Result<Option<UsdPerMwh>, CsvError> {
    row.get_optional(column, "a price in USD/MWh", |text| {
        UsdPerMwh::new(text.parse().ok()?).filter(|price| price.get().abs() <= MOST_USD_PER_MWH)
    })
}

/// `None` for a time that the clocks skip. Of a time that they show twice the first is meant unless
/// `again` is set.
fn instant(zone: &TimeZone, local: DateTime, again: bool) -> Option<Timestamp> {
    let offset = match zone.to_ambiguous_zoned(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { before, after } => {
            if again {
                after
            } else {
                before
            }
        }
        AmbiguousOffset::Gap { .. } => return None,
    };
    offset.to_timestamp(local).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(text: &str) -> Vec<String> {
        let prices = parse("p.csv", text.as_bytes()).unwrap();
        prices.hours.iter().map(|h| h.start.to_string()).collect()
    }

    fn usd(value: f64) -> Option<UsdPerMwh> {
        UsdPerMwh::new(value)
    }

    #[test]
    fn an_hour_ending_is_an_hour_of_central_time() {
        assert_eq!(
            starts("date_cpt,he,dam,rtm,q\n2025-01-01,1,1,2,o\n2025-07-01,24,1,2,l\n"),
            ["2025-01-01T06:00:00Z", "2025-07-02T04:00:00Z"]
        );
    }

    #[test]
    fn a_missing_hour_has_no_price_and_is_not_zero() {
        let text = "date_cpt,he,dam,rtm,q\n2025-01-01,1,26.9,,o\n2025-01-01,2,0.00,-3,o\n2025-01-01,3,,,m\n";
        let prices = parse("p.csv", text.as_bytes()).unwrap();
        let got: Vec<_> = prices.hours.iter().map(|h| (h.day_ahead, h.real_time)).collect();
        assert_eq!(got, [(usd(26.9), None), (usd(0.0), usd(-3.0)), (None, None)]);
    }

    #[test]
    fn the_spring_change_has_an_hour_less() {
        let text = "date_cpt,he,dam,rtm,q\n2025-03-09,2,1,2,o\n2025-03-09,3,,,m\n2025-03-09,4,1,2,o\n";
        assert_eq!(starts(text), ["2025-03-09T07:00:00Z", "2025-03-09T08:00:00Z"]);
    }

    #[test]
    fn the_autumn_change_has_an_hour_twice() {
        let text =
            "date_cpt,he,rep,dam\n2025-11-02,1,0,1\n2025-11-02,2,0,2\n2025-11-02,2,1,3\n2025-11-02,3,0,4\n";
        let expected =
            ["2025-11-02T05:00:00Z", "2025-11-02T06:00:00Z", "2025-11-02T07:00:00Z", "2025-11-02T08:00:00Z"];
        assert_eq!(starts(text), expected);
        assert!(!parse("p.csv", text.as_bytes()).unwrap().has_real_time);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_refused_with_its_place() {
        for (row, expected) in [
            (
                "2025-13-01,1,1,2,o",
                "p.csv:2: column 1 (date_cpt): expected a date, YYYY-MM-DD, found `2025-13-01`",
            ),
            ("2025-01-01,0,1,2,o", "p.csv:2: column 2 (he): expected an hour ending, 1 to 24, found `0`"),
            ("2025-01-01,1,1,n/a,o", "p.csv:2: column 4 (rtm): expected a price in USD/MWh, found `n/a`"),
            ("2025-01-01,1,NaN,2,o", "p.csv:2: column 3 (dam): expected a price in USD/MWh, found `NaN`"),
            ("2025-01-01,1,1,2,x", "p.csv:2: column 5 (q): expected `o`, `l` or `m`, found `x`"),
            ("2025-03-09,3,1,2,o", "p.csv:2: column 2 (he): expected an hour that this day has, found `3`"),
            (
                "2025-01-01,5,1,2,o\n2025-01-01,5,1,2,o",
                "p.csv:3: column 2 (he): expected an hour after the one before, found `5`",
            ),
        ] {
            let text = format!("date_cpt,he,dam,rtm,q\n{row}\n");
            assert_eq!(parse("p.csv", text.as_bytes()).unwrap_err().to_string(), expected);
        }
        let no_price = parse("p.csv", b"date_cpt,he\n2025-01-01,1\n").unwrap_err().to_string();
        assert_eq!(no_price, "p.csv:1: no column `rtm`; the header is `date_cpt,he`");
    }
}
