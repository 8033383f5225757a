//! The power meter of the site: a page of JSON or a topic with the power, and perhaps the import counter.
//!
//! Meters, gateways and home automation all have such a page, each in a shape of its own: JSON
//! pointers say where the two numbers stand in it.

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use crate::reading::{MeterReport, MeterSample, Missing, Read, Reading, Sample, at_best};
use crate::sources::Failure;
use crate::sources::value::amount::{Measure, amount};
use crate::sources::value::moment::observed;
use crate::sources::value::page::at;
use crate::sources::value::query::RequestConfig;
use crate::sources::value::told::{Receipt, Told};
use crate::units::{WattHours, Watts};

/// `[meter]`: the power meter of the whole site.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterConfig {
    /// URL of a page of JSON.
    pub url: Option<String>,
    /// Topic on the daemon's broker that tells the same; instead of `url`.
    pub topic: Option<String>,
    /// JSON pointer (RFC 6901) to the power that the site draws, such as `/total_act_power`. Absent: a message is
    /// nothing but that number.
    pub power_key: Option<String>,
    /// Of a number without a unit of its own.
    #[serde(default)]
    pub power_unit: PowerUnit,
    /// JSON pointer to the counter of imported energy. Absent: energy is reckoned from the power.
    pub energy_key: Option<String>,
    /// Of a number without a unit of its own.
    #[serde(default)]
    pub energy_unit: EnergyUnit,
    /// JSON pointer to the time when the meter showed this. Absent: when it came.
    pub time_key: Option<String>,
    /// File with a token, sent as `Authorization: Bearer …`.
    pub token_file: Option<PathBuf>,
    /// What else the request holds.
    #[serde(default)]
    pub request: RequestConfig,
    /// Seconds between two requests, or between two messages as they are expected.
    #[serde(default = "default_interval")]
    pub interval_secs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerUnit {
    #[default]
    W,
    Kw,
    Mw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnergyUnit {
    #[default]
    Wh,
    Kwh,
    Mwh,
}

fn default_interval() -> u64 {
    10
}

/// Watts: nothing, to the most that a config may name. Below zero it shows feed-in or a transformer
/// mounted the wrong way round, and not what the site draws.
const POWER_W: std::ops::RangeInclusive<f64> = 0.0..=1e10;
/// Watt-hours: a site of 1 GW counts for a century to this.
const ENERGY_WH: std::ops::RangeInclusive<f64> = 0.0..=1e15;

impl PowerUnit {
    fn watts(self) -> f64 {
        match self {
            PowerUnit::W => 1.0,
            PowerUnit::Kw => 1e3,
            PowerUnit::Mw => 1e6,
        }
    }
}

impl EnergyUnit {
    fn watt_hours(self) -> f64 {
        match self {
            EnergyUnit::Wh => 1.0,
            EnergyUnit::Kwh => 1e3,
            EnergyUnit::Mwh => 1e6,
        }
    }
}

/// What the keys of `cfg` point at in a page that came as `receipt` says. One of the two may be missing. A time
/// without a zone is meant in `zone`.
///
/// # Errors
/// The page holds neither, or no time where it should.
pub fn parse(
    page: &Value,
    cfg: &MeterConfig,
    zone: &TimeZone,
    receipt: Receipt,
) -> Result<MeterSample, Failure> {
    let observed = observed(page, cfg.time_key.as_deref(), zone)?;
    let quality = receipt.quality(observed);
    let amount_at = |key: &str, measure, factor| amount(at(page, key)?, measure, factor);
    let power_key = cfg.power_key.as_deref().unwrap_or_default();
    let watts = amount_at(power_key, Measure::Power, cfg.power_unit.watts());
    let power = watts.and_then(|watts| reading(watts, &POWER_W, "meter.power", Watts::new));
    let counter = cfg.energy_key.as_deref().ok_or(Missing::NotConfigured);
    let watt_hours = counter.and_then(|key| amount_at(key, Measure::Energy, cfg.energy_unit.watt_hours()));
    let energy = watt_hours.and_then(|wh| reading(wh, &ENERGY_WH, "meter.energy", WattHours::new));
    if let (Err(why), Err(_)) = (power, energy) {
        return Err(Failure::new(why, format!("no power at `{power_key}` of the page")));
    }
    let report = MeterReport { power: at_best(power, quality), energy: at_best(energy, quality) };
    Ok(MeterSample { interval: cfg.interval(), observed, report: Ok(report) })
}

fn reading<T>(
    value: f64,
    range: &std::ops::RangeInclusive<f64>,
    source: &'static str,
    new: impl FnOnce(f64) -> Option<T>,
) -> Read<T> {
    let plausible = Some(value).filter(|value| range.contains(value)).and_then(new);
    plausible.map(|value| Reading::measured(value, source)).ok_or(Missing::Implausible)
}

/// What tells what the meter shows. Times without a zone are meant in `zone`.
pub fn told(cfg: &MeterConfig, zone: TimeZone) -> Box<dyn Told> {
    Box::new(Meter { config: cfg.clone(), zone })
}

impl MeterConfig {
    fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_secs.max(1))
    }
}

struct Meter {
    config: MeterConfig,
    zone: TimeZone,
}

impl Told for Meter {
    fn id(&self) -> &str {
        "meter"
    }

    fn interval(&self) -> Duration {
        self.config.interval()
    }

