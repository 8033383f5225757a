//! What is still to be sent over a connection, and what the broker has not acknowledged yet. Pure.
//!
//! Live topics go out in rounds. A round takes the newest set, sends what changed since the round
//! before and ends when the broker has acknowledged all of it; sets that come up meanwhile replace
//! each other. So at most one set is on its way, whatever the broker does, and newest wins.
//!
//! Records go out once, in order, behind the live topics. What a broker has not acknowledged is sent
//! again over the next connection; what waits is bounded, and beyond that the oldest is dropped and
//! counted, rows of devices before all others.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::{LiveSet, topics};
use crate::ledger::Message;

mod waiting;

use waiting::Waiting;

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
        retain: bool,
        /// Until when the broker may keep it, monotonic; `None`: for good.
        expires: Option<Duration>,
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
    records: Waiting,
    /// Given to the client, which has not numbered them yet.
    handed: VecDeque<Parcel>,
    flying: VecDeque<Flight>,
    /// Topics that the broker may hold, from this connection or from one before.
    retained: BTreeSet<String>,
}

/// What is on its way.
#[derive(Debug)]
enum Parcel {
    /// The payload is in the round.
    Live(String),
    Record(Message),
}

impl Parcel {
    fn topic(&self) -> &str {
        match self {
            Parcel::Live(topic) => topic,
            Parcel::Record(message) => &message.topic,
        }
    }
}

#[derive(Debug)]
struct Flight {
    id: u16,
    parcel: Parcel,
    acked: bool,
}

impl Delivery {
    pub fn new() -> Self {
        Self {
            limits: Limits { window: 0, payload_bytes: 0, packet_bytes: None, prefix_bytes: 0 },
            round: None,
            closing: false,
            todo: VecDeque::new(),
            records: Waiting::default(),
            handed: VecDeque::new(),
            flying: VecDeque::new(),
            retained: BTreeSet::new(),
        }
    }

    /// A new connection: everything is to be sent, `status` first.
    pub fn connected(&mut self, limits: Limits) {
        self.limits = limits;
        self.round = None;
        let flying = self.flying.drain(..).filter(|flight| !flight.acked).map(|flight| flight.parcel);
        let unacknowledged: Vec<Parcel> = flying.chain(self.handed.drain(..)).collect();
        for parcel in unacknowledged.into_iter().rev() {
            if let Parcel::Record(message) = parcel {
                self.records.put_back(message);
            }
        }
        self.todo.clear();
        self.todo.push_back(topics::STATUS.to_owned());
    }

    /// Starts a round with the newest set, if the round before has ended.
    pub fn offer(&mut self, newest: &LiveSet) {
        let known = self.round.as_ref();
        if !self.round_is_over() || self.closing || known.is_some_and(|old| Arc::ptr_eq(old, newest)) {
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

    /// Queues a record. Returns how many had to make room for it.
    pub fn record(&mut self, message: Message) -> u64 {
        self.records.push(message)
    }

    /// Nothing more but the records that wait, and `offline`.
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
        let live = if self.closing && !self.records.is_empty() { None } else { self.todo.pop_front() };
        match live {
            Some(topic) => Some(self.next_live(topic)),
            None => self.records.pop().map(|message| self.send_record(message)),
        }
    }

    fn next_live(&mut self, topic: String) -> Step {
        let payload = self.payload(&topic);
        if self.oversize(&topic, payload) {
            return Step::Oversize { payload_bytes: payload.len(), topic };
        }
        let payload = payload.to_vec();
        let expires = self.round.as_ref().and_then(|round| round.expires.get(topic.as_str()).copied());
        if topic != topics::STATUS {
            self.retained.insert(topic.clone());
        }
        self.handed.push_back(Parcel::Live(topic.clone()));
        Step::Publish { topic, payload, retain: true, expires }
    }

    fn send_record(&mut self, message: Message) -> Step {
        let topic = message.topic.clone().into_owned();
        if self.oversize(&topic, &message.payload) {
            return Step::Oversize { payload_bytes: message.payload.len(), topic };
        }
        let payload = message.payload.clone();
        self.handed.push_back(Parcel::Record(message));
        Step::Publish { topic, payload, retain: false, expires: None }
    }

    /// The client gave the oldest unnumbered publish its packet id.
    pub fn numbered(&mut self, id: u16) {
        if let Some(parcel) = self.handed.pop_front() {
            self.flying.push_back(Flight { id, parcel, acked: false });
        }
    }

    /// The broker acknowledged a packet id, one way or the other. Returns its topic.
    pub fn acked(&mut self, id: u16) -> Option<String> {
        let flight = self.flying.iter_mut().find(|flight| flight.id == id && !flight.acked)?;
        flight.acked = true;
        let topic = flight.parcel.topic().to_owned();
        let live = matches!(flight.parcel, Parcel::Live(_));
        while self.flying.front().is_some_and(|flight| flight.acked) {
            self.flying.pop_front();
        }
        if live && self.round.as_ref().is_some_and(|round| !round.contains_key(&topic)) {
            self.retained.remove(&topic);
        }
        Some(topic)
    }

    /// Whether the broker owes an acknowledgement.
    pub fn waiting(&self) -> bool {
        !self.handed.is_empty() || !self.flying.is_empty()
    }

    /// Nothing is left to send, and nothing to be acknowledged.
    pub fn idle(&self) -> bool {
        self.todo.is_empty() && self.records.is_empty() && !self.waiting()
    }

    fn round_is_over(&self) -> bool {
        let on_its_way = self.handed.iter().chain(self.flying.iter().map(|flight| &flight.parcel));
        self.todo.is_empty() && !on_its_way.into_iter().any(|parcel| matches!(parcel, Parcel::Live(_)))
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
mod tests;
