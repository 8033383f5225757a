use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use wattsplit::reading::{GpuState, Missing, Quality};
use wattsplit::units::{Celsius, Fraction, WattHours, Watts};

use super::fake::{self, Machine};
use super::{read, told};

/// Two data-centre GPUs: one at work, one idle.
const TWO: &str = "
count = 2
gpu0.uuid = GPU-a
gpu0.name = NVIDIA H200
gpu0.power_average_mw = 612250
gpu0.power_instant_mw = 655125
gpu0.power_mw = 640000
gpu0.limit_mw = 700000
gpu0.energy_mj = 7200000
gpu0.util_percent = 97
gpu0.memory_util_percent = 41
gpu0.pstate = 0
gpu0.memory_used = 1048576
gpu0.memory_total = 150754820096
gpu0.temp_c = 64
gpu0.memory_temp_c = 72
gpu0.throttle = 4
gpu1.uuid = GPU-b
gpu1.name = NVIDIA H200
gpu1.power_average_mw = 76500
gpu1.energy_mj = 3600000
gpu1.util_percent = 0
gpu1.temp_c = 31
gpu1.throttle = 1
";

#[tokio::test]
async fn every_value_comes_in_its_unit() {
    let gpus = read(&mut Machine::new(TWO).source("units")).await.unwrap();
    let [a, b] = &gpus[..] else { panic!("two GPUs: {gpus:?}") };

    assert_eq!((&*a.uuid, a.name.as_deref()), ("GPU-a", Some("NVIDIA H200")));
    assert_eq!(a.power.unwrap().value, Watts::new(612.25).unwrap());
    assert_eq!(a.power.unwrap().source, "nvml.POWER_AVERAGE");
    assert_eq!(a.power.unwrap().quality, Quality::Measured);
    assert_eq!(a.power_instant.unwrap().value, Watts::new(655.125).unwrap());
    assert_eq!(a.power_instant.unwrap().source, "nvml.POWER_INSTANT");
    assert_eq!(a.power_limit.unwrap().value, Watts::new(700.0).unwrap());
    assert_eq!(a.energy.unwrap().value, WattHours::new(2.0).unwrap());
    assert_eq!(a.utilisation.unwrap().value, Fraction::new(0.97).unwrap());
    assert_eq!(a.memory_utilisation.unwrap().value, Fraction::new(0.41).unwrap());
    assert_eq!(a.performance_state.unwrap().value, 0);
    assert_eq!(a.memory_used_bytes.unwrap().value, 1_048_576);
    assert_eq!(a.memory_total_bytes.unwrap().value, 150_754_820_096);
    assert_eq!(a.temp_gpu.unwrap().value, Celsius::new(64.0).unwrap());
    assert_eq!(a.temp_memory.unwrap().value, Celsius::new(72.0).unwrap());
    // A power cap is the operator's own doing.
    assert_eq!((a.state, &a.throttle[..]), (GpuState::Ok, &["sw_power_cap"][..]));

    // Idle is measured zero, not missing; and no throttling.
    assert_eq!(b.utilisation.unwrap().value, Fraction::ZERO);
    assert_eq!((b.state, b.throttle.len()), (GpuState::Ok, 0));
}

#[tokio::test]
async fn what_a_consumer_card_cannot_tell_is_not_supported_and_never_zero() {
    let machine = Machine::new("count = 1\ngpu0.uuid = GPU-c\ngpu0.power_mw = 65000\ngpu0.temp_c = 40");
    let gpus = read(&mut machine.source("consumer")).await.unwrap();
    let gpu = &gpus[0];
    // Without the averaged field, the plain call has the power.
    assert_eq!(gpu.power.unwrap().value, Watts::new(65.0).unwrap());
    assert_eq!(gpu.power.unwrap().source, "nvml.power_usage");
    assert_eq!(gpu.energy, Err(Missing::NotSupported));
    assert_eq!(gpu.temp_memory, Err(Missing::NotSupported));
    assert_eq!(gpu.utilisation, Err(Missing::NotSupported));
    assert_eq!(gpu.memory_utilisation, Err(Missing::NotSupported));
    assert_eq!(gpu.power_instant, Err(Missing::NotSupported));
    assert_eq!(gpu.performance_state, Err(Missing::NotSupported));
    assert_eq!(gpu.memory_total_bytes, Err(Missing::NotSupported));
    assert_eq!(gpu.state, GpuState::Ok);
}

