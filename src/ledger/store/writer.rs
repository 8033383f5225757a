//! What the ledger's thread does: it writes what is queued as one transaction, and answers publishers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::{Batch, Command, Status};
use crate::clock::{self, Now, UnixMs};
use crate::ledger::accrual::OpenInterval;
use crate::ledger::decision;
use crate::ledger::device_hashrate::{self, DeviceHashrate};
use crate::ledger::outbox::keeper::{Keeper, Read};
use crate::ledger::outbox::{Record, Request};
use crate::ledger::outlet::{Fresh, Outlet};
use crate::ledger::reconcile;
use crate::ledger::sqlite::identity::Identity;
use crate::ledger::sqlite::{self, LedgerError, aside, damage, lock};

mod place;

/// Between two tries while the disk fails.
const RETRY: Duration = Duration::from_secs(5);
/// Writes that fail in a row before the file is looked into. The disk's own failures do not count.
const PATIENCE: u32 = 3;
/// Confirmations of brokers wait for the next batch, but no longer than this: losing them only sends
/// records twice.
const CONFIRM_EVERY: Duration = Duration::from_secs(1);

/// In the name of a file that is set aside.
const DAMAGED: &str = "damaged";

/// What the thread owns.
pub struct Writer {
    path: PathBuf,
    /// Keeps other processes out until the end.
    lock: File,
    /// Of the file that is open; `None` where nobody could tell.
    identity: Option<Identity>,
    /// When it is next looked for in its place, monotonic.
    look: Duration,
    /// It is not there any more.
    displaced: bool,
    connection: Connection,
    tell: watch::Sender<Status>,
    outlet: Option<Outlet>,
    /// `None` without an outlet.
    keeper: Option<Keeper>,
    /// Number of the next record that is sent.
    next: u64,
    batches: Vec<Batch>,
    queued: Arc<AtomicUsize>,
    requests: Vec<Request>,
    flushes: Vec<oneshot::Sender<()>>,
    /// Not before this, monotonic: the disk failed.
    retry: Duration,
    /// Writes that failed in a row, and not for the disk.
    failures: u32,
    /// A question could not be read for: it is tried again then, monotonic.
    reread: Option<Duration>,
    /// The file was damaged, and there is no new one yet.
    detached: bool,
    /// When confirmations go to disk at the latest, monotonic; `None` while there are none.
    confirm: Option<Duration>,
    closing: bool,
}

impl Writer {
    pub fn open(
        path: &Path,
        outlet: Option<Outlet>,
        tell: watch::Sender<Status>,
        queued: Arc<AtomicUsize>,
    ) -> Result<(Self, Left), LedgerError> {
        let now = clock::now().wall;
        let opened = open(path, outlet.as_ref(), now);
        let Opened { lock, connection, keeper, left } = match opened {
            Err(error) => {
                let Some(why) = damage::of_closed(path, &error) else { return Err(error) };
                let moved = aside::set_aside(path, DAMAGED, now)?;
                tracing::error!(why, to = ?moved, "the ledger is damaged and set aside");
                tell.send_modify(|status| status.set_aside = moved);
                open(path, outlet.as_ref(), now)?
            }
            Ok(opened) => opened,
        };
        let writer = Self {
            path: path.to_owned(),
            lock,
            identity: Identity::at(path).unwrap_or_default(),
            look: clock::now().mono.saturating_add(place::LOOK_EVERY),
            displaced: false,
            connection,
            tell,
            outlet,
            keeper,
            next: 1,
            batches: Vec::new(),
            queued,
            requests: Vec::new(),
            flushes: Vec::new(),
            retry: Duration::ZERO,
            failures: 0,
            reread: None,
            detached: false,
            confirm: None,
            closing: false,
        };
        writer.tell_outbox();
        Ok((writer, left))
    }

