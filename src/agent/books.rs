//! The ledger as the loop sees it: what cannot be kept is told, counted and tried again. What is worth
//! telling goes through the same transaction, and at once where there is none.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use super::Picture;
use super::events::{Seen, Watch};
use super::history::History;
use super::settlements::Told;
use crate::advice::judge;
use crate::clock::Now;
use crate::ledger::accrual::{Accruer, Closed};
use crate::ledger::device_hashrate::DeviceHashrate;
use crate::ledger::outbox::{News, Outbox};
use crate::ledger::store::{Batch as Records, Ledger, Status};
use crate::ledger::{Event, Message, Outlet};
use crate::publish::LedgerHealth;
use crate::reading::{Batch, EarnedDay, Settled};

/// A process that is killed loses no more than this of what it observed.
const KEEP_OPEN_EVERY: Duration = Duration::from_secs(60);
/// For the last rows at the end: the disk may hang.
const PATIENCE: Duration = Duration::from_secs(1);
/// A file that is locked holds up the loop for two seconds at each try.
const TRY_TO_OPEN_EVERY: Duration = Duration::from_secs(10);
/// Batches, mostly of one event each, that wait for a file that cannot be opened.
const MOST_WAITING: usize = 1_000;

/// Keeps the ledger's file open, or tries to.
#[derive(Debug, Default)]
pub struct Books {
    /// `None`: there is no state directory, and nothing is kept.
    path: Option<PathBuf>,
    /// `None`: the file could not be opened yet.
    ledger: Option<Ledger>,
    site: String,
    /// `None`: nothing is sent.
    outlet: Option<Outlet>,
    /// Who waits for the outbox, by the name of the broker.
    publishers: Vec<(String, watch::Sender<Option<Outbox>>)>,
    /// What the config before left where this one does not look.
    left: Vec<News>,
    /// Gaps that are announced, or on their way to be.
    announced: u64,
    /// What came while the file could not be opened…
    waiting: Vec<Records>,
    /// …and how many records came beyond that.
    lost: u64,
    /// When it was last tried to open it, monotonic.
    tried: Duration,
    /// The trouble that the log tells of; `None` while there is none.
    logged: Option<String>,
    accruer: Accruer,
    /// What the ledger knew of the day before it was opened, until it is asked for.
    pub device_hashrates: Vec<DeviceHashrate>,
    /// When the interval that is not over was last kept, monotonic.
    kept_open: Duration,
    settlements: Told<Settled>,
    earnings: Told<EarnedDay>,
    watch: Watch,
    history: History,
}

impl Books {
    /// Nothing is kept yet: see [`Books::open`].
    pub fn new(site: &str, outlet: Outlet, publishers: Vec<(String, watch::Sender<Option<Outbox>>)>) -> Self {
        Self { site: site.to_owned(), outlet: Some(outlet), publishers, ..Self::default() }
    }

    /// Records that wait where nobody will look for them: an event is to tell.
    pub fn left_behind(&mut self, news: impl IntoIterator<Item = News>) {
        self.left.extend(news);
    }

    /// Opens the file, or creates it, and goes on with the interval that it left open. A ledger that
    /// cannot be kept stops the records, not the daemon. `pools`: the pool of each group of miners.
    pub fn open(&mut self, path: PathBuf, pools: BTreeMap<String, String>) {
        self.path = Some(path);
        self.accruer = Accruer::new(pools);
        self.try_to_open();
    }

    /// Accrues the split of this moment, and takes note of what is new in the picture, with what the devices hashed
    /// over times that ended.
    pub fn record(&mut self, picture: &Picture, device_hashrates: Vec<DeviceHashrate>, now: Now) {
        let kept = self.path.is_some();
        if self.ledger.is_none() && now.mono.saturating_sub(self.tried) >= TRY_TO_OPEN_EVERY {
            self.tried = now.mono;
            self.try_to_open();
        }
        // Without the file there is no telling what it left open: nothing is accrued until it is there.
        let accrues = self.ledger.is_some();
        let closed = if accrues {
            self.accruer.observe(&picture.split, judge(&picture.basis), now)
        } else {
            Closed::default()
        };
        // Rows that close an interval and what is open after them are one transaction: whenever the
        // process ends, no time is in both.
        let due =
            accrues && (!closed.is_empty() || now.mono.saturating_sub(self.kept_open) >= KEEP_OPEN_EVERY);
        let open = due.then(|| self.accruer.open_interval()).flatten();
        if open.is_some() {
            self.kept_open = now.mono;
        }
        let Closed { rows, site_rows, hosting_rows, decisions } = closed;
        let (trouble, steps_back) = (self.logged.as_deref(), self.accruer.steps_back);
        let status = self.ledger.as_ref().map(|ledger| ledger.status().borrow().clone()).unwrap_or_default();
        // Those that are on their way to the disk are not told twice.
        let told = status.outbox.announced < self.announced;
        let gaps = if told { &[] } else { status.outbox.gaps.as_slice() };
        let set_aside = status.set_aside.as_deref();
        let news = [self.left.as_slice(), &status.outbox.news].concat();
        let put_back = status.put_back.as_ref();
        let seen = Seen { rows: &rows, trouble, accrues, steps_back, gaps, news: &news, set_aside, put_back };
        let events = self.watch.look(picture, seen, now);
        let gaps = events.iter().filter(|event| event.gap.is_some()).count() as u64;
        let advice = if kept { self.history.record(&self.site, &picture.advice) } else { None };
        let intervals =
            Records { rows, site_rows, hosting_rows, decisions, device_hashrates, ..Records::default() };
        if self.append(Records { events, advice, open, ..intervals }) {
            self.announced = self.announced.saturating_add(gaps);
        }
    }

