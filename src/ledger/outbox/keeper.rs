//! What the ledger's thread knows of the outbox. A transaction works on a copy, which takes the place of
//! the original when it is committed.

use rusqlite::{Connection, Transaction};

use super::backlog::Backlogs;
use super::class::{ByClass, RecordClass};
use super::cursor::Cursors;
use super::damage;
use super::gap::{Cause, Gap, Gaps};
use super::shelf::{self, Found, Held, Run};
use super::{Backlog, Budgets, ClassHealth, Confirmed, News, Record, Wanted};
use crate::clock::UnixMs;
use crate::ledger::{Event, Message, Outlet};

/// Records that one transaction deletes or evicts at most: a backlog of millions goes in steps.
const STEP: i64 = 2_000;

/// The outbox of one file.
#[derive(Debug, Clone)]
pub(in crate::ledger) struct Keeper {
    budgets: Budgets,
    brokers: Vec<String>,
    /// In front of every topic on disk.
    place: String,
    cursors: Cursors,
    held: ByClass<Held>,
    backlogs: Backlogs,
    /// Number of the next record.
    next: ByClass<i64>,
    gaps: Gaps,
    announced: u64,
    news: Vec<News>,
    /// Confirmed records that are still on disk are more than one transaction deletes.
    trims_on: bool,
}

/// What a broker is to get next.
#[derive(Debug)]
pub(in crate::ledger) struct Read {
    pub records: Vec<Record>,
    /// Classes in which others stand before or between them whose bytes are not those that were written.
    pub damaged: Vec<RecordClass>,
}

/// Records of the file that some broker of it has not confirmed.
pub(in crate::ledger) fn waiting(connection: &Connection) -> rusqlite::Result<ByClass<u64>> {
    let cursors = Cursors::of_all(connection)?;
    let mut records = ByClass::default();
    for class in RecordClass::ALL {
        let confirmed = cursors.lowest(class).unwrap_or(0);
        (*records.of_mut(class), ..) = shelf::records_behind(connection, class, confirmed)?;
    }
    Ok(records)
}

impl Keeper {
    /// Takes in what the file holds, and counts what it lacks.
    pub fn open(transaction: &Transaction<'_>, outlet: &Outlet, now: UnixMs) -> rusqlite::Result<Self> {
        let brokers = outlet.brokers();
        let (cursors, gone) = Cursors::read(transaction, &brokers)?;
        let (gaps, news) = Gaps::read(transaction)?;
        let backlogs = Backlogs::read(transaction, &brokers, &cursors)?;
        let mut keeper = Self {
            budgets: outlet.budgets(),
            brokers,
            place: outlet.place().to_owned(),
            cursors,
            held: ByClass::default(),
            backlogs,
            next: ByClass::each(|_| 1),
            gaps,
            announced: 0,
            news,
            trims_on: true,
        };
        keeper.news.extend(keeper.elsewhere(transaction)?);
        for (broker, class, n) in gone {
            let lost = shelf::records_behind(transaction, class, n)?;
            keeper.lose(vec![broker], class, Cause::BrokerLeft, lost);
        }
        for class in RecordClass::ALL {
            let (held, last) = shelf::count(transaction, class)?;
            *keeper.held.of_mut(class) = held;
            *keeper.next.of_mut(class) = last.max(keeper.cursors.highest(class)).saturating_add(1);
            let missing = shelf::counted(transaction, class)?.saturating_sub(held.messages);
            // Nobody can tell which: one that has confirmed the last has had them all.
            let behind = keeper.behind(class, keeper.next.of(class).saturating_sub(1));
            keeper.lose(behind, class, Cause::Missing, (missing, now, now));
        }
        keeper.keep(transaction)?;
        Ok(keeper)
    }

    /// For a new file in place of one that is damaged: numbers go on, and nothing is held.
    pub fn start_over(&mut self, transaction: &Transaction<'_>, now: UnixMs) -> rusqlite::Result<()> {
        for class in RecordClass::ALL {
            let lost = std::mem::take(self.held.of_mut(class));
            self.backlogs.cleared(class);
            let next = *self.next.of(class);
            let behind = self.behind(class, next - 1);
            self.lose(behind, class, Cause::Missing, (lost.messages, now, now));
        }
        self.cursors.rewrite();
        self.keep(transaction)
    }

