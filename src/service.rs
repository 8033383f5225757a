//! The process among others: readiness, watchdog, signals, logging, limits.

use std::time::Duration;

use sd_notify::NotifyState;

pub mod code;
mod journal;
mod log;

pub use log::{LogFormat, init_logging};

/// Tells systemd that the first round is done. Does nothing elsewhere.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// Tells systemd that the shutdown has begun.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Tells systemd that what runs is replaced, until [`ready`].
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "cannot notify systemd"),
    }
}

/// What `systemctl status` shows.
pub fn status(line: &str) {
    notify(&[NotifyState::Status(line)]);
}

/// Tells systemd that the loop still turns.
pub fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// Half the time after which systemd takes a silent process for hung; `None` if it does not watch.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|timeout| timeout / 2)
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "cannot notify systemd");
    }
}

/// How many files this process may have open; `None`: any number.
pub fn open_files_limit() -> Option<usize> {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Resolves at SIGTERM or SIGINT.
///
/// # Errors
/// If the handlers cannot be installed.
pub fn termination() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

/// Each SIGHUP.
///
/// # Errors
/// If the handler cannot be installed.
pub fn hangups() -> std::io::Result<tokio::signal::unix::Signal> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::hangup())
}
