//! AxeOS: Bitaxe, and NerdAxe which descends from it.
//!
//! One page holds everything: GH/s, W, °C, RPM (ESP-Miner's openapi.yaml). The board measures its power itself. A
//! poll costs one connection.

use serde::Deserialize;

use super::command::Command;
use super::document::{Flag, Number, Text};
use super::driver::{Ask, Driver, Replies, When, state};
use super::field::{self, Unit};
use super::known::{Known, remember};
use crate::reading::{AsicReport, Missing, Reading};

pub static DRIVER: Driver = Driver {
    name: "axeos",
    opening: &[Command::AxeInfo],
    asks: &[Ask::new(Command::AxeInfo, When::EveryPoll)],
    learn,
    report,
};

/// `/api/system/info`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Info {
    power: Number,
    hash_rate: Number,
    #[serde(rename = "hashRate_1h")]
    hash_rate_1h: Number,
    temp: Number,
    vr_temp: Number,
    fanrpm: Number,
    uptime_seconds: Number,
    shares_accepted: Number,
    shares_rejected: Number,
    #[serde(rename = "ASICModel")]
    asic_model: Text,
    asic_count: Number,
    board_version: Text,
    /// NerdAxe only: `NerdQAxe+`.
    device_model: Text,
    version: Text,
    mac_addr: Text,
    #[serde(rename = "overheat_mode")]
    overheat_mode: Flag,
    #[serde(rename = "stratumURL")]
    stratum_url: Text,
    stratum_port: Number,
    stratum_user: Text,
    is_using_fallback_stratum: Flag,
    #[serde(rename = "fallbackStratumURL")]
    fallback_stratum_url: Text,
    fallback_stratum_port: Number,
    fallback_stratum_user: Text,
}

pub fn recognises(replies: &Replies) -> bool {
    let info = replies.object::<Info>(Command::AxeInfo);
    info.is_ok_and(|info| info.asic_model.get().is_some() && info.hash_rate.get().is_ok())
}

fn learn(replies: &Replies, known: &mut Known) {
    let Ok(info) = replies.object::<Info>(Command::AxeInfo) else { return };
    let nerd = info.device_model.get().filter(|model| model.starts_with("Nerd"));
    remember(&mut known.make, Some(if nerd.is_some() { "NerdAxe" } else { "Bitaxe" }));
    remember(&mut known.model, nerd.or(info.board_version.get()));
    remember(&mut known.firmware, Some("axeos"));
    remember(&mut known.firmware_version, info.version.get());
    remember(&mut known.mac, info.mac_addr.get());
    let (url, port, user) = if info.is_using_fallback_stratum.is_set() {
        (&info.fallback_stratum_url, info.fallback_stratum_port, &info.fallback_stratum_user)
    } else {
        (&info.stratum_url, info.stratum_port, &info.stratum_user)
    };
    known.pool_url = url.get().map(|url| match port.get() {
        Ok(port) if !url.contains(':') => field::short(&format!("{url}:{port}")),
        _ => field::short(url),
    });
    known.worker = user.get().map(field::short);
    known.accepted = info.shares_accepted.get().ok().and_then(field::counter);
    known.rejected = info.shares_rejected.get().ok().and_then(field::counter);
    // It switches its chip off for this and waits for somebody to come.
    known.faults = if info.overheat_mode.is_set() { vec!["overheat mode".to_owned()] } else { Vec::new() };
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let info = match replies.object::<Info>(Command::AxeInfo) {
        Ok(info) => info,
        Err(why) => return known.report(why),
    };
    let rate = |value: Number, source| field::rate(value.get()?, Unit::Ghs, source);
    let hashrate_now = rate(info.hash_rate, "system.info.hashRate");
    let sensor = |value: Number, source| field::temperature(value.get()?, source);
    let hashes = hashrate_now.is_ok_and(|rate| rate.value.ths() > 0.0);
    // One board, whatever the number of its chips.
    let board = info.asic_count.get().ok().filter(|chips| *chips >= 1.0);
    AsicReport {
        state: state(&hashrate_now, &known.faults),
        hashrate_now,
        hashrate_avg: rate(info.hash_rate_1h, "system.info.hashRate_1h"),
        power: info.power.get().and_then(field::watts).map(|w| Reading::measured(w, "system.info.power")),
        temp_chip_max: sensor(info.temp, "system.info.temp"),
        temp_board_max: sensor(info.vr_temp, "system.info.vrTemp"),
        fans_rpm: info.fanrpm.get().ok().and_then(field::rpm).into_iter().collect(),
        uptime_s: info.uptime_seconds.get().ok().and_then(field::uptime),
        boards_expected: board.map(|_| 1),
        boards_working: board.map(|_| u32::from(hashes)),
        ..known.report(Missing::NotReported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::AsicState;

    fn read(info: &str) -> AsicReport {
        let replies = Replies::of(&[(Command::AxeInfo, info)]);
        let mut known = Known::default();
        learn(&replies, &mut known);
        report(&replies, &known)
    }

    #[test]
    fn a_nerdaxe_tells_its_own_name_and_the_pool_that_it_fell_back_to() {
        let report = read(
            r#"{"ASICModel":"BM1368","deviceModel":"NerdQAxe+","hashRate":2400,"isUsingFallbackStratum":true,
                "stratumURL":"a","stratumPort":1,"stratumUser":"u","fallbackStratumURL":"b",
                "fallbackStratumPort":2,"fallbackStratumUser":"v"}"#,
        );
        assert_eq!((report.make.as_deref(), report.model.as_deref()), (Some("NerdAxe"), Some("NerdQAxe+")));
        assert_eq!((report.pool_url.as_deref(), report.worker.as_deref()), (Some("b:2"), Some("v")));
    }

    #[test]
    fn a_sensor_at_zero_is_none_and_one_below_keeps_its_sign() {
        let report = read(r#"{"ASICModel":"BM1368","hashRate":0,"temp":-4.5,"vrTemp":0}"#);
        assert_eq!(report.temp_chip_max.unwrap().value.get(), -4.5);
        assert_eq!(report.temp_board_max, Err(Missing::NotReported));
    }

    #[test]
    fn a_chip_that_was_switched_off_for_its_heat_is_a_fault() {
        let report = read(r#"{"ASICModel":"BM1368","hashRate":0,"overheat_mode":1}"#);
        assert_eq!((report.state, report.boards_working), (AsicState::Fault, None));
    }

    #[test]
    fn another_document_is_no_miner() {
        for other in [r#"{"status":"ok"}"#, r#"{"hashRate":1}"#, r#"["ASICModel"]"#] {
            assert!(!recognises(&Replies::of(&[(Command::AxeInfo, other)])), "{other}");
        }
    }
}
