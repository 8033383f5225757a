//! Hashprice by what the network says: now, and after the next change of difficulty.

use crate::clock::UnixMs;
use crate::reading::{Missing, Quality, Read, Reading, next_retarget};
use crate::site::{Aged, Current, Network};
use crate::units::{Sats, Usd, UsdPerPhDay};

use super::hashprice::{hashprice, subsidy};

/// What the next change of difficulty is expected to do. Bitcoin's price and the fees stay as they are now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// Of the first block with another difficulty.
    pub height: u64,
    /// Blocks until then, that one included.
    pub blocks_left: u64,
    /// When that block is expected.
    pub at: Read<UnixMs>,
    /// Of the difficulty now, percent.
    pub difficulty_change_percent: Read<f64>,
    /// Hashprice from then on, with the subsidy of that height.
    pub hashprice: Read<UsdPerPhDay>,
    /// Of the hashprice now, percent.
    pub hashprice_change_percent: Read<f64>,
}

/// Before the pool's fee: of the block that is worked on, the one after the newest. Without the fees it is
/// the subsidy's part alone: up to a few percent too low, so an estimate.
///
/// # Errors
/// An input is missing.
pub fn hashprice_now(network: &Current<Network>, btc_usd: Read<Usd>) -> Read<UsdPerPhDay> {
    let network = (*network)?;
    let next = network.value.height.saturating_add(1);
    of_block(&network, next, network.value.difficulty, btc_usd)
}

/// # Errors
/// Nothing is known of the network.
pub fn outlook(network: &Current<Network>, btc_usd: Read<Usd>) -> Result<Outlook, Missing> {
    let network = (*network)?;
    let Network { height, difficulty, retarget, .. } = network.value;
    let next = next_retarget(height);
    let retarget = retarget.map(|retarget| retarget.at_best(network.quality));
    let change = retarget.map(|retarget| retarget.map(|retarget| retarget.difficulty_change_percent));
    let now = hashprice_now(&Ok(network), btc_usd);
    let then = change.and_then(|change| {
        let price = of_block(&network, next, difficulty * (1.0 + change.value / 100.0), btc_usd)?;
        Ok(price.at_best(change.quality))
    });
    Ok(Outlook {
        height: next,
        blocks_left: next.saturating_sub(height),
        at: retarget.map(|retarget| retarget.map(|retarget| retarget.at)),
        difficulty_change_percent: change,
        hashprice: then,
        hashprice_change_percent: then.and_then(|then| {
            let now = now?;
            let percent = percent_above(then.value, now.value).ok_or(Missing::Undefined)?;
            Ok(Reading { value: percent, quality: then.quality.max(now.quality), source: "then / now" })
        }),
    })
}

/// By how much `price` is above `base`, percent. `None` if the base is not above zero.
pub fn percent_above(price: UsdPerPhDay, base: UsdPerPhDay) -> Option<f64> {
    let ratio = price.get() / base.get();
    (base.get() > 0.0 && ratio.is_finite()).then_some((ratio - 1.0) * 100.0)
}

/// While the block at `height` is worked on, at `difficulty`.
fn of_block(network: &Aged<Network>, height: u64, difficulty: f64, btc_usd: Read<Usd>) -> Read<UsdPerPhDay> {
    let btc_usd = btc_usd?;
    let (fee, fee_quality) = match network.value.mean_fee {
        Ok(fee) => (fee.value, fee.quality),
        Err(_) => (Sats(0), Quality::Estimated),
    };
    let price = hashprice(difficulty, subsidy(height), fee, btc_usd.value).ok_or(Missing::Implausible)?;
    let quality = network.quality.max(btc_usd.quality).max(fee_quality);
    Ok(Reading { value: price.usd, quality, source: "difficulty, subsidy, fees, btc_usd" })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reading::Retarget;

    fn network(height: u64, change: Read<f64>) -> Current<Network> {
        let at = UnixMs(1_790_000_000_000);
        let retarget = change
            .map(|change| change.map(|difficulty_change_percent| Retarget { at, difficulty_change_percent }));
        let mean_fee = Ok(Reading::measured(Sats(0), "test"));
        let value = Network { height, difficulty: 1e14, mean_fee, retarget };
        Ok(Aged { value, quality: Quality::Measured, source: "test", age: Duration::ZERO })
    }

    fn usd() -> Read<Usd> {
        Ok(Reading::measured(Usd::new(1e5).unwrap(), "test"))
    }

    fn outlook_of(height: u64, change: f64) -> Outlook {
        outlook(&network(height, Ok(Reading::estimated(change, "test"))), usd()).unwrap()
    }

    #[test]
    fn a_quarter_more_difficulty_is_a_fifth_less_hashprice_as_an_estimate() {
        let outlook = outlook_of(900_000, 25.0);
        let percent = outlook.hashprice_change_percent.unwrap();
        assert!((percent.value + 20.0).abs() < 1e-9);
        assert_eq!(percent.quality, Quality::Estimated);
        assert_eq!((outlook.height, outlook.blocks_left), (901_152, 1_152));
    }

    #[test]
    fn a_halving_before_the_change_halves_the_hashprice_after_it() {
        // 1,050,000 lies between the changes at 1,048,320 and 1,050,336.
        let outlook = outlook_of(1_049_000, 0.5);
        let expected = (0.5 / 1.005 - 1.0) * 100.0;
        assert!((outlook.hashprice_change_percent.unwrap().value - expected).abs() < 1e-9);
        let after = outlook_of(1_050_000, 0.5).hashprice_change_percent.unwrap().value;
        assert!((after - (1.0 / 1.005 - 1.0) * 100.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_worked_on_after_the_last_block_of_an_era_has_the_next_subsidy() {
        let now = |height| hashprice_now(&network(height, Err(Missing::NotYet)), usd()).unwrap().value.get();
        assert!((now(1_049_999) / now(1_049_998) - 0.5).abs() < 1e-12);
        assert_eq!(now(839_999), now(840_000));
    }

    #[test]
    fn without_a_forecast_height_and_blocks_are_known_and_the_rest_says_why_not() {
        let outlook = outlook(&network(900_000, Err(Missing::NotYet)), usd()).unwrap();
        assert_eq!(outlook.blocks_left, 1_152);
        assert_eq!(outlook.hashprice, Err(Missing::NotYet));
        assert_eq!(outlook.hashprice_change_percent, Err(Missing::NotYet));
        let no_price =
            super::outlook(&network(900_000, Ok(Reading::estimated(1.0, "test"))), Err(Missing::Expired));
        assert_eq!(no_price.unwrap().hashprice, Err(Missing::Expired));
    }
}
