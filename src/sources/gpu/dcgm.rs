//! GPUs of a host that already runs NVIDIA's dcgm-exporter: its `/metrics` page.
//!
//! Protocol: Prometheus text format; families and units as in dcgm-exporter's
//! `etc/default-counters.csv`, and those that its operator may add to them.

use std::sync::Arc;

use super::exporter::board::{Board, HolderLabels, boards, bytes, percent, quantity, temperature};
use super::exporter::{Page, PageError};
use super::state;
use super::throttle;
use crate::reading::{GpuFacts, GpuSample, Missing, Quality, Read, Reading};
use crate::units::{Celsius, WattHours, Watts};

/// Old-namespace mode has the longer names.
const HOLDERS: HolderLabels = HolderLabels {
    namespace: &["namespace", "pod_namespace"],
    pod: &["pod", "pod_name"],
    container: &["container", "container_name"],
    job: &["hpc_job"],
};

/// Reads a page into one sample per GPU.
///
/// # Errors
/// The page is no exposition, breaks off, or has no row that names a GPU.
pub fn parse(page: &[u8]) -> Result<Page, PageError> {
    let boards = boards(
        page,
        |row| {
            let field = row.name.strip_prefix("DCGM_FI_DEV_")?;
            // Old-namespace mode spells it in lower case.
            let uuid = row.label("UUID").or_else(|| row.label("uuid")).filter(|uuid| !uuid.is_empty())?;
            Some((field.to_owned(), uuid))
        },
        |board, row| {
            board.note_text("name", row.label("modelName"));
            board.note_text("driver", row.label("DCGM_FI_DRIVER_VERSION"));
            board.note_holders(row, &HOLDERS);
            if let Some(instance) = row.label("GPU_I_ID").filter(|id| !id.is_empty()) {
                board.parts.insert(instance.to_owned());
            }
            (!is_sentinel(row.value)).then_some(row.value)
        },
    )?;
    let xid = |(index, board): (usize, &Board)| Some((index, board.count_u32("XID_ERRORS")?));
    let last_xids = boards.iter().enumerate().filter_map(xid).collect();
    Ok(Page { gpus: boards.iter().map(sample).collect(), last_xids, doubtful_energy: false })
}

fn sample(board: &Board) -> GpuSample {
    let mask = clock_event_reasons(board);
    let facts = facts(board);
    let state = state::of(throttle::is_throttled(mask), &facts, false);
    let power = |field, source| quantity(board.value(field, source), Watts::new);
    let celsius = |field, source| temperature(board.value(field, source), Celsius::new);
    let energy = board.value("TOTAL_ENERGY_CONSUMPTION", "dcgm.TOTAL_ENERGY_CONSUMPTION");
    GpuSample {
        power: power("POWER_USAGE", "dcgm.POWER_USAGE"),
        power_instant: power("POWER_USAGE_INSTANT", "dcgm.POWER_USAGE_INSTANT"),
        power_limit: power("ENFORCED_POWER_LIMIT", "dcgm.power_limit")
            .or_else(|_| power("POWER_MGMT_LIMIT", "dcgm.power_limit")),
        energy: quantity(energy, WattHours::from_millijoules),
        utilisation: quantity(board.whole("GPU_UTIL", "dcgm.GPU_UTIL"), percent),
        memory_utilisation: quantity(board.whole("MEM_COPY_UTIL", "dcgm.MEM_COPY_UTIL"), percent),
        memory_used_bytes: quantity(board.whole("FB_USED", "dcgm.FB_USED"), bytes),
        memory_total_bytes: memory_total(board),
        temp_gpu: celsius("GPU_TEMP", "dcgm.GPU_TEMP"),
        temp_memory: celsius("MEMORY_TEMP", "dcgm.MEMORY_TEMP"),
        performance_state: performance_state(board),
        throttle: throttle::names(mask),
        allocation: board.allocation(),
        facts: Arc::new(facts),
        ..GpuSample::blank(board.id.as_str().into(), board.text("name"), state, Missing::NotReported)
    }
}

