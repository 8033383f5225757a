//! VNish where its pages are all that answers. `/api/v1/summary` marks its rates as GH/s for bitcoin machines
//! (`hr_measure` of `/api/v1/info`), W, °C and RPM, and says whether the supply has measured the watts.
//!
//! Both are read without login; unlocking the machine would open it for writing. A poll costs one connection.

use serde::Deserialize;

use super::command::Command;
use super::document::{Flag, List, Number, Object, Text};
use super::driver::{Ask, Driver, Replies, When, state};
use super::field::{self, Unit};
use super::known::{Known, remember};
use super::models;
use crate::reading::{Algorithm, AsicReport, Missing, Reading};

pub static DRIVER: Driver = Driver {
    name: "vnish web",
    opening: &[Command::VnishSummary],
    asks: &[
        Ask::new(Command::VnishSummary, When::EveryPoll),
        Ask::new(Command::VnishInfo, When::Identifying),
    ],
    learn,
    report,
};

/// `/api/v1/info`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Info {
    /// `Antminer S21 Pro`.
    miner: Text,
    fw_name: Text,
    fw_version: Text,
    serial: Text,
    system: Object<System>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct System {
    network_status: Object<Network>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Network {
    mac: Text,
}

/// `/api/v1/summary`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Summary {
    miner: Object<Miner>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Miner {
    hr_realtime: Number,
    hr_average: Number,
    pcb_temp: Object<Span>,
    chip_temp: Object<Span>,
    power_consumption: Number,
    pools: List<Pool>,
    cooling: Object<Cooling>,
    chains: List<Chain>,
    psu: Object<Supply>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Span {
    max: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pool {
    url: Text,
    user: Text,
    pool_type: Text,
    status: Text,
    accepted: Number,
    rejected: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cooling {
    fans: List<Fan>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fan {
    rpm: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chain {
    hashrate_rt: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Supply {
    psu_power_metering: Flag,
}

pub fn recognises(replies: &Replies) -> bool {
    let info = replies.object::<Info>(Command::VnishInfo);
    info.is_ok_and(|info| info.fw_name.get().is_some_and(|name| name.eq_ignore_ascii_case("vnish")))
}

fn learn(replies: &Replies, known: &mut Known) {
    remember(&mut known.firmware, Some("vnish"));
    if let Ok(info) = replies.object::<Info>(Command::VnishInfo) {
        let name = info.miner.get().unwrap_or_default();
        let antminer = name.strip_prefix("Antminer ");
        remember(&mut known.make, antminer.map(|_| "Antminer"));
        remember(&mut known.model, antminer.or(info.miner.get()));
        remember(&mut known.firmware_version, info.fw_version.get());
        remember(&mut known.serial, info.serial.get().filter(|serial| *serial != "N/A"));
        remember(&mut known.mac, info.system.0.network_status.0.mac.get());
        known.algorithm = models::algorithm(name);
    }
    if let Ok(Summary { miner: Object(miner) }) = replies.object(Command::VnishSummary) {
        // The firmware collects its fee at a pool that is active too.
        let own = |pool: &&Pool| pool.pool_type.get() != Some("DevFee");
        let active = |pool: &&Pool| pool.status.get() == Some("active");
        let used = miner.pools.iter().filter(own).find(active);
        known.pool_url = used.and_then(|pool| pool.url.get()).map(field::short);
        known.worker = used.and_then(|pool| pool.user.get()).map(field::short);
        known.accepted = used.and_then(|pool| pool.accepted.get().ok()).and_then(field::counter);
        known.rejected = used.and_then(|pool| pool.rejected.get().ok()).and_then(field::counter);
    }
}

fn report(replies: &Replies, known: &Known) -> AsicReport {
    let miner = match replies.object(Command::VnishSummary) {
        Ok(Summary { miner: Object(miner) }) => miner,
        Err(why) => return known.report(why),
    };
    let rate = |value: Number, source| match known.algorithm {
        Algorithm::Sha256 => field::rate(value.get()?, Unit::Ghs, source),
        // In which unit those tell it is not recorded.
        Algorithm::Other => Err(Missing::NotSupported),
    };
    let hashrate_now = rate(miner.hr_realtime, "summary.miner.hr_realtime");
    let standing = hashrate_now.is_ok_and(|rate| rate.value.ths() == 0.0);
    let sensor = |span: &Object<Span>, source| field::temperature(span.0.max.get()?, source);
    let power = miner.power_consumption.get().and_then(field::watts).map(|watts| {
        let source = "summary.miner.power_consumption";
        if miner.psu.0.psu_power_metering.is_set() {
            Reading::measured(watts, source)
        } else {
            Reading::estimated(watts, source)
        }
    });
    let table = known.model.as_deref().and_then(models::find);
    let chains = miner.chains.0.as_ref().filter(|chains| !chains.is_empty());
    let hashing = |chain: &&Chain| !standing && chain.hashrate_rt.get().is_ok_and(|rate| rate > 0.0);
    AsicReport {
        state: state(&hashrate_now, &known.faults),
        hashrate_now,
        hashrate_avg: rate(miner.hr_average, "summary.miner.hr_average"),
        power,
        temp_chip_max: sensor(&miner.chip_temp, "summary.miner.chip_temp"),
        temp_board_max: sensor(&miner.pcb_temp, "summary.miner.pcb_temp"),
        fans_rpm: miner.cooling.0.fans.iter().filter_map(|fan| field::rpm(fan.rpm.get().ok()?)).collect(),
        boards_expected: chains
            .map(|chains| table.and_then(|model| model.boards).unwrap_or(0).max(chains.len() as u32)),
        boards_working: chains.map(|chains| chains.iter().filter(hashing).count() as u32),
        ..known.report(Missing::NotReported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Quality;

    #[test]
    fn power_is_measured_only_where_the_supply_meters_it() {
        for (psu, quality) in [
            (r#"{"psu_power_metering":true}"#, Quality::Measured),
            (r#"{"psu_power_metering":false}"#, Quality::Estimated),
            ("null", Quality::Estimated),
        ] {
            let summary = format!(r#"{{"miner":{{"power_consumption":2583,"psu":{psu}}}}}"#);
            let report = report(&Replies::of(&[(Command::VnishSummary, &summary)]), &Known::default());
            let power = report.power.unwrap();
            assert_eq!((power.value.get(), power.quality), (2583.0, quality), "{psu}");
        }
    }

    #[test]
    fn the_rate_of_another_coin_is_not_guessed_at() {
        let known = Known { algorithm: Algorithm::Other, ..Known::default() };
        let summary = r#"{"miner":{"hr_realtime":9500}}"#;
        let report = report(&Replies::of(&[(Command::VnishSummary, summary)]), &known);
        assert_eq!(report.hashrate_now, Err(Missing::NotSupported));
    }
}
