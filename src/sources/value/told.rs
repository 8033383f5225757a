//! What a page or a topic of the operator tells.

use std::time::Duration;

use serde_json::Value;

use crate::clock::{Now, UnixMs};
use crate::reading::{Missing, Quality, Sample};
use crate::sources::Failure;

/// Something that is told again and again: on request, or on a topic. Pure.
pub trait Told {
    /// Unique and stable, for logs: `meter`, `signal/4cp`.
    fn id(&self) -> &str;

    /// Between two requests, or between two messages as they are expected.
    fn interval(&self) -> Duration;

    /// What a page says.
    ///
    /// # Errors
    /// It does not hold what it should.
    fn read(&self, page: &Value, receipt: Receipt) -> Result<Vec<Sample>, Failure>;

    /// The samples that tell the site that there is no page, or none that can be read.
    fn failed(&self, why: Missing) -> Vec<Sample>;
}

/// What is told on a topic of the daemon's broker.
pub struct Topic {
    /// Full name, without wildcards.
    pub name: String,
    pub told: Box<dyn Told>,
}

/// How a page came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    pub at: Now,
    /// The broker had kept the message: it is older than its arrival, and nobody knows by how much.
    pub kept: bool,
}

impl Receipt {
    /// What a value is worth that was `observed` by its own account.
    pub fn quality(self, observed: Option<UnixMs>) -> Quality {
        if self.kept && observed.is_none() { Quality::Stale } else { Quality::Measured }
    }
}