/// Zero if the field is not exported, as by default. Newer and older name of the same field.
fn clock_event_reasons(board: &Board) -> u64 {
    let mask = board.count("CLOCKS_EVENT_REASONS").or_else(|| board.count("CLOCK_THROTTLE_REASONS"));
    mask.unwrap_or(0)
}

/// Used and free add up to the board's memory but for what the driver reserves, which older
/// exporters do not tell.
fn memory_total(board: &Board) -> Read<u64> {
    let total = board.whole("FB_TOTAL", "dcgm.FB_TOTAL");
    if total.is_ok() {
        return quantity(total, bytes);
    }
    let used = board.whole("FB_USED", "dcgm.FB_USED")?.value;
    let seen = used + board.whole("FB_FREE", "dcgm.FB_FREE")?.value;
    match board.whole("FB_RESERVED", "dcgm.FB_RESERVED") {
        Ok(reserved) => {
            let total = Reading::measured(seen + reserved.value, "dcgm.FB_USED+FREE+RESERVED");
            quantity(Ok(total), bytes)
        }
        Err(_) => quantity(Ok(Reading::measured(seen, "dcgm.FB_USED+FREE")), bytes)
            .map(|total| total.at_best(Quality::Estimated)),
    }
}

/// 0 to 15; 32 is NVML's word for unknown.
fn performance_state(board: &Board) -> Read<u32> {
    let state = board.value("PSTATE", "dcgm.PSTATE")?;
    let whole = board.count_u32("PSTATE").filter(|state| *state <= 15).ok_or(Missing::NotSupported)?;
    Ok(state.map(|_| whole))
}

fn facts(board: &Board) -> GpuFacts {
    let flag = |field| board.count(field).map(|value| value != 0);
    let rows = |kind| board.count_u32(kind);
    let remapped = match (rows("CORRECTABLE_REMAPPED_ROWS"), rows("UNCORRECTABLE_REMAPPED_ROWS")) {
        (Some(correctable), Some(uncorrectable)) => Some(correctable.saturating_add(uncorrectable)),
        // One of the two says nothing about their sum.
        _ => None,
    };
    let instances = u32::try_from(board.parts.len()).ok().filter(|count| *count > 0);
    GpuFacts {
        driver_version: board.text("driver"),
        clock_sm_mhz: board.count_u32("SM_CLOCK"),
        clock_memory_mhz: board.count_u32("MEM_CLOCK"),
        temp_slowdown: board.celsius("SLOWDOWN_TEMP"),
        temp_shutdown: board.celsius("SHUTDOWN_TEMP"),
        temp_memory_max: board.celsius("MEM_MAX_OP_TEMP"),
        ecc_uncorrected: board.count("ECC_DBE_VOL_TOTAL"),
        rows_remapped: remapped,
        remap_pending: flag("ROW_REMAP_PENDING"),
        remap_failed: flag("ROW_REMAP_FAILURE"),
        mig_mode: instances.map(|_| true),
        mig_instances: instances,
        ..GpuFacts::default()
    }
}

/// DCGM's words for "blank", "not found", "not supported" and "no permission", which older exporters
/// print as values: the top of each type (go-dcgm, `pkg/dcgm/const.go`).
fn is_sentinel(value: f64) -> bool {
    const INT32: std::ops::RangeInclusive<f64> = 2_147_483_632.0..=2_147_483_635.0;
    const FP64: std::ops::RangeInclusive<f64> = 140_737_488_355_328.0..=140_737_488_355_331.0;
    // 9223372036854775792 to …795 all round to 2^63 as a float.
    const INT64: f64 = 9_223_372_036_854_775_808.0;
    INT32.contains(&value) || FP64.contains(&value) || value >= INT64
}
