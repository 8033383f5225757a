//! What the market asks for a GPU-hour. Asking prices are no income: this is for comparison only.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{runpod, unquoted, vast};
use crate::clock::Now;
use crate::http::{Http, Posted};
use crate::reading::{MarketPrice, MarketSample, Missing, Platform, Read, Reading, Sample};
use crate::secret::{Secret, SecretError};
use crate::sources::web::join;
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::UsdPerHour;

/// An offer takes some 3 kB, and the server gives 64 at most.
const REPLY_LIMIT: usize = 4 * 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(30);
/// The dearest GPU of 2026 is asked for at 15 USD; more than this is another unit.
const MAX_USD_PER_GPU_H: f64 = 1000.0;

/// The market for the GPUs of one hosting.
#[derive(Debug, Clone)]
pub struct MarketConfig {
    pub hosting: String,
    pub platform: Platform,
    /// Model, as the platform calls it.
    pub gpu: String,
    /// Base URL, for proxies and tests. Absent: the platform's own.
    pub base: Option<String>,
    /// File with the API key, where the platform wants one.
    pub token_file: Option<PathBuf>,
    pub interval: Duration,
}

struct MarketSource {
    id: String,
    cfg: MarketConfig,
    hosting: Arc<str>,
    key: Option<Secret>,
    http: Http,
}

/// The source of one market price.
///
/// # Errors
/// If the file with the key cannot be read.
pub fn market_source(cfg: &MarketConfig, http: &Http) -> Result<Box<dyn Source>, SecretError> {
    Ok(Box::new(MarketSource {
        id: format!("market/{}", cfg.hosting),
        hosting: cfg.hosting.as_str().into(),
        key: cfg.token_file.as_deref().map(Secret::from_file).transpose()?,
        cfg: cfg.clone(),
        http: http.clone(),
    }))
}

/// A price that a GPU can have.
///
/// # Errors
/// It is zero, below, or beyond any GPU.
pub(super) fn price(usd: f64, offers: Option<u32>) -> Result<MarketPrice, Failure> {
    let in_range = usd > 0.0 && usd <= MAX_USD_PER_GPU_H;
    let usd_per_gpu_h = UsdPerHour::new(usd)
        .filter(|_| in_range)
        .ok_or_else(|| Failure::new(Missing::Implausible, format!("{usd} is no price of a GPU-hour")))?;
    Ok(MarketPrice { usd_per_gpu_h, offers })
}

impl MarketSource {
    async fn price(&self) -> Result<(MarketPrice, &'static str), Failure> {
        let bearer = self.key.as_ref().map(|key| format!("Bearer {}", key.reveal()));
        let headers: Vec<(&str, &str)> =
            bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        let (own, path, question) = match self.cfg.platform {
            Platform::Vast => (vast::BASE, vast::OFFERS_PATH, vast::offers_question(&self.cfg.gpu)),
            Platform::Runpod => (runpod::BASE, runpod::PATH, runpod::GPU_TYPES.to_owned()),
        };
        let url = join(self.cfg.base.as_deref().unwrap_or(own), path);
        let reply = self.http.post_json(&url, &headers, Posted::open(question.as_bytes()), REPLY_LIMIT).await;
        let body = reply.map_err(unquoted)?.body;
        match self.cfg.platform {
            Platform::Vast => Ok((vast::offers(&body, &self.cfg.gpu)?, "vast, median of offers")),
            Platform::Runpod => runpod::gpu_type(&body, &self.cfg.gpu),
        }
    }

    async fn read(&self) -> Result<Vec<Sample>, Failure> {
        let (price, source) = self.price().await?;
        Ok(self.sample(Ok(Reading::estimated(price, source))))
    }

    fn sample(&self, price: Read<MarketPrice>) -> Vec<Sample> {
        let hosting = Arc::clone(&self.hosting);
        vec![Sample::Market(MarketSample { hosting, interval: self.cfg.interval, price })]
    }
}

impl Source for MarketSource {
    fn id(&self) -> &str {
        &self.id
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.cfg.interval, deadline: DEADLINE }
    }

    fn fetch(&mut self, _now: Now) -> Fetch<'_> {
        Box::pin(self.read())
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(Err(why))
    }
}
