//! `wattsplit run`: the daemon.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::watch;

use super::{CliError, ConfigArg};
use crate::agent::AgentError;
use crate::config::{Config, Role};
use crate::ledger::outbox::News;
use crate::sources::gpu::{GpuReader, nvml};
use crate::{agent, service};

mod status;

/// Runs until SIGTERM or SIGINT. At SIGHUP the file is read again: a good one takes the place of the one that
/// runs, with a new agent in the same process; a bad one changes nothing.
///
/// # Errors
/// What stops the daemon from starting.
pub(super) async fn run(arg: &ConfigArg) -> Result<(), CliError> {
    // Before the file is read: a reload that comes this early must not end the process.
    let mut hangups = service::hangups().map_err(anyhow::Error::from)?;
    let mut config = arg.load()?;
    let mut end = Box::pin(service::termination().map_err(anyhow::Error::from)?);
    // What `systemctl status` says before all else, until a file is taken.
    let (note, notes) = watch::channel(None);
    // What to go back to, should the new config not run after all.
    let mut previous = None;
    let mut left = agent::left_at_start(&config);
    loop {
        announce(&config);
        let mut next = None;
        let until = async { next = next_config(arg, &mut hangups, end.as_mut(), &note).await };
        let ended = serve(&config, left.take(), until, notes.clone()).await;
        match (ended, next) {
            (Ok(()), None) => break,
            (Ok(()), Some(new)) => {
                left = agent::left_behind(&config, &new);
                previous = Some(std::mem::replace(&mut config, new));
            }
            (Err(error), _) => match previous.take() {
                Some(old) => {
                    tracing::error!(%error, "the new config cannot be run: back to the one before");
                    note.send_replace(Some(NOT_RUN));
                    config = old;
                }
                None => return Err(CliError::Failed(error.into())),
            },
        }
    }
    tracing::info!("wattsplit stopped");
    Ok(())
}

/// Everything was read and told by then.
const SETTLED: Duration = Duration::from_secs(60);
/// What comes back costs a tenth of a millisecond.
const SELDOM: Duration = Duration::from_secs(3600);

const REFUSED: &str = "the file was refused at the last reload, and the config before it runs";
const NOT_RUN: &str = "the file of the last reload cannot be run, and the config before it runs";

fn announce(config: &Config) {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), site = config.site.name, "wattsplit starts");
    for pool in &config.pool {
        if let Some(warning) = pool.kind.api().warning {
            tracing::warn!(pool = %pool.name, "{warning}");
        }
    }
    for host in config.gpu_host.iter().filter(|host| host.read == GpuReader::Nvml && !nvml::BUILT_IN) {
        tracing::warn!(gpu_host = host.name, "{}", nvml::NOT_BUILT_IN);
    }
}

/// Waits for a good config to go on with. `None`: the end has come.
async fn next_config(
    arg: &ConfigArg,
    hangups: &mut Signal,
    mut end: Pin<&mut impl Future<Output = ()>>,
    note: &watch::Sender<Option<&'static str>>,
) -> Option<Config> {
    loop {
        tokio::select! {
            () = &mut end => {
                service::stopping();
                return None;
            }
            Some(()) = hangups.recv() => {}
        }
        let path = arg.config.clone();
        // A mount that hangs must not stop the rest.
        match tokio::task::spawn_blocking(move || super::load_config(&path)).await {
            Ok(Ok(config)) => {
                tracing::info!("reloading: the new config takes over");
                service::reloading();
                note.send_replace(None);
                return Some(config);
            }
            Ok(Err(errors)) => {
                tracing::error!(problems = %errors, "reload refused, the config before goes on")
            }
            Err(error) => tracing::error!(%error, "reload refused, the config before goes on"),
        }
        note.send_replace(Some(REFUSED));
    }
}

/// One agent, or node, from its start to its end.
async fn serve(
    config: &Config,
    left: Option<News>,
    until: impl Future<Output = ()>,
    notes: watch::Receiver<Option<&'static str>>,
) -> Result<(), AgentError> {
    let (observer, pictures) = watch::channel(None);
    let agent = async move {
        match config.site.role {
            Role::Site => agent::run(config, left, observer, until).await,
            Role::Node => {
                let ended = agent::node::run(config, until).await;
                drop(observer);
                ended
            }
        }
    };
    let serving = async { tokio::join!(agent, status::tell(config, pictures, notes)).0 };
    tokio::select! {
        ended = serving => ended,
        never = let_go_of_the_start() => match never {},
    }
}

/// Gives the memory back that only the start needed: soon after it, and of what is rarely needed now and then.
async fn let_go_of_the_start() -> Infallible {
    let mut pause = SETTLED;
    loop {
        tokio::time::sleep(pause).await;
        if let Err(error) = service::code::let_go() {
            tracing::debug!(%error, "code that is not needed now stays in memory");
        }
        pause = SELDOM;
    }
}
