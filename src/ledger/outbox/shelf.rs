//! The records of one class on disk.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Transaction, params};

use super::Record;
use super::class::RecordClass;
use crate::clock::UnixMs;
use crate::ledger::Message;

const KEEP_STATE: &str = "INSERT OR REPLACE INTO outbox_state VALUES (?1, ?2, ?3)";
const STATE: &str = "SELECT messages FROM outbox_state WHERE class = ?1";

/// What a class holds, in payload and topic bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Held {
    pub messages: u64,
    pub bytes: u64,
}

impl Held {
    pub fn without(self, gone: Held) -> Self {
        Self {
            messages: self.messages.saturating_sub(gone.messages),
            bytes: self.bytes.saturating_sub(gone.bytes),
        }
    }
}

/// A record without its payload.
#[derive(Debug, Clone, Copy)]
pub(in crate::ledger) struct Entry {
    pub n: i64,
    pub bytes: u64,
    pub records: u64,
    pub at: UnixMs,
}

/// Records that stand one behind the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub first: i64,
    pub last: i64,
    pub held: Held,
    pub records: u64,
    pub from: UnixMs,
    pub to: UnixMs,
}

impl Run {
    /// All of `entries`; `None` where there are none.
    pub fn of(entries: &[Entry]) -> Option<Self> {
        let (first, rest) = entries.split_first()?;
        let mut run = Self::from(*first);
        rest.iter().for_each(|entry| run.push(*entry));
        Some(run)
    }

    pub fn push(&mut self, entry: Entry) {
        self.last = entry.n;
        self.held.messages = self.held.messages.saturating_add(1);
        self.held.bytes = self.held.bytes.saturating_add(entry.bytes);
        self.records = self.records.saturating_add(entry.records);
        self.from = self.from.min(entry.at);
        self.to = self.to.max(entry.at);
    }
}

impl From<Entry> for Run {
    fn from(Entry { n, bytes, records, at }: Entry) -> Self {
        Self { first: n, last: n, held: Held { messages: 1, bytes }, records, from: at, to: at }
    }
}

/// What stands at a place of the queue.
pub(super) enum Found {
    Record(Record),
    /// Its bytes are not those that were written.
    Damaged(Entry),
}

pub(super) fn add(
    transaction: &Transaction<'_>,
    n: i64,
    (topic, message): (&str, &Message),
    at: UnixMs,
) -> rusqlite::Result<()> {
    let sql = format!("INSERT INTO outbox_{} VALUES (?1, ?2, ?3, ?4, ?5, ?6)", message.class.as_str());
    let records = i64::try_from(message.records).unwrap_or(i64::MAX);
    let sum = crc(n, topic.as_bytes(), &message.payload, [records, at.0]);
    let mut insert = transaction.prepare_cached(&sql)?;
    insert.execute(params![n, topic, message.payload, records, at.0, sum])?;
    Ok(())
}

/// The first records behind `after`, until `each` says that it is enough.
pub(super) fn read(
    connection: &Connection,
    class: RecordClass,
    after: i64,
    mut each: impl FnMut(Found) -> bool,
) -> rusqlite::Result<()> {
    let name = class.as_str();
    let sql =
        format!("SELECT n, topic, payload, records, at_ms, crc FROM outbox_{name} WHERE n > ?1 ORDER BY n");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([after])?;
    while let Some(row) = rows.next()? {
        let bytes = |column| {
            row.get_ref(column).map(|value| match value {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
                _ => &[],
            })
        };
        let (n, topic, payload) = (row.get(0)?, bytes(1)?, bytes(2)?);
        let (records, at, sum) = (row.get(3).unwrap_or(1), row.get(4).unwrap_or(0), row.get(5).unwrap_or(0));
        let bytes = (topic.len() + payload.len()) as u64;
        // None holds nothing, and each takes a byte at least: a count that is damaged neither hides the record
        // nor makes more of it.
        let records_in_it = u64::try_from(records).unwrap_or(1).clamp(1, bytes.max(1));
        let entry = Entry { n, bytes, records: records_in_it, at: UnixMs(at) };
        let found = match std::str::from_utf8(topic) {
            Ok(name) if i64::from(crc(n, topic, payload, [records, at])) == sum => Found::Record(Record {
                class,
                n,
                topic: name.to_owned(),
                payload: payload.to_vec(),
                records: entry.records,
                at: entry.at,
            }),
            _ => Found::Damaged(entry),
        };
        if !each(found) {
            break;
        }
    }
    Ok(())
}

/// The oldest records up to `to`, `most` of them.
pub(super) fn oldest(
    connection: &Connection,
    class: RecordClass,
    to: i64,
    most: i64,
) -> rusqlite::Result<Vec<Entry>> {
    let sql = format!(
        "SELECT n, octet_length(topic) + octet_length(payload), records, at_ms FROM outbox_{} \
         WHERE n <= ?1 ORDER BY n LIMIT ?2",
        class.as_str()
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([to, most])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let whole = |column, otherwise: i64| u64::try_from(row.get(column).unwrap_or(otherwise)).unwrap_or(0);
        let at = UnixMs(row.get(3).unwrap_or(0));
        entries.push(Entry { n: row.get(0)?, bytes: whole(1, 0), records: whole(2, 1), at });
    }
    Ok(entries)
}

