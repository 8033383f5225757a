//! `once --json`: every reading with its quality and source, every gap with its reason.

use std::time::Duration;

use serde_json::{Value, json};
use wattsplit::cli::once;
use wattsplit::reading::*;
use wattsplit::site::{AsicView, GpuView, UnitState};
use wattsplit::sources::asic::models;
use wattsplit::units::*;

use super::golden;
use super::sites::*;

fn miner() -> AsicReport {
    AsicReport {
        make: Some("Antminer".into()),
        model: Some("S21".into()),
        firmware: Some("stock".into()),
        firmware_version: None,
        serial: None,
        mac: Some("02:00:00:00:00:07".into()),
        algorithm: Algorithm::Sha256,
        state: AsicState::Hashing,
        hashrate_now: Ok(Reading::measured(Hashrate::new(201.5).unwrap(), "summary.GHS 5s")),
        hashrate_avg: Ok(Reading::measured(Hashrate::new(200.25).unwrap(), "summary.GHS av")),
        power: Ok(Reading::estimated(Watts::new(3_526.25).unwrap(), "model table")),
        nameplate: models::find("S21").map(|model| &model.nameplate),
        temp_chip_max: Ok(Reading::measured(Celsius::new(78.0).unwrap(), "stats.temp_chip")),
        temp_board_max: Ok(Reading::measured(Celsius::new(63.0).unwrap(), "stats.temp_pcb")),
        temp_inlet: Err(Missing::NotReported),
        fans_rpm: vec![4_380, 4_410, 4_350, 4_400],
        uptime_s: Some(86_400),
        pool_url: Some("stratum+tcp://stratum.example.net:3333".into()),
        worker: Some("site.rack7".into()),
        accepted: Some(52_311),
        rejected: Some(14),
        boards_expected: Some(3),
        boards_working: Some(3),
        faults: vec![],
    }
}

fn gpu() -> GpuSample {
    let watts = |w| Ok(Reading::measured(Watts::new(w).unwrap(), "nvml power"));
    GpuSample {
        name: Some("NVIDIA H200".into()),
        state: GpuState::Throttled,
        power: watts(612.5),
        power_limit: watts(700.0),
        energy: Ok(Reading::measured(WattHours::new(123_456.5).unwrap(), "nvml energy")),
        utilisation: Ok(Reading::measured(Fraction::new(0.97).unwrap(), "nvml utilisation")),
        memory_used_bytes: Ok(Reading::measured(98_000_000_000, "nvml memory")),
        memory_total_bytes: Ok(Reading::measured(150_000_000_000, "nvml memory")),
        temp_gpu: Ok(Reading::measured(Celsius::new(83.0).unwrap(), "nvml temperature")),
        temp_memory: Err(Missing::NotSupported),
        throttle: vec!["hw_thermal"],
        ..GpuSample::blank("GPU-0a".into(), None, GpuState::Ok, Missing::NotReported)
    }
}

fn text() -> String {
    let (report, sample) = (miner(), gpu());
    let place = Place { rack: Some("A-12".into()), position: Some("3-7".into()) };
    let asics = [
        AsicView {
            id: "10.20.0.7:4028",
            group: "main",
            place: Some(&place),
            model: report.model.as_deref(),
            nameplate: report.nameplate,
            state: UnitState::Asic(AsicState::Hashing),
            age: Some(Duration::from_millis(11_900)),
            stale: false,
            report: Some(&report),
            missing: None,
        },
        AsicView {
            id: "10.20.0.8:4028",
            group: "main",
            place: None,
            model: None,
            nameplate: None,
            state: UnitState::Unreachable,
            age: None,
            stale: true,
            report: None,
            missing: Some(Missing::Timeout),
        },
    ];
    let gpus = [
        GpuView {
            host: "gpu-1",
            hosting: "h200",
            age: Some(Duration::from_secs(40)),
            stale: true,
            gpu: Some(&sample),
            uuid: "GPU-0a",
            energy_total: Err(Missing::NotYet),
            missing: Some(Missing::Timeout),
        },
        GpuView {
            host: "gpu-1",
            hosting: "h200",
            age: None,
            stale: true,
            gpu: None,
            uuid: "GPU-0b",
            energy_total: Err(Missing::NotYet),
            missing: Some(Missing::Lost),
        },
    ];
    let (view, split) = half_dead();
    once::json(asics.into_iter(), gpus.into_iter(), &view, &split).unwrap()
}

fn document() -> Value {
    serde_json::from_str(&text()).unwrap()
}

#[test]
fn the_whole_document() {
    golden("once.json", &(text() + "\n"));
}

#[test]
fn a_reading_has_value_quality_and_source_and_its_device_the_age() {
    let miner = &document()["asics"][0];
    assert_eq!(miner["age_s"], 11);
    let wanted = json!({"value": 3526.25, "quality": "estimated", "source": "model table"});
    assert_eq!(miner["power_w"], wanted);
    assert_eq!(miner["temp_inlet_c"], json!({"missing": "not_reported"}));
}

#[test]
fn a_silent_miner_has_reasons_and_no_numbers() {
    let miner = &document()["asics"][1];
    assert_eq!(miner["state"], "unreachable");
    for key in ["hashrate_ths", "hashrate_avg_ths", "power_w", "temp_chip_max_c"] {
        assert_eq!(miner[key], json!({"missing": "timeout"}), "{key}");
    }
    assert_eq!(miner.get("accepted"), None);
}

#[test]
fn the_last_values_of_a_gpu_that_stopped_answering_are_stale() {
    let document = document();
    assert_eq!(document["gpus"][0]["power_w"]["quality"], "stale");
    assert_eq!(document["gpus"][0]["missing"], "timeout");
    assert_eq!(document["gpus"][1]["state"], "missing");
    assert_eq!(document["gpus"][1]["power_w"], json!({"missing": "lost"}));
}

#[test]
fn a_site_with_a_meter_shows_it_beside_its_power() {
    let meter = |(view, split): (wattsplit::site::SiteView, wattsplit::economics::Split)| -> Value {
        let text = once::json([].into_iter(), [].into_iter(), &view, &split).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["split"]["meter"].clone()
    };
    assert_eq!(meter(healthy()), Value::Null, "without one there is no such key");
    let meter = meter(metered(600.0));
    assert_eq!(
        (&meter["residual_w"]["value"], &meter["residual_plausibility"]),
        (&600_000.0.into(), &"questionable".into())
    );
    assert_eq!((&meter["power_w"]["age_s"], &meter["attribution_method"]), (&3.into(), &"it_power".into()));
    assert_eq!(meter["energy_wh"], json!({"missing": "not_configured"}));
}

#[test]
fn nothing_is_null_and_counts_have_no_decimal_point() {
    let text = text();
    assert!(!text.contains("null"));
    assert!(text.contains("\"height\": {\n      \"value\": 924600,"));
}
