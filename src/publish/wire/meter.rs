//! The keys of `split` about the site's meter.

use super::flat::Flat;
use crate::economics::Metering;
use crate::economics::attribution::METHOD;
use crate::units::{Fraction, Watts};

/// What the meter shows, and what of it the machines do not explain. Without a meter just that.
pub fn metering(flat: &mut Flat, metering: &Metering) {
    flat.current("meter", "kw", &metering.power, Watts::kw);
    if metering.is_absent() {
        return;
    }
    let residual = &metering.residual;
    flat.read("residual", "kw", &residual.map(|residual| residual.power), Watts::kw);
    flat.read("residual_fraction", "", &residual.and_then(|residual| residual.fraction), Fraction::get);
    flat.read("pue", "", &residual.and_then(|residual| residual.pue), Fraction::get);
    if let Ok(residual) = residual {
        flat.text("residual_plausibility", residual.plausible.as_str());
        if residual.spread {
            flat.text("attribution_method", METHOD);
        }
    }
}
