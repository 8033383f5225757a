//! The client: what the daemon does with its miners, from the config to the picture of the site.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot, watch};
use wattsplit::clock::{self, Now};
use wattsplit::reading::{Batch, Missing, Sample};
use wattsplit::site::{Layout, Site};
use wattsplit::sources::asic::{self, AsicConfig, Miner};
use wattsplit::sources::runner::{self, Limits, RunnerHealth};
use wattsplit::sources::{Fetch, Schedule, Source};

use super::addresses;
use super::report::Client;
use super::usage;

/// `concurrency` of a config that does not say.
const PLACES: usize = 768;
/// Flat out, of both clients: more in flight makes neither faster.
pub const LIMITS: usize = 256;
/// As in the agent.
const BATCHES: usize = 256;
/// Polls of a flat-out window: enough to tell one client from the other.
const POLLS: usize = 30_000;
/// How often is looked whether all were read, and how many files are open.
const LOOK: Duration = Duration::from_millis(250);

/// How often each miner is asked.
#[derive(Clone, Copy, PartialEq)]
pub enum Pace {
    /// Again at once: how fast the client can be.
    FlatOut,
    Period(Duration),
}

/// A miner that is asked by its config until all are known, then as often as there is a place.
struct Eager {
    miner: Miner,
    all_known: Rc<Cell<bool>>,
}

impl Source for Eager {
    fn id(&self) -> &str {
        self.miner.id()
    }
    fn schedule(&self) -> Schedule {
        let schedule = self.miner.schedule();
        match self.all_known.get() {
            true => Schedule { interval: Duration::from_millis(1), ..schedule },
            false => schedule,
        }
    }
    fn fetch(&mut self, now: Now) -> Fetch<'_> {
        self.miner.fetch(now)
    }
    fn expected(&self) -> bool {
        self.miner.expected()
    }
    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.miner.failed(why)
    }
}

/// Reads the machines until all have said what they are, then measures. Prints `steady` before the window and
/// waits for `go`; prints `measured` behind it.
pub async fn run(machines: usize, port: u16, pace: Pace, faulty: bool, go: oneshot::Receiver<()>) -> Client {
    let (hosts, healthy) = addresses::hosts(machines, port, faulty);
    let interval = match pace {
        // No more polls than can be made beside meeting the rest.
        Pace::FlatOut => Duration::from_millis(machines as u64).max(Duration::from_secs(5)),
        Pace::Period(period) => period,
    };
    let config = format!("group = 'hall'\nhosts = {hosts:?}\ninterval_secs = {}", interval.as_secs());
    let config: AsicConfig = toml::from_str(&config).unwrap();
    let all_known = Rc::new(Cell::new(false));
    let miners = asic::miners(&config, &asic::Labels::default()).unwrap().into_iter();
    let sources: Vec<Box<dyn Source>> = match pace {
        Pace::FlatOut => {
            miners.map(|miner| Box::new(Eager { miner, all_known: all_known.clone() }) as _).collect()
        }
        Pace::Period(_) => miners.map(|miner| Box::new(miner) as _).collect(),
    };
    let mut site = Site::new(Layout::default());
    let unread = sources.iter().flat_map(|source| source.failed(Missing::NotYet)).collect();
    site.apply(Batch { at: clock::now(), samples: unread });

    let (batches, received) = mpsc::channel(BATCHES);
    let (health, _) = watch::channel(RunnerHealth::default());
    let runner = match pace {
        // A fleet is never asked as fast as it goes, but evenly; feeds are asked again at once.
        Pace::FlatOut => runner::run_feeds(sources, Limits::of(LIMITS), batches, health).boxed_local(),
        Pace::Period(_) => runner::run(sources, Limits::of(PLACES), batches, health).boxed_local(),
    };
    let runner = runner::beside(runner);
    let mut fleet = Fleet { site, received, healthy, polls: 0, failed: 0, files: 0, looked: Duration::ZERO };
    let measuring = async {
        let started = Mark::now();
        fleet.until_read_since(started.at, Duration::MAX).await;
        let met = Mark::now();
        all_known.set(pace == Pace::FlatOut);
        // The second poll may still find out what a machine does not take, and of a small fleet only the third one is
        // a period behind the one before.
        fleet.until_read_since(met.at, Duration::MAX).await;
        println!("steady");
        go.await.unwrap();

        (fleet.polls, fleet.failed) = (0, 0);
        let start = Mark::now();
        match pace {
            Pace::FlatOut => fleet.until(|fleet, _| fleet.polls >= machines.max(POLLS)).await,
            // What was under way at its end may end.
            Pace::Period(period) => {
                fleet.until(|_, at| at.since(start.at) > period + Duration::from_secs(1)).await
            }
        }
        let ((identify_s, identify_cpu_s), (wall_s, cpu_s)) = (met.since(started), Mark::now().since(start));
        println!("measured");
        let (polls, failed) = (fleet.polls, fleet.failed);
        if pace == Pace::FlatOut {
            fleet.until_read_since(start.at, Duration::from_secs(10)).await;
        }
        let missed = healthy - fleet.read_since(start.at);
        let (files, rss_kb) = (fleet.files, usage::peak_rss_kb());
        Client { healthy, identify_s, identify_cpu_s, polls, failed, missed, wall_s, cpu_s, files, rss_kb }
    };
    tokio::select! {
        result = measuring => result,
        () = runner => unreachable!("the receiver is still there"),
    }
}

