//! WhatsMiners with API 3 (TCP 4433, firmware since about November 2024).
//!
//! `summary` holds almost everything: TH/s, W, °C, RPM (the vendor's API 3.0 names; the fields carry no unit).
//! `edevs` has the boards. A poll costs one connection where both are answered over it, else two; every fifth one
//! more each for pools, and for faults and identity. This API tells no shares.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde_json::Value;

use super::command::Command;
use super::document::{Flag, List, Number, Object, Text};
use super::driver::{Ask, Driver, Replies, When, state};
use super::field::{self, Unit, first_of};
use super::known::{Known, remember};
use super::models;
use crate::reading::{AsicReport, Missing, Reading};

pub static DRIVER: Driver = Driver {
    name: "whatsminer v3",
    opening: &[Command::V3Poll],
    asks: &[
        Ask::new(Command::V3Summary, When::EveryPoll),
        Ask::new(Command::V3Edevs, When::EveryPoll),
        Ask::new(Command::V3DeviceInfo, When::Seldom),
        Ask::new(Command::V3Pools, When::Seldom),
    ],
    learn,
    report,
};

/// `get.miner.status` with `summary`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Summary {
    hash_realtime: Number,
    hash_average: Number,
    factory_hash: Number,
    power_realtime: Number,
    power_5min: Number,
    chip_temp_max: Number,
    board_temperature: List<Number>,
    environment_temperature: Number,
    fan_speed_in: Number,
    fan_speed_out: Number,
    elapsed: Number,
}

/// A row of `edevs`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Board {
    hash_realtime: Number,
    chip_temp_max: Number,
}

/// A row of `pools`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Pool {
    url: Text,
    account: Text,
    status: Text,
    stratum_active: Flag,
}

