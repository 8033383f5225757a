//! VNish on Antminers.
//!
//! `stats` is that of an Antminer, in GH/s and °C, with the watts of each board. It also says what the machine
//! is: newer versions refuse `version`. Whether a supply has measured the watts cannot be told here, so they
//! are `estimated`.
//!
//! A poll costs one connection; every fifth one more each for shares and pools.

use super::antminer_report::{self, GHS_5S, GHS_AV, POOLS, SHARES, STATS, SUMMARY_INSTEAD};
use super::command::Command;
use super::driver::{Driver, Replies};
use super::field::{self, Unit};
use super::known::{Known, remember};
use super::models;
use super::reply::{Row, Scalar};
use crate::reading::AsicReport;

pub static DRIVER: Driver = Driver {
    name: "vnish",
    opening: &[Command::Stats],
    asks: &[STATS, SUMMARY_INSTEAD, SHARES, POOLS],
    learn,
    report,
};

pub fn recognises(replies: &Replies) -> bool {
    let kind = antminer_report::identity(replies).and_then(|row| row.text("Type"));
    kind.is_some_and(|kind| name(kind).is_some())
}

/// Model and version from `Antminer S21 Pro (Vnish 1.2.7)`.
fn name(kind: &str) -> Option<(&str, &str)> {
    const MARK: &str = "vnish";
    let (model, firmware) = kind.split_once('(')?;
    let version = firmware.get(MARK.len()..)?;
    let marked = firmware.get(..MARK.len())?.eq_ignore_ascii_case(MARK);
    let model = model.trim();
    marked.then(|| (model.strip_prefix("Antminer ").unwrap_or(model), version.trim_end_matches(')').trim()))
}

fn learn(replies: &Replies, known: &mut Known) {
    if let Some(kind) = antminer_report::identity(replies).and_then(|row| row.text("Type"))
        && let Some((model, version)) = name(kind)
    {
        remember(&mut known.make, Some("Antminer"));
        remember(&mut known.firmware, Some("vnish"));
        remember(&mut known.model, Some(model));
        remember(&mut known.firmware_version, Some(version).filter(|version| !version.is_empty()));
        known.algorithm = models::algorithm(kind);
    }
    if let Ok(row) = replies.row(Command::Stats, "STATS", 1) {
        known.faults = faults(row);
    }
    known.learn_pool(replies);
    known.learn_shares(replies);
}

/// `chain_fault1`, `chain_fault2`…: empty, or what is wrong with the board.
fn faults(row: Row<'_>) -> Vec<String> {
    let of_board = row.fields().filter_map(|(key, value)| match value {
        Scalar::Text(fault) if !fault.trim().is_empty() => {
            key.strip_prefix("chain_fault").map(|board| (board, fault))
        }
        _ => None,
    });
    let told =
        of_board.map(|(board, fault)| format!("chain {}: {}", field::short(board), field::short(fault)));
    told.take(field::MAX_FAULTS).collect()
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let stats = antminer_report::stats(replies);
    let power = antminer_report::computed_power(&stats, "stats.chain_consumption");
    let read = |row: Row<'_>, key: &str, source| field::hashrate(row, key, Unit::Ghs, source);
    antminer_report::report(replies, known, &stats, (&GHS_5S, &GHS_AV), &read, power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{AsicState, Missing};

    #[test]
    fn vnish_puts_its_name_and_version_behind_the_model() {
        assert_eq!(name("Antminer S21 Pro (Vnish 1.2.7)"), Some(("S21 Pro", "1.2.7")));
        assert_eq!(name("Antminer S9 (vnish 3.8.6)"), Some(("S9", "3.8.6")));
        assert_eq!(name("Antminer S19 (Vnish)"), Some(("S19", "")));
        for other in ["Antminer S9", "Antminer S9 (hiveon)", "Antminer S9 (é", "("] {
            assert_eq!(name(other), None, "{other}");
        }
    }

    #[test]
    fn boards_that_claim_to_draw_nothing_while_they_hash_tell_no_power() {
        let stats = r#"{"STATS":[{"Type":"Antminer S19 XP (Vnish 1.2.0-rc1)"},
            {"GHS 5s":140000,"chain_acn1":110,"chain_consumption1":0,"chain_rate1":"140000"}]}"#;
        let report = report(&Replies::of(&[(Command::Stats, stats)]), &Known::default());
        assert_eq!(report.power, Err(Missing::Implausible));
    }

    #[test]
    fn a_board_with_a_fault_is_told_and_a_machine_that_stands_for_it_is_faulty() {
        let stats = r#"{"STATS":[{"Type":"Antminer S19 (Vnish 1.2.7)"},
            {"GHS 5s":"0","chain_fault1":"","chain_fault2":"low voltage"}]}"#;
        let replies = Replies::of(&[(Command::Stats, stats)]);
        let mut known = Known::default();
        learn(&replies, &mut known);
        assert_eq!(known.faults, ["chain 2: low voltage"]);
        assert_eq!(report(&replies, &known).state, AsicState::Fault);
    }
}
