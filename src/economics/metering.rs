//! The meter of the site against the machines below it.

use crate::reading::{Missing, Quality, Read, Reading};
use crate::site::{Current, MeterView, Tally};
use crate::units::{Fraction, WattHours, Watts};

use super::Class;
use super::attribution::{Attribution, Part, Plausibility, RESIDUAL_OK_FRACTION, attribute, effective_pue};
use super::capture::unit_error;
use super::earner::Earner;

/// What the meter shows, and what the machines and the operator's figures say that it should.
///
/// Units that earn and do not tell their power are taken to draw like those that do: what they draw
/// is in the meter, and no overhead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metering {
    /// What the site draws, by its meter.
    pub power: Current<Watts>,
    /// Its counter of imported energy.
    pub energy: Current<WattHours>,
    /// What it told is off by this factor: it is in another unit, and `power` is implausible.
    pub off_by: Option<f64>,
    /// At the plugs of all machines.
    pub it_power: Read<Watts>,
    /// IT power with each block's own overhead.
    pub known_power: Read<Watts>,
    /// The same and the fixed overhead: what the meter should show.
    pub modelled_power: Read<Watts>,
    /// Missing unless the meter is fresh.
    pub residual: Result<Residual, Missing>,
}

/// What the meter shows beyond IT power and the blocks' own overhead. Never clipped: below zero a
/// sub-meter or an overhead factor is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    pub power: Reading<Watts>,
    /// Of the meter.
    pub fraction: Read<Fraction>,
    pub plausible: Plausibility,
    /// Meter per IT power: the PUE of the whole site.
    pub pue: Read<Fraction>,
    /// It is part of the blocks' facility power. Not so while the power of a hosting or of more than a
    /// tenth of the miners is not known: what they draw is in the residual, and nobody else's. Nor where
    /// the meter is contradicted.
    pub spread: bool,
}

impl Default for Metering {
    /// There is no meter.
    fn default() -> Self {
        let MeterView { power, energy } = MeterView::default();
        let (it_power, residual) = (Err(Missing::NotConfigured), Err(Missing::NotConfigured));
        let (known_power, modelled_power) = (it_power, it_power);
        Self { power, energy, off_by: None, it_power, known_power, modelled_power, residual }
    }
}

impl Metering {
    /// It shows clearly less than the machines alone draw: it is dead, or measures something else.
    pub fn is_contradicted(&self) -> bool {
        let shown = self.power.map(|meter| meter.value.get());
        let drawn = self.it_power.map(|it| it.value.get());
        matches!((shown, drawn), (Ok(shown), Ok(drawn)) if shown < (1.0 - RESIDUAL_OK_FRACTION) * drawn)
    }

    /// The power, where it can stand for what the site draws now.
    ///
    /// # Errors
    /// As [`MeterView::fresh`].
    pub fn fresh(&self) -> Current<Watts> {
        MeterView { power: self.power, energy: self.energy }.fresh()
    }

    /// No meter is configured.
    pub fn is_absent(&self) -> bool {
        self.power == Err(Missing::NotConfigured)
    }
}

/// Holds the meter against the blocks, and spreads it over them: facility power of each, in the order
/// of `earners`, where that can be done. `absent`: why there is no block of miners, if there should
/// be one.
pub(super) fn hold_against(
    meter: &MeterView,
    earners: &[Earner],
    fixed: Watts,
    absent: Option<Missing>,
) -> (Metering, Option<Vec<Read<Watts>>>) {
    let MeterView { power, energy } = *meter;
    let it_power = sum(earners, absent, Watts::ZERO, |_| 1.0);
    let known_power = sum(earners, absent, Watts::ZERO, |earner| earner.overhead);
    let modelled_power = sum(earners, absent, fixed, |earner| earner.overhead);
    let parts: Vec<Part> = earners.iter().map(part).collect();
    let off_by = off_by(meter, modelled_power);
    let power = off_by.map_or(power, |_| Err(Missing::Implausible));
    let unheld = Err(Missing::NotConfigured);
    let metering =
        Metering { power, energy, off_by, it_power, known_power, modelled_power, residual: unheld };
    let spread = absent.is_none() && can_be_spread(earners) && !metering.is_contradicted();
    let held = metering.fresh().and_then(|metered| {
        let known = known_power?;
        let attribution = attribute(metered.value.get(), &parts, RESIDUAL_OK_FRACTION);
        let quality = metered.quality.max(known.quality);
        Ok((residual(&attribution, metered.value, it_power, quality, spread)?, attribution))
    });
    let blocks = held.as_ref().ok().filter(|_| spread).map(|(residual, attribution)| {
        // By figures of the operator, or by readings that do not fit together.
        let by_method = earners.iter().any(|earner| {
            earner.overhead != 1.0 || earner.unread_power > Watts::ZERO || earner.it_power.is_err()
        });
        let best = match residual.plausible {
            Plausibility::Measured if !by_method => Quality::Measured,
            _ => Quality::Estimated,
        };
        let block = |(earner, watts): (&Earner, &f64)| {
            let quality = earner.it_power?.quality.max(best);
            let value = Watts::new(*watts).ok_or(Missing::Implausible)?;
            Ok(Reading { value, quality, source: "meter, by IT power" })
        };
        earners.iter().zip(&attribution.allocated).map(block).collect()
    });
    (Metering { residual: held.map(|(residual, _)| residual), ..metering }, blocks)
}

