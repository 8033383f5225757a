//! What one cell says: digits a person can read, and the mark of a value that is not measured.

use std::time::Duration;

use crate::clock::UnixMs;
use crate::reading::{Quality, Read};
use crate::site::{Current, Sum};

use super::grid::NO_BREAK;

pub const MISSING: &str = "–";
pub const ESTIMATED: char = '~';
pub const STALE: char = '?';

/// A number and how far it can be trusted; `None` is missing.
pub type Shown = Option<(f64, Quality)>;

pub fn read<T: Copy>(value: &Read<T>, number: impl Fn(T) -> f64) -> Shown {
    value.ok().map(|r| (number(r.value), r.quality))
}

pub fn sum<T: Copy>(value: &Sum<T>, number: impl Fn(T) -> f64) -> Shown {
    value.ok().map(|t| (number(t.value), t.quality))
}

pub fn current<T: Copy>(value: &Current<T>, number: impl Fn(T) -> f64) -> Shown {
    value.ok().map(|a| (number(a.value), a.quality))
}

/// The sum of `parts`, as good as the worst of them; missing as soon as one is.
pub fn add(parts: impl IntoIterator<Item = Shown>) -> Shown {
    parts.into_iter().try_fold((0.0, Quality::Measured), |(total, worst), part| {
        part.map(|(value, quality)| (total + value, worst.max(quality)))
    })
}

/// The sum of the parts that are there; `estimated` at best if one is missing, missing if all are.
pub fn add_known(parts: impl IntoIterator<Item = Shown>) -> Shown {
    let (known, gaps): (Vec<_>, Vec<_>) = parts.into_iter().partition(Option::is_some);
    if known.is_empty() {
        return None;
    }
    let at_best = if gaps.is_empty() { Quality::Measured } else { Quality::Estimated };
    add(known).map(|(value, quality)| (value, quality.max(at_best)))
}

/// `a / b`; missing where `b` is not above zero.
pub fn ratio(a: Shown, b: Shown) -> Shown {
    let ((a, quality_a), (b, quality_b)) = (a?, b?);
    (b > 0.0).then(|| (a / b, quality_a.max(quality_b)))
}

pub fn cell(value: Shown, decimals: usize) -> String {
    value.map_or_else(|| MISSING.into(), |(value, quality)| marked(quality, &number(value, decimals)))
}

/// A column of numbers with the same number of decimals: none once one of them has four digits.
pub fn column(values: &[Shown], decimals: usize) -> Vec<String> {
    let large = values.iter().flatten().any(|(value, _)| value.abs() >= 1000.0);
    values.iter().map(|value| cell(*value, if large { 0 } else { decimals })).collect()
}

pub fn marked(quality: Quality, text: &str) -> String {
    match quality {
        Quality::Measured => text.into(),
        Quality::Estimated => format!("{ESTIMATED}{text}"),
        Quality::Stale => format!("{STALE}{text}"),
    }
}

/// With a comma between thousands, and no minus before a zero.
pub fn number(value: f64, decimals: usize) -> String {
    let digits = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = digits.split_once('.').map_or((digits.as_str(), None), |(w, f)| (w, Some(f)));
    let mut text = String::new();
    if value < 0.0 && digits.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        text.push('-');
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// Kilowatts below a thousand of them, megawatts from there on.
pub struct PowerUnit {
    name: &'static str,
    kw: f64,
    decimals: usize,
}

impl PowerUnit {
    /// The unit that suits a power of `kw`.
    pub fn of(kw: f64) -> Self {
        if kw.abs() >= 1e3 {
            Self { name: "MW", kw: 1e3, decimals: 2 }
        } else {
            Self { name: "kW", kw: 1.0, decimals: 1 }
        }
    }

    /// `kw` in this unit, without its name.
    pub fn figure(&self, kw: Shown) -> String {
        cell(kw.map(|(kw, quality)| (kw / self.kw, quality)), self.decimals)
    }

    /// `kw` in this unit and its name, on one line.
    pub fn text(&self, kw: Shown) -> String {
        format!("{}{NO_BREAK}{}", self.figure(kw), self.name)
    }
}

/// `12 s`, `3 min`, `2 h 05 min`, `3 d 4 h`.
pub fn age(age: Duration) -> String {
    let secs = age.as_secs();
    match secs {
        0..120 => format!("{secs} s"),
        120..7_200 => format!("{} min", secs / 60),
        7_200..172_800 => format!("{} h {:02} min", secs / 3600, secs % 3600 / 60),
        _ => format!("{} d {} h", secs / 86_400, secs % 86_400 / 3600),
    }
}

/// The moment in UTC, as `format` of strftime says; missing outside the years of the calendar.
pub fn utc(at: UnixMs, format: &str) -> String {
    at.timestamp().map_or_else(|| MISSING.into(), |t| t.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated_and_zero_has_no_sign() {
        assert_eq!(number(0.0, 0), "0");
        assert_eq!(number(999.95, 1), "1,000.0");
        assert_eq!(number(1_234_567.891, 2), "1,234,567.89");
        assert_eq!(number(-1234.5, 1), "-1,234.5");
        assert_eq!(number(-0.001, 2), "0.00");
    }

    #[test]
    fn an_age_has_at_most_two_units() {
        assert_eq!(age(Duration::from_secs(119)), "119 s");
        assert_eq!(age(Duration::from_secs(3_599)), "59 min");
        assert_eq!(age(Duration::from_secs(7_500)), "2 h 05 min");
        assert_eq!(age(Duration::from_secs(187_300)), "2 d 4 h");
    }

    #[test]
    fn a_sum_with_a_gap_is_missing_or_says_that_it_is_partial() {
        let parts = [Some((2.0, Quality::Measured)), None];
        assert_eq!(add(parts), None);
        assert_eq!(add_known(parts), Some((2.0, Quality::Estimated)));
        assert_eq!(add_known([None, None]), None);
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        assert_eq!(ratio(Some((5.0, Quality::Measured)), Some((0.0, Quality::Measured))), None);
    }
}
