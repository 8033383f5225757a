//! What one unit of a market's currency costs, from the config or from a page of JSON.

use std::time::Duration;

use serde_json::Value;

use super::{FxConfig, TariffError};
use crate::clock::Now;
use crate::http::Http;
use crate::reading::{FxRate, Missing, Quality};
use crate::sources::Failure;
use crate::sources::web::{json, number_at};

/// US dollars for one unit. The cheapest currency is some hundred thousandth of a dollar, the dearest
/// below four.
const RATE: std::ops::RangeInclusive<f64> = 1e-6..=10.0;
const REPLY_LIMIT: usize = 256 * 1024;
/// A page that hangs must leave time for the market.
const DEADLINE: Duration = Duration::from_secs(10);

/// Where the rate comes from, and the last one that was read.
pub(super) enum Fx {
    Stated(FxRate),
    Read(Page),
}

pub(super) struct Page {
    url: String,
    rate_key: String,
    max_age: Duration,
    interval: Duration,
    /// The last rate that was read, and when by the monotonic clock.
    last: Option<(f64, Duration)>,
    /// The log was told that it gives none.
    failing: bool,
}

/// The number that `key`, a JSON pointer, points at.
///
/// # Errors
/// The page is no JSON, or no rate stands there.
fn parse(body: &[u8], key: &str) -> Result<f64, Failure> {
    let page: Value = json(body)?;
    let rate = number_at(&page, key);
    let rate = rate.map_err(|why| Failure::new(why, format!("no rate at `{key}` of the page")))?;
    if RATE.contains(&rate) {
        Ok(rate)
    } else {
        Err(Failure::new(Missing::Implausible, format!("the rate is {rate:e} USD for one unit")))
    }
}

/// The rate as the operator states it.
///
/// # Errors
/// It is not stated.
pub(super) fn stated(cfg: &FxConfig) -> Result<FxRate, TariffError> {
    let usd_per_unit = cfg.usd_per_unit.ok_or(TariffError::MissingKey { key: "fx.usd_per_unit" })?;
    Ok(FxRate { usd_per_unit, quality: Quality::Estimated, good_until: None })
}

impl Fx {
    /// # Errors
    /// Neither a rate nor a page with one is named.
    pub(super) fn new(cfg: &FxConfig) -> Result<Self, TariffError> {
        if cfg.usd_per_unit.is_some() {
            return Ok(Self::Stated(stated(cfg)?));
        }
        let page = Page {
            url: cfg.url.clone().ok_or(TariffError::MissingKey { key: "fx.url" })?,
            rate_key: cfg.rate_key.clone().ok_or(TariffError::MissingKey { key: "fx.rate_key" })?,
            max_age: Duration::from_secs(cfg.max_age_secs),
            interval: Duration::from_secs(cfg.interval_secs),
            last: None,
            failing: false,
        };
        Ok(Self::Read(page))
    }

    /// The rate `now`; one that was read before stands in while its page gives none.
    ///
    /// # Errors
    /// None was ever read.
    pub(super) async fn rate(&mut self, now: Now, http: &Http) -> Result<FxRate, Failure> {
        match self {
            Self::Stated(rate) => Ok(*rate),
            Self::Read(page) => page.rate(now, http).await,
        }
    }
}

impl Page {
    async fn rate(&mut self, now: Now, http: &Http) -> Result<FxRate, Failure> {
        let due = self.last.is_none_or(|(_, read)| now.mono.saturating_sub(read) >= self.interval);
        let asked = if due { Some(self.ask(http).await) } else { None };
        match (asked, self.last) {
            (Some(Ok(rate)), _) => {
                self.last = Some((rate, now.mono));
                self.failing = false;
            }
            (Some(Err(failure)), None) => return Err(failure),
            // The old one grows older, and says so in time.
            (Some(Err(failure)), Some(_)) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(error = %failure, "no new currency rate: the last one stands in");
                }
            }
            (None, _) => {}
        }
        let (usd_per_unit, read) =
            self.last.ok_or_else(|| Failure::new(Missing::NotYet, "no currency rate"))?;
        let good_until = Some(read.saturating_add(self.max_age));
        Ok(FxRate { usd_per_unit, quality: Quality::Measured, good_until })
    }

    async fn ask(&self, http: &Http) -> Result<f64, Failure> {
        let reply = tokio::time::timeout(DEADLINE, http.get(&self.url, &[], REPLY_LIMIT)).await;
        let late = |_| Failure::new(Missing::Timeout, format!("no currency rate within {DEADLINE:?}"));
        parse(&reply.map_err(late)??.body, &self.rate_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_that_a_currency_can_have() {
        let page = br#"{"base":"EUR","rates":{"USD":"1.0832","JPY":171.2,"X":null}}"#;
        assert_eq!(parse(page, "/rates/USD"), Ok(1.0832));
        let why = |key| parse(page, key).unwrap_err().reason;
        assert_eq!(why("/rates/JPY"), Missing::Implausible, "yen for a euro");
        assert_eq!(why("/rates/X"), Missing::NotReported);
        assert_eq!(why("/base"), Missing::Garbage);
    }
}
