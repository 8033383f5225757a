//! The money of sites that are put together by hand.

use wattsplit::economics::pool_income::{Basis, Pay};
use wattsplit::economics::{BlockMoney, Class, IndexCheck, Metering, Money, PoolIncome, Split};
use wattsplit::reading::*;
use wattsplit::site::*;
use wattsplit::units::*;

use super::sites::fraction;

/// USD/PH/day of these sites.
const HASHPRICE: f64 = 38.2;

/// A split in the manner of the real one, simple enough to check by hand: 38.2 USD/PH/day less 1 %,
/// overhead 1.06 and 1.3, 2.10 USD a GPU and hour.
pub fn split_of(view: &SiteView, power_usd_per_mwh: f64) -> Split {
    let inputs = view.btc_quotes.iter().filter_map(|(_, q)| q.ok().map(|q| q.quality)).max();
    let hashprice_quality =
        inputs.into_iter().chain(view.network.ok().map(|n| n.quality)).max().unwrap_or(Quality::Measured);
    let power_quality = view.power_price.map_or(Quality::Measured, |p| p.quality);
    let mut blocks = Vec::new();
    for block in &view.hash_blocks {
        let money = match (block.hashrate, block.power) {
            (Ok(h), Ok(p)) => {
                let usd_per_h = h.value.phs() * HASHPRICE * 0.99 / 24.0;
                let quality = hashprice_quality.max(h.quality);
                money_of(usd_per_h, quality, p, 1.06, power_usd_per_mwh, power_quality, true)
            }
            _ => no_money(),
        };
        blocks.push(BlockMoney { id: block.id.clone(), class: Class::Hash, money, statement: None });
    }
    for block in &view.ai_blocks {
        let sold = block.occupied.map_or(f64::from(block.counts.units()), |o| f64::from(o.value));
        let quality = block.occupied.map_or(Quality::Measured, |o| o.quality);
        let money = match block.it_power {
            Ok(p) => {
                let marginal = block.occupied.is_ok();
                money_of(sold * 2.10, quality, p, 1.3, power_usd_per_mwh, power_quality, marginal)
            }
            Err(_) => no_money(),
        };
        blocks.push(BlockMoney { id: block.id.clone(), class: Class::Ai, money, statement: None });
    }
    let side = |class| {
        let parts = || blocks.iter().filter(move |b| b.class == class).map(|b| &b.money);
        let sum = |f: fn(&Money) -> Option<(f64, Quality)>| {
            let known: Vec<_> = parts().filter_map(f).collect();
            let worst = known.iter().map(|k| k.1).max().unwrap_or(Quality::Measured);
            (known.iter().map(|k| k.0).sum::<f64>(), worst)
        };
        let (revenue, quality) = sum(|m| m.revenue.ok().map(|r| (r.value.get(), r.quality)));
        let (it, it_quality) = sum(|m| m.it_power.ok().map(|r| (r.value.get(), r.quality)));
        let (facility, _) = sum(|m| m.facility_power.ok().map(|r| (r.value.get(), r.quality)));
        let total = Total { value: Watts::new(it).unwrap(), quality: it_quality, coverage: fraction(1.0) };
        let overhead = if it > 0.0 { facility / it } else { 1.0 };
        money_of(revenue, quality, total, overhead, power_usd_per_mwh, power_quality, class == Class::Hash)
    };
    let (mut hash, mut ai) = (side(Class::Hash), side(Class::Ai));
    let total = hash.revenue.unwrap().value.get() + ai.revenue.unwrap().value.get();
    for money in [&mut hash, &mut ai] {
        money.share = money.revenue.map(|r| r.map(|r| fraction(r.get() / total.max(1e-9))));
    }
    let units: f64 = view.hash_blocks.iter().map(|b| f64::from(b.counts.units())).sum();
    let read = |b: &HashBlock| b.power.map_or(0.0, |p| p.coverage.get()) * f64::from(b.counts.units());
    hash.coverage = fraction(view.hash_blocks.iter().map(read).sum::<f64>() / units.max(1.0));
    let site_power = hash.facility_power.unwrap().value + ai.facility_power.unwrap().value;
    Split {
        at: view.at,
        btc_usd: Ok(Reading {
            value: Usd::new(84_122.1).unwrap(),
            quality: inputs.unwrap_or(Quality::Measured),
            source: "median",
        }),
        hashprice: Ok(Reading {
            value: UsdPerPhDay::new(HASHPRICE).unwrap(),
            quality: hashprice_quality,
            source: "formula",
        }),
        retarget: Err(Missing::NotYet),
        index: IndexCheck::default(),
        power_price: Ok(Reading {
            value: UsdPerMwh::new(power_usd_per_mwh).unwrap(),
            quality: power_quality,
            source: "tariff",
        }),
        hash,
        ai,
        site_power: Ok(Reading::estimated(site_power, "sum")),
        metering: Metering::default(),
        pools: view.pools.iter().map(income).collect(),
        cap: None,
        blocks,
        issues: vec![],
    }
}

/// What the pool settled for its last day.
fn income(pool: &PoolView) -> PoolIncome {
    let pay = Pay { gross: Sats(5_336_735), fee: Sats(106_735), net: Sats(5_230_000) };
    let settled =
        pool.report.as_ref().map(|report| Reading::measured(pay, "settled").at_best(report.quality));
    PoolIncome {
        name: pool.name.clone(),
        theoretical: Err(Missing::NotYet),
        device: Err(Missing::NotYet),
        best: settled.map_err(|why| *why),
        basis: settled.is_ok().then_some(Basis::Settled),
        expectation: false,
        far_above: None,
    }
}

pub fn money_of(
    usd_per_h: f64,
    quality: Quality,
    power: Total<Watts>,
    overhead: f64,
    price: f64,
    price_quality: Quality,
    marginal: bool,
) -> Money {
    let facility = power.value * overhead;
    let mwh = facility.get() / 1e6;
    let cost = mwh * price;
    let (cost_quality, all) =
        (power.quality.max(price_quality), quality.max(power.quality).max(price_quality));
    let read = |value: f64, quality| Reading { value, quality, source: "test" };
    let per_mwh = match UsdPerMwh::new(usd_per_h / mwh) {
        Some(value) => Ok(Reading { value, quality: quality.max(power.quality), source: "test" }),
        None => Err(Missing::NotReported),
    };
    Money {
        revenue: Ok(read(usd_per_h, quality).map(|v| UsdPerHour::new(v).unwrap())),
        it_power: Ok(Reading { value: power.value, quality: power.quality, source: "test" }),
        facility_power: Ok(Reading { value: facility, quality: power.quality, source: "test" }),
        power_cost: Ok(read(cost, cost_quality).map(|v| UsdPerHour::new(v).unwrap())),
        margin: Ok(read(usd_per_h - cost, all).map(|v| UsdPerHour::new(v).unwrap())),
        usd_per_mwh: per_mwh,
        breakeven: if marginal { per_mwh } else { Err(Missing::Undefined) },
        share: Err(Missing::NotReported),
        coverage: power.coverage,
    }
}

pub fn no_money() -> Money {
    Money {
        revenue: Err(Missing::Timeout),
        it_power: Err(Missing::Timeout),
        facility_power: Err(Missing::Timeout),
        power_cost: Err(Missing::Timeout),
        margin: Err(Missing::Timeout),
        usd_per_mwh: Err(Missing::Timeout),
        breakeven: Err(Missing::Timeout),
        share: Err(Missing::Timeout),
        coverage: Fraction::ZERO,
    }
}
