//! Auradine's Teraflux machines (FluxOS, its miner program is GCMiner) on TCP 4028.
//!
//! `summary` has the hashrate in MH/s and, on newer firmware, `Wattage`; `devs` has °C of each board. Fans,
//! chips and the watts that the supply takes in are told only by its pages, to who has logged in: they are not
//! asked. `ThsThrottle` is a target.
//!
//! A poll costs two connections; every fifth one more for pools. Whether it takes joined commands is not known.

use super::command::Command;
use super::driver::{Ask, Driver, Replies, When, state};
use super::field::{self, Unit, first_of};
use super::known::{Known, remember};
use super::models;
use super::reply::Row;
use crate::reading::{AsicReport, Missing, Read, Reading};
use crate::units::Watts;

pub static DRIVER: Driver = Driver {
    name: "auradine",
    opening: &[Command::Summary],
    asks: &[
        Ask::new(Command::Summary, When::EveryPoll),
        Ask::new(Command::Devs, When::EveryPoll),
        Ask::new(Command::Version, When::Identifying),
        Ask::new(Command::DevDetails, When::Identifying),
        Ask::new(Command::Pools, When::Seldom),
    ],
    learn,
    report,
};

/// Newer firmware gives nothing but its version as the description: there, `version` tells.
pub fn recognises(replies: &Replies) -> bool {
    replies.come_from(&["gcminer", "fluxos"]) || program(replies).is_some()
}

/// Version of the miner program.
fn program(replies: &Replies) -> Option<&str> {
    replies.row(Command::Version, "VERSION", 0).ok()?.text("GCMiner")
}

fn learn(replies: &Replies, known: &mut Known) {
    remember(&mut known.make, Some("Auradine"));
    remember(&mut known.firmware, Some("stock"));
    remember(&mut known.firmware_version, program(replies));
    let details = replies.row(Command::DevDetails, "DEVDETAILS", 0).ok();
    remember(&mut known.model, details.and_then(|row| row.text("Model")));
    known.learn_pool(replies);
    known.learn_shares(replies);
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let summary = replies.row(Command::Summary, "SUMMARY", 0);
    let rate = |key, source| summary.and_then(|row| field::hashrate(row, key, Unit::Mhs, source));
    // The minute comes first: of the only known reply, the 5 seconds are 2.6 times the average of 16 hours.
    let hashrate_now = first_of([rate("MHS 1m", "summary.MHS 1m"), rate("MHS 5s", "summary.MHS 5s")]);
    let standing = hashrate_now.is_ok_and(|rate| rate.value.ths() == 0.0);
    let devs = replies.get(Command::Devs);
    let boards = devs.ok().and_then(field::boards);
    let table = known.model.as_deref().and_then(models::find);
    AsicReport {
        state: state(&hashrate_now, &known.faults),
        hashrate_now,
        hashrate_avg: rate("MHS av", "summary.MHS av"),
        power: summary.and_then(power),
        temp_chip_max: Err(Missing::NotSupported),
        temp_board_max: devs
            .and_then(|devs| field::hottest(devs.rows("DEVS"), "Temperature", "devs.Temperature")),
        uptime_s: summary.ok().and_then(|row| field::seconds(row, "Elapsed")),
        boards_expected: boards
            .map(|(present, _)| table.and_then(|model| model.boards).unwrap_or(0).max(present)),
        boards_working: boards.map(|(_, working)| if standing { 0 } else { working }),
        ..known.report(Missing::NotReported)
    }
}

/// No document says whether the supply measures it or the firmware computes it.
fn power(summary: Row<'_>) -> Read<Watts> {
    let watts = field::watts(summary.number("Wattage")?)?;
    Ok(Reading::estimated(watts, "summary.Wattage"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{AsicState, Quality};

    fn read(summary: &str, devs: &str) -> AsicReport {
        let summary = format!("{{\"SUMMARY\":[{summary}]}}");
        let devs = format!("{{\"DEVS\":[{devs}]}}");
        report(&Replies::of(&[(Command::Summary, &summary), (Command::Devs, &devs)]), &Known::default())
    }

    #[test]
    fn it_is_recognised_by_its_program_and_where_the_description_does_not_name_it_by_version() {
        let described = |text: &str| {
            let summary =
                format!(r#"{{"STATUS":[{{"STATUS":"S","Description":"{text}"}}],"SUMMARY":[{{}}]}}"#);
            recognises(&Replies::of(&[(Command::Summary, &summary)]))
        };
        assert!(described("GCMiner-2023-05.24-0ce5e7cc"));
        assert!(described("FluxOS-2024-06.11-d37c5dd4"));
        assert!(!described("2.2.0"));
        assert!(!described("cgminer 4.11.1"));
        let version = |row: &str| {
            let version = format!(r#"{{"STATUS":[{{"Description":"2.2.0"}}],"VERSION":[{row}]}}"#);
            recognises(&Replies::of(&[(Command::Version, &version)]))
        };
        assert!(version(r#"{"GCMiner":"2.2.0","API":"1.0"}"#));
        assert!(!version(r#"{"CGMiner":"4.11.1","API":"3.7"}"#));
    }

    #[test]
    fn its_watts_are_no_measurement_and_a_target_is_no_power() {
        let power = read(r#"{"MHS 1m":260000000.0,"Wattage":4160,"ThsThrottle":260.0}"#, "").power.unwrap();
        assert_eq!((power.value.get(), power.quality), (4160.0, Quality::Estimated));
        let older = read(r#"{"MHS 1m":260000000.0,"ThsThrottle":260.0}"#, "");
        assert_eq!(older.power, Err(Missing::NotReported));
        assert_eq!(read(r#"{"MHS 1m":0,"Wattage":0}"#, "").power, Err(Missing::Implausible));
    }

    #[test]
    fn a_board_that_is_listed_and_does_not_hash_is_expected_and_does_not_work() {
        let devs = r#"{"ID":1,"Temperature":-3.5,"MHS 5s":86000000.0},{"ID":2,"Temperature":0,"MHS 5s":0.0}"#;
        let report = read(r#"{"MHS 1m":86000000.0}"#, devs);
        assert_eq!((report.boards_expected, report.boards_working), (Some(2), Some(1)));
        assert_eq!(report.temp_board_max.unwrap().value.get(), -3.5);
        let asleep = read(r#"{"MHS 1m":0.0}"#, devs);
        assert_eq!((asleep.state, asleep.boards_working), (AsicState::Idle, Some(0)));
    }

    #[test]
    fn a_machine_without_a_minute_is_read_by_its_five_seconds() {
        assert_eq!(read(r#"{"MHS 5s":150000000.0}"#, "").hashrate_now.unwrap().value.ths(), 150.0);
    }
}
