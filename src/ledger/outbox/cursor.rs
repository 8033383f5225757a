//! How far each broker has confirmed each class.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, params};

use super::class::RecordClass;

const READ: &str = "SELECT broker, class, n, crc FROM outbox_cursor";
const KEEP: &str = "INSERT OR REPLACE INTO outbox_cursor VALUES (?1, ?2, ?3, ?4)";
const FORGET: &str = "DELETE FROM outbox_cursor WHERE broker = ?1";

/// Of the brokers in the config. What is in memory may be ahead of the disk: losing that only sends
/// records again.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursors {
    by_broker: BTreeMap<String, BTreeMap<RecordClass, i64>>,
    changed: bool,
}

impl Cursors {
    /// Those of `brokers`; a new one begins with what is there. Others lose theirs.
    pub fn read(transaction: &Transaction<'_>, brokers: &[String]) -> rusqlite::Result<Self> {
        let mut cursors = Self::new(brokers);
        for (broker, class, n) in stored(transaction)? {
            match cursors.by_broker.get_mut(&broker) {
                Some(classes) => _ = classes.insert(class, n),
                None => _ = transaction.execute(FORGET, [broker])?,
            }
        }
        Ok(cursors)
    }

    pub fn new(brokers: &[String]) -> Self {
        let by_broker = brokers.iter().map(|broker| (broker.clone(), BTreeMap::new())).collect();
        Self { by_broker, changed: false }
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
fn stored(connection: &Connection) -> rusqlite::Result<Vec<(String, RecordClass, i64)>> {
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
