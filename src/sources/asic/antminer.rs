//! Stock Antminers (cgminer and bmminer, S9 to S21, L3+ to L11).
//!
//! `stats` makes almost the whole report: its second row holds all boards as numbered fields
//! (`chain_rate1`, `temp_pcb1`, `fan1`). `summary` adds the shares. Most machines tell no power at all; newer
//! ones measure it and tell it on a page of its own or behind a flag.
//!
//! A poll costs one connection, and one more for measured power where there is any; every fifth one more
//! each for shares and pools. Commands cannot be joined: this firmware refuses that.

use super::antminer_report::{self, GHS_5S, GHS_AV, POOLS, SHARES, STATS, SUMMARY_INSTEAD};
use super::antminer_stats::Stats;
use super::command::Command;
use super::driver::{Answer, Ask, Driver, Replies, When};
use super::field::{self, Unit, first_of};
use super::known::{Known, remember};
use super::models;
use super::reply::{Reply, Row};
use crate::reading::{AsicReport, Missing, Read, Reading};
use crate::units::{Hashrate, Watts};

pub static DRIVER: Driver = Driver {
    name: "antminer",
    opening: &[Command::Stats],
    asks: &[
        STATS,
        SUMMARY_INSTEAD,
        SHARES,
        Ask::new(Command::Version, When::Identifying),
        POOLS,
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
    antminer_report::identity(replies).is_some_and(|row| {
        let stock_name = row.text("Type").is_some_and(|kind| stock_model(kind).is_some());
        let stock_program = row.get("BMMiner").or_else(|| row.get("CGMiner")).is_some();
        let other = ["LUXminer", "BOSminer", "BOSminer+", "BOSer"].iter().any(|key| row.get(key).is_some());
        stock_name && stock_program && !other
    })
}

/// The model in the name of a stock machine; `None` if other firmware has put its own name there.
pub fn stock_model(kind: &str) -> Option<&str> {
    let model = kind.strip_prefix("Antminer ")?;
    let lower = model.to_ascii_lowercase();
    let marks = ["(", "vnish", "hive", "msk", "nicehash", "v."];
    (!marks.iter().any(|mark| lower.contains(mark))).then(|| model.trim().trim_end_matches('.'))
}

fn learn(replies: &Replies, known: &mut Known) {
    // `version` and `stats` may name different versions: the first one that was read stays.
    if known.model.is_none() || replies.get(Command::Version).is_ok() {
        let row = antminer_report::identity(replies).filter(|_| recognises(replies));
        if let Some(row) = row {
            remember(&mut known.make, Some("Antminer"));
            remember(&mut known.firmware, Some("stock"));
            remember(&mut known.model, row.text("Type").and_then(stock_model));
            known.algorithm = row.text("Type").map(models::algorithm).unwrap_or_default();
            remember(&mut known.firmware_version, row.text("Miner"));
        }
    }
    known.learn_pool(replies);
    known.learn_shares(replies);
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let stats = antminer_report::stats(replies);
    let model = known.model.as_deref();
    let power = power(replies, &stats);
    let read = |row: Row<'_>, key: &str, source| hashrate(row, key, model, source);
    antminer_report::report(replies, known, &stats, (&GHS_5S, &GHS_AV), &read, power)
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
fn power(replies: &Replies, stats: &Result<Stats, Missing>) -> Read<Watts> {
    let flagged = || {
        let reply = replies.get(Command::StatsNewApi).and_then(flagged_power);
        let watts = reply.map_err(|_| Missing::NotReported).and_then(field::watts)?;
        Ok(Reading::measured(watts, "stats new_api.power"))
    };
    first_of([page_watts(replies), flagged(), antminer_report::computed_power(stats, "stats.chain_power")])
}

/// What the page of the supply says.
///
/// # Errors
/// [`Missing::NotReported`] without it: what goes wrong on a page that few machines have says nothing about this
/// machine's power.
pub fn page_watts(replies: &Replies) -> Read<Watts> {
    let page = replies.page(Command::MinerPower).ok().and_then(page_power).ok_or(Missing::NotReported)?;
    Ok(Reading::measured(field::watts(page)?, "http:6060/miner_power"))
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

pub fn page_has_power(answer: &Answer) -> bool {
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
