//! CKPool, solo: `solo.ckpool.org/users`, open JSON by payout address, also of whoever runs the same program.
//!
//! Protocol: what the program writes for each user. Hashrates are strings with the prefix of their unit, such as
//! `"85.4T"` for 85.4 TH/s; `workers` counts those that mine, while `worker` also lists some that left. Who finds
//! a block has it, so nothing is owed and nothing is settled. A user that is not known gets status 404.

use serde::Deserialize;
use serde_json::Value;

use super::wire::{plausible, time};
use super::{Api, Ask, Key, Piece, Rates, Request};
use crate::reading::{Missing, PoolWorker, Read, Reading, RewardScheme};
use crate::sources::Failure;
use crate::sources::value::amount::{Measure, amount};
use crate::sources::web::{Decimal, json, read};
use crate::units::Hashrate;

pub static API: Api = Api {
    name: "ckpool",
    url: "https://solo.ckpool.org",
    spacing: std::time::Duration::from_secs(2),
    scheme: RewardScheme::Solo,
    needs: &[Key::Address],
    warning: None,
    requests: &[Request {
        ask: |asking| Ask::get(format!("/users/{}", asking.keys.address)),
        period: |interval| interval,
        parse: |body, _| Ok(user(body)?.into()),
        missing: |why| Rates::missing(why).into(),
    }],
};

#[derive(Deserialize)]
struct User {
    hashrate1m: Option<Value>,
    hashrate1hr: Option<Value>,
    hashrate1d: Option<Value>,
    workers: Option<Decimal>,
    worker: Option<Vec<Worker>>,
}

#[derive(Deserialize)]
struct Worker {
    workername: Option<String>,
    hashrate1m: Option<Value>,
    lastshare: Option<Decimal>,
}

/// Hashrates of the address and its workers, as the pool lists them.
///
/// # Errors
/// If the reply is no user of the pool.
pub fn user(body: &[u8]) -> Result<Piece, Failure> {
    let user: User = json(body)?;
    let rows = user.worker.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no workers"))?;
    let rates = Rates {
        hashrate_now: rate(&user.hashrate1m, "users.hashrate1m"),
        hashrate_1h: rate(&user.hashrate1hr, "users.hashrate1hr"),
        hashrate_24h: rate(&user.hashrate1d, "users.hashrate1d"),
        workers_online: read(&user.workers, "users.workers", Decimal::u32),
        // How long one that left stays in the list is the pool's own affair.
        workers_offline: Err(Missing::NotSupported),
    };
    let workers = rows.into_iter().filter_map(worker).collect();
    Ok(Piece { rates: Some(rates), workers: Some(workers), ..Piece::default() })
}

fn worker(row: Worker) -> Option<PoolWorker> {
    Some(PoolWorker {
        name: row.workername?,
        hashrate: rate(&row.hashrate1m, "users.worker.hashrate1m"),
        // The program counts what it refused only for the pool as a whole.
        rejected: Err(Missing::NotSupported),
        stale: Err(Missing::NotSupported),
        last_share: time(&row.lastshare),
        online: None,
    })
}

fn rate(field: &Option<Value>, source: &'static str) -> Read<Hashrate> {
    let hashes = amount(field.as_ref().ok_or(Missing::NotReported)?, Measure::Hashrate, 1.0)?;
    plausible(Ok(Reading::measured(hashes, source)))
}
