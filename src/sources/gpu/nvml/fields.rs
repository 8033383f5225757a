//! The two calls that the wrapper cannot make: field values of any type, and the margin to the thermal limit.
//!
//! The wrapper knows the value types 0 to 4 of `nvmlValueType_t`; those of the thermal limits of Ada and later
//! are newer. No field that is asked here is among those that driver 580.82 gave other numbers (251 to 273).
#![allow(unsafe_code)]

use nvml_wrapper::Device;
use nvml_wrapper::error::{NvmlError, nvml_sym, nvml_try};
use nvml_wrapper_sys::bindings as sys;

/// Size and version of a structure, as `NVML_STRUCT_VERSION` of nvml.h makes it.
const MARGIN_VERSION: u32 = size_of::<sys::nvmlMarginTemperature_v1_t>() as u32 | 1 << 24;

/// Asks for several fields in one call. `Ok(None)`: the driver said that it answers, and stored nothing.
///
/// # Errors
/// Outside: of the call as a whole. Inside: of the one field.
pub(super) fn read<const N: usize>(
    device: &Device<'_>,
    ids: [u32; N],
) -> Result<[Result<Option<i64>, NvmlError>; N], NvmlError> {
    let call = nvml_sym(device.nvml().lib().nvmlDeviceGetFieldValues.as_ref())?;
    let mut values = ids.map(|id| sys::nvmlFieldValue_t {
        fieldId: id,
        scopeId: 0,
        timestamp: 0,
        latencyUsec: 0,
        valueType: 0,
        nvmlReturn: 0,
        value: sys::nvmlValue_t { ullVal: 0 },
    });
    // SAFETY: the handle comes from the library that `call` belongs to, which `device` keeps loaded. `values`
    // has N elements, and N is the number of a handful of fields.
    nvml_try(unsafe { call(device.handle(), N as i32, values.as_mut_ptr()) })?;
    Ok(values.map(|value| nvml_try(value.nvmlReturn).and_then(|()| whole(&value))))
}

/// The value as a whole number. Fields that are asked here are none else: the type `double` is what stands in a
/// value that the driver left as it was.
fn whole(field: &sys::nvmlFieldValue_t) -> Result<Option<i64>, NvmlError> {
    let value = field.value;
    let fits = |value: u64| i64::try_from(value).map_err(|_| NvmlError::UnexpectedVariant(field.valueType));
    // SAFETY: all members of the union lie at its start and any bits are a valid number; the union was zeroed
    // before the driver wrote the member that it names.
    unsafe {
        match field.valueType {
            sys::nvmlValueType_enum_NVML_VALUE_TYPE_DOUBLE => Ok(None),
            sys::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT => Ok(Some(value.uiVal.into())),
            sys::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG
            | sys::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG => fits(value.ullVal).map(Some),
            sys::nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_LONG_LONG => Ok(Some(value.sllVal)),
            sys::nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_INT => Ok(Some(value.siVal.into())),
            sys::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_SHORT => Ok(Some(value.usVal.into())),
            newer => Err(NvmlError::UnexpectedVariant(newer)),
        }
    }
}

/// How much hotter the GPU may get before it reaches the highest temperature that it may work at, °C.
///
/// # Errors
/// Those of NVML; `NotSupported` before Ada.
pub(super) fn margin(device: &Device<'_>) -> Result<i32, NvmlError> {
    let call = nvml_sym(device.nvml().lib().nvmlDeviceGetMarginTemperature.as_ref())?;
    let mut margin = sys::nvmlMarginTemperature_v1_t { version: MARGIN_VERSION, marginTemperature: 0 };
    // SAFETY: the handle comes from the library that `call` belongs to, which `device` keeps loaded, and `margin`
    // is of the version that it names.
    nvml_try(unsafe { call(device.handle(), &mut margin) })?;
    Ok(margin.marginTemperature)
}
