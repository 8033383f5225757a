//! Vast.ai: `GET /api/v0/users/me/machine-earnings`.
//!
//! Protocol: docs.vast.ai, "show earnings", and the platform's own command line. A reply holds the name and
//! the address of the account; only `per_day` is read of it, whose four amounts are what GPUs, storage and
//! bandwidth in both directions have earned.

use serde::Deserialize;

use super::{ByDay, DAY_S, DAYS_BACK, micro_usd};
use crate::clock::UnixMs;
use crate::reading::Missing;
use crate::sources::Failure;
use crate::sources::web::{Decimal, json};

pub(super) const BASE: &str = "https://console.vast.ai";

#[derive(Deserialize)]
struct Reply {
    per_day: Option<Vec<Row>>,
}

#[derive(Deserialize)]
struct Row {
    /// Since 1970, UTC.
    day: Option<Decimal>,
    gpu_earn: Option<Decimal>,
    sto_earn: Option<Decimal>,
    bwu_earn: Option<Decimal>,
    bwd_earn: Option<Decimal>,
}

/// The last month, the running day included.
pub(super) fn earnings_path(now: UnixMs) -> String {
    let today = now.secs().div_euclid(DAY_S);
    let (from, to) = (today.saturating_sub(DAYS_BACK), today.saturating_add(1));
    format!("/api/v0/users/me/machine-earnings?sday={from}&eday={to}")
}

/// What each day has earned.
///
/// # Errors
/// If the reply is no statement, or one of its rows cannot be read: a month with a day left out would look
/// like a day without income.
pub fn earnings(body: &[u8]) -> Result<ByDay, Failure> {
    let reply: Reply = json(body)?;
    let rows = reply.per_day.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no per_day"))?;
    let mut days = ByDay::new();
    for row in &rows {
        let day = row.day.as_ref().and_then(Decimal::f64).filter(|day| day.fract() == 0.0 && day.abs() < 1e6);
        let day = day.ok_or_else(|| Failure::new(Missing::Garbage, "a row of per_day has no day"))?;
        let sum = days.entry(day as i64).or_insert(0i64);
        for part in [&row.gpu_earn, &row.sto_earn, &row.bwu_earn, &row.bwd_earn] {
            *sum = sum.saturating_add(micro_usd(part.as_ref())?);
        }
    }
    Ok(days)
}
