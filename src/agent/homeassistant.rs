//! What Home Assistant is told, and what is heard of it.

use std::time::Duration;

use tokio::sync::mpsc;

use super::Core;
use crate::clock::Now;
use crate::config::Config;
use crate::publish::Live;
use crate::publish::homeassistant::{Announcer, Place};
use crate::publish::mqtt::{Arrival, Filter, Inbox};
use crate::publish::topics::{Prefix, TopicError};

/// Who tells Home Assistant of the site; `None`: nobody does.
///
/// # Errors
/// Names that make no topic.
pub fn announcer(config: &Config) -> Result<Option<Announcer>, TopicError> {
    let (Some(listener), Some(mqtt)) = (&config.homeassistant, &config.mqtt) else { return Ok(None) };
    let groups = config.asic.iter().map(|group| group.group.clone());
    Ok(Some(Announcer::new(Place {
        discovery_prefix: listener.discovery_prefix.clone(),
        site: config.site.name.clone(),
        prefix: Prefix::new(&mqtt.root, &config.site.name)?.as_str().to_owned(),
        names: groups.chain(config.hostings_of_gpus()).collect(),
        interval: Duration::from_secs(mqtt.interval_secs.max(1)),
    })))
}

impl Core {
    /// Where Home Assistant is listened to.
    pub(super) fn listens(&self, to: mpsc::Sender<Arrival>) -> Option<Inbox> {
        let announcer = self.announcer.as_ref()?;
        Some(Inbox { filter: Filter::Topics(announcer.topics()), to })
    }

    /// Whether Home Assistant wants to be told everything again.
    pub(super) fn is_asked(&mut self, arrival: &Arrival, now: Now) -> bool {
        let told = (arrival.topic.as_str(), arrival.payload.as_slice());
        self.announcer.as_mut().is_some_and(|announcer| announcer.hear(told, arrival.kept, now.mono))
    }

    pub(super) fn announce(&mut self, live: &mut Live, now: Now) {
        let complaint = self.announcer.as_mut().and_then(|announcer| announcer.announce(live, now.mono));
        if let Some(complaint) = complaint {
            tracing::warn!("{complaint}");
        }
    }
}
