//! What a GPU is doing, and what the driver as a whole is like.

use std::time::Duration;

use wattsplit::clock;
use wattsplit::reading::{DriverState, GpuState, Missing};
use wattsplit::sources::Source;

use super::fake::{self, Machine};
use super::{host, read, read_at};

const ONE: &str = "
count = 1
gpu0.uuid = GPU-a
gpu0.name = NVIDIA L40S
gpu0.power_average_mw = 71000
gpu0.temp_c = 34
gpu0.ecc_uncorrected = 4
gpu0.remap_pending = 0
gpu0.remap_failed = 0
gpu0.recovery = 0
";

/// The state of the only GPU on a machine where this line of [`ONE`] reads otherwise.
async fn state_with(line: &str, other: &str) -> GpuState {
    assert!(ONE.contains(line));
    let gpus = read(&mut Machine::new(&ONE.replace(line, other)).source("state")).await.unwrap();
    assert_eq!(gpus[0].power.unwrap().value.get(), 71.0, "it answers");
    gpus[0].state
}

#[tokio::test]
async fn a_gpu_that_wants_attention_is_degraded_and_one_that_wants_a_reset_must_have_it() {
    assert_eq!(state_with("recovery = 0", "recovery = 0").await, GpuState::Ok);
    assert_eq!(state_with("remap_pending = 0", "remap_pending = 1").await, GpuState::Degraded);
    assert_eq!(state_with("remap_failed = 0", "remap_failed = 1").await, GpuState::Degraded);
    assert_eq!(state_with("recovery = 0", "recovery = 3").await, GpuState::Degraded);
    assert_eq!(state_with("recovery = 0", "recovery = 4").await, GpuState::Degraded);
    assert_eq!(state_with("recovery = 0", "recovery = 1").await, GpuState::ResetRequired);
    assert_eq!(state_with("recovery = 0", "recovery = 2").await, GpuState::ResetRequired);
    assert_eq!(state_with("recovery = 0", "recovery = 99").await, GpuState::Ok, "a word of a newer driver");
}

#[tokio::test]
async fn errors_that_ecc_cannot_correct_degrade_a_gpu_when_they_become_more() {
    let machine = Machine::new(ONE);
    let mut source = machine.source("ecc");
    let start = clock::now();
    assert_eq!(read_at(&mut source, start).await.unwrap()[0].state, GpuState::Ok, "old errors are no news");
    machine.set(&ONE.replace("ecc_uncorrected = 4", "ecc_uncorrected = 5"));
    let later = start.plus(Duration::from_secs(60));
    assert_eq!(read_at(&mut source, later).await.unwrap()[0].state, GpuState::Degraded);
}

#[tokio::test]
async fn a_gpu_that_answers_nothing_before_it_is_reset_is_void_and_not_lost() {
    let machine = Machine::new(ONE);
    let mut source = machine.source("reset");
    read(&mut source).await.unwrap();
    // 16: the GPU requires a reset. First in mid-cycle, then it does not even tell who it is.
    for broken in [ONE.replace("temp_c = 34", "temp_c = error 16"), format!("gpu0 = error 16\n{ONE}")] {
        machine.set(&broken);
        let gpus = read(&mut source).await.unwrap();
        let [gpu] = &gpus[..] else { panic!("one GPU: {gpus:?}") };
        assert_eq!((&*gpu.uuid, gpu.state), ("GPU-a", GpuState::ResetRequired));
        assert_eq!((gpu.power, gpu.energy), (Err(Missing::Lost), Err(Missing::Lost)));
    }
    machine.set(ONE);
    assert_eq!(read(&mut source).await.unwrap()[0].state, GpuState::Ok);
}

#[tokio::test]
async fn a_gpu_is_known_by_the_place_where_it_was_when_it_does_not_tell_who_it_is() {
    let two = format!("{ONE}\ngpu1.uuid = GPU-b\ngpu1.temp_c = 40").replace("count = 1", "count = 2");
    let machine = Machine::new(&two);
    let mut source = machine.source("places");
    read(&mut source).await.unwrap();
    machine.set(&format!("gpu0 = error 16\ngpu1 = error 15\n{two}"));
    let gpus = read(&mut source).await.unwrap();
    let states: Vec<_> = gpus.iter().map(|gpu| (&*gpu.uuid, gpu.state)).collect();
    assert_eq!(states, [("GPU-a", GpuState::ResetRequired), ("GPU-b", GpuState::Lost)]);
}

/// What the site is told of the driver after one fetch.
async fn driver(source: &mut impl Source) -> Option<DriverState> {
    let samples = match source.fetch(clock::now()).await {
        Ok(samples) => samples,
        Err(failure) => source.failed(failure.reason),
    };
    host(samples).driver
}

#[tokio::test]
async fn the_driver_as_a_whole_has_a_state_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = fake::source("nowhere", &dir.path().join("libnvidia-ml.so.1"));
    assert_eq!(host(source.failed(Missing::NotYet)).driver, None, "nobody has looked yet");
    assert_eq!(driver(&mut source).await, Some(DriverState::Absent));

    let machine = Machine::new(ONE);
    let mut source = machine.source("driver");
    for (state, expected) in [
        (ONE, DriverState::Ok),
        ("count = error 1", DriverState::NotLoaded),
        ("init = error 9", DriverState::NotLoaded),
        ("init = error 18", DriverState::VersionMismatch),
        ("init = error 4", DriverState::Failing),
        ("init = error 999", DriverState::Failing),
        ("count = 0", DriverState::Ok),
    ] {
        machine.set(state);
        assert_eq!(driver(&mut source).await, Some(expected), "{state}");
    }
    assert_eq!(host(source.failed(Missing::Timeout)).driver, Some(DriverState::Hung));
}
