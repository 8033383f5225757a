//! A stand-in for NVIDIA's driver library, for tests: the functions of NVML that wattsplit calls, with
//! answers out of a text file that is read again on every call.
//!
//! The file is named by `FAKE_NVML_STATE`; without it, it lies beside the library, with the extension
//! `state` in place of `so`. Lines are `key = value`; `#` starts a comment:
//!
//! ```text
//! init = error 9                  return code of nvmlInit_v2; absent = success
//! count = 2                       GPUs that are enumerated
//! gpu0 = error 15                 asking for the handle fails (15: GPU is lost)
//! gpu0.uuid = GPU-0               and .name
//! gpu0.power_mw = 431000          .power_average_mw, .limit_mw
//! gpu0.energy_mj = 7200000        .util_percent, .temp_c, .memory_temp_c
//! gpu0.memory_used = 1048576      bytes; .memory_total
//! gpu0.throttle = 4               bit mask
//! gpu0.temp_c = error 4           this call fails with that code of nvmlReturn_t
//! gpu0.memory_temp_c = untouched  success, and nothing is stored; fields only
//! hang = gpu0.power_mw            this call does not return as long as the line is there
//! ```
//!
//! A key that is absent is a thing that this GPU does not support.

#![allow(unsafe_code)]
// The functions bear NVIDIA's names, and take pointers as C does.
#![allow(non_snake_case, clippy::missing_safety_doc, clippy::not_unsafe_ptr_arg_deref)]

use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

// Codes of nvmlReturn_t (nvml.h).
const SUCCESS: c_uint = 0;
const INVALID_ARGUMENT: c_uint = 2;
const NOT_SUPPORTED: c_uint = 3;
const INSUFFICIENT_SIZE: c_uint = 7;

const FIELD_MEMORY_TEMP: c_uint = 82;
const FIELD_POWER_AVERAGE: c_uint = 185;
const VALUE_TYPE_UNSIGNED_INT: c_uint = 1;

const SENSOR_GPU: c_uint = 0;

/// A hang ends after this at the latest, so that no test leaves a thread behind for good.
const LONGEST_HANG: Duration = Duration::from_secs(60);
const HANG_STEP: Duration = Duration::from_millis(10);

type Code = c_uint;

/// Index of the GPU plus one: a handle is never null.
type Device = *mut c_void;

// ---- the state file -------------------------------------------------------------------------

#[repr(C)]
struct DlInfo {
    file: *const c_char,
    base: *mut c_void,
    symbol: *const c_char,
    address: *mut c_void,
}

unsafe extern "C" {
    fn dladdr(address: *const c_void, info: *mut DlInfo) -> c_int;
}

fn state_path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("FAKE_NVML_STATE") {
        return Some(path.into());
    }
    let mut info = DlInfo {
        file: std::ptr::null(),
        base: std::ptr::null_mut(),
        symbol: std::ptr::null(),
        address: std::ptr::null_mut(),
    };
    let here = nvmlInit_v2 as *const c_void;
    // SAFETY: `info` is a valid `Dl_info`; the name it receives lives as long as this library.
    unsafe {
        if dladdr(here, &mut info) == 0 || info.file.is_null() {
            return None;
        }
        let library = OsStr::from_bytes(CStr::from_ptr(info.file).to_bytes());
        Some(PathBuf::from(library).with_extension("state"))
    }
}

/// The value of `key` as it stands in the file now.
fn lookup(key: &str) -> Option<String> {
    let text = std::fs::read_to_string(state_path()?).ok()?;
    text.lines()
        .filter_map(|line| line.split('#').next()?.split_once('='))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim().to_owned())
}

/// Does not return while the file says that `key` hangs.
fn hang(key: &str) {
    let mut steps = LONGEST_HANG.as_millis() / HANG_STEP.as_millis();
    while steps > 0 && lookup("hang").as_deref() == Some(key) {
        std::thread::sleep(HANG_STEP);
        steps -= 1;
    }
}

fn text(key: &str) -> Result<String, Code> {
    hang(key);
    let value = lookup(key).ok_or(NOT_SUPPORTED)?;
    match value.strip_prefix("error ") {
        Some(code) => Err(code.trim().parse().unwrap_or(INVALID_ARGUMENT)),
        None => Ok(value),
    }
}

fn number(key: &str) -> Result<u64, Code> {
    text(key)?.parse().map_err(|_| INVALID_ARGUMENT)
}

fn key(device: Device, what: &str) -> String {
    format!("gpu{}.{what}", device as usize - 1)
}

// ---- helpers for C --------------------------------------------------------------------------

fn code(result: Result<(), Code>) -> Code {
    result.err().unwrap_or(SUCCESS)
}

