//! A machine that speaks the cgminer API and is not recognised: only what every such API means
//! the same way is read. No make, no power, no temperatures: they would be guesses.

use super::command::Command;
use super::driver::{Ask, Driver, Known, Replies, When, state};
use super::field::{self, Unit, first_of};
use super::models;
use crate::reading::{AsicReport, Missing};

pub static DRIVER: Driver = Driver {
    name: "generic",
    asks: &[
        Ask::new(Command::Version, When::Identifying),
        Ask::new(Command::Stats, When::EveryPoll).unless(Command::Summary),
    ],
    learn,
    report,
};

/// The type is no model: other firmware puts its own name and version into it. But it tells a machine
/// that mines another coin.
fn learn(replies: &Replies, known: &mut Known) {
    let row =
        replies.row(Command::Version, "VERSION", 0).or_else(|_| replies.row(Command::Stats, "STATS", 0));
    if let Some(kind) = row.ok().and_then(|row| row.text("Type")) {
        known.algorithm = models::algorithm(kind);
    }
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
    AsicReport {
        state: state(&hashrate_now, &[]),
        hashrate_now,
        hashrate_avg,
        uptime_s: [summary, stats].into_iter().flatten().find_map(|row| field::seconds(row, "Elapsed")),
        accepted: summary.ok().and_then(|row| field::count(row, "Accepted")),
        rejected: summary.ok().and_then(|row| field::count(row, "Rejected")),
        ..known.report(Missing::NotReported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Algorithm, AsicState};
    use crate::sources::asic::driver::Answer;
    use crate::sources::asic::reply::Reply;

    fn read(summary: &str) -> AsicReport {
        report(&Replies::of(&[(Command::Summary, summary)]), &Known::default())
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
        assert_eq!((report.make, report.firmware), (None, None));
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
