//! Faults against the outbox, and the account of every record: `tests/faults/run [short|long] [SCENARIO…]`.
//!
//! A writer puts 1,000 records a second through the ledger, its outbox and the publisher while broker, link, disk,
//! clock or the writer itself fail. Afterwards each record that was on disk for certain must be delivered, still
//! queued, or counted as dropped. Exit code 1 if one is not.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use check::Account;
use scenarios::{ALL, CONTROL, Form, Played, STOLEN};

#[path = "../it/broker.rs"]
#[allow(dead_code)]
mod broker;
mod check;
mod proxy;
mod recorder;
mod rig;
mod row;
mod scenarios;
mod tmpfs;
mod writer;

/// Scenarios at a time: mostly they wait.
const AT_ONCE: usize = 4;

/// Older than a live message can be.
const MOVED: Duration = Duration::from_secs(3_600);

type Scenario = (&'static str, fn(Form) -> Played);

/// What became of a scenario.
struct Outcome {
    name: &'static str,
    time: Duration,
    /// With the age of the oldest live message.
    account: Result<(Account, Duration), String>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [role, order] = args.as_slice()
        && role == "writer"
    {
        writer::run(&serde_json::from_str(order).expect("an order"));
        return ExitCode::SUCCESS;
    }
    let form = if args.first().is_some_and(|form| form == "long") { Form::Long } else { Form::Short };
    let names: Vec<&String> = args.iter().filter(|arg| *arg != "long" && *arg != "short").collect();
    let chosen = |name: &str| names.is_empty() || names.iter().any(|n| *n == name);
    let scenarios: Vec<Scenario> = ALL.into_iter().filter(|(name, _)| chosen(name)).collect();
    if scenarios.len() < names.len() || !broker::installed("mosquitto") {
        println!("scenarios: {}", ALL.map(|(name, _)| name).join(" "));
        return ExitCode::FAILURE;
    }
    let outcomes = play(&scenarios, form);
    println!(
        "| scenario | s | written | delivered | queued | dropped | lost | duplicates | wrong | live, s |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    outcomes.iter().for_each(|outcome| println!("{}", outcome.line()));
    // One that has panicked has no outcome.
    let all = outcomes.len() == scenarios.len() && outcomes.iter().all(Outcome::holds);
    let verdict =
        if all { "nothing is lost" } else { "FAIL: records are lost, changed or not accounted for" };
    println!("{verdict}");
    if all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Each scenario once, in the order of the list.
fn play(scenarios: &[Scenario], form: Form) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            let (next, tell) = (&next, tell.clone());
            scope.spawn(move || {
                while let Some((name, play)) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    let played = std::panic::catch_unwind(|| {
                        play(form).map(|rig| {
                            let (account, seen) = rig.account();
                            (account, seen.oldest_live)
                        })
                    });
                    if let Ok(account) = played {
                        let outcome = Outcome { name, time: start.elapsed(), account };
                        eprintln!("{}", outcome.line());
                        tell.send(outcome).unwrap();
                    }
                }
            });
        }
    });
    drop(tell);
    let mut outcomes: Vec<Outcome> = told.iter().collect();
    outcomes.sort_by_key(|outcome| scenarios.iter().position(|(name, _)| *name == outcome.name));
    outcomes
}

impl Outcome {
    /// Of the table.
    fn line(&self) -> String {
        let (name, secs) = (self.name, self.time.as_secs());
        match &self.account {
            Ok((account, live)) => {
                let Account { written, delivered, queued, dropped, lost, duplicates, wrong } = account;
                // Of no use where the writer's clock was moved.
                let live = if *live < MOVED { format!("{:.1}", live.as_secs_f64()) } else { String::new() };
                format!(
                    "| {name} | {secs} | {written} | {delivered} | {queued} | {dropped} | {lost} | {duplicates} | \
                     {wrong} | {live} |"
                )
            }
            Err(why) => format!("| {name} | not run: {why} | | | | | | | | |"),
        }
    }

    /// Nothing was lost but what was stolen; or it cannot be run here.
    fn holds(&self) -> bool {
        match &self.account {
            Ok((account, _)) => {
                let stolen = if self.name == CONTROL { STOLEN } else { 0 };
                account.lost == stolen && account.wrong == 0 && account.written > 0
            }
            Err(_) => true,
        }
    }
}
