//! Everything once.

use std::time::Duration;

use tokio::sync::mpsc;

use super::places::places;
use super::{AgentError, Core, FEED_LIMITS, NODES, Picture, sources};
use crate::clock;
use crate::config::Config;
use crate::publish::Health;
use crate::publish::mqtt::{self, Arrival, Filter, MqttError};
use crate::reading::{Batch, Missing};
use crate::site::Site;
use crate::sources::runner;

/// Longest that topics are waited for. One that is told every ten seconds, the default, is heard.
pub const PATIENCE: Duration = Duration::from_secs(11);

/// What nodes told last is kept by the broker and comes at once.
const PATIENCE_WITH_NODES: Duration = Duration::from_secs(3);

/// What one round over all sources found.
#[derive(Debug)]
pub struct Swept {
    pub site: Site,
    pub picture: Picture,
    /// What of the broker was to be heard and was not, in words.
    pub unheard: Vec<String>,
}

/// Asks everything once. The broker is only asked for topics that the config names, and for what nodes tell.
///
/// # Errors
/// As [`super::run`].
pub async fn sweep(config: &Config) -> Result<Swept, AgentError> {
    let sources = sources(config)?;
    let mut core = Core::new(config)?;
    let (batches, mut received) = mpsc::unbounded_channel();
    let to_feed = batches.clone();
    let ((), (), (), told, (by_nodes, heard_at)) = tokio::join!(
        runner::sweep(sources.miners, places(config.site.concurrency), move |batch| {
            let _ = batches.send(batch);
        }),
        runner::sweep(sources.feeds, FEED_LIMITS.healthy, move |batch| {
            let _ = to_feed.send(batch);
        }),
        async {
            while let Some(batch) = received.recv().await {
                core.site.apply(batch);
            }
        },
        listen(config, core.topics.names(), "once"),
        async { (listen_to_nodes(config).await, clock::now()) },
    );
    let now = clock::now();
    // What does not come in time is missing for that.
    let why = if told.is_ok() { Missing::Timeout } else { Missing::Unreachable };
    core.site.apply(Batch { at: now, samples: core.topics.failed(why) });
    let mut unheard = Vec::new();
    match told {
        Ok(arrivals) => {
            for arrival in arrivals {
                let heard = core.topics.receive(&arrival, now);
                core.take(heard, now);
            }
        }
        Err(error) => unheard.push(format!("topics are not heard: {error}")),
    }
    match by_nodes {
        Ok(arrivals) => arrivals.iter().for_each(|arrival| core.hear(arrival, heard_at)),
        Err(error) => unheard.push(format!("nodes are not heard, and what they read is missing: {error}")),
    }
    let picture = core.picture(clock::now(), Health::default());
    Ok(Swept { site: core.site, picture, unheard })
}

/// What comes on `topics` within a few seconds; nothing where there are none.
///
/// # Errors
/// As [`mqtt::listen`].
pub async fn listen(config: &Config, topics: Vec<String>, purpose: &str) -> Result<Vec<Arrival>, MqttError> {
    match &config.mqtt {
        Some(mqtt) if !topics.is_empty() => {
            let filter = Filter::Topics(topics);
            mqtt::listen(mqtt, (&config.site.name, purpose), filter, PATIENCE).await
        }
        _ => Ok(Vec::new()),
    }
}

/// What nodes tell, where the site has some.
async fn listen_to_nodes(config: &Config) -> Result<Vec<Arrival>, MqttError> {
    match &config.mqtt {
        Some(mqtt) if config.hears_nodes() => {
            mqtt::listen(mqtt, (&config.site.name, "once-nodes"), NODES, PATIENCE_WITH_NODES).await
        }
        _ => Ok(Vec::new()),
    }
}
