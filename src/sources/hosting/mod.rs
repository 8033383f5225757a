//! Platforms that rent out the operator's GPUs: what they have paid, and what the market asks.
//!
//! Their replies hold names, addresses and who rents what. Only amounts, days and models are taken out of
//! them, and no error quotes a reply.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::UnixMs;
use crate::http::{Http, HttpError};
use crate::reading::{EarnedDay, Earnings, Missing, Platform, Reading};
use crate::secret::SecretError;
use crate::sources::web::Decimal;
use crate::sources::{Failure, Source};
use crate::units::Usd;

mod earnings;
mod market;
pub mod runpod;
pub mod vast;

pub use market::{MarketConfig, market_source};

const DAY_S: i64 = 86_400;
const MICRO: f64 = 1e6;
/// No account earns more in a day: it is another unit.
const MAX_USD_PER_DAY: f64 = 1e8;

/// Days that a platform is asked for: it may correct one of the last weeks.
const DAYS_BACK: i64 = 30;

/// The statement of one hosting's platform.
#[derive(Debug, Clone)]
pub struct EarningsConfig {
    pub hosting: String,
    pub platform: Platform,
    /// Base URL, for proxies and tests. Absent: the platform's own.
    pub base: Option<String>,
    /// File with the API key.
    pub token_file: PathBuf,
    /// Share of the stated amounts that the platform keeps, as a fraction.
    pub fee: f64,
    pub interval: Duration,
}

/// The source of one statement.
///
/// # Errors
/// If the file with the key cannot be read.
pub fn earnings_source(cfg: &EarningsConfig, http: &Http) -> Result<Box<dyn Source>, SecretError> {
    Ok(Box::new(earnings::EarningsSource::new(cfg, http.clone())?))
}

/// Micro-dollars by UTC day, counted from 1970.
pub type ByDay = BTreeMap<i64, i64>;

/// An amount of a day in whole micro-dollars.
///
/// # Errors
/// It is not there, no number, or more than any account earns.
fn micro_usd(field: Option<&Decimal>) -> Result<i64, Failure> {
    let field = field.ok_or_else(|| Failure::new(Missing::NotReported, "a row has no amount"))?;
    let usd = field.f64().ok_or_else(|| Failure::new(Missing::Garbage, "an amount is no number"))?;
    if usd.abs() > MAX_USD_PER_DAY {
        return Err(Failure::new(Missing::Implausible, "an amount is beyond what a day can earn"));
    }
    Ok((usd * MICRO).round() as i64)
}

/// What is stated, apart for days that are over at `now` and the one that is not.
fn statement(platform: Platform, days: &ByDay, fee: f64, now: UnixMs) -> Earnings {
    let today = now.secs().div_euclid(DAY_S);
    let earned = |(&day, &gross_micro_usd): (&i64, &i64)| EarnedDay {
        day: UnixMs::from_secs(day.saturating_mul(DAY_S)),
        gross_micro_usd,
        fee_micro_usd: (gross_micro_usd as f64 * fee).round() as i64,
    };
    let running = days.get_key_value(&today).map(earned).ok_or(Missing::NotReported);
    Earnings {
        platform,
        days: days.range(..today).rev().map(earned).collect(),
        today: running.and_then(|day| {
            let usd = Usd::new(day.net_micro_usd() as f64 / MICRO).ok_or(Missing::Implausible)?;
            Ok(Reading::estimated(usd, "platform_estimate"))
        }),
    }
}

/// As any failure, without the words of the other side.
fn unquoted(error: HttpError) -> Failure {
    let bare = match &error {
        HttpError::Status { code, url, .. } => Some(format!("{url}: status {code}")),
        HttpError::TooLarge { url, limit, .. } => Some(format!("{url}: the reply exceeds {limit} bytes")),
        _ => None,
    };
    let failure = Failure::from(error);
    Failure { detail: bare.unwrap_or_else(|| failure.detail.clone()), ..failure }
}
