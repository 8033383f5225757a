//! The state file: what the driver says, read again when the file is another one.

use std::collections::HashMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use super::{Code, Device, INVALID_ARGUMENT, NOT_SUPPORTED};

/// A hang ends after this at the latest, so that no test leaves a thread behind for good.
const LONGEST_HANG: Duration = Duration::from_secs(90);
const HANG_STEP: Duration = Duration::from_millis(10);

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

/// Where this library lies.
fn library() -> Option<PathBuf> {
    let mut info = DlInfo {
        file: std::ptr::null(),
        base: std::ptr::null_mut(),
        symbol: std::ptr::null(),
        address: std::ptr::null_mut(),
    };
    let here = super::nvmlInit_v2 as *const c_void;
    // SAFETY: `info` is a valid `Dl_info`; the name it receives lives as long as this library.
    unsafe {
        if dladdr(here, &mut info) == 0 || info.file.is_null() {
            return None;
        }
        Some(PathBuf::from(OsStr::from_bytes(CStr::from_ptr(info.file).to_bytes())))
    }
}

/// The file beside the library with this extension.
pub fn beside(extension: &str) -> Option<&'static PathBuf> {
    static LIBRARY: OnceLock<Option<[PathBuf; 2]>> = OnceLock::new();
    let paths = LIBRARY.get_or_init(|| {
        let library = library()?;
        let state = std::env::var_os("FAKE_NVML_STATE").map(PathBuf::from);
        let state = state.unwrap_or_else(|| library.with_extension("state"));
        Some([state, library.with_extension("held")])
    });
    paths.as_ref().map(|[state, held]| if extension == "held" { held } else { state })
}

/// With `FAKE_NVML_FROZEN` the file is read once: a benchmark must not measure how a state is looked up.
pub fn is_frozen() -> bool {
    static FROZEN: OnceLock<bool> = OnceLock::new();
    *FROZEN.get_or_init(|| std::env::var_os("FAKE_NVML_FROZEN").is_some())
}

#[derive(Default)]
struct Script {
    /// What tells this file from the one before.
    version: Option<(u64, i64, i64)>,
    lines: HashMap<String, String>,
}

/// The value of `key` as it stands in the file now.
pub fn lookup(key: &str) -> Option<String> {
    static SCRIPT: Mutex<Option<Script>> = Mutex::new(None);
    let mut script = SCRIPT.lock().ok()?;
    let script = script.get_or_insert_default();
    if !(is_frozen() && script.version.is_some()) {
        let path = beside("state")?;
        let version = std::fs::metadata(path).ok().map(|m| (m.ino(), m.mtime(), m.mtime_nsec()));
        if version.is_none() || version != script.version {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            *script = Script { version, lines: parse(&text) };
        }
    }
    script.lines.get(key).cloned()
}

/// The first line of a key counts.
fn parse(text: &str) -> HashMap<String, String> {
    let lines = text.lines().rev().filter_map(|line| line.split('#').next()?.split_once('='));
    lines.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect()
}

/// Does not return while the file says that `key` hangs.
fn hang(key: &str) {
    let mut steps = LONGEST_HANG.as_millis() / HANG_STEP.as_millis();
    while steps > 0 && lookup("hang").as_deref() == Some(key) {
        std::thread::sleep(HANG_STEP);
        steps -= 1;
    }
}

pub fn text(key: &str) -> Result<String, Code> {
    hang(key);
    let value = lookup(key).ok_or(NOT_SUPPORTED)?;
    match value.strip_prefix("error ") {
        Some(code) => Err(code.trim().parse().unwrap_or(INVALID_ARGUMENT)),
        None => Ok(value),
    }
}

pub fn number(key: &str) -> Result<i64, Code> {
    text(key)?.parse().map_err(|_| INVALID_ARGUMENT)
}

pub fn of(device: Device, what: &str) -> String {
    format!("gpu{}.{what}", (device as usize).wrapping_sub(1))
}
