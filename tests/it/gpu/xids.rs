//! XID errors: counted one by one, on a thread that nobody waits for.

use std::collections::BTreeMap;
use std::time::Duration;

use wattsplit::reading::{GpuSample, GpuState};
use wattsplit::sources::gpu::nvml::NvmlSource;

use super::fake::Machine;
use super::read;

const TWO: &str = "
count = 2
gpu0.uuid = GPU-a
gpu0.temp_c = 34
gpu0.xids =
gpu1.uuid = GPU-b
gpu1.temp_c = 35
gpu1.xids =
";

/// [`TWO`] after the first GPU had these errors.
fn after(xids: &str) -> String {
    TWO.replacen("gpu0.xids =", &format!("gpu0.xids = {xids}"), 1)
}

/// Reads until the first GPU has so many errors.
async fn until(source: &mut NvmlSource, count: u64) -> Vec<GpuSample> {
    for _ in 0..1_000 {
        let gpus = read(source).await.unwrap();
        let first = gpus.iter().find(|gpu| &*gpu.uuid == "GPU-a").unwrap();
        if first.xids.values().sum::<u64>() >= count {
            return gpus;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{count} errors were not seen");
}

#[tokio::test]
async fn two_equal_errors_are_two_and_belong_to_their_gpu() {
    let machine = Machine::new(&after("79 79 13"));
    let gpus = until(&mut machine.source("equal"), 3).await;
    assert_eq!(gpus[0].xids, BTreeMap::from([(79, 2), (13, 1)]));
    assert_eq!(gpus[1].xids, BTreeMap::new());
}

#[tokio::test]
async fn the_errors_of_a_gpu_that_is_lost_because_of_them_are_still_told() {
    let machine = Machine::new(TWO);
    let mut source = machine.source("xid-lost");
    until(&mut source, 0).await;
    machine.set(&after("79"));
    until(&mut source, 1).await;
    machine.set(&format!("gpu0 = error 15\n{TWO}"));
    let gpus = until(&mut source, 1).await;
    let lost = gpus.iter().find(|gpu| &*gpu.uuid == "GPU-a").unwrap();
    assert_eq!((lost.state, &lost.xids), (GpuState::Lost, &BTreeMap::from([(79, 1)])));
}

#[tokio::test]
async fn a_gpu_that_refuses_events_or_fails_at_them_takes_none_from_its_neighbour() {
    // 3: not supported, at the registration; 999: unknown, at every wait.
    for (name, second) in
        [("none", ""), ("refuses", "gpu1.xids = error 3"), ("fails", "gpu1.xids = error 999")]
    {
        let machine = Machine::new(&format!("{second}\n{}", after("48")));
        let gpus = until(&mut machine.source(name), 1).await;
        assert_eq!(gpus[0].xids, BTreeMap::from([(48, 1)]), "{name}");
    }
}

#[tokio::test]
async fn errors_are_counted_on_after_the_driver_was_reloaded() {
    let machine = Machine::new(&after("62"));
    let mut source = machine.source("xid-reload");
    until(&mut source, 1).await;
    machine.set("count = error 1");
    read(&mut source).await.unwrap_err();
    machine.set(&after("62 62"));
    let gpus = until(&mut source, 2).await;
    assert_eq!(gpus[0].xids, BTreeMap::from([(62, 2)]));
}

#[tokio::test]
async fn a_driver_without_events_is_read_all_the_same() {
    for function in ["nvmlEventSetFree", "nvmlEventSetWait_v2", "nvmlDeviceRegisterEvents"] {
        let machine = Machine::without(function, &after("79"));
        let mut source = machine.source("eventless");
        for _ in 0..3 {
            assert_eq!(read(&mut source).await.unwrap()[0].xids, BTreeMap::new(), "{function}");
        }
    }
}
