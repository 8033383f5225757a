//! Amounts: a number, a number in a string, or one that brings its unit along, such as `"306.23 TH/s"`.

use serde::Deserialize;
use serde_json::Value;

use crate::reading::Missing;
use crate::sources::web::Decimal;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Watts.
    Power,
    /// Watt-hours.
    Energy,
    /// Hashes per second.
    Hashrate,
}

impl Measure {
    /// Its unit as it is spelt, in lower case.
    fn spellings(self) -> &'static [&'static str] {
        match self {
            Measure::Power => &["w", "watt", "watts"],
            Measure::Energy => &["wh"],
            Measure::Hashrate => &["h/s", "hs", "h"],
        }
    }
}

/// The amount in the unit of `measure` itself: W, Wh or H/s. `factor` is what a number without a unit of its
/// own is worth in it; one that states its unit needs none.
///
/// # Errors
/// [`Missing::Garbage`] for what is no finite number, or in another unit. A comma is no part of a number: nobody
/// knows whether it marks thousands or decimals.
pub fn amount(value: &Value, measure: Measure, factor: f64) -> Result<f64, Missing> {
    let decimal = Decimal::deserialize(value).map_err(|_| Missing::Garbage)?;
    if let Some(plain) = decimal.f64() {
        return finite(plain * factor);
    }
    let text = decimal.text().ok_or(Missing::Garbage)?;
    let (number, unit) = text.split_at_checked(end_of_number(text)).ok_or(Missing::Garbage)?;
    let number: f64 = number.parse().map_err(|_| Missing::Garbage)?;
    finite(number * size(unit.trim_start(), measure).ok_or(Missing::Garbage)?)
}

fn finite(value: f64) -> Result<f64, Missing> {
    Some(value).filter(|value| value.is_finite()).ok_or(Missing::Garbage)
}

/// Where the digits, the sign and the point end.
fn end_of_number(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-')).unwrap_or(text.len())
}

/// How many units of `measure` are in one `unit`, which may be its prefix alone, as in `85.4T`.
fn size(unit: &str, measure: Measure) -> Option<f64> {
    let is_unit = |text: &str| measure.spellings().contains(&text.to_ascii_lowercase().as_str());
    if is_unit(unit) {
        return Some(1.0);
    }
    let mut rest = unit.chars();
    let size = match rest.next()? {
        'k' | 'K' => 1e3,
        // A small one would be a thousandth.
        'M' => 1e6,
        'g' | 'G' => 1e9,
        't' | 'T' => 1e12,
        'p' | 'P' => 1e15,
        'e' | 'E' => 1e18,
        'z' | 'Z' => 1e21,
        _ => return None,
    };
    (rest.as_str().is_empty() || is_unit(rest.as_str())).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, measure: Measure, factor: f64) -> Result<f64, Missing> {
        amount(&serde_json::from_str(json).unwrap(), measure, factor)
    }

    #[test]
    fn a_number_without_a_unit_is_in_that_of_the_config() {
        for json in ["12.5", "\"12.5\"", "\" 12.5 \"", "\"1.25e1\""] {
            assert_eq!(read(json, Measure::Power, 1e3), Ok(12_500.0), "{json}");
        }
    }

    #[test]
    fn a_number_that_states_its_unit_needs_none() {
        for (json, measure, expected) in [
            ("\"12 kW\"", Measure::Power, 12e3),
            ("\"12KW\"", Measure::Power, 12e3),
            ("\"-1.5 MW\"", Measure::Power, -1.5e6),
            ("\"800 w\"", Measure::Power, 800.0),
            ("\"3.2 MWh\"", Measure::Energy, 3.2e6),
            ("\"85.4T\"", Measure::Hashrate, 85.4e12),
            ("\"306.23 TH/s\"", Measure::Hashrate, 306.23e12),
            ("\"1.5 Ph/s\"", Measure::Hashrate, 1.5e15),
            ("\"2 E\"", Measure::Hashrate, 2e18),
            ("\"7 EH/s\"", Measure::Hashrate, 7e18),
        ] {
            let read = read(json, measure, 1e3).unwrap();
            assert!((read / expected - 1.0).abs() < 1e-12, "{json}: {read}");
        }
    }

    #[test]
    fn another_unit_or_no_number_is_unreadable_and_never_a_guess() {
        for json in [
            "\"12 kWh\"",
            "\"12 mW\"",
            "\"1,250\"",
            "\"1,250.5 kW\"",
            "\"kW\"",
            "\"\"",
            "\"12 k W\"",
            "\"unavailable\"",
            "\"NaN\"",
            "\"inf\"",
            "\"1e400\"",
            "\"--5 W\"",
            "true",
            "{}",
            "[5]",
        ] {
            assert_eq!(read(json, Measure::Power, 1.0), Err(Missing::Garbage), "{json}");
        }
    }
}
