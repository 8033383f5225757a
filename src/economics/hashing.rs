//! What hashing earns, and at which price of power it stops to.

use crate::units::{Hashrate, JoulesPerTerahash, UsdPerHour, UsdPerMwh, UsdPerPhDay, Watts};

use super::value::per_mwh;

const HOURS_PER_DAY: f64 = 24.0;

/// Revenue of `hashrate`: `PH/s · hashprice / 24 · (1 − pool fee) · accepted share`.
///
/// `pool_fee` and `accepted_share` are fractions. `accepted_share` is the part of the work that the
/// pool credits; uptime enters the same way where `hashrate` is a nameplate figure.
///
/// `None` if the result is not a finite number.
pub fn revenue(
    hashrate: Hashrate,
    hashprice: UsdPerPhDay,
    pool_fee: f64,
    accepted_share: f64,
) -> Option<UsdPerHour> {
    let per_hour = hashrate.phs() * hashprice.get() / HOURS_PER_DAY;
    UsdPerHour::new(per_hour * (1.0 - pool_fee) * accepted_share)
}

/// Revenue per MWh at the miner's plug: `hashprice · (1 − fee) · uptime · 1000 / (24 · J/TH)`.
///
/// `None` if the efficiency is not above zero.
pub fn usd_per_it_mwh(
    efficiency: JoulesPerTerahash,
    hashprice: UsdPerPhDay,
    pool_fee: f64,
    uptime: f64,
) -> Option<UsdPerMwh> {
    let one_ph = Hashrate::new(1e3)?;
    // One PH/s at J J/TH draws J kilowatts.
    let power = Watts::from_kw(efficiency.get())?;
    per_mwh(revenue(one_ph, hashprice, pool_fee, uptime)?, power)
}

/// Power cost of one PH/s for a day: `24 · J/TH · price · overhead / 1000`, USD/PH/day.
///
/// `overhead` is facility kW per IT kW at the margin. `None` if the result is not a finite number.
pub fn hashcost(efficiency: JoulesPerTerahash, price: UsdPerMwh, overhead: f64) -> Option<UsdPerPhDay> {
    UsdPerPhDay::new(HOURS_PER_DAY * efficiency.get() * price.get() * overhead / 1e3)
}

/// Efficiency at which a miner only pays for its power. `None` where power costs nothing or less:
/// then every miner does.
pub fn breakeven_efficiency(
    hashprice: UsdPerPhDay,
    pool_fee: f64,
    price: UsdPerMwh,
    overhead: f64,
) -> Option<JoulesPerTerahash> {
    let cost = HOURS_PER_DAY * price.get() * overhead;
    if cost <= 0.0 {
        return None;
    }
    JoulesPerTerahash::new(hashprice.get() * (1.0 - pool_fee) * 1e3 / cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_petahash_earns_a_twenty_fourth_of_the_hashprice_each_hour() {
        let hashprice = UsdPerPhDay::new(48.0).unwrap();
        let got = revenue(Hashrate::new(1000.0).unwrap(), hashprice, 0.01, 0.99).unwrap();
        assert!((got.get() - 2.0 * 0.99 * 0.99).abs() < 1e-12);
    }

    #[test]
    fn free_power_has_no_breakeven_efficiency() {
        let hashprice = UsdPerPhDay::new(40.0).unwrap();
        for price in [0.0, -20.0] {
            assert_eq!(breakeven_efficiency(hashprice, 0.0, UsdPerMwh::new(price).unwrap(), 1.0), None);
        }
    }
}
