//! What an account earns in a day, by the best word on it: settled by the pool, estimated by the pool, worked out
//! from the work that the pool counted, or worked out from what the devices say.

use std::sync::Arc;

use crate::clock::UnixMs;
use crate::reading::{
    MOST_A_DAY, Missing, PoolReport, Quality, Read, Reading, Settled, SettledKind, newest_settled,
};
use crate::site::{PoolView, SiteView};
use crate::units::{Hashrate, Sats};

use super::{SiteTerms, hashprice};

const DAY_MS: i64 = 86_400_000;
/// A pool settles a day within hours of its end: what ended longer ago is no news of what it earns now.
const SETTLED_LIMIT_MS: i64 = 2 * DAY_MS;
/// What a pool tells of a day is another unit, or another account, beyond so many times what the work of its shorter
/// windows, or of the devices, is worth: neither luck nor a fleet that is mostly switched off does that.
const FAR_ABOVE: f64 = 100.0;

/// Agreed with a pool.
#[derive(Debug, Clone)]
pub struct PoolTerms {
    pub name: String,
    /// Share that the pool keeps, as a fraction.
    pub fee: f64,
    /// Groups of miners that work for the account.
    pub groups: Vec<String>,
}

/// Where a figure of income comes from, in order of trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Credited by the pool for a day that is over.
    Settled,
    /// The pool's own estimate of the day that runs.
    PoolEstimate,
    /// The hashrate that the pool counted, at the hashprice.
    Theoretical,
    /// The hashrate that the devices report, at the hashprice.
    Device,
}

impl Basis {
    pub fn as_str(self) -> &'static str {
        match self {
            Basis::Settled => "settled",
            Basis::PoolEstimate => "pool_estimate",
            Basis::Theoretical => "theoretical",
            Basis::Device => "device",
        }
    }
}

/// Pay for a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pay {
    pub gross: Sats,
    pub fee: Sats,
    pub net: Sats,
}

/// What an account earns in a day.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolIncome {
    pub name: Arc<str>,
    /// At the hashrate that the pool counted in its longest window.
    pub theoretical: Read<Pay>,
    /// At the hashrate that the devices report now.
    pub device: Read<Pay>,
    /// The one that is to be trusted most, and its basis.
    pub best: Read<Pay>,
    pub basis: Option<Basis>,
    /// The pool pays by luck: nothing but what is settled was earned.
    pub expectation: bool,
    /// What the pool tells of a day is so many times what the work is worth by all else: it is left out.
    pub far_above: Option<f64>,
}

/// The income of each account in the picture that has terms.
pub fn incomes(view: &SiteView, terms: &SiteTerms) -> Vec<PoolIncome> {
    let of = |pool: &PoolView| {
        let terms = terms.pools.iter().find(|terms| terms.name == *pool.name)?;
        Some(income(view, pool, terms))
    };
    view.pools.iter().filter_map(of).collect()
}

fn income(view: &SiteView, pool: &PoolView, terms: &PoolTerms) -> PoolIncome {
    let hashprice = btc_hashprice(view);
    let report = pool.report.as_ref().map(|aged| (&*aged.value, aged.quality)).map_err(|why| *why);
    let counted = report.and_then(|(report, quality)| {
        let rate = report.hashrate_24h.or(report.hashrate_1h).or(report.hashrate_now)?;
        Ok(rate.at_best(quality))
    });
    let hashed = devices(view, terms);
    let shorter =
        report.map_or([Err(Missing::NotYet); 2], |(report, _)| [report.hashrate_1h, report.hashrate_now]);
    let leap = counted.ok().and_then(|rate| times(rate.value.ths(), most([shorter[0], shorter[1], hashed])));
    let counted = if leap.is_some() { Err(Missing::Implausible) } else { counted };
    let theoretical = counted.and_then(|rate| pay(rate, hashprice, terms.fee));
    let device = hashed.and_then(|rate| pay(rate, hashprice, terms.fee));
    let told = report.ok().and_then(|(report, quality)| told(report, quality, view.at.wall, terms.fee));
    let untrue = told.and_then(|(pay, _)| times_worth(pay.value, [theoretical, device]));
    let told = told.filter(|_| untrue.is_none());
    let far_above = untrue.or(leap);
    let (best, basis) = match (told, theoretical, device) {
        (Some((pay, basis)), _, _) => (Ok(pay), Some(basis)),
        (None, Ok(pay), _) => (Ok(pay), Some(Basis::Theoretical)),
        (None, Err(_), Ok(pay)) => (Ok(pay), Some(Basis::Device)),
        (None, Err(why), Err(_)) => (Err(why), None),
    };
    let by_luck = report.is_ok_and(|(report, _)| report.scheme.is_expectation());
    let expectation = by_luck && basis.is_some_and(|basis| basis != Basis::Settled);
    PoolIncome { name: Arc::clone(&pool.name), theoretical, device, best, basis, expectation, far_above }
}

