//! The REST interface of a mempool instance (mempool.space or one's own).
//!
//! The instance also estimates the hashrate of the network. That figure is left alone: money is
//! computed from difficulty.

use std::time::Duration;

use serde::Deserialize;

use super::{difficulty, height, mean_fee, retarget, sample};
use crate::clock::{Now, UnixMs};
use crate::http::{Http, HttpReply};
use crate::reading::{Missing, NetworkReport, Read, Retarget, Sample, next_retarget};
use crate::sources::web::{Decimal, join, json, parsed};
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::Sats;

/// The largest of the four is below 10 kB.
const REPLY_LIMIT: usize = 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(30);
/// For the fees, and for the forecast: a reply that hangs costs neither height nor difficulty.
const EXTRAS_DEADLINE: Duration = Duration::from_secs(8);
/// Unix time in seconds has eleven digits for the next 3,000 years; more are milliseconds.
const MOST_SECONDS: f64 = 1e11;
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Adjustment {
    /// Percent; 0 until the instance has seen enough of the epoch.
    difficulty_change: Decimal,
    /// Unix time, in seconds by the documentation and in milliseconds by the code.
    estimated_retarget_date: Decimal,
    next_retarget_height: u64,
}

/// `/api/v1/difficulty-adjustment`: the forecast of the change after the block at `height`.
///
/// # Errors
/// [`Missing::NotYet`] while the instance has none; [`Missing::Implausible`] where it is about another epoch.
pub fn parse_retarget(body: &[u8], height: u64) -> Read<Retarget> {
    let told: Adjustment = json(body).map_err(|failure| failure.reason)?;
    let change = told.difficulty_change.f64().ok_or(Missing::Garbage)?;
    let date = told.estimated_retarget_date.f64().ok_or(Missing::Garbage)?;
    if told.next_retarget_height != next_retarget(height) {
        return Err(Missing::Implausible);
    }
    if change == 0.0 {
        return Err(Missing::NotYet);
    }
    let ms = if date.abs() < MOST_SECONDS { date * 1e3 } else { date };
    retarget::expected(UnixMs(ms.round() as i64), change, "mempool.difficulty-adjustment")
}

impl Mempool {
    pub(super) fn new(base: &str, interval: Duration, http: Http) -> Self {
        Self { base: base.to_owned(), interval, http }
    }

    async fn report(&self) -> Result<NetworkReport, Failure> {
        let height = parsed(&self.get("/api/blocks/tip/height").await?, parse_height)?;
        let difficulty = parsed(&self.get("/api/v1/mining/hashrate/3d").await?, parse_difficulty)?;
        let mean_fee: Read<Sats> =
            self.extra("/api/v1/mining/reward-stats/144").await.and_then(|body| parse_fees(&body));
        let retarget = self.extra("/api/v1/difficulty-adjustment").await;
        let retarget = retarget.and_then(|body| parse_retarget(&body, height));
        Ok(NetworkReport { source: SOURCE, height, difficulty, mean_fee, retarget })
    }

    /// What the report can do without.
    async fn extra(&self, path: &str) -> Result<Vec<u8>, Missing> {
        match tokio::time::timeout(EXTRAS_DEADLINE, self.get(path)).await {
            Ok(reply) => reply.map(|reply| reply.body).map_err(|failure| failure.reason),
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
