//! What goes wrong, each against a broker, a link and a writer of its own.

use std::thread::sleep;
use std::time::Duration;

use super::proxy::Mode;
use super::rig::Rig;

mod broker_side;
mod killed;
mod link;
mod machine;

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

pub type Scenario = (&'static str, fn(Form) -> Played);

/// Those that take longest come first.
pub const ALL: [Scenario; 14] = [
    ("hole-long", link::hole_long),
    ("broker-killed", killed::broker_killed),
    ("both-killed", killed::both_killed),
    ("denied", broker_side::denied),
    ("hole-15s", link::hole_15s),
    ("backlog", link::backlog),
    ("disk-full", machine::disk_full),
    ("agent-killed", killed::agent_killed),
    ("clock", machine::clock),
    ("takeover", broker_side::takeover),
    ("packet-10k", broker_side::packet_10k),
    ("rtt-100ms", link::rtt_100ms),
    ("narrow", link::narrow),
    (CONTROL, control),
];

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
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
