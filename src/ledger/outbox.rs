//! The outbox: messages of record topics, on disk from the transaction that makes them until every broker
//! has confirmed them.
//!
//! Three classes ([`RecordClass`]), each with a queue, a budget and an order of its own. Each broker has a
//! cursor per class; what all cursors have passed is deleted. Where a budget is full, the oldest records of
//! that class go, counted as a [`Gap`] until an event tells of them.
//!
//! The file belongs to the ledger's thread. A publisher asks for the next records through its [`Outbox`]
//! and tells how far its broker has confirmed them.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::oneshot;

mod backlog;
pub mod class;
mod cursor;
mod damage;
pub mod gap;
pub(super) mod keeper;
pub mod news;
pub(super) mod schema;
mod shelf;

pub use class::{ByClass, RecordClass};
pub use gap::{Cause, Gap};
pub use news::News;

use super::query::Reader;
use super::sqlite::LedgerError;
use super::store::Command;
use crate::clock::UnixMs;

/// Bytes that each class may take on disk, payloads and topics.
pub type Budgets = ByClass<u64>;

/// A message that waits on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub class: RecordClass,
    /// Its place in the queue of the class, from 1.
    pub n: i64,
    /// Below `<root>/<site>/`; whole, and with `/` before it, where it was written under another name.
    pub topic: String,
    pub payload: Vec<u8>,
    /// Rows in the payload.
    pub records: u64,
    /// When it was written.
    pub at: UnixMs,
}

/// Records that cannot be sent to a broker at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsendable {
    pub records: u64,
    /// When they were written.
    pub at: UnixMs,
}

/// What a publisher can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Of each class only what stands behind this place; `None`: nothing of the class.
    pub after: ByClass<Option<i64>>,
    pub messages: usize,
    /// Of payloads. The first record is given whatever its size.
    pub bytes: usize,
    /// Where there is nothing, the answer comes when there is.
    pub wait: bool,
}

/// A question of a publisher.
#[derive(Debug)]
pub struct Request {
    pub(super) broker: Arc<str>,
    pub(super) wanted: Wanted,
    pub(super) reply: oneshot::Sender<Vec<Record>>,
}

/// A broker's confirmation.
#[derive(Debug)]
pub struct Confirmed {
    pub(super) broker: Arc<str>,
    pub(super) class: RecordClass,
    /// Everything up to here.
    pub(super) n: i64,
    pub(super) unsendable: Vec<Unsendable>,
}

/// One broker's side of the outbox. Never waits for the disk.
#[derive(Debug, Clone)]
pub struct Outbox {
    broker: Arc<str>,
    commands: Sender<Command>,
}

impl Outbox {
    pub(super) fn new(broker: &str, commands: Sender<Command>) -> Self {
        Self { broker: broker.into(), commands }
    }

    /// Asks for the next records, events first, each class in order. The receiver ends without an answer when
    /// the ledger is closed; dropping it takes the question back.
    pub fn next(&self, wanted: Wanted) -> oneshot::Receiver<Vec<Record>> {
        let (reply, answer) = oneshot::channel();
        let request = Request { broker: Arc::clone(&self.broker), wanted, reply };
        // A ledger that is closed drops the question, and with it the answer.
        let _ = self.commands.send(Command::Next(request));
        answer
    }

    /// The broker has everything of the class up to `n`, but for what cannot be sent to it.
    pub fn confirmed(&self, class: RecordClass, n: i64, unsendable: Vec<Unsendable>) {
        let broker = Arc::clone(&self.broker);
        // Once the ledger is closed, the next process sends it again.
        let _ = self.commands.send(Command::Confirmed(Confirmed { broker, class, n, unsendable }));
    }
}

/// Records that wait in the file for some broker, by class. It is only read.
///
/// # Errors
/// As [`Reader::open`].
pub fn waiting(path: &Path) -> Result<ByClass<u64>, LedgerError> {
    Reader::open(path)?.waiting()
}

/// How the outbox is doing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Health {
    pub classes: ByClass<ClassHealth>,
    /// In the order of the config.
    pub backlogs: Vec<Backlog>,
    /// What no event has told yet.
    pub gaps: Vec<Gap>,
    /// Gaps that events have told since the start.
    pub announced: u64,
    /// What was found when the file was opened.
    pub news: Vec<News>,
}

/// What one broker has not confirmed, of all classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    pub broker: String,
    pub messages: u64,
    /// Of their payloads and topics.
    pub bytes: u64,
    /// When the oldest of them was written.
    pub oldest: Option<UnixMs>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassHealth {
    /// Messages that some broker has not confirmed.
    pub messages: u64,
    /// Of their payloads and topics.
    pub bytes: u64,
    /// When the oldest of them was written.
    pub oldest: Option<UnixMs>,
    /// Records that some broker never got, ever.
    pub dropped: u64,
}