    fn read(&self, page: &Value, receipt: Receipt) -> Result<Vec<Sample>, Failure> {
        Ok(vec![Sample::Meter(parse(page, &self.config, &self.zone, receipt)?)])
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        vec![Sample::Meter(MeterSample { interval: self.interval(), observed: None, report: Err(why) })]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Now, UnixMs};
    use crate::reading::Quality;

    fn config(keys: &str) -> MeterConfig {
        toml::from_str(&format!("url = \"http://meter\"\n{keys}")).unwrap()
    }

    /// Watts and watt-hours of a page.
    fn read(page: &str, keys: &str) -> (Result<f64, Missing>, Result<f64, Missing>) {
        match parse(&serde_json::from_str(page).unwrap(), &config(keys), &TimeZone::UTC, RECEIPT) {
            Ok(MeterSample { report: Ok(report), .. }) => {
                (report.power.map(|r| r.value.get()), report.energy.map(|r| r.value.get()))
            }
            Ok(MeterSample { report: Err(why), .. }) => (Err(why), Err(why)),
            Err(failure) => (Err(failure.reason), Err(failure.reason)),
        }
    }

    const RECEIPT: Receipt =
        Receipt { at: Now { wall: UnixMs(1_700_000_000_000), mono: Duration::ZERO }, kept: false };

    #[test]
    fn the_two_numbers_are_found_in_pages_of_any_shape() {
        let shelly = r#"{"em:0":{"id":0,"total_act_power":8412.6},"emdata:0":{"total_act":91823.4}}"#;
        let keys = "power_key = \"/em:0/total_act_power\"\nenergy_key = \"/emdata:0/total_act\"";
        assert_eq!(read(shelly, keys), (Ok(8_412.6), Ok(91_823.4)));
        let home_automation =
            r#"{"entity_id":"sensor.hall","state":"3.25","attributes":{"unit_of_measurement":"MW"}}"#;
        let keys = "power_key = \"/state\"\npower_unit = \"mw\"";
        assert_eq!(read(home_automation, keys), (Ok(3_250_000.0), Err(Missing::NotConfigured)));
        let gateway = r#"[{"a/b":{"kw":" 1500 ","mwh":12.5}}]"#;
        let keys = "power_key = \"/0/a~1b/kw\"\npower_unit = \"kw\"\nenergy_key = \"/0/a~1b/mwh\"\n\
            energy_unit = \"mwh\"";
        assert_eq!(read(gateway, keys), (Ok(1_500_000.0), Ok(12_500_000.0)));
        assert_eq!(read("417", "power_key = \"\"").0, Ok(417.0));
        let with_units = r#"{"p":"8.4 MW","e":"12.5 MWh"}"#;
        let keys = "power_key = \"/p\"\npower_unit = \"kw\"\nenergy_key = \"/e\"";
        assert_eq!(read(with_units, keys), (Ok(8_400_000.0), Ok(12_500_000.0)));
    }

    #[test]
    fn what_no_meter_can_show_is_missing_with_its_reason() {
        for (value, why) in [
            ("null", Missing::NotReported),
            ("\"unavailable\"", Missing::Garbage),
            ("\"NaN\"", Missing::Garbage),
            ("true", Missing::Garbage),
            ("{}", Missing::Garbage),
            ("-1", Missing::Implausible),
            ("1e11", Missing::Implausible),
        ] {
            let page = format!("{{\"p\":{value},\"e\":5}}");
            let keys = "power_key = \"/p\"\nenergy_key = \"/e\"";
            assert_eq!(read(&page, keys), (Err(why), Ok(5.0)), "{value}");
        }
        let counter = |value: &str| {
            let page = format!("{{\"p\":7,\"e\":{value}}}");
            read(&page, "power_key = \"/p\"\nenergy_key = \"/e\"\nenergy_unit = \"mwh\"")
        };
        assert_eq!(counter("-0.1"), (Ok(7.0), Err(Missing::Implausible)));
        assert_eq!(counter("1e10"), (Ok(7.0), Err(Missing::Implausible)));
    }

    #[test]
    fn a_page_without_either_is_a_failure_that_names_the_key_and_shows_nothing() {
        let page = serde_json::json!({"other": "hunter2"});
        let failure = parse(&page, &config("power_key = \"/p\""), &TimeZone::UTC, RECEIPT).unwrap_err();
        assert_eq!(failure.reason, Missing::NotReported);
        assert_eq!(failure.detail, "no power at `/p` of the page");
    }
    #[test]
    fn a_page_that_tells_its_time_is_as_old_as_that_and_one_that_was_kept_is_stale_without() {
        let keys = "power_key = \"/p\"\ntime_key = \"/t\"";
        let sample = |page: serde_json::Value, keys: &str, kept| {
            parse(&page, &config(keys), &TimeZone::UTC, Receipt { kept, ..RECEIPT })
        };
        let page = serde_json::json!({"p": 5, "t": "2023-11-14T22:00:00"});
        let told = sample(page.clone(), keys, true).unwrap();
        assert_eq!(told.observed, Some(UnixMs(1_699_999_200_000)));
        assert_eq!(told.report.unwrap().power.unwrap().quality, Quality::Measured);
        let told = sample(page, "power_key = \"/p\"", true).unwrap();
        assert_eq!((told.observed, told.report.unwrap().power.unwrap().quality), (None, Quality::Stale));
        let failure = sample(serde_json::json!({"p": 5}), keys, false).unwrap_err();
        assert_eq!(
            (failure.reason, failure.detail.as_str()),
            (Missing::NotReported, "no time at `/t` of the page")
        );
    }
}
