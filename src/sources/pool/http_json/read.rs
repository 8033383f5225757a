//! What a described pool's pages hold. Pure.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use super::{AccountKeys, AmountUnit, PartUnit, SettledKeys, WorkerKeys};
use crate::clock::UnixMs;
use crate::reading::{Missing, PoolWorker, Read, Reading, Settled, SettledKind};
use crate::sources::Failure;
use crate::sources::pool::wire::plausible;
use crate::sources::pool::{Balance, Piece, Rates, Rejects};
use crate::sources::value::amount::{Measure, amount};
use crate::sources::value::flag::flag;
use crate::sources::value::moment::moment;
use crate::sources::value::page;
use crate::sources::value::rows::{Row, rows};
use crate::sources::web::Decimal;
use crate::units::{Fraction, Hashrate, Sats};

const DAY_MS: i64 = 86_400_000;

/// What one key points at; without a key the pool does not tell it.
type Found<'p> = Result<&'p Value, Missing>;

/// The figures of the account. `hashes` are the H/s in one unit of a hashrate without a unit of its own.
///
/// # Errors
/// None of the keys points at what it should: then the description is wrong.
pub fn account(page: &Value, keys: &AccountKeys, hashes: f64) -> Result<Piece, Failure> {
    let piece = figures(Ok(page), keys, hashes);
    match first_reason(&piece) {
        Some(why) => {
            Err(Failure::new(why, "the reply holds nothing that the keys of [pool.json.account] name"))
        }
        None => Ok(piece),
    }
}

/// The figures of an account that was not told.
pub fn no_account(why: Missing, keys: &AccountKeys) -> Piece {
    figures(Err(why), keys, 1.0)
}

fn figures(page: Found<'_>, keys: &AccountKeys, hashes: f64) -> Piece {
    let at = |key: &Option<String>| page::at(page_of(key, page)?, key.as_deref().unwrap_or_default());
    let rates = Rates {
        hashrate_now: hashrate(at(&keys.hashrate_now_key), hashes, "json.hashrate_now"),
        hashrate_1h: hashrate(at(&keys.hashrate_1h_key), hashes, "json.hashrate_1h"),
        hashrate_24h: hashrate(at(&keys.hashrate_24h_key), hashes, "json.hashrate_24h"),
        workers_online: count(at(&keys.workers_online_key), "json.workers_online"),
        workers_offline: count(at(&keys.workers_offline_key), "json.workers_offline"),
    };
    let rejects = Rejects {
        rejected: part(at(&keys.rejected_key), keys.rejected_unit, "json.rejected"),
        stale: part(at(&keys.stale_key), keys.rejected_unit, "json.stale"),
    };
    let today = at(&keys.today_estimate_key).and_then(|found| sats(found, keys.amount_unit, estimate));
    let unpaid = at(&keys.unpaid_key).and_then(|found| sats(found, keys.amount_unit, Decimal::sats_from_btc));
    let balance = Balance {
        unpaid: unpaid.map(|unpaid| Reading::measured(unpaid, "json.unpaid")),
        today_estimate: today.map(|today| Reading::estimated(today, "json.today_estimate")),
    };
    Piece { rates: Some(rates), rejects: Some(rejects), balance: Some(balance), ..Piece::default() }
}

/// The workers, as the list or map has them. A row without a name is left out.
///
/// # Errors
/// There is neither list nor map.
pub fn workers(page: &Value, keys: &WorkerKeys, hashes: f64) -> Result<Piece, Failure> {
    let worker = |row: Row<'_>| {
        let at = |key: &Option<String>| row.at(key.as_deref().ok_or(Missing::NotSupported)?);
        let named = at(&keys.name_key).ok().and_then(page::text);
        Some(PoolWorker {
            name: named.or_else(|| row.name.filter(|_| keys.name_key.is_none()).map(str::to_owned))?,
            hashrate: hashrate(at(&keys.hashrate_key), hashes, "json.worker.hashrate"),
            rejected: part(at(&keys.rejected_key), keys.rejected_unit, "json.worker.rejected"),
            stale: part(at(&keys.stale_key), keys.rejected_unit, "json.worker.stale"),
            // Zero is no time.
            last_share: time(at(&keys.last_share_key)).ok().filter(|at| at.0 > 0),
            online: at(&keys.online_key).and_then(flag).ok(),
        })
    };
    Ok(listed(page, &keys.rows_key)?.into_iter().filter_map(worker).collect::<Vec<_>>().into())
}

