//! GPUs of a host that already runs NVIDIA's dcgm-exporter: its `/metrics` page.
//!
//! Protocol: Prometheus text format; families and units as in dcgm-exporter's
//! `etc/default-counters.csv`. Rows repeat per MIG instance and per pod, with the value of the whole
//! board on each: a value counts once per UUID.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::exposition::{self, Row};
use super::roster::Roster;
use super::{GpuHostConfig, Host, throttle};
use crate::clock::Now;
use crate::http::Http;
use crate::reading::{GpuSample, GpuState, Missing, Quality, Read, Reading, Sample};
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::{Celsius, Fraction, WattHours, Watts};

const DEADLINE: Duration = Duration::from_secs(5);

/// A page of 8 GPUs with pods and MIG instances has some 70 kB.
const PAGE_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// Several times what the largest hosts hold. A page of tens of thousands would only cost time.
const MAX_GPUS: usize = 256;

const BYTES_PER_MIB: f64 = 1_048_576.0;

/// One GPU host behind its exporter.
pub struct DcgmSource {
    host: Host,
    url: Option<String>,
    http: Http,
    roster: Roster,
}

impl DcgmSource {
    pub fn new(config: &GpuHostConfig, http: Http) -> Self {
        Self { host: Host::new(config), url: config.url.clone(), http, roster: Roster::default() }
    }
}

impl Source for DcgmSource {
    fn id(&self) -> &str {
        &self.host.id
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.host.interval, deadline: DEADLINE }
    }

    fn fetch(&mut self, _now: Now) -> Fetch<'_> {
        Box::pin(async {
            let Some(url) = &self.url else {
                return Err(Failure::new(Missing::NotConfigured, "`read = \"dcgm\"` needs a url"));
            };
            let reply = self.http.get(url, &[], PAGE_LIMIT_BYTES).await?;
            let mut gpus = parse(&reply.body)?;
            self.roster.complete(&mut gpus);
            Ok(self.host.sample(Ok(gpus)))
        })
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.host.sample(Err(why))
    }
}

/// What is wrong with a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DcgmError {
    #[error("the page is not UTF-8")]
    NotText,
    #[error("line {line} of the page is not Prometheus text")]
    NotExposition { line: usize },
    #[error("the last line of the page does not end")]
    CutOff,
    #[error("the page shows more than {MAX_GPUS} GPUs, which no host holds")]
    TooManyGpus,
    #[error("the page shows no GPU: the exporter has not collected yet, or exports no DCGM fields")]
    NoGpus,
}

impl From<DcgmError> for Failure {
    fn from(error: DcgmError) -> Self {
        let reason = match error {
            DcgmError::NotText | DcgmError::NotExposition { .. } => Missing::Garbage,
            DcgmError::CutOff => Missing::CutOff,
            DcgmError::TooManyGpus => Missing::Implausible,
            DcgmError::NoGpus => Missing::NotReported,
        };
        Failure::new(reason, error.to_string())
    }
}

/// Reads a page into one sample per GPU, in the order in which they first appear.
///
/// # Errors
/// The page is no exposition, breaks off, or has no row that names a GPU.
pub fn parse(page: &[u8]) -> Result<Vec<GpuSample>, DcgmError> {
    let text = std::str::from_utf8(page).map_err(|_| DcgmError::NotText)?;
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    let (text, rest) = text.split_at_checked(whole).unwrap_or((text, ""));
    let mut boards: Vec<Board> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let row = exposition::row(line).ok_or(DcgmError::NotExposition { line: index + 1 })?;
        let Some(field) = row.name.strip_prefix("DCGM_FI_DEV_") else { continue };
        // Old-namespace mode spells it in lower case.
        let Some(uuid) = row.label("UUID").or_else(|| row.label("uuid")) else { continue };
        let board = match boards.iter().position(|board| board.uuid == uuid) {
            Some(known) => boards.get_mut(known),
            None if boards.len() >= MAX_GPUS => return Err(DcgmError::TooManyGpus),
            None => {
                boards.push(Board::new(uuid));
                boards.last_mut()
            }
        };
        if let Some(board) = board {
            board.add(field, &row);
        }
    }
    if !rest.is_empty() {
        // A number that is cut off is still a number: only the line break, which the format demands,
        // shows that it is whole. What cannot begin a line was never such a page.
        let begins = |c: char| c == '#' || c == '_' || c == ':' || c.is_ascii_alphabetic();
        let line = text.lines().count() + 1;
        let cut = rest.trim_start().is_empty() || rest.trim_start().starts_with(begins);
        return Err(if cut { DcgmError::CutOff } else { DcgmError::NotExposition { line } });
    }
    if boards.is_empty() {
        return Err(DcgmError::NoGpus);
    }
    Ok(boards.into_iter().map(Board::into_sample).collect())
}

/// What the rows of one UUID say, each field once.
struct Board {
    uuid: String,
    name: Option<String>,
    /// At least one row is of a MIG instance.
    sliced: bool,
    /// By name without `DCGM_FI_DEV_`; `None` stands for rows that hold a sentinel or NaN.
    values: HashMap<String, Option<f64>>,
}

impl Board {
    fn new(uuid: &str) -> Self {
        Self { uuid: uuid.to_owned(), name: None, sliced: false, values: HashMap::new() }
    }

