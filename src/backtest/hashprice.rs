//! Hashprice of the past: the formula that the live code uses, on recorded inputs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::csv_file::{CsvError, Rows};
use crate::economics::hashprice::{hashprice, subsidy};
use crate::reading::Reading;
use crate::units::{Sats, Usd, UsdPerPhDay};

/// Blocks between two adjustments of the difficulty.
const EPOCH_BLOCKS: i64 = 2016;
/// Seconds between two blocks where the next adjustment is not known.
const BLOCK_SECS: i64 = 600;
const HOUR_SECS: i64 = 3600;

#[derive(Debug, Clone)]
pub enum HashpriceHistory {
    /// The same for every hour.
    Fixed(UsdPerPhDay),
    Recorded(Market),
}

/// Recorded inputs of the hashprice.
#[derive(Debug, Clone, Default)]
pub struct Market {
    pub btc: BtcPrices,
    pub epochs: Vec<Epoch>,
    pub fees: Fees,
}

/// Price of bitcoin by hour since 1970.
pub type BtcPrices = BTreeMap<i64, Usd>;
/// Mean fee per block by UTC day.
pub type Fees = BTreeMap<Date, Sats>;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epoch {
    pub start: Timestamp,
    pub start_height: u64,
    pub difficulty: f64,
}

/// Why an hour has no hashprice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoHashprice {
    Btc,
    Difficulty,
}

impl HashpriceHistory {
    /// Of the hour that begins at `start`.
    ///
    /// # Errors
    /// What was not recorded for that hour. Fees that were not recorded are no error: they are a
    /// percent of the subsidy in most months. What the subsidy alone pays is an estimate.
    pub fn at(&self, start: Timestamp) -> Result<Reading<UsdPerPhDay>, NoHashprice> {
        match self {
            Self::Fixed(usd) => Ok(Reading::estimated(*usd, "given for every hour")),
            Self::Recorded(market) => market.at(start),
        }
    }
}

impl Market {
    fn at(&self, start: Timestamp) -> Result<Reading<UsdPerPhDay>, NoHashprice> {
        let btc = self.btc.get(&start.as_second().div_euclid(HOUR_SECS)).ok_or(NoHashprice::Btc)?;
        let (epoch, height) = self.epoch(start).ok_or(NoHashprice::Difficulty)?;
        let day = start.to_zoned(TimeZone::UTC).date();
        let fee = self.fees.get(&day);
        let all = hashprice(epoch.difficulty, subsidy(height), fee.copied().unwrap_or_default(), *btc)
            .ok_or(NoHashprice::Difficulty)?;
        Ok(match fee {
            Some(_) => Reading::measured(all.usd, "recorded difficulty, fees and bitcoin price"),
            None => Reading::estimated(all.usd, "recorded difficulty and bitcoin price; no fees"),
        })
    }

    /// The epoch of `at` and the height in it, between the known heights of its ends.
    fn epoch(&self, at: Timestamp) -> Option<(&Epoch, u64)> {
        let next = self.epochs.partition_point(|epoch| epoch.start <= at);
        let epoch = self.epochs.get(next.checked_sub(1)?)?;
        let since = at.as_second() - epoch.start.as_second();
        let lasts = match self.epochs.get(next) {
            Some(next) => next.start.as_second() - epoch.start.as_second(),
            None => EPOCH_BLOCKS * BLOCK_SECS,
        };
        let blocks = (since < lasts).then(|| since * EPOCH_BLOCKS / lasts)?;
        Some((epoch, epoch.start_height.saturating_add_signed(blocks)))
    }
}

/// Columns `hour_utc` (start of the hour, `2024-01-01T00Z`) and `close_usd`.
///
/// # Errors
/// A column that is not there and a value that cannot be understood; so in all of this file.
pub fn parse_btc(file: &str, bytes: &[u8]) -> Result<BtcPrices, CsvError> {
    let mut rows = Rows::new(file, bytes)?;
    let (hour, close) = (rows.column("hour_utc")?, rows.column("close_usd")?);
    let mut prices = BtcPrices::new();
    while let Some(row) = rows.next_row()? {
        let start = row.get(hour, "an hour, YYYY-MM-DDTHHZ", |text| utc("%Y-%m-%dT%HZ", text))?;
        let usd = row.get(close, "a price above zero", |text| {
            Usd::new(text.parse().ok()?).filter(|usd| usd.get() > 0.0)
        })?;
        if prices.insert(start.as_second().div_euclid(HOUR_SECS), usd).is_some() {
            return Err(row.wrong(hour, "an hour that no row before has"));
        }
    }
    rows.not_empty(prices)
}

/// Columns `start_height`, `difficulty` and `start_utc` (`2024-01-06T01:12Z`), in order.
pub fn parse_difficulty(file: &str, bytes: &[u8]) -> Result<Vec<Epoch>, CsvError> {
    let mut rows = Rows::new(file, bytes)?;
    let (height, difficulty) = (rows.column("start_height")?, rows.column("difficulty")?);
    let start = rows.column("start_utc")?;
    let mut epochs: Vec<Epoch> = Vec::new();
    while let Some(row) = rows.next_row()? {
        let epoch = Epoch {
            start: row.get(start, "a time, YYYY-MM-DDTHH:MMZ", |text| utc("%Y-%m-%dT%H:%MZ", text))?,
            start_height: row.get(height, "a height", |text| text.parse().ok())?,
            difficulty: row.get(difficulty, "a difficulty above zero", |text| {
                text.parse().ok().filter(|d: &f64| d.is_finite() && *d > 0.0)
            })?,
        };
        if epochs.last().is_some_and(|last| last.start >= epoch.start) {
            return Err(row.wrong(start, "a time after the one before"));
        }
        epochs.push(epoch);
    }
    rows.not_empty(epochs)
}

