//! What goes wrong, each against a broker, a link and a writer of its own.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use super::proxy::Mode;
use super::recorder;
use super::rig::{Rig, pause};
use super::writer::SITE;

/// How often and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For the gate.
    Short,
    Long,
}

impl Form {
    fn pick<T>(self, short: T, long: T) -> T {
        match self {
            Form::Short => short,
            Form::Long => long,
        }
    }
}

/// What a scenario leaves: the rig to account for, or why it cannot be run here.
pub type Played = Result<Rig, String>;

/// Those that take longest come first.
pub const ALL: [(&str, fn(Form) -> Played); 14] = [
    ("hole-long", hole_long),
    ("broker-killed", broker_killed),
    ("both-killed", both_killed),
    ("denied", denied),
    ("hole-15s", hole_15s),
    ("backlog", backlog),
    ("disk-full", disk_full),
    ("agent-killed", agent_killed),
    ("clock", clock),
    ("takeover", takeover),
    ("packet-10k", packet_10k),
    ("rtt-100ms", rtt_100ms),
    ("narrow", narrow),
    (CONTROL, control),
];

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Killed and restarted 50 times. It stays up long enough for the publisher to take it for a new outage each time.
fn broker_killed(form: Form) -> Played {
    let (mut rig, mut random) = (Rig::open(), fastrand::Rng::with_seed(1));
    rig.start_writer();
    for _ in 0..form.pick(4, 50) {
        pause(&mut random, 5_000..8_000);
        rig.kill_broker();
        pause(&mut random, 0..1_000);
        rig.start_broker();
    }
    Ok(rig)
}

/// Killed 100 times at random.
fn agent_killed(form: Form) -> Played {
    let (mut rig, mut random) = (Rig::open(), fastrand::Rng::with_seed(2));
    for _ in 0..form.pick(10, 100) {
        rig.start_writer();
        pause(&mut random, 50..2_500);
    }
    rig.start_writer();
    Ok(rig)
}

/// Broker and writer, in no order.
fn both_killed(form: Form) -> Played {
    let (mut rig, mut random) = (Rig::open(), fastrand::Rng::with_seed(3));
    rig.start_writer();
    for _ in 0..form.pick(6, 75) {
        pause(&mut random, 500..5_000);
        if random.bool() {
            rig.start_writer();
        } else {
            rig.kill_broker();
            pause(&mut random, 0..1_000);
            rig.start_broker();
        }
        if random.u8(0..4) == 0 {
            rig.broker.kill();
            rig.kill_writer();
            rig.kill_broker();
            rig.start_broker();
            rig.start_writer();
        }
    }
    Ok(rig)
}

/// The link forwards nothing for 15 s, 20 times.
fn hole_15s(form: Form) -> Played {
    let mut rig = Rig::open();
    rig.start_writer();
    for _ in 0..form.pick(1, 20) {
        sleep(secs(form.pick(4, 20)));
        rig.link.set(Mode::BlackHole);
        sleep(secs(15));
        rig.link.set(Mode::Pass);
    }
    sleep(secs(2));
    Ok(rig)
}

/// Likewise for ten minutes.
fn hole_long(form: Form) -> Played {
    let mut rig = Rig::open();
    rig.start_writer();
    sleep(secs(5));
    rig.link.set(Mode::BlackHole);
    sleep(secs(form.pick(40, 600)));
    rig.link.set(Mode::Pass);
    sleep(secs(2));
    Ok(rig)
}

/// The ledger's file system fills up while the link is cut, stays full while it is there again, and is freed.
fn disk_full(form: Form) -> Played {
    let mut rig = Rig::open();
    let disk = Tmpfs::new(&rig)?;
    rig.order.dir = rig.path("disk");
    let ballast = rig.path("disk/ballast");
    std::fs::write(&ballast, vec![0; 61 << 20]).map_err(|error| error.to_string())?;
    rig.link.set(Mode::Cut);
    rig.start_writer();
    sleep(secs(form.pick(12, 60)));
    rig.link.set(Mode::Pass);
    sleep(secs(form.pick(8, 120)));
    if std::fs::write(rig.path("disk/more"), vec![0; 64 << 10]).is_ok() {
        return Err("the disk did not fill up".to_owned());
    }
    std::fs::remove_file(&ballast).map_err(|error| error.to_string())?;
    sleep(secs(6));
    rig.keep(disk);
    Ok(rig)
}

/// A small file system of the scenario's own.
pub struct Tmpfs(std::path::PathBuf);

impl Tmpfs {
    fn new(rig: &Rig) -> Result<Self, String> {
        let dir = rig.path("disk");
        std::fs::create_dir(&dir).map_err(|error| error.to_string())?;
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(&dir).output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Self(dir)),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("mount: {error}")),
        }
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: the writer may still have its files open. What stays is in the way of its directory only.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Debian's package `faketime`.
const FAKETIME: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];

