//! `wattsplit discover`: finds miners by asking, and prints the config for them.
//!
//! [`probe`] knocks: one connection, one question. Only what answers that like a miner is asked more, by the
//! driver that the daemon has. [`queue`] decides what is asked when; standard output gets [`report`] and
//! nothing else, and in a file that is a config.

mod progress;
pub mod queue;
pub mod ranges;
pub mod report;
mod scan;

use std::collections::{BTreeSet, HashSet};
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Resource, getrlimit};

use super::CliError;
use super::table::cells::{age, number};
use crate::publish::topics;
use crate::service;
use crate::sources::asic::miner::Limits;
use crate::sources::asic::{HostPort, hosts, probe};
use queue::{Findings, Pace, Queue, READ_CONNECTIONS};

/// Connections at the same time: enough for the default rate where nobody answers, within the usual 1,024
/// open files.
const PLACES: usize = 768;
/// Ports that are named rather than counted.
const LISTED_PORTS: usize = 4;
/// Open files beside the connections.
const OTHER_FILES: u64 = 32;

/// Where to ask, how fast, and the name of what is found.
#[derive(Debug, Clone, clap::Args)]
pub struct DiscoverArgs {
    /// Addresses, ranges (10.20.8.10-10.20.8.60) and CIDRs (10.20.0.0/22), each with an optional :port
    #[arg(required = true, value_name = "HOSTS")]
    hosts: Vec<String>,
    /// Port of hosts that name none; again for one more
    #[arg(long, value_name = "PORT", default_values_t = probe::PORTS,
          value_parser = clap::value_parser!(u16).range(1..))]
    port: Vec<u16>,
    /// Most connections per second
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Name of the group in the config that is printed
    #[arg(long, value_name = "NAME", default_value = "found", value_parser = group)]
    group: String,
}

fn group(name: &str) -> Result<String, String> {
    if topics::is_id(name) {
        Ok(name.to_owned())
    } else {
        Err("expected lower-case letters, digits and hyphens".to_owned())
    }
}

/// Asks, and prints what was found.
///
/// # Errors
/// Hosts that cannot be understood or are too many, and if no miner was found.
pub(super) async fn discover(args: &DiscoverArgs) -> Result<(), CliError> {
    let hosts = targets(&args.hosts, &args.port).map_err(CliError::Usage)?;
    Ok(ask(args, hosts).await?)
}

async fn ask(args: &DiscoverArgs, hosts: Vec<HostPort>) -> anyhow::Result<()> {
    let stop = service::termination().context("failed to watch for signals")?;
    let pace = Pace { per_second: args.rate, places: places(getrlimit(Resource::Nofile).current) };
    tell(&intent(&hosts, pace));
    let start = crate::clock::now();
    let mut queue = Queue::new(hosts, pace);
    scan::scan(&mut queue, stop).await;
    let findings = queue.findings;
    tell(&outcome(&findings, crate::clock::now().since(start)));
    let mut out = std::io::stdout().lock();
    let text = page(&findings, &args.group, out.is_terminal().then(super::terminal_width));
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")?;
    if findings.miners.is_empty() {
        bail!("no miner was found");
    }
    Ok(())
}

