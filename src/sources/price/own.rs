//! A bitcoin price of the operator's own, as one more venue: on a page of JSON or on a topic.

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use super::BtcPriceConfig;
use super::btc::plausible;
use crate::clock::UnixMs;
use crate::reading::{BtcUsdSample, Missing, OWN_VENUE, Read, Reading, Sample};
use crate::sources::Failure;
use crate::sources::value::moment::observed;
use crate::sources::value::query::RequestConfig;
use crate::sources::value::told::{Receipt, Told};
use crate::sources::web::number_at;
use crate::units::Usd;

/// `[btc.own]`: the price that a system of the operator's own tells.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnQuoteConfig {
    /// URL of a page of JSON.
    pub url: Option<String>,
    /// Topic on the daemon's broker that tells the same; instead of `url`.
    pub topic: Option<String>,
    /// JSON pointer (RFC 6901) to the price of one bitcoin, USD. Absent: a message is nothing but that number.
    pub price_key: Option<String>,
    /// JSON pointer to the time of the price. Absent: when it came.
    pub time_key: Option<String>,
    /// File with a token, sent as `Authorization: Bearer …`.
    pub token_file: Option<PathBuf>,
    /// What else the request holds.
    #[serde(default)]
    pub request: RequestConfig,
}

/// What tells the quote of `own`. Times without a zone are meant in `zone`.
pub fn told(cfg: &BtcPriceConfig, own: &OwnQuoteConfig, zone: TimeZone) -> Box<dyn Told> {
    Box::new(OwnQuote { own: own.clone(), interval: Duration::from_secs(cfg.interval_secs.max(1)), zone })
}

struct OwnQuote {
    own: OwnQuoteConfig,
    interval: Duration,
    zone: TimeZone,
}

impl OwnQuote {
    fn sample(&self, quote: Read<Usd>, observed: Option<UnixMs>) -> Vec<Sample> {
        vec![Sample::BtcUsd(BtcUsdSample { interval: self.interval, venue: OWN_VENUE, quote, observed })]
    }
}

impl Told for OwnQuote {
    fn id(&self) -> &str {
        "price/own"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn read(&self, page: &Value, receipt: Receipt) -> Result<Vec<Sample>, Failure> {
        let observed = observed(page, self.own.time_key.as_deref(), &self.zone)?;
        let key = self.own.price_key.as_deref().unwrap_or_default();
        let price = number_at(page, key)
            .map_err(|why| Failure::new(why, format!("no price at `{key}` of the page")))?;
        let quote = Reading::measured(plausible(price)?, "own").at_best(receipt.quality(observed));
        Ok(self.sample(Ok(quote), observed))
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(Err(why), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Now;

    /// USD, or why there is none.
    fn read(page: Value, keys: &str) -> Result<(f64, Option<i64>), Missing> {
        let own: OwnQuoteConfig = toml::from_str(&format!("url = \"http://desk\"\n{keys}")).unwrap();
        let now = Now { wall: UnixMs(1_700_000_000_000), mono: Duration::ZERO };
        let told = told(&BtcPriceConfig::default(), &own, TimeZone::UTC);
        let samples = told.read(&page, Receipt { at: now, kept: false }).map_err(|failure| failure.reason)?;
        let [Sample::BtcUsd(sample)] = samples.as_slice() else { panic!("{samples:?}") };
        Ok((sample.quote?.value.get(), sample.observed.map(|at| at.0)))
    }

    #[test]
    fn a_price_comes_with_its_time_and_is_one_that_bitcoin_can_have() {
        let page = serde_json::json!({"btc": {"usd": "91234.5", "at": 1_699_999_990}});
        let keys = "price_key = \"/btc/usd\"\ntime_key = \"/btc/at\"";
        assert_eq!(read(page, keys), Ok((91_234.5, Some(1_699_999_990_000))));
        assert_eq!(read(91_000.into(), ""), Ok((91_000.0, None)));
        assert_eq!(read(0.into(), ""), Err(Missing::Implausible));
        assert_eq!(read(9_100_000_000_i64.into(), ""), Err(Missing::Implausible));
        assert_eq!(read("dear".into(), ""), Err(Missing::Garbage));
        assert_eq!(read(serde_json::json!({}), "price_key = \"/usd\""), Err(Missing::NotReported));
    }
}
