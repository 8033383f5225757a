//! A stand-in for NVIDIA's driver library, for tests: the functions of NVML that wattsplit calls, with
//! answers out of a text file that is read again whenever it is replaced.
//!
//! The file is named by `FAKE_NVML_STATE`; without it, it lies beside the library, with the extension
//! `state` in place of `so`. While the library is initialised, there is a file with the extension `held`.
//! Lines are `key = value`; `#` starts a comment; the first line of a key counts:
//!
//! ```text
//! init = error 9                  return code of nvmlInit_v2; absent = success
//! driver = 580.95.05              version of the driver
//! count = 2                       GPUs that are enumerated
//! gpu0 = error 15                 asking for the handle fails (15: GPU is lost)
//! gpu0.uuid = GPU-0               and .name .serial .board_part
//! gpu0.power_mw = 431000          .power_average_mw .power_instant_mw .limit_mw
//! gpu0.energy_mj = 7200000        .util_percent .memory_util_percent .temp_c .memory_temp_c .pstate
//! gpu0.memory_used = 1048576      bytes; .memory_total
//! gpu0.throttle = 4               bit mask
//! gpu0.slowdown_c = 90            thresholds; .shutdown_c .memory_max_c
//! gpu0.margin_c = 40              to the highest temperature; .slowdown_tlimit_c .shutdown_tlimit_c from there
//! gpu0.sm_mhz = 1980              .memory_mhz
//! gpu0.ecc_uncorrected = 0        .remapped_corrected .remapped_uncorrected .remap_pending .remap_failed
//! gpu0.recovery = 0               what the driver asks for: 1 reset, 2 reboot, 3 drain, 4 drain and reset
//! gpu0.persistence = 1            .processes
//! gpu0.mig = 1                    .mig_most .mig_instances
//! gpu0.xids = 79 79               errors so far; each is delivered once to a set of events
//! gpu0.temp_c = error 4           this call fails with that code of nvmlReturn_t
//! gpu0.memory_temp_c = untouched  success, and nothing is stored; fields only
//! hang = gpu0.power_mw            this call does not return as long as the line is there
//! ```
//!
//! A key that is absent is a thing that this GPU does not support.

#![allow(unsafe_code)]
// The functions bear NVIDIA's names, and take pointers as C does.
#![allow(non_snake_case, clippy::missing_safety_doc, clippy::not_unsafe_ptr_arg_deref)]

use std::ffi::{c_char, c_uint, c_void};
use std::sync::Mutex;

mod c;
mod device;
mod events;
mod facts;
mod fields;
mod others;
mod script;

use c::{store, store_text, store_uint};
use script::{beside, number, text};

// Codes of nvmlReturn_t (nvml.h).
const SUCCESS: c_uint = 0;
const INVALID_ARGUMENT: c_uint = 2;
const NOT_SUPPORTED: c_uint = 3;
const NOT_FOUND: c_uint = 6;
const INSUFFICIENT_SIZE: c_uint = 7;
const TIMEOUT: c_uint = 10;
const UNKNOWN: c_uint = 999;

type Code = c_uint;

/// Index of the GPU plus one: a handle is never null.
type Device = *mut c_void;

/// How often the library is initialised.
static CLIENTS: Mutex<u32> = Mutex::new(0);

/// An absent line is a success here: a machine with a driver and nothing else said.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit_v2() -> Code {
    match text("init") {
        Err(NOT_SUPPORTED) | Ok(_) => {
            clients(|count| count.saturating_add(1));
            SUCCESS
        }
        Err(code) => code,
    }
}

/// As `nvmlInit_v2`, for NVIDIA's own bindings.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlInitWithFlags(_flags: c_uint) -> Code {
    nvmlInit_v2()
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlShutdown() -> Code {
    clients(|count| count.saturating_sub(1));
    SUCCESS
}

/// Also tells the outside whether anybody holds the library.
fn clients(change: impl Fn(u32) -> u32) {
    let (Ok(mut count), Some(held)) = (CLIENTS.lock(), beside("held")) else { return };
    *count = change(*count);
    let _ = if *count > 0 { std::fs::write(held, "") } else { std::fs::remove_file(held) };
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
