//! The thread that owns the ledger's file.
//!
//! [`Ledger::append`] never waits: a batch goes into a bounded queue or is refused and counted. A
//! batch is one transaction, so an interval is on disk whole or not at all. While the disk fails,
//! the thread keeps the batch and tries again; [`Status::error`] tells, and the process goes on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

use crate::clock::UnixMs;
use crate::economics::energy_capture::SiteDay;

use super::accrual::OpenInterval;
use super::decision::{self, DecisionRow, Regret};
use super::earning::Earning;
use super::hosting::HostingRow;
use super::journal::{AdviceRecord, Event};
use super::outlet::Outlet;
use super::reconcile::{self, Captures};
use super::site::SiteRow;
use super::sqlite::{self, LedgerError};
use super::{Row, Settlement};

/// Batches that wait for the disk: with one every five minutes, more than five hours.
const QUEUE: usize = 64;
/// Between two tries while the disk fails.
const RETRY: Duration = Duration::from_secs(5);

/// What goes to disk together or not at all.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub rows: Vec<Row>,
    /// Of the site's meter.
    pub site_rows: Vec<SiteRow>,
    pub hosting_rows: Vec<HostingRow>,
    pub decisions: Vec<DecisionRow>,
    /// As the pools tell them: what is known already is left out.
    pub settlements: Vec<Settlement>,
    /// As the platforms tell them, likewise.
    pub earnings: Vec<Earning>,
    pub events: Vec<Event>,
    pub advice: Option<AdviceRecord>,
    /// What the next process goes on with if this one ends.
    pub open: Option<OpenInterval>,
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
        let told = settled + self.events.len() + advice;
        self.intervals() + self.hosting_rows.len() + self.decisions.len() + told
    }

    /// Rows in it, of blocks and of the site.
    fn intervals(&self) -> usize {
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
    /// Why the last try failed; `None` once one succeeds.
    pub error: Option<String>,
}

/// Rows and settlements that were not taken, because the queue is full or the thread is gone. They
/// are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger refused {rows} rows: its queue is full")]
pub struct Refused {
    pub rows: usize,
}

/// The open ledger. Dropped without [`Ledger::close`], it writes what is queued in the background.
#[derive(Debug)]
pub struct Ledger {
    /// `None` once closed.
    queue: Option<SyncSender<Batch>>,
    thread: Option<JoinHandle<()>>,
    closing: Arc<AtomicBool>,
    status: watch::Receiver<Status>,
    /// Rows and settlements refused since the start.
    pub refused: u64,
    /// What the last process left of an interval that was not over.
    pub unfinished: Option<OpenInterval>,
}

impl Ledger {
    /// Opens the file, or creates it in a directory that exists. Blocks for as long as that takes.
    ///
    /// # Errors
    /// The file cannot be opened, written or understood.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::open_with(path, None)
    }

    /// As [`Ledger::open`]; what is written goes out through `outlet`.
    ///
    /// # Errors
    /// See [`Ledger::open`].
    pub fn open_with(path: &Path, outlet: Option<Outlet>) -> Result<Self, LedgerError> {
        let connection = sqlite::connect(path)?;
        let unfinished = sqlite::open_interval(&connection).map_err(sqlite::failed(path))?;
        let (queue, batches) = mpsc::sync_channel(QUEUE);
        let (tell, status) = watch::channel(Status::default());
        let closing = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&closing);
        let thread = std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || Writer { connection, tell, outlet, next: 1 }.run(&batches, &stop))
            .map_err(|source| LedgerError::Thread { path: path.into(), source })?;
        Ok(Self { queue: Some(queue), thread: Some(thread), closing, status, refused: 0, unfinished })
    }

    /// Queues the batch as one transaction. Never waits.
    ///
    /// # Errors
    /// The queue is full; the batch is dropped and counted in [`Ledger::refused`].
    pub fn append(&mut self, batch: impl Into<Batch>) -> Result<(), Refused> {
        let batch = batch.into();
        let Some(queue) = self.queue.as_ref().filter(|_| !batch.is_empty()) else { return Ok(()) };
        queue.try_send(batch).map_err(|e| {
            let (TrySendError::Full(batch) | TrySendError::Disconnected(batch)) = e;
            self.refused += batch.len() as u64;
            Refused { rows: batch.len() }
        })
    }

    /// Changes with every batch that is written, or fails.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
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
        self.closing.store(true, Ordering::Release);
        self.queue = None;
        let thread = self.thread.take();
        if let Some(thread) = &thread {
            thread.thread().unpark();
        }
        thread
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the thread owns.
struct Writer {
    connection: Connection,
    tell: watch::Sender<Status>,
    outlet: Option<Outlet>,
    /// Number of the next record that is sent.
    next: u64,
}

impl Writer {
    fn run(mut self, batches: &Receiver<Batch>, closing: &AtomicBool) {
        reconcile(&self.connection, &self.tell);
        reconcile_site(&self.connection, None, &self.tell);
        while let Ok(batch) = batches.recv() {
            while let Err(error) = self.write(&batch) {
                self.tell.send_modify(|status| status.error = Some(error.to_string()));
                if closing.load(Ordering::Acquire) {
                    let lost = batch.len() + batches.try_iter().map(|batch| batch.len()).sum::<usize>();
                    self.tell.send_modify(|status| status.dropped += lost as u64);
                    return;
                }
                std::thread::park_timeout(RETRY);
            }
        }
    }

    fn write(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let written = sqlite::write(&mut self.connection, batch, self.outlet.as_ref(), self.next)?;
        let fresh = &written.fresh;
        self.next += fresh.numbered();
        self.tell.send_modify(|status| {
            let written = fresh.rows.len() + fresh.site_rows.len();
            status.written += written as u64;
            status.duplicates += (batch.intervals() - written) as u64;
            status.settlements += fresh.settlements.len() as u64;
            status.error = None;
        });
        if let Some(outlet) = &self.outlet {
            outlet.send(written.messages);
        }
        if fresh.numbered() > 0 {
            reconcile(&self.connection, &self.tell);
        }
        if let Some(newest) = batch.site_rows.last() {
            reconcile_site(&self.connection, Some(newest.start), &self.tell);
        }
        Ok(())
    }
}

/// What is written stays written if the sums cannot be read.
fn reconcile(connection: &Connection, tell: &watch::Sender<Status>) {
    match reconcile::newest(connection) {
        Ok(captures) => tell.send_modify(|status| status.captures = captures),
        Err(error) => tracing::warn!(%error, "accrued and settled amounts cannot be compared"),
    }
    match decision::newest(connection) {
        Ok(regret) => tell.send_modify(|status| status.regret = regret),
        Err(error) => tracing::warn!(%error, "the regret cannot be summed"),
    }
}

fn reconcile_site(connection: &Connection, newest: Option<UnixMs>, tell: &watch::Sender<Status>) {
    match reconcile::site::last_whole_day(connection, newest) {
        Ok(day) => tell.send_modify(|status| status.site_day = day),
        Err(error) => tracing::warn!(%error, "accrued and metered energy cannot be compared"),
    }
}
