//! The keys of one flat object, read by the rules that `flat.rs` writes them by.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::reading::{Missing, Quality, Read, Reading};

/// Longer ones are cut: no name has so many bytes.
const MOST_TEXT_BYTES: usize = 256;
/// Longer times are none.
const MOST_SECONDS: f64 = 1e7;
/// Of every value that a node has read. What it read it from is its own affair.
const SOURCE: &str = "node";

/// One flat object.
#[derive(Debug, serde::Deserialize)]
#[serde(transparent)]
pub struct Row(Map<String, Value>);

impl Row {
    pub fn text(&self, key: &str) -> Option<&str> {
        let text = self.0.get(key)?.as_str()?;
        Some(&text[..text.floor_char_boundary(MOST_TEXT_BYTES)])
    }

    pub fn shared(&self, key: &str) -> Option<Arc<str>> {
        self.text(key).map(Arc::from)
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        self.0.get(key)?.as_bool()
    }

    pub fn count<T: TryFrom<u64>>(&self, key: &str) -> Option<T> {
        T::try_from(self.0.get(key)?.as_u64()?).ok()
    }

    /// Finite: JSON has no other numbers.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.0.get(key)?.as_f64()
    }

    pub fn seconds(&self, key: &str) -> Option<Duration> {
        let seconds = self.number(key).filter(|seconds| (0.0..=MOST_SECONDS).contains(seconds))?;
        Some(Duration::from_secs_f64(seconds))
    }

    /// A list of flat objects.
    pub fn rows(&self, key: &str) -> Option<Vec<Row>> {
        let rows = self.0.get(key)?.as_array()?.iter();
        rows.map(|row| row.as_object().cloned().map(Row)).collect()
    }

    /// One of a closed set of words.
    pub fn choice<T: Copy>(&self, key: &str, all: &[T], word: fn(T) -> &'static str) -> Option<T> {
        let told = self.text(key)?;
        all.iter().copied().find(|choice| word(*choice) == told)
    }

    /// Why `base` has no value; `None` if the row does not say that it has none.
    pub fn why(&self, base: &str) -> Option<Missing> {
        let key = format!("{base}_missing");
        // A reason that a newer node knows.
        self.text(&key)
            .map(|_| self.choice(&key, &Missing::ALL, Missing::as_str).unwrap_or(Missing::RemoteError))
    }

    pub fn read<T>(&self, base: &str, unit: &str, value: impl Fn(f64) -> Option<T>) -> Read<T> {
        self.value(base, unit, |key| self.number(key).map(&value))
    }

    /// Of what is never below zero.
    pub fn read_amount<T>(&self, base: &str, unit: &str, value: impl Fn(f64) -> Option<T>) -> Read<T> {
        self.read(base, unit, |number| (number >= 0.0).then(|| value(number)).flatten())
    }

    pub fn read_count<T: TryFrom<u64>>(&self, base: &str, unit: &str) -> Read<T> {
        self.value(base, unit, |key| self.0.get(key)?.as_u64().map(|count| T::try_from(count).ok()))
    }

    fn value<T>(&self, base: &str, unit: &str, value: impl Fn(&str) -> Option<Option<T>>) -> Read<T> {
        if let Some(why) = self.why(base) {
            return Err(why);
        }
        let told = if unit.is_empty() { value(base) } else { value(&format!("{base}_{unit}")) };
        let value = told.ok_or(Missing::NotReported)?.ok_or(Missing::Implausible)?;
        const ALL: [Quality; 3] = [Quality::Measured, Quality::Estimated, Quality::Stale];
        let quality = match self.text(&format!("{base}_quality")) {
            None => Quality::Measured,
            // A word that nobody knows is no better than the worst.
            Some(told) => ALL.into_iter().find(|quality| quality.as_str() == told).unwrap_or(Quality::Stale),
        };
        Ok(Reading { value, quality, source: SOURCE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;
    use crate::publish::wire::flat::Flat;
    use crate::units::Watts;

    fn through(fill: impl FnOnce(&mut Flat)) -> Row {
        let mut flat = Flat::new("tx01", UnixMs(0));
        fill(&mut flat);
        serde_json::from_slice(&flat.finish()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_with_its_quality_or_its_reason() {
        let told = [
            Ok(Reading { value: Watts::new(612.25).unwrap(), quality: Quality::Measured, source: SOURCE }),
            Ok(Reading { value: Watts::ZERO, quality: Quality::Estimated, source: SOURCE }),
            Ok(Reading { value: Watts::ZERO, quality: Quality::Stale, source: SOURCE }),
        ];
        for read in told.into_iter().chain(Missing::ALL.map(Err)) {
            assert_eq!(
                through(|flat| flat.read("power", "w", &read, Watts::get)).read("power", "w", Watts::new),
                read
            );
        }
    }

    #[test]
    fn what_is_absent_of_another_type_or_impossible_is_missing_and_never_zero() {
        let row = through(|flat| {
            flat.text("a_w", "612");
            flat.figure("b_w", -1.0);
            flat.figure("c", 1e12);
        });
        assert_eq!(row.read("none", "w", Watts::new), Err(Missing::NotReported));
        assert_eq!(row.read("a", "w", Watts::new), Err(Missing::NotReported));
        assert_eq!(row.read_amount("b", "w", Watts::new), Err(Missing::Implausible));
        assert_eq!((row.count::<u32>("c"), row.seconds("c"), row.seconds("b_w")), (None, None, None));
    }

    #[test]
    fn a_word_of_a_newer_node_is_no_better_than_it_must_be() {
        let row = through(|flat| {
            flat.text("power_missing", "melted");
            flat.figure("temp_c", 60.0);
            flat.text("temp_quality", "divined");
        });
        assert_eq!(row.read("power", "w", Watts::new), Err(Missing::RemoteError));
        assert_eq!(row.read("temp", "c", Some).map(|temp| temp.quality), Ok(Quality::Stale));
    }
}
