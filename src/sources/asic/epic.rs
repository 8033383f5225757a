//! ePIC's PowerPlay on Antminers: pages on port 4028, where others have the cgminer API.
//!
//! `/summary` has the hashrate of each board in MH/s, W, °C and RPM (`epicblockchain/epic-dashboard`, API). A poll
//! costs one connection; the model is a page of its own.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::command::Command;
use super::document::{Flag, List, Number, Object, Text};
use super::driver::{Ask, Driver, Replies, When, state};
use super::field::{self, Unit};
use super::known::{Known, remember};
use super::models;
use crate::reading::{AsicReport, Missing, Read, Reading};
use crate::units::{Hashrate, Watts};

pub static DRIVER: Driver = Driver {
    name: "epic",
    opening: &[Command::EpicSummary],
    asks: &[
        Ask::new(Command::EpicSummary, When::EveryPoll),
        Ask::new(Command::EpicCapabilities, When::Identifying),
    ],
    learn,
    report,
};

/// `/summary`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Summary {
    #[serde(rename = "Software")]
    software: Text,
    #[serde(rename = "Status")]
    status: Object<Status>,
    #[serde(rename = "Stratum")]
    stratum: Object<Stratum>,
    #[serde(rename = "Session")]
    session: Object<Session>,
    #[serde(rename = "HBs")]
    boards: List<Board>,
    #[serde(rename = "HBStatus")]
    slots: List<Slot>,
    #[serde(rename = "Fans Rpm")]
    fans: Object<BTreeMap<String, Number>>,
    #[serde(rename = "Power Supply Stats")]
    supply: Object<Supply>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(rename = "Last Error")]
    last_error: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stratum {
    #[serde(rename = "Current Pool")]
    pool: Text,
    #[serde(rename = "Current User")]
    user: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Session {
    #[serde(rename = "Uptime")]
    uptime: Number,
    #[serde(rename = "Average MHs")]
    average_mhs: Number,
    #[serde(rename = "Accepted")]
    accepted: Number,
    #[serde(rename = "Rejected")]
    rejected: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Board {
    /// MH/s, then its share of the target and of errors.
    #[serde(rename = "Hashrate")]
    hashrate: List<Number>,
    #[serde(rename = "Temperature")]
    temperature: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Slot {
    #[serde(rename = "Detected")]
    detected: Flag,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Supply {
    #[serde(rename = "Input Voltage")]
    volts: Number,
    #[serde(rename = "Input Current")]
    amperes: Number,
    #[serde(rename = "Input Power")]
    watts: Number,
}

/// `/capabilities`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Capabilities {
    #[serde(rename = "Model")]
    model: Text,
}

pub fn recognises(replies: &Replies) -> bool {
    let summary = replies.object::<Summary>(Command::EpicSummary);
    summary.is_ok_and(|summary| summary.software.get().is_some() && summary.boards.0.is_some())
}

fn learn(replies: &Replies, known: &mut Known) {
    remember(&mut known.firmware, Some("epic"));
    if let Ok(capabilities) = replies.object::<Capabilities>(Command::EpicCapabilities)
        && let Some(name) = capabilities.model.get()
    {
        // `AntMiner S19 XP`
        let brand = name.get(..9).filter(|start| start.eq_ignore_ascii_case("antminer "));
        remember(&mut known.make, brand.map(|_| "Antminer"));
        remember(&mut known.model, brand.and_then(|brand| name.get(brand.len()..)).or(Some(name)));
        known.algorithm = models::algorithm(known.model.as_deref().unwrap_or_default());
    }
    let Ok(summary) = replies.object::<Summary>(Command::EpicSummary) else { return };
    // `PowerPlay-BMS v1.5.13`
    let version = summary.software.get().and_then(|software| software.rsplit_once(" v"));
    remember(&mut known.firmware_version, version.map(|(_, version)| version));
    known.pool_url = summary.stratum.0.pool.get().map(field::short);
    known.worker = summary.stratum.0.user.get().map(field::short);
    known.accepted = summary.session.0.accepted.get().ok().and_then(field::counter);
    known.rejected = summary.session.0.rejected.get().ok().and_then(field::counter);
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let summary = match replies.object::<Summary>(Command::EpicSummary) {
        Ok(summary) => summary,
        Err(why) => return known.report(why),
    };
    let hashrate_now = hashrate(&summary.boards);
    let hashes = hashrate_now.is_ok_and(|rate| rate.value.ths() > 0.0);
    // The last error stays there when all is well again.
    let error = summary.status.0.last_error.get().filter(|_| !hashes);
    let faults: Vec<String> = error.map(|error| field::short(error).to_string()).into_iter().collect();
    let table = known.model.as_deref().and_then(models::find);
    let detected = summary.slots.0.as_ref().map(|slots| slots.iter().filter(|s| s.detected.is_set()).count());
    let working = summary.boards.iter().filter(|board| mhs(board).is_ok_and(|rate| rate > 0.0)).count();
    let temperature = |board: &Board| field::temperature(board.temperature.get()?, "summary.HBs.Temperature");
    let average = summary.session.0.average_mhs.get();
    AsicReport {
        state: state(&hashrate_now, &faults),
        hashrate_now,
        hashrate_avg: average.and_then(|mhs| field::rate(mhs, Unit::Mhs, "summary.Session.Average MHs")),
        power: power(&summary.supply.0),
        temp_board_max: field::hottest_of(summary.boards.iter().map(temperature)),
        fans_rpm: fans(&summary.fans.0),
        uptime_s: summary.session.0.uptime.get().ok().and_then(field::uptime),
        // A board that hashes is there, whatever the slots say.
        boards_expected: detected
            .map(|found| table.and_then(|model| model.boards).unwrap_or(0).max(found.max(working) as u32)),
        boards_working: detected.map(|_| working as u32),
        faults,
        ..known.report(Missing::NotReported)
    }
}

fn mhs(board: &Board) -> Result<f64, Missing> {
    board.hashrate.iter().next().ok_or(Missing::NotReported)?.get()
}

/// The sum over the boards. One that leaves a board out would be none of the machine.
fn hashrate(boards: &List<Board>) -> Read<Hashrate> {
    let rates: Vec<f64> = boards.iter().map(mhs).collect::<Result<_, _>>()?;
    if rates.is_empty() {
        return Err(Missing::NotReported);
    }
    field::rate(rates.iter().sum(), Unit::Mhs, "summary.HBs.Hashrate")
}

/// Measured where the supply also tells volts and amperes; else nothing stands behind it but arithmetic.
fn power(supply: &Supply) -> Read<Watts> {
    let watts = field::watts(supply.watts.get()?)?;
    let metered = [supply.volts, supply.amperes].into_iter().all(|value| value.get().is_ok_and(|v| v > 0.0));
    let source = "summary.Power Supply Stats.Input Power";
    Ok(if metered { Reading::measured(watts, source) } else { Reading::estimated(watts, source) })
}

/// In slot order: `Fans Speed 1`, `Fans Speed 2`…; an empty slot tells nothing.
fn fans(slots: &BTreeMap<String, Number>) -> Vec<u32> {
    let number = |key: &str| key.strip_prefix("Fans Speed ").and_then(|slot| slot.parse::<u32>().ok());
    let rpm = slots.iter().filter_map(|(key, rpm)| Some((number(key)?, field::rpm(rpm.get().ok()?)?)));
    let ordered: BTreeMap<u32, u32> = rpm.collect();
    ordered.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{AsicState, Quality};

    fn read(summary: &str) -> AsicReport {
        let replies = Replies::of(&[(Command::EpicSummary, summary)]);
        let mut known = Known::default();
        learn(&replies, &mut known);
        report(&replies, &known)
    }

    #[test]
    fn power_is_measured_only_where_the_supply_tells_what_it_measured() {
        for (supply, quality) in [
            (r#"{"Input Power":3000,"Input Voltage":230.5,"Input Current":13.0}"#, Quality::Measured),
            (r#"{"Input Power":3000,"Input Voltage":0.0,"Input Current":0.0}"#, Quality::Estimated),
            (r#"{"Input Power":3000}"#, Quality::Estimated),
        ] {
            let power = read(&format!(r#"{{"Power Supply Stats":{supply}}}"#)).power.unwrap();
            assert_eq!((power.value.get(), power.quality), (3000.0, quality), "{supply}");
        }
    }

    #[test]
    fn a_sum_that_lacks_a_board_is_no_hashrate() {
        let report = read(r#"{"HBs":[{"Hashrate":[50000000.0,100]},{"Hashrate":[]}]}"#);
        assert_eq!((report.hashrate_now, report.state), (Err(Missing::NotReported), AsicState::Unknown));
        assert_eq!(read(r#"{"HBs":[]}"#).hashrate_now, Err(Missing::NotReported));
    }

    #[test]
    fn a_machine_that_stands_for_an_error_is_faulty_and_an_old_error_is_none() {
        let of = |rate: &str| {
            let summary = format!(
                r#"{{"Status":{{"Last Error":"PSU"}},"HBs":[{{"Hashrate":[{rate}],"Temperature":-5}}]}}"#
            );
            let report = read(&summary);
            (report.state, report.faults)
        };
        assert_eq!(of("0"), (AsicState::Fault, vec!["PSU".to_owned()]));
        assert_eq!(of("50000000"), (AsicState::Hashing, vec![]));
    }

    #[test]
    fn fans_are_in_the_order_of_their_slots() {
        let report = read(
            r#"{"Fans Rpm":{"Fans Speed 10":10,"Fans Speed 2":0,"Fans Speed 1":1,"Fans Speed 3":null}}"#,
        );
        assert_eq!(report.fans_rpm, [1, 0, 10]);
    }
}
