//! What is read of a GPU at every poll: what moves from second to second.
//!
//! Units and meanings: nvml.h. Power is in mW, the energy counter in mJ since the driver was loaded,
//! utilisation in percent of the last 1/6 to 1 s. The traffic on PCIe is not asked: each direction takes 20 ms.

use std::sync::Arc;

use nvml_wrapper::Device;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::sys_exports::field_id::{
    NVML_FI_DEV_GET_GPU_RECOVERY_ACTION, NVML_FI_DEV_MEMORY_TEMP, NVML_FI_DEV_POWER_AVERAGE,
    NVML_FI_DEV_POWER_INSTANT,
};

use super::facts::recovery_action;
use super::fields;
use super::slow::Known;
use super::told::{celsius, field, told, utilisation, watt_hours, watts};
use crate::reading::{GpuSample, Missing, Reading};
use crate::sources::gpu::{state, throttle};

/// Asked in one call per GPU, answered in this order.
const FIELDS: [u32; 4] = [
    NVML_FI_DEV_POWER_AVERAGE,
    NVML_FI_DEV_POWER_INSTANT,
    NVML_FI_DEV_MEMORY_TEMP,
    NVML_FI_DEV_GET_GPU_RECOVERY_ACTION,
];

/// Performance states are 0 (fastest) to 15; 32 is `unknown`.
const SLOWEST: u32 = 15;

/// # Errors
/// The GPU is lost or must be reset, or the driver is gone; anything less is a missing value.
pub(super) fn read(device: &Device<'_>, uuid: &Arc<str>, known: &mut Known) -> Result<GpuSample, NvmlError> {
    let mut fields = told(fields::read(device, FIELDS))?.into_iter().flatten();
    let power = match field(&mut fields)?.and_then(|mw| watts(mw, "nvml.POWER_AVERAGE")) {
        Err(_) => told(device.power_usage())?.and_then(|mw| watts(mw.into(), "nvml.power_usage")),
        averaged => averaged,
    };
    let power_instant = field(&mut fields)?.and_then(|mw| watts(mw, "nvml.POWER_INSTANT"));
    let temp_memory = field(&mut fields)?.and_then(|c| celsius(c, "nvml.MEMORY_TEMP"));
    if let Ok(action) = field(&mut fields)? {
        known.recover(recovery_action(action));
    }
    // Of a GPU in instances nobody knows how busy it is, whatever a driver makes of the question.
    let rates = match known.facts.mig_mode {
        Some(true) => Err(Missing::NotSupported),
        _ => told(device.utilization_rates())?,
    };
    let memory = told(device.memory_info())?;
    let bytes = |bytes: u64| Reading::measured(bytes, "nvml.memory_info");
    let performance = told(device.performance_state())?.map(|state| state.as_c());
    let mask = told(device.current_throttle_reasons())?.map_or(0, |reasons| reasons.bits());
    Ok(GpuSample {
        power,
        power_instant,
        power_limit: told(device.enforced_power_limit())?
            .and_then(|mw| watts(mw.into(), "nvml.enforced_power_limit")),
        energy: told(device.total_energy_consumption())?.and_then(watt_hours),
        utilisation: rates.as_ref().map_err(|why| *why).and_then(|rates| utilisation(rates.gpu)),
        memory_utilisation: rates.and_then(|rates| utilisation(rates.memory)),
        memory_used_bytes: memory.as_ref().map(|memory| bytes(memory.used)).map_err(|why| *why),
        memory_total_bytes: memory.map(|memory| bytes(memory.total)),
        temp_gpu: told(device.temperature(TemperatureSensor::Gpu))?
            .and_then(|c| celsius(c.into(), "nvml.temperature")),
        temp_memory,
        performance_state: performance.and_then(|state| match state {
            0..=SLOWEST => Ok(Reading::measured(state, "nvml.performance_state")),
            _ => Err(Missing::NotReported),
        }),
        throttle: throttle::names(mask),
        facts: Arc::clone(&known.facts),
        ..GpuSample::blank(
            Arc::clone(uuid),
            known.name.clone(),
            state::of(throttle::is_throttled(mask), &known.facts, known.errors_grow()),
            Missing::NotReported,
        )
    })
}