    /// Until it is told to close, or nobody is left to tell it anything.
    pub fn run(mut self, commands: &Receiver<Command>) {
        self.reconcile();
        self.reconcile_site(None);
        while !self.closing {
            let due = self.due().map_or(self.look, |due| due.min(self.look));
            match commands.recv_timeout(due.saturating_sub(clock::now().mono)) {
                Ok(command) => self.take(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.closing = true,
            }
            commands.try_iter().for_each(|command| self.take(command));
            let now = clock::now();
            self.look(now.mono);
            self.work(now);
            self.answer();
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Write(batch) => self.batches.push(*batch),
            Command::Next(request) => self.requests.push(request),
            Command::Confirmed(confirmed) => {
                if let Some(keeper) = &mut self.keeper {
                    keeper.confirm(&confirmed);
                    let latest = clock::now().mono.saturating_add(CONFIRM_EVERY);
                    self.confirm = Some(self.confirm.unwrap_or(latest));
                }
            }
            Command::Flush(done) => self.flushes.push(done),
            Command::Close => self.closing = true,
        }
    }

    /// Somebody waits for what is written.
    fn is_asked(&self) -> bool {
        self.closing || !self.flushes.is_empty()
    }

    /// When there is something to write next, monotonic.
    fn due(&self) -> Option<Duration> {
        let batches = (!self.batches.is_empty()).then_some(Duration::ZERO);
        let no_file = (self.detached || self.displaced).then_some(Duration::ZERO);
        let due = [batches, self.confirm, self.reread, no_file].into_iter().flatten().min()?;
        Some(due.max(self.retry))
    }

    /// Writes what is due, or everything where somebody waits for it.
    fn work(&mut self, now: Now) {
        let due = self.due();
        if due.is_some_and(|due| self.is_asked() || due <= now.mono) {
            self.reread = None;
            match self.write_or_recover(now.wall) {
                Ok(()) => (self.retry, self.failures) = (Duration::ZERO, 0),
                Err(error) => {
                    self.retry = now.mono.saturating_add(RETRY);
                    self.tell.send_modify(|status| status.error = Some(error));
                }
            }
        }
        if self.closing {
            let lost: usize = self.batches.iter().map(Batch::len).sum();
            let gone = self.displaced || self.detached;
            self.tell.send_modify(|status| {
                status.dropped += lost as u64;
                status.gone = gone;
            });
        }
        for done in self.flushes.drain(..) {
            let _ = done.send(());
        }
    }

    /// One transaction with all batches, their messages, and what brokers have confirmed.
    fn write(&mut self, now: UnixMs) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        let mut keeper = self.keeper.clone();
        let mut next = self.next;
        let mut written: Vec<Fresh> = Vec::with_capacity(self.batches.len());
        for batch in &self.batches {
            let fresh = sqlite::write(&transaction, batch)?;
            if let (Some(keeper), Some(outlet)) = (&mut keeper, &self.outlet) {
                // First: what these events push out is not what they tell of.
                keeper.announce(&batch.events);
                keeper.add(&transaction, &outlet.compose(&fresh, next), now)?;
                keeper.add(&transaction, &batch.messages, now)?;
            }
            next = next.saturating_add(fresh.numbered());
            written.push(fresh);
        }
        if let Some(keeper) = &mut keeper {
            keeper.keep(&transaction)?;
        }
        transaction.commit()?;
        self.keeper = keeper;
        self.next = next;
        let more = self.keeper.as_ref().is_some_and(Keeper::has_news);
        self.confirm = more.then(|| clock::now().mono);
        self.written(&written);
        Ok(())
    }

    fn written(&mut self, written: &[Fresh]) {
        let batches = std::mem::take(&mut self.batches);
        self.queued.fetch_sub(batches.len(), Ordering::AcqRel);
        self.tell.send_modify(|status| {
            for (fresh, batch) in written.iter().zip(&batches) {
                let written = fresh.rows.len() + fresh.site_rows.len();
                status.written += written as u64;
                status.duplicates += (batch.intervals() - written) as u64;
                status.settlements += fresh.settlements.len() as u64;
            }
            status.error = None;
        });
        self.tell_outbox();
        if written.iter().any(|fresh| fresh.numbered() > 0) {
            self.reconcile();
        }
        if let Some(newest) = batches.iter().rev().find_map(|batch| batch.site_rows.last()) {
            self.reconcile_site(Some(newest.start));
        }
    }

    fn write_or_recover(&mut self, now: UnixMs) -> Result<(), String> {
        if self.displaced {
            self.put_back(now).map_err(|e| e.to_string())?;
        }
        if !self.detached {
            match self.write(now) {
                Err(error) if self.blames_the_file(&error) => {
                    self.detach(&error).map_err(|e| e.to_string())?
                }
                written => return written.map_err(|e| e.to_string()),
            }
        }
        self.begin_anew(now).map_err(|e| e.to_string())?;
        self.write(now).map_err(|e| e.to_string())
    }

    fn blames_the_file(&mut self, error: &rusqlite::Error) -> bool {
        if damage::is_damage(error) {
            return true;
        }
        self.failures = if damage::is_around(error) { 0 } else { self.failures.saturating_add(1) };
        let Some(why) = (self.failures == PATIENCE).then(|| damage::of_open(&self.connection)).flatten()
        else {
            return false;
        };
        tracing::error!(why, "nothing can be written into the ledger");
        true
    }

    fn detach(&mut self, error: &rusqlite::Error) -> rusqlite::Result<()> {
        tracing::error!(%error, "the ledger is damaged");
        self.connection = Connection::open_in_memory()?;
        self.detached = true;
        Ok(())
    }

