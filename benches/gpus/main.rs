//! Prints what it costs to watch eight GPUs every five seconds: `cargo bench --bench gpus`. Next to the daemon runs
//! nvitop-exporter from PyPI, at the same rate and at the same time, on the same stand-in for NVIDIA's library. Exit
//! code 1 if a budget is broken. The daemon runs as a node, as on a host of GPUs, which is judged, and once more as
//! the agent of a site, with ledger, prices and advice. `-- PROGRAM` measures another build, such as a package's.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use machine::{GPUS, Machine};
use nvitop::{Nvitop, PACKAGE};
use ours::Ours;

mod machine;
mod nvitop;
mod ours;
mod process;
mod usage;

const PERIOD: Duration = Duration::from_secs(5);
/// Both have read everything more than once, and Python has compiled what it runs.
const WARM_UP: Duration = Duration::from_secs(20);
/// Two readings of what changes rarely are in it.
const WINDOW: Duration = Duration::from_secs(120);

/// Most of nvitop-exporter's CPU time, and of its memory.
const MOST_CPU: f64 = 1.0 / 4.0;
const MOST_RSS: f64 = 1.0 / 3.0;

/// What a process used in the window.
struct Used {
    cpu_s: f64,
    rss_mb: f64,
    anon_mb: f64,
}

fn main() -> ExitCode {
    let machine = Machine::new();
    let period_s = PERIOD.as_secs();
    // Cargo adds `--bench`.
    let program = std::env::args().skip(1).find(|arg| arg != "--bench");
    let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_wattsplit").to_owned());
    let ours = Ours::start(&program, &machine, period_s);
    let nvitop = Nvitop::start(&machine, period_s);
    if ours.broker.is_none() {
        println!("mosquitto is not installed: the daemon has no broker");
    }
    scrape_for(WARM_UP, nvitop.as_ref().ok());
    let nvitop = nvitop.and_then(|nvitop| {
        if nvitop.is_well() { Ok(nvitop) } else { Err("it does not read the GPUs".to_owned()) }
    });
    let exporter = nvitop.as_ref().ok().map(|nvitop| nvitop.exporter.id());
    let processes = [Some(ours.node.id()), Some(ours.site.id()), exporter];
    let before = processes.map(|pid| pid.map(usage::cpu));
    scrape_for(WINDOW, nvitop.as_ref().ok());
    let used = |n: usize| {
        let (pid, before) = (processes[n]?, before[n]?);
        let (rss_kb, anon_kb) = usage::rss_kb(pid);
        let cpu_s = usage::cpu(pid).saturating_sub(before).as_secs_f64();
        Some(Used { cpu_s, rss_mb: rss_kb as f64 / 1024.0, anon_mb: anon_kb as f64 / 1024.0 })
    };
    println!("{GPUS} GPUs every {period_s} s, for {} s:", WINDOW.as_secs());
    println!("| reader | CPU of a core | CPU s | RSS MB | of which anonymous |\n|---|---:|---:|---:|---:|");
    let ours = used(0).unwrap();
    ours.print("wattsplit run, a node");
    used(1).unwrap().print("wattsplit run, a site");
    match (used(2), nvitop) {
        (Some(theirs), Ok(_)) => {
            theirs.print(PACKAGE);
            let (cpu, rss) = (ours.cpu_s / theirs.cpu_s, ours.rss_mb / theirs.rss_mb);
            let judge = |what, ratio: f64, most: f64| {
                println!(
                    "{} {what}: ratio {ratio:.3}, at most {most:.3}",
                    if ratio <= most { "PASS" } else { "FAIL" }
                );
                ratio <= most
            };
            let holds = [judge("CPU", cpu, MOST_CPU), judge("RSS", rss, MOST_RSS)];
            if holds == [true; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        (_, nvitop) => {
            let why = nvitop.err().unwrap_or_default();
            println!("nothing to compare with, nothing is judged: no {PACKAGE} ({why})");
            ExitCode::SUCCESS
        }
    }
}

/// Scrapes once per period until the time is over.
fn scrape_for(span: Duration, nvitop: Option<&Nvitop>) {
    let start = Instant::now();
    while start.elapsed() < span {
        sleep(PERIOD.min(span.saturating_sub(start.elapsed())));
        if let Some(nvitop) = nvitop {
            // One that does not answer yet is seen when the window begins.
            let _ = nvitop.scrape();
        }
    }
}

impl Used {
    fn print(&self, reader: &str) {
        let share = self.cpu_s / WINDOW.as_secs_f64() * 100.0;
        let Self { cpu_s, rss_mb, anon_mb } = self;
        println!("| {reader} | {share:.3} % | {cpu_s:.3} | {rss_mb:.1} | {anon_mb:.1} |");
    }
}
