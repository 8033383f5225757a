//! What the NVML thread does: hold the library, read every GPU once per question.
//!
//! Units and meanings: nvml.h. Power is in mW, the energy counter in mJ since the driver was loaded,
//! utilisation in percent of the last 1/6 to 1 s.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::FieldValueSample;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id::{NVML_FI_DEV_MEMORY_TEMP, NVML_FI_DEV_POWER_AVERAGE};
use nvml_wrapper::{Device, Nvml};

use super::no_driver;
use crate::reading::{GpuSample, GpuState, Missing, Read, Reading};
use crate::sources::Failure;
use crate::sources::gpu::roster::{Roster, lost};
use crate::sources::gpu::throttle;
use crate::units::{Celsius, Fraction, WattHours, Watts};

/// Without a directory, so that the loader searches where the system keeps its libraries.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// Asked in one call per GPU, answered in this order.
const FIELDS: [FieldId; 2] = [FieldId(NVML_FI_DEV_POWER_AVERAGE), FieldId(NVML_FI_DEV_MEMORY_TEMP)];

/// The driver library, loaded as long as it works, and the GPUs seen through it.
pub(super) struct Reader {
    library: PathBuf,
    open: Option<Library>,
    roster: Roster,
}

impl Reader {
    pub(super) fn new(library: Option<PathBuf>) -> Self {
        Self { library: library.unwrap_or_else(|| LIBRARY.into()), open: None, roster: Roster::default() }
    }

    /// One sample per GPU that is there or ever was.
    ///
    /// Loads and initialises the library if need be. After an error that concerns the driver as a
    /// whole, or when every GPU is lost, the library is let go, and the next call starts afresh: that
    /// is how a reloaded or updated driver is picked up.
    pub(super) fn read(&mut self) -> Result<Vec<GpuSample>, Failure> {
        let library = match self.open.take() {
            Some(library) => library,
            None => Library::open(&self.library)?,
        };
        let Some(nvml) = &library.0 else { return Err(no_driver("the NVIDIA driver library is closed")) };
        let gpus = read_all(nvml, &mut self.roster).map_err(whole_failure)?;
        if gpus.is_empty() || gpus.iter().any(|gpu| !matches!(gpu.state, GpuState::Lost | GpuState::Missing))
        {
            self.open = Some(library);
        }
        Ok(gpus)
    }
}

/// An initialised library. `None` only while it is being dropped.
struct Library(Option<Nvml>);

impl Library {
    fn open(path: &Path) -> Result<Self, Failure> {
        match Nvml::builder().lib_path(path.as_os_str()).init() {
            Ok(nvml) => Ok(Self(Some(nvml))),
            Err(NvmlError::LibloadingError(error)) => {
                Err(no_driver(format!("cannot load the NVIDIA driver library: {error}")))
            }
            Err(error) => Err(whole_failure(error)),
        }
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

/// Why nothing at all could be read.
fn whole_failure(error: NvmlError) -> Failure {
    match error {
        NvmlError::DriverNotLoaded => no_driver("the NVIDIA kernel driver is not loaded"),
        NvmlError::LibRmVersionMismatch => {
            no_driver("NVIDIA library and kernel driver differ in version: reload the driver or reboot")
        }
        NvmlError::Uninitialized => no_driver("the NVIDIA driver went away"),
        NvmlError::NoPermission => Failure {
            reason: Missing::Denied,
            ..no_driver("no permission to open the NVIDIA driver's devices")
        },
        error => no_driver(format!("NVML fails: {error}")),
    }
}

/// Reads all GPUs. One that fails is a sample that says so.
///
/// # Errors
/// Only what concerns the driver as a whole.
fn read_all(nvml: &Nvml, roster: &mut Roster) -> Result<Vec<GpuSample>, NvmlError> {
    let mut gpus = Vec::new();
    // GPUs that do not even tell who they are.
    let mut nameless = Vec::new();
    for index in 0..nvml.device_count()? {
        let identity = nvml.device_by_index(index).and_then(|device| Ok((device.uuid()?, device)));
        let (uuid, device) = match identity {
            Ok((uuid, device)) => (Arc::<str>::from(uuid), device),
            // In a container the count includes GPUs that are somebody else's.
            Err(NvmlError::NoPermission) => continue,
            Err(error) if is_driver_gone(&error) => return Err(error),
            Err(_) => {
                nameless.push(index);
                continue;
            }
        };
        gpus.push(match read_gpu(&device, &uuid) {
            Ok(gpu) => gpu,
            Err(error) if is_driver_gone(&error) => return Err(error),
            // What was read before the loss is worthless: the whole sample goes.
            Err(_) => lost(Arc::clone(&uuid), None),
        });
    }
    let answered = gpus.len();
    roster.complete(&mut gpus);
    // Those that were seen before are known by their UUID now; the rest have only their place.
    let known = gpus.len() - answered;
    for gpu in gpus.iter_mut().skip(answered).take(nameless.len()) {
        gpu.state = GpuState::Lost;
    }
    gpus.extend(nameless.into_iter().skip(known).map(|index| lost(format!("index-{index}").into(), None)));
    Ok(gpus)
}

/// # Errors
/// The GPU is lost, or the driver is gone; anything less is a missing value.
fn read_gpu(device: &Device<'_>, uuid: &Arc<str>) -> Result<GpuSample, NvmlError> {
    let name = told(device.name())?.ok().map(Arc::from);
    let mut fields = told(device.field_values_for(&FIELDS))?.unwrap_or_default().into_iter();
    let power = match field(fields.next())? {
        Ok(milliwatts) => watts(milliwatts, "nvml.POWER_AVERAGE"),
        Err(_) => told(device.power_usage())?.and_then(|mw| watts(mw.into(), "nvml.power_usage")),
    };
    let temp_memory = field(fields.next())?.and_then(|c| celsius(c, "nvml.MEMORY_TEMP"));
    let memory = told(device.memory_info())?;
    let mask = told(device.current_throttle_reasons())?.map_or(0, |reasons| reasons.bits());
    let state = if throttle::is_throttled(mask) { GpuState::Throttled } else { GpuState::Ok };
    Ok(GpuSample {
        power,
        power_limit: told(device.enforced_power_limit())?
            .and_then(|mw| watts(mw.into(), "nvml.enforced_power_limit")),
        energy: told(device.total_energy_consumption())?.and_then(watt_hours),
        utilisation: told(device.utilization_rates())?.and_then(|rates| utilisation(rates.gpu)),
        memory_used_bytes: memory
            .as_ref()
            .map(|m| Reading::measured(m.used, "nvml.memory_info"))
            .map_err(|e| *e),
        memory_total_bytes: memory.map(|m| Reading::measured(m.total, "nvml.memory_info")),
        temp_gpu: told(device.temperature(TemperatureSensor::Gpu))?
            .and_then(|c| celsius(c.into(), "nvml.temperature")),
        temp_memory,
        throttle: throttle::names(mask),
        ..GpuSample::blank(Arc::clone(uuid), name, state, Missing::NotReported)
    })
}

/// The driver as a whole is gone or replaced, so every handle is worthless.
fn is_driver_gone(error: &NvmlError) -> bool {
    matches!(error, NvmlError::Uninitialized | NvmlError::DriverNotLoaded | NvmlError::LibRmVersionMismatch)
}

/// Splits what a call said into a value or why there is none, and the errors that void the whole
/// GPU: the calls before and after a loss may still succeed with what the driver remembers.
fn told<T>(answer: Result<T, NvmlError>) -> Result<Result<T, Missing>, NvmlError> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(error @ (NvmlError::GpuLost | NvmlError::ResetRequired)) => Err(error),
        Err(error) if is_driver_gone(&error) => Err(error),
        Err(error) => Ok(Err(missing(&error))),
    }
}

