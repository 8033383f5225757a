//! Prices of power and hashprice, hour by hour.

use jiff::Timestamp;
use jiff::civil::Date;

use super::gpu::GpuPrices;
use super::hashprice::{HashpriceHistory, NoHashprice};
use super::policy::{Known, Policy};
use super::power::{PowerHour, PowerPrices};
use crate::clock::UnixMs;
use crate::reading::{Quality, Reading};
use crate::units::{Usd, UsdPerMwh, UsdPerPhDay};

pub const HOUR_SECS: i64 = 3600;

/// One hour of which everything is known that the replay needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Hour {
    pub start: Timestamp,
    /// All-in, from the day before; `None` where the market has none.
    pub day_ahead: Option<UsdPerMwh>,
    /// What is paid, all-in: real-time where the file has such prices, else day-ahead.
    pub price: UsdPerMwh,
    /// Estimated where it is what the subsidy alone pays, and where it was given.
    pub hashprice: Reading<UsdPerPhDay>,
    /// Of a rented GPU-hour, where such prices were asked for.
    pub gpu_hour: Option<Usd>,
}

impl Hour {
    pub fn end(&self) -> UnixMs {
        UnixMs::from_secs(self.start.as_second() + HOUR_SECS)
    }
}

#[derive(Debug, Clone)]
pub struct History {
    /// In order of time.
    pub hours: Vec<Hour>,
    /// The file has day-ahead prices.
    pub day_ahead: bool,
    /// The file has real-time prices, and they are paid.
    pub real_time: bool,
    /// Which prices of GPUs were asked for.
    pub gpu: Option<String>,
    /// Hours whose hashprice is what the subsidy alone pays.
    pub without_fees: u32,
    pub skipped: Skipped,
}

/// Hours of the period that are not replayed, each counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Between the first and the last hour of the file, but not in it.
    pub absent: u32,
    pub no_power_price: u32,
    pub no_btc_price: u32,
    pub no_difficulty: u32,
    pub no_gpu_price: u32,
}

impl Skipped {
    pub fn total(&self) -> u32 {
        self.absent + self.no_power_price + self.no_btc_price + self.no_difficulty + self.no_gpu_price
    }
}

/// Days of the market, both included. `None`: no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Period {
    pub from: Option<Date>,
    pub to: Option<Date>,
}

impl Period {
    fn holds(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }
}

impl History {
    /// The hours of `period` that have every price which the file has a column for, a hashprice, and
    /// a price of `gpu` where it is asked for. `adder` comes on top of every price of power: delivery,
    /// taxes.
    pub fn new(
        power: &PowerPrices,
        hashprice: &HashpriceHistory,
        gpu: Option<&GpuPrices>,
        period: Period,
        adder: UsdPerMwh,
    ) -> Self {
        let mut history = Self {
            hours: Vec::new(),
            day_ahead: power.has_day_ahead,
            real_time: power.has_real_time,
            gpu: gpu.map(|prices| prices.name.clone()),
            without_fees: 0,
            skipped: Skipped::default(),
        };
        let mut before: Option<Timestamp> = None;
        for hour in power.hours.iter().filter(|hour| period.holds(hour.date)) {
            if let Some(before) = before {
                let hours = (hour.start.as_second() - before.as_second()) / HOUR_SECS;
                history.skipped.absent += u32::try_from(hours - 1).unwrap_or(0);
            }
            before = Some(hour.start);
            history.push(hour, power, (hashprice, gpu), adder);
        }
        history
    }

    /// Whether the prices that `policy` decides on are in the file.
    pub fn can(&self, policy: &Policy) -> bool {
        policy.known != Known::DayAhead || self.day_ahead
    }

    fn push(
        &mut self,
        hour: &PowerHour,
        power: &PowerPrices,
        (hashprice, gpu): (&HashpriceHistory, Option<&GpuPrices>),
        adder: UsdPerMwh,
    ) {
        let day_ahead = hour.day_ahead.map(|price| price + adder);
        let paid = if power.has_real_time { hour.real_time.map(|price| price + adder) } else { day_ahead };
        let Some(price) = paid.filter(|_| day_ahead.is_some() || !power.has_day_ahead) else {
            self.skipped.no_power_price += 1;
            return;
        };
        let gpu_hour = gpu.and_then(|prices| prices.at(hour.start));
        match hashprice.at(hour.start) {
            Ok(_) if gpu.is_some() && gpu_hour.is_none() => self.skipped.no_gpu_price += 1,
            Ok(recorded) => {
                let market = matches!(hashprice, HashpriceHistory::Recorded(_));
                self.without_fees += u32::from(market && recorded.quality > Quality::Measured);
                let start = hour.start;
                self.hours.push(Hour { start, day_ahead, price, hashprice: recorded, gpu_hour });
            }
            Err(NoHashprice::Btc) => self.skipped.no_btc_price += 1,
            Err(NoHashprice::Difficulty) => self.skipped.no_difficulty += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::power;

    fn history(text: &str, period: Period, adder: f64) -> History {
        let power = power::parse("p.csv", text.as_bytes()).unwrap();
        let hashprice = HashpriceHistory::Fixed(UsdPerPhDay::new(50.0).unwrap());
        History::new(&power, &hashprice, None, period, UsdPerMwh::new(adder).unwrap())
    }

    #[test]
    fn missing_hours_are_skipped_and_counted_and_never_zero() {
        let text = "date_cpt,he,dam,rtm,q\n2025-01-01,1,10,20,o\n2025-01-01,2,,,m\n2025-01-01,3,10,,o\n\
            2025-01-01,4,,20,o\n2025-01-01,7,10,20,o\n";
        let history = history(text, Period::default(), 5.0);
        let prices: Vec<f64> = history.hours.iter().map(|h| h.price.get()).collect();
        assert_eq!(prices, [25.0, 25.0]);
        assert_eq!(history.skipped, Skipped { absent: 2, no_power_price: 3, ..Skipped::default() });
    }

    #[test]
    fn a_file_without_real_time_prices_is_paid_day_ahead() {
        let history = history("date_cpt,he,rep,dam\n2021-02-15,1,0,9000\n", Period::default(), 0.0);
        assert!(!history.real_time);
        assert_eq!(history.hours.first().unwrap().price.get(), 9000.0);
    }

    #[test]
    fn a_period_has_both_its_days() {
        let text = "date_cpt,he,rtm\n2025-01-01,24,1\n2025-01-02,1,2\n2025-01-03,24,3\n2025-01-04,1,4\n";
        let day = |text: &str| Some(text.parse().unwrap());
        let history = history(text, Period { from: day("2025-01-02"), to: day("2025-01-03") }, 0.0);
        let prices: Vec<f64> = history.hours.iter().map(|h| h.price.get()).collect();
        assert_eq!(prices, [2.0, 3.0]);
        assert_eq!(history.skipped.absent, 46);
    }
}
