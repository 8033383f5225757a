//! A broker, a recorder behind it, a link that can be cut before it, and the writer at the other end.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use super::check::{Account, Seen};
use super::proxy::{Mode, Proxy};
use super::recorder::Recorder;
use super::tmpfs::Tmpfs;
use super::writer::Order;
use crate::broker::Broker;

/// For what is queued at the end. What is left then counts as queued.
const DRAIN: Duration = Duration::from_secs(900);

pub struct Rig {
    pub broker: Broker,
    pub link: Proxy,
    pub order: Order,
    /// Of the writer, such as for a library that is loaded before all others.
    pub environment: Vec<(&'static str, String)>,
    recorder: Recorder,
    writer: Option<Writer>,
    boots: u32,
    disk: Option<Tmpfs>,
    dir: TempDir,
}

impl Rig {
    /// 1,000 rows a second, one in a message. `settings` are those of mosquitto's listener.
    pub fn new(settings: &str) -> Self {
        let broker = Broker::start(settings).expect("mosquitto is not installed");
        let dir = TempDir::new().unwrap();
        let link = Proxy::start(broker.port);
        let recorder = Recorder::start(broker.observer_port);
        let log_dir = dir.path().join("log");
        std::fs::create_dir(&log_dir).unwrap();
        let order = Order {
            dir: dir.path().to_owned(),
            log_dir,
            port: link.port,
            boot: String::new(),
            rows_per_s: 1_000,
            backlog_rows: 0,
            rows_per_message: 1,
            giant_every: 0,
            mqtt: "no_matching_subscribers = \"keep\"".to_owned(),
        };
        link.set(Mode::Pass);
        Self {
            broker,
            link,
            order,
            environment: Vec::new(),
            recorder,
            writer: None,
            boots: 0,
            disk: None,
            dir,
        }
    }

    /// The broker is open to everybody.
    pub fn open() -> Self {
        Self::new("allow_anonymous true\nmax_queued_messages 1000000")
    }

    /// For files of the scenario.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Holds a file system until the account is made.
    pub fn keep(&mut self, disk: Tmpfs) {
        self.disk = Some(disk);
    }

    /// A new process with a new boot.
    pub fn start_writer(&mut self) {
        self.kill_writer();
        self.boots += 1;
        self.order.boot = format!("boot-{}", self.boots);
        self.writer = Some(Writer::start(&self.order, &self.environment));
    }

    pub fn kill_writer(&mut self) {
        self.writer = None;
    }

    /// Kills the broker as a power cut would, while all others go on.
    pub fn kill_broker(&mut self) {
        self.broker.kill();
        self.link.set(Mode::Cut);
    }

    /// The link is there again only once the recorder is: a message that nobody hears is the broker's to drop.
    pub fn start_broker(&mut self) {
        self.broker.restart();
        self.recorder.wait_until_up();
        self.link.set(Mode::Pass);
    }

    /// Stops to write, waits until the outbox is empty and accounts for every row.
    pub fn account(mut self) -> (Account, Seen) {
        if let Some(writer) = self.writer.take() {
            writer.finish();
        }
        let seen = self.recorder.finish();
        let account = Account::new(&self.order.log_dir, &self.order.dir.join("ledger.sqlite"), &seen);
        (account, seen)
    }
}

/// The writer's process; killed (-9) when it is dropped.
struct Writer {
    child: Child,
    ended: Receiver<()>,
}

impl Writer {
    fn start(order: &Order, environment: &[(&'static str, String)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["writer", &serde_json::to_string(order).unwrap()])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, ended) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).for_each(|line| eprintln!("{line}"));
            // Nobody waits for one that was killed.
            let _ = tell.send(());
        });
        Self { child, ended }
    }

    fn finish(mut self) {
        // One that has died by itself leaves what the account then shows.
        let _ = self.child.stdin.as_mut().unwrap().write_all(b"stop\n");
        if self.ended.recv_timeout(DRAIN).is_err() {
            eprintln!("the outbox is not empty after {} s", DRAIN.as_secs());
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A time between two, in milliseconds.
pub fn pause(random: &mut fastrand::Rng, ms: std::ops::Range<u64>) {
    sleep(Duration::from_millis(random.u64(ms)));
}
