//! How one period of polls went.

use std::time::Duration;

use super::Reasons;

/// One period, in which every miner that is well has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// How long it was: the longest interval of all, more if nothing moved meanwhile.
    pub length: Duration,
    /// Turns that came.
    pub due: u32,
    /// Polls that ended, well or not.
    pub polled: u32,
    /// Of those, the ones that ended after the next turn of their source; and turns that were missed.
    pub late: u32,
    /// Polls that gave nothing.
    pub failed: Reasons,
    /// From the turn to the end of the poll, the median: at most a fifth too long.
    pub delay_p50: Duration,
    pub delay_max: Duration,
}
