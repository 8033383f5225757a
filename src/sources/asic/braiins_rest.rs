//! Braiins OS through its REST API, where TCP 4028 does not answer (its public API 1, BOSer 25.07 and 26.04).
//!
//! The names of the fields hold their units: `gigahash_per_second`, `watt`, `degree_c`. The watts are those of the
//! tuner: never `measured`. It wants a login ([`super::session`]). A poll costs four connections, every fifth one
//! more for pools.

use serde::Deserialize;

use super::braiins;
use super::command::Command;
use super::document::{Flag, List, Number, Object, Text};
use super::driver::{Ask, Driver, Replies, When, state};
use super::field::{self, Unit, first_of};
use super::known::{Known, remember};
use super::models;
use crate::reading::{AsicReport, Missing, Read, Reading};
use crate::units::Celsius;

pub static DRIVER: Driver = Driver {
    name: "braiins rest",
    opening: &[Command::BosStats],
    asks: &[
        Ask::new(Command::BosStats, When::EveryPoll),
        Ask::new(Command::BosBoards, When::EveryPoll),
        Ask::new(Command::BosCooling, When::EveryPoll),
        Ask::new(Command::BosDetails, When::EveryPoll),
        Ask::new(Command::BosPools, When::Seldom),
    ],
    learn,
    report,
};

