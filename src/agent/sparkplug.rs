//! From the config to the Sparkplug edge node.

use tokio::sync::watch;

use super::{AgentError, build};
use crate::config::Config;
use crate::publish::LiveSet;
use crate::publish::mqtt::{self, PublisherHandle};
use crate::publish::sparkplug::BirthCount;

/// In the state directory.
const BIRTHS_FILE: &str = "sparkplug-bdseq";

/// Starts the edge node; `None`: the config has none.
///
/// # Errors
/// As the publisher.
pub fn spawn(config: &Config, live: watch::Receiver<LiveSet>) -> Result<Option<PublisherHandle>, AgentError> {
    let (Some(sparkplug), Some(mqtt)) = (&config.sparkplug, &config.mqtt) else { return Ok(None) };
    let births = BirthCount::open(build::state_dir(config).map(|dir| dir.join(BIRTHS_FILE)));
    Ok(Some(mqtt::sparkplug::spawn(mqtt, sparkplug, &config.site.name, live, births)?))
}

/// Lets the edge node say its last word.
pub async fn shutdown(node: Option<PublisherHandle>) {
    if let Some(node) = node {
        node.shutdown().await;
    }
}
