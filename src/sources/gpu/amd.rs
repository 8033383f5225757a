//! GPUs of a host that already runs AMD's device-metrics-exporter: its `/metrics` page.
//!
//! Protocol: Prometheus text format; families and units as in `docs/configuration/metricslist.md` of
//! ROCm/device-metrics-exporter. Names are in capitals there and in lower case on the page, and the
//! operator may have put a prefix before them.

use std::sync::Arc;

use super::exporter::board::{Board, HolderLabels, boards, bytes, percent, quantity, temperature};
use super::exporter::{Page, PageError, Row};
use crate::reading::{GpuFacts, GpuSample, GpuState, Missing, Quality};
use crate::units::{Celsius, WattHours, Watts};

const HOLDERS: HolderLabels =
    HolderLabels { namespace: &["namespace"], pod: &["pod"], container: &["container"], job: &["job_id"] };

/// Shares of time in which the power limit or heat held the clocks down, in percent.
const POWER_CAP: &str = "VIOLATION_PPT_RESIDENCY_PERCENTAGE";
const HEAT: [&str; 4] = [
    "VIOLATION_PROCESSOR_HOT_RESIDENCY_PERCENTAGE",
    "VIOLATION_SOCKET_THERMAL_RESIDENCY_PERCENTAGE",
    "VIOLATION_VR_THERMAL_RESIDENCY_PERCENTAGE",
    "VIOLATION_HBM_THERMAL_RESIDENCY_PERCENTAGE",
];
const HW_THERMAL: &str = "hw_thermal";

/// Reads a page into one sample per board, known by its serial number, else by its index at `host`.
///
/// # Errors
/// The page is no exposition, breaks off, or has no row that names a GPU.
pub fn parse(page: &[u8], host: &str) -> Result<Page, PageError> {
    let boards = boards(
        page,
        |row| {
            // A row without an index is about the host.
            let index = row.label("gpu_id")?;
            // Some firmware writes a word or zero where it has none.
            let serial = row.label("serial_number").filter(|serial| !["", "0", "N/A"].contains(serial));
            Some((field(row.name)?, serial.unwrap_or(index)))
        },
        note,
    )?;
    let gpus = boards.iter().map(|board| sample(board, host)).collect();
    Ok(Page { gpus, last_xids: Vec::new(), doubtful_energy: true })
}

/// `PACKAGE_POWER` of `gpu_package_power` and `amd_GPU_PACKAGE_POWER`.
fn field(name: &str) -> Option<String> {
    let name = name.to_ascii_uppercase();
    let (before, field) = name.split_once("GPU_")?;
    (before.is_empty() || before.ends_with('_')).then(|| field.to_owned())
}

/// Boards that are cut into partitions have rows for each. Only the first one knows the board's
/// values, the others print zeros.
fn note(board: &mut Board, row: &Row<'_>) -> Option<f64> {
    for label in ["card_model", "card_series"] {
        board.note_text("name", row.label(label));
    }
    board.note_text("serial", row.label("serial_number"));
    board.note_text("driver", row.label("driver_version"));
    board.note_holders(row, &HOLDERS);
    let partition = row.label("gpu_partition_id").or_else(|| row.label("partition_id"));
    let other = partition.is_some_and(|id| id.parse().is_ok_and(|id: u32| id > 0));
    if other {
        board.parts.insert(partition.unwrap_or_default().to_owned());
    }
    (!other).then_some(row.value)
}

fn sample(board: &Board, host: &str) -> GpuSample {
    let serial = board.text("serial");
    let uuid = serial.clone().unwrap_or_else(|| format!("{host}-gpu-{}", board.id).into());
    let facts = GpuFacts {
        serial,
        driver_version: board.text("driver"),
        ecc_uncorrected: board.count("ECC_UNCORRECT_TOTAL"),
        ..GpuFacts::default()
    };
    let throttle = throttle(board);
    let state = match board.count("HEALTH") {
        Some(0) => GpuState::Degraded,
        _ if throttle.contains(&HW_THERMAL) => GpuState::Throttled,
        _ => GpuState::Ok,
    };
    let whole = |field, source| board.whole(field, source);
    let power = |field, source| quantity(board.value(field, source), Watts::new);
    let celsius = |field, source| temperature(board.value(field, source), Celsius::new);
    let energy = board.value("ENERGY_CONSUMED", "amd.GPU_ENERGY_CONSUMED");
    let packaged = power("PACKAGE_POWER", "amd.GPU_PACKAGE_POWER");
    GpuSample {
        power: power("AVERAGE_PACKAGE_POWER", "amd.GPU_AVERAGE_PACKAGE_POWER")
            .or(packaged)
            .or_else(|_| power("POWER_USAGE", "amd.GPU_POWER_USAGE")),
        power_instant: packaged,
        // It has been off by a factor on real boards.
        energy: quantity(energy, microjoules).map(|energy| energy.at_best(Quality::Estimated)),
        utilisation: quantity(whole("GFX_ACTIVITY", "amd.GPU_GFX_ACTIVITY"), percent),
        memory_utilisation: quantity(whole("UMC_ACTIVITY", "amd.GPU_UMC_ACTIVITY"), percent),
        memory_used_bytes: quantity(whole("USED_VRAM", "amd.GPU_USED_VRAM"), bytes),
        memory_total_bytes: quantity(whole("TOTAL_VRAM", "amd.GPU_TOTAL_VRAM"), bytes),
        temp_gpu: celsius("JUNCTION_TEMPERATURE", "amd.GPU_JUNCTION_TEMPERATURE")
            .or_else(|_| celsius("EDGE_TEMPERATURE", "amd.GPU_EDGE_TEMPERATURE")),
        temp_memory: celsius("MEMORY_TEMPERATURE", "amd.GPU_MEMORY_TEMPERATURE"),
        throttle,
        facts: Arc::new(facts),
        allocation: board.allocation(),
        ..GpuSample::blank(uuid, board.text("name"), state, Missing::NotReported)
    }
}

/// Names of the reasons that held the clocks down at all, as NVIDIA's are called.
fn throttle(board: &Board) -> Vec<&'static str> {
    let held = |field: &str| board.value(field, "amd").is_ok_and(|share| share.value > 0.0);
    let reasons = [(held(POWER_CAP), "sw_power_cap"), (HEAT.into_iter().any(held), HW_THERMAL)];
    reasons.into_iter().filter(|(held, _)| *held).map(|(_, name)| name).collect()
}

/// Microjoules since the driver was loaded.
fn microjoules(microjoules: f64) -> Option<WattHours> {
    WattHours::from_millijoules(microjoules / 1e3)
}
