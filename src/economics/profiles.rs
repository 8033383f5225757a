//! Power profiles of one machine: what each step up earns.
//!
//! The average J/TH of a profile hides its last step: what decides is what the *additional* power
//! earns.

use crate::units::{Hashrate, JoulesPerTerahash, UsdPerHour, UsdPerMwh, UsdPerPhDay, Watts};

use super::hashing;
use super::value::{per_mwh, power_cost};

/// One setting of a machine, in rising order of power.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pub name: String,
    pub power: Watts,
    pub hashrate: Hashrate,
}

/// What a profile is worth at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    pub margin: UsdPerHour,
    pub average: JoulesPerTerahash,
    /// Of the step from the profile below, or from sleep, per facility MWh.
    pub incremental: UsdPerMwh,
}

/// Margin of a machine that sleeps at `sleep_power`: its power cost, negated.
pub fn margin_asleep(sleep_power: Watts, overhead: f64, price: UsdPerMwh) -> Option<UsdPerHour> {
    Some(UsdPerHour::ZERO - power_cost(sleep_power * overhead, price)?)
}

/// Worth of each profile above sleep. `overhead` is facility kW per IT kW at the margin. `None` if a
/// profile draws no more than the one below.
pub fn worth(
    profiles: &[Profile],
    sleep_power: Watts,
    hashprice: UsdPerPhDay,
    pool_fee: f64,
    overhead: f64,
    price: UsdPerMwh,
) -> Option<Vec<Worth>> {
    let mut below = (sleep_power, Hashrate::ZERO);
    profiles
        .iter()
        .map(|profile| {
            let revenue = hashing::revenue(profile.hashrate, hashprice, pool_fee, 1.0)?;
            let cost = power_cost(profile.power * overhead, price)?;
            let added = hashing::revenue(profile.hashrate - below.1, hashprice, pool_fee, 1.0)?;
            let incremental = per_mwh(added, (profile.power - below.0) * overhead)?;
            below = (profile.power, profile.hashrate);
            Some(Worth {
                margin: revenue - cost,
                average: JoulesPerTerahash::new(profile.power.get() / profile.hashrate.ths())?,
                incremental,
            })
        })
        .collect()
}
