//! One account at one pool: which request is next, and what the last replies add up to.
//!
//! Each fetch sends one request. Pools ban clients that ask in bursts, and one request that fails
//! or hangs then costs only its own values: what the others gave is kept here, with its age.

use std::sync::Arc;
use std::time::Duration;

use super::{Api, Balance, Piece, PoolConfig, Rates, Request};
use crate::clock::Now;
use crate::http::Http;
use crate::reading::{Missing, PoolReport, PoolSample, Quality, Sample};
use crate::secret::Secret;
use crate::sources::web::{join, parsed};
use crate::sources::{Failure, Fetch, Schedule, Source};

/// Workers of a large site: about 300 bytes each.
const REPLY_LIMIT: usize = 8 * 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(15);
/// A piece that was not renewed for this many of its periods is dropped.
const KEPT_PERIODS: u32 = 3;

pub(super) struct Account {
    id: String,
    name: Arc<str>,
    base: String,
    address: String,
    interval: Duration,
    http: Http,
    api: &'static Api,
    token: Option<Secret>,
    parts: Vec<Part>,
    /// Until the next request; `None` before the first.
    pause: Option<Duration>,
}

/// One request and what is left of its last reply.
struct Part {
    request: &'static Request,
    period: Duration,
    /// Monotonic time from which it may be asked again.
    due: Duration,
    held: Option<(Now, Piece)>,
    /// Why the last attempt gave nothing; `None` after a success.
    trouble: Option<Missing>,
}

impl Account {
    pub(super) fn new(cfg: &PoolConfig, api: &'static Api, token: Option<Secret>, http: Http) -> Self {
        let interval = Duration::from_secs(cfg.interval_secs.max(1));
        let part = |request: &'static Request| Part {
            request,
            period: (request.period)(interval),
            due: Duration::ZERO,
            held: None,
            trouble: Some(Missing::NotYet),
        };
        Self {
            id: format!("pool/{}", cfg.name),
            name: cfg.name.as_str().into(),
            base: cfg.url.clone().unwrap_or_else(|| api.url.to_owned()),
            address: cfg.address.clone().unwrap_or_default(),
            interval,
            http,
            api,
            token,
            parts: api.requests.iter().map(part).collect(),
            pause: None,
        }
    }

    async fn step(&mut self, now: Now) -> Result<Vec<Sample>, Failure> {
        // The part that has waited longest; of equals the first.
        let Some(next) = (0..self.parts.len()).min_by_key(|i| self.parts.get(*i).map(|part| part.due)) else {
            return Err(Failure::new(Missing::NotSupported, "the pool has no requests"));
        };
        // A fetch that is dropped at its deadline must not be asked again at once.
        self.settle(next, now, Err(Missing::Timeout), None);
        let outcome = self.ask(next, now).await;
        let failure = match outcome {
            Ok(piece) => {
                self.settle(next, now, Ok(piece), None);
                None
            }
            Err(failure) => {
                self.settle(next, now, Err(failure.reason), failure.retry_after);
                Some(failure)
            }
        };
        let empty = self.parts.iter().all(|part| part.kept(now).is_none());
        match failure {
            Some(failure) if next == 0 || empty => Err(failure),
            Some(failure) => {
                tracing::debug!(source = %self.id, %failure, "part of the pool's account is missing");
                Ok(vec![self.sample(Ok(self.report(now)))])
            }
            None => Ok(vec![self.sample(Ok(self.report(now)))]),
        }
    }

    async fn ask(&self, index: usize, now: Now) -> Result<Piece, Failure> {
        let Some(part) = self.parts.get(index) else {
            return Err(Failure::new(Missing::NotSupported, "no such request"));
        };
        let url = join(&self.base, &(part.request.path)(&self.address, now));
        let headers: Vec<(&str, &str)> = match (self.api.token_header, &self.token) {
            (Some(name), Some(token)) => vec![(name, token.reveal())],
            _ => Vec::new(),
        };
        let reply = self.http.get(&url, &headers, REPLY_LIMIT).await?;
        parsed(&reply, |body| (part.request.parse)(body, now)).map_err(|failure| Failure {
            detail: format!("{}: {}", crate::http::redacted(&url), failure.detail),
            ..failure
        })
    }

    fn settle(
        &mut self,
        index: usize,
        now: Now,
        outcome: Result<Piece, Missing>,
        retry_after: Option<Duration>,
    ) {
        if let Some(part) = self.parts.get_mut(index) {
            part.due = now.mono.saturating_add(retry_after.unwrap_or_default().max(part.period));
            match outcome {
                Ok(piece) => {
                    part.held = Some((now, piece));
                    part.trouble = None;
                }
                Err(why) => part.trouble = Some(why),
            }
        }
        let spacing = self.api.spacing.min(self.interval);
        let due = self.parts.iter().map(|part| part.due.saturating_sub(now.mono)).min();
        self.pause = due.map(|due| due.clamp(spacing, self.interval));
    }

    fn report(&self, now: Now) -> PoolReport {
        let mut report = blank();
        for part in &self.parts {
            let piece = match part.kept(now) {
                Some(piece) => piece.clone().at_best(part.quality()),
                None => (part.request.missing)(part.trouble.unwrap_or(Missing::Expired)),
            };
            apply(&mut report, piece);
        }
        report
    }

    fn sample(&self, report: Result<PoolReport, Missing>) -> Sample {
        Sample::Pool(PoolSample { name: self.name.clone(), interval: self.interval, report })
    }
}

