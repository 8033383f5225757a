//! The report of machines of Bitmain's kind. All firmware for them tells boards, fans, temperatures and
//! hashrate in `stats`, in the fields of the stock one; what it adds is its driver's.

use super::antminer_stats::Stats;
use super::command::Command;
use super::driver::{Answer, Ask, Replies, When, state};
use super::field::{self, first_of};
use super::known::Known;
use super::models;
use super::reply::Row;
use crate::reading::{AsicReport, Missing, Read, Reading};
use crate::units::{Hashrate, Watts};

/// What firmware of this kind is asked beside what is its own: everything in `stats`; the shares, which only
/// `summary` has, now and then.
pub const STATS: Ask = Ask::new(Command::Stats, When::EveryPoll);
pub const SUMMARY_INSTEAD: Ask =
    Ask::new(Command::Summary, When::EveryPoll).unless_told(Command::Stats, tells_hashrate);
pub const SHARES: Ask = Ask::new(Command::Summary, When::Seldom);
pub const POOLS: Ask = Ask::new(Command::Pools, When::Seldom);

fn tells_hashrate(stats: &Answer) -> bool {
    let keys = [GHS_5S.key, MHS_5S.key, GHS_AV.key, MHS_AV.key];
    let Answer::Api(reply) = stats else { return false };
    reply.row("STATS", 1).is_some_and(|row| keys.iter().any(|key| row.number(key).is_ok()))
}

/// Reads a hashrate out of a row; what `source` names goes into the reading.
pub type ReadRate<'a> = &'a dyn Fn(Row<'_>, &str, &'static str) -> Read<Hashrate>;

/// A field of both replies, and its name in each.
pub struct Field {
    pub key: &'static str,
    pub in_stats: &'static str,
    pub in_summary: &'static str,
}

pub const GHS_5S: Field = Field { key: "GHS 5s", in_stats: "stats.GHS 5s", in_summary: "summary.GHS 5s" };
pub const GHS_AV: Field = Field { key: "GHS av", in_stats: "stats.GHS av", in_summary: "summary.GHS av" };
pub const MHS_5S: Field = Field { key: "MHS 5s", in_stats: "stats.MHS 5s", in_summary: "summary.MHS 5s" };
pub const MHS_AV: Field = Field { key: "MHS av", in_stats: "stats.MHS av", in_summary: "summary.MHS av" };

/// The row that says what the machine is: of `version`, else the first one of `stats`.
pub fn identity(replies: &Replies) -> Option<Row<'_>> {
    let version = replies.row(Command::Version, "VERSION", 0);
    version.or_else(|_| replies.row(Command::Stats, "STATS", 0)).ok()
}

/// What the firmware computes its machine or its boards to draw. No sensor stands behind it.
///
/// # Errors
/// Why there is none.
pub fn computed_power(stats: &Result<Stats, Missing>, source: &'static str) -> Read<Watts> {
    let watts = stats.as_ref().map_err(|why| *why)?.chain_power().ok_or(Missing::NotReported)?;
    field::watts(watts).map(|watts| Reading::estimated(watts, source))
}

/// What `stats` says about the boards.
///
/// # Errors
/// Why it does not.
pub fn stats(replies: &Replies) -> Result<Stats, Missing> {
    replies.row(Command::Stats, "STATS", 1).map(Stats::read)
}

/// The report of `stats`, and of `summary` for what `stats` lacks.
pub fn report(
    replies: &Replies,
    known: &Known,
    stats: &Result<Stats, Missing>,
    (now, average): (&Field, &Field),
    read: ReadRate<'_>,
    power: Read<Watts>,
) -> AsicReport {
    let summary = replies.row(Command::Summary, "SUMMARY", 0);
    let stats_row = replies.row(Command::Stats, "STATS", 1);
    let rate = |field: &Field| {
        first_of([
            stats_row.and_then(|row| read(row, field.key, field.in_stats)),
            summary.and_then(|row| read(row, field.key, field.in_summary)),
        ])
    };
    let hashrate_now = rate(now);
    let boards = stats.as_ref().ok().filter(|stats| stats.has_boards());
    let standing = hashrate_now.is_ok_and(|rate| rate.value.ths() == 0.0);
    let table = known.model.as_deref().and_then(models::find);

    AsicReport {
        state: state(&hashrate_now, &known.faults),
        hashrate_now,
        hashrate_avg: rate(average),
        power,
        temp_chip_max: stats.as_ref().map_err(|why| *why).and_then(Stats::temp_chip_max),
        temp_board_max: stats.as_ref().map_err(|why| *why).and_then(Stats::temp_board_max),
        temp_inlet: Err(Missing::NotReported),
        fans_rpm: stats.as_ref().map(Stats::fans_rpm).unwrap_or_default(),
        uptime_s: [stats_row, summary].into_iter().flatten().find_map(|row| field::seconds(row, "Elapsed")),
        boards_expected: boards
            .map(|boards| table.and_then(|model| model.boards).unwrap_or(0).max(boards.present())),
        boards_working: boards.map(|boards| if standing { 0 } else { boards.working() }),
        ..known.report(Missing::NotReported)
    }
}
