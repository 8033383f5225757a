//! What others publish, and where it goes to.

use rumqttc::v5::mqttbytes::v5::Publish;
use tokio::sync::mpsc;

use crate::publish::topics::Prefix;

/// Where what others publish goes to.
#[derive(Debug)]
pub struct Inbox {
    pub filter: Filter,
    pub to: mpsc::Sender<Arrival>,
}

/// What is subscribed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Below the prefix, wildcards allowed.
    Below(&'static str),
    /// Full names, wildcards allowed.
    Topics(Vec<String>),
}

/// A message that another client published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Below the prefix where the filter is, else the full name.
    pub topic: String,
    pub payload: Vec<u8>,
    /// Seconds that were left of its expiry when the broker sent it.
    pub expires_in: Option<u32>,
    /// The broker had kept it: it was published before the subscription.
    pub kept: bool,
}

impl Filter {
    /// Full names for the broker.
    pub(super) fn names(&self, prefix: &Prefix) -> Vec<String> {
        match self {
            Filter::Below(filter) => vec![prefix.topic(filter)],
            Filter::Topics(names) => names.clone(),
        }
    }

    /// The message, if it is what was asked for here.
    pub(super) fn arrival(&self, publish: &Publish, prefix: &Prefix) -> Option<Arrival> {
        let topic = std::str::from_utf8(&publish.topic).ok()?;
        let topic = match self {
            Filter::Below(filter) => prefix.below(topic).filter(|below| matches(filter, below))?,
            Filter::Topics(names) => names.iter().any(|name| matches(name, topic)).then_some(topic)?,
        };
        Some(Arrival {
            topic: topic.to_owned(),
            payload: publish.payload.to_vec(),
            expires_in: publish.properties.as_ref().and_then(|p| p.message_expiry_interval),
            kept: publish.retain,
        })
    }
}

/// Section 4.7 of MQTT 5.
fn matches(filter: &str, topic: &str) -> bool {
    let (mut names, mut levels) = (filter.split('/'), topic.split('/'));
    loop {
        match (names.next(), levels.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some(name), Some(level)) if name == "+" || name == level => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_stands_for_one_level_and_a_hash_for_all_that_follow() {
        assert!(matches("node/+/#", "node/a/b/c") && matches("node/+/#", "node/a"));
        assert!(!matches("node/+/#", "block/a") && !matches("node/+/#", "node"));
        assert!(matches("a/b", "a/b") && matches("a/+/c", "a/x/c") && matches("a/+/c", "a//c"));
        for topic in ["a/x/y/c", "a/c", "b/x/c", "a/x/c/"] {
            assert!(!matches("a/+/c", topic), "{topic}");
        }
    }
}
