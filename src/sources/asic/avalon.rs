//! Canaan's Avalons.
//!
//! `estats` (older: `stats`) holds everything but the shares, each module in one text of its own form
//! ([`super::brackets`]): GH/s, °C, RPM and watts. The API may answer in text form, and serves one client at a
//! time.
//!
//! A poll costs one connection; every fifth one more each for shares and pools. Machines without `estats` cost
//! two.

use super::avalon_module::Module;
use super::command::Command;
use super::driver::{Answer, Ask, Driver, Replies, When, state};
use super::field::{self, MAX_FAULTS, Unit, first_of};
use super::known::{Known, remember};
use super::reply::{Row, Scalar};
use crate::reading::{AsicReport, AsicState, Missing, Read, Reading};
use crate::units::{Celsius, Hashrate};

pub static DRIVER: Driver = Driver {
    name: "avalon",
    opening: &[Command::Estats, Command::Stats],
    asks: &[
        Ask::new(Command::Estats, When::EveryPoll),
        Ask::new(Command::Stats, When::EveryPoll).unless_told(Command::Estats, tells_modules),
        Ask::new(Command::Summary, When::EveryPoll).unless_told(Command::Estats, tells_modules),
        Ask::new(Command::Summary, When::Seldom),
        Ask::new(Command::Version, When::Identifying),
        Ask::new(Command::Pools, When::Seldom),
    ],
    learn,
    report,
};

/// By the product that it names, else by the form of its `stats`.
pub fn recognises(replies: &Replies) -> bool {
    let product = replies.row(Command::Version, "VERSION", 0).ok().and_then(|row| row.text("PROD"));
    product.is_some_and(|name| name.starts_with("Avalon")) || modules(replies).next().is_some()
}

fn tells_modules(stats: &Answer) -> bool {
    let Answer::Api(reply) = stats else { return false };
    reply.row("STATS", 0).is_some_and(|row| row.fields().any(|(key, _)| is_module(key)))
}

/// `MM ID0`, `MM ID1`…: one for each module; `MM ID0:Summary` on home machines.
fn modules(replies: &Replies) -> impl Iterator<Item = Module<'_>> {
    let fields = row(replies).ok().into_iter().flat_map(Row::fields);
    fields.filter_map(|(key, value)| match value {
        Scalar::Text(text) if is_module(key) => Some(Module::read(text)),
        _ => None,
    })
}

/// The row with the modules; why there is none, of the first reply that was asked for.
fn row(replies: &Replies) -> Result<Row<'_>, Missing> {
    let of = |command| replies.row(command, "STATS", 0);
    of(Command::Estats).or_else(|why| of(Command::Stats).map_err(|_| why))
}

fn is_module(key: &str) -> bool {
    let Some(number) = key.strip_prefix("MM ID") else { return false };
    number.strip_suffix(":Summary").unwrap_or(number).parse::<u32>().is_ok()
}

fn learn(replies: &Replies, known: &mut Known) {
    remember(&mut known.make, Some("Avalon"));
    remember(&mut known.firmware, Some("stock"));
    let mut faults = Vec::new();
    let mut heard = false;
    for module in modules(replies) {
        heard = true;
        if let Some((model, version)) = module.name() {
            remember(&mut known.model, Some(model));
            remember(&mut known.firmware_version, Some(version));
        }
        let room = MAX_FAULTS.saturating_sub(faults.len());
        faults.extend(module.faults().take(room));
    }
    if heard {
        known.faults = faults;
    }
    let version = replies.row(Command::Version, "VERSION", 0).ok();
    remember(&mut known.mac, version.and_then(|row| row.text("MAC")));
    known.learn_pool(replies);
    known.learn_shares(replies);
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let modules: Vec<Module<'_>> = modules(replies).collect();
    let row = row(replies);
    let unread = row.err().unwrap_or(Missing::NotReported);
    let summary = replies.row(Command::Summary, "SUMMARY", 0);
    let rate = |key, source| summary.and_then(|row| field::hashrate(row, key, Unit::Mhs, source));
    let hashrate_now = first_of([
        sum(&modules, |module| module.ghs_now, "estats.GHSspd", unread),
        rate("MHS 30s", "summary.MHS 30s"),
        rate("MHS 5s", "summary.MHS 5s"),
        rate("MHS 1m", "summary.MHS 1m"),
    ]);
    let standing = hashrate_now.is_ok_and(|rate| rate.value.ths() == 0.0);
    let idle = standing && modules.iter().any(|module| module.idle);
    let uptime = modules.iter().find_map(|module| module.elapsed_s);
    let boards_expected = boards(&modules, |module| module.boards);
    let boards_working = boards(&modules, |module| module.boards_working)
        .map(|working| if standing { 0 } else { working.min(boards_expected.unwrap_or(working)) });

    AsicReport {
        // An idle machine may still show the codes of its last run.
        state: if idle { AsicState::Idle } else { state(&hashrate_now, &known.faults) },
        hashrate_now,
        hashrate_avg: first_of([
            sum(&modules, |module| module.ghs_average, "estats.GHSavg", unread),
            rate("MHS av", "summary.MHS av"),
        ]),
        power: Module::power(&modules, unread),
        temp_chip_max: hottest(&modules, |module| module.chip_max, "estats.TMax", unread),
        temp_board_max: hottest(&modules, |module| module.board_max, "estats.HBOTemp", unread),
        temp_inlet: hottest(&modules, |module| module.inlet, "estats.Temp", unread),
        fans_rpm: modules.iter().flat_map(|module| module.fans_rpm.iter().copied()).collect(),
        uptime_s: row
            .ok()
            .and_then(|row| field::seconds(row, "Elapsed"))
            .or(uptime)
            .or(summary.ok().and_then(|row| field::seconds(row, "Elapsed"))),
        boards_expected,
        boards_working,
        ..known.report(Missing::NotReported)
    }
}

