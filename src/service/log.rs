//! The log: lines on a terminal, entries with fields in systemd's journal, JSON for collectors.

use std::io::Write;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::journal::{self, Journal};

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line each on standard error.
    Text,
    /// An object a line on standard error.
    Json,
    /// An entry each in systemd's journal, with its fields.
    Journal,
}

/// Logs in `format`. Without one: to the journal if that is where standard error goes, else as text. A
/// journal that cannot be reached gets lines with their priority. Returns how it is written.
pub fn init_logging(level: Level, format: Option<LogFormat>) -> LogFormat {
    let to_journal = format.map_or_else(journal::holds_stderr, |format| format == LogFormat::Journal);
    let registry = tracing_subscriber::registry().with(wanted(level));
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false);
    // `try_init` fails only where a test has set up logging before.
    let _ = match (format, Journal::connect(journal::SOCKET)) {
        (Some(LogFormat::Json), _) => {
            let objects = tracing_subscriber::fmt::layer().json().flatten_event(true);
            registry.with(objects.with_writer(std::io::stderr)).try_init()
        }
        (_, Ok(journal)) if to_journal => registry.with(journal).try_init(),
        (_, Err(_)) if to_journal => {
            registry.with(lines.without_time().with_level(false).with_writer(Prefixed)).try_init()
        }
        _ => registry.with(lines.with_writer(std::io::stderr)).try_init(),
    };
    if to_journal { LogFormat::Journal } else { format.unwrap_or(LogFormat::Text) }
}

/// The MQTT client logs every publish that is refused, the demo's broker what its clients do: what of
/// that is news is said here, once.
fn wanted(level: Level) -> Targets {
    let targets = Targets::new().with_default(level);
    targets.with_target("rumqttc", LevelFilter::OFF).with_target("rumqttd", LevelFilter::OFF)
}

/// Writes `<priority>` before each line, as sd-daemon(3) has it.
struct Prefixed;

struct PrefixedLine {
    priority: u8,
}

impl<'a> MakeWriter<'a> for Prefixed {
    type Writer = PrefixedLine;

    fn make_writer(&'a self) -> PrefixedLine {
        PrefixedLine { priority: journal::priority(Level::INFO) }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> PrefixedLine {
        PrefixedLine { priority: journal::priority(*meta.level()) }
    }
}

impl Write for PrefixedLine {
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
