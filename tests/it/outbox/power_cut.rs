//! The power goes while records are written, and the disk keeps less than it said, or something else.
//!
//! What was committed is synced: none of it may be missing from a copy of the file and its journal at any moment.
//! A disk that lies loses the newest transactions of the journal, whole ones, from one on. Flipped bits in the
//! journal do the same. Flipped bits in the file cost records that are counted, or the file is set aside.

use std::path::PathBuf;

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};

use super::file::start_a_writer;
use super::*;

/// Moments at which the writer is halted.
const MOMENTS: usize = 20;
/// Copies of each that are damaged, for each kind of damage.
const COPIES: usize = 4;

/// The file and its journal at one moment, and how many records were certain to be on disk.
struct Copy {
    file: Vec<u8>,
    journal: Vec<u8>,
    durable: u64,
}

impl Copy {
    fn put(&self, dir: &Path) -> PathBuf {
        let path = dir.join("ledger.sqlite");
        std::fs::write(&path, &self.file).unwrap();
        std::fs::write(dir.join("ledger.sqlite-wal"), &self.journal).unwrap();
        path
    }

    /// With what the journal holds in the file.
    fn settled(&self) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = self.put(dir.path());
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        drop(connection);
        std::fs::read(&path).unwrap()
    }
}

/// Copies of a process that writes, halted at random moments, so that nothing moves while it is copied.
fn copies(random: &mut Rng) -> Vec<Copy> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let (mut child, mut durable) = start_a_writer(&path);
    let pid = Pid::from_child(&child);
    let mut copies = Vec::new();
    for _ in 0..MOMENTS {
        let durable = durable.nth(random.usize(0..12)).unwrap();
        std::thread::sleep(Duration::from_micros(random.u64(0..5_000)));
        kill_process(pid, Signal::STOP).unwrap();
        while !is_halted(child.id()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
        copies.push(Copy { file: read("ledger.sqlite"), journal: read("ledger.sqlite-wal"), durable });
        kill_process(pid, Signal::CONT).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    copies
}

/// All of its threads have stopped.
fn is_halted(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.flatten().all(|thread| {
        std::fs::read_to_string(thread.path().join("stat")).is_ok_and(|stat| stat.contains(") T "))
    })
}

/// What the product makes of a file: the records that it has, and its word on those that it lacks.
struct Opened {
    found: Vec<u64>,
    status: Status,
}

/// `None`: it says that it cannot use the file. Where it can, a record is written and is there.
async fn reopen(path: &Path) -> Option<Opened> {
    const NEW: u64 = u64::MAX;
    let mut ledger = try_open(path, &["main"], ROOMY).ok()?;
    append(&mut ledger, RecordClass::Ledger, NEW - 1..NEW);
    ledger.flush().await;
    let mut found = numbers(&ask(&ledger.outbox("main"), usize::MAX).await);
    // A damage that is seen only now costs the new record, too, which is counted; or nothing can be written.
    let new = found.pop_if(|n| *n == NEW - 1);
    let status = ledger.close();
    let told = !status.outbox.gaps.is_empty() || status.set_aside.is_some() || status.error.is_some();
    assert!(new.is_some() || told, "{status:?}");
    Some(Opened { found, status })
}

fn counted(status: &Status) -> u64 {
    status.outbox.gaps.iter().map(|gap| gap.records).sum()
}

fn flip(bytes: &mut [u8], random: &mut Rng) {
    for _ in 0..random.usize(1..4) {
        let at = random.usize(0..bytes.len());
        bytes[at] ^= 1 << random.u8(0..8);
    }
}

#[tokio::test]
async fn a_power_cut_takes_no_record_that_was_committed() {
    let mut random = Rng::with_seed(1);
    for copy in copies(&mut random) {
        let dir = tempfile::tempdir().unwrap();
        let Opened { found, status } = reopen(&copy.put(dir.path())).await.unwrap();
        assert!(found.len() as u64 >= copy.durable, "{} of {}", found.len(), copy.durable);
        assert_eq!(found, (0..found.len() as u64).collect::<Vec<_>>());
        assert_eq!((status.outbox.gaps, status.set_aside), (vec![], None));
    }
}

#[tokio::test]
async fn a_journal_that_is_cut_off_or_changed_costs_the_newest_transactions_and_leaves_no_hole() {
    let mut random = Rng::with_seed(2);
    for copy in copies(&mut random) {
        for n in 0..2 * COPIES {
            let mut journal = copy.journal.clone();
            if n < COPIES {
                journal.truncate(random.usize(0..=journal.len()));
            } else {
                flip(&mut journal, &mut random);
            }
            let dir = tempfile::tempdir().unwrap();
            let path = Copy { file: copy.file.clone(), journal, durable: 0 }.put(dir.path());
            let Opened { found, status } = reopen(&path).await.unwrap();
            assert_eq!(found, (0..found.len() as u64).collect::<Vec<_>>());
            assert_eq!((status.outbox.gaps, status.set_aside), (vec![], None));
        }
    }
}

#[tokio::test]
async fn bits_that_flip_in_the_file_cost_records_that_are_counted_or_the_file_is_set_aside() {
    let mut random = Rng::with_seed(3);
    let mut refused = 0;
    for copy in copies(&mut random) {
        let settled = copy.settled();
        for _ in 0..COPIES {
            let mut file = settled.clone();
            if random.bool() {
                flip(&mut file, &mut random);
            } else {
                // A page that was never written.
                let page = random.usize(0..file.len() / 4096) * 4096;
                file[page..page + 4096].fill(0);
            }
            let dir = tempfile::tempdir().unwrap();
            let path = Copy { file, journal: Vec::new(), durable: 0 }.put(dir.path());
            let Some(Opened { found, status }) = reopen(&path).await else {
                refused += 1;
                continue;
            };
            let kept = found.len() as u64 + counted(&status);
            assert!(
                kept >= copy.durable || status.set_aside.is_some(),
                "{kept} of {}: {status:?}",
                copy.durable
            );
            assert!(found.is_sorted_by(|a, b| a < b));
        }
    }
    // Such as one of a newer version, by its looks.
    assert!(refused < MOMENTS * COPIES / 10, "{refused}");
}
