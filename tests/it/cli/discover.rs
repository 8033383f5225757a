//! `wattsplit discover`: the built program against miners, and against what else may listen.

mod crowd;
mod page;
mod strangers;

use std::process::{Command, Output, Stdio};

use wattsplit::cli::discover::queue::READ_CONNECTIONS;
use wattsplit::sources::asic::HostPort;

use crate::fake_miner::{self, FakeMiner};

/// What it printed, and how it ended.
struct Found {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Found {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn program(args: &[&str], hosts: &[HostPort]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattsplit"));
    command.arg("discover").args(args).args(hosts.iter().map(ToString::to_string));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs beside the fakes, which live on the runtime of the test.
async fn to_the_end(mut command: Command) -> Found {
    tokio::task::spawn_blocking(move || command.output().unwrap().into()).await.unwrap()
}

async fn discover(args: &[&str], hosts: &[HostPort]) -> Found {
    to_the_end(program(args, hosts)).await
}

/// The row of the table for `host`.
fn row<'t>(out: &'t str, host: &HostPort) -> &'t str {
    let starts = |line: &&str| {
        line.strip_prefix("#   ").is_some_and(|line| line.split(' ').next() == Some(&host.to_string()))
    };
    out.lines().find(starts).unwrap_or_else(|| panic!("{host} is not in\n{out}"))
}

#[tokio::test]
async fn every_recorded_firmware_is_found_over_few_connections() {
    let mut fakes = Vec::new();
    for folder in fake_miner::folders().into_iter().filter(|folder| fake_miner::speaks_the_api(folder)) {
        fakes.push((FakeMiner::serve(&folder).await, folder));
    }
    let hosts: Vec<HostPort> = fakes.iter().map(|(fake, _)| fake.host.clone()).collect();
    let found = discover(&[], &hosts).await;
    assert_eq!(found.code, Some(0), "{}", found.err);
    for (fake, folder) in &fakes {
        row(&found.out, &fake.host);
        let asked = fake.asked();
        assert_eq!(asked[0], r#"{"command":"summary"}"#, "{folder}");
        assert!(asked.len() <= 1 + READ_CONNECTIONS as usize, "{folder}: {asked:?}");
        assert_eq!(fake.open_at_most(), 1, "{folder}");
    }
    let told = |folder: &str| row(&found.out, &fakes.iter().find(|(_, f)| f == folder).unwrap().0.host);
    for (folder, words) in [
        ("antminer-s21-stock-2024.07-minerpower", ["Antminer S21", "stock", "hashing"]),
        ("luxos-s19kpro-2025.4.8", ["Antminer S19k Pro", "luxos", "hashing"]),
        ("whatsminer-m56s-v2-suspended-simulated", ["WhatsMiner M56S", "stock", "idle"]),
        ("malformed/m25-invalid-command-for-all", ["–", "–", "unknown"]),
    ] {
        for word in words {
            assert!(told(folder).contains(word), "{word}: {}", told(folder));
        }
    }
}

#[tokio::test]
async fn families_with_a_port_of_their_own_are_found_there() {
    let mut fakes = Vec::new();
    for (folder, port, model) in [
        ("whatsminer-m60s-v3-20251209", ":4433", "WhatsMiner M60S"),
        ("bitaxe-gamma601-2.8-handmade", ":80", "601"),
        ("epic-s19xp-1.5.13", "", "S19 XP"),
        ("antminer-s21-cgi-handmade", ":80", "it wants a login"),
    ] {
        match FakeMiner::serve_at_its_port(folder).await {
            Some(fake) => fakes.push((fake, port, model)),
            None => eprintln!("skipped: this process may not listen at port 80"),
        }
    }
    let addresses: Vec<String> = fakes.iter().map(|(fake, ..)| fake.host.host.to_string()).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let found = discover(&addresses, &[]).await;
    assert_eq!(found.code, Some(0), "{}", found.err);
    for (fake, port, model) in &fakes {
        let address = format!("{}{port}", fake.host.host);
        let row = found.out.lines().find(|line| line.contains(&format!("{address} ")));
        assert!(row.is_some_and(|row| row.contains(model)), "{address} {model}: {}", found.out);
        assert_eq!(fake.open_at_most(), 1);
        if *model == "it wants a login" {
            assert!(
                fake.asked().iter().all(|asked| asked == "GET /api/system/info HTTP/1.1"),
                "{:?}",
                fake.asked()
            );
            assert!(found.out.contains("\n#username = \"\"\n#password_file = \"\"\n"), "{}", found.out);
        }
    }
}

#[tokio::test]
async fn what_it_prints_is_a_config_that_is_accepted() {
    let mut hosts = Vec::new();
    let mut fakes = Vec::new();
    for folder in ["antminer-s21-stock-2024.07-minerpower", "whatsminer-unknown-v1-20210322"] {
        let fake = FakeMiner::serve(folder).await;
        hosts.push(fake.host.clone());
        fakes.push(fake);
    }
    // Twice the same one.
    hosts.push(hosts[0].clone());
    let found = discover(&["--group", "row-7"], &hosts).await;
    assert_eq!(found.code, Some(0), "{}", found.err);
    assert!(found.err.starts_with("2 addresses, ports "), "{}", found.err);
    assert!(found.err.lines().count() == 2 && found.err.contains(": 2 miners\n"), "{}", found.err);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wattsplit.toml");
    let rest = "[site]\nname = \"ridge\"\n[[pool]]\nname = \"p\"\nkind = \"ocean\"\naddress = \"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq\"\nfee = 0.01\n";
    std::fs::write(&file, format!("{rest}{}", found.out)).unwrap();
    let checked = Command::new(env!("CARGO_BIN_EXE_wattsplit")).arg("check").arg(&file).output().unwrap();
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains("row-7: 2 addresses"), "{said}{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn hosts_that_cannot_be_meant_are_a_usage_error() {
    for (args, why) in [
        (&["discover"][..], "<HOSTS>..."),
        (&["discover", "10.20.0.9-40"], "the end of a range is a whole address"),
        (&["discover", "10.0.0.0/8"], "more than 65536 addresses"),
        (&["discover", "10.20.0.0/24", "--group", "Row A"], "lower-case letters, digits and hyphens"),
        (&["discover", "10.20.0.0/24", "--rate", "0"], "--rate"),
    ] {
        let found: Found = Command::new(env!("CARGO_BIN_EXE_wattsplit")).args(args).output().unwrap().into();
        assert_eq!(found.code, Some(2), "{args:?}: {}", found.err);
        assert!(found.err.contains(why) && found.out.is_empty(), "{args:?}: {}", found.err);
    }
}
