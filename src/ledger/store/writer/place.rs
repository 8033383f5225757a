//! Whether the file still lies where it was opened, and what is done where it does not.

use std::time::Duration;

use rusqlite::Connection;

use super::Writer;
use crate::clock::UnixMs;
use crate::ledger::sqlite::identity::Identity;
use crate::ledger::sqlite::{self, LedgerError, lock, rescue};
use crate::ledger::store::PutBack;

/// A file that is deleted while it is open takes what is written, and is gone with the process.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(60);

impl Writer {
    /// Looks for the file when it is time, or when somebody waits for what is written; `now` is monotonic.
    pub(super) fn look(&mut self, now: Duration) {
        if now < self.look && !self.is_asked() {
            return;
        }
        self.look = now.saturating_add(LOOK_EVERY);
        if self.detached || self.displaced || self.identity.is_none() {
            return;
        }
        match Identity::at(&self.path) {
            Ok(found) => self.displaced = found != self.identity,
            Err(error) => tracing::debug!(%error, "nobody can tell whether the ledger is still in its place"),
        }
    }

    /// Writes the file back from what is open: all of it, with what waits for brokers. Another one that lies in its
    /// place is set aside, whole.
    pub(super) fn put_back(&mut self, now: UnixMs) -> Result<(), LedgerError> {
        self.lock_again()?;
        let copy = rescue::copy(&self.connection, &self.path)?;
        self.connection = Connection::open_in_memory().map_err(sqlite::failed(&self.path))?;
        // Should the next steps fail, a new file is begun, and what is lost with the copy counted.
        (self.displaced, self.detached) = (false, true);
        let replaced = rescue::put_back(&copy, &self.path, now)?;
        self.connection = sqlite::connect(&self.path)?;
        self.identity = Identity::at(&self.path).unwrap_or_default();
        self.detached = false;
        tracing::error!(?replaced, "the ledger was gone from its place and is written back");
        self.tell.send_modify(|status| status.put_back = Some(PutBack { at: now, replaced }));
        Ok(())
    }

    /// Where the lock's file is gone, too, another process may have begun to write here.
    fn lock_again(&mut self) -> Result<(), LedgerError> {
        let ours = Identity::of(&self.lock).ok();
        if ours.is_none() || Identity::at(&lock::beside(&self.path)).unwrap_or_default() != ours {
            self.lock = lock::lock(&self.path)?;
        }
        Ok(())
    }
}
