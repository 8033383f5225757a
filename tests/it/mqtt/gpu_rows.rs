//! Rows of GPUs: what one holds.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wattsplit::clock::UnixMs;
use wattsplit::ledger::Message;
use wattsplit::publish::wire::devices::{Origin, pack_gpus};
use wattsplit::reading::*;
use wattsplit::site::GpuView;
use wattsplit::units::*;

const TS: UnixMs = UnixMs(1_795_000_000_000);

fn message<'a>(units: impl IntoIterator<Item = GpuView<'a>>) -> Message {
    let origin = Origin { site: "tx01".into(), boot: "00000000000000b1".into() };
    pack_gpus(&origin, (TS, 7), "h100", units.into_iter()).unwrap().message
}

fn row(unit: GpuView<'_>) -> Value {
    let rows: Vec<Value> = serde_json::from_slice(&message([unit]).payload).unwrap();
    rows.into_iter().next().unwrap()
}

fn measured<T>(value: Option<T>) -> Read<T> {
    Ok(Reading::measured(value.unwrap(), "test"))
}

/// One of which everything is told.
pub fn talkative() -> GpuSample {
    GpuSample {
        name: Some("NVIDIA H100 80GB HBM3".into()),
        power: measured(Watts::new(612.25)),
        power_instant: measured(Watts::new(640.5)),
        power_limit: measured(Watts::new(700.0)),
        energy: measured(WattHours::new(1_234.5)),
        utilisation: measured(Fraction::new(0.97)),
        memory_utilisation: measured(Fraction::new(0.41)),
        memory_used_bytes: measured(Some(68_719_476_736)),
        memory_total_bytes: measured(Some(85_520_809_984)),
        temp_gpu: measured(Celsius::new(71.0)),
        temp_memory: measured(Celsius::new(83.0)),
        performance_state: measured(Some(0)),
        throttle: vec!["sw_power_cap", "hw_thermal"],
        xids: [(31, 1), (79, 2)].into(),
        facts: Arc::new(GpuFacts {
            serial: Some("1652923000001".into()),
            board_part: Some("900-21010-0000-000".into()),
            driver_version: Some("580.105.08".into()),
            persistence_mode: Some(true),
            clock_sm_mhz: Some(1_755),
            clock_memory_mhz: Some(2_619),
            temp_slowdown: Celsius::new(87.0),
            temp_shutdown: Celsius::new(92.0),
            temp_memory_max: Celsius::new(95.0),
            ecc_uncorrected: Some(0),
            rows_remapped: Some(2),
            remap_pending: Some(true),
            remap_failed: Some(false),
            recovery_action: Some("drain_and_reset"),
            mig_mode: Some(false),
            mig_instances: Some(0),
            processes: Some(1),
        }),
        allocation: Some(Arc::new(Allocation {
            namespace: Some("tenant-a".into()),
            pod: Some("vllm-0".into()),
            container: Some("server".into()),
            job: Some("4711".into()),
        })),
        ..GpuSample::blank("GPU-0a".into(), None, GpuState::Degraded, Missing::NotReported)
    }
}

fn view(gpu: &GpuSample) -> GpuView<'_> {
    GpuView {
        host: "gpu-1",
        hosting: "h100",
        age: Some(Duration::from_millis(2_345)),
        stale: false,
        energy_total: Ok(Reading::measured(WattHours::new(123.5).unwrap(), "counter")),
        gpu: Some(gpu),
        uuid: &gpu.uuid,
        missing: None,
    }
}

fn gone(why: Missing) -> GpuView<'static> {
    GpuView {
        host: "gpu-1",
        hosting: "h100",
        age: None,
        stale: false,
        energy_total: Err(why),
        gpu: None,
        uuid: "GPU-0b",
        missing: Some(why),
    }
}

