//! Vast.ai: `GET /api/v0/users/me/machine-earnings`, and the offers of its market.
//!
//! Protocol: docs.vast.ai, "show earnings", and the platform's own command line. A reply holds the name and
//! the address of the account; only `per_day` is read of it, whose four amounts are what GPUs, storage and
//! bandwidth in both directions have earned.

use std::time::Duration;

use serde::Deserialize;

use super::{ByDay, DAY_S, DAYS_BACK, market, micro_usd};
use crate::clock::UnixMs;
use crate::reading::{MarketPrice, Missing};
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
/// If the reply is no statement, one of its rows cannot be read (a month with a day left out would look like a day
/// without income), or two of them say different things of one day.
pub fn earnings(body: &[u8]) -> Result<ByDay, Failure> {
    let reply: Reply = json(body)?;
    let rows = reply.per_day.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no per_day"))?;
    let mut days = ByDay::new();
    for row in &rows {
        let day = row.day.as_ref().and_then(Decimal::f64).filter(|day| day.fract() == 0.0 && day.abs() < 1e6);
        let day = day.ok_or_else(|| Failure::new(Missing::Garbage, "a row of per_day has no day"))?;
        let mut sum = 0i64;
        for part in [&row.gpu_earn, &row.sto_earn, &row.bwu_earn, &row.bwd_earn] {
            sum = sum.saturating_add(micro_usd(part.as_ref())?);
        }
        if days.insert(day as i64, sum).is_some_and(|before| before != sum) {
            return Err(Failure::new(Missing::Garbage, "per_day tells two amounts for one day"));
        }
    }
    Ok(days)
}

pub(super) const OFFERS_PATH: &str = "/api/v0/bundles/";
/// The server gives no more at once.
const MOST_OFFERS: u32 = 64;
/// It refuses requests that follow within 3 s of another one.
const TOO_FREQUENT: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Market {
    offers: Option<Vec<Offer>>,
    /// Instead of the offers, such as that requests are too frequent.
    detail: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Offer {
    gpu_name: Option<String>,
    num_gpus: Option<Decimal>,
    /// Of the whole offer, USD per hour.
    dph_total: Option<Decimal>,
}

/// The cheapest offers of verified machines with `gpu`, on demand.
pub(super) fn offers_question(gpu: &str) -> String {
    serde_json::json!({
        "verified": { "eq": true },
        "rentable": { "eq": true },
        "type": "on-demand",
        "gpu_name": { "eq": gpu },
        "order": [["dph_total", "asc"]],
        "limit": MOST_OFFERS,
    })
    .to_string()
}

/// The median of what the offers with `gpu` ask for one GPU.
///
/// # Errors
/// If there is no offer with a price, or the server wants to be asked less often.
pub fn offers(body: &[u8], gpu: &str) -> Result<MarketPrice, Failure> {
    let market: Market = json(body)?;
    let Some(offers) = market.offers else {
        let busy = market.detail.is_some();
        let reason = if busy { Missing::RemoteError } else { Missing::NotReported };
        let retry_after = busy.then_some(TOO_FREQUENT);
        return Err(Failure { retry_after, ..Failure::new(reason, "the answer holds no offers") });
    };
    let mut prices: Vec<f64> = offers
        .iter()
        .filter(|offer| offer.gpu_name.as_deref() == Some(gpu))
        .filter_map(Offer::per_gpu)
        .collect();
    prices.sort_by(f64::total_cmp);
    let none = || Failure::new(Missing::NotReported, format!("no offer with `{gpu}`"));
    let upper = *prices.get(prices.len() / 2).ok_or_else(none)?;
    let lower = *prices.get(prices.len().saturating_sub(1) / 2).ok_or_else(none)?;
    market::price((lower + upper) / 2.0, u32::try_from(prices.len()).ok())
}

impl Offer {
    fn per_gpu(&self) -> Option<f64> {
        let gpus = self.num_gpus.as_ref()?.f64().filter(|gpus| *gpus >= 1.0)?;
        Some(self.dph_total.as_ref()?.f64().filter(|usd| *usd > 0.0)? / gpus)
    }
}
