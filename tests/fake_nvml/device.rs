//! What moves from second to second.

use std::ffi::{c_char, c_uint, c_ulonglong};

use super::c::{store, store_text, store_uint};
use super::script::{number, of, text};
use super::{Code, Device, INVALID_ARGUMENT};

const SENSOR_GPU: c_uint = 0;

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetUUID(device: Device, to: *mut c_char, length: c_uint) -> Code {
    store_text(to, length, text(&of(device, "uuid")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetName(device: Device, to: *mut c_char, length: c_uint) -> Code {
    store_text(to, length, text(&of(device, "name")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetPowerUsage(device: Device, milliwatts: *mut c_uint) -> Code {
    store_uint(milliwatts, number(&of(device, "power_mw")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetEnforcedPowerLimit(device: Device, milliwatts: *mut c_uint) -> Code {
    store_uint(milliwatts, number(&of(device, "limit_mw")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetTotalEnergyConsumption(device: Device, millijoules: *mut c_ulonglong) -> Code {
    store(millijoules, number(&of(device, "energy_mj")).map(|energy| energy as c_ulonglong))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetTemperature(device: Device, sensor: c_uint, celsius: *mut c_uint) -> Code {
    if sensor != SENSOR_GPU {
        return INVALID_ARGUMENT;
    }
    store_uint(celsius, number(&of(device, "temp_c")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetPerformanceState(device: Device, state: *mut c_uint) -> Code {
    store_uint(state, number(&of(device, "pstate")))
}

#[repr(C)]
pub struct Utilization {
    gpu: c_uint,
    memory: c_uint,
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetUtilizationRates(device: Device, to: *mut Utilization) -> Code {
    let memory = number(&of(device, "memory_util_percent")).unwrap_or(0) as c_uint;
    let percent = number(&of(device, "util_percent"));
    store(to, percent.map(|percent| Utilization { gpu: percent as c_uint, memory }))
}

#[repr(C)]
pub struct MemoryV2 {
    version: c_uint,
    total: c_ulonglong,
    reserved: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetMemoryInfo_v2(device: Device, to: *mut MemoryV2) -> Code {
    let memory = || {
        let used = number(&of(device, "memory_used"))? as c_ulonglong;
        let total = number(&of(device, "memory_total"))? as c_ulonglong;
        let version = size_of::<MemoryV2>() as c_uint | 2 << 24;
        Ok(MemoryV2 { version, total, reserved: 0, free: total.saturating_sub(used), used })
    };
    store(to, memory())
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetCurrentClocksThrottleReasons(device: Device, mask: *mut c_ulonglong) -> Code {
    store(mask, number(&of(device, "throttle")).map(|mask| mask as c_ulonglong))
}
