//! Records into the outbox, and the bare way onto a disk.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use wattsplit::ledger::store::{Batch, Ledger};
use wattsplit::ledger::{Destination, Message, Outlet, RecordClass};
use wattsplit::publish::OutboxConfig;

use crate::row::{self, Row};
use crate::usage;

pub const BROKER: &str = "main";
/// Records of a transaction: 100 ms at 1,000 a second.
pub const BATCH: u64 = 100;
/// Of a backlog.
const LARGE_BATCH: u64 = 2_000;
const SPAN: Duration = Duration::from_secs(10);
const PAD_BYTES: usize = 60;
const TO: (RecordClass, &str) = (RecordClass::Devices, "devices/asic/row-a");

pub fn open(dir: &Path) -> Ledger {
    let to = vec![Destination { broker: BROKER.to_owned(), unwritten: mpsc::unbounded_channel().0 }];
    let outlet = Outlet::new(Arc::new(|_, _| Vec::new()), to, OutboxConfig::default().budgets());
    Ledger::open_with(&dir.join("ledger.sqlite"), Some(outlet)).unwrap()
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

pub fn message(seq: u64) -> Message {
    row::message(TO, &[Row::new("bench", seq, PAD_BYTES)])
}

/// Records/s, CPU in ms for each 1,000, and bytes written for each byte of payload; each batch is on disk before the
/// next one.
pub fn outbox(dir: &Path) -> [f64; 3] {
    let mut ledger = open(dir);
    let runtime = runtime();
    measure(|messages| {
        ledger.append(Batch { messages, ..Batch::default() }).unwrap();
        runtime.block_on(ledger.flush());
        assert_eq!(ledger.status().borrow().error, None);
    })
}

pub fn bare(dir: &Path) -> [f64; 3] {
    let mut file = File::create(dir.join("bare")).unwrap();
    measure(|messages| {
        let payloads: Vec<&[u8]> = messages.iter().map(|message| message.payload.as_slice()).collect();
        file.write_all(&payloads.concat()).unwrap();
        file.sync_data().unwrap();
    })
}

fn measure(mut write: impl FnMut(Vec<Message>)) -> [f64; 3] {
    // Made before, so that only the way to the disk is measured.
    let batch: Vec<Message> = (0..BATCH).map(message).collect();
    let payload_bytes: usize = batch.iter().map(|message| message.payload.len()).sum();
    write(batch.clone());
    let (start, cpu, written) = (Instant::now(), usage::cpu(), written_bytes());
    let mut batches = 0.0;
    while start.elapsed() < SPAN {
        write(batch.clone());
        batches += 1.0;
    }
    let records = batches * BATCH as f64;
    let cpu_ms = (usage::cpu() - cpu).as_secs_f64() * 1e3;
    let written = (written_bytes() - written) as f64;
    [
        records / start.elapsed().as_secs_f64(),
        cpu_ms / records * 1e3,
        written / (batches * payload_bytes as f64),
    ]
}

/// By this process, to the layer of block devices.
fn written_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap();
    line.parse().unwrap()
}

/// A backlog of so many records.
pub fn fill(dir: &Path, records: u64) -> [f64; 3] {
    let mut ledger = open(dir);
    let runtime = runtime();
    let start = Instant::now();
    for first in (0..records).step_by(LARGE_BATCH as usize) {
        let messages = (first..first + LARGE_BATCH).map(message).collect();
        ledger.append(Batch { messages, ..Batch::default() }).unwrap();
        runtime.block_on(ledger.flush());
    }
    let queued = ledger.close().outbox.classes.devices.messages;
    assert_eq!(queued, records);
    [start.elapsed().as_secs_f64(), 0.0, 0.0]
}
