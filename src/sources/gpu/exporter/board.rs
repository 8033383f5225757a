//! Rows of a page put together by board.
//!
//! Rows repeat per instance, partition and pod, with the value of the whole board on each: a value
//! counts once per board.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::exposition::{Row, each_row};
use super::{MAX_GPUS, PageError};
use crate::reading::{Allocation, Missing, Read, Reading};
use crate::units::{Celsius, Fraction};

/// Holders of one board that are named; the others are only told to be there. A board has at most
/// seven MIG instances.
const MAX_HOLDERS: usize = 8;

const BYTES_PER_MIB: f64 = 1_048_576.0;

/// Puts the rows of a page together. `field` is the name of a row's value and the identity of its
/// board; `None` for rows of something else. `note` takes what the labels tell beside that, and gives
/// the value, or `None` where the number stands for "no value".
///
/// # Errors
/// The page is no exposition, breaks off, shows no board or too many.
pub(in super::super) fn boards(
    page: &[u8],
    field: impl for<'r> Fn(&'r Row<'_>) -> Option<(String, &'r str)>,
    note: impl Fn(&mut Board, &Row<'_>) -> Option<f64>,
) -> Result<Vec<Board>, PageError> {
    let mut boards: Vec<Board> = Vec::new();
    each_row(page, |row| {
        let Some((field, id)) = field(&row) else { return Ok(()) };
        let board = match boards.iter().position(|board| board.id == id) {
            Some(known) => boards.get_mut(known),
            None if boards.len() >= MAX_GPUS => return Err(PageError::TooManyGpus),
            None => {
                boards.push(Board { id: id.to_owned(), ..Board::default() });
                boards.last_mut()
            }
        };
        if let Some(board) = board {
            let value = note(board, &row).filter(|value| value.is_finite());
            let known = board.values.entry(field).or_default();
            *known = known.or(value);
        }
        Ok(())
    })?;
    if boards.is_empty() { Err(PageError::NoGpus) } else { Ok(boards) }
}

/// What the rows of one board say, each field once.
#[derive(Debug, Default)]
pub(in super::super) struct Board {
    pub id: String,
    /// Instances or partitions that rows are of.
    pub parts: BTreeSet<String>,
    holders: Holders,
    texts: HashMap<&'static str, Arc<str>>,
    /// `None` stands for rows that hold no value.
    values: HashMap<String, Option<f64>>,
}

impl Board {
    /// Remembers the first text that is not empty.
    pub fn note_text(&mut self, key: &'static str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.texts.entry(key).or_insert_with(|| text.into());
        }
    }

    pub fn text(&self, key: &str) -> Option<Arc<str>> {
        self.texts.get(key).cloned()
    }

    /// Remembers who has the board, or the part of it that `row` is of.
    pub fn note_holders(&mut self, row: &Row<'_>, labels: &HolderLabels) {
        let Holders { told, namespace, pod, container, job } = &mut self.holders;
        let all = [
            (namespace, labels.namespace),
            (pod, labels.pod),
            (container, labels.container),
            (job, labels.job),
        ];
        for (names, spellings) in all {
            let Some(name) = spellings.iter().find_map(|label| row.label(label)) else { continue };
            *told = true;
            if !name.is_empty() && names.len() < MAX_HOLDERS && names.iter().all(|known| known != name) {
                names.push(name.to_owned());
            }
        }
    }

    /// Of all its parts together. `None`: no row has such a label, not even an empty one.
    pub fn allocation(&self) -> Option<Arc<Allocation>> {
        let joined = |names: &[String]| (!names.is_empty()).then(|| names.join(",").into());
        let Holders { told, namespace, pod, container, job } = &self.holders;
        told.then(|| {
            Arc::new(Allocation {
                namespace: joined(namespace),
                pod: joined(pod),
                container: joined(container),
                job: joined(job),
            })
        })
    }

    pub fn value(&self, field: &str, source: &'static str) -> Read<f64> {
        match self.values.get(field) {
            Some(Some(value)) => Ok(Reading::measured(*value, source)),
            // The exporter knows the field and the board has nothing to put there.
            Some(None) => Err(Missing::NotSupported),
            None => Err(Missing::NotReported),
        }
    }

    /// A value of the board as a whole, which rows of its parts do not tell.
    pub fn whole(&self, field: &str, source: &'static str) -> Read<f64> {
        if self.parts.is_empty() { self.value(field, source) } else { Err(Missing::NotSupported) }
    }

    /// A whole number of no unit, or of one that its caller knows.
    pub fn count(&self, field: &str) -> Option<u64> {
        let value = self.values.get(field).copied().flatten()?;
        (value >= 0.0 && value.fract() == 0.0).then_some(value as u64)
    }

    pub fn count_u32(&self, field: &str) -> Option<u32> {
        self.count(field).and_then(|count| u32::try_from(count).ok())
    }

    pub fn celsius(&self, field: &str) -> Option<Celsius> {
        self.values.get(field).copied().flatten().and_then(Celsius::new)
    }
}

/// The labels that name who has a GPU, in every spelling.
pub(in super::super) struct HolderLabels {
    pub namespace: &'static [&'static str],
    pub pod: &'static [&'static str],
    pub container: &'static [&'static str],
    pub job: &'static [&'static str],
}

#[derive(Debug, Default)]
struct Holders {
    /// A row has such a label, be it empty.
    told: bool,
    namespace: Vec<String>,
    pod: Vec<String>,
    container: Vec<String>,
    job: Vec<String>,
}

/// `value` in its unit; negative or impossible is implausible.
pub(in super::super) fn quantity<T>(value: Read<f64>, unit: impl Fn(f64) -> Option<T>) -> Read<T> {
    let reading = value?;
    if reading.value < 0.0 {
        return Err(Missing::Implausible);
    }
    temperature(Ok(reading), unit)
}

/// Below zero is a temperature too, where no other quantity here may be.
pub(in super::super) fn temperature<T>(value: Read<f64>, unit: impl Fn(f64) -> Option<T>) -> Read<T> {
    let reading = value?;
    let value = unit(reading.value).ok_or(Missing::Implausible)?;
    Ok(Reading { value, quality: reading.quality, source: reading.source })
}

pub(in super::super) fn percent(percent: f64) -> Option<Fraction> {
    (percent <= 100.0).then(|| Fraction::new(percent / 100.0)).flatten()
}

pub(in super::super) fn bytes(mib: f64) -> Option<u64> {
    Some((mib * BYTES_PER_MIB) as u64)
}
