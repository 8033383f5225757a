//! The command line: one file per subcommand.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigErrors};
use crate::service::LogFormat;
use crate::sources::runner;

pub mod backtest;
pub mod check;
#[cfg(feature = "demo")]
pub mod demo;
pub mod discover;
pub mod explain;
pub mod init;
pub mod ledger;
pub mod once;
pub mod release_gpus;
pub mod run;
pub mod table;
pub mod what_if;

/// As clap's, for what clap cannot see.
const EXIT_USAGE: u8 = 2;
/// `EX_CONFIG` of sysexits(3).
const EXIT_CONFIG: u8 = 78;

/// How this program was built: version, commit, target and features, from `build.rs`.
const BUILT: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit:   ",
    env!("WATTSPLIT_BUILD_COMMIT"),
    "\ntarget:   ",
    env!("WATTSPLIT_BUILD_TARGET"),
    "\nfeatures: ",
    env!("WATTSPLIT_BUILD_FEATURES"),
);

/// What each megawatt of a mixed Bitcoin-mining and AI-hosting site earns, live over MQTT.
///
/// wattsplit reads miners, GPUs, pools and prices, works out what hashing and AI hosting earn, and
/// publishes it. It never switches anything.
#[derive(Parser)]
#[command(version, long_version = BUILT, max_term_width = 100)]
pub struct Cli {
    /// Say more: once for debug, twice for trace. Logs go to stderr.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    /// How logs are written. Default: as entries with fields where stderr is systemd's journal, else as text.
    #[arg(long, value_name = "FORMAT", global = true)]
    log_format: Option<LogFormat>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon.
    Run(ConfigArg),
    /// Validate a config file.
    Check {
        /// Also ask the broker, each pool, each price and a few devices.
        #[arg(long)]
        online: bool,
        #[arg(default_value = DEFAULT_CONFIG)]
        file: PathBuf,
    },
    /// Ask everything once and print it; of the broker only for topics that the config names.
    Once {
        #[command(flatten)]
        config: ConfigArg,
        /// Every reading of every device, with quality, age and source.
        #[arg(long)]
        json: bool,
    },
    /// Ask everything once and print what to switch and why, as `once` does.
    Explain(ConfigArg),
    /// Find miners by asking, and print the config for them; needs no config, touches no broker.
    ///
    /// Each address gets one connection, and one question on it; only what answers that like a miner is asked
    /// more. An address that takes no connection is tried once more at the end. Ctrl-C prints what was found by
    /// then. Exits with 1 if no miner was found.
    Discover(discover::DiscoverArgs),
    /// Solve a dispatch case and print what should run.
    WhatIf {
        /// A case as JSON, or one per line; `-` reads standard input.
        file: PathBuf,
    },
    /// Print what each block drew, earned and cost, and what the pools settled.
    Ledger(ledger::LedgerArgs),
    /// Replay recorded prices against a fleet: what advice would have earned.
    Backtest(Box<backtest::BacktestArgs>),
    /// Let the daemon on this machine let go of the GPUs' driver, for a reset or a change of MIG mode.
    ///
    /// NVML's clients keep the GPUs open, so a reset fails as long as there is one. The daemon shuts NVML down and
    /// takes it up again when the time is over, or at --resume. Exits with 1 if no daemon answers.
    ReleaseGpus(release_gpus::ReleaseArgs),
    /// Write a commented config.
    Init {
        /// `-` writes to standard output.
        #[arg(default_value = init::DEFAULT_FILE)]
        file: PathBuf,
        /// Overwrite FILE.
        #[arg(long)]
        force: bool,
    },
    /// Show the whole product on this machine, with a simulated site and nothing to install.
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
}

#[derive(Args)]
struct ConfigArg {
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

impl ConfigArg {
    fn load(&self) -> Result<Config, ConfigErrors> {
        load_config(&self.config)
    }
}

fn load_config(path: &Path) -> Result<Config, ConfigErrors> {
    Config::load(path, credentials_dir().as_deref())
}

const DEFAULT_CONFIG: &str = "/etc/wattsplit/wattsplit.toml";

/// Why a command failed, by exit code.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    #[error("{0}")]
    Usage(String),
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

/// Runs the command of `cli` on `runtime`. 0: fine, 1: failed, 2: usage, 78: bad config.
pub fn main(cli: Cli, runtime: &tokio::runtime::LocalRuntime) -> ExitCode {
    let level = match (cli.verbose, &cli.command) {
        (0, Command::Run(_)) => tracing::Level::INFO,
        (0, _) => tracing::Level::ERROR,
        (1, _) => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let format = crate::service::init_logging(level, cli.log_format);
    let is_daemon = matches!(cli.command, Command::Run(_));
    // What the runtime itself waits for is woken through the kernel; a task is not.
    match runtime.block_on(async { runner::beside(command(cli.command)).await }) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has seen enough: `| head -1`.
        Err(CliError::Failed(error)) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // What collects the daemon's log as objects or entries can make nothing of other lines.
            if is_daemon && format != LogFormat::Text {
                tracing::error!(error = render(&error), "wattsplit cannot run");
            } else {
                // Nobody is left to be told where this fails, too.
                let _ = writeln!(std::io::stderr(), "{}", render(&error));
            }
            match error {
                CliError::Config(_) => ExitCode::from(EXIT_CONFIG),
                CliError::Usage(_) => ExitCode::from(EXIT_USAGE),
                CliError::Failed(_) => ExitCode::FAILURE,
            }
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io =
        |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<std::io::Error>().map(|e| e.kind());
    error.chain().any(|cause| io(cause) == Some(std::io::ErrorKind::BrokenPipe))
}

fn render(error: &CliError) -> String {
    match error {
        // Rendered whole: file, line, caret, hint.
        CliError::Config(errors) => errors.to_string(),
        CliError::Usage(_) | CliError::Failed(_) => format!("error: {error}"),
    }
}

async fn command(command: Command) -> Result<(), CliError> {
    match command {
        Command::Run(arg) => run::run(&arg).await,
        Command::Check { online, file } => check(&file, online).await,
        Command::Once { config, json } => Ok(once::once(&config.load()?, json).await?),
        Command::Explain(arg) => Ok(explain::explain(&arg.load()?).await?),
        Command::Discover(args) => discover::discover(&args).await,
        Command::WhatIf { file } => Ok(what_if::run(&file)?),
        Command::Ledger(args) => ledger::ledger(&args),
        Command::Backtest(args) => {
            let config = args.config().map(load_config).transpose()?;
            Ok(args.run(config.as_ref()).await?)
        }
        Command::ReleaseGpus(args) => release_gpus::release_gpus(&args).await,
        Command::Init { file, force } => Ok(init::init(Some(&file), force)?),
        #[cfg(feature = "demo")]
        Command::Demo(args) => {
            let shutdown = crate::service::termination().map_err(anyhow::Error::from)?;
            Ok(demo::demo(args, shutdown).await?)
        }
    }
}

async fn check(file: &Path, online: bool) -> Result<(), CliError> {
    let (config, report) = check::check_offline(file, credentials_dir().as_deref())?;
    if !online {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(report.as_bytes()).and_then(|()| out.flush());
        return Ok(written.context("cannot write to standard output")?);
    }
    Ok(check::online::check(&config).await?)
}

/// Columns of the terminal; in a pipe, what fits most of them.
fn terminal_width() -> usize {
    terminal_size::terminal_size().map_or(120, |(width, _)| width.0.into())
}

/// Where systemd puts the secrets of a unit.
fn credentials_dir() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}
