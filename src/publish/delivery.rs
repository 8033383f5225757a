//! What is still to be sent over a connection, and what the broker has not acknowledged yet. Pure.
//!
//! Live topics go out in rounds. A round takes the newest set, sends what changed since the round
//! before and ends when the broker has acknowledged all of it; sets that come up meanwhile replace
//! each other. So at most one set is on its way, whatever the broker does, and newest wins.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::{LiveSet, topics};
use crate::clock::UnixMs;

/// Bytes that MQTT 5 puts around topic and payload of a QoS 1 publish, at most:
/// fixed header 5, length of the topic 2, packet id 2, length of the properties 1, message expiry 5.
const PACKET_OVERHEAD: usize = 15;

/// Retained at `status` while a connection is up…
const ONLINE: &[u8] = b"online";
/// …and after it, by the daemon itself or by its last will.
pub const OFFLINE: &[u8] = b"offline";

#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// An empty payload clears the topic. `topic` is below the prefix.
    Publish {
        topic: String,
        payload: Vec<u8>,
        /// Until when the broker may keep it; `None`: for good.
        expires: Option<UnixMs>,
    },
    /// Not to be sent: the broker would end the connection.
    Oversize { topic: String, payload_bytes: usize },
}

/// Sizes that one connection accepts.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Publishes that may be without acknowledgement. In order: number N goes out only when
    /// N − window is acknowledged, so that no packet id is used twice at a time.
    pub window: usize,
    pub payload_bytes: usize,
    /// Largest packet that the broker takes, if it said so.
    pub packet_bytes: Option<u32>,
    /// Length of `<root>/<site>/`.
    pub prefix_bytes: usize,
}

#[derive(Debug)]
pub struct Delivery {
    limits: Limits,
    /// The set of this connection's latest round.
    round: Option<LiveSet>,
    closing: bool,
    todo: VecDeque<String>,
    /// Given to the client, which has not numbered them yet.
    handed: VecDeque<String>,
    flying: VecDeque<Flight>,
    /// Topics that the broker may hold, from this connection or from one before.
    retained: BTreeSet<String>,
}

#[derive(Debug)]
struct Flight {
    id: u16,
    topic: String,
    acked: bool,
}

impl Delivery {
    pub fn new() -> Self {
        Self {
            limits: Limits { window: 0, payload_bytes: 0, packet_bytes: None, prefix_bytes: 0 },
            round: None,
            closing: false,
            todo: VecDeque::new(),
            handed: VecDeque::new(),
            flying: VecDeque::new(),
            retained: BTreeSet::new(),
        }
    }

    /// A new connection: everything is to be sent, `status` first.
    pub fn connected(&mut self, limits: Limits) {
        self.limits = limits;
        self.round = None;
        self.handed.clear();
        self.flying.clear();
        self.todo.clear();
        self.todo.push_back(topics::STATUS.to_owned());
    }

    /// Starts a round with the newest set, if the round before has ended.
    pub fn offer(&mut self, newest: &LiveSet) {
        let known = self.round.as_ref();
        if !self.idle() || self.closing || known.is_some_and(|old| Arc::ptr_eq(old, newest)) {
            return;
        }
        let changed = newest
            .iter()
            .filter(|(topic, payload)| known.and_then(|old| old.get(*topic)) != Some(*payload))
            .map(|(topic, _)| topic.clone());
        let vanished = self.retained.iter().filter(|topic| !newest.contains_key(*topic)).cloned();
        self.todo = vanished.chain(changed).collect();
        self.round = Some(Arc::clone(newest));
    }

    /// Nothing more but `offline`.
    pub fn close(&mut self) {
        self.closing = true;
        self.todo.clear();
        self.todo.push_back(topics::STATUS.to_owned());
    }

    /// What to do next; `None` until something is acknowledged or offered.
    pub fn next(&mut self) -> Option<Step> {
        if self.handed.len() + self.flying.len() >= self.limits.window {
            return None;
        }
        let topic = self.todo.pop_front()?;
        let payload = self.payload(&topic);
        if self.oversize(&topic, payload) {
            return Some(Step::Oversize { payload_bytes: payload.len(), topic });
        }
        let payload = payload.to_vec();
        let expires = self.round.as_ref().and_then(|round| round.expires.get(topic.as_str()).copied());
        if topic != topics::STATUS {
            self.retained.insert(topic.clone());
        }
        self.handed.push_back(topic.clone());
        Some(Step::Publish { topic, payload, expires })
    }

    /// The client gave the oldest unnumbered publish its packet id.
    pub fn numbered(&mut self, id: u16) {
        if let Some(topic) = self.handed.pop_front() {
            self.flying.push_back(Flight { id, topic, acked: false });
        }
    }

    /// The broker acknowledged a packet id, one way or the other. Returns its topic.
    pub fn acked(&mut self, id: u16) -> Option<String> {
        let flight = self.flying.iter_mut().find(|flight| flight.id == id && !flight.acked)?;
        flight.acked = true;
        let topic = flight.topic.clone();
        while self.flying.front().is_some_and(|flight| flight.acked) {
            self.flying.pop_front();
        }
        if self.round.as_ref().is_some_and(|round| !round.contains_key(&topic)) {
            self.retained.remove(&topic);
        }
        Some(topic)
    }

    /// Whether the broker owes an acknowledgement.
    pub fn waiting(&self) -> bool {
        !self.handed.is_empty() || !self.flying.is_empty()
    }

    pub fn idle(&self) -> bool {
        self.todo.is_empty() && !self.waiting()
    }

