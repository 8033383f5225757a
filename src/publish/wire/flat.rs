//! One flat JSON object, and the rules that every key of every payload follows.
//!
//! - A key is `<base>_<unit>`; what is said about the value hangs on the base: `<base>_quality` where
//!   it is not measured, `<base>_coverage` for sums, `<base>_age_s` for values that age, and
//!   `<base>_missing` with the reason *instead of* the value where there is none.
//! - Counts are integers; everything else has a decimal point and at most six decimals, never an
//!   exponent: some consumers take the type of a column from the first value they see.

use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::UnixMs;
use crate::reading::{Missing, Quality, Read};
use crate::site::{Current, Sum};
use crate::units::Sats;

/// Version of the payloads. Keys may be added within a version; none changes its meaning.
pub const VERSION: i128 = 1;

/// A number on its way into a payload.
#[derive(Debug, Clone, Copy)]
pub enum Figure {
    /// A count, a time stamp or satoshis.
    Whole(i128),
    Real(f64),
}

impl From<u32> for Figure {
    fn from(n: u32) -> Self {
        Figure::Whole(n.into())
    }
}

impl From<u64> for Figure {
    fn from(n: u64) -> Self {
        Figure::Whole(n.into())
    }
}

impl From<Sats> for Figure {
    fn from(sats: Sats) -> Self {
        Figure::Whole(sats.0.into())
    }
}

impl From<f64> for Figure {
    fn from(value: f64) -> Self {
        Figure::Real(value)
    }
}

/// Whether `payload` begins as those of `site` do; else somebody else has made it.
pub fn is_of(site: &str, payload: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head<'a> {
        v: i128,
        #[serde(borrow)]
        site: Cow<'a, str>,
    }
    serde_json::from_slice::<Head<'_>>(payload).is_ok_and(|head| head.v == VERSION && head.site == site)
}

/// A JSON object under construction.
#[derive(Debug)]
pub struct Flat {
    json: String,
}

impl Flat {
    /// A row inside a payload.
    pub fn row() -> Self {
        Self { json: "{".to_owned() }
    }

    pub fn new(site: &str, ts: UnixMs) -> Self {
        let mut flat = Self { json: String::with_capacity(512) };
        flat.json.push('{');
        flat.figure("v", Figure::Whole(VERSION));
        flat.time("ts", ts);
        flat.text("site", site);
        flat
    }

    /// Several objects as one payload.
    pub fn array(rows: impl Iterator<Item = Flat>) -> Vec<u8> {
        format!("[{}]", joined(rows)).into_bytes()
    }

    /// Bytes so far, without the closing brace.
    pub fn len(&self) -> usize {
        self.json.len()
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.json.push('}');
        self.json.into_bytes()
    }

    pub fn text(&mut self, key: &str, text: &str) {
        let quoted = serde_json::Value::from(text).to_string();
        self.entry(key, &quoted);
    }

    /// A word that a machine or the operator may have said.
    pub fn word(&mut self, key: &str, word: Option<&str>) {
        if let Some(word) = word {
            self.text(key, word);
        }
    }

    /// A number, if there is one.
    pub fn known(&mut self, key: &str, count: Option<impl Into<Figure>>) {
        if let Some(count) = count {
            self.figure(key, count);
        }
    }

    /// Yes or no, if it is known.
    pub fn flag(&mut self, key: &str, flag: Option<bool>) {
        if let Some(flag) = flag {
            self.entry(key, if flag { "true" } else { "false" });
        }
    }

