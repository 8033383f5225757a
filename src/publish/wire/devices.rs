//! `devices/asic/<group>`: one row for each miner that is a unit, forty to a hundred in a message.

use super::flat::Flat;
use crate::clock::UnixMs;
use crate::ledger::Message;
use crate::publish::topics;
use crate::reading::{AsicReport, Missing, Quality, at_best};
use crate::site::AsicView;
use crate::units::{Celsius, Hashrate, JoulesPerTerahash, Watts};

/// A message is closed at whichever comes first.
const MOST_ROWS: u64 = 100;
const MOST_BYTES: usize = 32_000;
/// Of all faults of a machine together: its rows must fit into a message by the dozen.
const MOST_FAULT_BYTES: usize = 160;

/// What tells the rows of one run of one site from all others.
#[derive(Debug, Clone)]
pub struct Origin {
    pub site: String,
    pub boot: String,
}

/// Rows that go out together.
#[derive(Debug)]
pub struct Packed {
    pub message: Message,
    /// At least one.
    pub rows: u64,
    /// Id of the last miner that is in it.
    pub last: String,
}

/// One message of as many of these miners of one group as it takes. Rows take the numbers from `first` on.
/// `None` if there are none.
pub fn pack<'a>(
    origin: &Origin,
    (ts, first): (UnixMs, u64),
    group: &str,
    units: impl Iterator<Item = AsicView<'a>>,
) -> Option<Packed> {
    let (mut rows, mut last) = (Vec::new(), None);
    // The brackets around them.
    let mut bytes = 2;
    for (unit, seq) in units.zip(first..first.saturating_add(MOST_ROWS)) {
        let mut row = Flat::new(&origin.site, ts);
        row.text("boot", &origin.boot);
        row.figure("seq", seq);
        of_miner(&mut row, &unit);
        // Its end, and the comma behind it.
        bytes += row.len() + 2;
        if bytes > MOST_BYTES && last.is_some() {
            break;
        }
        last = Some(unit.id);
        rows.push(row);
    }
    let last = last?.to_owned();
    let count = rows.len() as u64;
    let payload = Flat::array(rows.into_iter());
    let message = Message { topic: topics::asic_rows(group).into(), payload, renewed: true };
    Some(Packed { message, rows: count, last })
}

fn of_miner(row: &mut Flat, unit: &AsicView<'_>) {
    row.text("id", unit.id);
    row.text("group", unit.group);
    if let Some(place) = unit.place {
        word(row, "rack", place.rack.as_deref());
        word(row, "position", place.position.as_deref());
    }
    word(row, "model", unit.model);
    row.text("state", unit.state.as_str());
    if let Some(age) = unit.age {
        row.figure("age_s", super::flat::seconds(age));
    }
    row.read("hashrate_expected", "ths", &unit.hashrate_expected(), Hashrate::ths);
    match unit.report {
        Some(report) => {
            let best = if unit.stale { Quality::Stale } else { Quality::Measured };
            row.quality("report", best);
            of_report(row, report, best);
        }
        None => row.missing("report", unit.missing.unwrap_or(Missing::Expired)),
    }
}

/// No part of a report is better than the report.
fn of_report(row: &mut Flat, report: &AsicReport, best: Quality) {
    word(row, "firmware", report.firmware.as_deref());
    word(row, "mac", report.mac.as_deref());
    word(row, "serial", report.serial.as_deref());
    word(row, "worker", report.worker.as_deref());
    row.read("hashrate", "ths", &at_best(report.of_bitcoin(report.hashrate_now), best), Hashrate::ths);
    row.read("power", "w", &at_best(report.power, best), Watts::get);
    row.read("efficiency", "j_per_th", &at_best(report.efficiency(), best), JoulesPerTerahash::get);
    row.read("temp_chip_max", "c", &at_best(report.temp_chip_max, best), Celsius::get);
    row.read("temp_board_max", "c", &at_best(report.temp_board_max, best), Celsius::get);
    row.read("temp_inlet", "c", &at_best(report.temp_inlet, best), Celsius::get);
    if let Some(slowest) = report.fans_rpm.iter().min() {
        row.figure("fans", report.fans_rpm.len() as u64);
        row.figure("fan_min_rpm", *slowest);
    }
    for (key, count) in
        [("boards_expected", report.boards_expected), ("boards_working", report.boards_working)]
    {
        if let Some(count) = count {
            row.figure(key, count);
        }
    }
    if let Some(uptime) = report.uptime_s {
        row.figure("uptime_s", uptime as f64);
    }
    for (key, count) in [("shares_accepted", report.accepted), ("shares_rejected", report.rejected)] {
        if let Some(count) = count {
            row.figure(key, count);
        }
    }
    if !report.faults.is_empty() {
        let mut faults = report.faults.join("; ");
        faults.truncate(faults.floor_char_boundary(MOST_FAULT_BYTES));
        row.text("faults", &faults);
    }
}

/// A word that the machine or the operator may have said.
fn word(row: &mut Flat, key: &str, word: Option<&str>) {
    if let Some(word) = word {
        row.text(key, word);
    }
}
