//! What was found, for a person and to paste; pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::queue::{Findings, Report};
use super::ranges::{entries, entry, sort_key};
use crate::cli::table::attention::why;
use crate::cli::table::cells::{MISSING, Shown, add_known, cell, column, number, read};
use crate::cli::table::grid::{EMPTY, Grid, shorten, wrap};
use crate::reading::{Algorithm, AsicReport, AsicState, Missing};
use crate::sources::asic::HostPort;
use crate::units::{Hashrate, Watts};

/// Of the lines of the config, and of lists below the table.
const LINE: usize = 100;
/// Of the faults that a miner reports.
const NOTE: usize = 48;

/// The miners one by one, at most `width` columns wide where that is enough for the essential ones; then by
/// model; then what may be miners that are stuck. Empty if there is nothing to say.
pub fn table(findings: &Findings, width: usize) -> String {
    let mut sections = Vec::new();
    if !findings.miners.is_empty() {
        let miners = in_order(findings);
        sections.extend(incomplete(findings));
        sections.push(machines(&miners, width));
        sections.push(by_model(&miners, width));
    }
    sections.extend(silent(findings));
    sections.join("\n")
}

/// `text` as comments of a config.
pub fn commented(text: &str) -> String {
    text.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect()
}

fn in_order(findings: &Findings) -> Vec<(&HostPort, &Report)> {
    let mut miners: Vec<(&HostPort, &Report)> = findings.miners.iter().collect();
    miners.sort_by_key(|(host, _)| sort_key(host));
    miners
}

fn incomplete(findings: &Findings) -> Option<String> {
    let (settled, all) = (count(findings.settled), count(findings.asked));
    let noun = findings.noun();
    let said =
        format!("Incomplete: it was stopped when {settled} of {all} {noun} had been asked to the end.\n");
    (!findings.complete()).then_some(said)
}

fn machines(miners: &[(&HostPort, &Report)], width: usize) -> String {
    let cells = |text: fn(&HostPort, &Report) -> String| -> Vec<String> {
        miners.iter().map(|(host, report)| text(host, report)).collect()
    };
    let numbers = |shown: fn(&AsicReport) -> Shown, decimals: usize| -> Vec<String> {
        miners.iter().map(|(_, report)| cell(told(report, shown), decimals)).collect()
    };
    let notes = cells(|_, report| note(report));
    let note_rank = if notes.iter().all(String::is_empty) { EMPTY } else { 3 };
    let mut grid = Grid::new("address", cells(|host, _| entry(&host.host.to_string(), host.port)), false);
    grid.text_column("model", 0, cells(|_, report| model(report)));
    grid.text_column("firmware", 2, cells(|_, report| firmware(report)));
    grid.column("TH/s", 0, numbers(hashrate_ths, 1));
    grid.column("W", 0, numbers(power_w, 0));
    grid.text_column("state", 1, cells(|_, report| state(report)));
    grid.text_column("note", note_rank, notes);
    let alerts: Vec<bool> = miners.iter().map(|(_, report)| alert(report)).collect();
    drawn(&grid, width, &alerts)
}

fn by_model(miners: &[(&HostPort, &Report)], width: usize) -> String {
    let mut models: BTreeMap<String, Vec<&Report>> = BTreeMap::new();
    for (_, report) in miners {
        models.entry(model(report)).or_default().push(report);
    }
    let mut rows: Vec<(String, Vec<&Report>)> = models.into_iter().collect();
    rows.push(("all".to_owned(), miners.iter().map(|(_, report)| *report).collect()));
    let sums = |shown: fn(&AsicReport) -> Shown, scale: f64| -> Vec<Shown> {
        let sum = |reports: &[&Report]| add_known(reports.iter().map(|report| told(report, shown)));
        rows.iter()
            .map(|(_, reports)| sum(reports).map(|(value, quality)| (value / scale, quality)))
            .collect()
    };
    let mut grid = Grid::new("model", rows.iter().map(|(model, _)| model.clone()).collect(), true);
    grid.column("miners", 0, rows.iter().map(|(_, reports)| count(reports.len())).collect());
    grid.column("TH/s", 0, column(&sums(hashrate_ths, 1.0), 1));
    grid.column("kW", 0, column(&sums(power_w, 1e3), 1));
    drawn(&grid, width, &[])
}

