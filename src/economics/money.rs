//! From what blocks earn and draw to their money, and from blocks to the sides of the site.

use crate::reading::{Missing, Quality, Read, Reading};
use crate::site::Tally;
use crate::units::{Fraction, UsdPerHour, UsdPerMwh, Watts};

use super::Money;
use super::earner::{Earner, coverage};
use super::facility::Draw;
use super::value::{per_mwh, power_cost};

const NOTHING: &str = "nothing configured";

/// One block with its part of the site's power.
pub(super) struct Priced<'a> {
    earner: &'a Earner,
    facility: Read<Watts>,
    power_cost: Read<UsdPerHour>,
    margin: Read<UsdPerHour>,
    /// Facility power of all units that earn.
    earning: Read<Watts>,
    /// The same with the overhead at the margin alone; undefined where the next unit of energy earns nothing.
    marginal: Read<Watts>,
}

impl<'a> Priced<'a> {
    pub fn new(earner: &'a Earner, draw: Draw, price: Read<UsdPerMwh>) -> Self {
        let Draw { power: facility, earning } = draw;
        let marginal = if earner.marginal { marginal_power(earner) } else { Err(Missing::Undefined) };
        let margin = earner.revenue.and_then(|revenue| {
            let cost = cost(earner, earning, price)?;
            let quality = revenue.quality.max(cost.quality);
            Ok(Reading { value: revenue.value - cost.value, quality, source: "revenue - power cost" })
        });
        Self { earner, facility, power_cost: cost(earner, facility, price), margin, earning, marginal }
    }

    pub fn money(&self, share: Read<Fraction>) -> Money {
        let Earner { revenue, it_power, .. } = *self.earner;
        let source = "sum of devices";
        Money {
            revenue,
            it_power: it_power.map(|total| Reading { value: total.value, quality: total.quality, source }),
            facility_power: self.facility,
            power_cost: self.power_cost,
            margin: self.margin,
            usd_per_mwh: ratio(revenue, self.earning),
            breakeven: ratio(revenue, self.marginal),
            share,
            coverage: Fraction::new(self.coverage()).unwrap_or_default(),
        }
    }

    fn coverage(&self) -> f64 {
        if self.earner.revenue.is_err() {
            return 0.0;
        }
        self.earner.revenue_coverage.min(coverage(&self.earner.it_power))
    }
}

