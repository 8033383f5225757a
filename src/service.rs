//! The process among others: readiness, watchdog, signals, logging, limits.

use std::io::Write;
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Logs to stderr. Under systemd each line carries its priority, and the journal its time.
pub fn init_logging(level: Level) {
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false);
    let registry = tracing_subscriber::registry().with(wanted(level));
    // `try_init` fails only where a test has set up logging before.
    let _ = if std::env::var_os("JOURNAL_STREAM").is_some() {
        registry.with(lines.without_time().with_level(false).with_writer(Journal)).try_init()
    } else {
        registry.with(lines.with_writer(std::io::stderr)).try_init()
    };
}

/// The MQTT client logs every publish that is refused, the demo's broker what its clients do: what of
/// that is news is said here, once.
fn wanted(level: Level) -> Targets {
    let targets = Targets::new().with_default(level);
    targets.with_target("rumqttc", LevelFilter::OFF).with_target("rumqttd", LevelFilter::OFF)
}

/// Writes `<priority>` before each line, as sd-daemon(3) has it.
struct Journal;

struct JournalLine {
    priority: u8,
}

impl<'a> MakeWriter<'a> for Journal {
    type Writer = JournalLine;

    fn make_writer(&'a self) -> JournalLine {
        JournalLine { priority: 6 }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> JournalLine {
        let priority = match *meta.level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        JournalLine { priority }
    }
}

impl Write for JournalLine {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut whole = format!("<{}>", self.priority).into_bytes();
        whole.extend_from_slice(line);
        std::io::stderr().write_all(&whole)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// Tells systemd that the first round is done. Does nothing elsewhere.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// Tells systemd that the shutdown has begun.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mqtt_client_does_not_log_what_the_publisher_says_already() {
        let wanted = wanted(Level::TRACE);
        assert!(!wanted.would_enable("rumqttc::v5::state", &Level::WARN));
        assert!(wanted.would_enable("wattsplit::publish::mqtt::session", &Level::WARN));
    }
}