/// `get.device.info`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Device {
    miner: Object<Machine>,
    network: Object<Network>,
    system: Object<System>,
    error_code: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Machine {
    r#type: Text,
    miner_sn: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Network {
    mac: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct System {
    fwversion: Text,
}

pub fn recognises(replies: &Replies) -> bool {
    let summary = replies.object::<Summary>(Command::V3Summary);
    summary.is_ok_and(|summary| summary.hash_realtime.get().is_ok() || summary.power_realtime.get().is_ok())
}

/// What `summary` gives away of the machine's identity: each leaves the factory with a hashrate of its own.
pub fn fingerprint(replies: &Replies) -> Option<u64> {
    let factory = replies.object::<Summary>(Command::V3Summary).ok()?.factory_hash.get().ok()?;
    let mut hasher = DefaultHasher::new();
    factory.to_bits().hash(&mut hasher);
    Some(hasher.finish())
}

fn learn(replies: &Replies, known: &mut Known) {
    remember(&mut known.make, Some("WhatsMiner"));
    remember(&mut known.firmware, Some("stock"));
    if let Ok(device) = replies.object::<Device>(Command::V3DeviceInfo) {
        // `M60S_VK40`: the variant behind the underscore is a bin of the same machine.
        remember(&mut known.model, device.miner.0.r#type.get().and_then(|model| model.split('_').next()));
        remember(&mut known.serial, device.miner.0.miner_sn.get());
        remember(&mut known.firmware_version, device.system.0.fwversion.get());
        remember(&mut known.mac, device.network.0.mac.get());
        known.faults = error_codes(&device.error_code);
    }
    if let Ok(pools) = replies.list::<Pool>(Command::V3Pools) {
        let alive = |pool: &&Pool| pool.status.get() == Some("alive");
        let used = pools.iter().find(|pool| pool.stratum_active.is_set()).or(pools.iter().find(alive));
        known.pool_url = used.and_then(|pool| pool.url.get()).map(field::short);
        known.worker = used.and_then(|pool| pool.account.get()).map(field::short);
    }
}

/// From `[{"540":"<when>","reason":"…"}]` or `["540"]`.
fn error_codes(errors: &Value) -> Vec<String> {
    let is_code = |text: &str| (1..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let mut codes: Vec<String> = Vec::new();
    for error in errors.as_array().into_iter().flatten() {
        let named = error.as_object().into_iter().flat_map(|error| error.keys().cloned());
        let plain = error.as_str().map(str::to_owned).or(error.as_u64().map(|code| code.to_string()));
        codes.extend(named.chain(plain).filter(|code| is_code(code)));
    }
    codes
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let summary = match replies.object::<Summary>(Command::V3Summary) {
        Ok(summary) => summary,
        Err(why) => return known.report(why),
    };
    let rate = |value: Number, source| field::rate(value.get()?, Unit::Ths, source);
    let sensor = |value: Number, source| field::temperature(value.get()?, source);
    let watts = |value: Number, source| Ok(Reading::measured(value.get().and_then(field::watts)?, source));
    let hashrate_now = rate(summary.hash_realtime, "summary.hash-realtime");
    let standing = hashrate_now.is_ok_and(|rate| rate.value.ths() == 0.0);
    let table = known.model.as_deref().and_then(models::find);
    let boards = replies.list::<Board>(Command::V3Edevs).ok().filter(|boards| !boards.is_empty());
    let hottest_chip = |boards: &Vec<Board>| {
        field::hottest_of(boards.iter().map(|board| sensor(board.chip_temp_max, "edevs.chip-temp-max")))
    };
    let hashing = |board: &&Board| !standing && board.hash_realtime.get().is_ok_and(|rate| rate > 0.0);
    let of_boards = summary.board_temperature.iter().map(|c| sensor(*c, "summary.board-temperature"));
    AsicReport {
        state: state(&hashrate_now, &known.faults),
        hashrate_now,
        hashrate_avg: rate(summary.hash_average, "summary.hash-average"),
        power: first_of([
            watts(summary.power_realtime, "summary.power-realtime"),
            watts(summary.power_5min, "summary.power-5min"),
        ]),
        temp_chip_max: first_of([
            sensor(summary.chip_temp_max, "summary.chip-temp-max"),
            boards.as_ref().map_or(Err(Missing::NotReported), hottest_chip),
        ]),
        temp_board_max: field::hottest_of(of_boards),
        temp_inlet: sensor(summary.environment_temperature, "summary.environment-temperature"),
        fans_rpm: [summary.fan_speed_in, summary.fan_speed_out]
            .into_iter()
            .filter_map(|fan| fan.get().ok().and_then(field::rpm))
            .collect(),
        uptime_s: summary.elapsed.get().ok().and_then(field::uptime),
        boards_expected: boards
            .as_ref()
            .map(|boards| table.and_then(|t| t.boards).unwrap_or(0).max(boards.len() as u32)),
        boards_working: boards.as_ref().map(|boards| boards.iter().filter(hashing).count() as u32),
        ..known.report(Missing::NotReported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::AsicState;

    #[test]
    fn a_limit_is_never_power_and_what_is_not_told_is_no_share() {
        let limited =
            r#"{"code":0,"msg":{"summary":{"hash-realtime":0,"power-limit":3600,"power-rate":17.6}}}"#;
        let report = report(&Replies::of(&[(Command::V3Summary, limited)]), &Known::default());
        assert_eq!((report.power, report.state), (Err(Missing::NotReported), AsicState::Idle));
        assert_eq!((report.accepted, report.rejected), (None, None));
    }

    #[test]
    fn faults_are_read_in_each_form() {
        for errors in [r#"[{"531":"2024-11-05","reason":"slot 1"},{"2010":"x"}]"#, r#"["531",2010]"#] {
            let info = format!(r#"{{"code":0,"msg":{{"error-code":{errors}}}}}"#);
            let mut known = Known::default();
            learn(&Replies::of(&[(Command::V3DeviceInfo, &info)]), &mut known);
            assert_eq!(known.faults, ["531", "2010"], "{errors}");
        }
    }

    #[test]
    fn temperatures_keep_their_sign() {
        let cold = r#"{"code":0,"msg":{"summary":{"board-temperature":[-8.5,-3.5,0],"environment-temperature":-12}}}"#;
        let report = report(&Replies::of(&[(Command::V3Summary, cold)]), &Known::default());
        assert_eq!(report.temp_board_max.unwrap().value.get(), -3.5);
        assert_eq!(report.temp_inlet.unwrap().value.get(), -12.0);
    }
}
