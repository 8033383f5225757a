//! Hashprice: what one petahash per second is expected to earn in a day.
//!
//! The definition is the one that pools pay by: difficulty, the subsidy of the current height, the
//! mean fee of the last 144 blocks and the price of bitcoin. Estimates of the network's hashrate
//! never enter it; they are noisy by ten percent and more.

use crate::units::{Sats, Usd, UsdPerPhDay};

/// Expected blocks per PH/s and day at difficulty 1: hashes per PH-day over hashes per block.
/// 1e15 · 86,400 / 2^32 = 20,116,567,611.694…
const BLOCKS_PER_PH_DAY_AT_DIFFICULTY_1: f64 = 1e15 * 86_400.0 / 4_294_967_296.0;

/// Blocks between two halvings of the subsidy.
const HALVING_BLOCKS: u64 = 210_000;

/// Subsidy of the first block.
const FIRST_SUBSIDY: Sats = Sats(50 * Sats::PER_BTC);

/// Expected earnings of one PH/s in a day, before the pool's fee.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hashprice {
    /// Bitcoin per PH/s and day.
    pub btc_per_ph_day: f64,
    pub usd: UsdPerPhDay,
}

/// Subsidy of the block at `height`, by the consensus rule: 50 BTC, halved every 210,000 blocks
/// and rounded down to whole satoshis.
pub fn subsidy(height: u64) -> Sats {
    // Past 63 shifts nothing is left, and shifting an `i64` further is not defined.
    match u32::try_from(height / HALVING_BLOCKS) {
        Ok(halvings) if halvings < 63 => Sats(FIRST_SUBSIDY.0 >> halvings),
        _ => Sats(0),
    }
}

/// `1e15·86400 / (difficulty·2^32) · (subsidy + mean fee per block)`, bitcoin per PH/s and day.
///
/// `None` if the difficulty is not above zero or the result is not a finite number.
pub fn btc_per_ph_day(difficulty: f64, subsidy: Sats, mean_fee: Sats) -> Option<f64> {
    if !difficulty.is_finite() || difficulty <= 0.0 {
        return None;
    }
    let btc = BLOCKS_PER_PH_DAY_AT_DIFFICULTY_1 / difficulty * (subsidy.btc() + mean_fee.btc());
    btc.is_finite().then_some(btc)
}

/// [`btc_per_ph_day`] and the same at a price.
///
/// `None` if the difficulty is not above zero or the result is not a finite number.
pub fn hashprice(difficulty: f64, subsidy: Sats, mean_fee: Sats, btc_usd: Usd) -> Option<Hashprice> {
    let btc_per_ph_day = btc_per_ph_day(difficulty, subsidy, mean_fee)?;
    let usd = UsdPerPhDay::new(btc_per_ph_day * btc_usd.get())?;
    Some(Hashprice { btc_per_ph_day, usd })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subsidy_halves_at_the_heights_of_the_consensus_rule() {
        assert_eq!(subsidy(0), Sats(5_000_000_000));
        assert_eq!(subsidy(839_999), Sats(625_000_000));
        assert_eq!(subsidy(840_000), Sats(312_500_000));
        assert_eq!(subsidy(1_050_000), Sats(156_250_000));
        assert_eq!(subsidy(33 * 210_000), Sats(0), "50 BTC has 33 bits");
        assert_eq!(subsidy(u64::MAX), Sats(0));
    }

    /// Published by Hashrate Index for days whose difficulty and fee share are known.
    #[test]
    fn it_agrees_with_published_hashprice_within_a_tenth_of_a_percent() {
        for (difficulty, fee_share, published) in [
            (146_716_052_770_107.0, 0.0061, 0.000_431_01),
            (155_973_032_196_072.0, 0.0070, 0.000_405_77),
            (148_258_433_855_481.0, 0.0068, 0.000_426_76),
            (146_472_570_619_931.0, 0.0053, 0.000_431_43),
        ] {
            let subsidy = subsidy(920_000);
            let fee = Sats((subsidy.0 as f64 * fee_share) as i64);
            let got = hashprice(difficulty, subsidy, fee, Usd::ZERO).unwrap().btc_per_ph_day;
            assert!((got / published - 1.0).abs() < 1e-3, "{got} against {published}");
        }
    }

    /// The example in the documentation of mempool's REST interface: 100 blocks of the era of 6.25 BTC.
    #[test]
    fn it_is_that_of_a_documented_day_of_another_era() {
        let got = hashprice(31_251_101_365_711.12, subsidy(736_655), Sats(13_117_483), Usd::ZERO).unwrap();
        assert!((got.btc_per_ph_day / 0.004_107_61 - 1.0).abs() < 1e-5, "{}", got.btc_per_ph_day);
    }

    #[test]
    fn an_impossible_difficulty_has_no_hashprice() {
        for difficulty in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(hashprice(difficulty, Sats(1), Sats(0), Usd::ZERO), None);
        }
    }
}
