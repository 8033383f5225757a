//! Facility power of the site and of its blocks: by the meter, else by the operator's figures.

use crate::reading::{Missing, Quality, Read, Reading, at_best};
use crate::site::{MeterView, Tally};
use crate::units::Watts;

use super::SiteTerms;
use super::attribution::{Part, RESIDUAL_OK_FRACTION, attribute};
use super::earner::Earner;
use super::metering::{Metering, hold_against};

pub(super) struct Facility {
    /// In the order of the earners.
    pub blocks: Vec<Draw>,
    pub site_power: Read<Watts>,
    pub metering: Metering,
}

/// What one block draws with all overhead.
#[derive(Clone, Copy)]
pub(super) struct Draw {
    /// For the books.
    pub power: Read<Watts>,
    /// Of all units that earn: those whose power was not read are taken in proportion.
    pub earning: Read<Watts>,
}

/// With a fresh meter the site draws what it shows, and each block its part of that. A meter that shows
/// less than the machines alone draw frees no room under a cap: it is left out. `no_miners`: why
/// there is no block of miners, if there should be one.
pub(super) fn facility(
    meter: &MeterView,
    earners: &[Earner],
    terms: &SiteTerms,
    no_miners: Option<Missing>,
) -> Facility {
    let fixed = terms.fixed_overhead;
    let (metering, metered) = hold_against(meter, earners, fixed, no_miners);
    let (modelled, sum) = modelled(earners, fixed, no_miners);
    let blocks = match metered {
        // What nobody read is in the meter already.
        Some(metered) => metered.into_iter().map(|power| Draw { power, earning: power }).collect(),
        None => earners.iter().zip(modelled).map(|(earner, power)| with_unread(earner, power)).collect(),
    };
    let site_power = match metering.fresh() {
        Ok(_) if metering.is_contradicted() => at_best(sum, Quality::Estimated),
        Ok(metered) => Ok(Reading { value: metered.value, quality: metered.quality, source: metered.source }),
        Err(_) => sum,
    };
    Facility { blocks, site_power, metering }
}

fn with_unread(earner: &Earner, power: Read<Watts>) -> Draw {
    // Quality stays: a sum that lacks units that matter is an estimate already.
    let earning = power.map(|power| power.map(|watts| watts + earner.unread_power * earner.overhead));
    Draw { power, earning }
}

/// Without a meter the sum of the parts stands in for it: each block has its own marginal overhead, and
/// the fixed overhead is spread by IT power.
fn modelled(earners: &[Earner], fixed: Watts, no_miners: Option<Missing>) -> (Vec<Read<Watts>>, Read<Watts>) {
    let part = |earner: &Earner| {
        let it = earner.it_power.map_or(0.0, |total| total.value.get());
        Part { it, dedicated: it * (earner.overhead - 1.0), weight: None }
    };
    let parts: Vec<Part> = earners.iter().map(part).collect();
    let meter = parts.iter().map(|part| part.it + part.dedicated).sum::<f64>() + fixed.get();
    let attribution = attribute(meter, &parts, RESIDUAL_OK_FRACTION);
    // The operator's figures for overhead are not a meter.
    let best = |earner: &Earner| {
        if earner.overhead == 1.0 && fixed == Watts::ZERO { Quality::Measured } else { Quality::Estimated }
    };
    let mut site = Tally::default();
    let mut facility = Vec::with_capacity(earners.len());
    for (earner, allocated) in earners.iter().zip(&attribution.allocated) {
        let power = earner.it_power.and_then(|total| {
            let value = Watts::new(*allocated).ok_or(Missing::Implausible)?;
            Ok(Reading { value, quality: total.quality, source: "it + overhead" }.at_best(best(earner)))
        });
        match (power, earner.it_power) {
            (Ok(power), Ok(total)) => {
                let given = earner.units * total.coverage.get();
                site.add_part(power.value.get(), power.quality, given, earner.units);
            }
            (Err(why), _) | (_, Err(why)) => site.miss_part(why, earner.units),
        }
        facility.push(power);
    }
    let unallocated = meter - attribution.allocated.iter().sum::<f64>();
    match no_miners {
        // How much they draw is unknown, and so is what they would weigh.
        Some(why) if earners.is_empty() => site.miss_part(why, 1.0),
        // Overhead that nobody causes is still drawn, but is no figure for a site of unknown power.
        _ if earners.is_empty() || earners.iter().any(|earner| earner.it_power.is_ok()) => {
            site.add_part(unallocated, Quality::Estimated, 0.0, 0.0);
        }
        _ => {}
    }
    (facility, site.reading("sum of blocks", Watts::new))
}
