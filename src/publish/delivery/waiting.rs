//! Records that wait for the broker, bounded by bytes.

use std::collections::VecDeque;

use crate::ledger::Message;

/// Payload bytes: some days of a site.
pub const MOST_BYTES: usize = 4 << 20;

/// Oldest first.
#[derive(Debug, Default)]
pub struct Waiting {
    messages: VecDeque<Message>,
    bytes: usize,
}

impl Waiting {
    /// Returns how many of the oldest had to go to make room.
    pub fn push(&mut self, message: Message) -> u64 {
        self.bytes += message.payload.len();
        self.messages.push_back(message);
        let mut dropped = 0;
        while self.bytes > MOST_BYTES && self.pop().is_some() {
            dropped += 1;
        }
        dropped
    }

    /// What was taken and not confirmed: it is the oldest again.
    pub fn put_back(&mut self, message: Message) {
        self.bytes += message.payload.len();
        self.messages.push_front(message);
    }

    pub fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.payload.len();
        Some(message)
    }

    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}
