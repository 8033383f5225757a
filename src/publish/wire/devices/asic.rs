//! What a row tells of one miner.

use super::super::flat::{Flat, seconds};
use crate::reading::{AsicReport, Missing, Quality, at_best};
use crate::site::AsicView;
use crate::units::{Celsius, Hashrate, JoulesPerTerahash, Watts};

/// Of all faults of a machine together: its rows must fit into a message by the dozen.
const MOST_FAULT_BYTES: usize = 160;

pub fn of_miner(row: &mut Flat, unit: &AsicView<'_>) {
    row.text("id", unit.id);
    row.text("group", unit.group);
    if let Some(place) = unit.place {
        row.word("rack", place.rack.as_deref());
        row.word("position", place.position.as_deref());
    }
    row.word("model", unit.model);
    row.text("state", unit.state.as_str());
    if let Some(age) = unit.age {
        row.figure("age_s", seconds(age));
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
pub fn of_report(row: &mut Flat, report: &AsicReport, best: Quality) {
    row.word("firmware", report.firmware.as_deref());
    row.word("mac", report.mac.as_deref());
    row.word("serial", report.serial.as_deref());
    row.word("worker", report.worker.as_deref());
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
    row.known("boards_expected", report.boards_expected);
    row.known("boards_working", report.boards_working);
    row.known("uptime_s", report.uptime_s.map(|uptime| uptime as f64));
    row.known("shares_accepted", report.accepted);
    row.known("shares_rejected", report.rejected);
    if !report.faults.is_empty() {
        let mut faults = report.faults.join("; ");
        faults.truncate(faults.floor_char_boundary(MOST_FAULT_BYTES));
        row.text("faults", &faults);
    }
}