/// Stores what `value` gives, unless it is an error.
fn store<T>(to: *mut T, value: Result<T, Code>) -> Code {
    // SAFETY: NVML's callers pass a pointer to a variable of theirs.
    code(value.map(|value| unsafe { to.write(value) }))
}

fn store_uint(to: *mut c_uint, value: Result<u64, Code>) -> Code {
    store(to, value.map(|value| value as c_uint))
}

fn store_text(to: *mut c_char, length: c_uint, value: Result<String, Code>) -> Code {
    code(value.and_then(|value| {
        if value.len() >= length as usize {
            return Err(INSUFFICIENT_SIZE);
        }
        // SAFETY: the caller's buffer has `length` bytes, which is more than the text and its NUL.
        unsafe {
            to.copy_from_nonoverlapping(value.as_ptr().cast(), value.len());
            to.add(value.len()).write(0);
        }
        Ok(())
    }))
}

// ---- the library ----------------------------------------------------------------------------

/// An absent line is a success here: a machine with a driver and nothing else said.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit_v2() -> Code {
    match text("init") {
        Err(NOT_SUPPORTED) | Ok(_) => SUCCESS,
        Err(code) => code,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlShutdown() -> Code {
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlSystemGetDriverVersion(to: *mut c_char, length: c_uint) -> Code {
    store_text(to, length, text("driver"))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetCount_v2(count: *mut c_uint) -> Code {
    store_uint(count, number("count"))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, device: *mut Device) -> Code {
    match text(&format!("gpu{index}")) {
        Err(NOT_SUPPORTED) | Ok(_) => store(device, Ok((index as usize + 1) as Device)),
        Err(code) => code,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetUUID(device: Device, to: *mut c_char, length: c_uint) -> Code {
    store_text(to, length, text(&key(device, "uuid")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetName(device: Device, to: *mut c_char, length: c_uint) -> Code {
    store_text(to, length, text(&key(device, "name")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetPowerUsage(device: Device, milliwatts: *mut c_uint) -> Code {
    store_uint(milliwatts, number(&key(device, "power_mw")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetEnforcedPowerLimit(device: Device, milliwatts: *mut c_uint) -> Code {
    store_uint(milliwatts, number(&key(device, "limit_mw")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetTotalEnergyConsumption(device: Device, millijoules: *mut c_ulonglong) -> Code {
    store(millijoules, number(&key(device, "energy_mj")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetTemperature(device: Device, sensor: c_uint, celsius: *mut c_uint) -> Code {
    if sensor != SENSOR_GPU {
        return INVALID_ARGUMENT;
    }
    store_uint(celsius, number(&key(device, "temp_c")))
}

#[repr(C)]
pub struct Utilization {
    gpu: c_uint,
    memory: c_uint,
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetUtilizationRates(device: Device, to: *mut Utilization) -> Code {
    let percent = number(&key(device, "util_percent"));
    store(to, percent.map(|percent| Utilization { gpu: percent as c_uint, memory: 0 }))
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
        let (used, total) = (number(&key(device, "memory_used"))?, number(&key(device, "memory_total"))?);
        let version = size_of::<MemoryV2>() as c_uint | 2 << 24;
        Ok(MemoryV2 { version, total, reserved: 0, free: total.saturating_sub(used), used })
    };
    store(to, memory())
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetCurrentClocksThrottleReasons(device: Device, mask: *mut c_ulonglong) -> Code {
    store(mask, number(&key(device, "throttle")))
}

#[repr(C)]
pub union Value {
    double: f64,
    uint: c_uint,
    ulonglong: c_ulonglong,
}

#[repr(C)]
pub struct FieldValue {
    field: c_uint,
    scope: c_uint,
    timestamp: i64,
    latency_us: i64,
    value_type: c_uint,
    code: Code,
    value: Value,
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetFieldValues(device: Device, count: c_int, values: *mut FieldValue) -> Code {
    // SAFETY: the caller passes an array of `count` values.
    let values = unsafe { std::slice::from_raw_parts_mut(values, count as usize) };
    for value in values {
        let key = match value.field {
            FIELD_MEMORY_TEMP => key(device, "memory_temp_c"),
            FIELD_POWER_AVERAGE => key(device, "power_average_mw"),
            _ => key(device, "another field"),
        };
        if lookup(&key).as_deref() == Some("untouched") {
            continue;
        }
        match number(&key) {
            Ok(answer) => {
                value.value_type = VALUE_TYPE_UNSIGNED_INT;
                value.code = SUCCESS;
                value.value = Value { ulonglong: answer };
            }
            Err(code) => value.code = code,
        }
    }
    SUCCESS
}
