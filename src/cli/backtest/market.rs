//! What was paid for power and for hashing, from files.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use jiff::civil::Date;

use super::{check_ranges, read};
use crate::backtest::gpu::GpuPrices;
use crate::backtest::hashprice::{HashpriceHistory, Market, parse_btc, parse_difficulty, parse_fees};
use crate::backtest::history::Period;
use crate::backtest::{History, power};
use crate::config::Config;
use crate::units::{UsdPerMwh, UsdPerPhDay};

#[derive(Args)]
pub struct MarketArgs {
    /// Hourly prices of power: date_cpt, he, dam and/or rtm.
    #[arg(long, value_name = "CSV")]
    power: PathBuf,
    /// Added to every price of power, USD/MWh. Without it: what the config adds, else nothing.
    #[arg(long, allow_negative_numbers = true)]
    adder_usd_per_mwh: Option<f64>,
    /// Hourly prices of bitcoin: hour_utc, close_usd.
    #[arg(long, value_name = "CSV", requires = "difficulty", conflicts_with = "hashprice")]
    btc: Option<PathBuf>,
    /// Epochs of the difficulty: start_height, difficulty, start_utc.
    #[arg(long, value_name = "CSV", requires = "btc")]
    difficulty: Option<PathBuf>,
    /// Fees by day: date_utc, blocks, fee_sat. Days without count the subsidy alone.
    #[arg(long, value_name = "CSV", requires = "btc")]
    blocks: Option<PathBuf>,
    /// The same hashprice for every hour, USD/PH/day.
    #[arg(long, value_name = "USD")]
    hashprice: Option<f64>,
    /// First day of the market, YYYY-MM-DD.
    #[arg(long)]
    from: Option<Date>,
    /// Last day of the market.
    #[arg(long)]
    to: Option<Date>,
}

impl MarketArgs {
    /// # Errors
    /// Files that cannot be read or understood, and a value out of its range.
    pub fn history(&self, config: Option<&Config>, gpu: Option<&GpuPrices>) -> anyhow::Result<History> {
        check_ranges([
            ("--hashprice", self.hashprice, 0.0..=1e6),
            ("--adder-usd-per-mwh", self.adder_usd_per_mwh, -1e4..=5e4),
        ])?;
        let power = read(&self.power, power::parse)?;
        let hashprice = self.hashprice()?;
        let configured = config.and_then(|c| c.power.as_ref()).map(|power| power.adder_usd_per_mwh);
        let adder = self.adder_usd_per_mwh.or(configured).unwrap_or(0.0);
        let adder = UsdPerMwh::new(adder).context("--adder-usd-per-mwh: expected a number")?;
        let period = Period { from: self.from, to: self.to };
        Ok(History::new(&power, &hashprice, gpu, period, adder))
    }

    fn hashprice(&self) -> anyhow::Result<HashpriceHistory> {
        let (Some(btc), Some(difficulty)) = (&self.btc, &self.difficulty) else {
            let usd = self.hashprice.and_then(UsdPerPhDay::new).filter(|usd| usd.get() > 0.0);
            return Ok(HashpriceHistory::Fixed(usd.context("--hashprice: expected a price above zero")?));
        };
        let fees = self.blocks.as_deref().map(|path| read(path, parse_fees)).transpose()?;
        Ok(HashpriceHistory::Recorded(Market {
            btc: read(btc, parse_btc)?,
            epochs: read(difficulty, parse_difficulty)?,
            fees: fees.unwrap_or_default(),
        }))
    }
}
