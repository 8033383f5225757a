//! What an answer of NVML is worth: a value in its unit, or why there is none.

use nvml_wrapper::error::NvmlError;

use super::library::is_driver_gone;
use crate::reading::{Missing, Read, Reading};
use crate::units::{Celsius, Fraction, WattHours, Watts};

/// Splits what a call said into a value or why there is none, and the errors that void the whole
/// GPU: the calls before and after a loss may still succeed with what the driver remembers.
pub(super) fn told<T>(answer: Result<T, NvmlError>) -> Result<Result<T, Missing>, NvmlError> {
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
pub(super) fn field(
    answers: &mut impl Iterator<Item = Result<Option<i64>, NvmlError>>,
) -> Result<Result<i64, Missing>, NvmlError> {
    // Without an answer there was no call: an old driver.
    let Some(answer) = answers.next() else { return Ok(Err(Missing::NotSupported)) };
    Ok(told(answer)?.and_then(|value| value.ok_or(Missing::NotReported)))
}

pub(super) fn watts(milliwatts: i64, source: &'static str) -> Read<Watts> {
    // NVML_VALUE_NOT_AVAILABLE, minus one.
    if milliwatts >= i64::from(u32::MAX) {
        return Err(Missing::NotReported);
    }
    let watts = Watts::new(milliwatts as f64 / 1e3).filter(|watts| *watts >= Watts::ZERO);
    Ok(Reading::measured(watts.ok_or(Missing::Implausible)?, source))
}

pub(super) fn watt_hours(millijoules: u64) -> Read<WattHours> {
    let energy = WattHours::from_millijoules(millijoules as f64).ok_or(Missing::Implausible)?;
    Ok(Reading::measured(energy, "nvml.total_energy_consumption"))
}

pub(super) fn utilisation(percent: u32) -> Read<Fraction> {
    let busy = (percent <= 100).then(|| Fraction::new(f64::from(percent) / 100.0)).flatten();
    Ok(Reading::measured(busy.ok_or(Missing::Implausible)?, "nvml.utilization_rates"))
}

pub(super) fn celsius(degrees: i64, source: &'static str) -> Read<Celsius> {
    let degrees = i32::try_from(degrees).map_err(|_| Missing::Implausible)?;
    let temperature = Celsius::new(degrees.into()).ok_or(Missing::Implausible)?;
    Ok(Reading::measured(temperature, source))
}
