//! Braiins Pool: `pool.braiins.com`, JSON behind the header `Pool-Auth-Token`.
//!
//! Protocol: academy.braiins.com, "Monitoring". Hashrates are numbers (the field table says
//! strings) in the unit of a string beside them, amounts are decimal strings in bitcoin, `btc` is
//! null for an account that never mined, and a bad token gets status 403 with plain text.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::settled::{self, is_over, newest_first};
use super::wire::{hashes_per, plausible};
use super::{Api, Ask, Asking, Balance, Key, Piece, Rates, Request};
use crate::clock::UnixMs;
use crate::reading::{Missing, PoolWorker, Read, Reading, RewardScheme, Settled, SettledKind};
use crate::sources::Failure;
use crate::sources::web::{Decimal, json, read};
use crate::units::Hashrate;

const DAY_SECS: i64 = 86_400;

pub static API: Api = Api {
    name: "braiins",
    url: "https://pool.braiins.com",
    // The pool asks for 5 s; one more keeps a jittered schedule above that.
    spacing: Duration::from_secs(6),
    scheme: RewardScheme::Fpps,
    needs: &[Key::TokenFile],
    warning: None,
    requests: &[
        Request {
            ask: |asking| get(asking, "/accounts/profile/json/btc/"),
            period: |interval| interval,
            parse: |body, _| Ok(profile(body)?.into()),
            missing: |why| account(Rates::missing(why), Balance::missing(why)),
        },
        Request {
            ask: |asking| get(asking, "/accounts/workers/json/btc"),
            period: |interval| interval.saturating_mul(2),
            parse: |body, _| Ok(workers(body)?.into()),
            missing: |_| Vec::<PoolWorker>::new().into(),
        },
        Request {
            ask: |asking| get(asking, "/accounts/rewards/json/btc"),
            period: settled::hourly,
            parse: |body, context| Ok(rewards(body, context.now.wall)?.into()),
            missing: |_| Vec::<Settled>::new().into(),
        },
    ],
};

fn get(asking: &Asking<'_>, path: &str) -> Ask {
    Ask::get(path).header("Pool-Auth-Token", asking.keys.token())
}

fn account(rates: Rates, balance: Balance) -> Piece {
    Piece { rates: Some(rates), balance: Some(balance), ..Piece::default() }
}

#[derive(Deserialize)]
struct Envelope<T> {
    btc: Option<T>,
}

#[derive(Deserialize)]
struct Profile {
    hash_rate_unit: Option<String>,
    hash_rate_5m: Option<Decimal>,
    hash_rate_60m: Option<Decimal>,
    hash_rate_24h: Option<Decimal>,
    ok_workers: Option<Decimal>,
    low_workers: Option<Decimal>,
    off_workers: Option<Decimal>,
    current_balance: Option<Decimal>,
    estimated_reward: Option<Decimal>,
}

/// Account hashrates, worker counts and balance.
///
/// # Errors
/// If the reply is no profile, or the account never mined.
pub fn profile(body: &[u8]) -> Result<Piece, Failure> {
    let profile: Profile = open(body)?;
    let unit = profile.hash_rate_unit.as_deref();
    let online = read(&profile.ok_workers, "profile.ok_workers+low_workers", Decimal::u32);
    let low = read(&profile.low_workers, "profile.low_workers", Decimal::u32);
    let rates = Rates {
        hashrate_now: rate(&profile.hash_rate_5m, unit, "profile.hash_rate_5m"),
        hashrate_1h: rate(&profile.hash_rate_60m, unit, "profile.hash_rate_60m"),
        hashrate_24h: rate(&profile.hash_rate_24h, unit, "profile.hash_rate_24h"),
        // A worker below its limit still sends shares. Monitoring is off for `dis`: they are in
        // neither count.
        workers_online: online.and_then(|ok| low.map(|low| ok.map(|ok| ok.saturating_add(low.value)))),
        workers_offline: read(&profile.off_workers, "profile.off_workers", Decimal::u32),
    };
    let estimate = read(&profile.estimated_reward, "profile.estimated_reward", Decimal::whole_sats_from_btc);
    let balance = Balance {
        unpaid: read(&profile.current_balance, "profile.current_balance", Decimal::sats_from_btc),
        today_estimate: estimate.map(|r| Reading::estimated(r.value, r.source)),
    };
    Ok(account(rates, balance))
}