    /// Takes rows of devices, which stand in no table.
    pub fn send(&mut self, messages: Vec<Message>) {
        if messages.is_empty() {
            return;
        }
        let written = self.logged.is_none()
            && self.ledger.as_mut().is_some_and(|ledger| {
                ledger.append(Records { messages: messages.clone(), ..Records::default() }).is_ok()
            });
        if !written && let Some(outlet) = &self.outlet {
            outlet.send(messages);
        }
    }

    /// Keeps what pools and platforms settled, where it is new.
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
        for (hosting, earnings) in self.earnings.earnings(batch) {
            if !self.append(Records { earnings, ..Records::default() }) {
                self.earnings.forget(&hosting);
            }
        }
    }

    /// Takes records, which are none most of the time. Whether they are on their way to the disk.
    fn append(&mut self, mut records: Records) -> bool {
        if self.ledger.is_none() || self.logged.is_some() {
            self.tell_unwritten(&mut records.events);
        }
        let Some(ledger) = &mut self.ledger else {
            match &self.path {
                Some(_) if self.waiting.len() < MOST_WAITING && !records.is_empty() => {
                    self.waiting.push(records)
                }
                Some(_) => self.lost = self.lost.saturating_add(records.len() as u64),
                None => {}
            }
            return false;
        };
        let taken = ledger.append(records);
        if let Err(refused) = &taken {
            tracing::error!(error = %refused, "ledger rows are lost");
        }
        let trouble = ledger.status().borrow().error.clone();
        self.tell(trouble);
        taken.is_ok()
    }

    /// Nothing that happens waits for a disk.
    fn tell_unwritten(&self, events: &mut [Event]) {
        if let Some(outlet) = self.outlet.as_ref().filter(|_| !events.is_empty()) {
            outlet.send_unwritten(events.to_vec());
            events.iter_mut().for_each(|event| event.told = true);
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
        let Status { written: rows_written, captures, site_day, regret, outbox, .. } = status;
        let outbox = self.ledger.is_some().then_some(outbox);
        Some(LedgerHealth { rows_written, rows_refused, failing, regret, captures, site_day, outbox })
    }

    /// Writes what is queued and what is open, for a second at most.
    pub async fn end(&mut self, now: Now) {
        let open = self.accruer.open_interval();
        let events = vec![self.watch.stopped(now)];
        self.append(Records { open, events, ..Records::default() });
        if let Some(ledger) = &self.ledger {
            // `close` tells what did not get there.
            let _ = tokio::time::timeout(PATIENCE, ledger.flush()).await;
        }
    }

    /// Writes what brokers have confirmed, and lets go of the file.
    pub async fn close(self) {
        let Some(ledger) = self.ledger else { return };
        let closing = tokio::task::spawn_blocking(move || ledger.close());
        match tokio::time::timeout(PATIENCE, closing).await {
            Ok(Ok(status)) if status.gone => {
                let error = status.error;
                tracing::error!(
                    ?error,
                    "the ledger was gone and could not be written back: all in it is lost"
                );
            }
            Ok(Ok(status)) if status.dropped == 0 => {}
            Ok(Ok(status)) => {
                tracing::error!(rows = status.dropped, error = ?status.error, "ledger rows are lost")
            }
            Ok(Err(_)) | Err(_) => tracing::error!("the ledger did not close in time"),
        }
    }

    fn try_to_open(&mut self) {
        let Some(path) = &self.path else { return };
        match Ledger::open_with(path, self.outlet.clone()) {
            Ok(mut ledger) => {
                if let Some(open) = ledger.unfinished.take() {
                    self.accruer.resume(open);
                }
                self.device_hashrates = std::mem::take(&mut ledger.device_hashrates);
                for (broker, outbox) in &self.publishers {
                    outbox.send_replace(Some(ledger.outbox(broker)));
                }
                self.ledger = Some(ledger);
                self.tell(None);
                for records in std::mem::take(&mut self.waiting) {
                    self.append(records);
                }
            }
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
    fn what_comes_before_the_ledger_can_be_opened_waits_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let mut books = Books::default();
        books.open(state.join("ledger.sqlite"), BTreeMap::new());
        books.append(Records::default());
        books.append(rows(1));
        let health = books.health().unwrap();
        assert_eq!((health.failing, health.rows_written, health.rows_refused), (true, 0, 0));

        std::fs::create_dir(&state).unwrap();
        books.try_to_open();
        books.append(rows(2));
        assert!(!books.health().unwrap().failing, "the directory came, and with it the ledger");
        let ledger = books.ledger.take().unwrap();
        assert_eq!(ledger.close().written, 2);
    }

    #[test]
    fn what_waits_is_bounded_and_the_rest_is_counted() {
        let mut books = Books::default();
        books.open("/proc/nowhere/ledger.sqlite".into(), BTreeMap::new());
        for interval in 0..MOST_WAITING as i64 + 3 {
            books.append(rows(interval));
        }
        assert_eq!(books.health().unwrap().rows_refused, 3);
    }

    #[test]
    fn without_a_state_directory_no_ledger_is_kept_and_none_is_missed() {
        let mut books = Books::default();
        books.append(rows(1));
        assert_eq!(books.health(), None);
    }
}
