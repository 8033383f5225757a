//! A machine that speaks the cgminer API and is not recognised, such as the forks of Innosilicon and StrongU.
//! What every such API means the same way is read: hashrate, uptime, shares, pool, and the board sensor of
//! `devs` (°C). Boards, fans and chips only where `stats` has the fields of an Antminer. Of power only what the
//! firmware computes for such boards; a field that is merely called `Power` may be a setting.
//!
//! A poll costs one connection, and one more each where `stats` or `devs` turned out to hold something; every
//! fifth one more for pools.

use super::antminer_report;
use super::antminer_stats::Stats;
use super::command::Command;
use super::driver::{Answer, Ask, Driver, Replies, When, state};
use super::field::{self, Unit, first_of};
use super::known::{Known, remember};
use super::models;
use crate::reading::{AsicReport, Missing, Read};
use crate::units::Celsius;

pub static DRIVER: Driver = Driver {
    name: "generic",
    opening: &[Command::Summary],
    asks: &[
        Ask::new(Command::Summary, When::EveryPoll),
        Ask::new(Command::Version, When::Identifying),
        Ask::new(Command::Stats, When::EveryPoll).worth(has_boards),
        Ask::new(Command::Devs, When::EveryPoll).unless(Command::Stats).worth(has_sensor),
        Ask::new(Command::Pools, When::Seldom),
    ],
    learn,
    report,
};

fn has_boards(answer: &Answer) -> bool {
    matches!(answer, Answer::Api(reply) if reply.row("STATS", 1).is_some_and(|row| Stats::read(row).has_boards()))
}

fn has_sensor(answer: &Answer) -> bool {
    let key = "Temperature";
    matches!(answer, Answer::Api(reply) if field::hottest(reply.rows("DEVS"), key, DEVS).is_ok())
}

const DEVS: &str = "devs.Temperature";

