//! `nvmlDeviceGetFieldValues`: many values in one call.

use std::ffi::{c_int, c_uint};

use super::script::{lookup, number, of};
use super::{Code, Device, SUCCESS};

// nvmlValueType_t.
const UNSIGNED_INT: c_uint = 1;
const SIGNED_INT: c_uint = 5;

#[repr(C)]
pub union Value {
    int: c_int,
    uint: c_uint,
    all: i64,
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
        let (key, value_type) = match value.field {
            82 => ("memory_temp_c", UNSIGNED_INT),
            142 => ("remapped_corrected", UNSIGNED_INT),
            143 => ("remapped_uncorrected", UNSIGNED_INT),
            144 => ("remap_pending", UNSIGNED_INT),
            145 => ("remap_failed", UNSIGNED_INT),
            185 => ("power_average_mw", UNSIGNED_INT),
            186 => ("power_instant_mw", UNSIGNED_INT),
            193 => ("shutdown_tlimit_c", SIGNED_INT),
            194 => ("slowdown_tlimit_c", SIGNED_INT),
            230 => ("recovery", UNSIGNED_INT),
            _ => ("another field", UNSIGNED_INT),
        };
        let key = of(device, key);
        if lookup(&key).as_deref() == Some("untouched") {
            continue;
        }
        match number(&key) {
            Ok(answer) => {
                value.value_type = value_type;
                value.code = SUCCESS;
                // The driver writes the member and leaves the rest of the union as it was.
                match value_type {
                    SIGNED_INT => value.value.int = answer as c_int,
                    _ => value.value.uint = answer as c_uint,
                }
            }
            Err(code) => value.code = code,
        }
    }
    SUCCESS
}