fn boards(modules: &[Module<'_>], of: fn(&Module<'_>) -> Option<u32>) -> Option<u32> {
    if modules.is_empty() { None } else { modules.iter().map(of).sum() }
}

/// The sum over all modules; one that does not tell leaves it without value.
fn sum(
    modules: &[Module<'_>],
    ghs: fn(&Module<'_>) -> Option<f64>,
    source: &'static str,
    unread: Missing,
) -> Read<Hashrate> {
    if modules.is_empty() {
        return Err(unread);
    }
    let total = modules.iter().map(ghs).sum::<Option<f64>>().ok_or(Missing::NotReported)?;
    field::rate(total, Unit::Ghs, source)
}

fn hottest(
    modules: &[Module<'_>],
    sensor: fn(&Module<'_>) -> Option<Celsius>,
    source: &'static str,
    unread: Missing,
) -> Read<Celsius> {
    let max = modules.iter().filter_map(sensor).reduce(|a, b| if b > a { b } else { a });
    let missing = if modules.is_empty() { unread } else { Missing::NotReported };
    max.map(|max| Reading::measured(max, source)).ok_or(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(module: &str) -> AsicReport {
        let reply = format!(r#"{{"STATS":[{{"STATS":0,"Elapsed":60,"MM ID0":"{module}","MM Count":1}}]}}"#);
        let replies = Replies::of(&[(Command::Estats, &reply)]);
        assert!(recognises(&replies));
        let mut known = Known::default();
        learn(&replies, &mut known);
        report(&replies, &known)
    }

    #[test]
    fn an_idle_machine_is_idle_whatever_its_averages_and_codes_say() {
        let idle = read(
            "Ver[Q-25052801_14a19a2] SYSTEMSTATU[Work: In Idle, Hash Board: 1] GHSspd[0.00] GHSmm[55032.79] \
             GHSavg[44499.41] MGHS[44499.41] ECHU[16] MPO[800]",
        );
        assert_eq!(
            (idle.state, idle.boards_expected, idle.boards_working),
            (AsicState::Idle, Some(1), Some(0))
        );
        let stopped = read("SYSTEMSTATU[Work: In Work, Hash Board: 1] GHSspd[0.00] ECHU[16]");
        assert_eq!((stopped.state, stopped.faults), (AsicState::Fault, vec!["ECHU0 16".to_owned()]));
    }

    #[test]
    fn temperatures_are_signed_and_a_maximum_of_zero_is_no_reading() {
        let frost = read("Temp[-9] TMax[-2] MTmax[-2 -4] GHSspd[0.00]");
        assert_eq!(frost.temp_inlet.unwrap().value.get(), -9.0);
        assert_eq!(frost.temp_chip_max.unwrap().value.get(), -2.0);
        let off = read("ITemp[26] TMax[0] HBITemp[27] HBOTemp[28]");
        assert_eq!(off.temp_chip_max, Err(Missing::NotReported));
        assert_eq!(off.temp_board_max.unwrap().value.get(), 28.0);
    }

    #[test]
    fn several_modules_are_one_machine_and_one_that_does_not_tell_leaves_a_gap() {
        let both =
            r#"{"STATS":[{"MM ID0":"GHSspd[7000.5] Fan1[3000]","MM ID1":"GHSspd[7100.5] Fan1[3100]"}]}"#;
        let report = |reply| report(&Replies::of(&[(Command::Stats, reply)]), &Known::default());
        assert_eq!(report(both).hashrate_now.unwrap().value.ths(), 14.101);
        assert_eq!(report(both).fans_rpm, [3000, 3100]);
        let one = r#"{"STATS":[{"MM ID0":"GHSspd[7000.5]","MM ID1":"GHSspd[nan]"}]}"#;
        assert_eq!(report(one).hashrate_now, Err(Missing::NotReported));
    }

    #[test]
    fn only_its_own_keys_are_modules() {
        for (key, module) in [
            ("MM ID0", true),
            ("MM ID12", true),
            ("MM ID0:Summary", true),
            ("MM Count", false),
            ("MM ID", false),
            ("HBinfo", false),
        ] {
            assert_eq!(is_module(key), module, "{key}");
        }
    }
}
