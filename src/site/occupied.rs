//! How many GPUs of a hosting are taken, counted among the GPUs themselves.

use std::time::Duration;

use crate::reading::{GpuState, Missing, Quality};

use super::view::{Aged, Current, GpuView};

/// What makes a GPU a taken one. Never its utilisation: a GPU that is rented may idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedBy {
    /// Every GPU of the hosting: all are sold by contract.
    Contract,
    /// A process computes on it. An estimate: who rents a GPU need not run anything.
    Processes,
    /// A pod or a job has it, by the labels of its exporter.
    Pods,
}

/// The count of one hosting.
#[derive(Debug)]
pub(super) struct Counting {
    by: CountedBy,
    taken: u32,
    stale: bool,
    oldest: Duration,
    any: bool,
    /// Why a GPU is not known to be taken or free: then the number is not known either.
    unknown: Option<Missing>,
}

impl Counting {
    pub fn new(by: CountedBy) -> Self {
        Self { by, taken: 0, stale: false, oldest: Duration::ZERO, any: false, unknown: None }
    }

    pub fn add(&mut self, view: &GpuView<'_>) {
        self.any = true;
        match self.is_taken(view) {
            Ok(taken) => self.taken = self.taken.saturating_add(taken.into()),
            Err(why) => self.unknown = self.unknown.or(Some(why)),
        }
        if self.by != CountedBy::Contract {
            self.stale |= view.stale;
            self.oldest = self.oldest.max(view.age.unwrap_or_default());
        }
    }

    /// A host that never told what is in it.
    pub fn unseen(&mut self, why: Missing) {
        if self.by != CountedBy::Contract {
            self.unknown = self.unknown.or(Some(why));
        }
    }

    fn is_taken(&self, view: &GpuView<'_>) -> Result<bool, Missing> {
        let sample = match view.gpu {
            _ if self.by == CountedBy::Contract => return Ok(true),
            // Nobody uses a board that its own host has lost.
            None if view.missing == Some(Missing::Lost) => return Ok(false),
            Some(gpu) if gpu.state == GpuState::Hung => return Err(Missing::Hung),
            Some(gpu) if !gpu.state.works() => return Ok(false),
            None => return Err(view.missing.unwrap_or(Missing::Expired)),
            Some(gpu) => gpu,
        };
        match self.by {
            CountedBy::Processes => {
                sample.facts.processes.map(|processes| processes > 0).ok_or(Missing::NotReported)
            }
            CountedBy::Contract | CountedBy::Pods => {
                sample.allocation.as_ref().map(|holder| holder.is_taken()).ok_or(Missing::NotReported)
            }
        }
    }

    /// # Errors
    /// No GPU was ever seen, or one is not known to be taken or free.
    pub fn finish(self) -> Current<u32> {
        if let Some(why) = self.unknown {
            return Err(why);
        }
        if !self.any {
            return Err(Missing::NotYet);
        }
        let (quality, source) = match self.by {
            CountedBy::Contract => (Quality::Estimated, "contract"),
            CountedBy::Processes => (Quality::Estimated, "processes"),
            CountedBy::Pods => (Quality::Measured, "pods"),
        };
        let quality = if self.stale { Quality::Stale } else { quality };
        Ok(Aged { value: self.taken, quality, source, age: self.oldest })
    }
}
