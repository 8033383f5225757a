//! `wattsplit demo`: the whole product on one machine, with nothing to install.
//!
//! Broker and site are simulated ([`crate::sim`]); everything between them is what `run` runs.

#![cfg(feature = "demo")]

mod screen;

use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::agent::{self, Picture};
use crate::cli::table;
use crate::clock;
use crate::config::Config;
use crate::sim::broker;
use crate::sim::site::{Options, Simulation};
use screen::Screen;

/// How often the table is redrawn in place.
const REDRAW: Duration = Duration::from_secs(1);
/// Redraws between two tables in a pipe.
const PLAIN_EVERY: u32 = 5;
/// For the last messages to the broker.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// `EMFILE`: too many open files.
const TOO_MANY_OPEN_FILES: i32 = 24;

/// A simulated site, an embedded broker and a live table; nothing leaves this machine.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// Miners to simulate
    #[arg(long, value_name = "N", default_value_t = 300,
          value_parser = clap::value_parser!(u16).range(0..=10_000))]
    pub miners: u16,
    /// GPU hosts to simulate, with eight GPUs each
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(0..=250))]
    pub gpu_hosts: u16,
    /// Simulated seconds per second, 1 to 3600
    #[arg(long, value_name = "X", default_value_t = 60.0, value_parser = speed)]
    pub speed: f64,
    /// Port of the embedded broker on 127.0.0.1; a free one if it is taken
    #[arg(long, value_name = "PORT", default_value_t = 1883)]
    pub port: u16,
    /// Stop after this many seconds
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// Print a table every five seconds instead of redrawing one
    #[arg(long)]
    pub plain: bool,
    /// Another number, another site
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Port of the simulated miners, each on a loopback address of its own
    #[arg(long, value_name = "PORT", default_value_t = Options::default().miner_port, hide = true,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub miner_port: u16,
    /// Only serve the site and the broker; write the config for it to this file (`-`: stdout)
    #[arg(long, value_name = "CONFIG_OUT", hide = true)]
    pub serve_only: Option<PathBuf>,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|e| format!("{e}"))?;
    if (1.0..=3600.0).contains(&speed) { Ok(speed) } else { Err("expected 1 to 3600".into()) }
}

/// Runs the demo until `shutdown`, or for `--seconds`.
///
/// # Errors
/// The broker or the site does not start, or the agent ends by itself.
pub async fn demo(args: DemoArgs, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let broker_port = broker::start(args.port).await.context("failed to start the embedded broker")?;
    let options = Options {
        miners: usize::from(args.miners),
        gpu_hosts: usize::from(args.gpu_hosts),
        speed: args.speed,
        miner_port: args.miner_port,
        broker_port,
        seed: args.seed,
    };
    let site = Simulation::start(options).await.map_err(explain)?;
    let limit = args.seconds.map(Duration::from_secs);
    let over = async {
        tokio::select! {
            () = shutdown => {}
            () = limited(limit) => {}
        }
    };
    match &args.serve_only {
        Some(path) => serve_only(&site, path, over).await,
        None => live(&args, &site, broker_port, over).await,
    }
}

async fn limited(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => std::future::pending().await,
    }
}

fn explain(error: io::Error) -> anyhow::Error {
    let hint = match error.raw_os_error() {
        Some(TOO_MANY_OPEN_FILES) => " (fewer --miners, or a higher `ulimit -n`)",
        _ => "",
    };
    anyhow::Error::new(error).context(format!("failed to start the simulated site{hint}"))
}

async fn serve_only(site: &Simulation, path: &Path, over: impl Future<Output = ()>) -> anyhow::Result<()> {
    if path == Path::new("-") {
        io::stdout().write_all(site.config_toml.as_bytes()).context("failed to write to standard output")?;
    } else {
        std::fs::write(path, &site.config_toml)
            .with_context(|| format!("failed to write {}", path.display()))?;
    }
    over.await;
    Ok(())
}

