//! How C gets its answers.

use std::ffi::{c_char, c_uint};

use super::{Code, INSUFFICIENT_SIZE, SUCCESS};

pub fn code(result: Result<(), Code>) -> Code {
    result.err().unwrap_or(SUCCESS)
}

/// Stores what `value` gives, unless it is an error.
pub fn store<T>(to: *mut T, value: Result<T, Code>) -> Code {
    // SAFETY: NVML's callers pass a pointer to a variable of theirs.
    code(value.map(|value| unsafe { to.write(value) }))
}

pub fn store_uint(to: *mut c_uint, value: Result<i64, Code>) -> Code {
    store(to, value.map(|value| value as c_uint))
}

pub fn store_text(to: *mut c_char, length: c_uint, value: Result<String, Code>) -> Code {
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
