//! What of the inputs cannot be right, as it is seen where they come in.

use std::time::Duration;

use crate::units::Usd;

/// At one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Doubts {
    /// Of each source whose values have a time of their own: how far its clock is ahead of this machine's. Zero
    /// while that is no more than five minutes.
    pub clocks_ahead: Vec<(String, Duration)>,
    /// A price of the operator's own that is not used.
    pub own_price: Option<PriceDoubt>,
    /// The counter of the meter goes on by so many times what its power makes: it is in another unit, and left out.
    pub counter_off_by: Option<f64>,
}

/// A price of bitcoin that was told, and what speaks against it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PriceDoubt {
    pub told: Usd,
    pub against: Usd,
    /// `against` is the nearest quote of a venue; else it is what was told before.
    pub by_venue: bool,
}
