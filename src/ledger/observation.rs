//! What is accrued at one moment: the rates of the split.

use std::collections::BTreeMap;

use crate::clock::Now;
use crate::economics::regret::Margins;
use crate::economics::{Class, Money, Split};
use crate::reading::{Read, Reading};
use crate::units::UsdPerHour;

use super::MICRO;
use super::hosting::{AllRates, HostingRates};
use super::site::SiteRates;

/// What is accrued at one moment.
#[derive(Debug)]
pub(super) struct Observation {
    pub at: Now,
    pub blocks: BTreeMap<(Class, String), Rates>,
    pub hashprice: Option<f64>,
    pub power_price: Option<f64>,
    pub btc_usd: Option<f64>,
    pub site: Option<SiteRates>,
    pub hostings: AllRates,
    pub margins: Read<Margins>,
}

/// Rates of one block: facility watts, and micro-dollars per hour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub power: Read<f64>,
    pub revenue: Read<f64>,
    pub cost: Read<f64>,
}

impl Observation {
    pub fn of(split: &Split, margins: Read<Margins>, at: Now) -> Self {
        let blocks = split.blocks.iter().map(|b| ((b.class, b.id.clone()), Rates::of(&b.money)));
        Self {
            at,
            blocks: blocks.collect(),
            hashprice: split.hashprice.ok().map(|h| h.value.get()),
            power_price: split.power_price.ok().map(|p| p.value.get()),
            btc_usd: split.btc_usd.ok().map(|usd| usd.value.get()),
            site: SiteRates::of(split, at),
            hostings: HostingRates::of(split),
            margins,
        }
    }
}

impl Rates {
    fn of(money: &Money) -> Self {
        let micro = |usd: Reading<UsdPerHour>| usd.map(|usd| usd.get() * MICRO);
        Self {
            power: money.facility_power.map(|p| p.map(|p| p.get())),
            revenue: money.revenue.map(micro),
            cost: money.power_cost.map(micro),
        }
    }
}