/// The money of one side: each figure sums the blocks that have it.
pub(super) fn side(blocks: &[&Priced<'_>], revenue: Read<UsdPerHour>, share: Read<Fraction>) -> Money {
    let (mut it, mut facility) = (Tally::default(), Tally::default());
    let (mut cost, mut margin) = (Tally::default(), Tally::default());
    let (mut known, mut units) = (0.0, 0.0);
    for block in blocks {
        let weight = block.earner.units;
        let of_power = coverage(&block.earner.it_power);
        it.sum(block.earner.it_power, weight, Watts::get);
        add(&mut facility, block.facility, Watts::get, weight, of_power);
        let of_cost = if block.earner.tenant_pays { 1.0 } else { of_power };
        add(&mut cost, block.power_cost, UsdPerHour::get, weight, of_cost);
        add(&mut margin, block.margin, UsdPerHour::get, weight, block.earner.revenue_coverage);
        known += weight * block.coverage();
        units += weight;
    }
    Money {
        revenue,
        it_power: total(&it, Watts::new),
        facility_power: total(&facility, Watts::new),
        power_cost: total(&cost, UsdPerHour::new),
        margin: total(&margin, UsdPerHour::new),
        usd_per_mwh: side_ratio(blocks, |block| block.earning),
        breakeven: side_ratio(blocks, |block| block.marginal),
        share,
        coverage: Fraction::new(if units > 0.0 { known / units } else { 0.0 }).unwrap_or_default(),
    }
}

/// A side without blocks. `why` tells a side that is not meant to have any (`None`: it earns and
/// draws nothing) from one whose devices did not show up yet.
pub(super) fn empty_side(why: Option<Missing>, share: Read<Fraction>) -> Money {
    let money = no_revenue(why);
    let power = why.map_or(Ok(Reading::measured(Watts::ZERO, NOTHING)), Err);
    Money {
        revenue: money,
        it_power: power,
        facility_power: power,
        power_cost: money,
        margin: money,
        usd_per_mwh: Err(why.unwrap_or(Missing::Undefined)),
        breakeven: Err(why.unwrap_or(Missing::Undefined)),
        share,
        coverage: Fraction::new(if why.is_some() { 0.0 } else { 1.0 }).unwrap_or_default(),
    }
}

/// Revenue of a side without blocks.
pub(super) fn no_revenue(why: Option<Missing>) -> Read<UsdPerHour> {
    why.map_or(Ok(Reading::measured(UsdPerHour::ZERO, NOTHING)), Err)
}

/// Revenue of a side with blocks.
pub(super) fn revenue(blocks: &[&Priced<'_>]) -> Read<UsdPerHour> {
    let mut tally = Tally::default();
    for Priced { earner, .. } in blocks {
        add(&mut tally, earner.revenue, UsdPerHour::get, earner.units, earner.revenue_coverage);
    }
    total(&tally, UsdPerHour::new)
}

/// A block that earns or draws nothing says nothing of another one that is not known.
fn total<T>(tally: &Tally, new: impl FnOnce(f64) -> Option<T>) -> Read<T> {
    match tally.missing_behind_zero() {
        Some(why) => Err(why),
        None => tally.reading("sum of blocks", new),
    }
}

fn add<T>(tally: &mut Tally, read: Read<T>, get: impl FnOnce(T) -> f64, units: f64, coverage: f64) {
    match read {
        Ok(Reading { value, quality, .. }) => tally.add_part(get(value), quality, units * coverage, units),
        Err(why) => tally.miss_part(why, units),
    }
}

fn marginal_power(earner: &Earner) -> Read<Watts> {
    let total = earner.it_power?;
    let value = (total.value + earner.unread_power) * earner.overhead;
    let reading = Reading { value, quality: total.quality, source: "it x overhead" };
    // The operator's figure for overhead is not a meter.
    Ok(if earner.overhead == 1.0 { reading } else { reading.at_best(Quality::Estimated) })
}

fn cost(earner: &Earner, power: Read<Watts>, price: Read<UsdPerMwh>) -> Read<UsdPerHour> {
    if earner.tenant_pays {
        return Ok(Reading::measured(UsdPerHour::ZERO, "paid by the tenant"));
    }
    let (power, price) = (power?, price?);
    let value = power_cost(power.value, price.value).ok_or(Missing::Implausible)?;
    Ok(Reading { value, quality: power.quality.max(price.quality), source: "facility power x price" })
}

fn ratio(revenue: Read<UsdPerHour>, power: Read<Watts>) -> Read<UsdPerMwh> {
    // What has no power to divide by is undefined whether or not it earns.
    let power = power?;
    let revenue = revenue?;
    let value = per_mwh(revenue.value, power.value).ok_or(Missing::Undefined)?;
    Ok(Reading { value, quality: revenue.quality.max(power.quality), source: "revenue / energy" })
}

/// Over the blocks that have both figures: revenue without its power would raise the ratio.
fn side_ratio(blocks: &[&Priced<'_>], power: impl Fn(&Priced<'_>) -> Read<Watts>) -> Read<UsdPerMwh> {
    let (mut revenue, mut drawn) = (Tally::default(), Tally::default());
    let mut defined = false;
    for block in blocks {
        let units = block.earner.units;
        let (earned, power) = match (block.earner.revenue, power(block)) {
            (_, Err(Missing::Undefined)) => continue,
            both => both,
        };
        defined = true;
        if let (Err(why), _) | (_, Err(why)) = (earned, power) {
            revenue.miss_part(why, units);
            continue;
        }
        add(&mut revenue, earned, UsdPerHour::get, units, block.coverage());
        add(&mut drawn, power, Watts::get, units, block.coverage());
    }
    if !defined {
        return Err(Missing::Undefined);
    }
    // Why the revenue is missing tells more than why the power is.
    let revenue = total(&revenue, UsdPerHour::new)?;
    ratio(Ok(revenue), total(&drawn, Watts::new))
}
