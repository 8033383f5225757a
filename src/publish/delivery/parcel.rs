//! What is on its way to the broker.

use crate::ledger::{Message, RecordClass};

/// One publish.
#[derive(Debug)]
pub enum Parcel {
    /// The payload is in the round.
    Live(String),
    Record(Message),
    /// It is on disk.
    Stored {
        class: RecordClass,
        n: i64,
        topic: String,
        payload_bytes: usize,
    },
}

impl Parcel {
    pub fn topic(&self) -> &str {
        match self {
            Parcel::Live(topic) | Parcel::Stored { topic, .. } => topic,
            Parcel::Record(message) => &message.topic,
        }
    }
}

#[derive(Debug)]
pub struct Flight {
    pub id: u16,
    pub parcel: Parcel,
    pub acked: bool,
}
