//! Stock Antminers (cgminer and bmminer, S9 to S21, L3+ to L11).
//!
//! Two replies make a report: `summary` (hashrate, shares, uptime) and `stats`, whose second row
//! holds all boards as numbered fields (`chain_rate1`, `temp_pcb1`, `fan1`). Most machines tell no
//! power at all; newer ones measure it and tell it on a page of its own or behind a flag.

use super::antminer_stats::Stats;
use super::command::Command;
use super::driver::{Answer, Ask, Driver, Known, Replies, When, pool_in_use, state};
use super::field::{self, Unit, first_of};
use super::models;
use super::reply::{Reply, Row};
use crate::reading::{AsicReport, Missing, Read, Reading};
use crate::units::{Hashrate, Watts};

pub static DRIVER: Driver = Driver {
    name: "antminer",
    asks: &[
        Ask::new(Command::Stats, When::EveryPoll),
        Ask::new(Command::Version, When::Identifying),
        Ask::new(Command::Pools, When::Seldom),
        Ask::new(Command::MinerPower, When::EveryPoll).worth(page_has_power),
        Ask::new(Command::StatsNewApi, When::EveryPoll).unless(Command::MinerPower).worth(reply_has_power),
    ],
    learn,
    report,
};

/// The fastest scrypt machine makes 0.02 TH/s.
const MAX_SCRYPT_THS: f64 = 0.1;

/// Stock calls itself `Antminer <model>` and names its miner program. Other firmware adds its own
/// name to the type (`Antminer S9 (vnish 3.8.6)`) or names no program of Bitmain's (LuxOS).
pub fn recognises(replies: &Replies) -> bool {
    identity(replies).is_some_and(|row| {
        let stock_name = row.text("Type").and_then(|t| t.strip_prefix("Antminer ")).is_some_and(|model| {
            let model = model.to_ascii_lowercase();
            !["(", "vnish", "hive", "msk", "nicehash", "v."].iter().any(|mark| model.contains(mark))
        });
        let stock_program = row.get("BMMiner").or_else(|| row.get("CGMiner")).is_some();
        let other = ["LUXminer", "BOSminer", "BOSminer+", "BOSer"].iter().any(|key| row.get(key).is_some());
        stock_name && stock_program && !other
    })
}

/// The row that says what the machine is: of `version`, else the first one of `stats`.
fn identity(replies: &Replies) -> Option<Row<'_>> {
    let version = replies.row(Command::Version, "VERSION", 0);
    version.or_else(|_| replies.row(Command::Stats, "STATS", 0)).ok()
}

fn learn(replies: &Replies, known: &mut Known) {
    // `version` and `stats` may name different versions: the first one that was read stays.
    if known.model.is_none() || replies.get(Command::Version).is_ok() {
        let row = identity(replies).filter(|_| recognises(replies));
        if let Some(row) = row {
            let model = row.text("Type").and_then(|t| t.strip_prefix("Antminer "));
            known.make = Some("Antminer".into());
            known.firmware = Some("stock".into());
            known.model = model.map(|model| field::short(model.trim().trim_end_matches('.')));
            known.algorithm = row.text("Type").map(models::algorithm).unwrap_or_default();
            known.firmware_version = field::text(row, "Miner");
        }
    }
    known.learn_pool(replies);
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let summary = replies.row(Command::Summary, "SUMMARY", 0);
    let stats_row = replies.row(Command::Stats, "STATS", 1);
    let pool = replies.get(Command::Pools).ok().and_then(pool_in_use);
    let model = known.model.as_deref();
    let table = model.and_then(models::find);
    let shares = |key| {
        summary.ok().and_then(|row| field::count(row, key)).or(pool.and_then(|row| field::count(row, key)))
    };

    let hashrate_now = first_of([
        summary.and_then(|row| hashrate(row, "GHS 5s", model, "summary.GHS 5s")),
        stats_row.and_then(|row| hashrate(row, "GHS 5s", model, "stats.GHS 5s")),
    ]);
    let hashrate_avg = first_of([
        summary.and_then(|row| hashrate(row, "GHS av", model, "summary.GHS av")),
        stats_row.and_then(|row| hashrate(row, "GHS av", model, "stats.GHS av")),
    ]);
    let stats = stats_row.map(Stats::read);
    let boards = stats.as_ref().ok().filter(|stats| stats.has_boards());
    let standing = hashrate_now.is_ok_and(|rate| rate.value.ths() == 0.0);

    AsicReport {
        state: state(&hashrate_now, &known.faults),
        hashrate_now,
        hashrate_avg,
        power: power(replies, stats.as_ref().ok()),
        nameplate: table.map(|model| model.nameplate),
        temp_chip_max: stats.as_ref().map_err(|why| *why).and_then(Stats::temp_chip_max),
        temp_board_max: stats.as_ref().map_err(|why| *why).and_then(Stats::temp_board_max),
        temp_inlet: Err(Missing::NotReported),
        fans_rpm: stats.as_ref().map(Stats::fans_rpm).unwrap_or_default(),
        uptime_s: [summary, stats_row].into_iter().flatten().find_map(|row| field::seconds(row, "Elapsed")),
        accepted: shares("Accepted"),
        rejected: shares("Rejected"),
        boards_expected: boards
            .map(|boards| table.and_then(|model| model.boards).unwrap_or(0).max(boards.present())),
        boards_working: boards.map(|boards| if standing { 0 } else { boards.working() }),
        ..known.report(Missing::NotReported)
    }
}

