//! Power prices that a topic of the operator's own tells.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::{OwnPower, OwnPowerConfig, SOURCE};
use crate::reading::{FxRate, Missing, PowerPriceSample, PriceSlot, Sample};
use crate::sources::Failure;
use crate::sources::price::compose::Terms;
use crate::sources::price::{PowerPriceConfig, TariffError, conversion, currency, fx};
use crate::sources::value::told::{Receipt, Told};
use crate::units::Currency;

/// What tells the prices of `own`. Times without a zone are meant in `zone`.
///
/// # Errors
/// Prices cannot be turned into US dollars. A rate must be stated: nobody asks for one here.
pub fn told(
    cfg: &PowerPriceConfig,
    own: &OwnPowerConfig,
    zone: TimeZone,
) -> Result<Box<dyn Told>, TariffError> {
    let currency = currency(cfg)?;
    Ok(Box::new(OwnTopic {
        reads: OwnPower { own: own.clone(), zone },
        terms: Terms::of(cfg)?,
        currency,
        rate: conversion(cfg, currency)?.map(fx::stated).transpose()?,
        interval: Duration::from_secs(cfg.interval_secs().max(1)),
    }))
}

struct OwnTopic {
    reads: OwnPower,
    terms: Terms,
    currency: Currency,
    rate: Option<FxRate>,
    interval: Duration,
}

impl OwnTopic {
    fn sample(&self, slots: Result<Vec<PriceSlot>, Missing>) -> Vec<Sample> {
        let Self { interval, currency, rate, .. } = *self;
        vec![Sample::PowerPrice(PowerPriceSample { interval, source: SOURCE, currency, rate, slots })]
    }
}

impl Told for OwnTopic {
    fn id(&self) -> &str {
        "price/power"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn read(&self, page: &Value, receipt: Receipt) -> Result<Vec<Sample>, Failure> {
        let slots = self.reads.slots(page, receipt)?;
        let slots = self.terms.priced(slots, self.rate.map_or(1.0, |rate| rate.usd_per_unit))?;
        Ok(self.sample(Ok(slots)))
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(Err(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Now, UnixMs};
    use crate::reading::Quality;

    fn config(text: &str) -> PowerPriceConfig {
        toml::from_str(&format!("kind = \"mqtt\"\n{text}\n[own]\ntopic = \"market/price\"")).unwrap()
    }

    fn topic(cfg: &PowerPriceConfig) -> Result<Box<dyn Told>, TariffError> {
        told(cfg, cfg.own.as_ref().unwrap(), TimeZone::UTC)
    }

    fn read(cfg: &PowerPriceConfig, price: f64) -> Result<PowerPriceSample, Failure> {
        let at = Now { wall: UnixMs(1_700_000_000_000), mono: Duration::ZERO };
        let samples = topic(cfg).unwrap().read(&price.into(), Receipt { at, kept: false })?;
        let [Sample::PowerPrice(sample)] = samples.as_slice() else { panic!("{samples:?}") };
        Ok(sample.clone())
    }

    #[test]
    fn the_stated_rate_the_adder_and_the_tax_are_in_the_price() {
        let terms = "currency = \"EUR\"\nadder_usd_per_mwh = 20.0\ntax = 0.5\nfx = { usd_per_unit = 1.25 }";
        let sample = read(&config(terms), 80.0).unwrap();
        let slot = sample.slots.unwrap()[0];
        assert_eq!((slot.price.get(), slot.market_per_mwh), (180.0, 80.0));
        assert_eq!((sample.currency, sample.rate.unwrap().quality), (Currency::EUR, Quality::Estimated));
        assert_eq!(
            read(&config(""), 80.0).unwrap().rate,
            None,
            "in US dollars unless the config says otherwise"
        );
    }

    #[test]
    fn a_price_in_another_unit_is_implausible() {
        assert_eq!(read(&config(""), 60_000.0).unwrap_err().reason, Missing::Implausible);
    }

    #[test]
    fn without_a_stated_rate_prices_in_another_currency_are_refused() {
        for fx in ["", "fx = { url = \"http://desk\", rate_key = \"/usd\" }"] {
            let cfg = config(&format!("currency = \"EUR\"\n{fx}"));
            assert!(matches!(topic(&cfg), Err(TariffError::MissingKey { .. })), "{fx}");
        }
    }
}
