//! The site's meter.

use serde::Serialize;

use crate::economics::Metering;
use crate::economics::attribution::METHOD;
use crate::reading::Quality;
use crate::units::{Fraction, WattHours, Watts};

use super::value::{Value, current, read};

#[derive(Serialize)]
pub struct Meter {
    power_w: Value<f64>,
    energy_wh: Value<f64>,
    /// Meter less IT power and the blocks' own overhead.
    residual_w: Value<f64>,
    residual_fraction: Value<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    residual_plausibility: Option<&'static str>,
    pue: Value<f64>,
    /// How the residual is spread over the blocks; absent where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution_method: Option<&'static str>,
}

impl Meter {
    /// `None`: there is no meter.
    pub fn of(metering: &Metering) -> Option<Self> {
        let (residual, any) = (metering.residual, Quality::Measured);
        (!metering.is_absent()).then(|| Self {
            power_w: current(&metering.power, Watts::get),
            energy_wh: current(&metering.energy, WattHours::get),
            residual_w: read(residual.map(|r| r.power), any, Watts::get),
            residual_fraction: read(residual.and_then(|r| r.fraction), any, Fraction::get),
            residual_plausibility: residual.ok().map(|r| r.plausible.as_str()),
            pue: read(residual.and_then(|r| r.pue), any, Fraction::get),
            attribution_method: residual.is_ok_and(|r| r.spread).then_some(METHOD),
        })
    }
}
