//! Signals from outside: of the grid, its operator or an aggregator.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::{Missing, Quality};
use crate::clock::UnixMs;
use crate::units::UsdPerMwh;

/// One look at a signal.
#[derive(Debug, Clone)]
pub struct SignalSample {
    /// Name from the config.
    pub name: Arc<str>,
    pub kind: SignalKind,
    /// What is paid for each MWh that is not drawn while it is on, if the operator says so.
    pub credit: Option<UsdPerMwh>,
    /// How often it is told; it ages by this.
    pub interval: Duration,
    /// When it was so by its own account, if it says so.
    pub observed: Option<UnixMs>,
    pub report: Result<SignalReport, Missing>,
}

/// What a signal says.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalReport {
    pub quality: Quality,
    pub says: Says,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Says {
    /// It is on or off now.
    Now(bool),
    /// When it is on.
    Windows {
        /// In order of `start`; none touches the next.
        on: Vec<Window>,
        /// Nothing is told of what is later. `None`: whatever is in no window is off.
        until: Option<UnixMs>,
    },
}

/// `start <= t < end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub start: UnixMs,
    /// `None`: until further notice.
    pub end: Option<UnixMs>,
}

/// What a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// The grid asks for less.
    Curtailment,
    /// An interval that sets next year's transmission charge.
    CoincidentPeak,
    /// A program that pays for what is not drawn.
    DemandResponse,
}

impl SignalKind {
    pub fn as_str(self) -> &'static str {
        match self {
            SignalKind::Curtailment => "curtailment",
            SignalKind::CoincidentPeak => "coincident_peak",
            SignalKind::DemandResponse => "demand_response",
        }
    }
}