/// The writer's wall clock jumps a day ahead, back, a day behind, and back; one boot begins in each.
fn clock(form: Form) -> Played {
    let mut rig = Rig::open();
    let library = FAKETIME.into_iter().find(|path| std::path::Path::new(path).exists());
    let library = library.ok_or("libfaketime is not installed")?;
    let offset = rig.path("offset");
    let set = |text: &str| std::fs::write(&offset, text).map_err(|error| error.to_string());
    set("+0")?;
    rig.environment = vec![
        ("LD_PRELOAD", library.to_owned()),
        ("FAKETIME_TIMESTAMP_FILE", offset.display().to_string()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    rig.start_writer();
    for _ in 0..form.pick(1, 10) {
        for text in ["+1d", "+0", "-1d", "+0"] {
            sleep(secs(3));
            set(text)?;
            sleep(secs(3));
            if text != "+0" {
                rig.start_writer();
            }
        }
    }
    Ok(rig)
}

/// Another client takes the session over, again and again.
fn takeover(form: Form) -> Played {
    let mut rig = Rig::open();
    rig.start_writer();
    for _ in 0..form.pick(3, 30) {
        sleep(secs(7));
        let other = recorder::connect(rig.broker.port, &format!("wattsplit-{SITE}"));
        sleep(Duration::from_millis(300));
        drop(other);
    }
    Ok(rig)
}

/// The access list lets nothing through but rows of devices, then everything.
fn denied(form: Form) -> Played {
    let list = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let path = list.path().to_owned();
    let set = |text: &str| std::fs::write(&path, text).map_err(|error| error.to_string());
    let some = "topic write wattsplit/+/status\ntopic write wattsplit/+/summary\ntopic write wattsplit/+/devices/#\n";
    set(some)?;
    let mut rig =
        Rig::new(&format!("allow_anonymous true\nmax_queued_messages 1000000\nacl_file {}", path.display()));
    rig.start_writer();
    for _ in 0..form.pick(1, 10) {
        sleep(secs(8));
        set("topic readwrite #\n")?;
        rig.broker.reload();
        sleep(secs(form.pick(1, 40)));
        if form == Form::Long {
            set(some)?;
            rig.broker.reload();
        }
    }
    set("topic readwrite #\n")?;
    rig.broker.reload();
    Ok(rig)
}

/// The broker takes packets of 10 KiB, messages are larger and have to be cut, and one row in 5,000 fits in none.
fn packet_10k(form: Form) -> Played {
    let mut rig = Rig::new("allow_anonymous true\nmax_queued_messages 1000000\nmax_packet_size 10240");
    (rig.order.rows_per_message, rig.order.giant_every) = (100, 5_000);
    rig.start_writer();
    sleep(secs(form.pick(15, 300)));
    Ok(rig)
}

/// 100 ms each way. Mosquitto lets 20 publishes be in flight: messages hold ten rows each.
fn rtt_100ms(form: Form) -> Played {
    let mut rig = Rig::open();
    rig.order.rows_per_message = 10;
    rig.link.set(Mode::Delay(Duration::from_millis(100)));
    rig.start_writer();
    sleep(secs(form.pick(15, 300)));
    Ok(rig)
}

/// The link carries less than is written, 50 kB/s, and is as it was again.
fn narrow(form: Form) -> Played {
    let mut rig = Rig::open();
    rig.link.set(Mode::BytesPerSecond(50_000));
    rig.start_writer();
    sleep(secs(form.pick(15, 120)));
    rig.link.set(Mode::Pass);
    Ok(rig)
}

/// Shows that the account tells a loss: records are taken from the queue behind the outbox's back, which then does
/// not count them.
pub const CONTROL: &str = "control";
pub const STOLEN: u64 = 100;

fn control(_: Form) -> Played {
    let mut rig = Rig::open();
    rig.link.set(Mode::Cut);
    rig.start_writer();
    sleep(secs(3));
    rig.kill_writer();
    let steal = format!(
        "DELETE FROM outbox_ledger WHERE n <= {STOLEN};
         UPDATE outbox_state SET messages = messages - {STOLEN} WHERE class = 'ledger'"
    );
    let ledger = rusqlite::Connection::open(rig.order.dir.join("ledger.sqlite"));
    ledger.and_then(|ledger| ledger.execute_batch(&steal)).map_err(|error| error.to_string())?;
    rig.link.set(Mode::Pass);
    rig.start_writer();
    sleep(secs(1));
    Ok(rig)
}

/// A backlog of a day goes out while records and live topics go on: 288 intervals of 10 blocks and 30 groups with a
/// message of fifty rows for each, after the broker was away.
fn backlog(form: Form) -> Played {
    let mut rig = Rig::open();
    rig.link.set(Mode::Cut);
    (rig.order.rows_per_message, rig.order.backlog_rows) = (50, 288 * form.pick(100, 1_510));
    rig.start_writer();
    sleep(secs(form.pick(15, 90)));
    rig.link.set(Mode::Pass);
    sleep(secs(form.pick(15, 60)));
    Ok(rig)
}
