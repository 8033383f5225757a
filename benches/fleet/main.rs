//! Prints what it costs to read a fleet: `cargo bench --bench fleet`, or one size: `… --bench fleet -- 1000`.
//!
//! Three processes: a simulator with an address for each miner, the client as the daemon runs it, and a bare
//! client that makes the same connections. The clients are limited to 1,024 open files. They run in turns, all on
//! one CPU; the ratio of what they took in all turns is judged. Exit code 1 if a budget is broken.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::ExitCode;
use std::time::Duration;

use client::{LIMITS, Pace};
use mimalloc::MiMalloc;
use process::{LONGEST, Process};
use report::{Client, Round, Verdict};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::runtime::{Builder, LocalOptions};
use wattsplit::sources::runner::{self, Limits};

mod addresses;
mod bare;
mod client;
#[allow(dead_code, unused_imports)]
#[path = "../../tests/it/fake_miner.rs"]
mod fake_miner;
mod machines;
mod process;
mod report;
mod simulator;
mod usage;

// As in `main`; the bare client has it, too.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const SIZES: [usize; 3] = [1_000, 10_000, 30_000];
/// Both clients spend most of their time in the kernel, and what that takes differs from run to run.
const ROUNDS: usize = 5;
const PERIOD: Duration = Duration::from_secs(30);
const FILES: &str = "1024";

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    // As in `main`.
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    match args[..] {
        ["simulator", machines] => {
            runtime.block_on(simulator::run(machines.parse().unwrap()));
        }
        ["client", machines, port, period, faulty] => {
            let pace = match period.parse().unwrap() {
                0 => Pace::FlatOut,
                secs => Pace::Period(Duration::from_secs(secs)),
            };
            let (machines, port) = (machines.parse().unwrap(), port.parse().unwrap());
            let (go, told) = tokio::sync::oneshot::channel();
            let measured = client::run(machines, port, pace, faulty == "faulty", told);
            let client = runtime.block_on(async {
                // As `cli::main` does.
                let measured = runner::beside(measured);
                tokio::select! {
                    client = measured => Some(client),
                    () = with_parent(go) => None,
                }
            });
            println!("{}", serde_json::to_string(&client.unwrap()).unwrap());
        }
        ["bare", journal, how] => {
            let bare = runtime.block_on(bare::run(journal, Limits::of(LIMITS).healthy, how == "spared"));
            println!("{}", serde_json::to_string(&bare).unwrap());
        }
        [] => return compare(&SIZES),
        [size] => return compare(&[size.replace(['_', ','], "").parse().unwrap()]),
        _ => panic!("one number of miners, or none"),
    }
    ExitCode::SUCCESS
}

/// Tells of the first line of the input, and ends when the input does, or after [`LONGEST`].
async fn with_parent(go: tokio::sync::oneshot::Sender<()>) {
    let mut lines = process::input();
    let all = async {
        if lines.recv().await.is_some() {
            let _ = go.send(());
        }
        while lines.recv().await.is_some() {}
    };
    let _ = tokio::time::timeout(LONGEST, all).await;
}

fn compare(sizes: &[usize]) -> ExitCode {
    stay_on_one_cpu();
    let most = sizes.iter().copied().max().unwrap();
    let mut simulator = Process::start("$(ulimit -H -n)", &["simulator", &most.to_string()]);
    let port = simulator.line();
    let mut verdict = Verdict::default();
    let mut results = Vec::new();
    Round::heading();
    for size in sizes {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let round = flat_out(*size, &port, &mut simulator);
            round.print(*size);
            rounds.push(round);
        }
        results.push((*size, rounds));
    }
    let well = paced(most, &port, "well");
    well.print_paced("all well");
    let faulty = paced(most, &port, "faulty");
    faulty.print_paced("10 % silent, 10 % refusing");
    for (size, rounds) in &results {
        verdict.flat_out(*size, rounds);
    }
    verdict.paced("all well", &well);
    verdict.paced("10 % silent, 10 % refusing", &faulty);
    if verdict.broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// With the simulator on another one, what a connection takes in the kernel differs by a quarter from one run to the
/// next: by who meets whose packets, and by what else that CPU shares. The children inherit it.
fn stay_on_one_cpu() {
    let allowed = sched_getaffinity(None).unwrap();
    let first = (0..CpuSet::MAX_CPU).find(|cpu| allowed.is_set(*cpu)).unwrap();
    let mut one = CpuSet::new();
    one.set(first);
    sched_setaffinity(None, &one).unwrap();
}

/// As fast as it goes, and the bare client on the same connections, both ways.
fn flat_out(machines: usize, port: &str, simulator: &mut Process) -> Round {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.json");
    let journal = journal.to_str().unwrap();
    let mut tell = |line: &str| {
        simulator.say(line);
        simulator.expect(line);
    };
    let mut client = Process::start(FILES, &["client", &machines.to_string(), port, "0", "well"]);
    client.expect("steady");
    tell("record");
    client.say("go");
    client.expect("measured");
    tell("pause");
    let measured = serde_json::from_str(&client.line()).unwrap();
    drop(client);
    tell(journal);
    let bare = |how| {
        let measured = Process::start(FILES, &["bare", journal, how]).line();
        serde_json::from_str(&measured).unwrap()
    };
    Round { client: measured, bare: bare("plain"), spared: bare("spared") }
}

/// Once per period, as it is configured.
fn paced(machines: usize, port: &str, health: &str) -> Client {
    let period = PERIOD.as_secs().to_string();
    let mut client = Process::start(FILES, &["client", &machines.to_string(), port, &period, health]);
    client.expect("steady");
    client.say("go");
    client.expect("measured");
    serde_json::from_str(&client.line()).unwrap()
}