    /// Puts messages at the end of their queues and lets the oldest go where a budget is full.
    pub fn add(
        &mut self,
        transaction: &Transaction<'_>,
        messages: &[Message],
        now: UnixMs,
    ) -> rusqlite::Result<()> {
        for message in messages {
            let topic = format!("{}{}", self.place, message.topic);
            let next = self.next.of_mut(message.class);
            shelf::add(transaction, *next, (&topic, message), now)?;
            *next = next.saturating_add(1);
            let bytes = (topic.len() + message.payload.len()) as u64;
            let held = self.held.of_mut(message.class);
            held.messages = held.messages.saturating_add(1);
            held.bytes = held.bytes.saturating_add(bytes);
            self.backlogs.added(message.class, bytes);
        }
        for class in RecordClass::ALL {
            self.evict(transaction, class)?;
        }
        Ok(())
    }

    /// These events are written in this transaction: the gaps that they tell of are announced.
    pub fn announce(&mut self, events: &[Event]) {
        for gap in events.iter().filter_map(|event| event.gap.as_ref()) {
            self.gaps.announced(gap);
            self.announced = self.announced.saturating_add(1);
        }
    }

    pub fn confirm(&mut self, confirmed: &Confirmed) {
        let Confirmed { broker, class, n, unsendable } = confirmed;
        self.cursors.advance(broker, *class, *n);
        for lost in unsendable {
            self.lose(vec![broker.to_string()], *class, Cause::TooLarge, (lost.records, lost.at, lost.at));
        }
    }

    /// Whether there is something for [`Keeper::keep`] to do.
    pub fn has_news(&self) -> bool {
        self.cursors.changed() || self.trims_on
    }

    /// Brings the file up to date: cursors, counts, and no record that all brokers have.
    pub fn keep(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        self.cursors.keep(transaction)?;
        self.backlogs.follow(transaction, &self.cursors)?;
        self.trims_on = false;
        for class in RecordClass::ALL {
            if let Some(lowest) = self.cursors.lowest(class) {
                let done = shelf::oldest(transaction, class, lowest, STEP)?;
                self.trims_on |= done.len() as i64 == STEP;
                if let Some(run) = Run::of(&done) {
                    self.remove(transaction, class, run)?;
                }
            }
            shelf::keep(transaction, class, *self.held.of(class))?;
        }
        self.gaps.keep(transaction)
    }