    /// A list of texts.
    pub fn texts<'a>(&mut self, key: &str, texts: impl Iterator<Item = &'a str>) {
        let quoted: Vec<String> = texts.map(|text| serde_json::Value::from(text).to_string()).collect();
        self.entry(key, &format!("[{}]", quoted.join(",")));
    }

    /// A list of flat objects.
    pub fn rows(&mut self, key: &str, rows: impl Iterator<Item = Flat>) {
        self.entry(key, &format!("[{}]", joined(rows)));
    }

    pub fn time(&mut self, key: &str, at: UnixMs) {
        self.figure(key, Figure::Whole(at.0.into()));
    }

    pub fn figure(&mut self, key: &str, figure: impl Into<Figure>) {
        match figure.into() {
            Figure::Whole(n) => self.entry(key, &n.to_string()),
            Figure::Real(value) => self.entry(key, &decimal(value)),
        }
    }

    /// A value, or why there is none.
    pub fn read<T: Copy, F: Into<Figure>>(
        &mut self,
        base: &str,
        unit: &str,
        read: &Read<T>,
        figure: impl Fn(T) -> F,
    ) {
        match read {
            Ok(reading) => self.value(base, unit, reading.quality, figure(reading.value)),
            Err(why) => self.missing(base, *why),
        }
    }

    /// A sum, with the share of its parts that is in it.
    pub fn sum<T: Copy, F: Into<Figure>>(
        &mut self,
        base: &str,
        unit: &str,
        sum: &Sum<T>,
        figure: impl Fn(T) -> F,
    ) {
        match sum {
            Ok(total) => {
                self.value(base, unit, total.quality, figure(total.value));
                self.figure(&format!("{base}_coverage"), total.coverage.get());
            }
            Err(why) => self.missing(base, *why),
        }
    }

    /// A value that ages.
    pub fn current<T: Copy, F: Into<Figure>>(
        &mut self,
        base: &str,
        unit: &str,
        current: &Current<T>,
        figure: impl Fn(T) -> F,
    ) {
        match current {
            Ok(aged) => {
                self.value(base, unit, aged.quality, figure(aged.value));
                self.age(base, aged.age);
            }
            Err(why) => self.missing(base, *why),
        }
    }

    /// Nothing is said where the value was measured.
    pub fn quality(&mut self, base: &str, quality: Quality) {
        if quality != Quality::Measured {
            self.text(&format!("{base}_quality"), quality.as_str());
        }
    }

    pub fn age(&mut self, base: &str, age: Duration) {
        self.figure(&format!("{base}_age_s"), seconds(age));
    }

    pub fn missing(&mut self, base: &str, why: Missing) {
        self.text(&format!("{base}_missing"), why.as_str());
    }

    fn value(&mut self, base: &str, unit: &str, quality: Quality, figure: impl Into<Figure>) {
        let figure = figure.into();
        if matches!(figure, Figure::Real(value) if !value.is_finite()) {
            return self.missing(base, Missing::Implausible);
        }
        if unit.is_empty() {
            self.figure(base, figure);
        } else {
            self.figure(&format!("{base}_{unit}"), figure);
        }
        self.quality(base, quality);
    }

    fn entry(&mut self, key: &str, json: &str) {
        if self.json.len() > 1 {
            self.json.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(self.json, "\"{key}\":{json}");
    }
}

fn joined(rows: impl Iterator<Item = Flat>) -> String {
    let rows: Vec<String> = rows.map(|row| row.json + "}").collect();
    rows.join(",")
}

/// To the millisecond: more would only be noise.
pub fn seconds(time: Duration) -> f64 {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).as_secs_f64()
}

/// Beyond this the sixth decimal is finer than the float itself.
const ROUND_BELOW: f64 = 1e9;

fn decimal(value: f64) -> String {
    let rounded = if value.abs() < ROUND_BELOW { (value * 1e6).round() / 1e6 } else { value };
    // Adding zero turns -0.0 into 0.0.
    let mut text = (rounded + 0.0).to_string();
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Reading;

    fn written(fill: impl FnOnce(&mut Flat)) -> String {
        let mut flat = Flat::new("tx01", UnixMs(1_700_000_000_123));
        fill(&mut flat);
        String::from_utf8(flat.finish()).unwrap()
    }

    #[test]
    fn numbers_have_a_decimal_point_and_no_exponent() {
        let cases = [
            (70.0, "70.0"),
            (0.1 + 0.2, "0.3"),
            (-0.000_000_4, "0.0"),
            (0.000_001, "0.000001"),
            (155_973_032_196_071.9, "155973032196071.9"),
            (3e17, "300000000000000000.0"),
            (-12.345_678_9, "-12.345679"),
        ];
        for (value, text) in cases {
            assert_eq!(decimal(value), text);
        }
    }

    #[test]
    fn a_measured_value_is_one_key_and_a_poorer_one_says_so() {
        let json = written(|flat| {
            flat.read("power", "kw", &Ok(Reading::measured(3.5, "psu")), |kw| kw);
            flat.read("temp", "c", &Ok(Reading::estimated(61.0, "guess")), |c| c);
        });
        assert!(json.ends_with(r#""power_kw":3.5,"temp_c":61.0,"temp_quality":"estimated"}"#), "{json}");
    }

    #[test]
    fn a_missing_value_is_its_reason_and_no_number() {
        let json = written(|flat| flat.read("power", "kw", &Err(Missing::Timeout), |kw: f64| kw));
        assert_eq!(json, r#"{"v":1,"ts":1700000000123,"site":"tx01","power_missing":"timeout"}"#);
    }

    #[test]
    fn a_number_that_json_cannot_hold_is_missing() {
        let json = written(|flat| flat.read("x", "", &Ok(Reading::measured(f64::NAN, "?")), |x| x));
        assert!(json.ends_with(r#""x_missing":"implausible"}"#), "{json}");
    }

    #[test]
    fn text_is_escaped() {
        let json = written(|flat| flat.text("model", "S19 \"XP\"\n"));
        assert!(json.ends_with(r#""model":"S19 \"XP\"\n"}"#), "{json}");
    }
}
