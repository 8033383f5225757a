//! GPUs of a host that already runs an exporter: its `/metrics` page in Prometheus text format.
//!
//! Families, labels and units of each exporter are in a file of its own, [`dcgm`] and [`amd`]; here are
//! the page, its limits, and what must be remembered from one page to the next.

use std::time::Duration;

use super::{GpuHostConfig, GpuReader, Host, amd, dcgm};
use crate::clock::Now;
use crate::http::Http;
use crate::reading::{GpuSample, Missing, Sample};
use crate::sources::{Failure, Fetch, Schedule, Source};

pub(super) mod board;
mod exposition;
mod memory;

pub(super) use self::exposition::Row;
use self::memory::Memory;

const DEADLINE: Duration = Duration::from_secs(5);

/// A page of 8 GPUs with pods and MIG instances has some 70 kB.
const PAGE_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// Several times what the largest hosts hold. A page of tens of thousands would only cost time.
const MAX_GPUS: usize = 256;

/// One GPU host behind its exporter.
pub struct ExporterSource {
    host: Host,
    read: GpuReader,
    url: Option<String>,
    http: Http,
    memory: Memory,
}

impl ExporterSource {
    pub fn new(config: &GpuHostConfig, http: Http) -> Self {
        Self {
            host: Host::new(config),
            read: config.read,
            url: config.url.clone(),
            http,
            memory: Memory::default(),
        }
    }
}

impl Source for ExporterSource {
    fn id(&self) -> &str {
        &self.host.id
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.host.interval, deadline: DEADLINE }
    }

    fn fetch(&mut self, _now: Now) -> Fetch<'_> {
        Box::pin(async {
            let Some(url) = &self.url else {
                return Err(Failure::new(Missing::NotConfigured, "an exporter needs a url"));
            };
            let reply = self.http.get(url, &[], PAGE_LIMIT_BYTES).await?;
            let page = match self.read {
                GpuReader::Amd => amd::parse(&reply.body, &self.host.name)?,
                GpuReader::Dcgm | GpuReader::Nvml | GpuReader::Node => dcgm::parse(&reply.body)?,
            };
            Ok(self.host.sample(Ok(self.memory.complete(page))))
        })
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.host.sample(Err(why))
    }
}

/// What one page says.
#[derive(Debug)]
pub struct Page {
    /// In the order in which they first appear.
    pub gpus: Vec<GpuSample>,
    /// The newest XID error of each GPU by its place in `gpus`; 0 is none. Empty where the page does
    /// not tell.
    pub last_xids: Vec<(usize, u32)>,
    /// Energy counters of these boards are known to run backwards.
    pub doubtful_energy: bool,
}

/// What is wrong with a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    #[error("the page is not UTF-8")]
    NotText,
    #[error("line {line} of the page is not Prometheus text")]
    NotExposition { line: usize },
    #[error("the last line of the page does not end")]
    CutOff,
    #[error("the page shows more than {MAX_GPUS} GPUs, which no host holds")]
    TooManyGpus,
    #[error("the page shows no GPU: the exporter has not collected yet, or exports other fields")]
    NoGpus,
}

impl From<PageError> for Failure {
    fn from(error: PageError) -> Self {
        let reason = match error {
            PageError::NotText | PageError::NotExposition { .. } => Missing::Garbage,
            PageError::CutOff => Missing::CutOff,
            PageError::TooManyGpus => Missing::Implausible,
            PageError::NoGpus => Missing::NotReported,
        };
        Failure::new(reason, error.to_string())
    }
}
