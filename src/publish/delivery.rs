//! What is still to be sent over a connection, and what the broker has not acknowledged yet. Pure.
//!
//! Live topics go out in rounds. A round takes the newest set, sends what changed since the round
//! before and ends when the broker has acknowledged all of it; sets that come up meanwhile replace
//! each other. So at most one set is on its way, whatever the broker does, and newest wins.
//!
//! Records go out in order, behind the live topics, at a limited rate, and leave a part of the window to
//! those. What a broker has not acknowledged is sent again over the next connection. Those of the outbox
//! ([`stored`]) are on disk until then. Those that could not be written are bounded, and beyond that the
//! oldest is dropped and counted, rows of devices before all others.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::{LiveSet, topics, wire};
use crate::ledger::outbox::{Record, Unsendable, Wanted};
use crate::ledger::{Message, RecordClass};

mod pace;
mod parcel;
mod progress;
mod stored;
mod waiting;

use pace::Pace;
use parcel::{Flight, Parcel};
pub use stored::Passed;
use stored::Stored;
use waiting::Waiting;

/// Bytes that MQTT 5 puts around topic and payload of a QoS 1 publish, at most:
/// fixed header 5, length of the topic 2, packet id 2, length of the properties 1, message expiry 5.
const PACKET_OVERHEAD: usize = 15;

/// A broker that refuses a record for its size gets smaller ones, but none smaller than this is split.
const SMALLEST: usize = 1_024;

/// Of the window, this part is left to live topics.
const LEFT_TO_LIVE: usize = 5;

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
    /// Largest payload that the broker takes, by how connections have ended.
    most_bytes: usize,
    /// Largest payload of a record, by what this connection has shown.
    record_bytes: usize,
    stored: Stored,
    pace: Pace,
    /// Given to the client, which has not numbered them yet.
    handed: VecDeque<Parcel>,
    flying: VecDeque<Flight>,
    /// Topics that the broker may hold, from this connection or from one before.
    retained: BTreeSet<String>,
}

/// What an acknowledgement was about.
#[derive(Debug, PartialEq, Eq)]
pub struct Landed {
    pub topic: String,
    /// Where it is a record of the outbox.
    pub stored: Option<LandedRecord>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LandedRecord {
    pub class: RecordClass,
    /// The broker began or ceased to refuse the class.
    pub turned: bool,
    /// What is wanted of the outbox is no longer what it was.
    pub ask_anew: bool,
}

/// What the broker made of a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Taken,
    Refused,
    /// For a reason that brokers give where a payload is too large for them.
    RefusedForSize,
}

impl Delivery {
    /// `records_per_s`: at most so many records go out in a second.
    pub fn new(records_per_s: u32) -> Self {
        Self {
            limits: Limits { window: 0, payload_bytes: 0, packet_bytes: None, prefix_bytes: 0 },
            round: None,
            closing: false,
            todo: VecDeque::new(),
            records: Waiting::default(),
            most_bytes: usize::MAX,
            record_bytes: usize::MAX,
            stored: Stored::default(),
            pace: Pace::new(records_per_s),
            handed: VecDeque::new(),
            flying: VecDeque::new(),
            retained: BTreeSet::new(),
        }
    }

    /// A new connection: everything is to be sent, `status` first.
    pub fn connected(&mut self, limits: Limits) {
        self.limits = Limits { payload_bytes: limits.payload_bytes.min(self.most_bytes), ..limits };
        self.record_bytes = usize::MAX;
        self.round = None;
        let flying = self.flying.drain(..).filter(|flight| !flight.acked).map(|flight| flight.parcel);
        let unacknowledged: Vec<Parcel> = flying.chain(self.handed.drain(..)).collect();
        for parcel in unacknowledged.into_iter().rev() {
            if let Parcel::Record(message) = parcel {
                self.records.put_back(message);
            }
        }
        self.stored.rewind();
        self.todo.clear();
        self.todo.push_back(topics::STATUS.to_owned());
    }

    /// The connection ended because something was too large for the broker, which did not say what: from now
    /// on nothing is sent that is larger than half of the largest that was on its way. Returns the new limit
    /// in bytes; `None` where nothing was larger than what is worth to be halved.
    pub fn too_large(&mut self) -> Option<usize> {
        let parcels = self.handed.iter().chain(self.flying.iter().map(|flight| &flight.parcel));
        let sizes = parcels.map(|parcel| match parcel {
            Parcel::Live(topic) => self.payload(topic).len(),
            Parcel::Record(message) => message.payload.len(),
            Parcel::Stored { payload_bytes, .. } => *payload_bytes,
        });
        let largest = sizes.max().filter(|largest| *largest > SMALLEST)?;
        self.most_bytes = (largest / 2).max(SMALLEST);
        Some(self.most_bytes)
    }

    /// The next connection may be to a broker that takes more.
    pub fn forget_size(&mut self) {
        self.most_bytes = usize::MAX;
    }

    /// Starts a round with the newest set, if the round before has ended. Whether it did.
    pub fn offer(&mut self, newest: &LiveSet) -> bool {
        let known = self.round.as_ref();
        if !self.round_is_over() || self.closing || known.is_some_and(|old| Arc::ptr_eq(old, newest)) {
            return false;
        }
        let changed = newest
            .iter()
            .filter(|(topic, payload)| {
                let again =
                    topics::is_absolute(topic) && known.is_some_and(|old| old.announced != newest.announced);
                again || known.and_then(|old| old.get(*topic)) != Some(*payload)
            })
            .map(|(topic, _)| topic.clone());
        let held = self.retained.union(&newest.gone);
        let vanished = held.filter(|topic| !newest.contains_key(*topic)).cloned();
        self.todo = vanished.chain(changed).collect();
        self.round = Some(Arc::clone(newest));
        true
    }

