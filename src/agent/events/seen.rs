//! What there is to tell beside the picture.

use std::path::Path;

use crate::ledger::outbox::News;
use crate::ledger::store::PutBack;
use crate::ledger::{Gap, Row};

/// What the books saw besides the picture.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen<'a> {
    /// Rows of the intervals that have just ended.
    pub rows: &'a [Row],
    /// Why the ledger cannot be written; `None` while it can, or while none is kept.
    pub trouble: Option<&'a str>,
    /// The ledger is open: what is observed goes on to be accrued.
    pub accrues: bool,
    /// How often the wall clock was set back since the start.
    pub steps_back: u32,
    /// Records that were dropped and are to be announced.
    pub gaps: &'a [Gap],
    /// What was found of records that wait, in the order in which it was found.
    pub news: &'a [News],
    /// Where a damaged ledger lies.
    pub set_aside: Option<&'a Path>,
    /// When the ledger was last written back into its place.
    pub put_back: Option<&'a PutBack>,
}
