//! Prints what it costs to keep records on disk until the broker has them: `cargo bench --bench outbox`. Each part runs
//! in a process of its own, beside a bare one that does only what must be done: a file that is appended to and synced,
//! and the MQTT crate with messages in memory. Exit code 1 if a backlog of a million records takes more than 32 MB.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

#[path = "../../tests/it/broker.rs"]
#[allow(dead_code)]
mod broker;
mod drain;
#[path = "../../tests/faults/proxy.rs"]
#[allow(dead_code)]
mod proxy;
#[path = "../../tests/faults/row.rs"]
#[allow(dead_code)]
mod row;
mod store;
#[path = "../fleet/usage.rs"]
#[allow(dead_code)]
mod usage;

const MOST_ABOVE_IDLE_MB: f64 = 32.0;
const BACKLOG: u64 = 1_000_000;

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let texts: Vec<&str> = args.iter().map(String::as_str).collect();
    let measured = match texts.as_slice() {
        [] => return all(),
        ["write", "outbox", dir] => store::outbox(Path::new(dir)),
        ["write", _, dir] => store::bare(Path::new(dir)),
        ["fill", dir] => store::fill(Path::new(dir), BACKLOG),
        ["resident", dir, port] => drain::resident(Path::new(dir), port.parse().unwrap()),
        ["drain", "outbox", port, dir] => drain::outbox(Path::new(dir), port.parse().unwrap()),
        ["drain", _, port, _] => drain::bare(port.parse().unwrap()),
        _ => panic!("{texts:?}"),
    };
    println!("{}", measured.map(|value| value.to_string()).join(" "));
    ExitCode::SUCCESS
}

/// Runs a part in a process of its own.
fn part(args: &[&str]) -> [f64; 3] {
    let output = Command::new(std::env::current_exe().unwrap()).args(args).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut values = text.split_whitespace().map(|value| value.parse().unwrap());
    let values = [(); 3].map(|()| values.next());
    let failed = || panic!("{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    values.map(|value| value.unwrap_or_else(failed))
}

fn all() -> ExitCode {
    let dir = tempfile::tempdir().unwrap();
    println!(
        "| into the outbox, {} records a commit, synced | records/s | CPU ms per 1,000 | bytes written per byte |",
        store::BATCH
    );
    println!("|---|---:|---:|---:|");
    for (name, what) in [("outbox", "outbox"), ("bare", "a file, appended to and synced")] {
        let [rate, cpu_ms, amplification] = part(&["write", name, &dir.path().display().to_string()]);
        println!("| {what} | {rate:.0} | {cpu_ms:.1} | {amplification:.2} |");
    }
    let Some(broker) = broker::Broker::open() else { return ExitCode::SUCCESS };
    let Some(wide) = broker::Broker::start("allow_anonymous true\nmax_inflight_messages 1000") else {
        return ExitCode::SUCCESS;
    };
    let filled = dir.path().join("filled");
    std::fs::create_dir(&filled).unwrap();
    let filled = filled.display().to_string();
    part(&["fill", &filled]);
    let held = resident(&dir.path().join("idle"), &filled, broker.port);
    println!(
        "\n| to the broker, one record a message | RTT, ms | in flight | records/s | CPU ms per 1,000 |"
    );
    println!("|---|---:|---:|---:|---:|");
    for (window, broker) in [(20, &broker), (100, &wide)] {
        for rtt_ms in [0, 100] {
            let link = proxy::Proxy::start(broker.port);
            link.set(proxy::Mode::Delay(Duration::from_millis(rtt_ms / 2)));
            let port = if rtt_ms == 0 { broker.port } else { link.port };
            for (name, what) in [("outbox", "outbox"), ("bare", "rumqttc, from memory")] {
                let [rate, cpu_ms, _] = part(&["drain", name, &port.to_string(), &filled]);
                println!("| {what} | {rtt_ms} | {window} | {rate:.0} | {cpu_ms:.1} |");
            }
        }
    }
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Memory with the backlog while it goes out, and with an empty outbox. False if it is too much.
fn resident(idle: &Path, filled: &str, port: u16) -> bool {
    std::fs::create_dir(idle).unwrap();
    let rss = |dir: &str| part(&["resident", dir, &port.to_string()]);
    let [idle_mb, ..] = rss(&idle.display().to_string());
    let [open_mb, draining_mb, file_mb] = rss(filled);
    let above_mb = open_mb.max(draining_mb) - idle_mb;
    println!(
        "\n| resident, MB | idle | {BACKLOG} records ({file_mb:.0} MB on disk) | while they go out | above idle |"
    );
    println!("|---|---:|---:|---:|---:|");
    println!("| ledger and publisher | {idle_mb:.1} | {open_mb:.1} | {draining_mb:.1} | {above_mb:.1} |");
    above_mb <= MOST_ABOVE_IDLE_MB
}
