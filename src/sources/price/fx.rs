//! What one unit of a market's currency costs, from the config or from a page of JSON.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::{FxConfig, TariffError};
use crate::clock::{Now, UnixMs};
use crate::http::Http;
use crate::reading::{FxRate, Missing, Quality};
use crate::sources::Failure;
use crate::sources::value::moment::observed;
use crate::sources::web::{json, number_at};

/// US dollars for one unit. The cheapest currency is some hundred thousandth of a dollar, the dearest
/// below four.
const RATE: std::ops::RangeInclusive<f64> = 1e-6..=10.0;
const REPLY_LIMIT: usize = 256 * 1024;
/// A rate of an older date, or one without a date that has not changed for so long, is no rate of now: banks pause for
/// five days at most.
const OLDEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Dates have no zone, so that today's may be this far ahead.
const AHEAD: Duration = Duration::from_secs(24 * 3600);
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
    time_key: Option<String>,
    max_age: Duration,
    interval: Duration,
    /// The last rate that was read, when by the monotonic clock, and until when it is good.
    last: Option<(f64, Duration, Duration)>,
    /// The rate, and since when it has been that.
    unchanged: Option<(f64, Duration)>,
    /// The log was told that it gives none.
    failing: bool,
}

/// The number that `key`, a JSON pointer, points at, and the age that `time_key` gives it; `None`: it tells no time.
///
/// # Errors
/// The page is no JSON, no rate or time stands there, or the time is still to come.
fn parse(
    body: &[u8],
    key: &str,
    time_key: Option<&str>,
    now: UnixMs,
) -> Result<(f64, Option<Duration>), Failure> {
    let page: Value = json(body)?;
    let age = match observed(&page, time_key, &TimeZone::UTC)? {
        Some(dated) if age_at(now, dated) > AHEAD => {
            return Err(Failure::new(Missing::Implausible, "the rate is of a time to come"));
        }
        dated => dated.map(|dated| age_at(dated, now)),
    };
    let rate = number_at(&page, key);
    let rate = rate.map_err(|why| Failure::new(why, format!("no rate at `{key}` of the page")))?;
    if RATE.contains(&rate) {
        Ok((rate, age))
    } else {
        Err(Failure::new(Missing::Implausible, format!("the rate is {rate:e} USD for one unit")))
    }
}

/// Nothing where `now` is the earlier of the two.
fn age_at(dated: UnixMs, now: UnixMs) -> Duration {
    Duration::from_millis(u64::try_from(now.0.saturating_sub(dated.0)).unwrap_or(0))
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
            time_key: cfg.time_key.clone(),
            max_age: Duration::from_secs(cfg.max_age_secs),
            interval: Duration::from_secs(cfg.interval_secs),
            last: None,
            unchanged: None,
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
        let due = self.last.is_none_or(|(_, read, _)| now.mono.saturating_sub(read) >= self.interval);
        let asked = if due { Some(self.ask(now, http).await) } else { None };
        match (asked, self.last) {
            (Some(Ok((rate, age))), _) => {
                let age = age.unwrap_or_else(|| self.unchanged_for(rate, now.mono));
                let fresh_until = now.mono.saturating_add(OLDEST).saturating_sub(age);
                let good_until = now.mono.saturating_add(self.max_age).min(fresh_until);
                self.last = Some((rate, now.mono, good_until));
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
        let (usd_per_unit, _, good_until) =
            self.last.ok_or_else(|| Failure::new(Missing::NotYet, "no currency rate"))?;
        // Without a date nobody knows of when it is.
        let quality = if self.time_key.is_some() { Quality::Measured } else { Quality::Estimated };
        Ok(FxRate { usd_per_unit, quality, good_until: Some(good_until) })
    }

    /// For how long the page has told this rate.
    fn unchanged_for(&mut self, rate: f64, now: Duration) -> Duration {
        let same = self.unchanged.filter(|(before, _)| *before == rate);
        let (_, since) = *self.unchanged.insert(same.unwrap_or((rate, now)));
        now.saturating_sub(since)
    }

    async fn ask(&self, now: Now, http: &Http) -> Result<(f64, Option<Duration>), Failure> {
        let reply = tokio::time::timeout(DEADLINE, http.get(&self.url, &[], REPLY_LIMIT)).await;
        let late = |_| Failure::new(Missing::Timeout, format!("no currency rate within {DEADLINE:?}"));
        parse(&reply.map_err(late)??.body, &self.rate_key, self.time_key.as_deref(), now.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_that_a_currency_can_have() {
        let page = br#"{"base":"EUR","rates":{"USD":"1.0832","JPY":171.2,"X":null}}"#;
        let read = |key| parse(page, key, None, UnixMs(0));
        assert_eq!(read("/rates/USD"), Ok((1.0832, None)));
        let why = |key| read(key).unwrap_err().reason;
        assert_eq!(why("/rates/JPY"), Missing::Implausible, "yen for a euro");
        assert_eq!(why("/rates/X"), Missing::NotReported);
        assert_eq!(why("/base"), Missing::Garbage);
    }

    #[test]
    fn a_rate_is_as_old_as_its_date_and_none_of_a_time_to_come() {
        let page = |date: &str| format!(r#"{{"date":"{date}","usd":1.09}}"#);
        let now = UnixMs(1_790_000_000_000); // 2026-09-21T14:13:20Z
        let age = |date: &str| {
            let read = parse(page(date).as_bytes(), "/usd", Some("/date"), now);
            read.map(|(_, age)| age.unwrap().as_secs()).map_err(|failure| failure.reason)
        };
        assert_eq!(age("2026-09-21"), Ok(51_200));
        assert_eq!(age("2026-09-14T14:13:20Z"), Ok(7 * 86_400));
        assert_eq!(age("2026-09-22"), Ok(0));
        assert_eq!(age("2026-09-23"), Err(Missing::Implausible));
        assert_eq!(age("today"), Err(Missing::Garbage));
    }
}
