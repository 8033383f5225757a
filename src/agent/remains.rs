//! What an earlier run left at the broker: what is no part of the site any more is cleared there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::publish::mqtt::{Arrival, Filter};
use crate::publish::topics::{self, Prefix, TopicError};
use crate::publish::{Live, LiveSet, MqttConfig, wire};

/// A group whose miners are dead after a restart has lost its models, and with them its blocks: what was last
/// known of them stays for this long.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// From its first word on, the broker tells all that it holds in this time. Later it would be the daemon's own.
const TELLING: Duration = Duration::from_secs(60);

/// Topics that are remembered; a site has fewer live ones.
const MOST: usize = 1_000;

/// Topics that the broker holds, and since when that is known, monotonic.
#[derive(Debug)]
pub struct Remains {
    site: String,
    prefix: Prefix,
    /// Groups and hostings of the config.
    names: Vec<String>,
    /// Long enough for a source that answers to be part of the site.
    moment: Duration,
    heard: BTreeMap<String, Duration>,
    first: Option<Duration>,
}

impl Remains {
    /// # Errors
    /// Names that make no topic.
    pub fn new(config: &Config, mqtt: &MqttConfig) -> Result<Self, TopicError> {
        let groups = config.asic.iter().map(|group| group.group.clone());
        Ok(Self {
            site: config.site.name.clone(),
            prefix: Prefix::new(&mqtt.root, &config.site.name)?,
            names: groups.chain(config.hostings_of_gpus()).collect(),
            moment: Duration::from_secs(mqtt.interval_secs.max(1)).saturating_mul(3),
            heard: BTreeMap::new(),
            first: None,
        })
    }

    /// Where they are heard of.
    pub fn filter(&self) -> Filter {
        Filter::Topics(vec![self.prefix.topic("+/+")])
    }

    /// Whether everything has been heard.
    pub fn all_heard(&self, now: Duration) -> bool {
        self.first.is_some_and(|first| now.saturating_sub(first) > TELLING)
    }

    pub fn hear(&mut self, arrival: &Arrival, now: Duration) {
        let Some(topic) = self.prefix.below(&arrival.topic).filter(|_| arrival.kept) else { return };
        self.first.get_or_insert(now);
        // Somebody else may keep a price or a signal there, for this very site to read.
        let ours = topics::is_of_a_part(topic) && wire::is_of(&self.site, &arrival.payload);
        if ours && self.heard.len() < MOST {
            self.heard.entry(topic.to_owned()).or_insert(now);
        }
    }

    /// `live`, and beside it what is to be cleared.
    pub fn beside(&mut self, mut live: LiveSet, now: Duration) -> LiveSet {
        let gone = self.gone(&live, now);
        Arc::make_mut(&mut live).gone = gone;
        live
    }

    /// Those that are not in `live`; each is named for a moment.
    fn gone(&mut self, live: &Live, now: Duration) -> BTreeSet<String> {
        let (names, moment) = (&self.names, self.moment);
        let over = |topic: &str, since: Duration| {
            let named =
                topic.strip_prefix(topics::BLOCK).is_some_and(|block| topics::is_block_of(names, block));
            now.saturating_sub(since).checked_sub(if named { PATIENCE } else { moment })
        };
        self.heard.retain(|topic, since| {
            !live.contains_key(topic) && over(topic, *since).is_none_or(|since| since <= moment)
        });
        let gone = self.heard.iter().filter(|(topic, since)| over(topic, **since).is_some());
        gone.map(|(topic, _)| topic.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn remains() -> Remains {
        Remains {
            site: "tx01".to_owned(),
            prefix: Prefix::new("wattsplit", "tx01").unwrap(),
            names: vec!["row-a".to_owned()],
            moment: 30 * SECOND,
            heard: BTreeMap::new(),
            first: None,
        }
    }

    fn kept(topic: &str, kept: bool) -> Arrival {
        let topic = format!("wattsplit/tx01/{topic}");
        Arrival { topic, payload: br#"{"v":1,"ts":7,"site":"tx01"}"#.to_vec(), expires_in: None, kept }
    }

    #[test]
    fn what_is_no_part_of_the_site_is_cleared_and_a_block_of_a_group_that_may_come_back_an_hour_later() {
        let mut remains = remains();
        let live: Live = [("block/row-b-s21".to_owned(), Vec::new())].into_iter().collect();
        for topic in ["block/row-a-s19", "block/row-b-s21", "block/row-c", "pool/old", "node/edge-1"] {
            remains.hear(&kept(topic, true), SECOND);
        }
        remains.hear(&kept("pool/new", false), SECOND);
        for payload in ["42.5", r#"{"price":42.5}"#, r#"{"v":1,"ts":7,"site":"tx02"}"#, ""] {
            let arrival = Arrival { payload: payload.into(), ..kept("price/market", true) };
            remains.hear(&arrival, SECOND);
        }
        let mut gone = |at: u32| remains.gone(&live, SECOND + at * SECOND).into_iter().collect::<Vec<_>>();
        assert!(gone(29).is_empty());
        assert_eq!(gone(31), ["block/row-c", "pool/old"]);
        assert!(gone(61).is_empty());
        assert_eq!(gone(3_601), ["block/row-a-s19"]);
        assert!(gone(3_631).is_empty());
    }

    #[test]
    fn it_listens_until_the_broker_has_told_what_it_holds() {
        let mut remains = remains();
        assert!(!remains.all_heard(3_600 * SECOND));
        remains.hear(&kept("price/btc", true), 3_600 * SECOND);
        assert!(!remains.all_heard(3_660 * SECOND));
        assert!(remains.all_heard(3_661 * SECOND));
    }
}
