//! Stock Antminers through the pages of their web interface, where TCP 4028 is closed or tells nothing (S19 and
//! later; older ones have other pages).
//!
//! `stats.cgi` holds boards and fans as lists and names the unit of its rates. The pages want a digest
//! ([`super::session`]). A poll costs one connection, one more for measured power where there is any, and every
//! fifth one more for pools and shares.

use serde::Deserialize;

use super::antminer::{page_has_power, page_watts, stock_model};
use super::antminer_stats::{Chain, Stats as Boards, hottest_sensor};
use super::command::Command;
use super::document::{List, Number, Object, Text};
use super::driver::{Answer, Ask, Driver, Replies, When, state};
use super::field::{self, Unit, first_of};
use super::known::{Known, remember};
use super::models;
use crate::reading::{AsicReport, Missing, Read, Reading};
use crate::units::{Hashrate, Watts};

pub static DRIVER: Driver = Driver {
    name: "antminer cgi",
    opening: &[Command::CgiStats],
    asks: &[
        Ask::new(Command::CgiStats, When::EveryPoll),
        Ask::new(Command::CgiSystemInfo, When::Identifying),
        Ask::new(Command::CgiPools, When::Seldom),
        Ask::new(Command::MinerPower, When::EveryPoll)
            .unless_told(Command::CgiStats, tells_power)
            .worth(page_has_power),
    ],
    learn,
    report,
};

