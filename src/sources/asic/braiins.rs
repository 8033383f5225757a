//! Braiins OS (BOSer, before it BOSminer) on TCP 4028.
//!
//! `summary` has the hashrate in MH/s, `devs` the boards, `temps` °C, `fans` RPM and `tunerstatus` watts, which
//! the tuner reckons: never `measured`. `PowerLimit` is a setting.
//!
//! A poll costs one connection where all five are answered over it, which its documents promise, else five;
//! every fifth one more for pools.

use super::command::Command;
use super::driver::{Ask, Driver, Replies, When, state};
use super::field::{self, Unit, first_of};
use super::known::{Known, remember};
use super::models;
use super::reply::{Reply, Row};
use crate::reading::{AsicReport, Missing, Read, Reading};
use crate::units::Watts;

pub static DRIVER: Driver = Driver {
    name: "braiins",
    opening: &[Command::BraiinsPoll],
    asks: &[
        Ask::new(Command::Summary, When::EveryPoll),
        Ask::new(Command::Devs, When::EveryPoll),
        Ask::new(Command::Temps, When::EveryPoll),
        Ask::new(Command::Fans, When::EveryPoll),
        Ask::new(Command::TunerStatus, When::EveryPoll),
        Ask::new(Command::Version, When::Identifying),
        Ask::new(Command::DevDetails, When::Identifying),
        Ask::new(Command::Pools, When::Seldom),
    ],
    learn,
    report,
};

/// Keys of the program's version in `version`.
const PROGRAMS: [&str; 3] = ["BOSer", "BOSminer+", "BOSminer"];

pub fn recognises(replies: &Replies) -> bool {
    replies.come_from(&["boser", "bosminer"]) || program(replies).is_some()
}

fn program(replies: &Replies) -> Option<&str> {
    let row = replies.row(Command::Version, "VERSION", 0).ok()?;
    PROGRAMS.iter().find_map(|key| row.text(key))
}

fn learn(replies: &Replies, known: &mut Known) {
    remember(&mut known.firmware, Some("braiins"));
    // `boser-openwrt 0.1.0-11012d53`
    let version = program(replies).and_then(|program| program.split_whitespace().next_back());
    remember(&mut known.firmware_version, version);
    let details = replies.row(Command::DevDetails, "DEVDETAILS", 0).ok();
    if let Some(name) = details.and_then(|row| row.text("Model")) {
        // `Bitmain Antminer S9`
        let name = name.strip_prefix("Bitmain ").unwrap_or(name);
        let antminer = name.strip_prefix("Antminer ");
        remember(&mut known.make, antminer.map(|_| "Antminer"));
        remember(&mut known.model, Some(antminer.unwrap_or(name)));
        known.algorithm = models::algorithm(name);
    }
    known.learn_pool(replies);
    known.learn_shares(replies);
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let summary = replies.row(Command::Summary, "SUMMARY", 0);
    let rate = |key, source| summary.and_then(|row| field::hashrate(row, key, Unit::Mhs, source));
    let hashrate_now = first_of([rate("MHS 5s", "summary.MHS 5s"), rate("MHS 1m", "summary.MHS 1m")]);
    let standing = hashrate_now.is_ok_and(|rate| rate.value.ths() == 0.0);
    let boards = replies.get(Command::Devs).ok().and_then(field::boards);
    let table = known.model.as_deref().and_then(models::find);
    let hottest = |key, source| {
        replies.get(Command::Temps).and_then(|temps| field::hottest(temps.rows("TEMPS"), key, source))
    };
    AsicReport {
        state: state(&hashrate_now, &known.faults),
        hashrate_now,
        hashrate_avg: rate("MHS av", "summary.MHS av"),
        power: replies.row(Command::TunerStatus, "TUNERSTATUS", 0).and_then(power),
        temp_chip_max: hottest("Chip", "temps.Chip"),
        temp_board_max: hottest("Board", "temps.Board"),
        fans_rpm: replies.get(Command::Fans).map(fans).unwrap_or_default(),
        uptime_s: summary.ok().and_then(|row| field::seconds(row, "Elapsed")),
        boards_expected: boards
            .map(|(present, _)| table.and_then(|model| model.boards).unwrap_or(0).max(present)),
        boards_working: boards.map(|(_, working)| if standing { 0 } else { working }),
        ..known.report(Missing::NotReported)
    }
}

fn power(tuner: Row<'_>) -> Read<Watts> {
    let watts = field::watts(tuner.number("ApproximateMinerPowerConsumption")?)?;
    Ok(Reading::estimated(watts, "tunerstatus.ApproximateMinerPowerConsumption"))
}

fn fans(reply: &Reply) -> Vec<u32> {
    occupied(reply.rows("FANS").filter_map(|row| row.number("RPM").ok().and_then(field::rpm)).collect())
}

/// In slot order. Four slots are listed whatever the machine has: those behind the last fan that turns are
/// taken for empty.
pub(super) fn occupied(mut speeds: Vec<u32>) -> Vec<u32> {
    let turning = speeds.iter().rposition(|rpm| *rpm > 0).map_or(0, |last| last + 1);
    speeds.truncate(turning);
    speeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fan_that_stands_before_one_that_turns_is_kept_and_empty_slots_are_not() {
        let of = |rpm: &str| {
            let rows: Vec<String> = rpm.split(' ').map(|rpm| format!("{{\"RPM\":{rpm}}}")).collect();
            fans(&Reply::parse(format!("{{\"FANS\":[{}]}}", rows.join(",")).as_bytes()).unwrap())
        };
        assert_eq!(of("4080 5580 0 0"), [4080, 5580]);
        assert_eq!(of("4080 0 5580 0"), [4080, 0, 5580]);
        assert_eq!(of("0 0"), [0u32; 0]);
    }

    #[test]
    fn a_limit_is_never_power() {
        let tuner = r#"{"TUNERSTATUS":[{"PowerLimit":3500,"ApproximateChainPowerConsumption":3300}]}"#;
        let report = report(&Replies::of(&[(Command::TunerStatus, tuner)]), &Known::default());
        assert_eq!(report.power, Err(Missing::NotReported));
    }

    #[test]
    fn temperatures_are_signed_and_a_sensor_at_exactly_zero_is_none() {
        let temps = r#"{"TEMPS":[{"Board":-7.5,"Chip":0,"ID":6},{"Board":-3.25,"Chip":0,"ID":7}]}"#;
        let report = report(&Replies::of(&[(Command::Temps, temps)]), &Known::default());
        assert_eq!(report.temp_board_max.unwrap().value.get(), -3.25);
        assert_eq!(report.temp_chip_max, Err(Missing::NotReported));
    }
}