/// Removes what stands from `from` to `to`.
pub(super) fn remove(
    transaction: &Transaction<'_>,
    class: RecordClass,
    (from, to): (i64, i64),
) -> rusqlite::Result<()> {
    let sql = format!("DELETE FROM outbox_{} WHERE n BETWEEN ?1 AND ?2", class.as_str());
    transaction.prepare_cached(&sql)?.execute([from, to])?;
    Ok(())
}

/// What is there by counting it, and the number of the last one.
pub(super) fn count(connection: &Connection, class: RecordClass) -> rusqlite::Result<(Held, i64)> {
    let sql = format!(
        "SELECT count(*), coalesce(sum(octet_length(topic) + octet_length(payload)), 0), coalesce(max(n), 0) \
         FROM outbox_{}",
        class.as_str()
    );
    connection.query_row(&sql, [], |row| {
        let whole = |column| Ok::<_, rusqlite::Error>(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0));
        Ok((Held { messages: whole(0)?, bytes: whole(1)? }, row.get(2)?))
    })
}

/// What stands behind `after` up to `to`.
pub(super) fn held(
    connection: &Connection,
    class: RecordClass,
    (after, to): (i64, i64),
) -> rusqlite::Result<Held> {
    let sql = format!(
        "SELECT count(*), coalesce(sum(octet_length(topic) + octet_length(payload)), 0) FROM outbox_{} \
         WHERE n > ?1 AND n <= ?2",
        class.as_str()
    );
    let whole = |n: i64| u64::try_from(n).unwrap_or(0);
    connection
        .prepare_cached(&sql)?
        .query_row([after, to], |row| Ok(Held { messages: whole(row.get(0)?), bytes: whole(row.get(1)?) }))
}

/// When the first record behind `after` was written.
pub(super) fn written_behind(
    connection: &Connection,
    class: RecordClass,
    after: i64,
) -> rusqlite::Result<Option<UnixMs>> {
    let sql = format!("SELECT at_ms FROM outbox_{} WHERE n > ?1 ORDER BY n LIMIT 1", class.as_str());
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([after])?;
    Ok(rows.next()?.map(|row| UnixMs(row.get(0).unwrap_or(0))))
}

/// Records behind `after`, and when the first and the last of them were written.
pub(super) fn records_behind(
    connection: &Connection,
    class: RecordClass,
    after: i64,
) -> rusqlite::Result<(u64, UnixMs, UnixMs)> {
    let sql = format!(
        "SELECT CAST(total(records) AS INTEGER), min(at_ms), max(at_ms) FROM outbox_{} WHERE n > ?1",
        class.as_str()
    );
    connection.query_row(&sql, [after], |row| {
        let at = |column| UnixMs(row.get(column).unwrap_or(0));
        Ok((u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0), at(1), at(2)))
    })
}

/// Records whose topics do not stand at `place`, and the topic of the first of them.
pub(super) fn elsewhere(
    connection: &Connection,
    class: RecordClass,
    place: &str,
) -> rusqlite::Result<(u64, Option<String>)> {
    // Topics of files that knew no places do not begin with a slash: nothing tells another one.
    let sql = format!(
        "SELECT CAST(total(records) AS INTEGER), CAST(topic AS BLOB), min(n) FROM outbox_{} \
         WHERE topic GLOB '/*' AND substr(topic, 1, length(?1)) <> ?1",
        class.as_str()
    );
    connection.query_row(&sql, [place], |row| {
        let topic: Option<Vec<u8>> = row.get(1)?;
        let topic = topic.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok((u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0), topic))
    })
}

/// Messages that should be there by the books of the class.
pub(super) fn counted(connection: &Connection, class: RecordClass) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(STATE)?;
    let mut rows = statement.query([class.as_str()])?;
    let counted: i64 = rows.next()?.map_or(Ok(0), |row| row.get(0))?;
    Ok(u64::try_from(counted).unwrap_or(0))
}

pub(super) fn keep(transaction: &Transaction<'_>, class: RecordClass, held: Held) -> rusqlite::Result<()> {
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let mut keep = transaction.prepare_cached(KEEP_STATE)?;
    keep.execute(params![class.as_str(), whole(held.messages), whole(held.bytes)])?;
    Ok(())
}

fn crc(n: i64, topic: &[u8], payload: &[u8], [records, at_ms]: [i64; 2]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in [&n.to_le_bytes(), topic, payload, &records.to_le_bytes(), &at_ms.to_le_bytes()] {
        hasher.update(part);
    }
    hasher.finalize()
}
