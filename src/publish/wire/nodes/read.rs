//! What a node has told, read back into samples. Pure.

use std::sync::Arc;
use std::time::Duration;

use super::row::Row;
use crate::publish::topics;
use crate::reading::{
    Algorithm, Allocation, AsicReport, AsicSample, AsicState, DriverState, GpuFacts, GpuHostSample,
    GpuSample, GpuState, HostSample, Place, RECOVERY_ACTIONS, Sample, THROTTLE_REASONS, WallPowerSample,
};
use crate::units::{Celsius, Fraction, Hashrate, WattHours, Watts};

/// No host holds more.
const MOST_GPUS: usize = 256;
/// No message holds more.
const MOST_MINERS: usize = 1_000;
/// No machine runs for longer: ten years.
const LONGEST_MS: u64 = 10 * 366 * 86_400 * 1000;
/// No config allows a longer interval.
const LONGEST_INTERVAL: Duration = Duration::from_secs(86_400);
/// No server draws more: a whole cabinet has some 130 kW.
const MOST_WALL_W: f64 = 1e6;
/// No GPU has more kinds of XID errors.
const MOST_XIDS: usize = 256;

/// What one message of a node says.
#[derive(Debug)]
pub struct Told {
    /// Of the run of the node.
    pub boot: Arc<str>,
    /// The node's monotonic time when it made the message.
    pub mono: Duration,
    /// How long the broker may keep it, from then on.
    pub expires: Duration,
    /// Each with its age at that time.
    pub samples: Vec<(Duration, Sample)>,
}

