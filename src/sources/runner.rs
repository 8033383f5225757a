//! Schedules, deadlines, back-off and health of the sources.
//!
//! One runner drives many sources on one task. Sources whose last fetch failed or dragged on run in
//! a lane of their own, and those never asked leave places free, so that neither hundreds of hanging
//! miners nor a range with nothing behind it delay the miners that answer.

mod digest;
mod pace;
mod queue;
mod slot;
mod sweeps;
mod task;
mod turns;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio::task::unconstrained;

use self::digest::Digest;
use self::queue::Queue;
use self::slot::{Lane, Slot};
use self::sweeps::Sweeps;
pub use self::task::beside;
use self::turns::Turns;
use super::{Failure, Source};
use crate::clock;
use crate::reading::{Batch, Missing, Sample, Sweep};

/// Longest that the end waits for the other side.
const CLOSING: Duration = Duration::from_secs(2);

/// Questions that one source is asked where somebody waits for the answers…
const MOST_ASKED: u32 = 12;
/// …and between two of them.
const LONGEST_SPACING: Duration = Duration::from_secs(6);

/// Miners that the log tells of in a minute, each by itself.
const MINERS_TOLD: u32 = 5;

/// Most fetches at the same time.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Sources that answered last time, or were never asked.
    pub healthy: usize,
    /// Sources that failed last time, or took more than half of their time. They also get the places that
    /// the others leave unused, but for [`Limits::kept`].
    pub suspect: usize,
}

impl Limits {
    /// A quarter of the places is kept for sources that fail.
    pub fn of(concurrency: usize) -> Self {
        let suspect = (concurrency / 4).max(1);
        Self { healthy: concurrency.saturating_sub(suspect).max(1), suspect }
    }

    fn all(self) -> usize {
        self.healthy.saturating_add(self.suspect)
    }

    /// A quarter of the healthy places is kept for sources that have answered: behind a range of
    /// addresses, or an outage, there may be nothing but silence.
    fn kept(self) -> usize {
        self.healthy / 4
    }
}

/// How the sources of one runner are doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunnerHealth {
    /// Answered last time.
    pub ok: u32,
    /// Answered before, but not last time; or should answer and never did.
    pub failing: u32,
    pub polls_ok: u64,
    pub polls_failed: u64,
    /// The last period that is over.
    pub sweep: Option<Sweep>,
}

/// Drives a fleet until the receiver of `batches` is gone: each miner has its turn once in its interval, at
/// times that are spread evenly, and what is lost is looked for.
pub async fn run(
    miners: Vec<Box<dyn Source>>,
    limits: Limits,
    batches: mpsc::Sender<Batch>,
    health: watch::Sender<RunnerHealth>,
) {
    let turns = Turns::Grid { start: clock::now().mono };
    drive(miners, turns, (limits, Digest::new(MINERS_TOLD)), batches, health).await;
}

/// Drives feeds: few, and each to be asked an interval after it has answered. Ends with the receiver of
/// `batches`, once those that are not asked at that moment are let go.
pub async fn run_feeds(
    feeds: Vec<Box<dyn Source>>,
    limits: Limits,
    batches: mpsc::Sender<Batch>,
    health: watch::Sender<RunnerHealth>,
) {
    drive(feeds, Turns::Apart, (limits, Digest::new(u32::MAX)), batches, health).await;
}

async fn drive(
    sources: Vec<Box<dyn Source>>,
    turns: Turns,
    (limits, mut digest): (Limits, Digest),
    batches: mpsc::Sender<Batch>,
    health: watch::Sender<RunnerHealth>,
) {
    let start = clock::now().mono;
    let period = sources.iter().map(|source| source.schedule().interval).max().unwrap_or(Duration::MAX);
    let mut sweeps = Sweeps::new(period, start);
    let mut queue = Queue::new(sources, limits, turns, start);
    let mut in_flight = FuturesUnordered::new();
    let mut totals = RunnerHealth::default();
    loop {
        let now = clock::now().mono;
        let released = queue.release_due(now);
        sweeps.turns(released.due, released.missed);
        while let Some(slot) = queue.next_to_start(now) {
            in_flight.push(poll(slot));
        }
        match digest.rest(now) {
            Some((failed, back)) if failed.total() > 0 => {
                let count = failed.total();
                tracing::warn!(count, reasons = %failed, back, "more sources failed, or answer again");
            }
            Some((_, back)) => tracing::info!(back, "more sources answer again"),
            None => {}
        }
        if let Some(sweep) = sweeps.ended(now) {
            tell(&sweep);
            totals.sweep = Some(sweep);
        }
        let pause = queue.until_next(now).into_iter().chain(digest.until(now)).min();
        tokio::select! {
            // Where there is a reply, nobody needs a timer.
            biased;
            Some(polled) = in_flight.next() => {
                let Polled { mut slot, outcome, lane } = polled;
                let at = clock::now();
                let failure = outcome.as_ref().err();
                let delay = at.mono.saturating_sub(slot.due);
                sweeps.polled(delay, slot.source.schedule().interval, failure.map(|failure| failure.reason));
                let retry_after = failure.and_then(|failure| failure.retry_after);
                let samples = slot.record(outcome, &mut totals, &mut digest, at.mono);
                queue.ended(slot, lane, retry_after, at.mono);
                health.send_if_modified(|seen| std::mem::replace(seen, totals) != totals);
                if batches.send(Batch { at, samples }).await.is_err() {
                    break;
                }
            }
            () = batches.closed() => break,
            () = sleep_or_never(pause) => {}
        }
    }
    drop(in_flight);
    join_all(queue.sources().map(close)).await;
}

