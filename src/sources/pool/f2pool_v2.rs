//! F2Pool, second version: `api.f2pool.com/v2`, posted JSON behind the header `F2P-API-SECRET`.
//!
//! Protocol: api.f2pool.com/v2/doc. Hashrates are hashes per second; what is called stale there is what was rejected,
//! and what is called delayed came late. Amounts are floats in bitcoin. Errors are `{"code", "msg"}`. No rate limit is
//! published.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::settled::{self, day, days_over};
use super::wire::{hashrate, open, part_of, time};
use super::{Api, Ask, Asking, Balance, Body, Context, Counts, Key, Piece, Rates, Rejects, Request};
use crate::clock::UnixMs;
use crate::reading::{Missing, PoolWorker, Read, Reading, RewardScheme, Settled};
use crate::sources::Failure;
use crate::sources::web::{Decimal, read};
use crate::units::Fraction;

pub static API: Api = Api {
    name: "f2pool_v2",
    url: "https://api.f2pool.com",
    spacing: Duration::from_secs(1),
    scheme: RewardScheme::Fpps,
    needs: &[Key::TokenFile, Key::User],
    warning: Some(
        "this token can also withdraw and change the payout address: wattsplit never does, but whoever reads the \
         file can; kind = \"f2pool\" needs no token, without settled days",
    ),
    requests: &[
        Request {
            ask: |asking| post(asking, "/v2/hash_rate/info", json!({})),
            period: |interval| interval,
            parse: |body, context| Ok(info(body, context)?.into()),
            missing: |why| Piece {
                // The list of workers counts them.
                rates: Some(Rates {
                    workers_online: Err(Missing::NotSupported),
                    workers_offline: Err(Missing::NotSupported),
                    ..Rates::missing(why)
                }),
                rejects: Some(Rejects::missing(why)),
                ..Piece::default()
            },
        },
        Request {
            ask: |asking| post(asking, "/v2/hash_rate/worker/list", json!({})),
            period: |interval| interval.saturating_mul(2),
            parse: |body, context| Ok(workers(body, context)?.into()),
            missing: |why| Piece {
                counts: Some(Counts { online: Err(why), offline: Err(why) }),
                workers: Some(Vec::new()),
                ..Piece::default()
            },
        },
        Request {
            ask: |asking| post(asking, "/v2/assets/balance", json!({})),
            period: |interval| interval.saturating_mul(2),
            parse: |body, _| Ok(balance(body)?.into()),
            missing: |why| Balance::missing(why).into(),
        },
        Request {
            ask: |asking| {
                let now = asking.now.wall;
                let span = json!({
                    "type": "revenue",
                    "start_time": settled::since(now).secs(),
                    "end_time": now.secs(),
                });
                post(asking, "/v2/assets/transactions/list", span)
            },
            period: settled::hourly,
            parse: |body, context| Ok(revenue(body, context.now.wall)?.into()),
            missing: |_| Vec::<Settled>::new().into(),
        },
    ],
};

fn post(asking: &Asking<'_>, path: &str, mut fields: Value) -> Ask {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("currency".to_owned(), "bitcoin".into());
        fields.insert("mining_user_name".to_owned(), asking.keys.user.as_str().into());
    }
    Ask::post(path, Body::Json(fields.to_string())).header("F2P-API-SECRET", asking.keys.token())
}

#[derive(Deserialize)]
struct Info {
    info: Option<HashRates>,
}

#[derive(Deserialize)]
struct HashRates {
    name: Option<String>,
    hash_rate: Option<Decimal>,
    h1_hash_rate: Option<Decimal>,
    h24_hash_rate: Option<Decimal>,
    h1_stale_hash_rate: Option<Decimal>,
    h24_delay_hash_rate: Option<Decimal>,
}

impl HashRates {
    /// Of the last hour.
    fn rejected(&self) -> Read<Fraction> {
        let lost = read(&self.h1_stale_hash_rate, "hash_rate.h1_stale_hash_rate", Decimal::f64);
        part_of(lost, read(&self.h1_hash_rate, "hash_rate.h1_hash_rate", Decimal::f64))
    }

    /// Of the last day: the pool tells it for no other time.
    fn late(&self) -> Read<Fraction> {
        let late = read(&self.h24_delay_hash_rate, "hash_rate.h24_delay_hash_rate", Decimal::f64);
        part_of(late, read(&self.h24_hash_rate, "hash_rate.h24_hash_rate", Decimal::f64))
    }
}