#[derive(Deserialize)]
struct Workers {
    workers: Option<BTreeMap<String, Worker>>,
}

#[derive(Deserialize)]
struct Worker {
    state: Option<String>,
    last_share: Option<Decimal>,
    hash_rate_unit: Option<String>,
    hash_rate_5m: Option<Decimal>,
}

/// All workers, in order of name.
///
/// # Errors
/// If the reply is no list of workers, or the account never mined.
pub fn workers(body: &[u8]) -> Result<Piece, Failure> {
    let reply: Workers = open(body)?;
    let workers =
        reply.workers.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no workers"))?;
    Ok(workers.into_iter().map(worker).collect::<Vec<_>>().into())
}

fn worker((name, worker): (String, Worker)) -> PoolWorker {
    let last_share = worker.last_share.as_ref().and_then(Decimal::i64).filter(|secs| *secs > 0);
    PoolWorker {
        name,
        hashrate: rate(&worker.hash_rate_5m, worker.hash_rate_unit.as_deref(), "workers.hash_rate_5m"),
        rejected: Err(Missing::NotSupported),
        stale: Err(Missing::NotSupported),
        last_share: last_share.map(UnixMs::from_secs),
        online: match worker.state.as_deref() {
            Some("ok" | "low") => Some(true),
            Some("off") => Some(false),
            _ => None,
        },
    }
}

#[derive(Deserialize)]
struct Rewards {
    daily_rewards: Option<Vec<DailyReward>>,
}

#[derive(Deserialize)]
struct DailyReward {
    date: Option<Decimal>,
    total_reward: Option<Decimal>,
    calculation_date: Option<Decimal>,
}

/// What was credited for each UTC day that is over, newest first. Amounts are net of the fee.
///
/// # Errors
/// If the reply is no list of rewards, or one of its rows cannot be read: a list with a day left
/// out would look like a day without income.
pub fn rewards(body: &[u8], now: UnixMs) -> Result<Piece, Failure> {
    let reply: Rewards = open(body)?;
    let rows = reply
        .daily_rewards
        .ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no daily_rewards"))?;
    // The pool's own word on when it settled, unless that is still to come; else the clock.
    let known = |row: &DailyReward| {
        row.calculation_date.as_ref().and_then(Decimal::i64).map_or(now, |at| UnixMs::from_secs(at).min(now))
    };
    let days = rows.iter().filter_map(|row| match reward(row) {
        Some(day) => is_over(day.at, known(row)).then_some(Some(day)),
        None => Some(None),
    });
    newest_first(days, "daily_rewards")
}

fn reward(row: &DailyReward) -> Option<Settled> {
    let day = row.date.as_ref().and_then(Decimal::i64).filter(|secs| secs.rem_euclid(DAY_SECS) == 0);
    let net = row.total_reward.as_ref().and_then(Decimal::sats_from_btc);
    Some(Settled { at: UnixMs::from_secs(day?), kind: SettledKind::UtcDay, net: net?, fee: None })
}

fn open<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let envelope: Envelope<T> = json(body)?;
    envelope.btc.ok_or_else(|| Failure::new(Missing::NotReported, "btc is null: the account never mined"))
}

fn rate(field: &Option<Decimal>, unit: Option<&str>, source: &'static str) -> Read<Hashrate> {
    let rate = read(field, source, Decimal::f64)?;
    let hashes = hashes_per(unit.ok_or(Missing::NotReported)?).ok_or(Missing::Garbage)?;
    plausible(Ok(rate.map(|rate| rate * hashes)))
}
