//! `wattsplit run` on the machine, with a broker where there is one.

use std::path::Path;
use std::process::Command;

use super::machine::Machine;
use super::process::{Process, free_port};

/// The daemon, and its broker.
pub struct Ours {
    pub daemon: Process,
    /// `None`: mosquitto is not installed, and the daemon goes on without.
    pub broker: Option<Process>,
}

impl Ours {
    pub fn start(machine: &Machine, period_s: u64) -> Self {
        let port = free_port();
        let broker = broker(machine.folder(), port);
        let config = machine.folder().join("wattsplit.toml");
        std::fs::write(&config, text(machine, port, period_s)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wattsplit"));
        let command = command.args(["run", "--config"]).arg(config);
        Self { daemon: Process::start(machine.run(command)).unwrap(), broker }
    }
}

fn broker(folder: &Path, port: u16) -> Option<Process> {
    let config = folder.join("mosquitto.conf");
    let text = format!("user root\npersistence false\nlistener {port} 127.0.0.1\nallow_anonymous true\n");
    std::fs::write(&config, text).unwrap();
    // Debian installs it where only root looks.
    let programs = ["/usr/sbin/mosquitto", "mosquitto"];
    programs.into_iter().find_map(|program| Process::start(Command::new(program).arg("-c").arg(&config)).ok())
}

fn text(machine: &Machine, port: u16, period_s: u64) -> String {
    format!(
        r#"
[site]
name = "bench"
state_dir = {state:?}
[mqtt]
host = "127.0.0.1"
port = {port}
interval_secs = {period_s}
[[hosting]]
name = "ai"
terms = "reserved"
usd_per_gpu_h = 2.0
reserved_gpus = 8
[[gpu_host]]
name = "own"
hosting = "ai"
read = "nvml"
library = {library:?}
interval_secs = {period_s}
[power]
kind = "fixed"
usd_per_mwh = 45.0
[btc]
coinbase_url = ""
kraken_url = ""
bitstamp_url = ""
"#,
        state = machine.folder(),
        library = machine.library(),
    )
}
