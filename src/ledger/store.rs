//! The thread that owns the ledger's file.
//!
//! [`Ledger::append`] never waits: a batch goes into a bounded queue or is refused and counted. What is
//! queued becomes one transaction, so an interval is on disk whole or not at all. While the disk fails,
//! the thread keeps the batches and tries again; [`Status::error`] tells, and the process goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use tokio::sync::{oneshot, watch};

use crate::clock::UnixMs;
use crate::economics::energy_capture::SiteDay;

use super::accrual::OpenInterval;
use super::decision::{DecisionRow, Regret};
use super::device_hashrate::DeviceHashrate;
use super::earning::Earning;
use super::hosting::HostingRow;
use super::journal::{AdviceRecord, Event};
use super::outbox::{self, Confirmed, Outbox, Request};
use super::outlet::{Message, Outlet};
use super::reconcile::Captures;
use super::site::SiteRow;
use super::sqlite::LedgerError;
use super::{Row, Settlement};

mod writer;

use writer::{Left, Writer};

/// Batches that wait for the disk: with one every five minutes, more than five hours.
const QUEUE: usize = 64;

/// What goes to disk together or not at all.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub rows: Vec<Row>,
    /// Of the site's meter.
    pub site_rows: Vec<SiteRow>,
    pub hosting_rows: Vec<HostingRow>,
    pub decisions: Vec<DecisionRow>,
    pub device_hashrates: Vec<DeviceHashrate>,
    /// As the pools tell them: what is known already is left out.
    pub settlements: Vec<Settlement>,
    /// As the platforms tell them, likewise.
    pub earnings: Vec<Earning>,
    pub events: Vec<Event>,
    pub advice: Option<AdviceRecord>,
    /// What the next process goes on with if this one ends.
    pub open: Option<OpenInterval>,
    /// Records that stand in no table of the books: rows of devices.
    pub messages: Vec<Message>,
}

impl Batch {
    /// Nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.open.is_none()
    }

    /// Records in it.
    pub fn len(&self) -> usize {
        let advice = usize::from(self.advice.is_some());
        let settled = self.settlements.len() + self.earnings.len();
        let told = settled + self.events.len() + advice + self.messages.len();
        let of_interval = self.hosting_rows.len() + self.decisions.len() + self.device_hashrates.len();
        self.intervals() + of_interval + told
    }

    /// Rows in it, of blocks and of the site.
    pub(super) fn intervals(&self) -> usize {
        self.rows.len() + self.site_rows.len()
    }
}

impl From<Vec<Row>> for Batch {
    fn from(rows: Vec<Row>) -> Self {
        Self { rows, ..Self::default() }
    }
}

impl From<Vec<Settlement>> for Batch {
    fn from(settlements: Vec<Settlement>) -> Self {
        Self { settlements, ..Self::default() }
    }
}

/// How the store is doing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// Rows on disk since the start.
    pub written: u64,
    /// Rows that were there already and were left as they are.
    pub duplicates: u64,
    /// Settlements on disk since the start, corrections included.
    pub settlements: u64,
    /// By pool: its newest day that is settled or accrued.
    pub captures: Captures,
    pub regret: Regret,
    /// The last UTC day that is over, by the site's meter.
    pub site_day: Option<SiteDay>,
    /// Rows and settlements given up because the disk still failed when the ledger was closed.
    pub dropped: u64,
    /// The file was gone from its place, or damaged, when the ledger was closed, and there is none in its place.
    pub gone: bool,
    /// Why the last try failed; `None` once one succeeds.
    pub error: Option<String>,
    pub outbox: outbox::Health,
    /// Where a file lies that was damaged and replaced by a new one, the last of them.
    pub set_aside: Option<PathBuf>,
    /// The file was gone from its place and is written back, the last time.
    pub put_back: Option<PutBack>,
}

/// The file was deleted or exchanged under the running process, which still had it open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    pub at: UnixMs,
    /// Where another file lies now that lay in its place.
    pub replaced: Option<PathBuf>,
}

