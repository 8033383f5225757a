//! The process that writes records, through the ledger, its outbox and the publisher, until it is killed or told
//! to stop. What is on disk for certain it puts into a log of its own, after the commit.

use std::fs::File;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use wattsplit::clock;
use wattsplit::ledger::outbox::ByClass;
use wattsplit::ledger::store::{Batch, Ledger};
use wattsplit::ledger::{Destination, Message, Outlet, RecordClass};
use wattsplit::publish::mqtt::{self, Client, Records};
use wattsplit::publish::{LiveSet, MqttConfig, OutboxConfig};

use super::row::{self, Row};

pub const BROKER: &str = "main";
pub const SITE: &str = "tx01";
/// Between two batches.
const TICK: Duration = Duration::from_millis(20);
/// Between two live messages, in batches.
const LIVE_TICKS: u64 = 10;
/// Rows of one batch at most.
const BATCH: u64 = 500;
const PAD_BYTES: usize = 60;
/// Larger than a packet of 10 KiB.
const GIANT_BYTES: usize = 11_000;

/// What a writer is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Holds the ledger.
    pub dir: PathBuf,
    /// Holds a file for each boot with what was committed.
    pub log_dir: PathBuf,
    pub port: u16,
    pub boot: String,
    pub rows_per_s: u64,
    /// Rows that are written first, as fast as the ledger takes them.
    pub backlog_rows: u64,
    /// Rows of a message, but for events.
    pub rows_per_message: u64,
    /// Every so many rows one is too large for a packet of 10 KiB; 0: none is.
    pub giant_every: u64,
    /// Settings of the publisher, as lines of TOML.
    pub mqtt: String,
}

impl Order {
    pub fn config(&self) -> MqttConfig {
        let text = format!("host = \"127.0.0.1\"\nport = {}\nkeep_alive_secs = 5\n{}", self.port, self.mqtt);
        toml::from_str(&text).unwrap()
    }
}

pub fn run(order: &Order) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(write(order));
}

async fn write(order: &Order) {
    let to = vec![Destination { broker: BROKER.to_owned(), unwritten: mpsc::unbounded_channel().0 }];
    let outlet = Outlet::new(Arc::new(|_, _| Vec::new()), to, OutboxConfig::default().budgets());
    let ledger = Ledger::open_with(&order.dir.join("ledger.sqlite"), Some(outlet)).unwrap();
    let (live, newest) = watch::channel(LiveSet::default());
    let (_unwritten, unwritten) = mpsc::unbounded_channel();
    let (_written, written) = watch::channel(Some(ledger.outbox(BROKER)));
    let records = Records { unwritten, written };
    let publisher = mqtt::spawn(&order.config(), Client::site(SITE), newest, records, Vec::new()).unwrap();
    let stop = told_to_stop();
    let log = File::create(order.log_dir.join(&order.boot)).unwrap();
    let mut pen = Pen { order, ledger, log, seq: 0, messages: 0, logged: 0 };
    let start = Instant::now();
    let mut tick = tokio::time::interval(TICK);
    for n in 0_u64.. {
        tick.tick().await;
        let stopping = *stop.borrow();
        let due = order.backlog_rows + start.elapsed().as_millis() as u64 * order.rows_per_s / 1000;
        while !stopping && pen.seq < due && pen.append((due - pen.seq).min(BATCH)) {}
        pen.commit().await;
        if n % LIVE_TICKS == 0 {
            let summary = format!("{{\"at_ms\":{}}}", clock::now().wall.0);
            live.send_replace(Arc::new([("summary".to_owned(), summary.into_bytes())].into_iter().collect()));
        }
        if stopping && pen.is_done() {
            break;
        }
    }
    publisher.shutdown().await;
    pen.ledger.close();
}

/// True once a line came on standard input. Its end means that the conductor is gone.
fn told_to_stop() -> watch::Receiver<bool> {
    let (tell, told) = watch::channel(false);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if line.is_ok() {
                tell.send_replace(true);
            }
        }
        std::process::exit(3);
    });
    told
}

struct Pen<'a> {
    order: &'a Order,
    ledger: Ledger,
    log: File,
    /// Number of the next row.
    seq: u64,
    messages: u64,
    /// Rows that the log tells of.
    logged: u64,
}

impl Pen<'_> {
    /// Writes about so many rows. False where the ledger does not take them: they come again.
    fn append(&mut self, rows: u64) -> bool {
        let (mut seq, mut n) = (self.seq, self.messages);
        let mut messages: Vec<Message> = Vec::new();
        while seq < self.seq + rows {
            let topic = row::topic(n);
            let of_message = if topic.0 == RecordClass::Event { 1 } else { self.order.rows_per_message };
            let rows: Vec<Row> = (seq..seq + of_message).map(|seq| self.row(seq)).collect();
            messages.push(row::message(topic, &rows));
            seq += of_message;
            n += 1;
        }
        if self.ledger.append(Batch { messages, ..Batch::default() }).is_err() {
            return false;
        }
        (self.seq, self.messages) = (seq, n);
        true
    }

    fn row(&self, seq: u64) -> Row {
        let every = self.order.giant_every;
        let giant = every > 0 && seq % every == every - 1;
        Row::new(&self.order.boot, seq, if giant { GIANT_BYTES } else { PAD_BYTES })
    }

    /// Waits for the disk, and logs what is on it.
    async fn commit(&mut self) {
        self.ledger.flush().await;
        let on_disk = self.ledger.status().borrow().error.is_none();
        if on_disk && self.logged < self.seq {
            writeln!(self.log, "{}", self.seq).unwrap();
            self.logged = self.seq;
        }
    }

    /// All is on disk, and the broker has it.
    fn is_done(&self) -> bool {
        let health = self.ledger.status().borrow().outbox.classes;
        let ByClass { event, ledger, devices } = health;
        self.logged == self.seq && event.messages + ledger.messages + devices.messages == 0
    }
}
