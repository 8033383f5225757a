//! How far each broker has confirmed each class.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, params};

use super::class::RecordClass;

const READ: &str = "SELECT broker, class, n, crc FROM outbox_cursor";
const KEEP: &str = "INSERT OR REPLACE INTO outbox_cursor VALUES (?1, ?2, ?3, ?4)";
const FORGET: &str = "DELETE FROM outbox_cursor WHERE broker = ?1";

/// A broker, a class, and how far the one has confirmed the other.
type Place = (String, RecordClass, i64);

/// Of the brokers in the config. What is in memory may be ahead of the disk: losing that only sends
/// records again.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursors {
    by_broker: BTreeMap<String, BTreeMap<RecordClass, i64>>,
    changed: bool,
}

impl Cursors {
    /// Those of `brokers`; a new one begins with what is there. Others lose theirs, which are returned.
    pub fn read(transaction: &Transaction<'_>, brokers: &[String]) -> rusqlite::Result<(Self, Vec<Place>)> {
        let mut cursors = Self::new(brokers);
        let mut gone = Vec::new();
        for (broker, class, n) in stored(transaction)? {
            match cursors.by_broker.get_mut(&broker) {
                Some(classes) => _ = classes.insert(class, n),
                None => {
                    transaction.execute(FORGET, [&broker])?;
                    gone.push((broker, class, n));
                }
            }
        }
        Ok((cursors, gone))
    }

    /// Those of all brokers that the file knows.
    pub fn of_all(connection: &Connection) -> rusqlite::Result<Self> {
        let mut cursors = Self::default();
        for (broker, class, n) in stored(connection)? {
            cursors.by_broker.entry(broker).or_default().insert(class, n);
        }
        Ok(cursors)
    }

    /// Of brokers that have confirmed nothing. They are on disk all the same: one that leaves the config is
    /// known by its cursor.
    fn new(brokers: &[String]) -> Self {
        let nothing = || RecordClass::ALL.into_iter().map(|class| (class, 0)).collect();
        let by_broker = brokers.iter().map(|broker| (broker.clone(), nothing())).collect();
        Self { by_broker, changed: true }
    }

    pub fn of(&self, broker: &str, class: RecordClass) -> i64 {
        self.by_broker.get(broker).and_then(|classes| classes.get(&class)).copied().unwrap_or(0)
    }

    /// The broker confirmed everything up to `n`. A cursor never goes back.
    pub fn advance(&mut self, broker: &str, class: RecordClass, n: i64) {
        let Some(classes) = self.by_broker.get_mut(broker) else { return };
        let cursor = classes.entry(class).or_insert(0);
        if n > *cursor {
            *cursor = n;
            self.changed = true;
        }
    }

    /// What all brokers have confirmed; `None` without any broker.
    pub fn lowest(&self, class: RecordClass) -> Option<i64> {
        self.by_broker.keys().map(|broker| self.of(broker, class)).min()
    }

    pub fn highest(&self, class: RecordClass) -> i64 {
        self.by_broker.keys().map(|broker| self.of(broker, class)).max().unwrap_or(0)
    }

    /// Brokers that have not confirmed `n`.
    pub fn behind(&self, class: RecordClass, n: i64) -> impl Iterator<Item = &str> {
        self.by_broker.keys().map(String::as_str).filter(move |broker| self.of(broker, class) < n)
    }

    /// Whether the disk is behind.
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// For a new file, which knows none.
    pub fn rewrite(&mut self) {
        self.changed = true;
    }

    pub fn keep(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        let mut keep = transaction.prepare_cached(KEEP)?;
        for (broker, classes) in &self.by_broker {
            for (class, n) in classes {
                keep.execute(params![broker, class.as_str(), n, crc(broker, *class, *n)])?;
            }
        }
        Ok(())
    }
}

/// Without those that are damaged: what they stood for is sent again.
fn stored(connection: &Connection) -> rusqlite::Result<Vec<Place>> {
    let mut statement = connection.prepare(READ)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let read = || Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?));
        let read: rusqlite::Result<(String, String, i64, u32)> = read();
        let known = read.ok().and_then(|(broker, class, n, sum)| {
            let class = RecordClass::ALL.into_iter().find(|known| known.as_str() == class)?;
            (crc(&broker, class, n) == sum).then_some((broker, class, n))
        });
        match known {
            Some(cursor) => found.push(cursor),
            None => tracing::warn!("a cursor of the outbox is damaged: its records are sent again"),
        }
    }
    Ok(found)
}

fn crc(broker: &str, class: RecordClass, n: i64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in [broker.as_bytes(), class.as_str().as_bytes(), &n.to_le_bytes()] {
        hasher.update(part);
    }
    hasher.finalize()
}
