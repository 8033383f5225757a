//! The loop: wait for the next [`Event`], then apply it. Waiting changes nothing, applying does
//! not wait: whatever the outside does, the state has one owner and moves in whole steps.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, watch};

use crate::advice::{Advice, Basis, Memory, Policy, advise};
use crate::clock::{self, Now};
use crate::config::Config;
use crate::economics::{SiteTerms, Split, split};
use crate::ledger::outbox::News;
use crate::publish::homeassistant::Announcer;
use crate::publish::topics::TopicError;
use crate::publish::wire::devices::Origin;
use crate::publish::{BrokerHealth, Health, LiveSet, mqtt, wire};
use crate::reading::{Batch, Missing, Sample};
use crate::service;
use crate::site::{Site, SiteView};
use crate::sources::runner::{self, Limits, RunnerHealth};

mod books;
mod brokers;
mod build;
mod events;
mod history;
mod homeassistant;
mod keeping;
pub mod node;
mod nodes;
mod places;
mod pool_watch;
mod remains;
mod rounds;
mod settlements;
mod sparkplug;
mod sweep;
mod topics;
mod unknown_models;
mod watches;

use books::Books;
use brokers::Brokers;
pub use build::{Sources, sources, state_dir, topics_of};
pub use keeping::{LEDGER_FILE, left_at_start, left_behind};
use nodes::Nodes;
use places::places;
use remains::Remains;
use rounds::Rounds;
pub use sweep::{PATIENCE, Swept, listen, sweep};
use topics::Topics;
pub use watches::Watches;

/// The first picture is published this long after the start, with what has been read by then.
const FIRST_PICTURE: Duration = Duration::from_secs(3);

/// A price or a meter that changed is published this soon: long enough to take in its neighbours, short
/// enough to count as at once.
const SOON: Duration = Duration::from_millis(50);

/// What nodes publish.
const NODES: mqtt::Filter = mqtt::Filter::Below("node/+/#");

/// Batches that may wait for the loop; a runner that is ahead of it waits.
const BATCHES: usize = 256;

/// Messages of nodes that may wait for the loop.
const ARRIVALS: usize = 1024;

/// Feeds asked at the same time.
const FEED_LIMITS: Limits = Limits { healthy: 32, suspect: 32 };

/// Longest that feeds may take to let go at the end.
const LEAVING: Duration = Duration::from_secs(3);

/// Everything there is to say at one moment.
#[derive(Debug, Clone)]
pub struct Picture {
    pub view: SiteView,
    pub split: Split,
    /// What the advice was made from…
    pub basis: Basis,
    /// …and the advice.
    pub advice: Advice,
    pub health: Health,
}

