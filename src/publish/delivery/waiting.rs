//! Records that wait for the broker, bounded by bytes.

use std::collections::VecDeque;

use crate::ledger::{Message, RecordClass};

/// Payload bytes: some days of a site, or five minutes of some ten thousand devices.
pub const MOST_BYTES: usize = 4 << 20;

/// Each oldest first.
#[derive(Debug, Default)]
pub struct Waiting {
    messages: VecDeque<Message>,
    /// Those that another one renews soon: an outage that only these fill leaves room for the others.
    renewed: VecDeque<Message>,
    bytes: usize,
}

impl Waiting {
    /// Returns how many of the oldest had to go to make room.
    pub fn push(&mut self, message: Message) -> u64 {
        self.bytes += message.payload.len();
        self.queue(&message).push_back(message);
        let mut dropped = 0;
        while self.bytes > MOST_BYTES && self.drop_oldest() {
            dropped += 1;
        }
        dropped
    }

    /// What was taken and not confirmed: it is the oldest again.
    pub fn put_back(&mut self, message: Message) {
        self.bytes += message.payload.len();
        self.queue(&message).push_front(message);
    }

    pub fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front().or_else(|| self.renewed.pop_front())?;
        self.bytes -= message.payload.len();
        Some(message)
    }

    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.renewed.is_empty()
    }

    fn queue(&mut self, message: &Message) -> &mut VecDeque<Message> {
        if message.class == RecordClass::Devices { &mut self.renewed } else { &mut self.messages }
    }

    fn drop_oldest(&mut self) -> bool {
        let oldest = self.renewed.pop_front().or_else(|| self.messages.pop_front());
        self.bytes -= oldest.as_ref().map_or(0, |message| message.payload.len());
        oldest.is_some()
    }
}
