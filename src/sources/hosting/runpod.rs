//! RunPod: its GraphQL interface, which answers every question with status 200.
//!
//! Protocol: graphql-spec.runpod.io. The questions name the fields that are wanted, so nothing of the account
//! is in the replies. An error's own words are not shown.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{ByDay, DAY_S, micro_usd};
use crate::reading::Missing;
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
