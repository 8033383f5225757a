//! What a person gets to read and to paste.

use wattsplit::cli::discover::queue::{Findings, Report};
use wattsplit::cli::discover::report::{commented, config, table};
use wattsplit::reading::{Algorithm, AsicState, Missing, Reading};
use wattsplit::sources::asic::known::Known;
use wattsplit::sources::asic::{API_PORT, hosts};
use wattsplit::units::{Hashrate, Watts};

use crate::cli::golden;

fn miner(make: &str, model: &str, firmware: &str, ths: f64) -> Report {
    let known = Known {
        make: Some(make.into()),
        model: Some(model.into()),
        firmware: Some(firmware.into()),
        ..Known::default()
    };
    let mut report = known.report(Missing::NotReported);
    report.hashrate_now = Ok(Reading::measured(Hashrate::new(ths).unwrap(), "test"));
    report.state = if ths > 0.0 { AsicState::Hashing } else { AsicState::Idle };
    Ok(Box::new(report))
}

fn with_power(report: Report, reading: Reading<Watts>) -> Report {
    report.map(|mut report| {
        report.power = Ok(reading);
        report
    })
}

fn watts(watts: f64) -> Watts {
    Watts::new(watts).unwrap()
}

/// Two rows of a hall, with what may stand in one.
fn hall() -> Findings {
    let s21 = || with_power(miner("Antminer", "S21", "stock", 201.3), Reading::measured(watts(3_521.0), "t"));
    let m50 =
        || with_power(miner("WhatsMiner", "M50", "stock", 117.6), Reading::estimated(watts(3_410.0), "t"));
    let mut faulty = miner("Antminer", "S21", "stock", 0.0).unwrap();
    faulty.state = AsicState::Fault;
    faulty.faults =
        vec!["fan 2 does not turn".into(), "board 1 has 62 of 108 chips, found by the firmware".into()];
    let mut scrypt = miner("Hammer", "D10", "stock", 0.005).unwrap();
    scrypt.algorithm = Algorithm::Other;
    let mut findings = Findings { asked: 1_022, addresses: 1_022, settled: 1_022, ..Findings::default() };
    let mut put = |spec: &str, report: &dyn Fn() -> Report| {
        for host in hosts::expand(spec, API_PORT).unwrap() {
            findings.miners.insert(host, report());
        }
    };
    put("10.20.0.9-10.20.0.12", &s21);
    put("10.20.0.2", &s21);
    put("10.20.1.1-10.20.1.3", &m50);
    put("10.20.1.7", &|| Ok(faulty.clone()));
    put("10.20.1.8:4029", &|| Ok(scrypt.clone()));
    put("10.20.1.200", &|| Err(Missing::Timeout));
    put("10.20.1.201", &|| miner("generic", "", "generic", 95.0));
    put("miner-7.site.example", &s21);
    for (spec, why) in [("10.20.0.100-10.20.0.103", Missing::Timeout), ("10.20.1.50", Missing::CutOff)] {
        findings.silent.extend(hosts::expand(spec, API_PORT).unwrap().into_iter().map(|host| (host, why)));
    }
    findings
}

#[test]
fn the_page_tells_each_miner_the_models_the_stuck_and_the_config() {
    let page = format!("{}\n{}", table(&hall(), usize::MAX), config(&hall(), "hall-1"));
    golden("discover-hall.txt", &page);
}

#[test]
fn in_a_file_the_table_is_a_comment() {
    let page = commented(&table(&hall(), usize::MAX));
    assert!(page.lines().count() > 10 && page.lines().all(|line| line.starts_with('#')), "{page}");
    assert!(page.lines().all(|line| line.trim_end() == line), "{page}");
}

#[test]
fn in_a_narrow_terminal_the_notes_give_way_and_it_says_so() {
    let page = table(&hall(), 80);
    let (tables, _) = page.split_once("4 took a connection").unwrap();
    assert!(tables.lines().all(|line| line.chars().count() <= 80), "{tables}");
    assert!(tables.contains("not shown for lack of width: note\n"), "{tables}");
}

#[test]
fn a_search_that_was_stopped_says_so_above_the_table_and_in_the_config() {
    let mut stopped = hall();
    stopped.settled = 600;
    let line = "Incomplete: it was stopped when 600 of 1,022 addresses had been asked to the end.\n";
    assert!(table(&stopped, usize::MAX).starts_with(line));
    assert!(config(&stopped, "found").starts_with(&format!("# {line}")));
}

#[test]
fn many_single_addresses_are_wrapped() {
    let mut findings = Findings::default();
    for n in (1..250).step_by(2) {
        let host = hosts::expand(&format!("10.20.0.{n}"), API_PORT).unwrap().remove(0);
        findings.miners.insert(host, miner("Antminer", "S21", "stock", 200.0));
    }
    let config = config(&findings, "found");
    let (_, block) = config.split_once("hosts = [\n").unwrap();
    assert!(block.lines().count() > 20 && block.lines().all(|line| line.len() <= 100), "{block}");
}
