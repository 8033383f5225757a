//! What platforms say of the hostings on them.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::{Missing, Read};
use crate::clock::UnixMs;
use crate::units::{Usd, UsdPerHour};

/// A marketplace that rents out the operator's GPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// Vast.ai.
    Vast,
    /// RunPod.
    Runpod,
}

impl Platform {
    pub fn as_str(self) -> &'static str {
        match self {
            Platform::Vast => "vast",
            Platform::Runpod => "runpod",
        }
    }
}

/// One look at what a hosting has earned by its platform's statement.
#[derive(Debug, Clone)]
pub struct EarningsSample {
    pub hosting: Arc<str>,
    pub interval: Duration,
    pub report: Result<Earnings, Missing>,
}

/// A platform's statement. It holds amounts and days, and nothing of who rents or who is paid.
#[derive(Debug, Clone, PartialEq)]
pub struct Earnings {
    pub platform: Platform,
    /// UTC days that are over, newest first. A day that the platform does not state is not here.
    pub days: Vec<EarnedDay>,
    /// Net of the fee, for the running UTC day so far: the platform goes on to count.
    pub today: Read<Usd>,
}

/// What a platform states for one UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarnedDay {
    /// Its start.
    pub day: UnixMs,
    /// As stated, micro-dollars.
    pub gross_micro_usd: i64,
    /// What the platform keeps of that, micro-dollars.
    pub fee_micro_usd: i64,
}

impl EarnedDay {
    pub fn net_micro_usd(&self) -> i64 {
        self.gross_micro_usd.saturating_sub(self.fee_micro_usd)
    }
}

/// The price that the operator lists for one GPU-hour.
#[derive(Debug, Clone)]
pub struct GpuPriceSample {
    pub hosting: Arc<str>,
    pub interval: Duration,
    /// For one GPU.
    pub usd_per_gpu_h: Read<UsdPerHour>,
}

/// What the market asks for GPUs like those of a hosting. For comparison: it is nobody's income.
#[derive(Debug, Clone)]
pub struct MarketSample {
    pub hosting: Arc<str>,
    pub interval: Duration,
    pub price: Read<MarketPrice>,
}

/// An asking price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarketPrice {
    /// For one GPU.
    pub usd_per_gpu_h: UsdPerHour,
    /// Offers that it is the median of; `None`: it is a list price.
    pub offers: Option<u32>,
}
