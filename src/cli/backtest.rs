//! `wattsplit backtest`: recorded prices against a fleet, and what advice would have earned.

mod advice;
mod fleet;
mod hosting;
mod market;
mod output;
#[cfg(feature = "plot")]
mod plot;
mod policy;
mod report;
mod site;
mod steps;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::ScopedJoinHandle;

use anyhow::{Context, anyhow, bail};
use clap::Args;

use crate::advice::PolicyConfig;
use crate::backtest::{Fleet, History, Policy, Run, replay};
use crate::config::Config;

use output::Output;

#[derive(Args)]
#[command(group(clap::ArgGroup::new("hashing").required(true).args(["fleet", "config"])))]
#[command(group(clap::ArgGroup::new("hashprices").required(true).args(["hashprice", "btc"])))]
pub struct BacktestArgs {
    /// The fleet as it runs now: one sweep of this site tells units, power and hashrate. Its [policy]
    /// is wattsplit's own.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    fleet: fleet::FleetArgs,
    #[command(flatten)]
    hosting: hosting::HostingArgs,
    #[command(flatten)]
    market: market::MarketArgs,
    #[command(flatten)]
    policy: policy::PolicyArgs,
    /// Also writes every hour of every policy to this file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Also writes every advice that wattsplit would have given to this file, one JSON payload a line;
    /// `-` writes them to standard output instead of the page.
    #[arg(long, value_name = "FILE")]
    advice: Option<PathBuf>,
    /// Also draws what each policy gained, and power against the break-evens: FILE.svg or FILE.png.
    #[cfg(feature = "plot")]
    #[arg(long, value_name = "FILE")]
    plot: Option<plot::Target>,
}

impl BacktestArgs {
    /// The config file that says which fleet to replay, if one does.
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// Replays and prints. `config` is the loaded [`BacktestArgs::config`].
    ///
    /// # Errors
    /// Files that cannot be read, understood or written, a fleet that cannot be read, nothing to
    /// replay.
    pub async fn run(&self, config: Option<&Config>) -> anyhow::Result<()> {
        let thresholds = self.policy.thresholds(config)?;
        let gpu = self.hosting.prices()?;
        let history = self.market.history(config, gpu.as_ref())?;
        if history.hours.is_empty() {
            bail!("no hour of the period has all prices; skipped: {}", report::skipped(&history.skipped));
        }
        let (fleet, mut left_out) = match config {
            Some(config) => site::fleet(config, gpu.is_some()).await?,
            None => (self.fleet.fleet(self.hosting.hosting()?)?, Vec::new()),
        };
        if thresholds.dr_credit_usd_per_mwh > 0.0 {
            left_out.push("credits for demand response".to_owned());
        }
        if gpu.is_some() && fleet.hostings.is_empty() {
            bail!("--gpu-prices: no GPU is sold: give --hosting, or a config with a [[hosting]]");
        }
        let runs = replays(&history, &fleet, &thresholds)?;
        if let Some(path) = &self.csv {
            Output::File(path).write(|out| Ok(steps::write(out, &history, &fleet, &runs)?))?;
        }
        #[cfg(feature = "plot")]
        if let Some(target) = &self.plot {
            Output::File(&target.path).write(|out| target.draw(out, &history, &fleet, &runs))?;
        }
        let site = config.map_or(advice::NO_SITE, |config| &config.site.name);
        let lines = |out: &mut dyn Write| Ok(advice::write(out, site, &runs)?);
        match self.advice.as_deref() {
            Some(path) if path == Path::new("-") => return Output::Stdout.write(lines),
            Some(path) => Output::File(path).write(lines)?,
            None => {}
        }
        let text = report::render(&history, &fleet, &left_out, &runs, super::terminal_width());
        Output::Stdout.write(|out| Ok(out.write_all(text.as_bytes())?))
    }
}

/// Every policy that the prices allow, each on a thread of its own: a year of hours under a cap keeps
/// a core busy for a while.
fn replays(history: &History, fleet: &Fleet, thresholds: &PolicyConfig) -> anyhow::Result<Vec<Run>> {
    let policies: Vec<Policy> = Policy::ALL.into_iter().filter(|policy| history.can(policy)).collect();
    std::thread::scope(|scope| {
        let play = |policy| scope.spawn(move || replay(&history.hours, fleet, policy, thresholds));
        let running: Vec<_> = policies.into_iter().map(play).collect();
        let joined = |run: ScopedJoinHandle<'_, _>| run.join().map_err(|_| anyhow!("a replay broke off"));
        running.into_iter().map(|run| Ok(joined(run)??)).collect()
    })
}

/// # Errors
/// Names the option whose value is not within its range.
fn check_ranges<const N: usize>(
    ranges: [(&str, Option<f64>, std::ops::RangeInclusive<f64>); N],
) -> anyhow::Result<()> {
    for (name, value, range) in ranges {
        if let Some(value) = value.filter(|value| !range.contains(value)) {
            bail!("{name} {value}: expected {} to {}", range.start(), range.end());
        }
    }
    Ok(())
}

/// Parses a file; its errors name it.
fn read<T, E: std::error::Error + Send + Sync + 'static>(
    path: &Path,
    parse: impl FnOnce(&str, &[u8]) -> Result<T, E>,
) -> anyhow::Result<T> {
    let bytes = std::fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    Ok(parse(&path.display().to_string(), &bytes)?)
}