/// The unit of the `GHS` fields depends on the model: old scrypt and X11 machines send MH/s under
/// the same name, and what the ones of other algorithms mean is not documented.
fn hashrate(row: Row<'_>, key: &str, model: Option<&str>, source: &'static str) -> Read<Hashrate> {
    let model = model.unwrap_or_default();
    if model.starts_with("L3") || model.starts_with("D3") {
        return field::hashrate(row, key, Unit::Mhs, source);
    }
    if model.starts_with('L') {
        let read = field::hashrate(row, key, Unit::Ghs, source)?;
        return if read.value.ths() <= MAX_SCRYPT_THS { Ok(read) } else { Err(Missing::Implausible) };
    }
    if model.is_empty() || model.starts_with(['S', 'T', 'R', 'V']) {
        return field::hashrate(row, key, Unit::Ghs, source);
    }
    Err(Missing::NotSupported)
}

/// In order of worth: the page, the reply to the flag, the firmware's own estimate per board.
fn power(replies: &Replies, stats: Option<&Stats>) -> Read<Watts> {
    // What goes wrong on a page that few machines have says nothing about this machine's power.
    let measured = |watts: Result<f64, Missing>, source| {
        let watts = watts.map_err(|_| Missing::NotReported).and_then(field::watts)?;
        Ok(Reading::measured(watts, source))
    };
    let page = replies.page(Command::MinerPower).and_then(|page| page_power(page).ok_or(Missing::Garbage));
    let flagged = replies.get(Command::StatsNewApi).and_then(flagged_power);
    let estimated = stats.and_then(Stats::chain_power).ok_or(Missing::NotReported).and_then(field::watts);
    first_of([
        measured(page, "http:6060/miner_power"),
        measured(flagged, "stats new_api.power"),
        estimated.map(|watts| Reading::estimated(watts, "stats.chain_power")),
    ])
}

/// From `miner power:3541` (Bitmain's server) or `power:1234`.
fn page_power(page: &str) -> Option<f64> {
    let (_, number) = page.split_once("power:")?;
    number.split_whitespace().next()?.parse().ok()
}

fn flagged_power(reply: &Reply) -> Result<f64, Missing> {
    let row = reply.row("STATS", 0).ok_or(Missing::NotReported)?;
    row.number("power").or_else(|_| row.number("Power")).or_else(|_| row.number("watt"))
}

fn page_has_power(answer: &Answer) -> bool {
    matches!(answer, Answer::Page(page) if page_power(page).is_some())
}

fn reply_has_power(answer: &Answer) -> bool {
    matches!(answer, Answer::Api(reply) if flagged_power(reply).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_firmware_on_the_same_hardware_is_not_taken_for_stock() {
        for (version, stock) in [
            (r#"{"VERSION":[{"BMMiner":"1.0.0","Miner":"49.0.1.3","Type":"Antminer S19 Pro"}]}"#, true),
            (r#"{"VERSION":[{"CGMiner":"4.9.0","Miner":"1.0.1.3","Type":"Antminer L3+"}]}"#, true),
            (r#"{"VERSION":[{"LUXminer":"2025.4.8","Miner":"2025.4.8","Type":"Antminer S19k Pro"}]}"#, false),
            (
                r#"{"VERSION":[{"BMMiner":"4.11.1 rwglr","Miner":"0.0.1.3","Type":"S19-88 v.2.6.0.39 "}]}"#,
                false,
            ),
            (r#"{"VERSION":[{"CGMiner":"4.9.0","Type":"Antminer S9 (vnish 3.8.6)"}]}"#, false),
            (r#"{"VERSION":[{"BMMiner":"2.0.0","Type":"Antminer S9 Hiveon"}]}"#, false),
            (r#"{"VERSION":[{"CGMiner":"2.3.3","Miner":"2.0.2.2","Type":"Hammer D10"}]}"#, false),
            (r#"{"VERSION":[{"API":"3.7","BOSer":"boser-buildroot 0.1.0-75912fc7"}]}"#, false),
        ] {
            assert_eq!(recognises(&Replies::of(&[(Command::Version, version)])), stock, "{version}");
        }
    }

    #[test]
    fn the_unit_of_ghs_follows_the_model() {
        let reply = Reply::parse(br#"{"S":[{"GHS 5s":"497.226"}]}"#).unwrap();
        let read = |model| {
            hashrate(reply.row("S", 0).unwrap(), "GHS 5s", Some(model), "test").map(|r| r.value.ths())
        };
        assert_eq!(read("S9"), Ok(0.497226));
        assert_eq!(read("L3+"), Ok(0.000497226));
        assert_eq!(read("L9"), Err(Missing::Implausible));
        assert_eq!(read("Z15"), Err(Missing::NotSupported));
    }

    #[test]
    fn both_texts_of_the_power_page_are_read_and_nothing_else() {
        assert_eq!(page_power("miner power:3541\n"), Some(3541.0));
        assert_eq!(page_power("power:1234"), Some(1234.0));
        for other in ["", "power:", "power:n/a", "3541"] {
            assert_eq!(page_power(other), None, "{other}");
        }
    }
}