    fn add(&mut self, field: &str, row: &Row<'_>) {
        if self.name.is_none() {
            self.name = row.label("modelName").map(str::to_owned);
        }
        self.sliced |= row.label("GPU_I_ID").is_some_and(|id| !id.is_empty());
        let value = (row.value.is_finite() && !is_sentinel(row.value)).then_some(row.value);
        let known = self.values.entry(field.to_owned()).or_default();
        *known = known.or(value);
    }

    fn value(&self, field: &str) -> Read<f64> {
        match self.values.get(field) {
            Some(Some(value)) => Ok(Reading::measured(*value, "dcgm")),
            // The exporter knows the field and the board has nothing to put there.
            Some(None) => Err(Missing::NotSupported),
            None => Err(Missing::NotReported),
        }
    }

    /// A value of the board as a whole, which rows of MIG instances do not tell.
    fn whole(&self, field: &str) -> Read<f64> {
        if self.sliced { Err(Missing::NotSupported) } else { self.value(field) }
    }

    fn into_sample(self) -> GpuSample {
        let mask = self.clock_event_reasons();
        let state = if throttle::is_throttled(mask) { GpuState::Throttled } else { GpuState::Ok };
        let limit = self.value("ENFORCED_POWER_LIMIT").or_else(|_| self.value("POWER_MGMT_LIMIT"));
        let used = self.whole("FB_USED");
        let name = self.name.as_deref().map(Arc::from);
        GpuSample {
            power: quantity(self.value("POWER_USAGE"), "dcgm.POWER_USAGE", Watts::new),
            power_limit: quantity(limit, "dcgm.power_limit", Watts::new),
            energy: quantity(
                self.value("TOTAL_ENERGY_CONSUMPTION"),
                "dcgm.TOTAL_ENERGY_CONSUMPTION",
                WattHours::from_millijoules,
            ),
            utilisation: quantity(self.whole("GPU_UTIL"), "dcgm.GPU_UTIL", percent),
            memory_used_bytes: quantity(used, "dcgm.FB_USED", bytes),
            memory_total_bytes: self.memory_total(),
            temp_gpu: temperature(self.value("GPU_TEMP"), "dcgm.GPU_TEMP"),
            temp_memory: temperature(self.value("MEMORY_TEMP"), "dcgm.MEMORY_TEMP"),
            throttle: throttle::names(mask),
            ..GpuSample::blank(self.uuid.as_str().into(), name, state, Missing::NotReported)
        }
    }

    /// Zero if the field is not exported, as by default. Newer and older name of the same field.
    fn clock_event_reasons(&self) -> u64 {
        self.value("CLOCKS_EVENT_REASONS")
            .or_else(|_| self.value("CLOCK_THROTTLE_REASONS"))
            .map_or(0, |mask| mask.value as u64)
    }

    /// Used and free add up to the board's memory but for what the driver reserves, which older
    /// exporters do not tell.
    fn memory_total(&self) -> Read<u64> {
        if let Ok(total) = self.whole("FB_TOTAL") {
            return quantity(Ok(total), "dcgm.FB_TOTAL", bytes);
        }
        let seen = self.whole("FB_USED")?.value + self.whole("FB_FREE")?.value;
        match self.whole("FB_RESERVED") {
            Ok(reserved) => {
                let total = Reading::measured(seen + reserved.value, "dcgm");
                quantity(Ok(total), "dcgm.FB_USED+FREE+RESERVED", bytes)
            }
            Err(_) => quantity(Ok(Reading::measured(seen, "dcgm")), "dcgm.FB_USED+FREE", bytes)
                .map(|total| total.at_best(Quality::Estimated)),
        }
    }
}

/// DCGM's words for "blank", "not found", "not supported" and "no permission", which older exporters
/// print as values: the top of each type (go-dcgm, `pkg/dcgm/const.go`).
fn is_sentinel(value: f64) -> bool {
    const INT32: std::ops::RangeInclusive<f64> = 2_147_483_632.0..=2_147_483_635.0;
    const FP64: std::ops::RangeInclusive<f64> = 140_737_488_355_328.0..=140_737_488_355_331.0;
    // 9223372036854775792 to …795 all round to 2^63 as a float.
    const INT64: f64 = 9_223_372_036_854_775_808.0;
    INT32.contains(&value) || FP64.contains(&value) || value >= INT64
}

/// `value` in its unit; negative or impossible is implausible.
fn quantity<T>(value: Read<f64>, source: &'static str, unit: impl Fn(f64) -> Option<T>) -> Read<T> {
    let reading = value?;
    if reading.value < 0.0 {
        return Err(Missing::Implausible);
    }
    let value = unit(reading.value).ok_or(Missing::Implausible)?;
    Ok(Reading { value, quality: reading.quality, source })
}

/// Below zero is a temperature too, where no other quantity here may be.
fn temperature(value: Read<f64>, source: &'static str) -> Read<Celsius> {
    let reading = value?;
    let value = Celsius::new(reading.value).ok_or(Missing::Implausible)?;
    Ok(Reading { value, quality: reading.quality, source })
}

fn percent(percent: f64) -> Option<Fraction> {
    (percent <= 100.0).then(|| Fraction::new(percent / 100.0)).flatten()
}

fn bytes(mib: f64) -> Option<u64> {
    Some((mib * BYTES_PER_MIB) as u64)
}
