//! What was not heard: figures of the site that are sent once somebody listens again, marked
//! historical. In memory and bounded: the ledger is what loses nothing.

use std::collections::VecDeque;
use std::time::Duration;

use prost::Message;

use super::payload::Metric;

/// Some four hours of a site.
pub const MOST_BYTES: usize = 1 << 20;

/// While nobody listens, one picture in this time is kept.
const SPACING: Duration = Duration::from_secs(60);

/// Largest message of them.
const MESSAGE_BYTES: usize = 32 * 1024;

#[derive(Debug, Default)]
pub struct History {
    pictures: VecDeque<Picture>,
    bytes: usize,
}

#[derive(Debug)]
struct Picture {
    taken: Duration,
    bytes: usize,
    metrics: Vec<Metric>,
}

impl History {
    /// Whether the last picture is old enough for another one that nobody hears; monotonic.
    pub fn is_due(&self, now: Duration) -> bool {
        self.pictures.back().is_none_or(|last| now.saturating_sub(last.taken) >= SPACING)
    }

    /// Keeps what changed; `taken` is monotonic.
    pub fn keep(&mut self, metrics: Vec<Metric>, taken: Duration) {
        if metrics.is_empty() {
            return;
        }
        let bytes = metrics.iter().map(Message::encoded_len).sum();
        self.bytes += bytes;
        self.pictures.push_back(Picture { taken, bytes, metrics });
        while self.bytes > MOST_BYTES && self.drop_oldest() {}
    }

    /// What was sent before this moment has arrived: the broker answered a later packet.
    pub fn arrived(&mut self, before: Duration) {
        while self.pictures.front().is_some_and(|picture| picture.taken < before) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let oldest = self.pictures.pop_front();
        self.bytes -= oldest.as_ref().map_or(0, |picture| picture.bytes);
        oldest.is_some()
    }

    /// All that is kept, oldest first, in messages of bearable size.
    pub fn take(&mut self) -> Vec<Vec<Metric>> {
        let (mut messages, mut bytes) = (Vec::<Vec<Metric>>::new(), 0);
        for picture in self.pictures.drain(..) {
            let fits = bytes + picture.bytes <= MESSAGE_BYTES;
            match messages.last_mut().filter(|_| fits) {
                Some(message) => message.extend(picture.metrics),
                None => {
                    bytes = 0;
                    messages.push(picture.metrics);
                }
            }
            bytes += picture.bytes;
        }
        self.bytes = 0;
        messages
    }
}
