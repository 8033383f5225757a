//! What topics tell: messages of the operator's own systems on the daemon's broker.

use std::time::Duration;

use serde_json::Value;

use crate::clock::{Now, UnixMs};
use crate::reading::{Missing, Quality, Sample};
use crate::sources::Failure;

/// Something that one topic tells, again and again. Pure.
pub trait Told {
    /// Unique and stable, for logs: `meter`, `signal/4cp`.
    fn id(&self) -> &str;

    /// Full name, without wildcards.
    fn topic(&self) -> &str;

    /// How often a message is expected. `None`: only when something changes.
    fn interval(&self) -> Option<Duration>;

    /// What a message says.
    ///
    /// # Errors
    /// It does not hold what it should.
    fn read(&self, page: &Value, receipt: Receipt) -> Result<Vec<Sample>, Failure>;

    /// The samples that tell the site that there is no message, or none that can be read.
    fn failed(&self, why: Missing) -> Vec<Sample>;
}

/// How a page came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    pub at: Now,
    /// The broker had kept the message: it is older than its arrival, and nobody knows by how much.
    pub kept: bool,
}

impl Receipt {
    /// Of what was asked for at `at`.
    pub fn answer(at: Now) -> Self {
        Self { at, kept: false }
    }

    /// What a value is worth that was `observed` by its own account.
    pub fn quality(self, observed: Option<UnixMs>) -> Quality {
        if self.kept && observed.is_none() { Quality::Stale } else { Quality::Measured }
    }
}
