//! LuxOS on Antminers.
//!
//! `stats` is that of an Antminer, in GH/s and °C, except that it knows no chip sensors: what it gives as
//! `temp_chip` repeats the corners of the boards. `power` tells watts, and whether the supply measured them.
//!
//! A poll costs two connections; every fifth one more each for shares and pools. Whether it takes joined
//! commands is not known.

use super::antminer_report::{self, GHS_5S, GHS_AV, POOLS, SHARES, STATS, SUMMARY_INSTEAD};
use super::command::Command;
use super::driver::{Ask, Driver, Replies, When};
use super::field::{self, Unit};
use super::known::{Known, remember};
use super::models;
use super::reply::{Row, Scalar};
use crate::reading::{AsicReport, Missing, Read, Reading};
use crate::units::Watts;

pub static DRIVER: Driver = Driver {
    name: "luxos",
    opening: &[Command::Stats],
    asks: &[
        STATS,
        SUMMARY_INSTEAD,
        SHARES,
        Ask::new(Command::Power, When::EveryPoll),
        Ask::new(Command::Version, When::Identifying),
        POOLS,
    ],
    learn,
    report,
};

pub fn recognises(replies: &Replies) -> bool {
    replies.come_from(&["luxminer"])
}

fn learn(replies: &Replies, known: &mut Known) {
    remember(&mut known.firmware, Some("luxos"));
    if let Some(row) = antminer_report::identity(replies) {
        let model = row.text("Type").and_then(|kind| kind.strip_prefix("Antminer "));
        remember(&mut known.make, model.map(|_| "Antminer"));
        remember(&mut known.model, model);
        remember(&mut known.firmware_version, row.text("Miner"));
        known.algorithm = row.text("Type").map(models::algorithm).unwrap_or_default();
    }
    known.learn_pool(replies);
    known.learn_shares(replies);
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let stats = antminer_report::stats(replies);
    let read = |row: Row<'_>, key: &str, source| field::hashrate(row, key, Unit::Ghs, source);
    let report = antminer_report::report(replies, known, &stats, (&GHS_5S, &GHS_AV), &read, power(replies));
    AsicReport { temp_chip_max: Err(Missing::NotSupported), ..report }
}

fn power(replies: &Replies) -> Read<Watts> {
    let row = replies.row(Command::Power, "POWER", 0)?;
    let watts = field::watts(row.number("Watts")?)?;
    Ok(match row.get("PSU") {
        Some(Scalar::Bool(true)) => Reading::measured(watts, "power.Watts"),
        _ => Reading::estimated(watts, "power.Watts"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Quality;

    #[test]
    fn power_is_measured_only_where_the_supply_says_it() {
        for (reply, quality) in [
            (r#"{"POWER":[{"PSU":true,"Watts":3051}]}"#, Quality::Measured),
            (r#"{"POWER":[{"PSU":false,"Watts":3051}]}"#, Quality::Estimated),
            (r#"{"POWER":[{"Watts":3051}]}"#, Quality::Estimated),
        ] {
            let power = power(&Replies::of(&[(Command::Power, reply)])).unwrap();
            assert_eq!((power.value.get(), power.quality), (3051.0, quality), "{reply}");
        }
    }
}