fn drawn(grid: &Grid, width: usize, alerts: &[bool]) -> String {
    let (mut text, dropped) = grid.draw(width, alerts);
    if !dropped.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  not shown for lack of width: {}", dropped.join(", "));
    }
    text
}

/// Those that took a connection, by what they did then.
fn silent(findings: &Findings) -> Option<String> {
    let of = |reason: Missing| -> Vec<HostPort> {
        let hosts = findings.silent.iter().filter(|(_, why)| *why == reason);
        hosts.map(|(host, _)| host.clone()).collect()
    };
    let mut text = String::new();
    for (hosts, what) in [
        (of(Missing::Timeout), "took a connection and did not answer; they may be miners that are stuck"),
        (of(Missing::CutOff), "took a connection and closed it; they may be miners whose API lets others in"),
    ] {
        if !hosts.is_empty() {
            let listed = wrap(&entries(&hosts).concat().join(", "), 2, LINE);
            let _ = write!(text, "{} {what}:\n  {listed}\n", count(hosts.len()));
        }
    }
    (!text.is_empty()).then_some(text)
}

/// An `[[asic]]` block for `group`, or nothing if there is no miner. Each network begins a line, so that it can
/// be cut into groups.
pub fn config(findings: &Findings, group: &str) -> String {
    if findings.miners.is_empty() {
        return String::new();
    }
    let hosts: Vec<HostPort> = in_order(findings).into_iter().map(|(host, _)| host.clone()).collect();
    let mut text = incomplete(findings).map(|said| commented(&said)).unwrap_or_default();
    let _ = write!(
        text,
        "# A group is what stands together, a container or a row: split the list where they differ.\n\
         [[asic]]\ngroup = \"{group}\"\n#pool_fee = 0.02  # where there is no [[pool]]\nhosts = [\n"
    );
    for network in entries(&hosts) {
        let quoted: Vec<String> = network.iter().map(|entry| format!("\"{entry}\",")).collect();
        let _ = writeln!(text, "    {}", wrap(&quoted.join(" "), 4, LINE));
    }
    text.push_str("]\n");
    if findings.miners.values().any(wants_login) {
        text.push_str(
            "# For those that want a login; nobody else is told it.\n#username = \"\"\n#password_file = \"\"\n",
        );
    }
    text
}

fn told(report: &Report, shown: fn(&AsicReport) -> Shown) -> Shown {
    report.as_ref().ok().and_then(|report| shown(report))
}

/// Of another algorithm it is nothing to compare or to add.
fn hashrate_ths(report: &AsicReport) -> Shown {
    read(&report.hashrate_now, Hashrate::ths).filter(|_| report.algorithm == Algorithm::Sha256)
}

fn power_w(report: &AsicReport) -> Shown {
    read(&report.power, Watts::get)
}

fn model(report: &Report) -> String {
    let names = report.as_ref().ok().map(|report| [report.make.as_deref(), report.model.as_deref()]);
    let names: Vec<&str> = names.into_iter().flatten().flatten().collect();
    if names.is_empty() { MISSING.to_owned() } else { names.join(" ") }
}

fn firmware(report: &Report) -> String {
    let firmware = report.as_ref().ok().and_then(|report| report.firmware.as_deref());
    firmware.unwrap_or(MISSING).to_owned()
}

fn state(report: &Report) -> String {
    report.as_ref().map_or(MISSING, |report| report.state.as_str()).to_owned()
}

fn note(report: &Report) -> String {
    match report {
        Err(Missing::NotYet) => "it answered; not read yet".to_owned(),
        Err(_) if wants_login(report) => "it wants a login, or lets only others in".to_owned(),
        Err(reason) => format!("it answered, then: {}", why(*reason)),
        Ok(report) if !report.faults.is_empty() => shorten(&report.faults.join(", "), NOTE),
        Ok(report) if report.algorithm == Algorithm::Other => why(Missing::OtherAlgorithm).to_owned(),
        Ok(_) => String::new(),
    }
}

/// It refused, as a machine does that wants a login or another permission; `NotSupported` is how pages refuse whose
/// login this poll did not have.
fn wants_login(report: &Report) -> bool {
    matches!(report, Err(Missing::Denied | Missing::NotSupported))
}

fn alert(report: &Report) -> bool {
    report.as_ref().map_or(true, |report| report.state == AsicState::Fault)
}

fn count(n: usize) -> String {
    number(n as f64, 0)
}
