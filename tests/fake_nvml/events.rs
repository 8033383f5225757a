//! XID errors: sets of events, and waiting for them.

use std::ffi::{c_uint, c_ulonglong, c_void};
use std::sync::Mutex;
use std::time::Duration;

use super::c::{code, store};
use super::script::{beside, is_frozen, of, text};
use super::{Code, Device, SUCCESS, TIMEOUT, UNKNOWN};

const XID: c_ulonglong = 8;

/// Between two looks at the state file.
const STEP: Duration = Duration::from_millis(10);

/// A set: the GPUs that are in it.
type Set = Vec<usize>;

/// One error is delivered at a time.
static DELIVERING: Mutex<()> = Mutex::new(());

#[repr(C)]
pub struct EventData {
    device: Device,
    kind: c_ulonglong,
    data: c_ulonglong,
    instance: c_uint,
    compute_instance: c_uint,
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetCreate(set: *mut *mut c_void) -> Code {
    store(set, Ok(Box::into_raw(Box::<Set>::default()).cast()))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetFree(set: *mut c_void) -> Code {
    // SAFETY: a set comes from `nvmlEventSetCreate`, and is freed once.
    drop(unsafe { Box::from_raw(set.cast::<Set>()) });
    SUCCESS
}

/// A GPU without a line `xids` has no events.
#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceRegisterEvents(device: Device, _kinds: c_ulonglong, set: *mut c_void) -> Code {
    // SAFETY: a set comes from `nvmlEventSetCreate`.
    code(text(&of(device, "xids")).map(|_| unsafe { (*set.cast::<Set>()).push(device as usize) }))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetWait_v2(set: *mut c_void, to: *mut EventData, timeout_ms: c_uint) -> Code {
    // SAFETY: a set comes from `nvmlEventSetCreate`, and nobody changes one that is waited for.
    let set = unsafe { &*set.cast::<Set>() };
    let mut left = Duration::from_millis(timeout_ms.into());
    loop {
        match set.iter().find_map(|gpu| next(*gpu).transpose()) {
            Some(Ok(event)) => return store(to, Ok(event)),
            Some(Err(code)) => return code,
            None if left.is_zero() => return TIMEOUT,
            None => {}
        }
        let step = if is_frozen() { left } else { left.min(STEP) };
        std::thread::sleep(step);
        left -= step;
    }
}

/// The next error of a GPU that was not delivered.
fn next(gpu: usize) -> Result<Option<EventData>, Code> {
    let device = gpu as Device;
    let xids = text(&of(device, "xids"))?;
    if xids.trim().is_empty() {
        return Ok(None);
    }
    let _one = DELIVERING.lock().map_err(|_| UNKNOWN)?;
    // In a file: an error is not delivered again when this library was out of memory meanwhile.
    let delivered = beside("held").ok_or(UNKNOWN)?.with_extension(format!("delivered-{gpu}"));
    let count = std::fs::read_to_string(&delivered).ok().and_then(|count| count.parse().ok()).unwrap_or(0);
    let Some(xid) = xids.split_whitespace().nth(count) else { return Ok(None) };
    std::fs::write(&delivered, (count + 1).to_string()).map_err(|_| UNKNOWN)?;
    let data = xid.parse().map_err(|_| UNKNOWN)?;
    Ok(Some(EventData { device, kind: XID, data, instance: u32::MAX, compute_instance: u32::MAX }))
}
