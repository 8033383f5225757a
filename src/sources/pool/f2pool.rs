//! F2Pool, first version: `api.f2pool.com/bitcoin/{user}`, open JSON by account name.
//!
//! Protocol: f2pool.com/developer/api. `hashrate` is hashes per second; what is called by hour or day counts hashes.
//! Rows of workers have no names: worker, hashrate, hashes and rejected hashes of the last hour, the same of the last
//! day, time of the last share. Amounts have up to 18 decimals. It tells no settled days: those need `f2pool_v2`.

use std::time::Duration;

use serde::Deserialize;

use super::wire::{hashrate, open, part_of, time};
use super::{Api, Ask, Balance, Context, Key, Piece, Rates, Rejects, Request};
use crate::reading::{Missing, PoolWorker, Read, RewardScheme};
use crate::sources::Failure;
use crate::sources::web::{Decimal, read};
use crate::units::Sats;

const HOUR_SECS: f64 = 3_600.0;
const DAY_SECS: f64 = 86_400.0;
const NO_ESTIMATE: Read<Sats> = Err(Missing::NotSupported);

pub static API: Api = Api {
    name: "f2pool",
    url: "https://api.f2pool.com",
    spacing: Duration::from_secs(1),
    scheme: RewardScheme::Fpps,
    needs: &[Key::User],
    warning: None,
    requests: &[Request {
        ask: |asking| Ask::get(format!("/bitcoin/{}", asking.keys.user)),
        period: |interval| interval,
        parse: |body, context| Ok(account(body, context)?.into()),
        missing: |why| Piece {
            rates: Some(Rates::missing(why)),
            rejects: Some(Rejects { stale: Err(Missing::NotSupported), ..Rejects::missing(why) }),
            balance: Some(Balance { today_estimate: NO_ESTIMATE, ..Balance::missing(why) }),
            workers: Some(Vec::new()),
            ..Piece::default()
        },
    }],
};

#[derive(Deserialize)]
struct Account {
    hashrate: Option<Decimal>,
    hashes_last_hour: Option<Decimal>,
    hashes_last_day: Option<Decimal>,
    stale_hashes_rejected_last_hour: Option<Decimal>,
    worker_length: Option<Decimal>,
    worker_length_online: Option<Decimal>,
    balance: Option<Decimal>,
    workers: Option<Vec<Vec<Decimal>>>,
}

/// All that is told of an account.
///
/// # Errors
/// If the reply is about no account; the pool's own errors are [`Missing::RemoteError`].
pub fn account(body: &[u8], context: &Context) -> Result<Piece, Failure> {
    let account: Account = open(body)?;
    let hashes = context.hashes_per_unit.unwrap_or(1.0);
    let online = read(&account.worker_length_online, "bitcoin.worker_length_online", Decimal::u32);
    let all = read(&account.worker_length, "bitcoin.worker_length", Decimal::u32);
    let rates = Rates {
        hashrate_now: hashrate(&account.hashrate, hashes, "bitcoin.hashrate"),
        hashrate_1h: hashrate(&account.hashes_last_hour, hashes / HOUR_SECS, "bitcoin.hashes_last_hour"),
        hashrate_24h: hashrate(&account.hashes_last_day, hashes / DAY_SECS, "bitcoin.hashes_last_day"),
        workers_online: online,
        workers_offline: offline(all, online),
    };
    let hour = read(&account.hashes_last_hour, "bitcoin.hashes_last_hour", Decimal::f64);
    let lost = read(
        &account.stale_hashes_rejected_last_hour,
        "bitcoin.stale_hashes_rejected_last_hour",
        Decimal::f64,
    );
    let rejects = Rejects { rejected: part_of(lost, hour), stale: Err(Missing::NotSupported) };
    let unpaid = read(&account.balance, "bitcoin.balance", Decimal::nearest_sats_from_btc);
    let rows = account.workers.unwrap_or_default();
    Ok(Piece {
        rates: Some(rates.told()?),
        rejects: Some(rejects),
        balance: Some(Balance { unpaid, today_estimate: NO_ESTIMATE }),
        workers: Some(rows.iter().filter_map(|row| worker(row, hashes)).collect()),
        ..Piece::default()
    })
}

fn offline(all: Read<u32>, online: Read<u32>) -> Read<u32> {
    let (all, online) = (all?, online?);
    let offline = all.value.checked_sub(online.value).ok_or(Missing::Implausible)?;
    Ok(all.map(|_| offline))
}

fn worker(row: &[Decimal], hashes: f64) -> Option<PoolWorker> {
    let cell = |n: usize| row.get(n).cloned();
    let hour = read(&cell(2), "bitcoin.workers[2]", Decimal::f64);
    let lost = read(&cell(3), "bitcoin.workers[3]", Decimal::f64);
    Some(PoolWorker {
        name: row.first()?.text()?.to_owned(),
        hashrate: hashrate(&cell(1), hashes, "bitcoin.workers[1]"),
        rejected: part_of(lost, hour),
        stale: Err(Missing::NotSupported),
        last_share: time(&cell(6)),
        // The pool keeps no state per worker.
        online: None,
    })
}
