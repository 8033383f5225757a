//! Asks a platform now and then what it has paid.

use std::sync::Arc;
use std::time::Duration;

use super::{ByDay, EarningsConfig, runpod, statement, unquoted, vast};
use crate::clock::Now;
use crate::http::{Http, Posted};
use crate::reading::{Earnings, EarningsSample, Missing, Platform, Sample};
use crate::secret::{Secret, SecretError};
use crate::sources::web::join;
use crate::sources::{Failure, Fetch, Schedule, Source};

/// A month of a large account: some hundred bytes for each machine and day.
const REPLY_LIMIT: usize = 8 * 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(30);

pub(super) struct EarningsSource {
    id: String,
    hosting: Arc<str>,
    platform: Platform,
    base: Option<String>,
    key: Secret,
    fee: f64,
    interval: Duration,
    http: Http,
}

impl EarningsSource {
    pub fn new(cfg: &EarningsConfig, http: Http) -> Result<Self, SecretError> {
        Ok(Self {
            id: format!("earnings/{}", cfg.hosting),
            hosting: cfg.hosting.as_str().into(),
            platform: cfg.platform,
            base: cfg.base.clone(),
            key: Secret::from_file(&cfg.token_file)?,
            fee: cfg.fee,
            interval: cfg.interval,
            http,
        })
    }

    async fn days(&self, now: Now) -> Result<ByDay, Failure> {
        let bearer = format!("Bearer {}", self.key.reveal());
        let headers = [("authorization", bearer.as_str())];
        let base = |own: &'static str| self.base.as_deref().unwrap_or(own);
        match self.platform {
            Platform::Vast => {
                let url = join(base(vast::BASE), &vast::earnings_path(now.wall));
                let reply = self.http.get(&url, &headers, REPLY_LIMIT).await.map_err(unquoted)?;
                vast::earnings(&reply.body)
            }
            Platform::Runpod => {
                let url = join(base(runpod::BASE), runpod::PATH);
                let query = Posted::open(runpod::EARNINGS.as_bytes());
                let reply = self.http.post_json(&url, &headers, query, REPLY_LIMIT).await;
                runpod::earnings(&reply.map_err(unquoted)?.body)
            }
        }
    }

    async fn read(&self, now: Now) -> Result<Vec<Sample>, Failure> {
        let days = self.days(now).await?;
        Ok(self.sample(Ok(statement(self.platform, &days, self.fee, now.wall))))
    }

    fn sample(&self, report: Result<Earnings, Missing>) -> Vec<Sample> {
        let hosting = Arc::clone(&self.hosting);
        vec![Sample::Earnings(EarningsSample { hosting, interval: self.interval, report })]
    }
}

impl Source for EarningsSource {
    fn id(&self) -> &str {
        &self.id
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.interval, deadline: DEADLINE }
    }

    fn fetch(&mut self, now: Now) -> Fetch<'_> {
        Box::pin(self.read(now))
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(Err(why))
    }
}
