//! Bitdeer's Sealminers.
//!
//! `stats` is one row and holds everything but the shares: MH/s over windows of its own, °C, and the watts
//! that the supply takes in. The windows of `summary` are counted from shares, and the short ones are noise.
//!
//! A poll costs one connection; every fifth one more each for shares and pools.

use super::antminer_report::{POOLS, SHARES, STATS};
use super::command::Command;
use super::driver::{Answer, Ask, Driver, Replies, When, state};
use super::field::{self, Unit, first_of};
use super::known::{Known, remember};
use super::reply::{Row, Scalar};
use crate::reading::{AsicReport, Missing, Read, Reading};
use crate::units::Watts;

pub static DRIVER: Driver = Driver {
    name: "sealminer",
    opening: &[Command::Stats],
    asks: &[
        STATS,
        Ask::new(Command::Summary, When::EveryPoll).unless_told(Command::Stats, tells_hashrate),
        SHARES,
        POOLS,
    ],
    learn,
    report,
};

fn tells_hashrate(stats: &Answer) -> bool {
    matches!(stats, Answer::Api(reply) if reply.row("STATS", 0).is_some_and(|row| row.number("MHS(30s)").is_ok()))
}

pub fn recognises(replies: &Replies) -> bool {
    replies.come_from(&["bdminer"])
}

fn learn(replies: &Replies, known: &mut Known) {
    remember(&mut known.make, Some("Sealminer"));
    remember(&mut known.firmware, Some("stock"));
    if let Ok(row) = replies.row(Command::Stats, "STATS", 0) {
        remember(&mut known.model, row.text("Model"));
        remember(&mut known.firmware_version, row.text("Firmware"));
        remember(&mut known.mac, row.text("MAC"));
        remember(&mut known.serial, row.text("Ctrl Board SN"));
        known.faults = faults(row);
    }
    known.learn_pool(replies);
    known.learn_shares(replies);
}

/// Of the machine (empty if it is well) and of its supply (all zeros if it is well).
fn faults(row: Row<'_>) -> Vec<String> {
    let well = |code: &str| code.trim_start_matches("0x").bytes().all(|b| b == b'0');
    let code = |key: &str| row.text(key).filter(|code| !well(code));
    let machine = code("Error Code").map(|code| field::short(code).to_string());
    let supply = code("PSU Error").map(|code| format!("PSU {}", field::short(code)));
    machine.into_iter().chain(supply).collect()
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let stats = replies.row(Command::Stats, "STATS", 0);
    let summary = replies.row(Command::Summary, "SUMMARY", 0);
    let rate = |row: Result<Row<'_>, Missing>, key, source| {
        row.and_then(|row| field::hashrate(row, key, Unit::Mhs, source))
    };
    let hashrate_now = first_of([
        rate(stats, "MHS(30s)", "stats.MHS(30s)"),
        rate(stats, "MHS(1m)", "stats.MHS(1m)"),
        rate(summary, "MHS 1m", "summary.MHS 1m"),
    ]);
    let standing = hashrate_now.is_ok_and(|rate| rate.value.ths() == 0.0);
    AsicReport {
        state: state(&hashrate_now, &known.faults),
        hashrate_now,
        hashrate_avg: first_of([
            rate(stats, "MHS(Avg)", "stats.MHS(Avg)"),
            rate(summary, "MHS av", "summary.MHS av"),
        ]),
        power: stats.and_then(power),
        temp_chip_max: stats.and_then(|row| field::sensor(row, "Temp", "stats.Temp")),
        fans_rpm: stats.map(fans).unwrap_or_default(),
        uptime_s: [stats, summary].into_iter().flatten().find_map(|row| field::seconds(row, "Elapsed")),
        boards_expected: stats
            .ok()
            .and_then(|row| field::count(row, "Board Count"))
            .and_then(|boards| u32::try_from(boards).ok()),
        boards_working: stats.ok().and_then(|row| working(row, standing)),
        ..known.report(Missing::NotReported)
    }
}

/// `PSU Output Power` is behind the supply, `Power Limit` a setting.
fn power(stats: Row<'_>) -> Read<Watts> {
    let watts = field::watts(stats.number("PSU Input Power")?)?;
    Ok(Reading::measured(watts, "stats.PSU Input Power"))
}

/// `0 Speed`, `1 Speed`…; `PSU Fan Speed` is the fan of the supply.
fn fans(stats: Row<'_>) -> Vec<u32> {
    let numbered = |key: &str| key.strip_suffix(" Speed").is_some_and(|n| n.parse::<u32>().is_ok());
    let speeds = stats.fields().filter(|(key, _)| numbered(key));
    speeds.filter_map(|(_, value)| value.number().and_then(field::rpm)).collect()
}

/// Boards that are online and hash.
fn working(stats: Row<'_>, standing: bool) -> Option<u32> {
    let boards = field::count(stats, "Board Count")?;
    let works = |board: &u64| {
        let online = stats.get(&format!("{board} Online")) == Some(Scalar::Bool(true));
        online && stats.number(&format!("{board} MHS(Sample)")).is_ok_and(|rate| rate > 0.0)
    };
    // No machine has more boards than a rack has slots.
    Some(if standing { 0 } else { (0..boards.min(16)).filter(works).count() as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::AsicState;

    fn read(row: &str) -> AsicReport {
        let replies = Replies::of(&[(Command::Stats, &format!("{{\"STATS\":[{row}]}}"))]);
        let mut known = Known::default();
        learn(&replies, &mut known);
        report(&replies, &known)
    }

    #[test]
    fn power_is_what_goes_into_the_supply() {
        let row = r#"{"PSU Input Power":3504,"PSU Output Power":3232,"Power Limit":3500}"#;
        assert_eq!(read(row).power.unwrap().value.get(), 3504.0);
        assert_eq!(read(r#"{"PSU Output Power":3232,"Power Limit":3500}"#).power, Err(Missing::NotReported));
    }

    #[test]
    fn a_board_that_is_offline_does_not_work_and_a_code_is_a_fault() {
        let report = read(
            r#"{"MHS(30s)":0,"Board Count":3,"Error Code":"17","PSU Error":"0x00000000","0 Online":true,
                "0 MHS(Sample)":70000000,"1 Online":false,"1 MHS(Sample)":70000000}"#,
        );
        assert_eq!((report.boards_expected, report.boards_working), (Some(3), Some(0)));
        assert_eq!((report.state, report.faults), (AsicState::Fault, vec!["17".to_owned()]));
        let hashing = read(
            r#"{"MHS(30s)":140000000,"Board Count":2,"0 Online":true,"0 MHS(Sample)":70000000,
                "1 Online":false,"1 MHS(Sample)":70000000}"#,
        );
        assert_eq!(hashing.boards_working, Some(1));
    }

    #[test]
    fn a_machine_in_the_frost_keeps_its_sign() {
        assert_eq!(read(r#"{"Temp":-11}"#).temp_chip_max.unwrap().value.get(), -11.0);
        assert_eq!(read(r#"{"Temp":0}"#).temp_chip_max, Err(Missing::NotReported));
    }
}