/// What was credited for each UTC day that is over, newest first. A day of several rows is their sum.
///
/// # Errors
/// There is no list, or one of its rows cannot be read: a list with a day left out would look like a day without
/// income.
pub fn settled(page: &Value, keys: &SettledKeys, now: UnixMs) -> Result<Piece, Failure> {
    let mut days: BTreeMap<i64, Sats> = BTreeMap::new();
    for row in listed(page, &keys.rows_key)? {
        let net =
            row.at(&keys.amount_key).and_then(|found| sats(found, keys.amount_unit, Decimal::sats_from_btc));
        let (Ok(at), Ok(net)) = (time(row.at(&keys.day_key)), net) else {
            let detail = format!("a row of `{}` of the reply cannot be read", keys.rows_key);
            return Err(Failure::new(Missing::Garbage, detail));
        };
        let sum = days.entry(at.0.div_euclid(DAY_MS).saturating_mul(DAY_MS)).or_default();
        sum.0 = sum.0.saturating_add(net.0);
    }
    let over = days.into_iter().rev().filter(|(day, _)| day.saturating_add(DAY_MS) <= now.0);
    let settled =
        over.map(|(day, net)| Settled { at: UnixMs(day), kind: SettledKind::UtcDay, net, fee: None });
    Ok(settled.collect::<Vec<_>>().into())
}

fn page_of<'p>(key: &Option<String>, page: Found<'p>) -> Found<'p> {
    if key.is_some() { page } else { Err(Missing::NotSupported) }
}

fn listed<'p>(page: &'p Value, pointer: &str) -> Result<Vec<Row<'p>>, Failure> {
    rows(page, pointer).map_err(|why| Failure::new(why, format!("no list at `{pointer}` of the reply")))
}

fn hashrate(found: Found<'_>, hashes: f64, source: &'static str) -> Read<Hashrate> {
    plausible(Ok(Reading::measured(amount(found?, Measure::Hashrate, hashes)?, source)))
}

fn count(found: Found<'_>, source: &'static str) -> Read<u32> {
    Ok(Reading::measured(decimal(found?)?.u32().ok_or(Missing::Garbage)?, source))
}

/// A part of all work; one that ends in `%` needs no unit.
fn part(found: Found<'_>, unit: PartUnit, source: &'static str) -> Read<Fraction> {
    let decimal = decimal(found?)?;
    let text = decimal.text().ok_or(Missing::Garbage)?;
    let (number, percent) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), true),
        None => (text, unit == PartUnit::Percent),
    };
    let number: f64 = number.parse().map_err(|_| Missing::Garbage)?;
    let part = if percent { number / 100.0 } else { number };
    let part = Fraction::new(part).filter(|part| (0.0..=1.0).contains(&part.get()));
    Ok(Reading::measured(part.ok_or(Missing::Implausible)?, source))
}

fn sats(found: &Value, unit: AmountUnit, of_btc: fn(&Decimal) -> Option<Sats>) -> Result<Sats, Missing> {
    let decimal = decimal(found)?;
    let sats = match unit {
        AmountUnit::Btc => of_btc(&decimal),
        AmountUnit::Sats => decimal.sats(),
    };
    sats.ok_or(Missing::Garbage)
}

/// Estimates may have more than eight decimals.
fn estimate(btc: &Decimal) -> Option<Sats> {
    btc.whole_sats_from_btc()
}

fn time(found: Found<'_>) -> Result<UnixMs, Missing> {
    moment(found?, &TimeZone::UTC)
}

fn decimal(found: &Value) -> Result<Decimal, Missing> {
    Decimal::deserialize(found).map_err(|_| Missing::Garbage)
}

/// Why there is nothing at all in the piece; `None` if there is something.
fn first_reason(piece: &Piece) -> Option<Missing> {
    let (rates, rejects, balance) = (piece.rates.as_ref()?, piece.rejects.as_ref()?, piece.balance.as_ref()?);
    let reasons = [
        rates.hashrate_now.err(),
        rates.hashrate_1h.err(),
        rates.hashrate_24h.err(),
        rates.workers_online.err(),
        rates.workers_offline.err(),
        rejects.rejected.err(),
        rejects.stale.err(),
        balance.unpaid.err(),
        balance.today_estimate.err(),
    ];
    let told: Option<Vec<Missing>> = reasons.into_iter().collect();
    told?.into_iter().find(|why| *why != Missing::NotSupported)
}
