//! Blocks, and the hosts of GPUs and of the agent.

use super::*;

/// One that answers, or one that never did.
pub fn gpu_hosts(state: State) -> Vec<GpuHostHealth> {
    let well = GpuHostHealth {
        host: "gpu-1".into(),
        hosting: "h100".into(),
        age: Some(Duration::from_millis(2_500)),
        counts: GpuCounts { ok: 7, throttled: 1, ..GpuCounts::default() },
        driver: Some(DriverState::Ok),
        ..GpuHostHealth::default()
    };
    match state {
        State::Known(_) => vec![well],
        State::Missing(why) => {
            vec![GpuHostHealth { age: None, missing: Some(why), driver: None, ..well }]
        }
    }
}

pub fn hash_block(state: State, id: &str, model: Option<&str>) -> HashBlock {
    HashBlock {
        id: id.into(),
        group: "row-1".into(),
        model: model.map(Arc::from),
        counts: AsicCounts { hashing: 97, idle: 1, fault: 0, unknown: 1, unreachable: 1 },
        hashrate: state.sum(Hashrate::new(13_720.4).unwrap(), 0.98),
        hashrate_avg: state.sum(Hashrate::new(13_690.0).unwrap(), 0.97),
        hashrate_expected: state.sum(Hashrate::new(14_000.0).unwrap(), 0.99),
        power: state.sum(watts(295_000.0), 0.98),
        efficiency: state.read(JoulesPerTerahash::new(21.5).unwrap()),
        hashrate_without_power: Hashrate::ZERO,
        temp_chip_max: state.read(celsius(83.0)),
        accepted: model.map(|_| 120_345),
        rejected: model.map(|_| 12),
    }
}

pub fn ai_block(state: State) -> AiBlock {
    AiBlock {
        id: "h100".into(),
        counts: GpuCounts { ok: 14, throttled: 1, missing: 1, ..GpuCounts::default() },
        suspect: 0,
        hosts: 2,
        hosts_unreachable: 0,
        board_power: state.sum(watts(9_800.0), 0.9375),
        board_energy: state.sum(WattHours::new(41_250.0).unwrap(), 0.9375),
        it_power: state.sum(watts(13_000.0), 0.9375),
        wall: WallView { power: state.sum(watts(13_400.0), 0.5), implausible: 1 },
        utilisation: state.sum(Fraction::new(0.75).unwrap(), 0.9375),
        temp_max: state.read(celsius(71.0)),
        occupied: state.current(12),
    }
}

pub fn host(state: State) -> HostView {
    let sample = HostSample {
        node: "Edge_01.example".into(),
        interval: Duration::from_secs(10),
        cpu: state.read(Fraction::new(0.07).unwrap()),
        memory_used_bytes: state.read(300_000_000),
        memory_total_bytes: state.read(2_000_000_000),
        disk_free_bytes: state.read(9_000_000_000),
        disk_total_bytes: state.read(30_000_000_000),
        temp_max: state.read(celsius(48.5)),
        uptime_s: state.read(86_400),
        own_rss_bytes: state.read(9_000_000),
    };
    HostView { sample: Arc::new(sample), quality: state.quality(), age: Duration::from_secs(4) }
}