    fn payload(&self, topic: &str) -> &[u8] {
        match topic {
            topics::STATUS if self.closing => OFFLINE,
            topics::STATUS => ONLINE,
            _ => self.round.as_ref().and_then(|round| round.get(topic)).map_or(&[], Vec::as_slice),
        }
    }

    fn oversize(&self, topic: &str, payload: &[u8]) -> bool {
        let packet = PACKET_OVERHEAD + self.limits.prefix_bytes + topic.len() + payload.len();
        let allowed =
            self.limits.packet_bytes.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        payload.len() > self.limits.payload_bytes || packet > allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { window: 2, payload_bytes: 100, packet_bytes: None, prefix_bytes: 15 };

    fn set(entries: &[(&str, &str)]) -> LiveSet {
        Arc::new(entries.iter().map(|(t, p)| ((*t).to_owned(), p.as_bytes().to_vec())).collect())
    }

    /// A broker that takes and acknowledges everything, until nothing is left.
    fn drain(delivery: &mut Delivery, newest: &LiveSet) -> Vec<(String, String)> {
        let (mut sent, mut id) = (Vec::new(), 0);
        loop {
            delivery.offer(newest);
            match delivery.next() {
                Some(Step::Publish { topic, payload, .. }) => {
                    id += 1;
                    delivery.numbered(id);
                    delivery.acked(id);
                    sent.push((topic, String::from_utf8(payload).unwrap()));
                }
                Some(Step::Oversize { .. }) => {}
                None => return sent,
            }
        }
    }

    fn sent(entries: &[(&str, &str)]) -> Vec<(String, String)> {
        entries.iter().map(|(t, p)| ((*t).to_owned(), (*p).to_owned())).collect()
    }

    #[test]
    fn a_connection_begins_with_online_and_everything() {
        let mut delivery = Delivery::new();
        delivery.connected(LIMITS);
        let all = set(&[("a", "1"), ("b", "1")]);
        assert_eq!(drain(&mut delivery, &all), sent(&[("status", "online"), ("a", "1"), ("b", "1")]));
    }

    #[test]
    fn later_rounds_hold_what_changed_and_clear_what_vanished() {
        let mut delivery = Delivery::new();
        delivery.connected(LIMITS);
        drain(&mut delivery, &set(&[("a", "1"), ("b", "1"), ("c", "1")]));
        let next = set(&[("a", "1"), ("b", "2")]);
        assert_eq!(drain(&mut delivery, &next), sent(&[("c", ""), ("b", "2")]));
        assert_eq!(drain(&mut delivery, &set(&[("a", "1"), ("b", "2")])), []);
    }

    #[test]
    fn a_topic_that_vanished_while_the_broker_was_away_is_cleared_on_reconnect() {
        let mut delivery = Delivery::new();
        delivery.connected(LIMITS);
        drain(&mut delivery, &set(&[("a", "1"), ("b", "1")]));
        delivery.connected(LIMITS);
        let reconnect = drain(&mut delivery, &set(&[("b", "1")]));
        assert_eq!(reconnect, sent(&[("status", "online"), ("a", ""), ("b", "1")]));
    }

    #[test]
    fn sets_that_come_up_during_a_round_replace_each_other() {
        let mut delivery = Delivery::new();
        delivery.connected(LIMITS);
        drain(&mut delivery, &set(&[]));
        delivery.offer(&set(&[("a", "1"), ("b", "1"), ("c", "1")]));
        for id in 1..=2 {
            assert!(matches!(delivery.next(), Some(Step::Publish { .. })));
            delivery.numbered(id);
        }
        for n in 2..100 {
            delivery.offer(&set(&[("a", &n.to_string())]));
            assert_eq!(delivery.next(), None, "the window is full");
        }
        delivery.acked(1);
        delivery.acked(2);
        let newest = set(&[("a", "100")]);
        assert_eq!(drain(&mut delivery, &newest), sent(&[("c", "1"), ("b", ""), ("c", ""), ("a", "100")]));
    }

    #[test]
    fn the_window_moves_with_the_oldest_unacknowledged_publish() {
        let mut delivery = Delivery::new();
        delivery.connected(LIMITS);
        drain(&mut delivery, &set(&[]));
        delivery.offer(&set(&[("a", "1"), ("b", "1"), ("c", "1")]));
        for id in [1, 2] {
            delivery.next();
            delivery.numbered(id);
        }
        assert_eq!(delivery.acked(2).as_deref(), Some("b"));
        assert_eq!(delivery.next(), None, "id 1 is still in use");
        assert_eq!(delivery.acked(1).as_deref(), Some("a"));
        assert!(matches!(delivery.next(), Some(Step::Publish { topic, .. }) if topic == "c"));
    }

    #[test]
    fn what_is_too_large_for_the_config_or_the_broker_is_not_sent() {
        let big = "x".repeat(90);
        let newest = set(&[("a", &big), ("b", "1")]);
        let mut delivery = Delivery::new();
        delivery.connected(Limits { packet_bytes: Some(100), ..LIMITS });
        assert_eq!(drain(&mut delivery, &newest), sent(&[("status", "online"), ("b", "1")]));
        delivery.connected(Limits { payload_bytes: 89, ..LIMITS });
        assert_eq!(drain(&mut delivery, &newest), sent(&[("status", "online"), ("b", "1")]));
        delivery.connected(LIMITS);
        assert_eq!(drain(&mut delivery, &newest).len(), 3);
    }

    #[test]
    fn the_last_word_is_offline() {
        let mut delivery = Delivery::new();
        delivery.connected(LIMITS);
        let newest = set(&[("a", "1")]);
        delivery.offer(&newest);
        delivery.close();
        assert_eq!(drain(&mut delivery, &newest), sent(&[("status", "offline")]));
    }
}