/// What the machine calls itself is no model: other firmware puts its own name and version into it. But it
/// tells a machine that mines another coin.
fn learn(replies: &Replies, known: &mut Known) {
    let names = ["Type", "PROD", "MODEL", "Miner"];
    let row = antminer_report::identity(replies);
    // Until it has said what it is, it may still turn out to be a machine that is known.
    remember(&mut known.firmware, row.map(|_| "generic"));
    if let Some(kind) = row.and_then(|row| names.iter().find_map(|key| row.text(key))) {
        known.algorithm = models::algorithm(kind);
        remember(&mut known.unknown, Some(kind));
    }
    known.learn_pool(replies);
    known.learn_shares(replies);
}
fn report(replies: &Replies, known: &Known) -> AsicReport {
    let summary = replies.row(Command::Summary, "SUMMARY", 0);
    let stats = replies.row(Command::Stats, "STATS", 1);
    let summary_rate = |key, unit, source| summary.and_then(|row| field::hashrate(row, key, unit, source));
    let stats_rate = |key, unit, source| stats.and_then(|row| field::hashrate(row, key, unit, source));
    // The minute comes first: some firmware counts its 5 seconds from shares, which is noise.
    let hashrate_now = first_of([
        summary_rate("GHS 1m", Unit::Ghs, "summary.GHS 1m"),
        summary_rate("MHS 1m", Unit::Mhs, "summary.MHS 1m"),
        summary_rate("GHS 5s", Unit::Ghs, "summary.GHS 5s"),
        summary_rate("MHS 5s", Unit::Mhs, "summary.MHS 5s"),
        stats_rate("GHS 5s", Unit::Ghs, "stats.GHS 5s"),
        stats_rate("MHS 5s", Unit::Mhs, "stats.MHS 5s"),
    ]);
    let hashrate_avg = first_of([
        summary_rate("GHS av", Unit::Ghs, "summary.GHS av"),
        summary_rate("MHS av", Unit::Mhs, "summary.MHS av"),
        stats_rate("GHS av", Unit::Ghs, "stats.GHS av"),
        stats_rate("MHS av", Unit::Mhs, "stats.MHS av"),
    ]);
    let layout = antminer_report::stats(replies);
    let boards = layout.as_ref().ok().filter(|stats| stats.has_boards());
    let standing = hashrate_now.is_ok_and(|rate| rate.value.ths() == 0.0);
    let told = |sensor: fn(&Stats) -> Read<Celsius>| boards.map_or(Err(Missing::NotReported), sensor);
    let of_devs =
        replies.get(Command::Devs).and_then(|devs| field::hottest(devs.rows("DEVS"), "Temperature", DEVS));
    AsicReport {
        state: state(&hashrate_now, &[]),
        hashrate_now,
        hashrate_avg,
        power: match boards {
            Some(_) => antminer_report::computed_power(&layout, "stats.chain_power"),
            None => Err(Missing::NotReported),
        },
        temp_chip_max: told(Stats::temp_chip_max),
        temp_board_max: first_of([told(Stats::temp_board_max), of_devs]),
        fans_rpm: boards.map(Stats::fans_rpm).unwrap_or_default(),
        boards_expected: boards.map(Stats::present),
        boards_working: boards.map(|boards| if standing { 0 } else { boards.working() }),
        uptime_s: [summary, stats].into_iter().flatten().find_map(|row| field::seconds(row, "Elapsed")),
        ..known.report(Missing::NotReported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Algorithm, AsicState, Quality};
    use crate::sources::asic::driver::Answer;
    use crate::sources::asic::reply::Reply;

    fn read_all(replies: &[(Command, &str)]) -> AsicReport {
        let (replies, mut known) = (Replies::of(replies), Known::default());
        learn(&replies, &mut known);
        report(&replies, &known)
    }

    fn read(summary: &str) -> AsicReport {
        read_all(&[(Command::Summary, summary)])
    }

    #[test]
    fn only_what_means_the_same_everywhere_is_read() {
        let report = read(
            r#"{"SUMMARY":[{"MHS 5s":368479432.78,"MHS 1m":197599714.1,"Elapsed":2481,"Accepted":1421,
                "Rejected":3,"Power":3400,"Power Limit":3500,"Temperature":70}]}"#,
        );
        assert_eq!(report.hashrate_now.unwrap().value.ths(), 197.5997141);
        assert_eq!((report.uptime_s, report.accepted, report.rejected), (Some(2481), Some(1421), Some(3)));
        assert_eq!(
            (report.power, report.temp_board_max),
            (Err(Missing::NotReported), Err(Missing::NotReported))
        );
        assert_eq!((report.make, report.model, report.firmware.as_deref()), (None, None, None));
    }

    #[test]
    fn a_fork_with_the_layout_of_an_antminer_tells_boards_fans_and_computed_power() {
        let stats = r#"{"STATS":[{"Type":"Antminer S9 Hiveon"},{"GHS 5s":"13500","fan_num":2,"fan3":5160,"fan6":4740,
            "chain_acn6":63,"chain_acn7":63,"chain_rate6":"6750","chain_rate7":"6750","chain_power6":"456.5 (AB)",
            "chain_power7":"460.5 (AB)","temp2_6":71,"temp2_7":73,"temp6":55,"temp7":56}]}"#;
        let report =
            read_all(&[(Command::Summary, r#"{"SUMMARY":[{"GHS 5s":13500}]}"#), (Command::Stats, stats)]);
        let power = report.power.unwrap();
        assert_eq!((power.value.get(), power.quality), (917.0, Quality::Estimated));
        assert_eq!(
            (report.boards_expected, report.boards_working, report.fans_rpm),
            (Some(2), Some(2), vec![5160, 4740])
        );
        assert_eq!(report.temp_chip_max.unwrap().value.get(), 73.0);
    }

    #[test]
    fn the_sensor_of_devs_is_read_with_its_sign_and_nothing_is_one_at_zero_or_below_the_absolute_zero() {
        let of = |celsius: &str| {
            let devs =
                format!(r#"{{"DEVS":[{{"ASC":0,"Temperature":{celsius}}},{{"ASC":1,"Temperature":0.0}}]}}"#);
            read_all(&[(Command::Devs, &devs)]).temp_board_max.map(|read| read.value.get())
        };
        assert_eq!(of("61.5"), Ok(61.5));
        assert_eq!(of("-4.0"), Ok(-4.0));
        assert_eq!(of("-273.0"), Err(Missing::NotReported));
    }

    #[test]
    fn a_scrypt_machine_is_told_by_its_type_whatever_its_firmware() {
        for (kind, algorithm) in [
            ("Hammer D10", Algorithm::Other),
            ("Antminer L7 (vnish 1.2.0)", Algorithm::Other),
            ("Antminer S19 (vnish 1.2.0)", Algorithm::Sha256),
            ("S19-88 v.2.6.0.39 ", Algorithm::Sha256),
        ] {
            let version = format!(r#"{{"VERSION":[{{"CGMiner":"4.9.0","Type":"{kind}"}}]}}"#);
            let mut replies = Replies::default();
            replies.put(Command::Version, Reply::parse(version.as_bytes()).map(Answer::Api));
            let mut known = Known::default();
            learn(&replies, &mut known);
            assert_eq!(known.algorithm, algorithm, "{kind}");
        }
    }

    #[test]
    fn an_error_is_an_unknown_state_and_no_zero() {
        let report = read(r#"{"STATUS":[{"STATUS":"E","Code":14,"Msg":"Invalid command"}],"id":1}"#);
        assert_eq!(report.hashrate_now, Err(Missing::RemoteError));
        assert_eq!(report.state, AsicState::Unknown);
    }
}
