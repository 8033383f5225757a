//! One account at one pool: which request is next, and what the last replies add up to.
//!
//! Each fetch sends one request. Pools ban clients that ask in bursts, and one request that fails
//! or hangs then costs only its own values: what the others gave is kept here, with its age.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::gate::Gate;
use super::nonce::Nonce;
use super::piece::{self, Piece};
use super::sane::sane;
use super::wire::refused;
use super::{Api, Ask, Asking, Body, Context, Keys, Page, PoolConfig, Question};
use crate::clock::{self, Now, UnixMs};
use crate::http::{Http, HttpError, Posted};
use crate::reading::{Missing, PoolReport, PoolSample, Quality, RewardScheme, Sample};
use crate::sources::web::{join, parsed};
use crate::sources::{Failure, Fetch, Schedule, Source};

/// Workers of a large site: about 300 bytes each.
const REPLY_LIMIT: usize = 8 * 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(15);
/// A piece that was not renewed for this many of its periods is dropped.
const KEPT_PERIODS: u32 = 3;
/// Of one list: 40,000 workers at a hundred a page. What is longer is taken for a list without an end.
const MAX_PAGES: u32 = 400;
/// One failure in a row is a matter of chance.
const FAILING: u32 = 2;
/// Less than this is the way of the reply and the grain of the `Date` header.
const CLOCK_GRAIN_MS: i64 = 2_000;

pub(super) struct Account {
    id: String,
    name: Arc<str>,
    base: String,
    interval: Duration,
    scheme: RewardScheme,
    hashes_per_unit: Option<f64>,
    http: Http,
    api: &'static Api,
    keys: Keys,
    gate: Rc<Gate>,
    nonce: Rc<Nonce>,
    parts: Vec<Part>,
    /// Until the next request; `None` before the first.
    pause: Option<Duration>,
    /// This machine's clock less the pool's.
    clock_ahead_ms: Option<i64>,
}

/// One question and what is left of its last reply.
struct Part {
    question: Box<dyn Question>,
    period: Duration,
    /// Monotonic time from which it may be asked again.
    due: Duration,
    /// The page that is next, and what those before it gave.
    page: u32,
    pages: Option<Piece>,
    held: Option<(Now, Piece)>,
    /// Why the last attempt gave nothing; `None` after a success.
    trouble: Option<Missing>,
    /// Attempts that failed in a row, and the words of the last one.
    failures: (u32, String),
}

/// What the pages before gave, the number of this one, and this one.
type Told = (Option<Piece>, u32, Page);

impl Account {
    pub(super) fn new(
        cfg: &PoolConfig,
        keys: Keys,
        questions: Vec<Box<dyn Question>>,
        (gate, nonce): (&Rc<Gate>, &Rc<Nonce>),
        http: Http,
    ) -> Self {
        let api = cfg.kind.api();
        let interval = Duration::from_secs(cfg.interval_secs.max(1));
        let part = |question: Box<dyn Question>| Part {
            period: question.period(interval),
            question,
            due: Duration::ZERO,
            page: 0,
            pages: None,
            held: None,
            trouble: Some(Missing::NotYet),
            failures: (0, String::new()),
        };
        Self {
            id: format!("pool/{}", cfg.name),
            name: cfg.name.as_str().into(),
            base: cfg.url.clone().unwrap_or_else(|| api.url.to_owned()),
            interval,
            scheme: cfg.scheme.unwrap_or(api.scheme),
            hashes_per_unit: cfg.hashrate_unit.map(|unit| unit.hashes()),
            http,
            api,
            keys,
            gate: Rc::clone(gate),
            nonce: Rc::clone(nonce),
            parts: questions.into_iter().map(part).collect(),
            pause: None,
            clock_ahead_ms: None,
        }
    }