fn missing(error: &NvmlError) -> Missing {
    match error {
        // An older driver does not have the function, or does not know the field.
        NvmlError::NotSupported
        | NvmlError::FailedToLoadSymbol(_)
        | NvmlError::FunctionNotFound
        | NvmlError::InvalidArg => Missing::NotSupported,
        NvmlError::NoPermission => Missing::Denied,
        NvmlError::Timeout => Missing::Timeout,
        NvmlError::NoData | NvmlError::NotFound => Missing::NotReported,
        // Codes that are newer than the wrapper arrive as `UnexpectedVariant`.
        _ => Missing::RemoteError,
    }
}

/// One value out of a call for several.
fn field(answer: Option<Result<FieldValueSample, NvmlError>>) -> Result<Result<u64, Missing>, NvmlError> {
    let Some(answer) = answer else { return Ok(Err(Missing::NotSupported)) };
    let value = told(answer.and_then(|sample| sample.value))?;
    Ok(value.and_then(|value| match value {
        SampleValue::U32(value) => Ok(value.into()),
        SampleValue::U64(value) => Ok(value),
        SampleValue::I64(value) => u64::try_from(value).map_err(|_| Missing::Implausible),
        // No field here is a float; one that the driver did not fill in reads as 0.0.
        SampleValue::F64(_) => Err(Missing::NotReported),
    }))
}

fn watts(milliwatts: u64, source: &'static str) -> Read<Watts> {
    // NVML_VALUE_NOT_AVAILABLE, minus one.
    if milliwatts >= u64::from(u32::MAX) {
        return Err(Missing::NotReported);
    }
    let watts = Watts::new(milliwatts as f64 / 1e3).ok_or(Missing::Implausible)?;
    Ok(Reading::measured(watts, source))
}

fn watt_hours(millijoules: u64) -> Read<WattHours> {
    let energy = WattHours::from_millijoules(millijoules as f64).ok_or(Missing::Implausible)?;
    Ok(Reading::measured(energy, "nvml.total_energy_consumption"))
}

fn utilisation(percent: u32) -> Read<Fraction> {
    let busy = (percent <= 100).then(|| Fraction::new(f64::from(percent) / 100.0)).flatten();
    Ok(Reading::measured(busy.ok_or(Missing::Implausible)?, "nvml.utilization_rates"))
}

fn celsius(degrees: u64, source: &'static str) -> Read<Celsius> {
    let degrees = u32::try_from(degrees).map_err(|_| Missing::Implausible)?;
    let temperature = Celsius::new(degrees.into()).ok_or(Missing::Implausible)?;
    Ok(Reading::measured(temperature, source))
}
