//! What wattsplit does not ask, and other readers do: `benches/gpus` compares it with one on the same machine. Without
//! these that one would spend its time on functions that are not there.

use std::ffi::{c_int, c_uint, c_void};

use super::c::store_uint;
use super::script::{number, of};
use super::{Code, Device, NOT_SUPPORTED};

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetPowerManagementLimit(device: Device, milliwatts: *mut c_uint) -> Code {
    store_uint(milliwatts, number(&of(device, "limit_mw")))
}

/// In kB/s: some traffic.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetPcieThroughput(_: Device, _counter: c_uint, to: *mut c_uint) -> Code {
    store_uint(to, Ok(1024))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetEncoderUtilization(_: Device, to: *mut c_uint, period: *mut c_uint) -> Code {
    store_uint(to, Ok(0)) | store_uint(period, Ok(0))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetDecoderUtilization(_: Device, to: *mut c_uint, period: *mut c_uint) -> Code {
    store_uint(to, Ok(0)) | store_uint(period, Ok(0))
}

/// A board that is cooled from outside.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetFanSpeed(_: Device, _percent: *mut c_uint) -> Code {
    NOT_SUPPORTED
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetGraphicsRunningProcesses_v3(
    _: Device,
    count: *mut c_uint,
    _list: *mut c_void,
) -> Code {
    store_uint(count, Ok(0))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlSystemGetCudaDriverVersion(version: *mut c_int) -> Code {
    store_uint(version.cast(), Ok(13_000))
}
