//! The driver library: loading it, letting go of it, and what its errors say of the driver as a whole.

use std::path::Path;

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

use super::{NO_DRIVER_RETRY, Trouble};
use crate::reading::{DriverState, Missing};
use crate::sources::Failure;

/// An initialised library. `None` only while it is being dropped.
pub(super) struct Library(Option<Nvml>);

impl Library {
    pub(super) fn open(path: &Path) -> Result<Self, Trouble> {
        match Nvml::builder().lib_path(path.as_os_str()).init() {
            Ok(nvml) => Ok(Self(Some(nvml))),
            Err(NvmlError::LibloadingError(error)) => {
                Err(no_driver(DriverState::Absent, format!("cannot load the NVIDIA driver library: {error}")))
            }
            Err(error) => Err(trouble(error)),
        }
    }

    pub(super) fn nvml(&self) -> Result<&Nvml, Trouble> {
        let closed = || no_driver(DriverState::Failing, "the NVIDIA driver library is closed");
        self.0.as_ref().ok_or_else(closed)
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        if let Some(nvml) = self.0.take()
            && nvml.lib().nvmlShutdown.is_err()
        {
            // The wrapper's own drop panics if the library has no `nvmlShutdown`.
            std::mem::forget(nvml);
        }
    }
}

/// The driver as a whole is gone or replaced, so every handle is worthless.
pub(super) fn is_driver_gone(error: &NvmlError) -> bool {
    matches!(error, NvmlError::Uninitialized | NvmlError::DriverNotLoaded | NvmlError::LibRmVersionMismatch)
}

/// Why nothing at all could be read.
pub(super) fn trouble(error: NvmlError) -> Trouble {
    match error {
        NvmlError::DriverNotLoaded => {
            no_driver(DriverState::NotLoaded, "the NVIDIA kernel driver is not loaded")
        }
        NvmlError::LibRmVersionMismatch => no_driver(
            DriverState::VersionMismatch,
            "NVIDIA library and kernel driver differ in version: reload the driver or reboot",
        ),
        NvmlError::Uninitialized => no_driver(DriverState::NotLoaded, "the NVIDIA driver went away"),
        NvmlError::NoPermission => {
            let why = no_driver(DriverState::Failing, "no permission to open the NVIDIA driver's devices");
            Trouble { failure: Failure { reason: Missing::Denied, ..why.failure }, ..why }
        }
        error => no_driver(DriverState::Failing, format!("NVML fails: {error}")),
    }
}

fn no_driver(driver: DriverState, detail: impl Into<String>) -> Trouble {
    let failure = Failure::new(Missing::NoDriver, detail);
    Trouble { driver, failure: Failure { retry_after: Some(NO_DRIVER_RETRY), ..failure } }
}
