//! From a market's price to what a megawatt-hour costs: (market × rate + adder) × (1 + tax).
//!
//! Tax is on a negative price as well: where the market pays 10, it pays 12 with a tax of 20 %, as
//! VAT is on a credit note. Pure.

use super::{MarketSlot, PowerPriceConfig, TariffError};
use crate::reading::{Missing, PriceSlot};
use crate::sources::Failure;
use crate::units::UsdPerMwh;

/// USD/MWh, the limits that the config has for its own prices. What is beyond is another unit.
const PRICE: std::ops::RangeInclusive<f64> = -10_000.0..=50_000.0;

/// What comes on top of every price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// USD/MWh, before tax.
    pub adder_usd_per_mwh: f64,
    /// Fraction.
    pub tax: f64,
}

impl Terms {
    /// # Errors
    /// Names the key that is not a finite number.
    pub fn of(cfg: &PowerPriceConfig) -> Result<Self, TariffError> {
        for (key, value) in [("adder_usd_per_mwh", cfg.adder_usd_per_mwh), ("tax", cfg.tax)] {
            if !value.is_finite() {
                return Err(TariffError::NotFinite { key });
            }
        }
        Ok(Self { adder_usd_per_mwh: cfg.adder_usd_per_mwh, tax: cfg.tax })
    }

    /// What a megawatt-hour costs whose market price is this, in a currency of which one unit costs
    /// `usd_per_unit`. `None` if that is not finite.
    pub fn all_in(self, market_per_mwh: f64, usd_per_unit: f64) -> Option<UsdPerMwh> {
        UsdPerMwh::new((market_per_mwh * usd_per_unit + self.adder_usd_per_mwh) * (1.0 + self.tax))
    }

    /// # Errors
    /// A price is beyond what any market has.
    pub fn priced(self, slots: Vec<MarketSlot>, usd_per_unit: f64) -> Result<Vec<PriceSlot>, Failure> {
        let priced = |slot: MarketSlot| {
            let MarketSlot { start, end, per_mwh, kind } = slot;
            let price = self.all_in(per_mwh, usd_per_unit).filter(|price| PRICE.contains(&price.get()));
            let price = price.ok_or_else(|| implausible(slot))?;
            Ok(PriceSlot { start, end, price, market_per_mwh: per_mwh, kind })
        };
        slots.into_iter().map(priced).collect()
    }
}

fn implausible(slot: MarketSlot) -> Failure {
    let MarketSlot { start, per_mwh, .. } = slot;
    let detail = format!("slot at {}: the price is {per_mwh:e} per MWh", start.secs());
    Failure::new(Missing::Implausible, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_in(market: f64, rate: f64, adder: f64, tax: f64) -> f64 {
        Terms { adder_usd_per_mwh: adder, tax }.all_in(market, rate).unwrap().get()
    }

    #[test]
    fn the_rate_comes_first_then_the_adder_then_the_tax() {
        assert_eq!(all_in(80.0, 1.25, 20.0, 0.5), 180.0);
        assert_eq!(all_in(80.0, 1.0, 0.0, 0.0), 80.0);
    }

    #[test]
    fn tax_makes_a_negative_price_more_negative() {
        assert_eq!(all_in(-10.0, 1.0, 0.0, 0.25), -12.5);
        assert_eq!(all_in(-10.0, 1.0, 30.0, 0.25), 25.0, "the adder is what is taxed");
    }
}