/// The receiving end, and what is counted there.
struct Fleet {
    site: Site,
    received: mpsc::Receiver<Batch>,
    healthy: usize,
    polls: usize,
    /// Polls of healthy machines that failed.
    failed: usize,
    /// Most that were open at a look.
    files: usize,
    looked: Duration,
}

impl Fleet {
    /// Takes batches in until there is `enough`.
    async fn until(&mut self, mut enough: impl FnMut(&mut Self, Now) -> bool) {
        while let Some(batch) = self.received.recv().await {
            let at = batch.at;
            self.polls += 1;
            self.failed += batch.samples.iter().filter(|sample| failed(sample)).count();
            self.site.apply(batch);
            if at.mono.saturating_sub(self.looked) >= LOOK {
                self.files = self.files.max(usage::open_files());
                self.looked = at.mono;
            }
            if enough(self, at) {
                return;
            }
        }
    }

    /// Until every healthy machine was read since, but no longer than `longest` after it.
    async fn until_read_since(&mut self, since: Now, longest: Duration) {
        loop {
            // The last one may have been read, and nobody be due for a while.
            let _ = tokio::time::timeout(LOOK, self.until(|_, _| false)).await;
            if clock::now().since(since) > longest || self.read_since(since) == self.healthy {
                return;
            }
        }
    }

    /// Healthy machines that were read since.
    fn read_since(&self, since: Now) -> usize {
        let now = clock::now();
        let read = self.site.asics(now).filter(|miner| addresses::is_healthy(miner.id));
        read.filter(|miner| miner.age.is_some_and(|age| age <= now.since(since))).count()
    }
}

fn failed(sample: &Sample) -> bool {
    matches!(sample, Sample::Asic(sample) if sample.report.is_err() && addresses::is_healthy(&sample.id))
}

/// A moment and the CPU time used by then.
#[derive(Clone, Copy)]
struct Mark {
    at: Now,
    cpu: Duration,
}

impl Mark {
    fn now() -> Self {
        Self { at: clock::now(), cpu: usage::cpu() }
    }

    /// Seconds by the clock and of CPU.
    fn since(self, earlier: Self) -> (f64, f64) {
        (self.at.since(earlier.at).as_secs_f64(), (self.cpu - earlier.cpu).as_secs_f64())
    }
}
