//! Records that no broker will get: counted, kept until they are announced, and counted for good.

use std::collections::BTreeMap;

use rusqlite::{Row, Transaction, params};

use super::class::RecordClass;
use super::news::News;
use crate::clock::UnixMs;

const READ: &str = "SELECT broker, class, cause, records, from_ms, to_ms, dropped, crc FROM outbox_gap";
const KEEP: &str = "INSERT OR REPLACE INTO outbox_gap VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const FORGET: &str = "DELETE FROM outbox_gap WHERE broker = ?1 AND class = ?2 AND cause = ?3";

/// Why records are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The budget of their class was full: the oldest had to go.
    Budget,
    /// Their bytes on disk are not those that were written.
    Damaged,
    /// The file holds fewer than were counted.
    Missing,
    /// The config or the broker takes no message of that size, and it cannot be split.
    TooLarge,
    /// The broker is no longer in the config: what waited for it alone goes nowhere.
    BrokerLeft,
}

impl Cause {
    pub const ALL: [Cause; 5] =
        [Cause::Budget, Cause::Damaged, Cause::Missing, Cause::TooLarge, Cause::BrokerLeft];

    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Budget => "budget",
            Cause::Damaged => "damaged",
            Cause::Missing => "missing",
            Cause::TooLarge => "too_large",
            Cause::BrokerLeft => "broker_left",
        }
    }
}

/// Records that one broker did not get and never will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Name of the broker in the config.
    pub broker: String,
    pub class: RecordClass,
    pub cause: Cause,
    pub records: u64,
    /// When the first of them was written, and the last.
    pub from: UnixMs,
    pub to: UnixMs,
}

type Key = (String, RecordClass, Cause);

#[derive(Debug, Clone, Copy)]
struct Count {
    /// Not announced.
    records: u64,
    from: UnixMs,
    to: UnixMs,
    /// Ever.
    dropped: u64,
    changed: bool,
}

/// All of them, as they are on disk once [`Gaps::keep`] is committed.
#[derive(Debug, Clone, Default)]
pub(super) struct Gaps(BTreeMap<Key, Count>);

impl Gaps {
    /// Those of the file, without those that are damaged: they go, and are returned as far as they can be told apart.
    pub fn read(transaction: &Transaction<'_>) -> rusqlite::Result<(Self, Vec<News>)> {
        let (mut gaps, mut lost) = (Self::default(), Vec::new());
        let mut statement = transaction.prepare(READ)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let [broker, class, cause] = [text(row, 0)?, text(row, 1)?, text(row, 2)?];
            match counted(row, (&broker, &class, &cause)) {
                Some((key, count)) => _ = gaps.0.insert(key, count),
                None => lost.push(News::CountLost { broker, class, cause }),
            }
        }
        for news in &lost {
            if let News::CountLost { broker, class, cause } = news {
                transaction.execute(FORGET, [broker, class, cause])?;
            }
        }
        Ok((gaps, lost))
    }

    pub fn add(&mut self, gap: Gap) {
        let Gap { broker, class, cause, records, from, to } = gap;
        if records == 0 {
            return;
        }
        let nothing = Count { records: 0, from, to, dropped: 0, changed: false };
        let count = self.0.entry((broker, class, cause)).or_insert(nothing);
        let first = count.records == 0;
        count.from = if first { from } else { count.from.min(from) };
        count.to = if first { to } else { count.to.max(to) };
        count.records = count.records.saturating_add(records);
        count.dropped = count.dropped.saturating_add(records);
        count.changed = true;
    }

    /// An event tells of it, in the same transaction. What came since is told by the next one.
    pub fn announced(&mut self, gap: &Gap) {
        if let Some(count) = self.0.get_mut(&(gap.broker.clone(), gap.class, gap.cause)) {
            count.records = count.records.saturating_sub(gap.records);
            count.changed = true;
        }
    }

    pub fn keep(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut keep = transaction.prepare_cached(KEEP)?;
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        for ((broker, class, cause), count) in self.0.iter_mut().filter(|(_, count)| count.changed) {
            let (records, dropped) = (whole(count.records), whole(count.dropped));
            let (class, cause) = (class.as_str(), cause.as_str());
            let numbers = [records, count.from.0, count.to.0, dropped];
            let sum = crc([broker, class, cause], numbers);
            keep.execute(params![broker, class, cause, records, count.from.0, count.to.0, dropped, sum])?;
            count.changed = false;
        }
        Ok(())
    }

    pub fn unannounced(&self) -> Vec<Gap> {
        let told = |((broker, class, cause), count): (&Key, &Count)| Gap {
            broker: broker.clone(),
            class: *class,
            cause: *cause,
            records: count.records,
            from: count.from,
            to: count.to,
        };
        self.0.iter().filter(|(_, count)| count.records > 0).map(told).collect()
    }

    /// Records of the class that some broker never got, ever.
    pub fn dropped(&self, class: RecordClass) -> u64 {
        let of_class = self.0.iter().filter(|((_, c, _), _)| *c == class);
        of_class.fold(0, |sum, (_, count)| sum.saturating_add(count.dropped))
    }
}

/// Whatever bytes stand there.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(column)?.as_bytes_or_null().unwrap_or_default().unwrap_or_default();
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// `None`: the row is not as it was written.
fn counted(row: &Row<'_>, (broker, class, cause): (&str, &str, &str)) -> Option<(Key, Count)> {
    let known_class = RecordClass::ALL.into_iter().find(|known| known.as_str() == class)?;
    let known_cause = Cause::ALL.into_iter().find(|known| known.as_str() == cause)?;
    let number = |column| row.get::<_, i64>(column).ok();
    let numbers = [number(3)?, number(4)?, number(5)?, number(6)?];
    let sum: Option<u32> = row.get(7).ok()?;
    // Those of older files have none.
    if sum.is_some_and(|sum| sum != crc([broker, class, cause], numbers)) {
        return None;
    }
    let whole = |n: i64| u64::try_from(n).unwrap_or(0);
    let [records, from, to, dropped] = numbers;
    let (records, dropped) = (whole(records), whole(dropped));
    let count = Count { records, from: UnixMs(from), to: UnixMs(to), dropped, changed: false };
    Some(((broker.to_owned(), known_class, known_cause), count))
}

fn crc(words: [&str; 3], numbers: [i64; 4]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    words.iter().for_each(|word| hasher.update(word.as_bytes()));
    numbers.iter().for_each(|number| hasher.update(&number.to_le_bytes()));
    hasher.finalize()
}