/// Hashrates of the account and what it lost.
///
/// # Errors
/// If the reply is about no account; the pool's own errors are [`Missing::RemoteError`].
pub fn info(body: &[u8], context: &Context) -> Result<Piece, Failure> {
    let reply: Info = open(body)?;
    let told = reply.info.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no info"))?;
    let hashes = context.hashes_per_unit.unwrap_or(1.0);
    let rates = Rates {
        hashrate_now: hashrate(&told.hash_rate, hashes, "hash_rate.hash_rate"),
        hashrate_1h: hashrate(&told.h1_hash_rate, hashes, "hash_rate.h1_hash_rate"),
        hashrate_24h: hashrate(&told.h24_hash_rate, hashes, "hash_rate.h24_hash_rate"),
        // The list of workers counts them.
        workers_online: Err(Missing::NotSupported),
        workers_offline: Err(Missing::NotSupported),
    };
    let rejects = Rejects { rejected: told.rejected(), stale: told.late() };
    Ok(Piece { rates: Some(rates.told()?), rejects: Some(rejects), ..Piece::default() })
}

#[derive(Deserialize)]
struct Workers {
    workers: Option<Vec<Worker>>,
}

#[derive(Deserialize)]
struct Worker {
    hash_rate_info: Option<HashRates>,
    last_share_at: Option<Decimal>,
    status: Option<Decimal>,
}

impl Worker {
    /// `None` for one that left long ago (2), and where it is not told.
    fn online(&self) -> Option<bool> {
        match self.status.as_ref()?.i64()? {
            0 => Some(true),
            1 => Some(false),
            _ => None,
        }
    }
}

/// All workers, and how many there are by state.
///
/// # Errors
/// As [`info`].
pub fn workers(body: &[u8], context: &Context) -> Result<Piece, Failure> {
    let reply: Workers = open(body)?;
    let rows = reply.workers.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no workers"))?;
    let hashes = context.hashes_per_unit.unwrap_or(1.0);
    let count = |online: bool| {
        if rows.iter().any(|row| row.status.is_none()) {
            return Err(Missing::NotReported);
        }
        let count = rows.iter().filter(|row| row.online() == Some(online)).count();
        Ok(Reading::measured(u32::try_from(count).unwrap_or(u32::MAX), "hash_rate.worker.status"))
    };
    let counts = Counts { online: count(true), offline: count(false) };
    let workers = rows.iter().filter_map(|row| worker(row, hashes)).collect();
    Ok(Piece { counts: Some(counts), workers: Some(workers), ..Piece::default() })
}

fn worker(row: &Worker, hashes: f64) -> Option<PoolWorker> {
    let told = row.hash_rate_info.as_ref()?;
    Some(PoolWorker {
        name: told.name.clone()?,
        hashrate: hashrate(&told.hash_rate, hashes, "hash_rate.worker.hash_rate"),
        rejected: told.rejected(),
        stale: told.late(),
        last_share: time(&row.last_share_at),
        online: row.online(),
    })
}

#[derive(Deserialize)]
struct Assets {
    balance_info: Option<BalanceInfo>,
}

#[derive(Deserialize)]
struct BalanceInfo {
    balance: Option<Decimal>,
    estimated_today_income: Option<Decimal>,
}

/// What is not yet paid of the days until the last 00:00 UTC, and the estimate since then.
///
/// # Errors
/// As [`info`].
pub fn balance(body: &[u8]) -> Result<Piece, Failure> {
    let reply: Assets = open(body)?;
    let told = reply
        .balance_info
        .ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no balance_info"))?;
    let sats = Decimal::nearest_sats_from_btc;
    let today = read(&told.estimated_today_income, "assets.estimated_today_income", sats);
    let balance = Balance {
        unpaid: read(&told.balance, "assets.balance", sats),
        today_estimate: today.map(|r| Reading::estimated(r.value, r.source)),
    };
    Ok(balance.into())
}

#[derive(Deserialize)]
struct Transactions {
    transactions: Option<Vec<Transaction>>,
}

#[derive(Deserialize)]
struct Transaction {
    changed_balance: Option<Decimal>,
    mining_extra: Option<MiningExtra>,
}

#[derive(Deserialize)]
struct MiningExtra {
    mining_date: Option<Decimal>,
}

/// What was credited for each UTC day that is over, newest first. Whether `pps` and `tx_fee` beside it are before or
/// after the fee is not documented: `changed_balance` is what was credited.
///
/// # Errors
/// As [`info`], or if one of the rows cannot be read.
pub fn revenue(body: &[u8], now: UnixMs) -> Result<Piece, Failure> {
    let reply: Transactions = open(body)?;
    let rows = reply
        .transactions
        .ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no transactions"))?;
    let days = rows.iter().map(|row| {
        let net = row.changed_balance.as_ref().and_then(Decimal::nearest_sats_from_btc);
        day(time(&row.mining_extra.as_ref()?.mining_date), net, None)
    });
    days_over(days, "transactions", now)
}
