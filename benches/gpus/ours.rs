//! `wattsplit run` on the machine, as a node and as the agent of a site, with a broker where there is one.

use std::path::Path;
use std::process::Command;

use super::machine::Machine;
use super::process::{Process, free_port};

/// Both daemons, and their broker.
pub struct Ours {
    /// What runs on a host of GPUs that is not the whole site.
    pub node: Process,
    pub site: Process,
    /// `None`: mosquitto is not installed, and the daemons go on without.
    pub broker: Option<Process>,
}

impl Ours {
    pub fn start(program: &str, machine: &Machine, period_s: u64) -> Self {
        let port = free_port();
        let broker = broker(machine.folder(), port);
        let run = |role: &str, money: &str| {
            let state = machine.folder().join(role);
            std::fs::create_dir(&state).unwrap();
            let config = state.join("wattsplit.toml");
            let devices = devices(machine, &state, role, port, period_s);
            std::fs::write(&config, devices + money).unwrap();
            let mut command = Command::new(program);
            Process::start(machine.run(command.args(["run", "--config"]).arg(config))).unwrap()
        };
        Self { node: run("node", ""), site: run("site", MONEY), broker }
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

fn devices(machine: &Machine, state: &Path, role: &str, port: u16, period_s: u64) -> String {
    format!(
        r#"
[site]
name = "bench"
role = "{role}"
node = "own"
state_dir = {state:?}
[mqtt]
host = "127.0.0.1"
port = {port}
interval_secs = {period_s}
[[gpu_host]]
name = "own"
hosting = "ai"
read = "nvml"
library = {library:?}
interval_secs = {period_s}
"#,
        library = machine.library(),
    )
}

const MONEY: &str = r#"
[[hosting]]
name = "ai"
terms = "reserved"
usd_per_gpu_h = 2.0
reserved_gpus = 8
[power]
kind = "fixed"
usd_per_mwh = 45.0
[btc]
coinbase_url = ""
kraken_url = ""
bitstamp_url = ""
"#;
