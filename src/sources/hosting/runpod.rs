//! RunPod: its GraphQL interface, which answers every question with status 200.
//!
//! Protocol: graphql-spec.runpod.io. The questions name the fields that are wanted, so nothing of the account
//! is in the replies. An error's own words are not shown.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{ByDay, DAY_S, market, micro_usd};
use crate::reading::{MarketPrice, Missing};
use crate::sources::Failure;
use crate::sources::web::{Decimal, json};

pub(super) const BASE: &str = "https://api.runpod.io";
pub(super) const PATH: &str = "/graphql";
/// Reads; the interface also takes mutations, and none is ever sent.
pub(super) const EARNINGS: &str =
    r#"{"query":"query { myself { machineEarnings { date hostTotalEarnings } } }"}"#;

#[derive(Deserialize)]
struct Reply<T> {
    data: Option<T>,
    errors: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    myself: Option<Myself>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Myself {
    machine_earnings: Option<Vec<Earning>>,
}

/// Of one machine and day.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Earning {
    /// ISO 8601; the day is its first part.
    date: Option<String>,
    host_total_earnings: Option<Decimal>,
}

/// What each day has earned, over all machines of the account.
///
/// # Errors
/// If the reply is no statement, or one of its rows cannot be read.
pub fn earnings(body: &[u8]) -> Result<ByDay, Failure> {
    let none = || Failure::new(Missing::NotReported, "the reply has no machineEarnings");
    let account: Account = data(body)?;
    let rows = account.myself.and_then(|myself| myself.machine_earnings).ok_or_else(none)?;
    let mut days = ByDay::new();
    for row in &rows {
        let day = row.date.as_deref().and_then(|date| date.get(..10)).and_then(day_of);
        let day =
            day.ok_or_else(|| Failure::new(Missing::Garbage, "a row of machineEarnings has no date"))?;
        let sum = days.entry(day).or_insert(0i64);
        *sum = sum.saturating_add(micro_usd(row.host_total_earnings.as_ref())?);
    }
    Ok(days)
}

pub(super) const GPU_TYPES: &str =
    r#"{"query":"query { gpuTypes { id displayName securePrice communityPrice } }"}"#;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PriceList {
    gpu_types: Option<Vec<GpuType>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GpuType {
    id: Option<String>,
    display_name: Option<String>,
    secure_price: Option<Decimal>,
    community_price: Option<Decimal>,
}

/// What is asked for `gpu`, by its id or name: on the machines of hosts, else in data centres; and which.
///
/// # Errors
/// If the list has no such GPU or no price of it.
pub fn gpu_type(body: &[u8], gpu: &str) -> Result<(MarketPrice, &'static str), Failure> {
    let none = || Failure::new(Missing::NotReported, format!("the list has no price of `{gpu}`"));
    let list: PriceList = data(body)?;
    let called = |name: &Option<String>| name.as_deref() == Some(gpu);
    let types = list.gpu_types.unwrap_or_default();
    let found = types.iter().find(|one| called(&one.id) || called(&one.display_name)).ok_or_else(none)?;
    let usd = |price: &Option<Decimal>| price.as_ref().and_then(Decimal::f64).filter(|usd| *usd > 0.0);
    let (usd, source) = match (usd(&found.community_price), usd(&found.secure_price)) {
        (Some(usd), _) => (usd, "runpod, community price"),
        (None, Some(usd)) => (usd, "runpod, secure price"),
        (None, None) => return Err(none()),
    };
    Ok((market::price(usd, None)?, source))
}

/// The data of an answer without errors.
fn data<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let reply: Reply<T> = json(body)?;
    if reply.errors.is_some_and(|errors| !errors.is_empty()) {
        return Err(Failure::new(Missing::RemoteError, "the answer is an error"));
    }
    reply.data.ok_or_else(|| Failure::new(Missing::NotReported, "the answer has no data"))
}

/// Days since 1970 of `2026-09-21`.
fn day_of(date: &str) -> Option<i64> {
    let date: jiff::civil::Date = date.parse().ok()?;
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(start.timestamp().as_second().div_euclid(DAY_S))
}
