//! `wattsplit release-gpus`: makes the daemon on this machine let go of the GPUs' driver for a while.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use super::ConfigArg;
use crate::agent::state_dir;
use crate::clock::{self, UnixMs};
use crate::config::Config;
use crate::sources::gpu::GpuReader;
use crate::sources::gpu::release::{LONGEST, Release};

/// For a poll that is under way, and for both threads to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks for the answer.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Args)]
pub struct ReleaseArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// For how long, at most 24h: it ends by itself.
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = time)]
    span: Duration,
    /// End it now.
    #[arg(long, conflicts_with = "span")]
    resume: bool,
}

fn time(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| "not a time such as `10m` or `1h30m`")?;
    let span = Duration::try_from(span).map_err(|_| "a time is not negative")?;
    match span.is_zero() || span > LONGEST {
        true => Err("more than nothing, and at most 24h".into()),
        false => Ok(span),
    }
}

/// Asks, and waits for the answer.
///
/// # Errors
/// The config reads no GPU of this machine or has no state directory, the request cannot be written, or nobody
/// answers.
pub(super) async fn release_gpus(args: &ReleaseArgs) -> Result<(), super::CliError> {
    let config = args.config.load()?;
    let (release, interval) = place(&config)?;
    let patience = interval.saturating_add(PATIENCE);
    if args.resume { resume(&release, patience).await } else { ask(&release, args.span, patience).await }
        .map_err(super::CliError::Failed)
}

/// Where to ask, and how often the daemon looks there.
fn place(config: &Config) -> anyhow::Result<(Release, Duration)> {
    let own = config.gpu_host.iter().find(|host| host.read == GpuReader::Nvml);
    let own = own.context("no [[gpu_host]] of the config reads this machine's GPUs (read = \"nvml\")")?;
    let dir = state_dir(config).context(
        "the config sets no `state_dir` in [site], and $STATE_DIRECTORY is not set; for a service of systemd: \
         STATE_DIRECTORY=/var/lib/wattsplit wattsplit release-gpus",
    )?;
    Ok((Release::new(&dir), Duration::from_secs(own.interval_secs())))
}

async fn ask(release: &Release, span: Duration, patience: Duration) -> anyhow::Result<()> {
    let until = clock::now().plus(span).wall;
    release.ask(until).context("cannot write the request into the state directory")?;
    if !within(patience, || release.answered() == Some(until)).await {
        bail!(
            "nobody has answered within {} s. Either no daemon runs with this state directory, or it has found no \
             driver to hold, or a call into the driver hangs; `fuser -v /dev/nvidia*` tells who holds the GPUs. \
             The request stands until {}; --resume takes it back",
            patience.as_secs(),
            shown(until)
        );
    }
    say(&format!("released until {}; --resume ends it before", shown(until)))
}

async fn resume(release: &Release, patience: Duration) -> anyhow::Result<()> {
    release.withdraw().context("cannot remove the request from the state directory")?;
    if release.answered().is_none() {
        return say("nothing was released");
    }
    if !within(patience, || release.answered().is_none()).await {
        bail!(
            "the request is taken back, and the GPUs were not taken up within {} s: no daemon runs with this state \
             directory, or it finds no driver",
            patience.as_secs()
        );
    }
    say("the GPUs are read again")
}

/// Whether it is so before the time is over.
async fn within(patience: Duration, so: impl Fn() -> bool) -> bool {
    let waiting = async {
        while !so() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(patience, waiting).await.is_ok()
}

fn shown(at: UnixMs) -> String {
    at.timestamp().map_or_else(|| at.0.to_string(), |at| format!("{at:.0}"))
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("cannot write to standard output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_an_end_within_a_day() {
        assert_eq!(time("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(time("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(time("24h"), Ok(LONGEST));
        for text in ["24h1s", "0s", "-5m", "for ever", "10"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
