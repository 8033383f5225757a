//! A reading as JSON: the value with its quality and source, or the reason why there is none.

use std::time::Duration;

use serde::Serialize;

use crate::reading::{Missing, Quality, Read};
use crate::site::{Current, Sum};

/// Serialises as one of two shapes, told apart by the key `missing`.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Value<N> {
    Read {
        value: N,
        quality: &'static str,
        /// Field or method that gave the value.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<&'static str>,
        /// Only where the value has an age of its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        age_s: Option<u64>,
        /// Sums: units that gave a value per unit that should have.
        #[serde(skip_serializing_if = "Option::is_none")]
        coverage: Option<f64>,
    },
    Missing {
        missing: &'static str,
    },
}

/// A report whose readings share one age.
#[derive(Clone, Copy)]
pub struct Report<'a, R> {
    /// `None` if there is none, or if it is too old to be shown.
    pub report: Option<&'a R>,
    /// The latest exchange did not confirm the report.
    pub stale: bool,
    /// Why the latest exchange gave nothing.
    pub missing: Option<Missing>,
}

impl<R> Report<'_, R> {
    pub fn read<T, N>(&self, pick: impl Fn(&R) -> Read<T>, number: impl Fn(T) -> N) -> Value<N> {
        match self.report.map(pick) {
            Some(value) => read(value, if self.stale { Quality::Stale } else { Quality::Measured }, number),
            None => missing(self.missing.unwrap_or(Missing::NotYet)),
        }
    }
}

/// A reading that is no better than `at_best`.
pub fn read<T, N>(value: Read<T>, at_best: Quality, number: impl Fn(T) -> N) -> Value<N> {
    match value {
        Ok(r) => Value::Read {
            value: number(r.value),
            quality: r.quality.max(at_best).as_str(),
            source: Some(r.source),
            age_s: None,
            coverage: None,
        },
        Err(why) => missing(why),
    }
}

/// A value with an age of its own.
pub fn current<T: Copy, N>(value: &Current<T>, number: impl Fn(T) -> N) -> Value<N> {
    match value {
        Ok(a) => Value::Read {
            value: number(a.value),
            quality: a.quality.as_str(),
            source: Some(a.source),
            age_s: Some(secs(a.age)),
            coverage: None,
        },
        Err(why) => missing(*why),
    }
}

/// A sum over the units of a block.
pub fn sum<T: Copy, N>(value: &Sum<T>, number: impl Fn(T) -> N) -> Value<N> {
    match value {
        Ok(t) => Value::Read {
            value: number(t.value),
            quality: t.quality.as_str(),
            source: None,
            age_s: None,
            coverage: Some(t.coverage.get()),
        },
        Err(why) => missing(*why),
    }
}

pub fn missing<N>(why: Missing) -> Value<N> {
    Value::Missing { missing: why.as_str() }
}

/// Whole seconds; an age is no more exact than that.
pub fn secs(age: Duration) -> u64 {
    age.as_secs()
}
