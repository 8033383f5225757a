//! The price of power: slots, and what their prices are made of.

use std::time::Duration;

use super::{Missing, Quality};
use crate::clock::UnixMs;
use crate::units::{Currency, UsdPerMwh};

/// The venue that a system of the operator's own is.
pub const OWN_VENUE: &str = "own";

/// Slots of the power price, in order of `start`, from one tariff.
#[derive(Debug, Clone)]
pub struct PowerPriceSample {
    pub interval: Duration,
    /// Kind of the tariff, such as `tariff.fixed`.
    pub source: &'static str,
    /// What [`PriceSlot::market_per_mwh`] is in.
    pub currency: Currency,
    /// What turned it into US dollars. Absent: nothing had to.
    pub rate: Option<FxRate>,
    pub slots: Result<Vec<PriceSlot>, Missing>,
}

/// Price of energy for `start <= t < end`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PriceSlot {
    pub start: UnixMs,
    pub end: UnixMs,
    /// All-in.
    pub price: UsdPerMwh,
    /// Before adders and tax, per megawatt-hour in the currency of its sample.
    pub market_per_mwh: f64,
    /// `None`: the source does not say.
    pub kind: Option<PriceKind>,
}

/// How final a price is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceKind {
    /// What the bill will say: a tariff, or a market's price after the time it is for.
    Settled,
    /// The result of an auction that took place the day before.
    DayAhead,
    /// Another interval's or an unverified price, for want of the one that will be settled.
    Indicative,
}

impl PriceKind {
    pub fn as_str(self) -> &'static str {
        match self {
            PriceKind::Settled => "settled",
            PriceKind::DayAhead => "day_ahead",
            PriceKind::Indicative => "indicative",
        }
    }

    /// Whether the price is known for the whole of its slot: being asked again would not change it.
    pub fn is_final(self) -> bool {
        match self {
            PriceKind::Settled | PriceKind::DayAhead => true,
            PriceKind::Indicative => false,
        }
    }
}

/// What one unit of a currency costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FxRate {
    pub usd_per_unit: f64,
    /// `Estimated` where the operator states it.
    pub quality: Quality,
    /// Monotonic time from which on it is too old. `None`: it does not age.
    pub good_until: Option<Duration>,
}