    /// Queues a record. Returns how many had to make room for it.
    pub fn record(&mut self, message: Message) -> u64 {
        self.records.push(message)
    }

    /// What the outbox should give next, if there is room.
    pub fn wanted(&self, now: Duration) -> Option<Wanted> {
        self.stored.wanted(now)
    }

    /// Queues a record of the outbox, in parts where it is too large as a whole. Returns how many of its rows
    /// are too large by themselves: they go nowhere.
    pub fn take(&mut self, record: &Record) -> u64 {
        let (parts, too_large) =
            wire::parts(&record.payload, self.room(&record.topic).min(self.record_bytes));
        let unsendable = Unsendable { records: too_large, at: record.at };
        self.stored.take(record, parts, (too_large > 0).then_some(unsendable));
        too_large
    }

    /// What the broker has for good since the last time.
    pub fn passed(&mut self) -> Vec<Passed> {
        self.stored.passed()
    }

    /// Nothing of the outbox is in memory.
    pub fn nothing_stored(&self) -> bool {
        self.stored.is_empty()
    }

    /// When there is something to do that nothing else tells of, monotonic. May have passed.
    pub fn due(&self) -> Option<Duration> {
        // Without room it is an acknowledgement that tells.
        let paced = (self.has_room() && self.stored.is_ready()).then(|| self.pace.due());
        [paced, self.stored.due()].into_iter().flatten().min()
    }

    /// Lets go of halts that are over. Whether there was one: more is wanted then.
    pub fn resume(&mut self, now: Duration) -> bool {
        self.stored.resume(now)
    }

    /// Nothing more but the records that are nowhere else, and `offline`.
    pub fn close(&mut self) {
        self.closing = true;
        self.stored.put_back();
        self.todo.clear();
        self.todo.push_back(topics::STATUS.to_owned());
    }

    /// What to do next; `None` until something is acknowledged or offered, or is due. `now` is monotonic.
    pub fn next(&mut self, now: Duration) -> Option<Step> {
        let in_flight = self.handed.len() + self.flying.len();
        if in_flight >= self.limits.window {
            return None;
        }
        let live = if self.closing && !self.records.is_empty() { None } else { self.todo.pop_front() };
        if let Some(topic) = live {
            return Some(self.next_live(topic));
        }
        if !self.has_room() {
            return None;
        }
        match self.records.pop() {
            Some(message) => Some(self.send_record(message)),
            None if self.stored.is_ready() && self.pace.take(now) => self.send_stored(),
            None => None,
        }
    }

    /// For records.
    fn has_room(&self) -> bool {
        let in_flight = self.handed.len() + self.flying.len();
        in_flight < self.limits.window - self.limits.window / LEFT_TO_LIVE
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

    fn send_stored(&mut self) -> Option<Step> {
        let piece = self.stored.pop()?;
        let topic = piece.topic.clone();
        let payload_bytes = piece.payload.len();
        let parcel = Parcel::Stored { class: piece.class, n: piece.n, topic: piece.topic, payload_bytes };
        self.handed.push_back(parcel);
        Some(Step::Publish { topic, payload: piece.payload, retain: false, expires: None })
    }

    /// The client gave the oldest unnumbered publish its packet id.
    pub fn numbered(&mut self, id: u16) {
        if let Some(parcel) = self.handed.pop_front() {
            self.flying.push_back(Flight { id, parcel, acked: false });
        }
    }

    /// The broker acknowledged a packet id, and took what it was for or refused it.
    pub fn acked(&mut self, id: u16, verdict: Verdict, now: Duration) -> Option<Landed> {
        let flight = self.flying.iter_mut().find(|flight| flight.id == id && !flight.acked)?;
        flight.acked = true;
        let topic = flight.parcel.topic().to_owned();
        let live = matches!(flight.parcel, Parcel::Live(_));
        let stored = match flight.parcel {
            Parcel::Stored { class, n, payload_bytes, .. } => Some((class, n, payload_bytes)),
            Parcel::Live(_) | Parcel::Record(_) => None,
        };
        while self.flying.front().is_some_and(|flight| flight.acked) {
            self.flying.pop_front();
        }
        if live && self.round.as_ref().is_some_and(|round| !round.contains_key(&topic)) {
            self.retained.remove(&topic);
        }
        let stored = stored.map(|(class, n, payload_bytes)| {
            let cautious = self.stored.is_cautious(class);
            let turned = match verdict {
                Verdict::Taken => self.stored.confirmed(class, n, payload_bytes),
                Verdict::RefusedForSize if payload_bytes > SMALLEST => {
                    self.record_bytes = self.record_bytes.min(payload_bytes / 2).max(SMALLEST);
                    self.stored.again(class, payload_bytes);
                    false
                }
                Verdict::Refused | Verdict::RefusedForSize => self.stored.refused(class, payload_bytes, now),
            };
            LandedRecord { class, turned, ask_anew: cautious || verdict != Verdict::Taken }
        });
        Some(Landed { topic, stored })
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
        payload.len() > self.room(topic)
    }

    /// Largest payload that may go to a topic, in bytes.
    fn room(&self, topic: &str) -> usize {
        let around = PACKET_OVERHEAD + self.limits.prefix_bytes + topic.len();
        let packet =
            self.limits.packet_bytes.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        self.limits.payload_bytes.min(packet.saturating_sub(around))
    }
}

#[cfg(test)]
mod tests;