/// Why the agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Http(#[from] crate::http::HttpError),
    #[error(transparent)]
    Asic(#[from] crate::sources::asic::AsicError),
    #[error(transparent)]
    Labels(#[from] crate::sources::asic::LabelsError),
    #[error(transparent)]
    Secret(#[from] crate::secret::SecretError),
    #[error(transparent)]
    Tariff(#[from] crate::sources::price::TariffError),
    #[error(transparent)]
    Mqtt(#[from] mqtt::MqttError),
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error("no [mqtt] section: there is nowhere to publish to")]
    NoBroker,
}

/// All that can happen.
enum Event {
    Batch(Batch),
    /// A node has said something.
    Arrival(mqtt::Arrival),
    /// A topic of the operator has.
    Told(mqtt::Arrival),
    /// Home Assistant has, or the broker kept what it was told.
    Listener(mqtt::Arrival),
    /// The broker has kept a topic of the site's own.
    Kept(mqtt::Arrival),
    /// Time to publish.
    Tick,
    /// Time for rows of devices.
    Rows,
    /// Time to tell systemd that the loop turns.
    Watchdog,
    Shutdown,
}

/// Reads, reckons and publishes until `shutdown` resolves. `observer` sees every picture that is
/// published. `left`: what the config before left behind, if there was one.
///
/// # Errors
/// Before the start only: secrets, certificates or tariffs that cannot be used. Afterwards every
/// failure is part of the picture.
pub async fn run(
    config: &Config,
    left: Option<News>,
    observer: watch::Sender<Option<Arc<Picture>>>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), AgentError> {
    let mqtt_config = config.mqtt.as_ref().ok_or(AgentError::NoBroker)?;
    let sources = sources(config)?;
    let (live, newest) = watch::channel(LiveSet::default());
    let mut core = Core::new(config)?;
    let mut remains = Remains::new(config, mqtt_config)?;
    core.site.apply(unread(&sources, &core.topics));
    let (arrivals, mut arrived) = mpsc::channel(ARRIVALS);
    let (messages, mut told) = mpsc::channel(ARRIVALS);
    let nodes = mqtt::Inbox { filter: NODES, to: arrivals };
    let topics = mqtt::Inbox { filter: mqtt::Filter::Topics(core.topics.names()), to: messages };
    let (announced, mut listened) = mpsc::channel(ARRIVALS);
    let inboxes = config.hears_nodes().then_some(nodes).into_iter().chain([topics]);
    let (own, mut kept) = mpsc::channel(ARRIVALS);
    let own = mqtt::Inbox { filter: remains.filter(), to: own };
    let inboxes = inboxes.chain(core.listens(announced)).chain([own]).collect();
    let (mut brokers, ways) = Brokers::spawn(config, mqtt_config, &newest, inboxes)?;
    let edge_node = sparkplug::spawn(config, live.subscribe())?;

    let origin = Origin { site: config.site.name.clone(), boot: format!("{:016x}", fastrand::u64(..)) };
    core.open_ledger(config, origin.clone(), ways, left)?;

    let (batches, mut received) = mpsc::channel(BATCHES);
    let (miner_health, miners_seen) = watch::channel(RunnerHealth::default());
    let (feed_health, feeds_seen) = watch::channel(RunnerHealth::default());
    let limits = Limits::of(places(config.site.concurrency));
    let miners = runner::run(sources.miners, limits, batches.clone(), miner_health);
    let feeds = runner::run_feeds(sources.feeds, FEED_LIMITS, batches, feed_health);
    let mut miners = std::pin::pin!(runner::beside(miners));
    let mut feeds = std::pin::pin!(runner::beside(feeds).fuse());
    let mut shutdown = std::pin::pin!(shutdown);
    let interval = Duration::from_secs(mqtt_config.interval_secs.max(1));
    let mut next_tick = clock::now().mono.saturating_add(FIRST_PICTURE);
    let mut rounds = Rounds::new(origin, &config.asic, &config.hostings_of_gpus(), next_tick);
    let mut first_round_done = false;
    let mut watchdog = service::watchdog_interval().map(tokio::time::interval);

    loop {
        let now = clock::now().mono;
        let (until_tick, until_rows) = (next_tick.saturating_sub(now), rounds.due().saturating_sub(now));
        let event = tokio::select! {
            () = &mut shutdown => Event::Shutdown,
            Some(batch) = received.recv() => Event::Batch(batch),
            Some(arrival) = arrived.recv() => Event::Arrival(arrival),
            Some(arrival) = told.recv() => Event::Told(arrival),
            Some(arrival) = listened.recv() => Event::Listener(arrival),
            Some(arrival) = kept.recv() => Event::Kept(arrival),
            () = tokio::time::sleep(until_tick) => Event::Tick,
            () = tokio::time::sleep(until_rows) => Event::Rows,
            () = beat(&mut watchdog) => Event::Watchdog,
            // The runners never end while the loop holds the receiver.
            () = &mut miners => Event::Shutdown,
            () = &mut feeds => Event::Shutdown,
        };
        match event {
            Event::Batch(batch) => {
                // What the broker holds from the last run is better than a picture of nothing.
                if first_round_done && moves_money(&batch) {
                    next_tick = next_tick.min(clock::now().mono.saturating_add(SOON));
                }
                core.books.settle(&batch);
                core.site.apply(batch);
            }
            Event::Arrival(arrival) => core.hear(&arrival, clock::now()),
            Event::Told(arrival) => {
                let now = clock::now();
                let heard = core.topics.receive(&arrival, now);
                if first_round_done && heard.rush {
                    next_tick = next_tick.min(now.mono.saturating_add(SOON));
                }
                core.take(heard, now);
            }
            Event::Listener(arrival) => {
                if core.is_asked(&arrival, clock::now()) && first_round_done {
                    next_tick = next_tick.min(clock::now().mono.saturating_add(SOON));
                }
            }
            Event::Kept(arrival) => remains.hear(&arrival, clock::now().mono),
            Event::Tick => {
                let now = clock::now();
                let silence = core.topics.look(now);
                core.take(silence, now);
                let runners = [*miners_seen.borrow(), *feeds_seen.borrow()];
                let health = core.health(now, runners, brokers.health(now));
                let picture = core.picture(now, health);
                core.record(&picture, now);
                if remains.all_heard(now.mono) {
                    kept.close();
                }
                live.send_replace(remains.beside(core.live_set(&picture, now), now.mono));
                observer.send_replace(Some(Arc::new(picture)));
                if !std::mem::replace(&mut first_round_done, true) {
                    service::ready();
                }
                next_tick = now.mono.saturating_add(interval);
            }
            Event::Rows => {
                let messages = rounds.step(&core.site, clock::now());
                core.books.send(messages);
            }
            Event::Watchdog => service::alive(),
            Event::Shutdown => break,
        }
    }
    let now = clock::now();
    let picture = core.picture(now, Health { ledger: core.books.health(), ..Health::default() });
    core.record(&picture, now);
    core.books.end(now).await;
    // Sessions that feeds hold end with them.
    received.close();
    let edge_node = sparkplug::shutdown(edge_node);
    let _ = tokio::join!(brokers.shutdown(), edge_node, tokio::time::timeout(LEAVING, feeds));
    core.books.close().await;
    Ok(())
}

/// What the site knows before anything was read: everything that should be there, and no value. Sums
/// then show from the first picture on how much of the site they cover.
fn unread(sources: &Sources, topics: &Topics) -> Batch {
    let all = sources.miners.iter().chain(&sources.feeds);
    let mut samples: Vec<Sample> = all.flat_map(|source| source.failed(Missing::NotYet)).collect();
    samples.extend(topics.failed(Missing::NotYet));
    Batch { at: clock::now(), samples }
}

async fn beat(watchdog: &mut Option<tokio::time::Interval>) {
    match watchdog {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

/// Prices change what everything is worth, the meter tells whether the cap holds, and signals are for people who
/// must act; one miner in thousands does not.
fn moves_money(batch: &Batch) -> bool {
    batch.samples.iter().any(|sample| {
        matches!(
            sample,
            Sample::BtcUsd(_)
                | Sample::Network(_)
                | Sample::PowerPrice(_)
                | Sample::Occupancy(_)
                | Sample::Earnings(_)
                | Sample::GpuPrice(_)
                | Sample::Meter(_)
                | Sample::Signal(_)
        )
    })
}

/// The state and what turns it into a picture. No I/O, no waiting.
struct Core {
    site_name: String,
    started: Now,
    site: Site,
    terms: SiteTerms,
    policy: Policy,
    memory: Memory,
    /// The one that stands.
    advice: Option<Advice>,
    books: Books,
    nodes: Nodes,
    watches: Watches,
    topics: Topics,
    /// `None`: Home Assistant is told nothing.
    announcer: Option<Announcer>,
}

impl Core {
    fn new(config: &Config) -> Result<Self, AgentError> {
        let started = clock::now();
        Ok(Self {
            site_name: config.site.name.clone(),
            started,
            site: Site::new(config.layout()),
            terms: config.site_terms(),
            policy: config.policy(),
            memory: Memory::default(),
            advice: None,
            books: Books::default(),
            nodes: Nodes::new(config.into()),
            watches: Watches::new(config),
            topics: Topics::new(topics_of(config)?, started),
            announcer: homeassistant::announcer(config)?,
        })
    }

    /// What a topic told, or that one is silent.
    fn take(&mut self, mut heard: topics::Heard, now: Now) {
        self.site.apply(heard.batch(now));
        for complaint in heard.complaints {
            tracing::warn!("{complaint}");
        }
        for relief in heard.relief {
            tracing::info!("{relief}");
        }
    }

    fn hear(&mut self, arrival: &mqtt::Arrival, now: Now) {
        let heard = self.nodes.receive(arrival, now);
        if let Some(complaint) = heard.complaint {
            tracing::warn!("{complaint}; more of its messages that cannot be used are only counted");
        }
        let Some(node) = heard.node else { return };
        for batch in heard.batches {
            self.site.apply_from(&node, batch);
        }
    }

    fn picture(&mut self, now: Now, health: Health) -> Picture {
        let mut view = self.site.view(now);
        self.watches.look(&mut view);
        let split = split(&view, &self.terms);
        self.watches.learn(&split);
        let (policy, previous) = (&self.policy, self.advice.as_ref());
        let (basis, advice) =
            advise(&self.site, (&view, &split), &self.terms, policy, &mut self.memory, previous);
        if previous.is_none_or(|previous| previous.id != advice.id) {
            let (id, status) = (&advice.id, advice.status.as_str());
            tracing::debug!(id, status, text = advice.text, "new advice");
            self.advice = Some(advice.clone());
        }
        Picture { view, split, basis, advice, health }
    }

    fn live_set(&mut self, picture: &Picture, now: Now) -> LiveSet {
        let money = (&picture.split, &picture.advice);
        let mut live = wire::live_set(&self.site_name, &picture.view, money, &picture.health);
        self.announce(Arc::make_mut(&mut live), now);
        live
    }

    fn health(&self, now: Now, runners: [RunnerHealth; 2], brokers: Vec<BrokerHealth>) -> Health {
        let sum = |of: fn(&RunnerHealth) -> u64| runners.iter().map(of).sum::<u64>();
        let (telling, silent) = self.topics.counts();
        Health {
            uptime: now.since(self.started),
            sources_ok: runners.iter().map(|r| r.ok).sum::<u32>().saturating_add(telling),
            sources_failing: runners.iter().map(|r| r.failing).sum::<u32>().saturating_add(silent),
            polls_ok: sum(|r| r.polls_ok),
            polls_failed: sum(|r| r.polls_failed),
            // Feeds have no common period, and none ends where there are no miners.
            sweep: runners.first().and_then(|miners| miners.sweep),
            brokers,
            nodes: self.nodes.health(now),
            ledger: self.books.health(),
        }
    }
}
