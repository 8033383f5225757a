//! What each block drew, earned and cost, kept for good.
//!
//! [`accrual`] turns the split of the moment into one row per block and interval of five minutes;
//! [`store`] keeps the rows in SQLite, on a thread of its own, and beside them what the pools have
//! settled. Money is integers (micro-dollars, satoshis) and energy is whole watt-hours. What was not
//! observed is not invented: a row says how much of its time it covers, and holds no amount below
//! half. No row is ever changed: a correction is a new row that names the old one.
//!
//! [`site`] does for a site with a power meter what [`accrual`] does for the blocks, and [`decision`] for
//! the margins of what runs, of always-on and of the optimum; [`hosting`] keeps the parts of what hostings
//! earned, and [`device_hashrate`] what the devices of each pool hashed. What is sent because of a row is composed
//! inside the transaction that writes it ([`Outlet`]), and waits in the [`outbox`] until the brokers have it.
//!
//! [`query`] reads the file while it is written, [`rollup`] sums intervals to hours and days, and
//! [`reconcile`] holds what was accrued against what a pool settled and what the meter counted.

pub mod accrual;
pub mod decision;
pub mod device_hashrate;
pub mod earning;
pub mod hosting;
mod journal;
pub mod meter;
mod observation;
pub mod outbox;
mod outlet;
pub mod query;
pub mod reconcile;
pub mod rollup;
pub mod site;
pub mod sqlite;
pub mod store;

pub use journal::{AdviceRecord, Event, EventKind, Severity, StoredEvent};
pub use outbox::{Gap, RecordClass};
pub use outlet::{Compose, Destination, Fresh, Message, Outlet, SettledNews};

use crate::clock::UnixMs;
use crate::economics::Class;
use crate::reading::{Missing, Quality, SettledKind};
use crate::units::{Fraction, Sats, Usd, UsdPerMwh, UsdPerPhDay};

/// Length of an interval. Intervals start at whole multiples of it since 1970, UTC.
pub const INTERVAL_MS: i64 = 300_000;

/// Micro-dollars in a dollar.
const MICRO: f64 = 1e6;

/// One block in one interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub start: UnixMs,
    pub class: Class,
    pub block: String,
    /// Name of the pool that the block worked for, where that pool is read.
    pub pool: Option<String>,
    /// Facility energy (with overhead), watt-hours.
    pub energy_wh: Accrued,
    /// Micro-dollars.
    pub revenue_micro_usd: Accrued,
    /// Cost of energy, micro-dollars; below zero while the price is.
    pub cost_micro_usd: Accrued,
    /// Mean over the time that it was known; absent for hosting.
    pub hashprice: Option<UsdPerPhDay>,
    /// Mean over the time that it was known.
    pub power_price: Option<UsdPerMwh>,
    /// Price of bitcoin: mean over the time that it was known; absent for hosting.
    pub btc_usd: Option<Usd>,
    /// Version of the program that accrued the row.
    pub program: &'static str,
}

/// An amount over an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accrued {
    /// What was observed, without extrapolation; or why too little was.
    pub amount: Result<(i64, Quality), Missing>,
    /// Share of the interval that was observed, 0.0 to 1.0.
    pub coverage: Fraction,
}

/// What a pool settled, as it was told at one time. One `[[pool]]` is one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Name from the config.
    pub pool: String,
    pub kind: SettledKind,
    /// Start of the UTC day, or the time of the block or payout.
    pub at: UnixMs,
    /// Net of the pool's fee.
    pub net: Sats,
    /// When this amount was seen first.
    pub seen: UnixMs,
}