#[tokio::test]
async fn an_error_of_one_value_is_that_values_reason() {
    let machine = Machine::new(
        "count = 1
        gpu0.uuid = GPU-d
        gpu0.power_average_mw = 100000
        gpu0.limit_mw = error 4     # no permission
        gpu0.energy_mj = error 10   # timeout
        gpu0.temp_c = error 28      # newer than the bindings
        gpu0.util_percent = 101
        gpu0.memory_temp_c = error 999",
    );
    let gpus = read(&mut machine.source("errors")).await.unwrap();
    let gpu = &gpus[0];
    assert_eq!(gpu.power_limit, Err(Missing::Denied));
    assert_eq!(gpu.energy, Err(Missing::Timeout));
    assert_eq!(gpu.temp_gpu, Err(Missing::RemoteError));
    assert_eq!(gpu.temp_memory, Err(Missing::RemoteError));
    assert_eq!(gpu.utilisation, Err(Missing::Implausible));
    assert_eq!(gpu.power.unwrap().value, Watts::new(100.0).unwrap());
}

#[tokio::test]
async fn a_field_that_the_driver_leaves_untouched_is_not_reported() {
    let machine = Machine::new(
        "count = 1
        gpu0.uuid = GPU-f
        gpu0.power_average_mw = untouched
        gpu0.power_mw = 65000
        gpu0.memory_temp_c = untouched",
    );
    let gpus = read(&mut machine.source("untouched")).await.unwrap();
    assert_eq!(gpus[0].power.unwrap().value, Watts::new(65.0).unwrap());
    assert_eq!(gpus[0].temp_memory, Err(Missing::NotReported));
}

#[tokio::test]
async fn heat_that_holds_the_clocks_down_is_a_state() {
    let machine = Machine::new("count = 1\ngpu0.uuid = GPU-e\ngpu0.throttle = 72");
    let gpus = read(&mut machine.source("hot")).await.unwrap();
    assert_eq!(gpus[0].state, GpuState::Throttled);
    assert_eq!(gpus[0].throttle, ["hw_slowdown", "hw_thermal"]);
}

#[tokio::test]
async fn a_gpu_lost_in_mid_cycle_voids_its_whole_sample_and_no_other() {
    let machine = Machine::new(TWO);
    let mut source = machine.source("lost");
    read(&mut source).await.unwrap();

    // The first calls still answer with what the driver remembers.
    machine.set(&TWO.replace("gpu0.temp_c = 64", "gpu0.temp_c = error 15"));
    let gpus = read(&mut source).await.unwrap();
    let a = gpus.iter().find(|gpu| &*gpu.uuid == "GPU-a").unwrap();
    assert_eq!((a.state, a.name.as_deref()), (GpuState::Lost, Some("NVIDIA H200")));
    assert_eq!(a.power, Err(Missing::Lost));
    assert_eq!(a.energy, Err(Missing::Lost));
    let b = gpus.iter().find(|gpu| &*gpu.uuid == "GPU-b").unwrap();
    assert_eq!(b.power.unwrap().value, Watts::new(76.5).unwrap());

    // In later cycles not even its handle is given out, while the count stays.
    machine.set(&format!("gpu0 = error 15\n{TWO}"));
    let gpus = read(&mut source).await.unwrap();
    let states: Vec<_> = gpus.iter().map(|gpu| (&*gpu.uuid, gpu.state)).collect();
    assert_eq!(states, [("GPU-b", GpuState::Ok), ("GPU-a", GpuState::Lost)]);
    assert_eq!(gpus[1].name.as_deref(), Some("NVIDIA H200"));

    machine.set(TWO);
    let gpus = read(&mut source).await.unwrap();
    assert!(gpus.len() == 2 && gpus.iter().all(|gpu| gpu.state == GpuState::Ok), "{gpus:?}");
}

