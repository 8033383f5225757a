//! The ledger as the loop sees it: what cannot be kept is told, counted and tried again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::settlements::Told;
use crate::clock::Now;
use crate::economics::Split;
use crate::ledger::accrual::Accruer;
use crate::ledger::store::{Batch as Records, Ledger, Status};
use crate::publish::LedgerHealth;
use crate::reading::Batch;

/// A process that is killed loses no more than this of what it observed.
const KEEP_OPEN_EVERY: Duration = Duration::from_secs(60);
/// For the last rows at the end: the disk may hang.
const PATIENCE: Duration = Duration::from_secs(1);

/// Keeps the ledger's file open, or tries to.
#[derive(Debug, Default)]
pub struct Books {
    /// `None`: there is no state directory, and nothing is kept.
    path: Option<PathBuf>,
    /// `None`: the file could not be opened yet.
    ledger: Option<Ledger>,
    /// Rows that came while the file could not be opened.
    lost: u64,
    /// The trouble that the log tells of; `None` while there is none.
    logged: Option<String>,
    accruer: Accruer,
    /// When the interval that is not over was last kept, monotonic.
    kept_open: Duration,
    settlements: Told,
}

impl Books {
    /// Opens the file, or creates it, and goes on with the interval that it left open. A ledger that
    /// cannot be kept stops the records, not the daemon. `pools`: the pool of each group of miners.
    pub fn open(path: PathBuf, pools: BTreeMap<String, String>) -> Self {
        let mut books = Self { path: Some(path), accruer: Accruer::new(pools), ..Self::default() };
        books.try_to_open();
        // A file that can be opened only later finds an accruer that is at work already.
        if let Some(open) = books.ledger.as_mut().and_then(|ledger| ledger.unfinished.take()) {
            books.accruer.resume(open);
        }
        books
    }

    /// Accrues the split of this moment.
    pub fn record(&mut self, split: &Split, now: Now) {
        if self.path.is_none() {
            return;
        }
        let rows = self.accruer.observe(split, now);
        // Rows that close an interval and what is open after them are one transaction: whenever the
        // process ends, no time is in both.
        let due = !rows.is_empty() || now.mono.saturating_sub(self.kept_open) >= KEEP_OPEN_EVERY;
        let open = due.then(|| self.accruer.open_interval()).flatten();
        if open.is_some() {
            self.kept_open = now.mono;
        }
        self.append(Records { rows, open, ..Records::default() });
    }

    /// Keeps what the pools settled, where it is new.
    pub fn settle(&mut self, batch: &Batch) {
        if self.ledger.is_none() {
            return;
        }
        for (pool, settlements) in self.settlements.news(batch) {
            if !self.append(settlements.into()) {
                // The pool tells it again.
                self.settlements.forget(&pool);
            }
        }
    }

    /// Takes records, which are none most of the time. Whether they are on their way to the disk.
    fn append(&mut self, records: Records) -> bool {
        if !records.rows.is_empty() && self.ledger.is_none() {
            self.try_to_open();
        }
        match &mut self.ledger {
            Some(ledger) => {
                let taken = ledger.append(records);
                if let Err(refused) = &taken {
                    tracing::error!(error = %refused, "ledger rows are lost");
                }
                let trouble = ledger.status().borrow().error.clone();
                self.tell(trouble);
                taken.is_ok()
            }
            None if self.path.is_some() => {
                self.lost = self.lost.saturating_add(records.rows.len() as u64);
                false
            }
            None => false,
        }
    }

    /// `None`: no ledger is kept.
    pub fn health(&self) -> Option<LedgerHealth> {
        self.path.as_ref()?;
        let (status, refused, failing) = match &self.ledger {
            Some(ledger) => {
                let status = ledger.status().borrow().clone();
                let failing = status.error.is_some();
                (status, ledger.refused, failing)
            }
            None => (Status::default(), 0, true),
        };
        let rows_refused = self.lost.saturating_add(refused);
        let captures = status.captures;
        Some(LedgerHealth { rows_written: status.written, rows_refused, failing, captures })
    }

    /// Writes what is queued and what is open, for a second at most.
    pub async fn close(mut self) {
        let open = self.accruer.open_interval();
        self.append(Records { open, ..Records::default() });
        let Some(ledger) = self.ledger else { return };
        let closing = tokio::task::spawn_blocking(move || ledger.close());
        match tokio::time::timeout(PATIENCE, closing).await {
            Ok(Ok(status)) if status.dropped == 0 => {}
            Ok(Ok(status)) => {
                tracing::error!(rows = status.dropped, error = ?status.error, "ledger rows are lost")
            }
            Ok(Err(_)) | Err(_) => tracing::error!("the ledger did not close in time"),
        }
    }

    fn try_to_open(&mut self) {
        let Some(path) = &self.path else { return };
        match Ledger::open(path) {
            Ok(ledger) => self.ledger = Some(ledger),
            Err(error) => self.tell(Some(error.to_string())),
        }
    }

    /// A lasting trouble is one line, and its end another.
    fn tell(&mut self, trouble: Option<String>) {
        if trouble == self.logged {
            return;
        }
        match &trouble {
            Some(error) => tracing::error!(error, "the ledger cannot be written; it is tried again"),
            None => tracing::info!("the ledger is written again"),
        }
        self.logged = trouble;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;
    use crate::economics::Class;
    use crate::ledger::{Accrued, Row};
    use crate::reading::Missing;
    use crate::units::Fraction;

    fn rows(interval: i64) -> Records {
        let nothing = Accrued { amount: Err(Missing::NotYet), coverage: Fraction::ZERO };
        Records::from(vec![Row {
            start: UnixMs(interval * crate::ledger::INTERVAL_MS),
            class: Class::Hash,
            block: "north-s21".into(),
            energy_wh: nothing,
            revenue_micro_usd: nothing,
            cost_micro_usd: nothing,
            hashprice: None,
            power_price: None,
            program: "test",
            pool: None,
            btc_usd: None,
        }])
    }

    #[test]
    fn a_ledger_that_cannot_be_opened_is_failing_and_not_off_and_counts_what_it_loses() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let mut books = Books::open(state.join("ledger.sqlite"), BTreeMap::new());
        books.append(Records::default());
        books.append(rows(1));
        let health = books.health().unwrap();
        assert_eq!((health.failing, health.rows_written, health.rows_refused), (true, 0, 1));

        std::fs::create_dir(&state).unwrap();
        books.append(rows(2));
        assert!(!books.health().unwrap().failing, "the directory came, and with it the ledger");
        let ledger = books.ledger.take().unwrap();
        assert_eq!(ledger.close().written, 1);
    }

    #[test]
    fn without_a_state_directory_no_ledger_is_kept_and_none_is_missed() {
        let mut books = Books::default();
        books.append(rows(1));
        assert_eq!(books.health(), None);
    }
}
