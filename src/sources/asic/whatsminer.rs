//! WhatsMiners with API 1 and 2 (btminer on TCP 4028, firmware before about November 2024).
//!
//! `summary` holds almost everything, power included; `devs` (or `edevs`) the boards. A poll costs one
//! connection where both are answered over it, else two; every fifth one more each for pools and faults.
//!
//! Architecture invariant: a read that is denied is reported as denied. Nothing here asks for a
//! token or unlocks the API, as that would open the machine for writing.

use super::command::Command;
use super::driver::{Ask, Driver, Replies, When, state};
use super::field::{self, MAX_FAULTS, Unit, first_of};
use super::known::{Known, remember};
use super::models;
use super::reply::{Reply, Row, Scalar};
use crate::reading::{AsicReport, Missing, Read, Reading};
use crate::units::Watts;

pub static DRIVER: Driver = Driver {
    name: "whatsminer",
    opening: &[Command::WhatsMinerPoll, Command::WhatsMinerEdevsPoll],
    asks: &[
        Ask::new(Command::Summary, When::EveryPoll),
        Ask::new(Command::Devs, When::EveryPoll),
        Ask::new(Command::Edevs, When::EveryPoll).unless(Command::Devs),
        Ask::new(Command::DevDetails, When::Identifying),
        Ask::new(Command::GetVersion, When::Identifying),
        Ask::new(Command::Pools, When::Seldom),
        Ask::new(Command::GetErrorCode, When::Seldom),
    ],
    learn,
    report,
};

/// Fields that only this `summary` has; firmware versions differ in which.
const OWN_FIELDS: [&str; 6] =
    ["HS RT", "Factory GHS", "Fan Speed In", "Power_RT", "Chip Temp Max", "Hash Stable"];

/// By what the API calls itself, else by two of the fields that only this summary has.
pub fn recognises(replies: &Replies) -> bool {
    [Command::Summary, Command::Version].into_iter().filter_map(|command| replies.any(command)).any(|reply| {
        let name = reply.description().to_ascii_lowercase();
        name.contains("whatsminer")
            || name.contains("btminer")
            || reply
                .row("SUMMARY", 0)
                .is_some_and(|row| OWN_FIELDS.iter().filter(|key| row.get(key).is_some()).count() >= 2)
    })
}

fn learn(replies: &Replies, known: &mut Known) {
    remember(&mut known.make, Some("WhatsMiner"));
    remember(&mut known.firmware, Some("stock"));
    if let Ok(row) = replies.row(Command::DevDetails, "DEVDETAILS", 0)
        && let Some(model) = row.text("Model")
    {
        // `M56S_VH30`: the variant behind the underscore is a bin of the same machine.
        remember(&mut known.model, model.split('_').next());
    }
    let summary = replies.row(Command::Summary, "SUMMARY", 0);
    // Older firmware puts single quotes around the version.
    let version = summary
        .ok()
        .and_then(|row| row.text("Firmware Version"))
        .or_else(|| replies.row(Command::GetVersion, "Msg", 0).ok().and_then(|row| row.text("fw_ver")));
    remember(&mut known.firmware_version, version.map(|v| v.trim_matches('\'')));
    remember(&mut known.mac, summary.ok().and_then(|row| row.text("MAC")));
    if let Ok(reply) = replies.get(Command::GetErrorCode) {
        known.faults = error_codes(reply);
    }
    known.learn_pool(replies);
    known.learn_shares(replies);
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let summary = replies.row(Command::Summary, "SUMMARY", 0);
    let rate = |key, source| summary.and_then(|row| field::hashrate(row, key, Unit::Mhs, source));
    let hashrate_now = first_of([
        rate("HS RT", "summary.HS RT"),
        rate("MHS 1m", "summary.MHS 1m"),
        rate("MHS 5s", "summary.MHS 5s"),
    ]);
    let devs = replies.get(Command::Devs).or_else(|_| replies.get(Command::Edevs));
    let standing = hashrate_now.is_ok_and(|rate| rate.value.ths() == 0.0);
    let boards = devs.ok().and_then(field::boards);
    let table = known.model.as_deref().and_then(models::find);
    let mut faults = summary.map(summary_errors).unwrap_or_default();
    faults.extend(known.faults.iter().filter(|code| !faults.contains(code)).cloned().collect::<Vec<_>>());

    AsicReport {
        state: state(&hashrate_now, &faults),
        hashrate_now,
        hashrate_avg: rate("MHS av", "summary.MHS av"),
        power: power(summary),
        temp_chip_max: first_of([
            summary.and_then(|row| field::sensor(row, "Chip Temp Max", "summary.Chip Temp Max")),
            devs.and_then(|reply| field::hottest(reply.rows("DEVS"), "Chip Temp Max", "devs.Chip Temp Max")),
        ]),
        temp_board_max: first_of([
            summary.and_then(|row| field::sensor(row, "Temperature", "summary.Temperature")),
            devs.and_then(|reply| field::hottest(reply.rows("DEVS"), "Temperature", "devs.Temperature")),
        ]),
        temp_inlet: summary.and_then(|row| field::sensor(row, "Env Temp", "summary.Env Temp")),
        fans_rpm: summary.map(fans).unwrap_or_default(),
        uptime_s: summary.ok().and_then(|row| field::seconds(row, "Elapsed")),
        boards_expected: boards.map(|(present, _)| table.and_then(|t| t.boards).unwrap_or(0).max(present)),
        boards_working: boards.map(|(_, working)| if standing { 0 } else { working }),
        faults,
        ..known.report(Missing::NotReported)
    }
}

