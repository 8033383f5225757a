//! OCEAN: `api.ocean.xyz/v1`, open JSON by payout address.
//!
//! Everything is under `result`, errors are `{"error": "…"}`, and almost every number is a string.
//! Hashrates are hashes per second; `statsnap` counts bitcoin, `earnpay` satoshis. TIDES credits
//! per found block, so there is no day to estimate and no settled day.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Api, Balance, Piece, Rates, Request, plausible};
use crate::clock::UnixMs;
use crate::reading::{Missing, PoolWorker, Read, Settled, SettledKind};
use crate::sources::Failure;
use crate::sources::web::{Decimal, excerpt, json, read};
use crate::units::Hashrate;

const HOUR: Duration = Duration::from_secs(3600);
/// Earnings are asked for this far back.
const EARNINGS_SECS: i64 = 30 * 86_400;

pub static API: Api = Api {
    url: "https://api.ocean.xyz",
    token_header: None,
    spacing: Duration::from_secs(2),
    requests: &[
        Request {
            path: |address, _| format!("/v1/user_hashrate/{address}"),
            period: |interval| interval,
            parse: |body, _| user_hashrate(body),
            missing: |why| Piece::Rates(Rates::missing(why)),
        },
        Request {
            path: |address, _| format!("/v1/statsnap/{address}"),
            period: |interval| interval,
            parse: |body, _| statsnap(body),
            missing: |why| Piece::Balance(Balance { today_estimate: NO_DAY, ..Balance::missing(why) }),
        },
        Request {
            path: |address, _| format!("/v1/user_hashrate_full/{address}"),
            period: |interval| interval.saturating_mul(2),
            parse: |body, _| user_hashrate_full(body),
            missing: |_| Piece::Workers(Vec::new()),
        },
        Request {
            path: |address, now| {
                let end = now.wall.secs();
                format!("/v1/earnpay/{address}/{}/{end}", end.saturating_sub(EARNINGS_SECS))
            },
            period: |interval| interval.max(HOUR),
            parse: |body, _| earnpay(body),
            missing: |_| Piece::Settled(Vec::new()),
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
    Ok(Piece::Rates(Rates {
        hashrate_now: rate(&user.hashrate_60s, "user_hashrate.hashrate_60s"),
        hashrate_1h: rate(&user.hashrate_3600s, "user_hashrate.hashrate_3600s"),
        hashrate_24h: rate(&user.hashrate_86400s, "user_hashrate.hashrate_86400s"),
        workers_online: read(&user.active_worker_count, "user_hashrate.active_worker_count", Decimal::u32),
        // Workers that left are not counted by the pool.
        workers_offline: Err(Missing::NotSupported),
    }))
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
    Ok(Piece::Balance(Balance { unpaid, today_estimate: NO_DAY }))
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
    Ok(Piece::Workers(workers.into_iter().filter_map(worker).collect()))
}

fn worker((name, rows): (String, Rows)) -> Option<PoolWorker> {
    let row = match rows {
        Rows::Many(rows) => rows.into_iter().next().unwrap_or_default(),
        Rows::One(row) => row,
        Rows::NoWorker(IgnoredAny) => return None,
    };
    let last_share = row.lastest_share_ts.as_ref().and_then(Decimal::i64);
    Some(PoolWorker {
        name,
        hashrate: rate(&row.hashrate_60s, "user_hashrate_full.hashrate_60s"),
        last_share: last_share.filter(|secs| *secs > 0).map(UnixMs::from_secs),
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
/// As [`user_hashrate`], or if one of the rows cannot be read: a list with a block left out would
/// look like less income.
pub fn earnpay(body: &[u8]) -> Result<Piece, Failure> {
    let reply: EarnPay = open(body)?;
    let rows =
        reply.earnings.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no earnings"))?;
    let mut settled = Vec::with_capacity(rows.len());
    for row in rows {
        let at = row.ts.as_ref().and_then(block_time);
        let net = row.satoshis_net_earned.as_ref().and_then(Decimal::sats);
        let (Some(at), Some(net)) = (at, net) else {
            return Err(Failure::new(Missing::Garbage, "a row of earnings cannot be read"));
        };
        settled.push(Settled { at, kind: SettledKind::Block, net });
    }
    settled.sort_by_key(|row| std::cmp::Reverse(row.at));
    Ok(Piece::Settled(settled))
}

/// Unix seconds, or a date and time in UTC with or without its zone.
fn block_time(ts: &Decimal) -> Option<UnixMs> {
    if let Some(secs) = ts.i64() {
        return Some(UnixMs::from_secs(secs));
    }
    let text = ts.text()?;
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(UnixMs(instant.as_millisecond()));
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let instant = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
    Some(UnixMs(instant.as_millisecond()))
}

fn open<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let envelope: Envelope<T> = json(body)?;
    if let Some(error) = envelope.error {
        return Err(Failure::new(Missing::RemoteError, format!("the pool says: {}", excerpt(&error))));
    }
    envelope.result.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no result"))
}

fn rate(field: &Option<Decimal>, source: &'static str) -> Read<Hashrate> {
    plausible(read(field, source, Decimal::f64))
}