/// Columns `date_utc`, `blocks` and `fee_sat`, the sum of the day's fees.
pub fn parse_fees(file: &str, bytes: &[u8]) -> Result<Fees, CsvError> {
    let mut rows = Rows::new(file, bytes)?;
    let (date, blocks, fee) = (rows.column("date_utc")?, rows.column("blocks")?, rows.column("fee_sat")?);
    let mut fees = Fees::new();
    while let Some(row) = rows.next_row()? {
        let day: Date = row.get(date, "a date, YYYY-MM-DD", |text| text.parse().ok())?;
        let count =
            row.get(blocks, "blocks, 1 or more", |text| text.parse().ok().filter(|n: &i64| *n > 0))?;
        let total = row.get(fee, "satoshis", |text| text.parse().ok().filter(|sat: &i64| *sat >= 0))?;
        if fees.insert(day, Sats(total / count)).is_some() {
            return Err(row.wrong(date, "a date that no row before has"));
        }
    }
    rows.not_empty(fees)
}

fn utc(format: &str, text: &str) -> Option<Timestamp> {
    DateTime::strptime(format, text).ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Quality;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn market() -> Market {
        let btc = "hour_utc,close_usd\n2024-04-20T00Z,64000\n2024-04-20T01Z,64000\n2024-04-30T00Z,60000\n";
        let epochs = "start_height,difficulty,start_utc,time_source\n\
            838656,86388558925171.0156,2024-04-10T21:43Z,derived\n\
            840672,88104191118793.1562,2024-04-24T15:21Z,derived\n";
        Market {
            btc: parse_btc("btc.csv", btc.as_bytes()).unwrap(),
            epochs: parse_difficulty("difficulty.csv", epochs.as_bytes()).unwrap(),
            fees: parse_fees("blocks.csv", b"date_utc,blocks,fee_sat\n2024-04-30,144,1440000000\n").unwrap(),
        }
    }

    #[test]
    fn the_subsidy_follows_the_height_within_an_epoch() {
        let market = market();
        let height = |text| market.epoch(at(text)).unwrap().1;
        // Block 840,000 halved the subsidy on 2024-04-20 at 00:09 UTC.
        let halving = height("2024-04-20T00:09:00Z");
        assert!(halving.abs_diff(840_000) < 25, "{halving}");
        assert_eq!(height("2024-04-24T15:21:00Z"), 840_672);
    }

    #[test]
    fn fees_enter_where_they_were_recorded_and_their_absence_is_told() {
        let history = HashpriceHistory::Recorded(market());
        let with = history.at(at("2024-04-30T00:00:00Z")).unwrap();
        assert_eq!(with.quality, Quality::Measured);
        // 20,116,567,611.694 / 88.104e12 · (3.125 + 0.1) · 60,000.
        assert!((with.value.get() - 44.1815).abs() < 1e-3, "{}", with.value);
        assert_eq!(history.at(at("2024-04-20T01:00:00Z")).unwrap().quality, Quality::Estimated);
    }

    #[test]
    fn an_hour_that_was_not_recorded_has_no_hashprice() {
        let mut market = market();
        market.btc.insert(at("2024-05-09T00:00:00Z").as_second() / HOUR_SECS, Usd::new(1.0).unwrap());
        market.btc.insert(at("2024-04-10T19:00:00Z").as_second() / HOUR_SECS, Usd::new(1.0).unwrap());
        let history = HashpriceHistory::Recorded(market);
        for (hour, why) in [
            ("2024-04-25T00:00:00Z", NoHashprice::Btc),
            ("2024-05-09T00:00:00Z", NoHashprice::Difficulty),
            ("2024-04-10T19:00:00Z", NoHashprice::Difficulty),
        ] {
            assert_eq!(history.at(at(hour)), Err(why), "{hour}");
        }
    }

    #[test]
    fn wrong_values_are_refused_with_their_place() {
        let error = parse_btc("b.csv", b"hour_utc,close_usd\n2024-01-01T00Z,0\n").unwrap_err();
        let expected = "b.csv:2: column 2 (close_usd): expected a price above zero, found `0`";
        assert_eq!(error.to_string(), expected);
        let error = parse_btc("b.csv", b"hour_utc,close_usd\n2024-01-01 00:00,1\n").unwrap_err();
        assert!(error.to_string().starts_with("b.csv:2: column 1 (hour_utc)"), "{error}");
        let twice =
            parse_btc("b.csv", b"hour_utc,close_usd\n2024-01-01T00Z,1\n2024-01-01T00Z,1\n").unwrap_err();
        let expected =
            "b.csv:3: column 1 (hour_utc): expected an hour that no row before has, found `2024-01-01T00Z`";
        assert_eq!(twice.to_string(), expected);
        let twice = parse_fees("f.csv", b"date_utc,blocks,fee_sat\n2024-01-01,1,5\n2024-01-01,1,5\n");
        assert!(twice.unwrap_err().to_string().starts_with("f.csv:3: column 1 (date_utc)"));
        let error = parse_fees("f.csv", b"date_utc,blocks,fee_sat\n2024-01-01,0,5\n").unwrap_err();
        assert!(error.to_string().starts_with("f.csv:2: column 2 (blocks)"), "{error}");
    }
}
