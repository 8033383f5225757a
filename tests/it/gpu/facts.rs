//! The slow set: what changes rarely, and when it is read again.

use std::sync::Arc;
use std::time::Duration;

use wattsplit::clock;
use wattsplit::reading::{GpuFacts, Missing};
use wattsplit::units::Celsius;

use super::fake::Machine;
use super::{read, read_at};

const HOPPER: &str = "
count = 1
driver = 580.95.05
gpu0.uuid = GPU-h
gpu0.name = NVIDIA H100 80GB HBM3
gpu0.power_average_mw = 71000
gpu0.temp_c = 34
gpu0.serial = 1650423000123
gpu0.board_part = 692-2G520-0200-000
gpu0.persistence = 1
gpu0.sm_mhz = 1980
gpu0.memory_mhz = 2619
gpu0.ecc_uncorrected = 0
gpu0.remapped_corrected = 1
gpu0.remapped_uncorrected = 2
gpu0.remap_pending = 0
gpu0.remap_failed = 0
gpu0.recovery = 0
gpu0.mig = 0
gpu0.processes = 3
";

fn celsius(degrees: f64) -> Option<Celsius> {
    Celsius::new(degrees)
}

#[tokio::test]
async fn every_fact_that_a_data_centre_gpu_tells_is_there() {
    let gpus = read(&mut Machine::new(HOPPER).source("facts")).await.unwrap();
    let expected = GpuFacts {
        serial: Some("1650423000123".into()),
        board_part: Some("692-2G520-0200-000".into()),
        driver_version: Some("580.95.05".into()),
        persistence_mode: Some(true),
        clock_sm_mhz: Some(1980),
        clock_memory_mhz: Some(2619),
        ecc_uncorrected: Some(0),
        rows_remapped: Some(3),
        remap_pending: Some(false),
        remap_failed: Some(false),
        recovery_action: Some("none"),
        mig_mode: Some(false),
        processes: Some(3),
        ..GpuFacts::default()
    };
    assert_eq!(*gpus[0].facts, expected);
}

#[tokio::test]
async fn what_a_consumer_card_does_not_tell_is_absent_and_no_zero() {
    let machine = Machine::new("count = 1\ngpu0.uuid = GPU-c\ngpu0.power_mw = 65000\ngpu0.temp_c = 40");
    let gpus = read(&mut machine.source("bare")).await.unwrap();
    assert_eq!(*gpus[0].facts, GpuFacts::default());
}

#[tokio::test]
async fn thresholds_are_those_that_the_driver_tells_in_degrees() {
    let machine = Machine::new(&format!(
        "{HOPPER}\ngpu0.slowdown_c = 87\ngpu0.shutdown_c = 92\ngpu0.memory_max_c = 95\n\
         gpu0.margin_c = 50\ngpu0.slowdown_tlimit_c = -9"
    ));
    let facts = &read(&mut machine.source("degrees")).await.unwrap()[0].facts;
    assert_eq!(
        (facts.temp_slowdown, facts.temp_shutdown, facts.temp_memory_max),
        (celsius(87.0), celsius(92.0), celsius(95.0))
    );
}

#[tokio::test]
async fn thresholds_of_newer_gpus_follow_from_the_margin_and_the_place_on_its_scale() {
    // 34 °C with 53 °C to go: 87 °C is the end of the scale, and a slowdown at -2 is beyond it.
    let scale = "gpu0.margin_c = 53\ngpu0.slowdown_tlimit_c = -2\ngpu0.shutdown_tlimit_c = -8";
    let machine = Machine::new(&format!("{HOPPER}{scale}"));
    let facts = Arc::clone(&read(&mut machine.source("scale")).await.unwrap()[0].facts);
    assert_eq!((facts.temp_slowdown, facts.temp_shutdown), (celsius(89.0), celsius(95.0)));
    assert_eq!(facts.temp_memory_max, None);

    // The place alone says nothing in degrees.
    let machine = Machine::new(&format!("{HOPPER}{scale}").replace("gpu0.margin_c = 53", ""));
    let facts = Arc::clone(&read(&mut machine.source("place")).await.unwrap()[0].facts);
    assert_eq!((facts.temp_slowdown, facts.temp_shutdown), (None, None));
}

#[tokio::test]
async fn a_gpu_in_instances_tells_how_many_and_not_how_busy_it_is() {
    let mig = HOPPER.replace("gpu0.mig = 0", "gpu0.mig = 1\ngpu0.mig_most = 7\ngpu0.mig_instances = 3");
    // A driver that answers the question with 0 all the same is not believed.
    let machine = Machine::new(&format!("{mig}\ngpu0.util_percent = 0"));
    let gpu = &read(&mut machine.source("mig")).await.unwrap()[0];
    assert_eq!((gpu.facts.mig_mode, gpu.facts.mig_instances), (Some(true), Some(3)));
    assert_eq!(gpu.utilisation, Err(Missing::NotSupported));
    assert_eq!(gpu.memory_utilisation, Err(Missing::NotSupported));
    assert_eq!(gpu.power.unwrap().value.get(), 71.0, "the board's power is there, and once");

    let machine = Machine::new(&mig.replace("gpu0.mig_most = 7", ""));
    let gpu = &read(&mut machine.source("mig-old")).await.unwrap()[0];
    assert_eq!(gpu.facts.mig_instances, None);
}

#[tokio::test]
async fn functions_that_an_old_driver_lacks_cost_their_own_facts_and_no_more() {
    let machine = Machine::without("nvmlDeviceGetFieldValues", HOPPER);
    let facts = Arc::clone(&read(&mut machine.source("old-fields")).await.unwrap()[0].facts);
    assert_eq!((facts.rows_remapped, facts.remap_failed, facts.recovery_action), (None, None, None));
    assert_eq!((facts.clock_sm_mhz, facts.processes), (Some(1980), Some(3)));

    let machine = Machine::without("nvmlDeviceGetComputeRunningProcesses_v3", HOPPER);
    let facts = Arc::clone(&read(&mut machine.source("old-list")).await.unwrap()[0].facts);
    assert_eq!((facts.processes, facts.rows_remapped), (None, Some(3)));
}

#[tokio::test]
async fn facts_are_read_once_a_minute_and_what_the_driver_asks_for_at_every_poll() {
    let machine = Machine::new(HOPPER);
    let mut source = machine.source("slow");
    let start = clock::now();
    let first = Arc::clone(&read_at(&mut source, start).await.unwrap()[0].facts);
    machine.set(
        &HOPPER.replace("gpu0.sm_mhz = 1980", "gpu0.sm_mhz = 345").replace("recovery = 0", "recovery = 3"),
    );

    let soon = Arc::clone(&read_at(&mut source, start.plus(Duration::from_secs(59))).await.unwrap()[0].facts);
    assert_eq!((soon.clock_sm_mhz, soon.recovery_action), (Some(1980), Some("drain")));
    assert_eq!(first.recovery_action, Some("none"), "a sample that was sent does not change");

    let late = Arc::clone(&read_at(&mut source, start.plus(Duration::from_secs(60))).await.unwrap()[0].facts);
    assert_eq!((late.clock_sm_mhz, late.recovery_action), (Some(345), Some("drain")));
}