#[tokio::test]
async fn a_gpu_that_is_gone_from_the_list_is_still_reported() {
    let machine = Machine::new(TWO);
    let mut source = machine.source("gone");
    read(&mut source).await.unwrap();
    machine.set(&TWO.replace("count = 2", "count = 1"));
    let gpus = read(&mut source).await.unwrap();
    let states: Vec<_> = gpus.iter().map(|gpu| (&*gpu.uuid, gpu.state)).collect();
    assert_eq!(states, [("GPU-a", GpuState::Ok), ("GPU-b", GpuState::Missing)]);
}

#[tokio::test]
async fn a_gpu_that_was_lost_before_the_start_is_counted_by_its_place() {
    let machine = Machine::new(&format!("gpu1 = error 15\n{TWO}"));
    let gpus = read(&mut machine.source("early")).await.unwrap();
    let states: Vec<_> = gpus.iter().map(|gpu| (&*gpu.uuid, gpu.state)).collect();
    assert_eq!(states, [("GPU-a", GpuState::Ok), ("index-1", GpuState::Lost)]);
}

#[tokio::test]
async fn a_gpu_of_somebody_elses_container_is_none_of_this_hosts() {
    let machine = Machine::new(&format!("gpu1 = error 4\n{TWO}"));
    let gpus = read(&mut machine.source("shared")).await.unwrap();
    assert_eq!(gpus.len(), 1);
}

#[tokio::test]
async fn when_every_gpu_is_lost_the_library_is_started_afresh() {
    let machine = Machine::new(TWO);
    let mut source = machine.source("all-lost");
    read(&mut source).await.unwrap();
    let all_lost = "count = 2\ngpu0 = error 15\ngpu1 = error 15\n";
    machine.set(all_lost);
    let gpus = read(&mut source).await.unwrap();
    assert!(gpus.len() == 2 && gpus.iter().all(|gpu| gpu.state == GpuState::Lost), "{gpus:?}");
    // Only a fresh start gets to hear this.
    machine.set(&format!("init = error 9\n{all_lost}"));
    assert_eq!(read(&mut source).await.unwrap_err().reason, Missing::NoDriver);
}

#[tokio::test]
async fn a_reset_of_the_energy_counter_is_there_to_be_seen() {
    let machine = Machine::new(TWO);
    let mut source = machine.source("energy");
    let before = read(&mut source).await.unwrap()[0].energy.unwrap().value;
    machine.set(&TWO.replace("gpu0.energy_mj = 7200000", "gpu0.energy_mj = 3600"));
    let after = read(&mut source).await.unwrap()[0].energy.unwrap().value;
    assert_eq!((before.get(), after.get()), (2.0, 0.001));
}

#[tokio::test]
async fn no_gpus_is_not_an_error() {
    let machine = Machine::new("count = 0");
    assert_eq!(read(&mut machine.source("empty")).await.unwrap().len(), 0);
}

#[tokio::test]
async fn without_a_library_there_is_no_driver_and_a_pause_before_the_next_try() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = fake::source("bare", &dir.path().join("libnvidia-ml.so.1"));
    let first = read(&mut source).await.unwrap_err();
    assert_eq!(first.reason, Missing::NoDriver);
    assert_eq!(first.retry_after, Some(Duration::from_secs(30)));
    assert!(first.detail.contains("libnvidia-ml.so.1") && !first.detail.contains('\n'), "{}", first.detail);
    // The same words each time, so that it is logged once.
    assert_eq!(read(&mut source).await.unwrap_err(), first);
    assert_eq!(told(&source, first.reason), Missing::NoDriver);
}