/// Why a message of a node tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("it is not a JSON object")]
    NotJson,
    #[error("it has no usable `{key}`")]
    Key { key: &'static str },
    #[error("it holds more {what} than any node has")]
    TooMany { what: &'static str },
}

/// Reads what `node` published at `below`, the part of the topic behind `node/<name>/`. `None` for topics of
/// which nothing is known: a newer node may have more.
///
/// # Errors
/// See [`ReadError`].
pub fn read(node: &Arc<str>, below: &str, payload: &[u8]) -> Option<Result<Told, ReadError>> {
    let (kind, _) = below.split_once('/').unwrap_or((below, ""));
    let samples: fn(&Arc<str>, &Row) -> Result<Samples, ReadError> = match kind {
        "gpu" => gpu_host,
        "wall" => wall,
        "asic" => miners,
        "host" => host,
        _ => return None,
    };
    Some(told(payload, |row| samples(node, row)))
}

type Samples = Vec<(Duration, Sample)>;

fn told(payload: &[u8], samples: impl Fn(&Row) -> Result<Samples, ReadError>) -> Result<Told, ReadError> {
    let row: Row = serde_json::from_slice(payload).map_err(|_| ReadError::NotJson)?;
    let bounded = |key, most: u64| row.count(key).filter(|n| *n <= most).ok_or(ReadError::Key { key });
    let (mono_ms, expires_s) = (bounded("mono_ms", LONGEST_MS)?, bounded("expires_s", LONGEST_MS / 1000)?);
    Ok(Told {
        boot: row.shared("boot").ok_or(ReadError::Key { key: "boot" })?,
        mono: Duration::from_millis(mono_ms),
        expires: Duration::from_secs(expires_s),
        samples: samples(&row)?,
    })
}

/// A name of the config.
fn id(row: &Row, key: &'static str) -> Result<Arc<str>, ReadError> {
    row.shared(key).filter(|id| topics::is_id(id)).ok_or(ReadError::Key { key })
}

fn seconds(row: &Row, key: &'static str) -> Result<Duration, ReadError> {
    row.seconds(key).ok_or(ReadError::Key { key })
}

fn interval(row: &Row) -> Result<Duration, ReadError> {
    seconds(row, "interval_s").map(|interval| interval.min(LONGEST_INTERVAL))
}

fn gpu_host(_: &Arc<str>, row: &Row) -> Result<Samples, ReadError> {
    let gpus = match row.why("gpus") {
        Some(why) => Err(why),
        None => {
            let rows = row.rows("gpus").ok_or(ReadError::Key { key: "gpus" })?;
            if rows.len() > MOST_GPUS {
                return Err(ReadError::TooMany { what: "GPUs" });
            }
            Ok(rows.iter().map(gpu).collect::<Result<Vec<_>, _>>()?)
        }
    };
    let sample = GpuHostSample {
        host: id(row, "host")?,
        hosting: id(row, "hosting")?,
        interval: interval(row)?,
        driver: row.choice("driver_state", &DriverState::ALL, DriverState::as_str),
        gpus,
    };
    Ok(vec![(seconds(row, "age_s")?, Sample::GpuHost(sample))])
}

fn gpu(row: &Row) -> Result<GpuSample, ReadError> {
    let uuid = row.shared("id").ok_or(ReadError::Key { key: "id" })?;
    let state = row.choice("state", &GpuState::ALL, GpuState::as_str);
    Ok(GpuSample {
        uuid,
        name: row.shared("model"),
        state: state.ok_or(ReadError::Key { key: "state" })?,
        power: row.read_amount("power", "w", Watts::new),
        power_instant: row.read_amount("power_instant", "w", Watts::new),
        power_limit: row.read_amount("power_limit", "w", Watts::new),
        energy: row.read_amount("energy_counter", "wh", WattHours::new),
        utilisation: row.read_amount("utilisation", "", Fraction::new),
        memory_utilisation: row.read_amount("memory_utilisation", "", Fraction::new),
        memory_used_bytes: row.read_count("memory_used", "bytes"),
        memory_total_bytes: row.read_count("memory_total", "bytes"),
        temp_gpu: row.read("temp_gpu", "c", Celsius::new),
        temp_memory: row.read("temp_memory", "c", Celsius::new),
        performance_state: row.read_count("performance_state", ""),
        throttle: row.text("throttle").map_or_else(Vec::new, |told| {
            THROTTLE_REASONS
                .into_iter()
                .filter(|reason| told.split(',').any(|word| word == *reason))
                .collect()
        }),
        xids: row.text("xids").map_or_else(Default::default, |told| {
            let counted = told.split(',').filter_map(|xid| xid.split_once(':'));
            let counted = counted.filter_map(|(code, count)| Some((code.parse().ok()?, count.parse().ok()?)));
            counted.take(MOST_XIDS).collect()
        }),
        facts: Arc::new(facts(row)),
        allocation: row.flag("allocated").map(|_| Arc::new(allocation(row))),
    }
    .plausible())
}

fn facts(row: &Row) -> GpuFacts {
    let temperature = |key| row.number(key).and_then(Celsius::new);
    GpuFacts {
        serial: row.shared("serial"),
        board_part: row.shared("board_part"),
        driver_version: row.shared("driver_version"),
        persistence_mode: row.flag("persistence_mode"),
        clock_sm_mhz: row.count("clock_sm_mhz"),
        clock_memory_mhz: row.count("clock_memory_mhz"),
        temp_slowdown: temperature("temp_slowdown_c"),
        temp_shutdown: temperature("temp_shutdown_c"),
        temp_memory_max: temperature("temp_memory_max_c"),
        ecc_uncorrected: row.count("ecc_uncorrected"),
        rows_remapped: row.count("rows_remapped"),
        remap_pending: row.flag("remap_pending"),
        remap_failed: row.flag("remap_failed"),
        recovery_action: row.choice("recovery_action", &RECOVERY_ACTIONS, |action| action),
        mig_mode: row.flag("mig_mode"),
        mig_instances: row.count("mig_instances"),
        processes: row.count("processes"),
    }
}

fn allocation(row: &Row) -> Allocation {
    Allocation {
        namespace: row.shared("namespace"),
        pod: row.shared("pod"),
        container: row.shared("container"),
        job: row.shared("job"),
    }
}

fn wall(_: &Arc<str>, row: &Row) -> Result<Samples, ReadError> {
    let sample = WallPowerSample {
        host: id(row, "host")?,
        interval: interval(row)?,
        power: row.read_amount("power", "w", |watts| Watts::new(watts).filter(|_| watts <= MOST_WALL_W)),
    };
    Ok(vec![(seconds(row, "age_s")?, Sample::WallPower(sample))])
}

fn host(node: &Arc<str>, row: &Row) -> Result<Samples, ReadError> {
    let sample = HostSample {
        node: Arc::clone(node),
        interval: interval(row)?,
        cpu: row.read_amount("cpu_utilisation", "", Fraction::new),
        memory_used_bytes: row.read_count("memory_used", "bytes"),
        memory_total_bytes: row.read_count("memory_total", "bytes"),
        disk_free_bytes: row.read_count("disk_free", "bytes"),
        disk_total_bytes: row.read_count("disk_total", "bytes"),
        temp_max: row.read("temp_max", "c", Celsius::new),
        uptime_s: row.read("uptime", "s", |seconds| (seconds >= 0.0).then_some(seconds as u64)),
        own_rss_bytes: row.read_count("own_rss", "bytes"),
    };
    Ok(vec![(seconds(row, "age_s")?, Sample::Host(Box::new(sample)))])
}

fn miners(_: &Arc<str>, row: &Row) -> Result<Samples, ReadError> {
    let rows = row.rows("miners").ok_or(ReadError::Key { key: "miners" })?;
    if rows.len() > MOST_MINERS {
        return Err(ReadError::TooMany { what: "miners" });
    }
    rows.iter().map(|row| Ok((seconds(row, "age_s")?, Sample::Asic(miner(row)?)))).collect()
}

fn miner(row: &Row) -> Result<AsicSample, ReadError> {
    let (rack, position) = (row.shared("rack"), row.shared("position"));
    let placed = rack.is_some() || position.is_some();
    Ok(AsicSample {
        id: row.shared("id").ok_or(ReadError::Key { key: "id" })?,
        group: id(row, "group")?,
        place: placed.then(|| Arc::new(Place { rack, position })),
        expected: row.flag("expected").unwrap_or(true),
        interval: interval(row)?,
        report: match row.why("report") {
            Some(why) => Err(why),
            None => Ok(Box::new(report(row)?)),
        },
    })
}

fn report(row: &Row) -> Result<AsicReport, ReadError> {
    const STATES: [AsicState; 4] =
        [AsicState::Hashing, AsicState::Idle, AsicState::Fault, AsicState::Unknown];
    const ALGORITHMS: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Other];
    let state = row.choice("state", &STATES, AsicState::as_str);
    let algorithm = row.choice("algorithm", &ALGORITHMS, Algorithm::as_str);
    Ok(AsicReport {
        make: row.shared("make"),
        model: row.shared("model"),
        firmware: row.shared("firmware"),
        firmware_version: row.shared("firmware_version"),
        serial: row.shared("serial"),
        mac: row.shared("mac"),
        algorithm: algorithm.ok_or(ReadError::Key { key: "algorithm" })?,
        state: state.ok_or(ReadError::Key { key: "state" })?,
        hashrate_now: row.read_amount("hashrate", "ths", Hashrate::new),
        hashrate_avg: row.read_amount("hashrate_avg", "ths", Hashrate::new),
        power: row.read_amount("power", "w", Watts::new),
        // The table of models is everywhere the same.
        nameplate: None,
        temp_chip_max: row.read("temp_chip_max", "c", Celsius::new),
        temp_board_max: row.read("temp_board_max", "c", Celsius::new),
        temp_inlet: row.read("temp_inlet", "c", Celsius::new),
        // Only how many there are and the slowest are told.
        fans_rpm: match (row.count("fan_min_rpm"), row.count::<u8>("fans")) {
            (Some(slowest), Some(fans)) => vec![slowest; fans.into()],
            _ => Vec::new(),
        },
        uptime_s: row.number("uptime_s").filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64),
        pool_url: row.shared("pool_url"),
        worker: row.shared("worker"),
        accepted: row.count("shares_accepted"),
        rejected: row.count("shares_rejected"),
        boards_expected: row.count("boards_expected"),
        boards_working: row.count("boards_working"),
        faults: row.text("faults").map(str::to_owned).into_iter().collect(),
    })
}