/// The agent on the simulated site, and its table.
async fn live(
    args: &DemoArgs,
    site: &Simulation,
    broker_port: u16,
    over: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let config: Config = toml::from_str(&site.config_toml).context("failed to read the demo's own config")?;
    let (observer, pictures) = watch::channel(None::<Arc<Picture>>);
    let (stop, stopped) = oneshot::channel::<()>();
    // Ends when `stop` is dropped.
    let stopped = async { drop(stopped.await) };
    let mut agent = pin!(agent::run(&config, None, observer, stopped));
    let mut over = pin!(over);
    let mut resized = signal(SignalKind::window_change()).context("failed to watch the window's size")?;
    let mut ticks = interval(REDRAW);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);

    let mut screen = Screen::open(args.plain).context("failed to write to standard output")?;
    let mut pages = Pages::default();
    loop {
        tokio::select! {
            ended = &mut agent => {
                ended?;
                bail!("the agent ended by itself");
            }
            () = &mut over => break,
            _ = resized.recv() => screen.resized(),
            _ = ticks.tick() => {
                let picture = pictures.borrow().clone();
                if !pages.due(&screen, picture.is_some()) {
                    continue;
                }
                let head = header(args, site, broker_port);
                let body = picture.map_or_else(
                    || "Reading the site for the first time…\n".to_owned(),
                    |picture| table::render(&picture.view, &picture.split, screen.width()),
                );
                match screen.show(&format!("{head}\n{body}")) {
                    // Whoever read the pages has seen enough.
                    Err(e) if e.kind() == io::ErrorKind::BrokenPipe => break,
                    shown => shown.context("failed to write to standard output")?,
                }
            }
        }
    }
    drop(stop);
    // A broker that does not answer must not hold up the end.
    match timeout(STOP_PATIENCE, agent).await {
        Ok(ended) => Ok(ended?),
        Err(_) => Ok(()),
    }
}

/// Which ticks get a page.
#[derive(Default)]
struct Pages {
    ticks_since: Option<u32>,
}

impl Pages {
    /// In a terminal, always. In a pipe, as soon as there are numbers and then every
    /// [`PLAIN_EVERY`] ticks.
    fn due(&mut self, screen: &Screen, has_numbers: bool) -> bool {
        if !screen.is_plain() {
            return true;
        }
        let due = has_numbers && self.ticks_since.is_none_or(|ticks| ticks + 1 >= PLAIN_EVERY);
        if due {
            self.ticks_since = Some(0);
        } else if let Some(ticks) = &mut self.ticks_since {
            *ticks += 1;
        }
        due
    }
}

fn header(args: &DemoArgs, site: &Simulation, broker_port: u16) -> String {
    let at = site.clock.at(clock::now());
    let stop = match args.seconds {
        Some(seconds) => format!("ends after {seconds} s"),
        None => "Ctrl-C ends it".to_owned(),
    };
    format!(
        "wattsplit demo: simulated {at}, {:.0} times as fast; {stop}\n\
         topics:  mosquitto_sub -h 127.0.0.1 -p {broker_port} -V 5 -t 'wattsplit/demo/#' -v\n",
        site.clock.speed()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_gets_a_page_at_the_first_numbers_and_then_every_five_seconds() {
        let mut pages = Pages::default();
        let due: Vec<bool> = (0..14).map(|tick| pages.due(&Screen::Plain, tick >= 2)).collect();
        let on: Vec<usize> = (0..14).filter(|tick| due[*tick]).collect();
        assert_eq!(on, [2, 7, 12]);
    }

    #[test]
    fn a_speed_out_of_range_is_refused() {
        assert_eq!(speed("60"), Ok(60.0));
        for bad in ["0", "-1", "NaN", "1e9", "fast"] {
            assert!(speed(bad).is_err(), "{bad}");
        }
    }
}
