//! Who causes which part of the site's power.
//!
//! What the meter shows beyond IT and dedicated overhead is the residual: it is spread, never
//! clipped, and judged. The same arithmetic serves the energy of an interval and the power of a
//! moment; all figures of one call share one unit.

/// Part of the meter that the residual may be before the attribution is doubted.
pub const RESIDUAL_OK_FRACTION: f64 = 0.10;

/// How the residual is spread, in payloads.
pub const METHOD: &str = "it_power";

/// One class or block below the meter.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Part {
    /// What its machines draw.
    pub it: f64,
    /// Overhead that is known to belong to this part: its own chiller, its own marginal overhead.
    pub dedicated: f64,
    /// Weight in the residual; all parts have one or none has. Absent: weighted by IT.
    pub weight: Option<f64>,
}

/// The meter, spread over its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// `meter − IT − dedicated`; negative if the sub-meters exceed the meter.
    pub residual: f64,
    /// Residual per meter; `None` if the meter shows nothing.
    pub residual_fraction: Option<f64>,
    /// In the order of the parts. Adds up to the meter, unless nothing has weight: then the residual
    /// belongs to nobody.
    pub allocated: Vec<f64>,
    pub plausible: Plausibility,
}

/// Whether meter and parts fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plausibility {
    /// The residual is between zero and the accepted part of the meter.
    Measured,
    /// It is not: a sub-meter is wrong or missing.
    Questionable,
}

impl Plausibility {
    pub fn as_str(self) -> &'static str {
        match self {
            Plausibility::Measured => "measured",
            Plausibility::Questionable => "questionable",
        }
    }
}

/// Spreads what `meter` shows over `parts`: each gets its own and its weight's part of the residual.
/// Beyond `residual_ok_fraction` of the meter, or below zero, the residual is questionable.
pub fn attribute(meter: f64, parts: &[Part], residual_ok_fraction: f64) -> Attribution {
    let known: f64 = parts.iter().map(|part| part.it + part.dedicated).sum();
    let residual = meter - known;
    let weighted = parts.iter().any(|part| part.weight.is_some());
    let weight = |part: &Part| if weighted { part.weight.unwrap_or(0.0) } else { part.it };
    let weights: f64 = parts.iter().map(weight).sum();
    let allocated = parts
        .iter()
        .map(|part| {
            let share = if weights > 0.0 { weight(part) / weights } else { 0.0 };
            part.it + part.dedicated + residual * share
        })
        .collect();
    let plausible = if residual >= 0.0 && residual <= residual_ok_fraction * meter {
        Plausibility::Measured
    } else {
        Plausibility::Questionable
    };
    Attribution { residual, residual_fraction: ratio(residual, meter), allocated, plausible }
}

/// Facility per IT: the effective PUE of a part or of the site. `None` without IT.
pub fn effective_pue(facility: f64, it: f64) -> Option<f64> {
    ratio(facility, it)
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(it: f64, dedicated: f64) -> Part {
        Part { it, dedicated, weight: None }
    }

    #[test]
    fn what_is_allocated_adds_up_to_the_meter_whatever_the_sign_of_the_residual() {
        let parts = [part(300.0, 10.0), part(50.0, 0.0), part(0.0, 7.0)];
        for meter in [0.0, 100.0, 367.0, 400.0, 1e6] {
            let got = attribute(meter, &parts, RESIDUAL_OK_FRACTION);
            assert!((got.allocated.iter().sum::<f64>() - meter).abs() < 1e-6, "{meter}");
        }
    }

    #[test]
    fn a_residual_that_nobody_causes_stays_with_nobody() {
        let got = attribute(10.0, &[part(0.0, 0.0)], RESIDUAL_OK_FRACTION);
        assert_eq!((got.residual, got.allocated.as_slice()), (10.0, [0.0].as_slice()));
        assert_eq!(attribute(10.0, &[], RESIDUAL_OK_FRACTION).allocated, Vec::<f64>::new());
    }
}