/// Rows and settlements that were not taken, because the queue is full or the thread is gone. They
/// are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger refused {rows} rows: its queue is full")]
pub struct Refused {
    pub rows: usize,
}

/// What the thread is asked for.
#[derive(Debug)]
pub enum Command {
    Write(Box<Batch>),
    /// What a publisher can take is to be read.
    Next(Request),
    Confirmed(Confirmed),
    /// Everything that was asked for before is to be tried now.
    Flush(oneshot::Sender<()>),
    Close,
}

/// The open ledger. Dropped without [`Ledger::close`], it writes what is queued in the background.
#[derive(Debug)]
pub struct Ledger {
    commands: Sender<Command>,
    thread: Option<JoinHandle<()>>,
    /// Batches that are not on disk.
    queued: Arc<AtomicUsize>,
    status: watch::Receiver<Status>,
    /// Rows and settlements refused since the start.
    pub refused: u64,
    /// What the last process left of an interval that was not over.
    pub unfinished: Option<OpenInterval>,
    /// What the processes before wrote of the last day, in order of time.
    pub device_hashrates: Vec<DeviceHashrate>,
}

impl Ledger {
    /// Opens the file, or creates it in a directory that exists. Blocks for as long as that takes.
    ///
    /// # Errors
    /// The file cannot be opened, written or understood.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::open_with(path, None)
    }

    /// As [`Ledger::open`]; what is sent because of what is written goes into the outbox of the same file,
    /// for the brokers of `outlet`.
    ///
    /// # Errors
    /// See [`Ledger::open`].
    pub fn open_with(path: &Path, outlet: Option<Outlet>) -> Result<Self, LedgerError> {
        let (commands, received) = mpsc::channel();
        let (tell, status) = watch::channel(Status::default());
        let queued = Arc::new(AtomicUsize::new(0));
        let (writer, Left { unfinished, device_hashrates }) =
            Writer::open(path, outlet, tell, Arc::clone(&queued))?;
        let thread = std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || writer.run(&received))
            .map_err(|source| LedgerError::Thread { path: path.into(), source })?;
        let thread = Some(thread);
        Ok(Self { commands, thread, queued, status, refused: 0, unfinished, device_hashrates })
    }

    /// Queues the batch, to be written as a whole. Never waits.
    ///
    /// # Errors
    /// The queue is full; the batch is dropped and counted in [`Ledger::refused`].
    pub fn append(&mut self, batch: impl Into<Batch>) -> Result<(), Refused> {
        let batch = batch.into();
        if batch.is_empty() {
            return Ok(());
        }
        let rows = batch.len();
        let full = self.queued.load(Ordering::Acquire) >= QUEUE;
        // Counted before it is sent: the thread counts down when it is on disk.
        let sent = !full && {
            self.queued.fetch_add(1, Ordering::AcqRel);
            self.commands.send(Command::Write(Box::new(batch))).is_ok()
        };
        if sent {
            return Ok(());
        }
        self.refused = self.refused.saturating_add(rows as u64);
        Err(Refused { rows })
    }

    /// The outbox as `broker` sees it, by its name in the outlet.
    pub fn outbox(&self, broker: &str) -> Outbox {
        Outbox::new(broker, self.commands.clone())
    }

    /// Changes with every batch that is written, or fails.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Has what is queued written, and waits until it is on disk or the disk has failed once more.
    pub async fn flush(&self) {
        let (done, answer) = oneshot::channel();
        let _ = self.commands.send(Command::Flush(done));
        // A thread that is gone has nothing left to write.
        let _ = answer.await;
    }

    /// Waits until the queue is on disk, or the disk has failed once more. Blocks the caller.
    pub fn close(mut self) -> Status {
        if let Some(thread) = self.stop() {
            // Should the thread have panicked, its last status is all there is to tell.
            let _ = thread.join();
        }
        self.status.borrow().clone()
    }

    fn stop(&mut self) -> Option<JoinHandle<()>> {
        let _ = self.commands.send(Command::Close);
        self.thread.take()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.stop();
    }
}
