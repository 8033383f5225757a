//! A node of a site: it reads its devices and publishes what it read, for the agent of the site to merge.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::places::places;
use super::{AgentError, BATCHES, FEED_LIMITS, beat, sources};
use crate::clock::{self, Now};
use crate::config::Config;
use crate::publish::wire::devices::MOST_BYTES;
use crate::publish::wire::nodes::{self, Head};
use crate::publish::{Live, LiveSet, mqtt};
use crate::reading::{AsicSample, Batch, Sample};
use crate::service;
use crate::sources::runner::{self, Limits, RunnerHealth};

/// Miners that were asked within this go out together.
const SLOT: Duration = Duration::from_secs(2);
/// Bytes that a message holds beside its rows.
const HEAD_BYTES: usize = 512;

/// Reads and publishes until `shutdown` resolves.
///
/// # Errors
/// As [`super::run`].
pub async fn run(config: &Config, shutdown: impl Future<Output = ()>) -> Result<(), AgentError> {
    let mqtt_config = config.mqtt.as_ref().ok_or(AgentError::NoBroker)?;
    let sources = sources(config)?;
    let name = config.node_name();
    let (live, newest) = watch::channel(LiveSet::default());
    // A node keeps no records.
    let (_records, to_send) = mpsc::unbounded_channel();
    let (client, records) = (mqtt::Client::node(&config.site.name, &name), mqtt::Records::unwritten(to_send));
    let publisher = mqtt::spawn(mqtt_config, client, newest, records, Vec::new())?;
    let (batches, mut received) = mpsc::channel(BATCHES);
    let (miner_health, _miners_seen) = watch::channel(RunnerHealth::default());
    let (feed_health, _feeds_seen) = watch::channel(RunnerHealth::default());
    let limits = Limits::of(places(config.site.concurrency));
    let miners = runner::run(sources.miners, limits, batches.clone(), miner_health);
    let feeds = runner::run_feeds(sources.feeds, FEED_LIMITS, batches, feed_health);
    let mut miners = std::pin::pin!(runner::beside(miners));
    let mut feeds = std::pin::pin!(runner::beside(feeds));
    let mut shutdown = std::pin::pin!(shutdown);
    let mut watchdog = service::watchdog_interval().map(tokio::time::interval);
    let mut slots = tokio::time::interval(SLOT);
    slots.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let boot = format!("{:016x}", fastrand::u64(..));
    let mut desk = Desk::new(config.site.name.clone(), name, boot);
    let mut ready = false;
    loop {
        let changed = tokio::select! {
            () = &mut shutdown => break,
            Some(batch) = received.recv() => desk.take(batch, clock::now()),
            // Without miners there is nothing to gather.
            _ = slots.tick(), if !config.asic.is_empty() => desk.clear(clock::now()),
            () = beat(&mut watchdog) => {
                service::alive();
                false
            }
            // The runners never end while the loop holds the receiver.
            () = &mut miners => break,
            () = &mut feeds => break,
        };
        if changed {
            live.send_replace(desk.live());
            if !std::mem::replace(&mut ready, true) {
                service::ready();
            }
        }
    }
    publisher.shutdown().await;
    Ok(())
}

/// What the node has to say. Pure.
pub(super) struct Desk {
    site: String,
    node: String,
    boot: String,
    topics: BTreeMap<String, Topic>,
    /// Miners that were asked in this slot.
    asked: Vec<(Now, AsicSample)>,
    /// The longest that a miner is waited for.
    slowest: Duration,
}

struct Topic {
    payload: Vec<u8>,
    /// Monotonic.
    until: Duration,
}

impl Desk {
    pub fn new(site: String, node: String, boot: String) -> Self {
        Self { site, node, boot, topics: BTreeMap::new(), asked: Vec::new(), slowest: Duration::ZERO }
    }

    /// Whether there is something new to say.
    pub fn take(&mut self, batch: Batch, now: Now) -> bool {
        let mut changed = self.forget(now);
        for sample in batch.samples {
            let (topic, interval) = match &sample {
                Sample::GpuHost(sample) => (format!("gpu/{}", sample.host), sample.interval),
                Sample::WallPower(sample) => (format!("wall/{}", sample.host), sample.interval),
                Sample::Host(sample) => ("host".to_owned(), sample.interval),
                Sample::Asic(_) => {
                    if let Sample::Asic(sample) = sample {
                        self.asked.push((batch.at, sample));
                    }
                    continue;
                }
                // Prices and pools are the site's affair.
                _ => continue,
            };
            let expires = kept_for(interval);
            let head = self.head(now, expires);
            let payload = match &sample {
                Sample::GpuHost(sample) => nodes::gpu_host(&head, batch.at, sample),
                Sample::WallPower(sample) => nodes::wall(&head, batch.at, sample),
                Sample::Host(sample) => nodes::host(&head, batch.at, sample),
                _ => continue,
            };
            self.topics.insert(topic, Topic { payload, until: now.mono.saturating_add(expires) });
            changed = true;
        }
        changed
    }

    /// What is too old to be of use, whether there was any.
    fn forget(&mut self, now: Now) -> bool {
        let before = self.topics.len();
        self.topics.retain(|_, topic| topic.until > now.mono);
        self.topics.len() < before
    }

    /// Ends a slot: says what the miners of it have said, and forgets what is too old to be of use.
    pub fn clear(&mut self, now: Now) -> bool {
        let forgotten = self.forget(now);
        let asked = std::mem::take(&mut self.asked);
        let slowest = asked.iter().map(|(_, sample)| sample.interval).max();
        self.slowest = self.slowest.max(slowest.unwrap_or_default());
        let slots = self.slowest.as_secs().div_ceil(SLOT.as_secs()).max(1);
        let slot = now.mono.as_secs() / SLOT.as_secs() % slots;
        let expires = kept_for(self.slowest);
        let said = !asked.is_empty();
        let mut rows = asked.iter().map(|(at, sample)| nodes::miner(now, *at, sample)).peekable();
        let mut part = 0;
        while rows.peek().is_some() {
            let mut bytes = HEAD_BYTES;
            let fits = std::iter::from_fn(|| {
                let row = rows.next_if(|row| bytes == HEAD_BYTES || bytes + row.len() + 2 <= MOST_BYTES)?;
                bytes += row.len() + 2;
                Some(row)
            });
            let head = Head { site: &self.site, node: &self.node, boot: &self.boot, now, expires };
            let payload = nodes::miners(&head, fits);
            let topic = Topic { payload, until: now.mono.saturating_add(expires) };
            self.topics.insert(format!("asic/{slot}-{part}"), topic);
            part += 1;
        }
        said || forgotten
    }

    fn head(&self, now: Now, expires: Duration) -> Head<'_> {
        Head { site: &self.site, node: &self.node, boot: &self.boot, now, expires }
    }

    pub fn live(&self) -> LiveSet {
        let topics = self.topics.iter().map(|(name, topic)| (name.clone(), topic.payload.clone()));
        let mut live: Live = topics.collect();
        live.expires = self.topics.iter().map(|(name, topic)| (name.clone().into(), topic.until)).collect();
        Arc::new(live)
    }
}

/// As long as a value of something that is asked so often is shown at all.
fn kept_for(interval: Duration) -> Duration {
    Duration::from_secs((interval.as_secs_f64() * 2.5).ceil() as u64 + 15)
}
