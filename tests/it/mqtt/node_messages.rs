//! What a node publishes for the agent of its site.

use std::sync::Arc;
use std::time::Duration;

use wattsplit::clock::{Now, UnixMs};
use wattsplit::ledger::{Message, RecordClass};
use wattsplit::publish::wire::nodes::{self, Head};
use wattsplit::reading::*;
use wattsplit::units::*;

use super::devices::{taciturn, talkative};
use super::gpu_rows;

const INTERVAL: Duration = Duration::from_secs(5);

fn now() -> Now {
    Now { wall: UnixMs(1_795_000_000_000), mono: Duration::from_millis(123_456) }
}

fn head() -> Head<'static> {
    let expires = Duration::from_secs(28);
    Head { site: "tx01", node: "n1", boot: "00000000000000b1", now: now(), expires }
}

fn message(below: &str, payload: Vec<u8>) -> Message {
    Message { topic: format!("node/n1/{below}").into(), payload, class: RecordClass::Devices, records: 1 }
}

fn poorer<T: Copy>(read: &mut Read<T>) {
    *read = at_best(*read, Quality::Estimated);
}

fn gpu_host(gpus: Result<Vec<GpuSample>, Missing>) -> Message {
    let sample = GpuHostSample {
        host: "gpu-1".into(),
        hosting: "h100".into(),
        interval: INTERVAL,
        driver: Some(DriverState::Ok),
        gpus,
    };
    message("gpu/gpu-1", nodes::gpu_host(&head(), now(), &sample))
}

fn guessed_gpu() -> GpuSample {
    let mut gpu = gpu_rows::talkative();
    for read in [&mut gpu.power, &mut gpu.power_instant, &mut gpu.power_limit] {
        poorer(read);
    }
    poorer(&mut gpu.energy);
    poorer(&mut gpu.utilisation);
    poorer(&mut gpu.memory_utilisation);
    poorer(&mut gpu.memory_used_bytes);
    poorer(&mut gpu.memory_total_bytes);
    poorer(&mut gpu.temp_gpu);
    poorer(&mut gpu.temp_memory);
    poorer(&mut gpu.performance_state);
    gpu
}

fn wall(power: Read<Watts>) -> Message {
    let sample = WallPowerSample { host: "gpu-1".into(), interval: INTERVAL, power };
    message("wall/gpu-1", nodes::wall(&head(), now(), &sample))
}

fn host(quality: Result<Quality, Missing>) -> Message {
    fn read<T>(value: Option<T>, quality: Result<Quality, Missing>) -> Read<T> {
        Ok(Reading { value: value.unwrap(), quality: quality?, source: "test" })
    }
    let bytes = || read(Some(1_048_576), quality);
    let sample = HostSample {
        node: "n1".into(),
        interval: INTERVAL,
        cpu: read(Fraction::new(0.07), quality),
        memory_used_bytes: bytes(),
        memory_total_bytes: bytes(),
        disk_free_bytes: bytes(),
        disk_total_bytes: bytes(),
        temp_max: read(Celsius::new(51.0), quality),
        uptime_s: read(Some(86_400), quality),
        own_rss_bytes: bytes(),
    };
    message("host", nodes::host(&head(), now(), &sample))
}

fn miners(reports: Vec<Result<AsicReport, Missing>>) -> Message {
    let place = Arc::new(Place { rack: Some("A-12".into()), position: Some("3-7".into()) });
    let rows = reports.into_iter().map(|report| {
        let sample = AsicSample {
            id: "10.20.0.7:4028".into(),
            group: "row-a".into(),
            place: Some(Arc::clone(&place)),
            expected: true,
            interval: INTERVAL,
            report: report.map(Box::new),
        };
        nodes::miner(now(), now(), &sample)
    });
    message("asic/0-0", nodes::miners(&head(), rows))
}

/// A message of every kind that there is.
pub fn of_every_kind() -> Vec<Message> {
    let mut guessed = talkative(3);
    for read in [&mut guessed.temp_chip_max, &mut guessed.temp_board_max, &mut guessed.temp_inlet] {
        poorer(read);
    }
    poorer(&mut guessed.hashrate_now);
    guessed.hashrate_avg = guessed.hashrate_now;
    let hollow = GpuSample::blank("GPU-0c".into(), None, GpuState::Lost, Missing::Lost);
    let watts = Reading::measured(Watts::new(6_200.0).unwrap(), "test");
    vec![
        gpu_host(Ok(vec![gpu_rows::talkative(), guessed_gpu(), hollow])),
        gpu_host(Err(Missing::NoDriver)),
        wall(Ok(watts)),
        wall(Ok(watts.at_best(Quality::Estimated))),
        wall(Err(Missing::Timeout)),
        host(Ok(Quality::Measured)),
        host(Ok(Quality::Stale)),
        host(Err(Missing::NotSupported)),
        miners(vec![Ok(talkative(3)), Ok(guessed), Ok(taciturn()), Err(Missing::Timeout)]),
    ]
}

#[test]
fn a_message_says_whose_it_is_when_it_was_made_and_how_long_it_may_be_kept() {
    let message = wall(Ok(Reading::measured(Watts::new(6_200.0).unwrap(), "test")));
    assert_eq!(
        String::from_utf8(message.payload).unwrap(),
        r#"{"v":1,"ts":1795000000000,"site":"tx01","node":"n1","boot":"00000000000000b1","mono_ms":123456,"expires_s":28,"age_s":0.0,"host":"gpu-1","interval_s":5.0,"power_w":6200.0}"#
    );
}
