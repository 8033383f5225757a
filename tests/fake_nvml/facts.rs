//! What changes rarely.

use std::ffi::{c_char, c_int, c_uint, c_ulonglong, c_void};

use super::c::{store, store_text, store_uint};
use super::script::{number, of, text};
use super::{Code, Device, INSUFFICIENT_SIZE, INVALID_ARGUMENT, NOT_FOUND, SUCCESS};

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetSerial(device: Device, to: *mut c_char, length: c_uint) -> Code {
    store_text(to, length, text(&of(device, "serial")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetBoardPartNumber(device: Device, to: *mut c_char, length: c_uint) -> Code {
    store_text(to, length, text(&of(device, "board_part")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetPersistenceMode(device: Device, mode: *mut c_uint) -> Code {
    store_uint(mode, number(&of(device, "persistence")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetTemperatureThreshold(device: Device, which: c_uint, to: *mut c_uint) -> Code {
    // nvmlTemperatureThresholds_t.
    let key = match which {
        0 => "shutdown_c",
        1 => "slowdown_c",
        2 => "memory_max_c",
        _ => return INVALID_ARGUMENT,
    };
    store_uint(to, number(&of(device, key)))
}

#[repr(C)]
pub struct Margin {
    version: c_uint,
    celsius: c_int,
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetMarginTemperature(device: Device, to: *mut Margin) -> Code {
    // SAFETY: the caller passes a structure of his own.
    if unsafe { (*to).version } != size_of::<Margin>() as c_uint | 1 << 24 {
        return INVALID_ARGUMENT;
    }
    let margin = number(&of(device, "margin_c"));
    store(to, margin.map(|margin| Margin { version: 0, celsius: margin as c_int }))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetClockInfo(device: Device, which: c_uint, mhz: *mut c_uint) -> Code {
    // nvmlClockType_t.
    let key = match which {
        0 | 1 => "sm_mhz",
        2 => "memory_mhz",
        _ => return INVALID_ARGUMENT,
    };
    store_uint(mhz, number(&of(device, key)))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetTotalEccErrors(
    device: Device,
    kind: c_uint,
    counter: c_uint,
    count: *mut c_ulonglong,
) -> Code {
    // Uncorrected, since the driver was loaded.
    if (kind, counter) != (1, 0) {
        return INVALID_ARGUMENT;
    }
    store(count, number(&of(device, "ecc_uncorrected")).map(|count| count as c_ulonglong))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetMigMode(device: Device, current: *mut c_uint, pending: *mut c_uint) -> Code {
    let mode = number(&of(device, "mig"));
    let code = store_uint(current, mode);
    if code == SUCCESS { store_uint(pending, mode) } else { code }
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetMaxMigDeviceCount(device: Device, count: *mut c_uint) -> Code {
    store_uint(count, number(&of(device, "mig_most")))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetMigDeviceHandleByIndex(device: Device, n: c_uint, to: *mut Device) -> Code {
    let there = number(&of(device, "mig_instances"));
    let handle = || {
        if i64::from(n) < there? {
            Ok(((device as usize) << 12 | n as usize) as Device)
        } else {
            Err(NOT_FOUND)
        }
    };
    store(to, handle())
}

/// Only how many there are.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetComputeRunningProcesses_v3(
    device: Device,
    count: *mut c_uint,
    _list: *mut c_void,
) -> Code {
    match store_uint(count, number(&of(device, "processes"))) {
        // SAFETY: it was just written.
        SUCCESS if unsafe { *count } > 0 => INSUFFICIENT_SIZE,
        code => code,
    }
}