/// `stats.cgi`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Page {
    #[serde(rename = "INFO")]
    info: Object<Info>,
    /// One row; none while the machine sleeps.
    #[serde(rename = "STATS")]
    stats: List<Stats>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Info {
    /// `Antminer S21`.
    #[serde(rename = "type")]
    kind: Text,
    miner_version: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stats {
    elapsed: Number,
    rate_5s: Number,
    rate_30m: Number,
    rate_avg: Number,
    rate_unit: Text,
    fan: List<Number>,
    fan_num: Number,
    chain: List<Board>,
    /// Newer machines, W.
    watt: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Board {
    rate_real: Number,
    asic_num: Number,
    asic: Text,
    temp_pcb: List<Number>,
    temp_chip: List<Number>,
}

/// `get_system_info.cgi`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct System {
    macaddr: Text,
    serinum: Text,
}

/// `pools.cgi`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pools {
    #[serde(rename = "POOLS")]
    pools: List<Pool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pool {
    url: Text,
    user: Text,
    status: Text,
    accepted: Number,
    rejected: Number,
}

pub fn recognises(replies: &Replies) -> bool {
    let page = replies.object::<Page>(Command::CgiStats);
    page.is_ok_and(|page| page.info.0.kind.get().is_some_and(|kind| stock_model(kind).is_some()))
}

fn learn(replies: &Replies, known: &mut Known) {
    remember(&mut known.make, Some("Antminer"));
    remember(&mut known.firmware, Some("stock"));
    if let Ok(Page { info: Object(Info { kind, miner_version }), .. }) = replies.object(Command::CgiStats) {
        remember(&mut known.model, kind.get().and_then(stock_model));
        known.algorithm = kind.get().map_or(known.algorithm, models::algorithm);
        remember(&mut known.firmware_version, miner_version.get());
    }
    if let Ok(system) = replies.object::<System>(Command::CgiSystemInfo) {
        remember(&mut known.mac, system.macaddr.get());
        remember(&mut known.serial, system.serinum.get());
    }
    if let Ok(Pools { pools }) = replies.object(Command::CgiPools) {
        let alive = |pool: &&Pool| pool.status.get().is_some_and(|s| s.eq_ignore_ascii_case("alive"));
        let used = pools.iter().find(alive);
        known.pool_url = used.and_then(|pool| pool.url.get()).map(field::short);
        known.worker = used.and_then(|pool| pool.user.get()).map(field::short);
        known.accepted = sum(&pools, |pool| pool.accepted);
        known.rejected = sum(&pools, |pool| pool.rejected);
    }
}

/// A counter over all pools, as the machine's own total is. Unused pools count 0.
fn sum(pools: &List<Pool>, count: fn(&Pool) -> Number) -> Option<u64> {
    let counts = pools.iter().filter_map(|pool| count(pool).get().ok().and_then(field::counter));
    counts.reduce(u64::saturating_add)
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let page = match replies.object::<Page>(Command::CgiStats) {
        Ok(page) => page,
        Err(why) => return known.report(why),
    };
    let Some(stats) = page.stats.iter().next() else { return known.report(Missing::NotReported) };
    let hashrate_now = first_of([
        rate(stats, stats.rate_5s, "stats.cgi rate_5s"),
        rate(stats, stats.rate_30m, "stats.cgi rate_30m"),
    ]);
    let boards = Boards::of(
        stats.chain.iter().map(Board::chain),
        stats.fan.iter().filter_map(|fan| fan.get().ok()).collect(),
        stats.fan_num.get().ok(),
    );
    let standing = hashrate_now.is_ok_and(|rate| rate.value.ths() == 0.0);
    let table = known.model.as_deref().and_then(models::find);
    AsicReport {
        state: state(&hashrate_now, &known.faults),
        hashrate_now,
        hashrate_avg: rate(stats, stats.rate_avg, "stats.cgi rate_avg"),
        power: first_of([watts(stats), page_watts(replies)]),
        temp_chip_max: boards.temp_chip_max(),
        temp_board_max: boards.temp_board_max(),
        temp_inlet: Err(Missing::NotReported),
        fans_rpm: boards.fans_rpm(),
        uptime_s: stats.elapsed.get().ok().and_then(field::uptime),
        boards_expected: boards
            .has_boards()
            .then(|| table.and_then(|model| model.boards).unwrap_or(0).max(boards.present())),
        boards_working: boards.has_boards().then(|| if standing { 0 } else { boards.working() }),
        ..known.report(Missing::NotReported)
    }
}

/// A rate without its unit may be anything.
fn rate(stats: &Stats, rate: Number, source: &'static str) -> Read<Hashrate> {
    let unit = match stats.rate_unit.get() {
        Some("MH/s") => Unit::Mhs,
        Some("GH/s") => Unit::Ghs,
        Some("TH/s") => Unit::Ths,
        Some(_) => return Err(Missing::NotSupported),
        None => return Err(Missing::NotReported),
    };
    field::rate(rate.get()?, unit, source)
}

/// What the supply measures: the page shows what the API tells behind `new_api`.
fn watts(stats: &Stats) -> Read<Watts> {
    Ok(Reading::measured(field::watts(stats.watt.get()?)?, "stats.cgi watt"))
}

fn tells_power(answer: &Answer) -> bool {
    let Answer::Document(page) = answer else { return false };
    let page = Page::deserialize(page).unwrap_or_default();
    page.stats.iter().next().is_some_and(|stats| watts(stats).is_ok())
}

impl Board {
    fn chain(&self) -> Chain {
        let sensors =
            |list: &List<Number>| hottest_sensor(list.iter().filter_map(|sensor| sensor.get().ok()));
        let mut chain = Chain {
            chips: self.asic_num.get().ok(),
            rate: self.rate_real.get().ok(),
            chip_max: sensors(&self.temp_chip),
            board_max: sensors(&self.temp_pcb),
            ..Chain::default()
        };
        chain.count_chips(self.asic.get().unwrap_or_default());
        chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stats: &str) -> AsicReport {
        let page = format!(r#"{{"INFO":{{"type":"Antminer S21"}},"STATS":[{stats}]}}"#);
        let replies = Replies::of(&[(Command::CgiStats, &page)]);
        assert!(recognises(&replies));
        let mut known = Known::default();
        learn(&replies, &mut known);
        report(&replies, &known)
    }

    #[test]
    fn a_rate_is_read_in_the_unit_that_it_names_and_in_no_other() {
        let now = |unit: &str| {
            let report = read(&format!(r#"{{"rate_5s":201500.5{unit}}}"#));
            report.hashrate_now.map(|rate| rate.value.ths())
        };
        assert_eq!(now(r#","rate_unit":"GH/s""#), Ok(201.5005));
        assert_eq!(now(r#","rate_unit":"MH/s""#), Ok(0.2015005));
        assert_eq!(now(r#","rate_unit":"kSol/s""#), Err(Missing::NotSupported));
        assert_eq!(now(""), Err(Missing::NotReported));
    }

    #[test]
    fn a_machine_asleep_tells_no_rate_and_has_none_of_zero() {
        let report = read("");
        assert_eq!(
            (report.hashrate_now, report.power),
            (Err(Missing::NotReported), Err(Missing::NotReported))
        );
        assert_eq!(report.model.as_deref(), Some("S21"));
    }

    #[test]
    fn watts_that_no_machine_draws_are_none() {
        assert_eq!(read(r#"{"watt":3480}"#).power.unwrap().value.get(), 3480.0);
        assert_eq!(read(r#"{"watt":0}"#).power, Err(Missing::Implausible));
    }

    #[test]
    fn other_firmware_and_other_makers_behind_the_same_pages_are_left_alone() {
        for kind in ["Antminer S19 (vnish 1.2)", "DG1+", ""] {
            let page = format!(r#"{{"INFO":{{"type":"{kind}"}},"STATS":[{{}}]}}"#);
            assert!(!recognises(&Replies::of(&[(Command::CgiStats, &page)])), "{kind}");
        }
    }
}
