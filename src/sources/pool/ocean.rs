//! OCEAN: `api.ocean.xyz/v1`, open JSON by payout address.
//!
//! Everything is under `result`, errors are `{"error": "…"}`, and almost every number is a string.
//! Hashrates are hashes per second; `statsnap` counts bitcoin, `earnpay` satoshis. TIDES credits
//! per found block, so there is no day to estimate and no settled day.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::settled::{self, newest_first};
use super::wire::{hashrate, said, time};
use super::{Api, Ask, Balance, Key, Piece, Rates, Request};
use crate::reading::{Missing, PoolWorker, Read, RewardScheme, Settled, SettledKind};
use crate::sources::Failure;
use crate::sources::web::{Decimal, json, read};
use crate::units::Hashrate;

pub static API: Api = Api {
    name: "ocean",
    url: "https://api.ocean.xyz",
    spacing: Duration::from_secs(2),
    scheme: RewardScheme::Tides,
    needs: &[Key::Address],
    warning: None,
    requests: &[
        Request {
            ask: |asking| Ask::get(format!("/v1/user_hashrate/{}", asking.keys.address)),
            period: |interval| interval,
            parse: |body, _| Ok(user_hashrate(body)?.into()),
            missing: |why| Rates::missing(why).into(),
        },
        Request {
            ask: |asking| Ask::get(format!("/v1/statsnap/{}", asking.keys.address)),
            period: |interval| interval,
            parse: |body, _| Ok(statsnap(body)?.into()),
            missing: |why| Balance { today_estimate: NO_DAY, ..Balance::missing(why) }.into(),
        },
        Request {
            ask: |asking| Ask::get(format!("/v1/user_hashrate_full/{}", asking.keys.address)),
            period: |interval| interval.saturating_mul(2),
            parse: |body, _| Ok(user_hashrate_full(body)?.into()),
            missing: |_| Vec::<PoolWorker>::new().into(),
        },
        Request {
            ask: |asking| {
                let (address, now) = (&asking.keys.address, asking.now.wall);
                let start = settled::since(now);
                Ask::get(format!("/v1/earnpay/{address}/{}/{}", start.secs(), now.secs()))
            },
            period: settled::hourly,
            parse: |body, _| Ok(earnpay(body)?.into()),
            missing: |_| Vec::<Settled>::new().into(),
        },
    ],
};

const NO_DAY: Read<crate::units::Sats> = Err(Missing::NotSupported);

#[derive(Deserialize)]
struct Envelope<T> {
    result: Option<T>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct UserHashrate {
    hashrate_60s: Option<Decimal>,
    hashrate_3600s: Option<Decimal>,
    hashrate_86400s: Option<Decimal>,
    active_worker_count: Option<Decimal>,
}

/// Hashrates of the account and the number of its active workers.
///
/// # Errors
/// If the reply is no hashrate; the pool's own errors are [`Missing::RemoteError`].
pub fn user_hashrate(body: &[u8]) -> Result<Piece, Failure> {
    let user: UserHashrate = open(body)?;
    let rates = Rates {
        hashrate_now: rate(&user.hashrate_60s, "user_hashrate.hashrate_60s"),
        hashrate_1h: rate(&user.hashrate_3600s, "user_hashrate.hashrate_3600s"),
        hashrate_24h: rate(&user.hashrate_86400s, "user_hashrate.hashrate_86400s"),
        workers_online: read(&user.active_worker_count, "user_hashrate.active_worker_count", Decimal::u32),
        // Workers that left are not counted by the pool.
        workers_offline: Err(Missing::NotSupported),
    };
    Ok(rates.into())
}

#[derive(Deserialize)]
struct StatSnap {
    unpaid: Option<Decimal>,
}

/// What is earned and not yet paid.
///
/// # Errors
/// As [`user_hashrate`].
pub fn statsnap(body: &[u8]) -> Result<Piece, Failure> {
    let snap: StatSnap = open(body)?;
    let unpaid = read(&snap.unpaid, "statsnap.unpaid", Decimal::sats_from_btc);
    Ok(Balance { unpaid, today_estimate: NO_DAY }.into())
}

#[derive(Deserialize)]
struct UserHashrateFull {
    workers: Option<BTreeMap<String, Rows>>,
}

/// Usually an array of one element. Totals have been seen among the workers, as bare numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Rows {
    Many(Vec<Worker>),
    One(Worker),
    NoWorker(IgnoredAny),
}

#[derive(Default, Deserialize)]
struct Worker {
    hashrate_60s: Option<Decimal>,
    /// The pool spells it like this.
    lastest_share_ts: Option<Decimal>,
}

/// All workers, in order of name.
///
/// # Errors
/// As [`user_hashrate`].
pub fn user_hashrate_full(body: &[u8]) -> Result<Piece, Failure> {
    let full: UserHashrateFull = open(body)?;
    let workers =
        full.workers.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no workers"))?;
    Ok(workers.into_iter().filter_map(worker).collect::<Vec<_>>().into())
}

fn worker((name, rows): (String, Rows)) -> Option<PoolWorker> {
    let row = match rows {
        Rows::Many(rows) => rows.into_iter().next().unwrap_or_default(),
        Rows::One(row) => row,
        Rows::NoWorker(IgnoredAny) => return None,
    };
    Some(PoolWorker {
        name,
        hashrate: rate(&row.hashrate_60s, "user_hashrate_full.hashrate_60s"),
        rejected: Err(Missing::NotSupported),
        stale: Err(Missing::NotSupported),
        last_share: time(&row.lastest_share_ts),
        // The pool keeps no state per worker.
        online: None,
    })
}

#[derive(Deserialize)]
struct EarnPay {
    earnings: Option<Vec<Earning>>,
}

#[derive(Deserialize)]
struct Earning {
    ts: Option<Decimal>,
    satoshis_net_earned: Option<Decimal>,
}

/// What was credited for each block, net of the fee, newest first.
///
/// # Errors
/// As [`user_hashrate`], or if one of the rows cannot be read.
pub fn earnpay(body: &[u8]) -> Result<Piece, Failure> {
    let reply: EarnPay = open(body)?;
    let rows =
        reply.earnings.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no earnings"))?;
    let blocks = rows.iter().map(|row| {
        let (at, net) = (time(&row.ts)?, row.satoshis_net_earned.as_ref().and_then(Decimal::sats)?);
        Some(Settled { at, kind: SettledKind::Block, net, fee: None })
    });
    newest_first(blocks, "earnings")
}

fn open<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let envelope: Envelope<T> = json(body)?;
    if let Some(error) = envelope.error {
        return Err(said(&error));
    }
    envelope.result.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no result"))
}

fn rate(field: &Option<Decimal>, source: &'static str) -> Read<Hashrate> {
    hashrate(field, 1.0, source)
}
