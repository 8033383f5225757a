//! The REST interface of a mempool instance (mempool.space or one's own).
//!
//! The instance also estimates the hashrate of the network. That figure is left alone: money is
//! computed from difficulty.

use std::time::Duration;

use serde::Deserialize;

use super::{difficulty, height, mean_fee, sample};
use crate::clock::Now;
use crate::http::{Http, HttpReply};
use crate::reading::{Missing, NetworkReport, Read, Sample};
use crate::sources::web::{Decimal, join, json, parsed};
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::Sats;

/// The largest of the three is below 10 kB.
const REPLY_LIMIT: usize = 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(30);
/// For the fees alone, so that a hanging reply costs neither height nor difficulty.
const FEES_DEADLINE: Duration = Duration::from_secs(8);
const SOURCE: &str = "mempool";

pub(super) struct Mempool {
    base: String,
    interval: Duration,
    http: Http,
}

/// `/api/blocks/tip/height`: a bare number.
///
/// # Errors
/// If it is none that the chain can have reached.
pub fn parse_height(body: &[u8]) -> Result<u64, Failure> {
    height(json(body)?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hashrate {
    current_difficulty: Decimal,
}

/// `/api/v1/mining/hashrate/3d`: the difficulty now.
///
/// # Errors
/// If there is none that bitcoin can have.
pub fn parse_difficulty(body: &[u8]) -> Result<f64, Failure> {
    let reply: Hashrate = json(body)?;
    let value = reply
        .current_difficulty
        .f64()
        .ok_or_else(|| Failure::new(Missing::Garbage, "the difficulty is no number"))?;
    difficulty(value)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RewardStats {
    start_block: u64,
    end_block: u64,
    /// Satoshis, as a string.
    total_fee: Decimal,
}

/// `/api/v1/mining/reward-stats/144`: the mean fee of a block.
pub fn parse_fees(body: &[u8]) -> Read<Sats> {
    let stats: RewardStats = json(body).map_err(|failure| failure.reason)?;
    let total = stats.total_fee.i64().ok_or(Missing::Garbage)?;
    let blocks = stats.end_block.checked_sub(stats.start_block).ok_or(Missing::Garbage)?.saturating_add(1);
    mean_fee(i128::from(total), blocks, "mempool.reward-stats")
}

impl Mempool {
    pub(super) fn new(base: &str, interval: Duration, http: Http) -> Self {
        Self { base: base.to_owned(), interval, http }
    }

    async fn report(&self) -> Result<NetworkReport, Failure> {
        let height = parsed(&self.get("/api/blocks/tip/height").await?, parse_height)?;
        let difficulty = parsed(&self.get("/api/v1/mining/hashrate/3d").await?, parse_difficulty)?;
        Ok(NetworkReport { source: SOURCE, height, difficulty, mean_fee: self.fees().await })
    }

    async fn fees(&self) -> Read<Sats> {
        let reply = self.get("/api/v1/mining/reward-stats/144");
        match tokio::time::timeout(FEES_DEADLINE, reply).await {
            Ok(Ok(reply)) => parse_fees(&reply.body),
            Ok(Err(failure)) => Err(failure.reason),
            Err(_) => Err(Missing::Timeout),
        }
    }

    async fn get(&self, path: &str) -> Result<HttpReply, Failure> {
        Ok(self.http.get(&join(&self.base, path), &[], REPLY_LIMIT).await?)
    }
}

impl Source for Mempool {
    fn id(&self) -> &str {
        "network"
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.interval, deadline: DEADLINE }
    }

    fn fetch(&mut self, _now: Now) -> Fetch<'_> {
        Box::pin(async { Ok(sample(self.interval, Ok(self.report().await?))) })
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        sample(self.interval, Err(why))
    }
}
