//! Difficulty, height and fees of the Bitcoin network.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::http::Http;
use crate::reading::{Missing, NetworkReport, NetworkSample, Read, Reading, Sample};
use crate::secret::SecretError;
use crate::sources::{Failure, Source};
use crate::units::Sats;

pub mod bitcoind;
pub mod mempool;
pub mod retarget;

/// `[network]`: where difficulty, height and fees come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    pub kind: NetworkKind,
    /// `mempool`: base URL of the instance. `bitcoind`: URL of the JSON-RPC port.
    pub url: String,
    /// `bitcoind`: the cookie file, or…
    pub cookie_file: Option<PathBuf>,
    /// …the RPC user…
    pub user: Option<String>,
    /// …and the file that holds its password.
    pub password_file: Option<PathBuf>,
    /// Seconds between two requests.
    #[serde(default = "default_interval")]
    pub interval_secs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkKind {
    Mempool,
    Bitcoind,
}

fn default_interval() -> u64 {
    300
}

/// Blocks that the mean fee covers: about a day.
const FEE_BLOCKS: u64 = 144;

/// The source of height, difficulty and fees.
///
/// # Errors
/// If the file with the password cannot be read. The cookie file comes and goes with the node, so
/// it is read when it is needed.
pub fn network_source(cfg: &NetworkConfig, http: &Http) -> Result<Box<dyn Source>, SecretError> {
    let interval = Duration::from_secs(cfg.interval_secs.max(1));
    Ok(match cfg.kind {
        NetworkKind::Mempool => Box::new(mempool::Mempool::new(&cfg.url, interval, http.clone())),
        NetworkKind::Bitcoind => Box::new(bitcoind::Bitcoind::new(cfg, interval, http.clone())?),
    })
}

fn sample(interval: Duration, report: Result<NetworkReport, Missing>) -> Vec<Sample> {
    vec![Sample::Network(Box::new(NetworkSample { interval, report }))]
}

/// Bitcoin's difficulty has been above the lower end since 2018: less is a test network, or a service
/// that has not caught up. The upper end is a million times that of 2025.
const DIFFICULTY: std::ops::RangeInclusive<f64> = 1e12..=1e20;
/// From this height on (after the year 2130) no block has a subsidy: 33 halvings.
const LAST_HEIGHT: u64 = 33 * 210_000;
/// No day ever came near it: the mean of the dearest one, in April 2024, was below 9 BTC.
const MAX_MEAN_FEE: Sats = Sats(100 * Sats::PER_BTC);

/// A height that the chain can have reached.
fn height(value: u64) -> Result<u64, Failure> {
    match value {
        ..LAST_HEIGHT => Ok(value),
        _ => Err(Failure::new(Missing::Implausible, format!("the height is {value}"))),
    }
}

/// Difficulty as the network states it.
fn difficulty(value: f64) -> Result<f64, Failure> {
    if DIFFICULTY.contains(&value) {
        Ok(value)
    } else {
        Err(Failure::new(Missing::Implausible, format!("the difficulty is {value}")))
    }
}

/// Mean of `total` over `blocks`, rounded to the satoshi; estimated unless it covers the whole day.
fn mean_fee(total: i128, blocks: u64, source: &'static str) -> Read<Sats> {
    let count = i128::from(blocks);
    if total < 0 {
        return Err(Missing::Implausible);
    }
    let mean = (total + count / 2).checked_div(count).ok_or(Missing::NotReported)?;
    let mean = i64::try_from(mean).ok().filter(|sats| *sats <= MAX_MEAN_FEE.0).ok_or(Missing::Implausible)?;
    Ok(if blocks == FEE_BLOCKS {
        Reading::measured(Sats(mean), source)
    } else {
        Reading::estimated(Sats(mean), source)
    })
}