/// `Power` is what the supply draws. `Power Limit` and `Power Rate` are settings, never power.
fn power(summary: Result<Row<'_>, Missing>) -> Read<Watts> {
    let watts = |key, source| {
        let watts = summary.and_then(|row| row.number(key)).and_then(field::watts)?;
        Ok(Reading::measured(watts, source))
    };
    first_of([watts("Power", "summary.Power"), watts("Power_RT", "summary.Power_RT")])
}

/// Empty for machines that are cooled by water or oil.
fn fans(summary: Row<'_>) -> Vec<u32> {
    if summary.get("Liquid Cooling") == Some(Scalar::Bool(true)) {
        return Vec::new();
    }
    // `Power Fanspeed` is the fan of the supply.
    let speeds = ["Fan Speed In", "Fan Speed Out"].into_iter();
    speeds.filter_map(|key| summary.number(key).ok().and_then(field::rpm)).collect()
}

/// `Error Code 0`, `Error Code 1`… (`Error Code Count` counts them).
fn summary_errors(summary: Row<'_>) -> Vec<String> {
    let number = |key: &str| key.strip_prefix("Error Code ").is_some_and(|n| n.parse::<u32>().is_ok());
    let codes = summary.fields().filter(|(key, _)| number(key)).filter_map(|(_, value)| value.number());
    codes.filter(|code| (1.0..1e8).contains(code)).map(|code| format!("{code}")).take(MAX_FAULTS).collect()
}

/// From `{"error_code":[{"540":"<when>"}]}`, `["540"]` or what was meant as the former.
fn error_codes(reply: &Reply) -> Vec<String> {
    let is_code = |text: &str| (1..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let mut codes: Vec<String> = Vec::new();
    for (key, value) in reply.rows("Msg").flat_map(Row::fields) {
        let Some(path) = key.strip_prefix("error_code.") else { continue };
        let code = match (value, value.number()) {
            // In a list, the last part of the path is a mere position.
            (Scalar::Text(text), _) if is_code(text) && !path.contains('.') => text.to_owned(),
            (Scalar::Number(_), Some(number)) if number >= 0.0 => format!("{number}"),
            _ => path.rsplit('.').next().unwrap_or_default().to_owned(),
        };
        if codes.len() < MAX_FAULTS && is_code(&code) && !codes.contains(&code) {
            codes.push(code);
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::AsicState;

    fn replies(command: Command, json: &str) -> Replies {
        Replies::of(&[(command, json)])
    }

    #[test]
    fn a_whatsminer_is_known_by_its_name_or_by_its_fields() {
        for (reply, known) in [
            (r#"{"STATUS":"E","Code":45,"Description":"whatsminer v2.0.5"}"#, true),
            (r#"{"STATUS":[{"STATUS":"S","Description":"btminer"}],"SUMMARY":[{}]}"#, true),
            (r#"{"SUMMARY":[{"MHS av":1.0,"Fan Speed In":1,"HS RT":1.0}]}"#, true),
            (r#"{"SUMMARY":[{"MHS av":1.0,"MHS 5s":1.0,"Elapsed":1}]}"#, false),
        ] {
            assert_eq!(recognises(&replies(Command::Summary, reply)), known, "{reply}");
        }
    }

    #[test]
    fn a_denied_read_leaves_everything_unknown() {
        let denied =
            replies(Command::Summary, r#"{"STATUS":"E","Code":45,"Description":"whatsminer v2.0.5"}"#);
        let report = report(&denied, &Known::default());
        assert_eq!(report.hashrate_now, Err(Missing::Denied));
        assert_eq!(report.power, Err(Missing::Denied));
        assert_eq!(report.state, AsicState::Unknown);
        assert_eq!((report.uptime_s, report.accepted, report.boards_working), (None, None, None));
    }

    #[test]
    fn a_limit_is_never_power() {
        let limited = replies(Command::Summary, r#"{"SUMMARY":[{"Power Limit":3500,"Power Rate":40.1}]}"#);
        assert_eq!(report(&limited, &Known::default()).power, Err(Missing::NotReported));
    }

    #[test]
    fn error_codes_are_read_in_every_shape() {
        for shape in [
            r#"{"Msg":{"error_code":[{"540":"2023-02-03 04:05:06"},{"2010":"2023"}]}}"#,
            r#"{"Msg":{"error_code":["540":"2023-02-03 04:05:06","2010":"2023-02-03 04:07:08"]}}"#,
            r#"{"Msg":{"error_code":["540","2010"]}}"#,
            r#"{"Msg":{"error_code":[540,2010]}}"#,
        ] {
            let reply = Reply::parse(shape.as_bytes()).unwrap();
            assert_eq!(error_codes(&reply), ["540", "2010"], "{shape}");
        }
        let none = Reply::parse(br#"{"Msg":{"error_code":[]}}"#).unwrap();
        assert!(error_codes(&none).is_empty());
    }

    #[test]
    fn no_hashrate_with_errors_is_a_fault() {
        let json = r#"{"SUMMARY":[{"HS RT":0.0,"Error Code 0":110,"Error Code Count":1,"Elapsed":5}]}"#;
        let report = report(&replies(Command::Summary, json), &Known::default());
        assert_eq!((report.state, report.faults), (AsicState::Fault, vec!["110".to_owned()]));
    }
}
