//! Sources: each is a small file that fetches from one kind of thing and parses what came back.
//!
//! A source knows nothing of schedules, deadlines or the other sources; [`runner`] does. A source
//! that fails says so as data ([`Source::failed`]), so one bad device never fails a sweep.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::clock::Now;
use crate::reading::{Missing, Sample};

pub mod asic;
pub mod gpu;
pub mod host;
pub mod hosting;
pub mod meter;
pub mod network;
pub mod pool;
pub mod price;
pub mod runner;
pub mod signal;
pub mod value;
pub mod web;

/// What [`Source::fetch`] returns. Not `Send`: everything runs on one thread.
pub type Fetch<'a> = Pin<Box<dyn Future<Output = Result<Vec<Sample>, Failure>> + 'a>>;

/// What [`Source::close`] returns.
pub type Closing<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Something that can be asked, again and again.
pub trait Source {
    /// Unique and stable, for logs and health: `asic/10.20.0.7:4028`, `pool/braiins-main`.
    fn id(&self) -> &str;

    /// Asked again after each fetch: it may change.
    fn schedule(&self) -> Schedule;

    /// One exchange. The runner drops the future at the deadline of [`Source::schedule`].
    fn fetch(&mut self, now: Now) -> Fetch<'_>;

    /// However often it failed, it is asked again after this, or after its interval if that is longer.
    fn longest_pause(&self) -> Duration {
        Duration::from_secs(300)
    }

    /// Whether silence is news. An address out of a range may hold nothing at all.
    fn expected(&self) -> bool {
        true
    }

    /// Whether everything was asked that a fetch each did not ask yet: a pool asks its questions one by one.
    fn whole(&self) -> bool {
        true
    }

    /// Lets go of what would outlive this program on the other side, such as a session.
    fn close(&mut self) -> Closing<'_> {
        Box::pin(std::future::ready(()))
    }

    /// The samples that tell the site that a fetch failed.
    fn failed(&self, why: Missing) -> Vec<Sample>;
}

/// When a source is asked, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Between two fetches that succeed.
    pub interval: Duration,
    /// For one whole fetch.
    pub deadline: Duration,
}

/// Why a fetch gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", reason.as_str())]
pub struct Failure {
    pub reason: Missing,
    /// For the log: what was tried and what came back, without secrets.
    pub detail: String,
    /// Do not ask again before this has passed.
    pub retry_after: Option<Duration>,
}

impl Failure {
    pub fn new(reason: Missing, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), retry_after: None }
    }
}