    /// A file that is damaged is set aside. Numbers and cursors go on in the new one.
    fn begin_anew(&mut self, now: UnixMs) -> Result<(), LedgerError> {
        if let Some(moved) = aside::set_aside(&self.path, DAMAGED, now)? {
            tracing::error!(to = %moved.display(), "the damaged ledger is set aside and a new one begun");
            self.tell.send_modify(|status| status.set_aside = Some(moved));
        }
        let mut connection = sqlite::connect(&self.path)?;
        self.identity = Identity::at(&self.path).unwrap_or_default();
        if let Some(keeper) = &mut self.keeper {
            let mut fresh = keeper.clone();
            let begun = connection.transaction().and_then(|transaction| {
                fresh.start_over(&transaction, now)?;
                transaction.commit()
            });
            begun.map_err(sqlite::failed(&self.path))?;
            *keeper = fresh;
        }
        self.connection = connection;
        (self.detached, self.failures) = (false, 0);
        Ok(())
    }

    /// Answers the publishers for which there is something, or who do not wait.
    fn answer(&mut self) {
        let mut requests = std::mem::take(&mut self.requests);
        requests.retain(|request| !request.reply.is_closed());
        for request in requests {
            match self.read(&request) {
                Ok(records) if records.is_empty() && request.wanted.wait => self.requests.push(request),
                // Who went away meanwhile asks again.
                Ok(records) => _ = request.reply.send(records),
                Err(error) => {
                    if damage::is_damage(&error) && !self.detached {
                        // What cannot be told is tried by the next transaction.
                        let _ = self.detach(&error);
                    }
                    self.tell.send_modify(|status| status.error = Some(error.to_string()));
                    self.reread = Some(clock::now().mono.saturating_add(RETRY));
                    self.requests.push(request);
                }
            }
        }
    }

    /// What there is for a publisher. Records whose bytes are damaged go, all of their class at once: one event is
    /// to tell of all.
    fn read(&mut self, request: &Request) -> rusqlite::Result<Vec<Record>> {
        let Some(keeper) = &self.keeper else { return Ok(Vec::new()) };
        let Read { records, damaged } = keeper.read(&self.connection, &request.broker, &request.wanted)?;
        if !damaged.is_empty() {
            let mut fresh = keeper.clone();
            let transaction = self.connection.transaction()?;
            for class in damaged {
                let (records, class) = (fresh.discard(&transaction, class)?, class.as_str());
                tracing::warn!(records, class, "records of the outbox are damaged and dropped");
            }
            transaction.commit()?;
            self.keeper = Some(fresh);
            self.tell_outbox();
        }
        Ok(records)
    }

    fn tell_outbox(&self) {
        let Some(keeper) = &self.keeper else { return };
        match keeper.health(&self.connection) {
            Ok(health) => self.tell.send_modify(|status| status.outbox = health),
            Err(error) => tracing::warn!(%error, "the outbox cannot be looked at"),
        }
    }

    /// What is written stays written if the sums cannot be read.
    fn reconcile(&self) {
        match reconcile::newest(&self.connection) {
            Ok(captures) => self.tell.send_modify(|status| status.captures = captures),
            Err(error) => tracing::warn!(%error, "accrued and settled amounts cannot be compared"),
        }
        match decision::newest(&self.connection) {
            Ok(regret) => self.tell.send_modify(|status| status.regret = regret),
            Err(error) => tracing::warn!(%error, "the regret cannot be summed"),
        }
    }

    fn reconcile_site(&self, newest: Option<UnixMs>) {
        match reconcile::site::last_whole_day(&self.connection, newest) {
            Ok(day) => self.tell.send_modify(|status| status.site_day = day),
            Err(error) => tracing::warn!(%error, "accrued and metered energy cannot be compared"),
        }
    }
}

/// The file with what it holds of the outbox and of an interval that was not over.
struct Opened {
    lock: File,
    connection: Connection,
    keeper: Option<Keeper>,
    left: Left,
}

/// What the processes before left to go on with.
pub struct Left {
    pub unfinished: Option<OpenInterval>,
    pub device_hashrates: Vec<DeviceHashrate>,
}

fn open(path: &Path, outlet: Option<&Outlet>, now: UnixMs) -> Result<Opened, LedgerError> {
    let mut connection = sqlite::connect(path)?;
    // Before anything of it is taken up, and after it is known to be a ledger of this version.
    let lock = lock::lock(path)?;
    let left = Left {
        unfinished: sqlite::open_interval(&connection).map_err(sqlite::failed(path))?,
        device_hashrates: device_hashrate::last_day(&connection, now).map_err(sqlite::failed(path))?,
    };
    let keeper = outlet.map(|outlet| {
        let transaction = connection.transaction()?;
        let keeper = Keeper::open(&transaction, outlet, now)?;
        transaction.commit()?;
        Ok(keeper)
    });
    let keeper = keeper.transpose().map_err(sqlite::failed(path))?;
    Ok(Opened { lock, connection, keeper, left })
}