fn tell(sweep: &Sweep) {
    let Sweep { length, due, polled, late, failed, delay_p50, delay_max } = sweep;
    tracing::debug!(?length, due, polled, late, %failed, ?delay_p50, ?delay_max, "sweep");
}

/// Asks every source once, `limit` at a time, and gives each batch to `take`.
pub async fn sweep(sources: Vec<Box<dyn Source>>, limit: usize, mut take: impl FnMut(Batch)) {
    let start = clock::now().mono;
    let polls = (0u32..).zip(sources).map(|(index, source)| poll_all(Slot::new(source, index, start)));
    let mut polls = std::pin::pin!(futures_util::stream::iter(polls).buffer_unordered(limit.max(1)));
    let (mut totals, mut digest) = (RunnerHealth::default(), Digest::new(u32::MAX));
    while let Some(Polled { mut slot, outcome, .. }) = polls.next().await {
        let at = clock::now();
        let samples = slot.record(outcome, &mut totals, &mut digest, at.mono);
        take(Batch { at, samples });
        close(slot.source.as_mut()).await;
    }
}

/// Asks a source until it has asked everything once, [`MOST_ASKED`] times at most: what the last of those that
/// succeeded gave.
///
/// # Errors
/// As [`ask`], if the first fetch fails.
pub async fn ask_all(source: &mut dyn Source) -> Result<Vec<Sample>, Failure> {
    let mut newest = ask(source).await?;
    for _ in 1..MOST_ASKED {
        if source.whole() {
            break;
        }
        tokio::time::sleep(source.schedule().interval.min(LONGEST_SPACING)).await;
        match ask(source).await {
            Ok(samples) if samples.is_empty() => {}
            Ok(samples) => newest = samples,
            Err(_) => break,
        }
    }
    Ok(newest)
}

/// Lets the source go, in a time that nobody minds at the end.
pub async fn close(source: &mut dyn Source) {
    // Without an answer the other side lets go by itself.
    let _ = tokio::time::timeout(CLOSING, source.close()).await;
}

/// Sleeps for `pause`; `None` is for ever.
pub async fn sleep_or_never(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

struct Polled {
    slot: Slot,
    outcome: Result<Vec<Sample>, Failure>,
    lane: Lane,
}

/// One fetch within its deadline.
///
/// # Errors
/// Those of the source, and [`Missing::Timeout`].
pub async fn ask(source: &mut dyn Source) -> Result<Vec<Sample>, Failure> {
    let deadline = source.schedule().deadline;
    // A reply that trips a bug in one parser must not take the other sources down.
    let fetch = AssertUnwindSafe(source.fetch(clock::now())).catch_unwind();
    match tokio::time::timeout(deadline, fetch).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => {
            let detail = "the reader panicked on this reply; please report it";
            Err(Failure::new(Missing::Garbage, detail))
        }
        Err(_) => Err(Failure::new(Missing::Timeout, format!("no answer within {deadline:?}"))),
    }
}

async fn poll_all(mut slot: Slot) -> Polled {
    let lane = slot.lane();
    let outcome = ask_all(slot.source.as_mut()).await;
    Polled { slot, outcome, lane }
}

async fn poll(mut slot: Slot) -> Polled {
    let lane = slot.lane();
    let start = clock::now();
    // A fetch ends by itself, and the runner looks after the others: tokio's share of work for one task would only
    // be used up half way through a round, and the rest of it be for nothing.
    let outcome = unconstrained(ask(slot.source.as_mut())).await;
    slot.slow = clock::now().since(start) > slot.source.schedule().deadline / 2;
    Polled { slot, outcome, lane }
}
