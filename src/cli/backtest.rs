//! `wattsplit backtest`: recorded prices against a fleet, and what advice would have earned.

mod fleet;
mod report;
mod steps;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use jiff::civil::Date;

use crate::backtest::hashprice::{HashpriceHistory, Market, parse_btc, parse_difficulty, parse_fees};
use crate::backtest::history::Period;
use crate::backtest::policy::Hurdle;
use crate::backtest::{Fleet, History, Policy, power, replay};
use crate::config::Config;
use crate::units::{UsdPerMwh, UsdPerPhDay, Watts};

use fleet::Entry;

#[derive(Args)]
#[command(group(clap::ArgGroup::new("hashing").required(true).args(["fleet", "config"])))]
#[command(group(clap::ArgGroup::new("market").required(true).args(["hashprice", "btc"])))]
pub struct BacktestArgs {
    /// The fleet as it runs now: one sweep of this site tells units, power and hashrate.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A fleet by its efficiency and IT power: 29.5:4000,17.5:6000. Without power: 1000 kW.
    #[arg(long, value_name = "J_PER_TH[:KW]", value_delimiter = ',', num_args = 1..)]
    fleet: Vec<Entry>,
    /// Facility kW per IT kW of the fleet, 1 to 3.
    #[arg(long, default_value_t = 1.0, conflicts_with = "config")]
    overhead: f64,
    /// Fee of the pool as a fraction: 0.01 is 1 %.
    #[arg(long, default_value_t = 0.0, conflicts_with = "config")]
    pool_fee: f64,
    /// Most facility power of the fleet, kW.
    #[arg(long, conflicts_with = "config")]
    cap_kw: Option<f64>,
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
    /// wattsplit's own policy: how far the price of power may be off, as a fraction.
    #[arg(long, default_value_t = 0.05)]
    price_rel: f64,
    /// wattsplit's own policy: how far the revenue of hashing may be off, as a fraction.
    #[arg(long, default_value_t = 0.05)]
    hash_revenue_rel: f64,
    /// wattsplit's own policy: the least gain that is worth a change.
    #[arg(long, default_value_t = 0.0)]
    min_gain_usd_per_h: f64,
    /// Also writes every hour of every policy to this file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

impl BacktestArgs {
    /// The config file that says which fleet to replay, if one does.
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// Replays and prints. `config` is the loaded [`BacktestArgs::config`].
    ///
    /// # Errors
    /// Files that cannot be read or understood, a fleet that cannot be read, nothing to replay.
    pub async fn run(&self, config: Option<&Config>) -> anyhow::Result<()> {
        self.check_ranges()?;
        let history = self.history(config)?;
        if history.hours.is_empty() {
            bail!("no hour of the period has all prices; skipped: {}", report::skipped(&history.skipped));
        }
        let (fleet, left_out) = match config {
            Some(config) => fleet::of_site(config).await?,
            None => (self.fleet()?, Vec::new()),
        };
        let runs = Policy::all(self.hurdle())
            .into_iter()
            .filter(|policy| history.can(policy))
            .map(|policy| replay(&history.hours, &fleet, policy))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(path) = &self.csv {
            let file = std::fs::File::create(path)
                .with_context(|| format!("failed to create {}", path.display()))?;
            steps::write(file, &history, &fleet, &runs)
                .with_context(|| format!("failed to write {}", path.display()))?;
        }
        let text = report::render(&history, &fleet, &left_out, &runs, super::terminal_width());
        write!(std::io::stdout().lock(), "{text}")?;
        Ok(())
    }

    fn check_ranges(&self) -> anyhow::Result<()> {
        for (name, value, range) in [
            ("--overhead", self.overhead, 1.0..=3.0),
            ("--pool-fee", self.pool_fee, 0.0..=1.0),
            ("--price-rel", self.price_rel, 0.0..=1.0),
            ("--hash-revenue-rel", self.hash_revenue_rel, 0.0..=1.0),
            ("--min-gain-usd-per-h", self.min_gain_usd_per_h, 0.0..=1e9),
            ("--cap-kw", self.cap_kw.unwrap_or(0.0), 0.0..=1e9),
            ("--hashprice", self.hashprice.unwrap_or(0.0), 0.0..=1e6),
            ("--adder-usd-per-mwh", self.adder_usd_per_mwh.unwrap_or(0.0), -1e4..=5e4),
        ] {
            if !range.contains(&value) {
                bail!("{name} {value}: expected {} to {}", range.start(), range.end());
            }
        }
        Ok(())
    }

    fn hurdle(&self) -> Hurdle {
        Hurdle {
            min_gain_usd_per_h: self.min_gain_usd_per_h,
            price_rel: self.price_rel,
            hash_revenue_rel: self.hash_revenue_rel,
        }
    }

    fn history(&self, config: Option<&Config>) -> anyhow::Result<History> {
        let power = read(&self.power, power::parse)?;
        let hashprice = match (&self.btc, &self.difficulty, self.hashprice) {
            (Some(btc), Some(difficulty), _) => HashpriceHistory::Recorded(Market {
                btc: read(btc, parse_btc)?,
                epochs: read(difficulty, parse_difficulty)?,
                fees: self
                    .blocks
                    .as_deref()
                    .map(|path| read(path, parse_fees))
                    .transpose()?
                    .unwrap_or_default(),
            }),
            (_, _, usd) => {
                let usd = usd.and_then(UsdPerPhDay::new).filter(|usd| usd.get() > 0.0);
                HashpriceHistory::Fixed(usd.context("--hashprice: expected a price above zero")?)
            }
        };
        let configured = config.and_then(|c| c.power.as_ref()).map(|power| power.adder_usd_per_mwh);
        let adder = self.adder_usd_per_mwh.or(configured).unwrap_or(0.0);
        let adder = UsdPerMwh::new(adder).context("--adder-usd-per-mwh: expected a number")?;
        let period = Period { from: self.from, to: self.to };
        Ok(History::new(&power, &hashprice, period, adder))
    }

    fn fleet(&self) -> anyhow::Result<Fleet> {
        let blocks = self.fleet.iter().enumerate().map(|(at, entry)| {
            let twin = self.fleet.iter().take(at).any(|other| other.j_per_th == entry.j_per_th);
            entry.block(twin.then_some(at + 1), self.overhead, self.pool_fee)
        });
        Ok(Fleet {
            blocks: blocks.collect::<Option<_>>().context("--fleet: the figures are out of range")?,
            cap: self.cap_kw.and_then(Watts::from_kw),
            base_load: Watts::ZERO,
        })
    }
}

fn read<T, E: std::error::Error + Send + Sync + 'static>(
    path: &Path,
    parse: impl FnOnce(&str, &[u8]) -> Result<T, E>,
) -> anyhow::Result<T> {
    let bytes = std::fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    Ok(parse(&path.display().to_string(), &bytes)?)
}