/// As [`times`], of the better paid of what the work is worth.
fn times_worth(told: Pay, worth: [Read<Pay>; 2]) -> Option<f64> {
    let worth = worth.into_iter().flatten().map(|pay| pay.value.gross.0).max()?;
    times(told.gross.0 as f64, worth as f64)
}

/// How many times `whole` the figure `told` is, where that is far too much. Of nothing there is no telling.
fn times(told: f64, whole: f64) -> Option<f64> {
    let times = if whole > 0.0 { told / whole } else { return None };
    (times > FAR_ABOVE).then_some(times)
}

/// The highest that is known, TH/s; 0.0: none is.
fn most(rates: [Read<Hashrate>; 3]) -> f64 {
    rates.into_iter().flatten().map(|rate| rate.value.ths()).fold(0.0, f64::max)
}

/// What the pool itself says: its newest day, else what it expects of this one.
fn told(report: &PoolReport, quality: Quality, now: UnixMs, fee: f64) -> Option<(Reading<Pay>, Basis)> {
    let recent = |row: &Settled| {
        let age = now.0.saturating_sub(row.at.0.saturating_add(DAY_MS));
        row.kind == SettledKind::UtcDay && (0..=SETTLED_LIMIT_MS).contains(&age)
    };
    if let Some(Settled { net, fee: kept, .. }) = newest_settled(&report.settled, recent) {
        let pay = match kept {
            Some(kept) => Pay { gross: Sats(net.0.saturating_add(kept.0)), fee: kept, net },
            None => from_net(net, fee)?,
        };
        return Some((Reading::measured(pay, "settled").at_best(quality), Basis::Settled));
    }
    let estimate = report.today_estimate.ok()?;
    let pay = from_net(estimate.value, fee)?;
    let quality = quality.max(estimate.quality).max(Quality::Estimated);
    Some((Reading { value: pay, quality, source: estimate.source }, Basis::PoolEstimate))
}

/// Of the groups that work for the account.
fn devices(view: &SiteView, terms: &PoolTerms) -> Read<Hashrate> {
    let mut sum: Read<Hashrate> = Err(Missing::NotConfigured);
    for block in view.hash_blocks.iter().filter(|block| terms.groups.iter().any(|g| *g == *block.group)) {
        let total = block.hashrate?;
        let so_far = sum.unwrap_or(Reading::measured(Hashrate::ZERO, "devices"));
        let value = Hashrate::new(so_far.value.ths() + total.value.ths()).ok_or(Missing::Implausible)?;
        sum = Ok(Reading { value, quality: so_far.quality.max(total.quality), source: "devices" });
    }
    sum
}

/// Bitcoin per PH/s and day: no price is in it.
fn btc_hashprice(view: &SiteView) -> Read<f64> {
    let network = view.network?;
    let (fee, quality) = match network.value.mean_fee {
        Ok(fee) => (fee.value, fee.quality),
        Err(_) => (Sats(0), Quality::Estimated),
    };
    let subsidy = hashprice::subsidy(network.value.height);
    let btc =
        hashprice::btc_per_ph_day(network.value.difficulty, subsidy, fee).ok_or(Missing::Implausible)?;
    Ok(Reading { value: btc, quality: quality.max(network.quality), source: "difficulty, subsidy, fees" })
}

/// `PH/s · BTC/PH/day`, less the fee.
fn pay(rate: Reading<Hashrate>, hashprice: Read<f64>, fee: f64) -> Read<Pay> {
    let hashprice = hashprice?;
    let gross = sats(rate.value.phs() * hashprice.value * Sats::PER_BTC as f64);
    let gross = gross.filter(|gross| *gross <= MOST_A_DAY).ok_or(Missing::Implausible)?;
    let kept = sats(gross.0 as f64 * fee).ok_or(Missing::Implausible)?;
    let value = Pay { gross, fee: kept, net: Sats(gross.0.saturating_sub(kept.0)) };
    // Worked out, and not counted.
    let quality = rate.quality.max(hashprice.quality).max(Quality::Estimated);
    Ok(Reading { value, quality, source: rate.source })
}