/// A row of every kind that there is.
pub fn of_every_kind() -> Vec<Message> {
    let whole = talkative();
    let hollow = GpuSample::blank("GPU-0c".into(), None, GpuState::Lost, Missing::Lost);
    let mut estimated = talkative();
    for read in [&mut estimated.power, &mut estimated.power_instant, &mut estimated.power_limit] {
        *read = at_best(*read, Quality::Estimated);
    }
    let energy_total = Ok(Reading::estimated(WattHours::new(7.0).unwrap(), "integrated"));
    let stale = GpuView { stale: true, missing: Some(Missing::Hung), energy_total, ..view(&estimated) };
    vec![message([view(&whole), view(&hollow), stale, gone(Missing::Expired), gone(Missing::Hung)])]
}

#[test]
fn a_row_says_what_was_read_and_what_changes_rarely() {
    let gpu = talkative();
    let sent = message([view(&gpu)]);
    assert_eq!(sent.topic, "devices/gpu/h100");
    assert_eq!(
        String::from_utf8(sent.payload).unwrap(),
        r#"[{"v":1,"ts":1795000000000,"site":"tx01","boot":"00000000000000b1","seq":7,"id":"GPU-0a","host":"gpu-1","hosting":"h100","state":"degraded","age_s":2.345,"energy_total_kwh":0.1235,"energy_source":"counter","model":"NVIDIA H100 80GB HBM3","power_w":612.25,"power_instant_w":640.5,"power_limit_w":700.0,"energy_counter_wh":1234.5,"utilisation":0.97,"memory_utilisation":0.41,"memory_used_bytes":68719476736,"memory_total_bytes":85520809984,"temp_gpu_c":71.0,"temp_memory_c":83.0,"performance_state":0,"throttle":"sw_power_cap,hw_thermal","xid_errors":3,"xids":"31:1,79:2","serial":"1652923000001","board_part":"900-21010-0000-000","driver_version":"580.105.08","persistence_mode":true,"clock_sm_mhz":1755,"clock_memory_mhz":2619,"temp_slowdown_c":87.0,"temp_shutdown_c":92.0,"temp_memory_max_c":95.0,"ecc_uncorrected":0,"rows_remapped":2,"remap_pending":true,"remap_failed":false,"recovery_action":"drain_and_reset","mig_mode":false,"mig_instances":0,"processes":1,"allocated":true,"namespace":"tenant-a","pod":"vllm-0","container":"server","job":"4711"}]"#
    );
}

#[test]
fn a_gpu_of_which_nothing_is_told_has_reasons_and_no_zero() {
    let lost = GpuSample::blank("GPU-0c".into(), None, GpuState::Lost, Missing::Lost);
    let row = row(view(&lost));
    assert_eq!((&row["state"], &row["power_missing"]), (&"lost".into(), &"lost".into()));
    let numbers: Vec<&String> =
        row.as_object().unwrap().iter().filter(|(_, value)| value.is_number()).map(|(key, _)| key).collect();
    assert_eq!(numbers, ["age_s", "energy_total_kwh", "seq", "ts", "v"]);
}

#[test]
fn a_gpu_whose_driver_hangs_is_hung_with_its_last_values_stale_and_later_without() {
    let gpu = talkative();
    let hung = row(GpuView { stale: true, missing: Some(Missing::Hung), ..view(&gpu) });
    assert_eq!((&hung["state"], &hung["power_quality"]), (&"hung".into(), &"stale".into()));
    let later = row(gone(Missing::Hung));
    assert_eq!((&later["state"], &later["report_missing"]), (&"hung".into(), &"hung".into()));
    assert_eq!(row(gone(Missing::Expired))["state"], "missing");
}

#[test]
fn a_free_gpu_is_told_apart_from_one_of_which_nobody_knows() {
    let mut gpu = talkative();
    gpu.allocation = Some(Arc::default());
    assert_eq!(row(view(&gpu))["allocated"], false);
    gpu.allocation = None;
    assert_eq!(row(view(&gpu)).get("allocated"), None);
}
