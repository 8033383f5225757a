//! Conservation: every record that was committed is delivered, still queued, or counted as dropped.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use wattsplit::clock;
use wattsplit::ledger::RecordClass;

use super::row::{self, Row};

/// What the recorder got.
#[derive(Debug, Default)]
pub struct Seen {
    /// How often each row came, by boot and number.
    times: HashMap<String, Vec<u32>>,
    /// Number of the row that came last for the first time, by topic and boot.
    last: HashMap<(String, String), u64>,
    /// Rows that are not as they were written.
    damaged: u64,
    /// Rows that came for the first time behind a later one of their topic and boot.
    out_of_order: u64,
    /// Age of the oldest live message on its arrival.
    pub oldest_live: Duration,
}

impl Seen {
    pub fn message(&mut self, topic: &str, payload: &[u8], retained: bool) {
        let name = topic.splitn(3, '/').nth(2).unwrap_or(topic);
        match name {
            "status" => {}
            // One that was retained tells how long nobody renewed it.
            "summary" if retained => {}
            "summary" => {
                let told: serde_json::Value = serde_json::from_slice(payload).unwrap();
                let age_ms = clock::now().wall.0 - told["at_ms"].as_i64().unwrap();
                let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or(0));
                self.oldest_live = self.oldest_live.max(age);
            }
            _ => match row::rows(payload) {
                Some(rows) => rows.iter().for_each(|row| self.row(name, row)),
                None => self.damaged += 1,
            },
        }
    }

    fn row(&mut self, topic: &str, row: &Row) {
        if !row.is_whole() {
            self.damaged += 1;
            return;
        }
        let times = self.times.entry(row.boot.clone()).or_default();
        let at = row.seq as usize;
        if times.len() <= at {
            times.resize(at + 1, 0);
        }
        times[at] += 1;
        if times[at] > 1 {
            return;
        }
        let last = self.last.entry((topic.to_owned(), row.boot.clone())).or_insert(row.seq);
        self.out_of_order += u64::from(*last > row.seq);
        *last = row.seq;
    }

    fn has(&self, boot: &str, seq: u64) -> bool {
        self.times.get(boot).and_then(|times| times.get(seq as usize)).is_some_and(|times| *times > 0)
    }
}

/// The account of one run, in records.
#[derive(Debug, Default)]
pub struct Account {
    /// On disk for certain, or seen.
    pub written: u64,
    pub delivered: u64,
    pub queued: u64,
    /// Counted by the outbox, and announced or about to be.
    pub dropped: u64,
    pub lost: u64,
    /// Came again as they were.
    pub duplicates: u64,
    /// Came changed or behind later ones, or are counted as dropped and were not.
    pub wrong: u64,
}

impl Account {
    /// `log_dir` tells what was committed, `ledger` what is still queued or dropped.
    pub fn new(log_dir: &Path, ledger: &Path, seen: &Seen) -> Self {
        let queue = Queue::read(ledger);
        let mut account =
            Self { dropped: queue.dropped, wrong: seen.damaged + seen.out_of_order, ..Self::default() };
        for (boot, committed) in committed(log_dir) {
            let came = seen.times.get(&boot).map_or(0, Vec::len) as u64;
            for seq in 0..committed.max(came) {
                let (delivered, queued) = (seen.has(&boot, seq), queue.has(&boot, seq));
                account.written += u64::from(seq < committed || delivered || queued);
                account.delivered += u64::from(delivered);
                account.queued += u64::from(queued && !delivered);
                account.lost += u64::from(seq < committed && !delivered && !queued);
            }
        }
        account.wrong += account.dropped.saturating_sub(account.lost);
        account.lost = account.lost.saturating_sub(account.dropped);
        account.duplicates =
            seen.times.values().flatten().map(|times| u64::from(times.saturating_sub(1))).sum();
        account
    }
}

/// Rows on disk for certain, by boot.
fn committed(log_dir: &Path) -> Vec<(String, u64)> {
    let files = std::fs::read_dir(log_dir).unwrap().map(|file| file.unwrap());
    let boots = files.map(|file| {
        let text = std::fs::read_to_string(file.path()).unwrap();
        // What a kill cut off has no end of line.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let rows = whole.lines().next_back().map_or(0, |line| line.parse().unwrap());
        (file.file_name().into_string().unwrap(), rows)
    });
    boots.collect()
}

/// What the file of a process that has ended holds.
struct Queue {
    rows: HashMap<String, Vec<u64>>,
    dropped: u64,
}

impl Queue {
    fn read(ledger: &Path) -> Self {
        let connection = Connection::open_with_flags(ledger, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        let dropped = "SELECT coalesce(sum(dropped), 0) FROM outbox_gap";
        let dropped: i64 = connection.query_row(dropped, [], |row| row.get(0)).unwrap();
        let mut queue = Self { rows: HashMap::new(), dropped: dropped as u64 };
        for class in RecordClass::ALL {
            let sql = format!("SELECT payload FROM outbox_{}", class.as_str());
            let mut statement = connection.prepare(&sql).unwrap();
            let payloads = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
            for row in payloads.filter_map(|payload| row::rows(&payload.unwrap())).flatten() {
                queue.rows.entry(row.boot).or_default().push(row.seq);
            }
        }
        queue.rows.values_mut().for_each(|rows| rows.sort_unstable());
        queue
    }

    fn has(&self, boot: &str, seq: u64) -> bool {
        self.rows.get(boot).is_some_and(|rows| rows.binary_search(&seq).is_ok())
    }
}