/// `miner/stats`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stats {
    miner_stats: Object<Rates>,
    pool_stats: Object<Shares>,
    power_stats: Object<Power>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rates {
    real_hashrate: Object<Windows>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Windows {
    last_5s: Object<Hashrate>,
    last_1m: Object<Hashrate>,
    since_restart: Object<Hashrate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Hashrate {
    gigahash_per_second: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Shares {
    accepted_shares: Number,
    rejected_shares: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Power {
    approximated_consumption: Object<Watts>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Watts {
    watt: Number,
}

/// `miner/hw/hashboards`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Boards {
    hashboards: List<Board>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Board {
    board_temp: Object<Temperature>,
    highest_chip_temp: Object<Sensor>,
    stats: Object<Rates>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Temperature {
    degree_c: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sensor {
    temperature: Object<Temperature>,
}

/// `cooling/state`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cooling {
    fans: List<Fan>,
    highest_temperature: Object<Sensor>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fan {
    rpm: Number,
}

/// `miner/details`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    bos_version: Object<Version>,
    bosminer_uptime_s: Number,
    mac_address: Text,
    serial_number: Text,
    miner_identity: Object<Identity>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Version {
    current: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Identity {
    miner_model: Text,
    name: Text,
}

/// A row of `pools`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Group {
    pools: List<Pool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pool {
    active: Flag,
    alive: Flag,
    url: Text,
    user: Text,
}

pub fn recognises(replies: &Replies) -> bool {
    let details = replies.object::<Details>(Command::BosDetails);
    details.is_ok_and(|details| details.bos_version.0.current.get().is_some())
}

fn learn(replies: &Replies, known: &mut Known) {
    remember(&mut known.firmware, Some("braiins"));
    if let Ok(details) = replies.object::<Details>(Command::BosDetails) {
        let Identity { miner_model, name } = details.miner_identity.0;
        if let Some(name) = miner_model.get().or(name.get()) {
            let antminer = name.strip_prefix("Antminer ");
            remember(&mut known.make, antminer.map(|_| "Antminer"));
            remember(&mut known.model, antminer.or(Some(name)));
            known.algorithm = models::algorithm(name);
        }
        remember(&mut known.firmware_version, details.bos_version.0.current.get().map(release));
        remember(&mut known.mac, details.mac_address.get());
        remember(&mut known.serial, details.serial_number.get());
    }
    if let Ok(Stats { pool_stats: Object(shares), .. }) = replies.object(Command::BosStats) {
        known.accepted = shares.accepted_shares.get().ok().and_then(field::counter);
        known.rejected = shares.rejected_shares.get().ok().and_then(field::counter);
    }
    if let Ok(groups) = replies.list::<Group>(Command::BosPools) {
        let pools = || groups.iter().flat_map(|group| group.pools.iter());
        let alive = |pool: &&Pool| pool.alive.is_set();
        let used = pools().find(|pool| pool.active.is_set()).or_else(|| pools().find(alive));
        known.pool_url = used.and_then(|pool| pool.url.get()).map(field::short);
        known.worker = used.and_then(|pool| pool.user.get()).map(field::short);
    }
}

/// `25.07` of `2025-08-06-0-3881c51d-25.07-plus`; all of it where there is no such part.
fn release(version: &str) -> &str {
    let is_release = |part: &&str| {
        part.split_once('.').is_some_and(|(year, month)| {
            [year, month].iter().all(|n| n.len() == 2 && n.bytes().all(|b| b.is_ascii_digit()))
        })
    };
    version.split('-').find(is_release).unwrap_or(version)
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let stats = match replies.object::<Stats>(Command::BosStats) {
        Ok(stats) => stats,
        Err(why) => return known.report(why),
    };
    let rate = |window: &Object<Hashrate>, source| {
        field::rate(window.0.gigahash_per_second.get()?, Unit::Ghs, source)
    };
    let windows = &stats.miner_stats.0.real_hashrate.0;
    let hashrate_now = first_of([
        rate(&windows.last_5s, "miner.stats.last_5s"),
        rate(&windows.last_1m, "miner.stats.last_1m"),
    ]);
    let standing = hashrate_now.is_ok_and(|rate| rate.value.ths() == 0.0);
    let watts = stats.power_stats.0.approximated_consumption.0.watt.get().and_then(field::watts);
    let boards = replies.object::<Boards>(Command::BosBoards).map(|boards| boards.hashboards);
    let cooling = replies.object::<Cooling>(Command::BosCooling);
    let table = known.model.as_deref().and_then(models::find);
    let hottest = |sensor: fn(&Board) -> &Object<Temperature>, source| match &boards {
        Ok(boards) => field::hottest_of(boards.iter().map(|board| celsius(sensor(board), source))),
        Err(why) => Err(*why),
    };
    let hashing = |board: &&Board| {
        let now = &board.stats.0.real_hashrate.0.last_5s;
        !standing && now.0.gigahash_per_second.get().is_ok_and(|rate| rate > 0.0)
    };
    let present = boards.as_ref().ok().and_then(|boards| boards.0.as_ref()).filter(|list| !list.is_empty());
    let details = replies.object::<Details>(Command::BosDetails);
    AsicReport {
        state: state(&hashrate_now, &known.faults),
        hashrate_now,
        hashrate_avg: rate(&windows.since_restart, "miner.stats.since_restart"),
        power: watts.map(|watts| Reading::estimated(watts, "miner.stats.approximated_consumption")),
        temp_chip_max: first_of([
            hottest(|board| &board.highest_chip_temp.0.temperature, "hashboards.highest_chip_temp"),
            cooling.as_ref().map_err(|why| *why).and_then(|cooling| {
                celsius(&cooling.highest_temperature.0.temperature, "cooling.highest_temperature")
            }),
        ]),
        temp_board_max: hottest(|board| &board.board_temp, "hashboards.board_temp"),
        fans_rpm: cooling.as_ref().map(fans).unwrap_or_default(),
        uptime_s: details.ok().and_then(|details| field::uptime(details.bosminer_uptime_s.get().ok()?)),
        boards_expected: present
            .map(|boards| table.and_then(|model| model.boards).unwrap_or(0).max(boards.len() as u32)),
        boards_working: present.map(|boards| boards.iter().filter(hashing).count() as u32),
        ..known.report(Missing::NotReported)
    }
}

fn celsius(temperature: &Object<Temperature>, source: &'static str) -> Read<Celsius> {
    field::temperature(temperature.0.degree_c.get()?, source)
}

fn fans(cooling: &Cooling) -> Vec<u32> {
    braiins::occupied(cooling.fans.iter().filter_map(|fan| field::rpm(fan.rpm.get().ok()?)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_never_power_and_a_day_is_never_now() {
        let stats = r#"{"miner_stats":{"real_hashrate":{"last_24h":{"gigahash_per_second":112813}}},
            "power_stats":{"target":{"watt":3500},"efficiency":{"joule_per_terahash":21.7}}}"#;
        let report = report(&Replies::of(&[(Command::BosStats, stats)]), &Known::default());
        assert_eq!(report.hashrate_now, Err(Missing::NotReported));
        assert_eq!(report.power, Err(Missing::NotReported));
    }

    #[test]
    fn the_release_is_found_in_the_version() {
        assert_eq!(release("2025-08-06-0-3881c51d-25.07-plus"), "25.07");
        assert_eq!(release("custom build 1.2.3"), "custom build 1.2.3");
    }

    #[test]
    fn temperatures_keep_their_sign() {
        let boards = r#"{"hashboards":[{"board_temp":{"degree_c":-7.5}},{"board_temp":{"degree_c":-3.25}}]}"#;
        let replies = Replies::of(&[(Command::BosStats, "{}"), (Command::BosBoards, boards)]);
        assert_eq!(report(&replies, &Known::default()).temp_board_max.unwrap().value.get(), -3.25);
    }
}