/// The power of a thousand by which the meter is off, if what it should show is known. Only the unit of a meter does
/// that: no machine that is not read draws as much as a thousand that are.
fn off_by(meter: &MeterView, modelled: Read<Watts>) -> Option<f64> {
    let (shown, modelled) = (meter.fresh().ok()?.value, modelled.ok()?.value);
    (modelled > Watts::ZERO).then(|| unit_error(shown.get() / modelled.get())).flatten()
}

fn residual(
    attribution: &Attribution,
    meter: Watts,
    it_power: Read<Watts>,
    quality: Quality,
    spread: bool,
) -> Result<Residual, Missing> {
    let ratio = |value: Option<f64>, quality, source| {
        let value = value.and_then(Fraction::new).ok_or(Missing::Undefined)?;
        Ok(Reading { value, quality, source })
    };
    let value = Watts::new(attribution.residual).ok_or(Missing::Implausible)?;
    Ok(Residual {
        power: Reading { value, quality, source: "meter - IT - own overhead" },
        fraction: ratio(attribution.residual_fraction, quality, "residual / meter"),
        plausible: attribution.plausible,
        pue: it_power
            .and_then(|it| ratio(effective_pue(meter.get(), it.value.get()), it.quality, "meter / IT")),
        spread,
    })
}

/// What blocks draw that nobody reads is in the residual, and must not be charged to the others: a few
/// dead miners may be in it, as few as a residual may be large, and no hosting.
fn can_be_spread(earners: &[Earner]) -> bool {
    let of = |class| earners.iter().filter(move |earner| earner.class == class);
    let unread = |class| of(class).map(|earner| f64::from(earner.unread_units)).sum::<f64>();
    let miners: f64 = of(Class::Hash).map(|earner| earner.units).sum();
    let known = unread(Class::Hash) <= RESIDUAL_OK_FRACTION * miners && unread(Class::Ai) == 0.0;
    known && earners.iter().any(|earner| it_watts(earner) > 0.0)
}

fn part(earner: &Earner) -> Part {
    let it = it_watts(earner);
    Part { it, dedicated: it * (earner.overhead - 1.0), weight: None }
}

fn it_watts(earner: &Earner) -> f64 {
    earner.it_power.map_or(0.0, |total| (total.value + earner.unread_power).get())
}

/// Of all blocks, each times its `factor`, and `more`.
fn sum(
    earners: &[Earner],
    absent: Option<Missing>,
    more: Watts,
    factor: impl Fn(&Earner) -> f64,
) -> Read<Watts> {
    let mut tally = Tally::default();
    for earner in earners {
        let factor = factor(earner);
        // The operator's figure is not a meter.
        let best = if factor == 1.0 { Quality::Measured } else { Quality::Estimated };
        match earner.it_power {
            Ok(total) => {
                let (value, given) = (factor * it_watts(earner), earner.units * total.coverage.get());
                tally.add_part(value, total.quality.max(best), given, earner.units);
            }
            Err(why) => tally.miss_part(why, earner.units),
        }
    }
    let known = tally.reading("sum of blocks", Watts::new);
    match (earners.is_empty(), absent) {
        (true, Some(why)) => return Err(why),
        (true, None) => tally.add(0.0, Quality::Measured),
        // Overhead alone is no figure for a site whose machines are not known.
        (false, _) if known.is_err() => return known,
        (false, Some(why)) => tally.miss_part(why, 1.0),
        (false, None) => {}
    }
    if more > Watts::ZERO {
        tally.add_part(more.get(), Quality::Estimated, 0.0, 0.0);
    }
    tally.reading("sum of blocks", Watts::new)
}
