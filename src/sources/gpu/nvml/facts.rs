//! What is read of a GPU once a minute: what changes rarely.

use std::sync::Arc;

use nvml_wrapper::Device;
use nvml_wrapper::enum_wrappers::device::{
    Clock, EccCounter, MemoryError, TemperatureSensor, TemperatureThreshold,
};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::sys_exports::field_id::{
    NVML_FI_DEV_REMAPPED_COR, NVML_FI_DEV_REMAPPED_FAILURE, NVML_FI_DEV_REMAPPED_PENDING,
    NVML_FI_DEV_REMAPPED_UNC, NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT,
    NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT,
};

use super::fields;
use super::told::{field, told};
use crate::reading::GpuFacts;
use crate::units::Celsius;

/// Asked in one call per GPU, answered in this order.
const FIELDS: [u32; 6] = [
    NVML_FI_DEV_REMAPPED_COR,
    NVML_FI_DEV_REMAPPED_UNC,
    NVML_FI_DEV_REMAPPED_PENDING,
    NVML_FI_DEV_REMAPPED_FAILURE,
    NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT,
    NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT,
];

/// `driver_version` is that of the machine. The recovery action is read at every poll, and not here.
///
/// # Errors
/// The GPU is lost or must be reset, or the driver is gone; anything less is a fact that is not told.
pub(super) fn read(device: &Device<'_>, driver_version: Option<Arc<str>>) -> Result<GpuFacts, NvmlError> {
    let mut fields = told(fields::read(device, FIELDS))?.into_iter().flatten();
    let mut next = || Ok::<_, NvmlError>(field(&mut fields)?.ok());
    let remapped = [next()?, next()?].map(|rows| rows.and_then(|rows| u32::try_from(rows).ok()));
    let flag = |value: Option<i64>| value.map(|value| value != 0);
    let (remap_pending, remap_failed) = (flag(next()?), flag(next()?));
    let (slowdown_limit, shutdown_limit) = (next()?, next()?);
    let threshold = |of| Ok::<_, NvmlError>(told(device.temperature_threshold(of))?.ok().and_then(degrees));
    let (slowdown, shutdown) =
        (threshold(TemperatureThreshold::Slowdown)?, threshold(TemperatureThreshold::Shutdown)?);
    let hottest = if slowdown.is_none() || shutdown.is_none() { hottest(device)? } else { None };
    let mig_mode = told(device.mig_mode())?.ok().map(|mode| mode.current != 0);
    let text = |text: Result<String, NvmlError>| Ok::<_, NvmlError>(told(text)?.ok().map(Arc::from));
    Ok(GpuFacts {
        serial: text(device.serial())?,
        board_part: text(device.board_part_number())?,
        driver_version,
        persistence_mode: told(device.is_in_persistent_mode())?.ok(),
        clock_sm_mhz: told(device.clock_info(Clock::SM))?.ok(),
        clock_memory_mhz: told(device.clock_info(Clock::Memory))?.ok(),
        temp_slowdown: slowdown.or_else(|| beyond(hottest?, slowdown_limit?)),
        temp_shutdown: shutdown.or_else(|| beyond(hottest?, shutdown_limit?)),
        temp_memory_max: threshold(TemperatureThreshold::MemoryMax)?,
        ecc_uncorrected: told(device.total_ecc_errors(MemoryError::Uncorrected, EccCounter::Volatile))?.ok(),
        rows_remapped: remapped.into_iter().flatten().reduce(u32::saturating_add),
        remap_pending,
        remap_failed,
        recovery_action: None,
        mig_mode,
        mig_instances: if mig_mode == Some(true) { instances(device)? } else { None },
        processes: told(device.running_compute_processes_count())?.ok(),
    })
}

/// What the driver asks for (`nvmlDeviceGpuRecoveryAction_t` of nvml.h). `None`: in a word that is newer than this.
pub(super) fn recovery_action(code: i64) -> Option<&'static str> {
    match code {
        0 => Some("none"),
        1 => Some("reset"),
        2 => Some("reboot"),
        3 => Some("drain"),
        4 => Some("drain_and_reset"),
        _ => None,
    }
}

/// The highest temperature that the GPU may work at, °C: as hot as it is, and its margin on top.
///
/// Ada and later tell their thresholds as places on a scale that ends with 0 at this temperature and runs
/// down: a slowdown at -2 begins 2 °C beyond it. The two questions are not asked at the same moment, so
/// the sum may be a degree or two off. That of the memory has no margin that is told, so no threshold is made up.
fn hottest(device: &Device<'_>) -> Result<Option<i64>, NvmlError> {
    let Ok(margin) = told(fields::margin(device))? else { return Ok(None) };
    let temperature = told(device.temperature(TemperatureSensor::Gpu))?.ok();
    Ok(temperature.map(|temperature| i64::from(temperature) + i64::from(margin)))
}

fn beyond(hottest: i64, limit: i64) -> Option<Celsius> {
    degrees(u32::try_from(hottest.checked_sub(limit)?).ok()?)
}

/// No threshold is 0 °C: some boards say so where they have none.
fn degrees(celsius: u32) -> Option<Celsius> {
    Celsius::new(celsius.into()).filter(|_| celsius > 0)
}

/// The driver tells how many there may be at most, not how many there are.
fn instances(device: &Device<'_>) -> Result<Option<u32>, NvmlError> {
    let Ok(most) = told(device.mig_device_count())? else { return Ok(None) };
    let mut count = 0;
    for index in 0..most {
        count += u32::from(told(device.mig_device_by_index(index))?.is_ok());
    }
    Ok(Some(count))
}