    /// The next records for a broker, without those whose bytes are damaged.
    pub fn read(&self, connection: &Connection, broker: &str, wanted: &Wanted) -> rusqlite::Result<Read> {
        let (mut records, mut damaged, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
        for class in RecordClass::ALL {
            let Some(after) = wanted.after.of(class) else { continue };
            // Nothing of the class is behind the last one that was written: the disk need not be asked.
            let after = self.cursors.of(broker, class).max(*after);
            if after.saturating_add(1) >= *self.next.of(class) || records.len() >= wanted.messages {
                continue;
            }
            shelf::read(connection, class, after, |found| {
                match found {
                    Found::Record(mut record) => {
                        if let Some(below) = record.topic.strip_prefix(&self.place) {
                            record.topic = below.to_owned();
                        }
                        bytes = bytes.saturating_add(record.payload.len());
                        if bytes > wanted.bytes && !records.is_empty() {
                            return false;
                        }
                        records.push(record);
                    }
                    Found::Damaged(_) if damaged.last() == Some(&class) => {}
                    Found::Damaged(_) => damaged.push(class),
                }
                records.len() < wanted.messages
            })?;
        }
        Ok(Read { records, damaged })
    }

    /// Takes all damaged records of a class out, and returns how many records are lost with them.
    pub fn discard(&mut self, transaction: &Transaction<'_>, class: RecordClass) -> rusqlite::Result<u64> {
        self.backlogs.follow(transaction, &self.cursors)?;
        let (mut next, mut records) = (Some(0), 0_u64);
        while let Some(after) = next {
            let found;
            (found, next) = damage::runs(transaction, class, after, &self.cursors)?;
            for run in found {
                records = records.saturating_add(run.records);
                let behind = self.behind(class, run.last);
                self.lose(behind, class, Cause::Damaged, (run.records, run.from, run.to));
                self.backlogs.removed(class, run.last, run.held);
                self.remove(transaction, class, run)?;
            }
        }
        shelf::keep(transaction, class, *self.held.of(class))?;
        self.gaps.keep(transaction)?;
        Ok(records)
    }

    pub fn health(&self, connection: &Connection) -> rusqlite::Result<super::Health> {
        let mut classes = ByClass::<ClassHealth>::default();
        for class in RecordClass::ALL {
            let Held { messages, bytes } = *self.held.of(class);
            let oldest =
                if messages == 0 { Vec::new() } else { shelf::oldest(connection, class, i64::MAX, 1)? };
            let oldest = oldest.first().map(|entry| entry.at);
            let dropped = self.gaps.dropped(class);
            *classes.of_mut(class) = ClassHealth { messages, bytes, oldest, dropped };
        }
        let mut backlogs = Vec::with_capacity(self.brokers.len());
        for broker in &self.brokers {
            backlogs.push(self.backlog(connection, broker)?);
        }
        let (gaps, news) = (self.gaps.unannounced(), self.news.clone());
        Ok(super::Health { classes, backlogs, gaps, announced: self.announced, news })
    }

    fn backlog(&self, connection: &Connection, broker: &str) -> rusqlite::Result<Backlog> {
        let Held { messages, bytes } = self.backlogs.of(broker);
        let mut oldest = None;
        for class in RecordClass::ALL {
            let first = shelf::written_behind(connection, class, self.cursors.of(broker, class))?;
            oldest = [oldest, first].into_iter().flatten().min();
        }
        Ok(Backlog { broker: broker.to_owned(), messages, bytes, oldest })
    }

    fn elsewhere(&self, connection: &Connection) -> rusqlite::Result<Option<News>> {
        let (mut records, mut first) = (ByClass::default(), None);
        for class in RecordClass::ALL {
            let (some, topic) = shelf::elsewhere(connection, class, &self.place)?;
            *records.of_mut(class) = some;
            first = first.or(topic);
        }
        Ok(first.map(|topic| News::Elsewhere { records, topic }))
    }

    fn evict(&mut self, transaction: &Transaction<'_>, class: RecordClass) -> rusqlite::Result<()> {
        let budget = *self.budgets.of(class);
        if self.held.of(class).bytes > budget {
            self.backlogs.follow(transaction, &self.cursors)?;
        }
        while self.held.of(class).bytes > budget {
            let mut excess = self.held.of(class).bytes - budget;
            let mut gone = shelf::oldest(transaction, class, i64::MAX, STEP)?;
            gone.retain(|entry| {
                let goes = excess > 0;
                excess = excess.saturating_sub(entry.bytes);
                goes
            });
            let Some(run) = Run::of(&gone) else { return Ok(()) };
            for entry in &gone {
                let behind = self.behind(class, entry.n);
                self.lose(behind, class, Cause::Budget, (entry.records, entry.at, entry.at));
                self.backlogs.removed(class, entry.n, Held { messages: 1, bytes: entry.bytes });
            }
            self.remove(transaction, class, run)?;
        }
        Ok(())
    }

    fn remove(
        &mut self,
        transaction: &Transaction<'_>,
        class: RecordClass,
        run: Run,
    ) -> rusqlite::Result<()> {
        shelf::remove(transaction, class, (run.first, run.last))?;
        let held = self.held.of_mut(class);
        *held = held.without(run.held);
        Ok(())
    }

    fn behind(&self, class: RecordClass, n: i64) -> Vec<String> {
        self.cursors.behind(class, n).map(str::to_owned).collect()
    }

    fn lose(
        &mut self,
        brokers: Vec<String>,
        class: RecordClass,
        cause: Cause,
        (records, from, to): (u64, UnixMs, UnixMs),
    ) {
        for broker in brokers {
            self.gaps.add(Gap { broker, class, cause, records, from, to });
        }
    }
}
