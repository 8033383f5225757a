//! MSKMiner on Antminers.
//!
//! `stats` is that of an Antminer, in GH/s and °C, with the watts that it computes. It calls its machine by
//! model, chips of a board and own version: `S19-88 v.2.6.0.39`.
//!
//! A poll costs one connection; every fifth one more each for shares and pools.

use super::antminer_report::{self, GHS_5S, GHS_AV, POOLS, SHARES, STATS, SUMMARY_INSTEAD};
use super::command::Command;
use super::driver::{Ask, Driver, Replies, When};
use super::field::{self, Unit};
use super::known::{Known, remember};
use super::models;
use super::reply::Row;
use crate::reading::AsicReport;

pub static DRIVER: Driver = Driver {
    name: "mskminer",
    opening: &[Command::Stats],
    asks: &[STATS, SUMMARY_INSTEAD, SHARES, Ask::new(Command::Version, When::Identifying), POOLS],
    learn,
    report,
};

pub fn recognises(replies: &Replies) -> bool {
    let kind = antminer_report::identity(replies).and_then(|row| row.text("Type"));
    kind.is_some_and(|kind| name(kind).is_some())
}

/// Model and version.
fn name(kind: &str) -> Option<(&str, &str)> {
    let (model, version) = kind.trim().split_once(" v.")?;
    let (model, chips) = model.rsplit_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (digits(chips) && version.split('.').all(digits)).then_some((model, version))
}

fn learn(replies: &Replies, known: &mut Known) {
    if let Some(kind) = antminer_report::identity(replies).and_then(|row| row.text("Type"))
        && let Some((model, version)) = name(kind)
    {
        remember(&mut known.make, Some("Antminer"));
        remember(&mut known.firmware, Some("mskminer"));
        remember(&mut known.model, Some(model));
        remember(&mut known.firmware_version, Some(version));
        known.algorithm = models::algorithm(kind);
    }
    known.learn_pool(replies);
    known.learn_shares(replies);
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let stats = antminer_report::stats(replies);
    let power = antminer_report::computed_power(&stats, "stats.total_power");
    let read = |row: Row<'_>, key: &str, source| field::hashrate(row, key, Unit::Ghs, source);
    antminer_report::report(replies, known, &stats, (&GHS_5S, &GHS_AV), &read, power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_holds_model_chips_and_version() {
        assert_eq!(name("S19-88 v.2.6.0.39 "), Some(("S19", "2.6.0.39")));
        for other in ["Antminer S19", "S19 v.2", "S19-88", "S19-x v.2.6", "S19-88 v.", "S19-88 v.2..1"] {
            assert_eq!(name(other), None, "{other}");
        }
    }
}
