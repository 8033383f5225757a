//! What a hosting earns, part by part, and what is said of it elsewhere.

use serde::Serialize;

use crate::clock::Now;
use crate::economics::{self, RevenueBasis, platform};
use crate::reading::{Missing, Quality};
use crate::site::HostingFeeds;
use crate::units::{Usd, UsdPerHour};

use super::value::{Value, current, missing, read, secs};

#[derive(Serialize)]
pub struct Statement {
    basis: &'static str,
    gross_usd_per_h: Value<f64>,
    fee_usd_per_h: Value<f64>,
    /// Absent where nothing is committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    penalty_usd_per_h: Option<Value<f64>>,
}

/// Absent where nobody is asked.
#[derive(Serialize)]
pub struct Feeds {
    #[serde(skip_serializing_if = "Option::is_none")]
    earned_last: Option<LastDay>,
    /// So far, by the platform's estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    earned_today_usd: Option<Value<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listed_usd_per_gpu_h: Option<Value<f64>>,
    /// For comparison only.
    #[serde(skip_serializing_if = "Option::is_none")]
    market_usd_per_gpu_h: Option<Value<f64>>,
}

/// The last UTC day that is over, net of the platform's fee.
#[derive(Serialize)]
#[serde(untagged)]
enum LastDay {
    Stated { usd: f64, day_ts: i64, age_s: u64, basis: &'static str },
    Missing { missing: &'static str },
}

impl Feeds {
    pub fn of(feeds: &HostingFeeds, now: Now) -> Self {
        let asked = |of: Option<Missing>| of != Some(Missing::NotConfigured);
        let earnings = asked(feeds.earnings.as_ref().err().copied());
        Self {
            earned_last: earnings.then(|| LastDay::of(feeds, now)),
            earned_today_usd: earnings.then(|| match &feeds.earnings {
                Ok(aged) => read(aged.value.today, aged.quality, Usd::get),
                Err(why) => missing(*why),
            }),
            listed_usd_per_gpu_h: asked(feeds.usd_per_gpu_h.err())
                .then(|| current(&feeds.usd_per_gpu_h, UsdPerHour::get)),
            market_usd_per_gpu_h: asked(feeds.market.err())
                .then(|| current(&feeds.market, |market| market.usd_per_gpu_h.get())),
        }
    }
}

impl LastDay {
    fn of(feeds: &HostingFeeds, now: Now) -> Self {
        match platform::last_day(feeds, now) {
            Ok(day) => Self::Stated {
                usd: day.stated.net_micro_usd() as f64 / 1e6,
                day_ts: day.stated.day.0,
                age_s: secs(day.age),
                basis: RevenueBasis::Settled.as_str(),
            },
            Err(why) => Self::Missing { missing: why.as_str() },
        }
    }
}

impl Statement {
    pub fn of(statement: &economics::Statement) -> Self {
        let part = |part| read(part, Quality::Measured, UsdPerHour::get);
        Self {
            basis: statement.basis.as_str(),
            gross_usd_per_h: part(statement.gross),
            fee_usd_per_h: part(statement.fee),
            penalty_usd_per_h: statement.penalty.map(part),
        }
    }
}
