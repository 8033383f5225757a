//! Schedules, deadlines, back-off and health of the sources.
//!
//! One runner drives many sources on one task. Sources whose last fetch failed or dragged on run in
//! a lane of their own, and those never asked leave places free, so that neither hundreds of hanging
//! miners nor a range with nothing behind it delay the miners that answer.

mod queue;
mod slot;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, watch};

use self::queue::Queue;
use self::slot::{Lane, Slot};
use super::{Failure, Source};
use crate::clock;
use crate::reading::{Batch, Missing, Sample};

/// Most fetches at the same time.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Sources that answered last time, or were never asked; the latter in [`Limits::unproven`] of
    /// these places.
    pub healthy: usize,
    /// Sources that failed last time, or took more than half of their time.
    pub suspect: usize,
}

impl Limits {
    /// A quarter of the places is kept for sources that fail.
    pub fn of(concurrency: usize) -> Self {
        let suspect = (concurrency / 4).max(1);
        Self { healthy: concurrency.saturating_sub(suspect).max(1), suspect }
    }

    /// A quarter of the healthy places is kept for sources that have answered: behind a range of
    /// addresses there may be nothing but silence.
    fn unproven(self) -> usize {
        self.healthy.saturating_sub(self.healthy / 4).max(1)
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
}

/// Drives `sources` until the receiver of `batches` is gone.
pub async fn run(
    sources: Vec<Box<dyn Source>>,
    limits: Limits,
    batches: mpsc::Sender<Batch>,
    health: watch::Sender<RunnerHealth>,
) {
    let mut queue = Queue::new(sources, limits);
    let mut in_flight = FuturesUnordered::new();
    let mut totals = RunnerHealth::default();
    loop {
        queue.release_due(clock::now().mono);
        while let Some(slot) = queue.next_to_start() {
            in_flight.push(poll(slot));
        }
        let pause = queue.until_next(clock::now().mono);
        tokio::select! {
            Some(polled) = in_flight.next() => {
                let Polled { mut slot, outcome, lane } = polled;
                queue.ended(lane);
                let at = clock::now();
                let samples = slot.record(outcome, &mut totals, at.mono);
                queue.again_at(at.mono.saturating_add(slot.pause(fastrand::f64())), slot);
                health.send_if_modified(|seen| std::mem::replace(seen, totals) != totals);
                if batches.send(Batch { at, samples }).await.is_err() {
                    return;
                }
            }
            () = sleep_or_never(pause) => {}
        }
    }
}

/// Asks every source once, `limit` at a time, and gives each batch to `take`.
pub async fn sweep(sources: Vec<Box<dyn Source>>, limit: usize, mut take: impl FnMut(Batch)) {
    let polls = sources.into_iter().map(|source| poll(Slot::new(source)));
    let mut polls = std::pin::pin!(futures_util::stream::iter(polls).buffer_unordered(limit.max(1)));
    let mut totals = RunnerHealth::default();
    while let Some(Polled { mut slot, outcome, .. }) = polls.next().await {
        let at = clock::now();
        let samples = slot.record(outcome, &mut totals, at.mono);
        take(Batch { at, samples });
    }
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

async fn poll(mut slot: Slot) -> Polled {
    let lane = slot.lane();
    let start = clock::now();
    let outcome = ask(slot.source.as_mut()).await;
    slot.slow = clock::now().since(start) > slot.source.schedule().deadline / 2;
    Polled { slot, outcome, lane }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::{Fetch, Schedule};

    /// Hangs for ever if `hangs`, else answers at once with nothing.
    struct Scripted {
        id: String,
        hangs: bool,
    }

    impl Source for Scripted {
        fn id(&self) -> &str {
            &self.id
        }
        fn schedule(&self) -> Schedule {
            Schedule { interval: Duration::from_millis(5), deadline: Duration::from_secs(3600) }
        }
        fn fetch(&mut self, _now: clock::Now) -> Fetch<'_> {
            Box::pin(async {
                if self.hangs {
                    std::future::pending::<()>().await;
                }
                Ok(Vec::new())
            })
        }
        fn failed(&self, _why: Missing) -> Vec<Sample> {
            Vec::new()
        }
    }

    #[test]
    fn addresses_never_asked_leave_room_for_the_miners_that_answer() {
        let silent = |n| -> Box<dyn Source> { Box::new(Scripted { id: format!("silent/{n}"), hangs: true }) };
        let mut queue = Queue::new((0..100).map(silent).collect(), Limits { healthy: 8, suspect: 2 });
        queue.release_due(Duration::MAX);
        let started = std::iter::from_fn(|| queue.next_to_start()).count();
        assert_eq!(started, 6, "the rest is kept");
        for n in 0..4 {
            let mut slot = Slot::new(Box::new(Scripted { id: format!("answers/{n}"), hangs: false }));
            slot.record(Ok(Vec::new()), &mut RunnerHealth::default(), Duration::ZERO);
            queue.again_at(Duration::ZERO, slot);
        }
        queue.release_due(Duration::MAX);
        let mut answering = || queue.next_to_start().map(|slot| slot.lane() == Lane::Healthy);
        assert_eq!(answering(), Some(true), "not behind the 94 that wait");
        assert_eq!((answering(), answering()), (Some(true), None));
        queue.ended(Lane::Unproven);
        let next = queue.next_to_start().map(|slot| slot.lane());
        assert_eq!(next, Some(Lane::Healthy), "a place that is free goes to a miner that answers");
    }

    #[tokio::test]
    async fn sources_that_hang_do_not_stop_the_ones_that_answer() {
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        for n in 0..20 {
            sources.push(Box::new(Scripted { id: format!("hanging/{n}"), hangs: true }));
        }
        sources.push(Box::new(Scripted { id: "healthy".into(), hangs: false }));
        let (batches, mut received) = mpsc::channel(4);
        let (health, seen) = watch::channel(RunnerHealth::default());
        let runner = run(sources, Limits { healthy: 28, suspect: 1 }, batches, health);
        let fifty = async {
            for _ in 0..50 {
                received.recv().await.unwrap();
            }
        };
        tokio::select! {
            () = runner => unreachable!("the receiver is still there"),
            () = fifty => {}
        }
        assert!(seen.borrow().polls_ok >= 50);
        assert_eq!((seen.borrow().ok, seen.borrow().failing), (1, 0));
    }
}
