//! The keys of `split` about the site's meter.

use super::feeds::{CAPTURE_LIMIT_MS, DAY_MS};
use super::flat::Flat;
use crate::clock::UnixMs;
use crate::economics::Split;
use crate::economics::attribution::METHOD;
use crate::economics::energy_capture::SiteDay;
use crate::publish::LedgerHealth;
use crate::reading::Missing;
use crate::units::{Fraction, Watts};

/// What the meter shows, and what of it the machines do not explain. Without a meter just that.
pub fn metering(flat: &mut Flat, split: &Split, ledger: Option<&LedgerHealth>) {
    let metering = &split.metering;
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
    let day = ledger.ok_or(Missing::NotConfigured);
    energy_capture(
        flat,
        split.at.wall,
        day.and_then(|ledger| ledger.site_day.as_ref().ok_or(Missing::NotYet)),
    );
}

/// The last whole day: what the machines should have drawn, over what the meter counted.
fn energy_capture(flat: &mut Flat, ts: UnixMs, day: Result<&SiteDay, Missing>) {
    let recent = day.and_then(|day| {
        let age = ts.0.saturating_sub(day.day.0.saturating_add(DAY_MS));
        if age <= CAPTURE_LIMIT_MS { Ok(day) } else { Err(Missing::Expired) }
    });
    flat.read("energy_capture_24h", "", &recent.and_then(|day| day.capture), Fraction::get);
    let Ok(day) = recent else { return };
    if let (Some(metered), Some(modelled), Some(band)) = (day.metered, day.modelled, day.band) {
        flat.figure("energy_metered_24h_mwh", metered.value.mwh());
        flat.figure("energy_modelled_24h_mwh", modelled.value.mwh());
        flat.text("energy_capture_band", band.as_str());
        flat.time("energy_capture_ts", day.day);
    }
}
