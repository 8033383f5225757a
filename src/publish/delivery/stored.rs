//! Records of the outbox on their way to one broker. Pure.
//!
//! Only a few are in memory; the others are on disk. A class that the broker refuses is halted: what is in
//! memory of it goes, and after a while a single record is tried until one is taken.

use std::collections::VecDeque;
use std::time::Duration;

use super::progress::Progress;
use crate::ledger::RecordClass;
use crate::ledger::outbox::{ByClass, Record, Unsendable, Wanted};

/// Messages in memory, on their way or waiting for their turn.
const MOST_MESSAGES: usize = 100;
/// Their payloads.
const MOST_BYTES: usize = 256 * 1024;
/// A class that the broker refuses is tried again after this.
const HALT: Duration = Duration::from_secs(30);

/// A message that holds a record, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub class: RecordClass,
    pub n: i64,
    pub topic: String,
    pub payload: Vec<u8>,
}

/// What a broker confirmed, for the outbox.
#[derive(Debug, PartialEq, Eq)]
pub struct Passed {
    pub class: RecordClass,
    /// Everything up to here.
    pub n: i64,
    pub unsendable: Vec<Unsendable>,
}

#[derive(Debug, Default)]
struct Lane {
    progress: Progress,
    waiting: VecDeque<Piece>,
    /// Messages on their way.
    flying: usize,
    /// The broker refused one: the class is taken again when nothing of it is on its way, and goes one by one
    /// until one is taken.
    cautious: bool,
    /// That was told.
    refused: bool,
    /// Nothing goes out before this, monotonic.
    until: Duration,
}

#[derive(Debug, Default)]
pub struct Stored {
    lanes: ByClass<Lane>,
    messages: usize,
    bytes: usize,
}

impl Stored {
    /// A new connection: what is not confirmed is taken again.
    pub fn rewind(&mut self) {
        for class in RecordClass::ALL {
            let lane = self.lanes.of_mut(class);
            lane.waiting.clear();
            lane.flying = 0;
            lane.until = Duration::ZERO;
            lane.progress.rewind();
        }
        (self.messages, self.bytes) = (0, 0);
    }

    /// What there is room for; `None` while it is not worth asking.
    pub fn wanted(&self, now: Duration) -> Option<Wanted> {
        if self.messages > MOST_MESSAGES / 2 || self.bytes > MOST_BYTES / 2 {
            return None;
        }
        let after = ByClass::each(|class| {
            let lane = self.lanes.of(class);
            let ready = !lane.cautious || (lane.until <= now && lane.flying == 0 && lane.waiting.is_empty());
            ready.then(|| lane.progress.taken())
        });
        let (messages, bytes) = (MOST_MESSAGES - self.messages, MOST_BYTES - self.bytes);
        Some(Wanted { after, messages, bytes, wait: true })
    }

    /// When a class that is halted is to be tried again, monotonic. May have passed: nothing else tells of it.
    pub fn due(&self) -> Option<Duration> {
        let halts = RecordClass::ALL.map(|class| self.lanes.of(class).until);
        halts.into_iter().filter(|until| *until > Duration::ZERO).min()
    }

    /// Takes a record in, as the pieces that fit the broker and what fits in none.
    pub fn take(&mut self, record: &Record, payloads: Vec<Vec<u8>>, unsendable: Option<Unsendable>) {
        let lane = self.lanes.of_mut(record.class);
        if !lane.progress.take(record.n, payloads.len(), unsendable) {
            return;
        }
        for payload in payloads {
            self.messages += 1;
            self.bytes += payload.len();
            let Record { class, n, .. } = *record;
            lane.waiting.push_back(Piece { class, n, topic: record.topic.clone(), payload });
        }
    }

    /// The next one to send, events first.
    pub fn pop(&mut self) -> Option<Piece> {
        let class = self.next_class()?;
        let lane = self.lanes.of_mut(class);
        lane.flying += 1;
        lane.waiting.pop_front()
    }

    /// Whether there is one to send.
    pub fn is_ready(&self) -> bool {
        self.next_class().is_some()
    }

    fn next_class(&self) -> Option<RecordClass> {
        RecordClass::ALL.into_iter().find(|class| {
            let lane = self.lanes.of(*class);
            !lane.waiting.is_empty() && (!lane.cautious || lane.flying == 0)
        })
    }

    /// The broker took a message. True if it is the first one of a class that it had refused.
    pub fn confirmed(&mut self, class: RecordClass, n: i64, payload_bytes: usize) -> bool {
        self.landed(class, payload_bytes);
        let lane = self.lanes.of_mut(class);
        lane.progress.confirm(n);
        // What was on its way together with the refused one says nothing about it.
        let tried = lane.flying == 0 && lane.until == Duration::ZERO;
        if tried {
            lane.cautious = false;
        }
        tried && std::mem::take(&mut lane.refused)
    }

    /// Whether the class is taken again only when nothing of it is on its way.
    pub fn is_cautious(&self, class: RecordClass) -> bool {
        self.lanes.of(class).cautious
    }

    /// The broker refused a message: its class is halted. True if it was not before.
    pub fn refused(&mut self, class: RecordClass, payload_bytes: usize, now: Duration) -> bool {
        self.again(class, payload_bytes);
        let lane = self.lanes.of_mut(class);
        lane.until = now.saturating_add(HALT);
        !std::mem::replace(&mut lane.refused, true)
    }

    /// A message was too large: what is not confirmed of its class is taken again, for smaller ones.
    pub fn again(&mut self, class: RecordClass, payload_bytes: usize) {
        self.landed(class, payload_bytes);
        let lane = self.lanes.of_mut(class);
        for piece in lane.waiting.drain(..) {
            self.messages -= 1;
            self.bytes -= piece.payload.len();
        }
        lane.progress.rewind();
        lane.cautious = true;
    }

    /// Lets go of halts that are over. Whether there was one.
    pub fn resume(&mut self, now: Duration) -> bool {
        let mut resumed = false;
        for class in RecordClass::ALL {
            let lane = self.lanes.of_mut(class);
            if lane.until > Duration::ZERO && lane.until <= now {
                lane.until = Duration::ZERO;
                resumed = true;
            }
        }
        resumed
    }

    /// What the cursors have passed since the last time.
    pub fn passed(&mut self) -> Vec<Passed> {
        let passed = RecordClass::ALL.map(|class| {
            let (n, unsendable) = self.lanes.of_mut(class).progress.advance()?;
            Some(Passed { class, n, unsendable })
        });
        passed.into_iter().flatten().collect()
    }

    /// Nothing is in memory.
    pub fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Gives up what waits in memory; it is on disk.
    pub fn put_back(&mut self) {
        for class in RecordClass::ALL {
            for piece in self.lanes.of_mut(class).waiting.drain(..) {
                self.messages -= 1;
                self.bytes -= piece.payload.len();
            }
        }
    }

    fn landed(&mut self, class: RecordClass, payload_bytes: usize) {
        let lane = self.lanes.of_mut(class);
        lane.flying = lane.flying.saturating_sub(1);
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(payload_bytes);
    }
}