/// The table and the config. Whatever is no terminal of some width gets the table as comments: it is a config
/// from end to end, to be written into a file.
fn page(findings: &Findings, group: &str, terminal: Option<usize>) -> String {
    let table = report::table(findings, terminal.unwrap_or(usize::MAX));
    let table = if terminal.is_some() { table } else { report::commented(&table) };
    let parts = [table, report::config(findings, group)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Each address once, at each port.
fn targets(specs: &[String], ports: &[u16]) -> Result<Vec<HostPort>, String> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for port in ports {
        for spec in specs {
            let hosts = hosts::expand(spec, *port).map_err(|error| error.to_string())?;
            // An address is the same whether it stands alone or in a range.
            let hosts = hosts.into_iter().map(|host| HostPort { expected: true, ..host });
            all.extend(hosts.filter(|host| seen.insert(host.clone())));
            if all.len() > hosts::MAX_ADDRESSES {
                let most = number(hosts::MAX_ADDRESSES as f64, 0);
                return Err(format!(
                    "these are more than {most} addresses: ask for one part after the other"
                ));
            }
        }
    }
    Ok(all)
}

/// Connections at the same time if so many files may be open (`None`: any number).
fn places(open_files: Option<u64>) -> usize {
    let room = open_files.map_or(u64::MAX, |files| files.saturating_sub(OTHER_FILES).max(1));
    usize::try_from(room).map_or(PLACES, |room| room.min(PLACES))
}

/// What is about to be done, and how long it may take.
fn intent(hosts: &[HostPort], pace: Pace) -> String {
    let ports: BTreeSet<u16> = hosts.iter().map(|host| host.port).collect();
    let addresses = hosts.iter().map(|host| &host.host).collect::<HashSet<_>>().len();
    let ports = match ports.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice() {
        [one] => format!("port {one}"),
        few if few.len() <= LISTED_PORTS => format!("ports {}", few.join(", ")),
        many => format!("{} ports", many.len()),
    };
    let (shortest, longest) = expected(hosts.len(), pace);
    format!(
        "{} addresses, {ports}, at most {} connections/s: {} to {}, the more miners the longer",
        number(addresses as f64, 0),
        number(pace.per_second.into(), 0),
        age(shortest),
        age(longest)
    )
}

/// Where everything refuses, and where everything is a miner or nothing answers at all.
fn expected(addresses: usize, pace: Pace) -> (Duration, Duration) {
    let patience = Limits::default().exchange;
    let second = Duration::from_secs(1);
    let miners = pace.time(addresses.saturating_mul(1 + READ_CONNECTIONS as usize)).saturating_add(patience);
    // Twice, as nobody takes the connection; and no more at a time than there are places.
    let rounds = u32::try_from(addresses.div_ceil(pace.places)).unwrap_or(u32::MAX);
    let silence = pace.time(addresses).max((patience / 2).saturating_mul(rounds)).saturating_mul(2);
    (pace.time(addresses).max(second), miners.max(silence))
}

/// What came of all addresses, in one line.
fn outcome(findings: &Findings, took: Duration) -> String {
    let mut parts = Vec::new();
    let miners = findings.miners.len();
    let unsettled = findings.asked.saturating_sub(findings.settled);
    for (n, what) in [
        (miners, if miners == 1 { "miner" } else { "miners" }),
        (findings.silent.len(), "took a connection and did not answer"),
        (findings.other, "answered, but not like a miner"),
        (findings.refused, "refused"),
        (findings.absent, "took no connection, twice"),
        (unsettled, "not asked to the end"),
    ] {
        if n > 0 {
            parts.push(format!("{} {what}", number(n as f64, 0)));
        }
    }
    let asked = number(findings.asked.saturating_sub(findings.spared) as f64, 0);
    format!("{asked} {} in {}: {}", findings.noun(), age(took), parts.join("; "))
}

/// Progress is for a person who watches; nothing depends on it.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(specs: &[&str], ports: &[u16]) -> Result<Vec<String>, String> {
        let specs: Vec<String> = specs.iter().map(|spec| (*spec).to_owned()).collect();
        targets(&specs, ports).map(|hosts| hosts.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_address_that_is_named_twice_is_asked_once_at_each_port() {
        let specs = ["10.20.0.0/30", "10.20.0.2", "10.20.0.9:4030", "10.20.0.9:4030"];
        let one = ["10.20.0.1:4028", "10.20.0.2:4028", "10.20.0.9:4030"];
        assert_eq!(listed(&specs, &[4028]).unwrap(), one);
        assert_eq!(listed(&specs, &[4028, 4028]).unwrap(), one);
        let both = [&one[..], &["10.20.0.1:4029", "10.20.0.2:4029"]].concat();
        assert_eq!(listed(&specs, &[4028, 4029]).unwrap(), both);
    }

    #[test]
    fn more_addresses_than_any_site_has_are_refused_before_they_fill_the_memory() {
        let specs: Vec<String> = (0..250).map(|n| format!("10.{n}.0.0/16")).collect();
        let specs: Vec<&str> = specs.iter().map(String::as_str).collect();
        let why = "these are more than 262,144 addresses: ask for one part after the other";
        assert_eq!(listed(&specs, &[4028]).unwrap_err(), why);
        assert_eq!(listed(&specs[..2], &[4028, 4029, 4030]).unwrap_err(), why);
        assert_eq!(listed(&specs[..1], &[4028]).unwrap().len(), 65_534);
    }

    #[test]
    fn no_more_connections_are_open_than_there_may_be_files() {
        assert_eq!((places(Some(1_024)), places(Some(65_536)), places(None)), (768, 768, 768));
        assert_eq!((places(Some(256)), places(Some(20))), (224, 1));
    }

    #[test]
    fn before_it_asks_it_says_what_it_will_do() {
        let pace = Pace { per_second: 500, places: 768 };
        let specs = ["10.20.0.0/22".to_owned()];
        let said = |ports: &[u16]| intent(&targets(&specs, ports).unwrap(), pace);
        assert_eq!(
            said(&[4028]),
            "1,022 addresses, port 4028, at most 500 connections/s: 2 s to 21 s, the more miners the longer"
        );
        assert!(said(&[4028, 4029]).starts_with("1,022 addresses, ports 4028, 4029, at most"));
        assert!(said(&[1, 2, 3, 4, 5]).starts_with("1,022 addresses, 5 ports, at most"));
        // With few places it is the silence that takes long.
        assert_eq!(expected(1_022, Pace { places: 32, ..pace }).1, Duration::from_secs(96));
    }
}