impl Part {
    fn kept(&self, now: Now) -> Option<&Piece> {
        let (at, piece) = self.held.as_ref()?;
        (now.since(*at) <= self.period.saturating_mul(KEPT_PERIODS)).then_some(piece)
    }

    fn quality(&self) -> Quality {
        if self.trouble.is_some() { Quality::Stale } else { Quality::Measured }
    }
}

/// A report of which nothing was asked.
fn blank() -> PoolReport {
    PoolReport {
        hashrate_now: Err(Missing::NotSupported),
        hashrate_1h: Err(Missing::NotSupported),
        hashrate_24h: Err(Missing::NotSupported),
        workers_online: Err(Missing::NotSupported),
        workers_offline: Err(Missing::NotSupported),
        unpaid: Err(Missing::NotSupported),
        today_estimate: Err(Missing::NotSupported),
        workers: Vec::new(),
        settled: Vec::new(),
    }
}

fn apply(report: &mut PoolReport, piece: Piece) {
    match piece {
        Piece::Profile(rates, balance) => {
            apply_rates(report, rates);
            apply_balance(report, balance);
        }
        Piece::Rates(rates) => apply_rates(report, rates),
        Piece::Balance(balance) => apply_balance(report, balance),
        Piece::Workers(workers) => report.workers = workers,
        Piece::Settled(settled) => report.settled = settled,
    }
}

fn apply_rates(report: &mut PoolReport, rates: Rates) {
    report.hashrate_now = rates.hashrate_now;
    report.hashrate_1h = rates.hashrate_1h;
    report.hashrate_24h = rates.hashrate_24h;
    report.workers_online = rates.workers_online;
    report.workers_offline = rates.workers_offline;
}

fn apply_balance(report: &mut PoolReport, balance: Balance) {
    report.unpaid = balance.unpaid;
    report.today_estimate = balance.today_estimate;
}

impl Source for Account {
    fn id(&self) -> &str {
        &self.id
    }

    /// The interval is the time until the next single request, so it changes from fetch to fetch.
    fn schedule(&self) -> Schedule {
        Schedule { interval: self.pause.unwrap_or(self.interval), deadline: DEADLINE }
    }

    fn fetch(&mut self, now: Now) -> Fetch<'_> {
        Box::pin(self.step(now))
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        vec![self.sample(Err(why))]
    }
}