    async fn step(&mut self, now: Now) -> Result<Vec<Sample>, Failure> {
        if let Some(wait) = self.gate.wait(now.mono) {
            self.pause = Some(wait);
            return Ok(Vec::new());
        }
        // The part that has waited longest; of equals the first.
        let Some(next) = (0..self.parts.len()).min_by_key(|i| self.parts.get(*i).map(|part| part.due)) else {
            return Err(Failure::new(Missing::NotSupported, "the pool has no requests"));
        };
        // A fetch that is dropped at its deadline must not be asked again at once.
        let begun = self.parts.get_mut(next).and_then(|part| part.pages.take());
        let page = self.parts.get(next).map_or(0, |part| part.page);
        self.gate.close(now.mono.saturating_add(DEADLINE));
        self.settle(next, now, Err(Missing::Timeout), None);
        let begun_at = clock::now();
        let outcome = self.ask(next, page, now).await.and_then(|reply| endless(begun.as_ref(), page, reply));
        let replied = now.mono.saturating_add(clock::now().since(begun_at));
        let mut free = replied.max(now.mono.saturating_add(self.spacing()));
        if let Err(Failure { reason: Missing::RemoteError, retry_after: Some(wait), .. }) = &outcome {
            // A pool that is busy is so for every request and every account.
            free = free.max(now.mono.saturating_add(*wait));
        }
        self.gate.close(free);
        let failure = match outcome {
            Ok(reply) => {
                self.settle(next, now, Ok((begun, page, reply)), None);
                None
            }
            Err(failure) => {
                self.settle(next, now, Err(failure.reason), failure.retry_after);
                if let Some(part) = self.parts.get_mut(next) {
                    part.failures = (part.failures.0.saturating_add(1), failure.to_string());
                }
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

    fn spacing(&self) -> Duration {
        self.api.spacing.min(self.interval)
    }

    async fn ask(&mut self, index: usize, page: u32, now: Now) -> Result<Page, Failure> {
        let Some(part) = self.parts.get(index) else {
            return Err(Failure::new(Missing::NotSupported, "no such request"));
        };
        let asking = Asking { keys: &self.keys, now, nonce: self.nonce.next(now.wall), page };
        let Ask { path, headers, body } = part.question.ask(&asking);
        let url = join(&self.base, &path);
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_ref(), value.as_str())).collect();
        let reply = match &body {
            None => self.http.get(&url, &headers, REPLY_LIMIT).await,
            Some(Body::Json(text)) => {
                self.http.post_json(&url, &headers, Posted::open(text.as_bytes()), REPLY_LIMIT).await
            }
            Some(Body::Described { text, secrets }) => {
                let posted = Posted { bytes: text.as_bytes(), secrets };
                self.http.post_json(&url, &headers, posted, REPLY_LIMIT).await
            }
            Some(Body::Form(pairs)) => {
                let pairs: Vec<(&str, &str)> =
                    pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
                self.http.post_form(&url, &pairs, REPLY_LIMIT).await
            }
        };
        let told = match &reply {
            Ok(reply) => reply.date,
            Err(HttpError::Status { date, .. }) => *date,
            Err(_) => None,
        };
        if let Some(told) = told {
            self.clock_ahead_ms = Some(ahead(clock::now().wall, told));
        }
        let reply = reply.map_err(|error| self.in_words(refused(error)))?;
        // By the pool's own clock, where it tells: a day that is over there is over.
        let wall = UnixMs(now.wall.0.saturating_sub(self.clock_ahead_ms.unwrap_or(0)));
        let now = Now { wall, ..now };
        let context = Context { now, hashes_per_unit: self.hashes_per_unit };
        let page = parsed(&reply, |body| part.question.parse(body, &context));
        let sane = |page: Page| Ok(Page { piece: sane(page.piece, now.wall)?, ..page });
        page.and_then(sane).map_err(|failure| {
            let detail = format!("{}: {}", crate::http::redacted(&url), failure.detail);
            self.in_words(Failure { detail, ..failure })
        })
    }

    /// As it may be shown.
    fn in_words(&self, failure: Failure) -> Failure {
        let detail = self.keys.hide(&failure.detail);
        self.with_clock(Failure { detail, ..failure })
    }

    /// To a pool that checks signatures a wrong clock looks like a wrong key.
    fn with_clock(&self, failure: Failure) -> Failure {
        let refused = matches!(failure.reason, Missing::Denied | Missing::RemoteError);
        match self.clock_ahead_ms {
            Some(ms) if ms != 0 && refused && self.keys.secret.is_some() => {
                let (secs, way) = (ms.unsigned_abs() / 1000, if ms > 0 { "ahead of" } else { "behind" });
                let detail = format!("{}; this machine's clock is {secs} s {way} the pool's", failure.detail);
                Failure { detail, ..failure }
            }
            _ => failure,
        }
    }

    fn settle(
        &mut self,
        index: usize,
        now: Now,
        outcome: Result<Told, Missing>,
        retry_after: Option<Duration>,
    ) {
        if let Some(part) = self.parts.get_mut(index) {
            part.settle(now, outcome, retry_after.unwrap_or_default());
        }
        let spacing = self.spacing();
        let due = self.parts.iter().map(|part| part.due.saturating_sub(now.mono)).min();
        self.pause = due.map(|due| due.clamp(spacing, self.interval));
    }

    fn report(&self, now: Now) -> PoolReport {
        let mut report = PoolReport::unknown(self.scheme, Missing::NotSupported);
        report.clock_ahead_ms = self.clock_ahead_ms;
        for part in &self.parts {
            let piece = match part.kept(now) {
                Some(piece) => piece.clone().at_best(part.quality()),
                None => part.question.missing(part.trouble.unwrap_or(Missing::Expired)),
            };
            piece.apply(&mut report);
        }
        let failed = |times: u32| {
            let parts = self.parts.iter().map(|part| &part.failures).filter(move |(n, _)| *n >= times);
            parts.map(|(_, words)| words.clone()).collect()
        };
        (report.unread, report.failing) = (failed(1), failed(FAILING));
        piece::hashrate_of_workers(&mut report);
        piece::rejects_of_workers(&mut report);
        report
    }

    fn sample(&self, report: Result<PoolReport, Missing>) -> Sample {
        Sample::Pool(Box::new(PoolSample { name: self.name.clone(), interval: self.interval, report }))
    }
}

/// The reply, where its list can have an end.
///
/// # Errors
/// It goes on beyond what a list can have, or tells again what the pages before told.
fn endless(before: Option<&Piece>, page: u32, reply: Page) -> Result<Page, Failure> {
    if reply.more && before.is_some_and(|before| before.has_all_of(&reply.piece)) {
        let what = format!("page {} of a list tells again what those before it told", page.saturating_add(1));
        return Err(Failure::new(Missing::Garbage, what));
    }
    if reply.more && page.saturating_add(1) >= MAX_PAGES {
        return Err(Failure::new(Missing::TooLarge, format!("a list of more than {MAX_PAGES} pages")));
    }
    Ok(reply)
}

fn ahead(own: UnixMs, theirs: UnixMs) -> i64 {
    let ahead = own.0.saturating_sub(theirs.0);
    if ahead.saturating_abs() <= CLOCK_GRAIN_MS { 0 } else { ahead }
}

impl Part {
    fn settle(&mut self, now: Now, outcome: Result<Told, Missing>, retry_after: Duration) {
        let mut pause = retry_after.max(self.period);
        self.pages = None;
        match outcome {
            Ok((begun, page, Page { piece, more })) => {
                let mut all = begun.unwrap_or_default();
                all.go_on(piece);
                if more {
                    // In the midst of a list nothing is wrong with what the last one gave.
                    self.trouble = self.held.is_none().then_some(Missing::NotYet);
                    self.page = page.saturating_add(1);
                    self.pages = Some(all);
                    pause = Duration::ZERO;
                } else {
                    self.page = 0;
                    all.in_order();
                    self.held = Some((now, all));
                    self.trouble = None;
                    self.failures = (0, String::new());
                }
            }
            Err(why) => {
                self.page = 0;
                self.trouble = Some(why);
            }
        }
        self.due = now.mono.saturating_add(pause);
    }

    fn kept(&self, now: Now) -> Option<&Piece> {
        let (at, piece) = self.held.as_ref()?;
        (now.since(*at) <= self.period.saturating_mul(KEPT_PERIODS)).then_some(piece)
    }

    fn quality(&self) -> Quality {
        if self.trouble.is_some() { Quality::Stale } else { Quality::Measured }
    }
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

    fn whole(&self) -> bool {
        self.parts.iter().all(|part| part.trouble != Some(Missing::NotYet) && part.pages.is_none())
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        vec![self.sample(Err(why))]
    }
}