#[tokio::test]
async fn a_driver_that_is_loaded_later_is_found() {
    let machine = Machine::new("init = error 9");
    let mut source = machine.source("later");
    let failure = read(&mut source).await.unwrap_err();
    assert_eq!((failure.reason, failure.retry_after), (Missing::NoDriver, Some(Duration::from_secs(30))));
    machine.set(TWO);
    assert_eq!(read(&mut source).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_driver_that_is_reloaded_is_picked_up_again() {
    let machine = Machine::new(TWO);
    let mut source = machine.source("reload");
    read(&mut source).await.unwrap();
    // 1: uninitialised, 18: the library and the kernel driver differ in version.
    for gone in ["count = error 1", "count = 1\ngpu0 = error 1", "count = error 18"] {
        machine.set(gone);
        assert_eq!(read(&mut source).await.unwrap_err().reason, Missing::NoDriver, "{gone}");
        machine.set(TWO);
        assert_eq!(read(&mut source).await.unwrap().len(), 2, "after {gone}");
    }
}

#[tokio::test]
async fn functions_that_an_old_driver_lacks_are_values_that_it_does_not_support() {
    let machine = Machine::without("nvmlDeviceGetFieldValues", TWO);
    let gpus = read(&mut machine.source("old")).await.unwrap();
    assert_eq!(gpus[0].power.unwrap().source, "nvml.power_usage");
    assert_eq!(gpus[0].temp_memory, Err(Missing::NotSupported));
}

#[tokio::test]
async fn a_library_that_cannot_be_shut_down_does_no_harm() {
    let machine = Machine::without("nvmlShutdown", TWO);
    let mut source = machine.source("endless");
    read(&mut source).await.unwrap();
    // Makes the reader let go of the library.
    machine.set("count = error 1");
    assert_eq!(read(&mut source).await.unwrap_err().reason, Missing::NoDriver);
    machine.set(TWO);
    assert_eq!(read(&mut source).await.unwrap().len(), 2);
    come_down_to_one("nvml-endless").await;
}

#[tokio::test]
async fn a_call_that_hangs_stops_neither_the_async_side_nor_starts_more_threads() {
    let hung = format!("hang = gpu0.power_average_mw\n{TWO}");
    let machine = Machine::new(&hung);
    let mut source = machine.source("hungbox");
    assert_eq!(threads_named("nvml-hungbox"), 0);

    // The runner drops the fetch at its deadline; until then everything else goes on.
    tokio::select! {
        gpus = read(&mut source) => panic!("the call hangs: {gpus:?}"),
        () = ticks(20) => {}
    }
    assert_eq!(told(&source, Missing::Timeout), Missing::Hung);

    for _ in 0..3 {
        assert_eq!(read(&mut source).await.unwrap_err().reason, Missing::Hung);
    }
    come_down_to_one("nvml-hungbox").await;

    // The call returns at last: its answer is out of date, and the next question is answered.
    machine.set(&TWO.replace("612250", "300000"));
    let gpus = loop {
        match read(&mut source).await {
            Ok(gpus) => break gpus,
            Err(failure) => assert_eq!(failure.reason, Missing::Hung),
        }
        ticks(1).await;
    };
    assert_eq!(gpus[0].power.unwrap().value, Watts::new(300.0).unwrap());
    // A thread that was just started bears the name of its parent for a moment.
    while threads_named("nvml-hungbox") > 1 {
        ticks(1).await;
    }
}

#[test]
fn a_call_that_hangs_does_not_hold_up_the_end_of_the_process() {
    let machine = Machine::new(&format!("hang = init\n{TWO}"));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "gpu::nvml::child_whose_driver_hangs", "--ignored", "--test-threads=1"])
        .env("TEST_NVML_LIBRARY", machine.library())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The driver hangs for longer than this, so a child that waits for it is seen to be stuck.
    for _ in 0..3_000 {
        if let Some(status) = child.try_wait().unwrap() {
            let mut said = String::new();
            child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
            assert!(status.success() && said.contains("1 passed"), "{status}: {said}");
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("the process waits for the driver");
}

#[tokio::test]
#[ignore = "the other half of a_call_that_hangs_does_not_hold_up_the_end_of_the_process"]
async fn child_whose_driver_hangs() {
    let Some(library) = std::env::var_os("TEST_NVML_LIBRARY") else { return };
    let mut source = fake::source("child", library.as_ref());
    tokio::select! {
        gpus = read(&mut source) => panic!("the call hangs: {gpus:?}"),
        () = ticks(20) => {}
    }
    assert_eq!(read(&mut source).await.unwrap_err().reason, Missing::Hung);
}

async fn ticks(count: u32) {
    for _ in 0..count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until one thread bears that name: a thread that has just begun bears its parent's for a moment.
async fn come_down_to_one(name: &str) {
    for _ in 0..500 {
        if threads_named(name) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} threads are called {name}", threads_named(name));
}

/// Threads of this process with that name.
fn threads_named(name: &str) -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|comm| comm.trim_end() == name)
        .count()
}