/// Where the pool tells only what it paid: `net / (1 − fee)`.
fn from_net(net: Sats, fee: f64) -> Option<Pay> {
    let gross = if fee < 1.0 { sats(net.0 as f64 / (1.0 - fee))? } else { return None };
    Some(Pay { gross, fee: Sats(gross.0.saturating_sub(net.0)), net })
}

/// Rounded, and no more than all bitcoin there will ever be.
fn sats(value: f64) -> Option<Sats> {
    const MOST: f64 = 21e14;
    (value.is_finite() && value.abs() <= MOST).then(|| Sats(value.round() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::RewardScheme;

    const NOW: UnixMs = UnixMs(20_000 * DAY_MS + DAY_MS / 2);

    fn report(settled: Vec<Settled>, today: Read<Sats>) -> PoolReport {
        PoolReport {
            settled,
            today_estimate: today,
            ..PoolReport::unknown(RewardScheme::Fpps, Missing::NotReported)
        }
    }

    fn day(number: i64, net: i64, fee: Option<i64>) -> Settled {
        let at = UnixMs(number * DAY_MS);
        Settled { at, kind: SettledKind::UtcDay, net: Sats(net), fee: fee.map(Sats) }
    }

    fn found(settled: Vec<Settled>, today: Read<Sats>) -> Option<(Basis, i64, i64, i64)> {
        let (pay, basis) = told(&report(settled, today), Quality::Measured, NOW, 0.02)?;
        let Pay { gross, fee, net } = pay.value;
        Some((basis, gross.0, fee.0, net.0))
    }

    #[test]
    fn a_settled_day_is_the_best_word_with_the_fee_of_the_pool_or_else_of_the_config() {
        let today = Ok(Reading::estimated(Sats(500), "today"));
        let days = vec![day(19_998, 90, None), day(19_999, 98_000, None)];
        assert_eq!(found(days, today), Some((Basis::Settled, 100_000, 2_000, 98_000)));
        let parts = vec![day(19_999, 97_000, Some(2_500)), day(19_999, 1_000, Some(0))];
        assert_eq!(found(parts, today), Some((Basis::Settled, 100_500, 2_500, 98_000)));
    }

    #[test]
    fn a_day_that_runs_or_is_long_over_is_no_word_on_what_it_earns_now() {
        let today = Ok(Reading::estimated(Sats(98), "today"));
        for days in [vec![day(20_000, 77, None)], vec![day(19_996, 77, None)], Vec::new()] {
            assert_eq!(found(days, today), Some((Basis::PoolEstimate, 100, 2, 98)));
        }
        assert_eq!(found(Vec::new(), Err(Missing::NotSupported)), None);
    }

    #[test]
    fn a_day_far_above_what_the_work_is_worth_is_told_apart() {
        let pay = |gross| Pay { gross: Sats(gross), fee: Sats(0), net: Sats(gross) };
        let worth = |gross| Ok(Reading::estimated(pay(gross), "test"));
        // A lucky day, and one after which most of the fleet was switched off.
        let unknown = Err(Missing::NotYet);
        assert_eq!(times_worth(pay(3_000_000), [worth(43_148), worth(900)]), None);
        assert_eq!(times_worth(pay(43_148_000), [unknown, worth(43_148)]), Some(1_000.0));
        assert_eq!(times_worth(pay(43_148_000), [worth(0), unknown]), None);
        assert_eq!(times_worth(pay(43_148_000), [unknown, unknown]), None);
    }

    #[test]
    fn blocks_that_were_found_are_no_day() {
        let block = Settled { kind: SettledKind::Block, ..day(19_999, 77, None) };
        assert_eq!(found(vec![block], Err(Missing::NotSupported)), None);
    }

    #[test]
    fn a_petahash_earns_the_hashprice_less_the_fee() {
        let rate = Reading::measured(Hashrate::new(1_000.0).unwrap(), "pool");
        let hashprice = Ok(Reading::measured(0.000_431_48, "test"));
        let pay = pay(rate, hashprice, 0.01).unwrap();
        assert_eq!(pay.value, Pay { gross: Sats(43_148), fee: Sats(431), net: Sats(42_717) });
        assert_eq!(pay.quality, Quality::Estimated);
    }
}
