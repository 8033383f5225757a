//! Asks until everything is asked, or until it is told to stop.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{MissedTickBehavior, interval};

use super::progress::Bar;
use super::queue::{Event, Job, Queue, Report};
use crate::clock;
use crate::reading::{Missing, Sample};
use crate::sources::asic::miner::{Limits, Settings};
use crate::sources::asic::names::Names;
use crate::sources::asic::{HostPort, Miner, probe};
use crate::sources::runner;

/// How often the progress is drawn.
const REDRAW: Duration = Duration::from_millis(200);

/// Works `queue` off. What is in flight when `stop` resolves is dropped.
pub async fn scan(queue: &mut Queue, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let names = Names::default();
    let bar = Bar::new(queue.progress(), clock::now());
    let mut redraw = interval(REDRAW);
    redraw.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut in_flight = FuturesUnordered::new();
    while !queue.is_done() {
        while let Some(job) = queue.start(clock::now().mono) {
            in_flight.push(work(job, names.clone()));
        }
        let pause = queue.until_next(clock::now().mono);
        tokio::select! {
            Some(event) = in_flight.next() => queue.apply(event),
            () = runner::sleep_or_never(pause) => {}
            _ = redraw.tick() => bar.show(queue.progress(), clock::now()),
            () = &mut stop => return,
        }
    }
}

async fn work(job: Job, names: Names) -> Event {
    match job {
        Job::Knock { host, again } => {
            // A miner that takes longer could not be read by the daemon either.
            let answer = probe::knock(&host, Limits::default().exchange).await;
            Event::Knocked { host, again, answer }
        }
        Job::Read(host) => {
            let report = read(&host, names).await;
            Event::Read { host, report }
        }
    }
}

/// The miner as the daemon's first poll sees it.
async fn read(host: &HostPort, names: Names) -> Report {
    let settings = Settings {
        group: "discover".into(),
        // Of no account for one poll.
        interval: Duration::MAX,
        declared: None,
        limits: Limits::default(),
        login: None,
    };
    let mut miner = Miner::new(host.clone(), settings, names);
    let samples = runner::ask(&mut miner).await.map_err(|failure| failure.reason)?;
    let report = samples.into_iter().find_map(|sample| match sample {
        Sample::Asic(asic) => Some(asic.report),
        _ => None,
    });
    report.unwrap_or(Err(Missing::NotReported))
}
