//! Hammer: scrypt machines with the API of an old Antminer, in MH/s.
//!
//! `stats` names its temperature sensors more than once, so which one is of a chip cannot be told; all count
//! as those of boards. There is no power. A poll costs one connection; every fifth one more each for shares
//! and pools.

use super::antminer_report::{self, MHS_5S, MHS_AV, POOLS, SHARES, STATS, SUMMARY_INSTEAD};
use super::command::Command;
use super::driver::{Ask, Driver, Replies, When};
use super::field::{self, Unit};
use super::known::{Known, remember};
use super::reply::Row;
use crate::reading::{Algorithm, AsicReport, Missing};

pub static DRIVER: Driver = Driver {
    name: "hammer",
    opening: &[Command::Stats],
    asks: &[STATS, SUMMARY_INSTEAD, SHARES, Ask::new(Command::Version, When::Identifying), POOLS],
    learn,
    report,
};

pub fn recognises(replies: &Replies) -> bool {
    antminer_report::identity(replies).and_then(model).is_some()
}

fn model(row: Row<'_>) -> Option<&str> {
    row.text("Type")?.strip_prefix("Hammer ")
}

fn learn(replies: &Replies, known: &mut Known) {
    if let Some(row) = antminer_report::identity(replies)
        && let Some(model) = model(row)
    {
        remember(&mut known.make, Some("Hammer"));
        remember(&mut known.firmware, Some("stock"));
        remember(&mut known.model, Some(model));
        remember(&mut known.firmware_version, row.text("Miner"));
        known.algorithm = Algorithm::Other;
    }
    known.learn_pool(replies);
    known.learn_shares(replies);
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let stats = antminer_report::stats(replies);
    let read = |row: Row<'_>, key: &str, source| field::hashrate(row, key, Unit::Mhs, source);
    let power = Err(Missing::NotSupported);
    antminer_report::report(replies, known, &stats, (&MHS_5S, &MHS_AV), &read, power)
}
