//! What sources report, and how much each value is worth.
//!
//! A value that was not read is never a number: it is [`Missing`], with the reason. Time is taken
//! once per exchange and lives in [`Batch::at`]; quality and source live with each [`Reading`].

mod asic;
mod gpu;
mod hosting;
mod network;
mod pool;
mod price;
mod reasons;
mod sample;
mod signal;
mod sweep;

pub use asic::{Nameplate, Place};
pub use gpu::*;
pub use hosting::*;
pub use network::*;
pub use pool::*;
pub use price::{FxRate, OWN_VENUE, PowerPriceSample, PriceKind, PriceSlot};
pub use reasons::Reasons;
pub use sample::*;
pub use signal::*;
pub use sweep::Sweep;

/// How far a value can be trusted. Ordered: the worst of several is their maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quality {
    /// Read from the thing itself.
    Measured,
    /// Computed from something else, declared by the operator, or only partly covered.
    Estimated,
    /// Was right once; older than its limit or not confirmed by the latest poll.
    Stale,
}

impl Quality {
    pub fn as_str(self) -> &'static str {
        match self {
            Quality::Measured => "measured",
            Quality::Estimated => "estimated",
            Quality::Stale => "stale",
        }
    }
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Missing {
    /// Nothing was read yet since the start.
    NotYet,
    /// The answer came and does not hold this value.
    NotReported,
    /// The hardware or driver cannot tell.
    NotSupported,
    /// Not configured, so not asked.
    NotConfigured,
    /// No route, host down, or name not found.
    Unreachable,
    /// The host answered with a refusal to connect.
    Refused,
    /// No complete answer before the deadline.
    Timeout,
    /// The answer broke off.
    CutOff,
    /// The answer cannot be read.
    Garbage,
    /// The answer exceeded the byte limit.
    TooLarge,
    /// Login or permission was refused.
    Denied,
    /// The other side reported an error of its own.
    RemoteError,
    /// The value is outside what the hardware can do.
    Implausible,
    /// A GPU fell off the bus.
    Lost,
    /// The GPU driver is not installed or not loaded.
    NoDriver,
    /// A driver call has not returned.
    Hung,
    /// The GPU driver was let go on request.
    Released,
    /// The last value is older than its limit.
    Expired,
    /// The formula has no answer: a share of nothing, a break-even of take-or-pay terms.
    Undefined,
    /// The machine works for another coin: its hashrate is none of bitcoin's.
    OtherAlgorithm,
    /// wattsplit itself had no file or memory left to ask with: it says nothing about the device.
    NoSocket,
}

impl Missing {
    /// Every reason, in the order of the schemas.
    pub const ALL: [Missing; 21] = [
        Missing::NotYet,
        Missing::NotReported,
        Missing::NotSupported,
        Missing::NotConfigured,
        Missing::Unreachable,
        Missing::Refused,
        Missing::Timeout,
        Missing::CutOff,
        Missing::Garbage,
        Missing::TooLarge,
        Missing::Denied,
        Missing::RemoteError,
        Missing::Implausible,
        Missing::Lost,
        Missing::NoDriver,
        Missing::Hung,
        Missing::Released,
        Missing::Expired,
        Missing::Undefined,
        Missing::OtherAlgorithm,
        Missing::NoSocket,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Missing::NotYet => "not_yet",
            Missing::NotReported => "not_reported",
            Missing::NotSupported => "not_supported",
            Missing::NotConfigured => "not_configured",
            Missing::Unreachable => "unreachable",
            Missing::Refused => "refused",
            Missing::Timeout => "timeout",
            Missing::CutOff => "cut_off",
            Missing::Garbage => "garbage",
            Missing::TooLarge => "too_large",
            Missing::Denied => "denied",
            Missing::RemoteError => "remote_error",
            Missing::Implausible => "implausible",
            Missing::Lost => "lost",
            Missing::NoDriver => "no_driver",
            Missing::Hung => "hung",
            Missing::Released => "released",
            Missing::Expired => "expired",
            Missing::Undefined => "undefined",
            Missing::OtherAlgorithm => "other_algorithm",
            Missing::NoSocket => "no_socket",
        }
    }
}

/// A value that was read, with its quality and where it came from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading<T> {
    pub value: T,
    pub quality: Quality,
    /// Field or method that gave the value, such as `summary.GHS 5s`.
    pub source: &'static str,
}

/// A value or the reason why there is none.
pub type Read<T> = Result<Reading<T>, Missing>;

impl<T> Reading<T> {
    pub fn measured(value: T, source: &'static str) -> Self {
        Self { value, quality: Quality::Measured, source }
    }

    pub fn estimated(value: T, source: &'static str) -> Self {
        Self { value, quality: Quality::Estimated, source }
    }

    /// The same value, no better than `quality`.
    pub fn at_best(self, quality: Quality) -> Self {
        Self { quality: self.quality.max(quality), ..self }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Reading<U> {
        Reading { value: f(self.value), quality: self.quality, source: self.source }
    }
}

/// The same reading, no better than `quality`; what is missing stays so.
pub fn at_best<T>(read: Read<T>, quality: Quality) -> Read<T> {
    read.map(|reading| reading.at_best(quality))
}
