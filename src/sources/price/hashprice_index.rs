//! Luxor's hashprice index, to hold one's own against. It is never used for money.
//!
//! Protocol: docs.luxor.tech/hashrateindex/api. The index is of the current subsidy and difficulty, the mean
//! fee of 144 blocks and the mean spot price of three exchanges.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::{Now, UnixMs};
use crate::http::Http;
use crate::reading::{HashpriceIndexSample, Missing, Read, Reading, Sample};
use crate::secret::{Secret, SecretError};
use crate::sources::web::{Decimal, join, json, parsed};
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::UsdPerPhDay;

const PATH: &str = "/v1/hashrateindex/hashprice/current?hashunit=PHS";
/// A reply is below 1 kB.
const REPLY_LIMIT: usize = 64 * 1024;
const DEADLINE: Duration = Duration::from_secs(15);
/// Three hundred times the highest that there ever was: more is another unit.
const MAX_USD_PER_PH_DAY: f64 = 1e6;

/// `[hashprice_index]`: somebody else's hashprice, for comparison only.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashpriceIndexConfig {
    /// File with the key, sent as `X-Hi-Api-Key`.
    pub key_file: PathBuf,
    /// Base URL, for proxies and tests.
    #[serde(default = "default_url")]
    pub url: String,
    /// Seconds between two requests, at least 60.
    #[serde(default = "default_interval")]
    pub interval_secs: u64,
    /// Difference from one's own hashprice that is told as an event, percent of the index.
    #[serde(default = "default_differs")]
    pub differs_percent: f64,
}

fn default_url() -> String {
    "https://api.hashrateindex.com".into()
}

fn default_interval() -> u64 {
    300
}

fn default_differs() -> f64 {
    2.0
}

/// The index, and its time where the reply tells it.
type Index = (UsdPerPhDay, Option<UnixMs>);

#[derive(Deserialize)]
struct Reply {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "priceUSD")]
    price_usd: Decimal,
    timestamp: Option<String>,
}

/// `GET /v1/hashrateindex/hashprice/current?hashunit=PHS`: USD per PH/s and day.
///
/// # Errors
/// If there is no price above zero that can be one per PH/s.
pub fn parse(body: &[u8]) -> Result<Index, Failure> {
    let Data { price_usd, timestamp } = json::<Reply>(body)?.data;
    let value = price_usd.f64().ok_or_else(|| Failure::new(Missing::Garbage, "the price is no number"))?;
    let in_range = value > 0.0 && value <= MAX_USD_PER_PH_DAY;
    let index = UsdPerPhDay::new(value)
        .filter(|_| in_range)
        .ok_or_else(|| Failure::new(Missing::Implausible, format!("the index is {value}")))?;
    let time: Option<jiff::Timestamp> = timestamp.and_then(|text| text.parse().ok());
    Ok((index, time.map(|at| UnixMs(at.as_millisecond()))))
}

struct IndexSource {
    url: String,
    key: Secret,
    interval: Duration,
    http: Http,
}

/// The source of the index.
///
/// # Errors
/// If the file with the key cannot be read.
pub fn index_source(cfg: &HashpriceIndexConfig, http: &Http) -> Result<Box<dyn Source>, SecretError> {
    Ok(Box::new(IndexSource {
        url: join(&cfg.url, PATH),
        key: Secret::from_file(&cfg.key_file)?,
        interval: Duration::from_secs(cfg.interval_secs.max(1)),
        http: http.clone(),
    }))
}

impl IndexSource {
    async fn index(&self) -> Result<Vec<Sample>, Failure> {
        let headers = [("x-hi-api-key", self.key.reveal())];
        let reply = self.http.get(&self.url, &headers, REPLY_LIMIT).await?;
        let (index, observed) = parsed(&reply, parse)?;
        Ok(self.sample(Ok(Reading::measured(index, "hashrateindex.com")), observed))
    }

    fn sample(&self, index: Read<UsdPerPhDay>, observed: Option<UnixMs>) -> Vec<Sample> {
        vec![Sample::HashpriceIndex(HashpriceIndexSample { interval: self.interval, index, observed })]
    }
}

impl Source for IndexSource {
    fn id(&self) -> &str {
        "price/hashprice-index"
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.interval, deadline: DEADLINE }
    }

    fn fetch(&mut self, _now: Now) -> Fetch<'_> {
        Box::pin(self.index())
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(Err(why), None)
    }
}
