//! Foundry USA Pool: `api.foundryusapool.com`, JSON behind the header `X-API-KEY`. A key of the role Viewer is enough.
//!
//! Protocol: the pool's OpenAPI document, version 6; `/v2/earnings` as a public client reads it. Hashrates are GH/s by
//! the document, and what was accepted, stale and rejected is told apart. One client takes those of the earnings for
//! hashes per second: they are not read here, and `hashrate_unit` overrides the others. A day is credited at 01:00 UTC
//! of the next one. No rate limit is published.

use std::time::Duration;

use serde::Deserialize;

use super::settled::{self, day, days_over};
use super::wire::{hashrate, open, part_of, sum, time};
use super::{Api, Ask, Asking, Balance, Context, Key, Page, Piece, Rates, Rejects, Request};
use crate::clock::UnixMs;
use crate::reading::{Missing, PoolWorker, Read, RewardScheme, Settled};
use crate::sources::Failure;
use crate::sources::web::{Decimal, read};
use crate::units::{Fraction, Sats};

const GHS: f64 = 1e9;
/// Workers on one page.
const PAGE_ROWS: usize = 500;
/// A worker counts as online that sent a share in this time before the pool looked.
const ONLINE_MS: i64 = 15 * 60_000;
/// From the end of a day until it is credited.
const CREDITED_MS: i64 = 3_600_000;
const NO_ESTIMATE: Read<Sats> = Err(Missing::NotSupported);

pub static API: Api = Api {
    name: "foundry",
    url: "https://api.foundryusapool.com",
    spacing: Duration::from_secs(1),
    scheme: RewardScheme::Fpps,
    needs: &[Key::TokenFile, Key::User],
    warning: None,
    requests: &[
        Request {
            ask: |asking| get(asking, "/subaccount_stats", ""),
            period: |interval| interval,
            parse: |body, context| Ok(stats(body, context)?.into()),
            missing: |why| Piece {
                rates: Some(Rates::missing(why)),
                rejects: Some(Rejects::missing(why)),
                ..Piece::default()
            },
        },
        Request {
            // The order by hashrate, which is the usual one, changes between two pages.
            ask: |asking| {
                let page = asking.page;
                let query = format!("&status=all&sort=workerName&pageNumber={page}&pageSize={PAGE_ROWS}");
                get(asking, "/workers", &query)
            },
            period: |interval| interval.saturating_mul(2),
            parse: workers,
            missing: |_| Vec::<PoolWorker>::new().into(),
        },
        Request {
            ask: |asking| get(asking, "/balance", ""),
            period: |interval| interval.saturating_mul(2),
            parse: |body, _| Ok(balance(body)?.into()),
            missing: |why| Balance { today_estimate: NO_ESTIMATE, ..Balance::missing(why) }.into(),
        },
        Request {
            ask: |asking| {
                let start = settled::day_of(settled::since(asking.now.wall));
                get(asking, "/v2/earnings", &format!("&startDateUnixMs={}", start.0))
            },
            period: settled::hourly,
            parse: |body, context| Ok(earnings(body, context.now.wall)?.into()),
            missing: |_| Vec::<Settled>::new().into(),
        },
    ],
};

fn get(asking: &Asking<'_>, path: &str, more: &str) -> Ask {
    let user = &asking.keys.user;
    Ask::get(format!("{path}/{user}?coin=BTC{more}")).header("X-API-KEY", asking.keys.token())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    active_workers: Option<Decimal>,
    offline_15_min_worker_count: Option<Decimal>,
    hashrate_5min_avg: Option<Decimal>,
    hashrate_1hr_avg: Option<Decimal>,
    hashrate_24hr_avg: Option<Decimal>,
    stale_1hr_avg: Option<Decimal>,
    reject_1hr_avg: Option<Decimal>,
}

/// Hashrates of the subaccount, its workers, and what it lost in the last hour.
///
/// # Errors
/// If the reply is about no subaccount; the pool's own errors are [`Missing::RemoteError`].
pub fn stats(body: &[u8], context: &Context) -> Result<Piece, Failure> {
    let stats: Stats = open(body)?;
    let hashes = context.hashes_per_unit.unwrap_or(GHS);
    let rates = Rates {
        hashrate_now: hashrate(&stats.hashrate_5min_avg, hashes, "subaccount_stats.hashrate5minAvg"),
        hashrate_1h: hashrate(&stats.hashrate_1hr_avg, hashes, "subaccount_stats.hashrate1hrAvg"),
        hashrate_24h: hashrate(&stats.hashrate_24hr_avg, hashes, "subaccount_stats.hashrate24hrAvg"),
        workers_online: read(&stats.active_workers, "subaccount_stats.activeWorkers", Decimal::u32),
        workers_offline: read(
            &stats.offline_15_min_worker_count,
            "subaccount_stats.offline15MinWorkerCount",
            Decimal::u32,
        ),
    };
    let (rejected, stale) = lost(
        read(&stats.hashrate_1hr_avg, "subaccount_stats.hashrate1hrAvg", Decimal::f64),
        read(&stats.reject_1hr_avg, "subaccount_stats.reject1hrAvg", Decimal::f64),
        read(&stats.stale_1hr_avg, "subaccount_stats.stale1hrAvg", Decimal::f64),
    );
    let rejects = Rejects { rejected, stale };
    Ok(Piece { rates: Some(rates.told()?), rejects: Some(rejects), ..Piece::default() })
}

/// What was rejected and what was stale, as parts of all three.
fn lost(accepted: Read<f64>, rejected: Read<f64>, stale: Read<f64>) -> (Read<Fraction>, Read<Fraction>) {
    (part_of(rejected, sum(accepted, stale)), part_of(stale, sum(accepted, rejected)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Workers {
    workers_list: Option<Vec<Worker>>,
}

/// The mixed spelling is the pool's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Worker {
    worker_name: Option<String>,
    #[serde(rename = "hashrate_5m")]
    hashrate_5m: Option<Decimal>,
    #[serde(rename = "hashrate_15m")]
    hashrate_15m: Option<Decimal>,
    #[serde(rename = "stale_15m")]
    stale_15m: Option<Decimal>,
    #[serde(rename = "reject_15m")]
    reject_15m: Option<Decimal>,
    last_share_time: Option<Decimal>,
    updated_at: Option<Decimal>,
}

/// One page of the workers. The pool does not number its pages: a full one is followed by another.
///
/// # Errors
/// As [`stats`].
pub fn workers(body: &[u8], context: &Context) -> Result<Page, Failure> {
    let list: Workers = open(body)?;
    let rows = list
        .workers_list
        .ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no workersList"))?;
    let hashes = context.hashes_per_unit.unwrap_or(GHS);
    let workers = rows.iter().filter_map(|row| worker(row, hashes));
    Ok(Page { piece: workers.collect::<Vec<_>>().into(), more: rows.len() >= PAGE_ROWS })
}

fn worker(row: &Worker, hashes: f64) -> Option<PoolWorker> {
    let (rejected, stale) = lost(
        read(&row.hashrate_15m, "workers.hashrate_15m", Decimal::f64),
        read(&row.reject_15m, "workers.reject_15m", Decimal::f64),
        read(&row.stale_15m, "workers.stale_15m", Decimal::f64),
    );
    let last_share = time(&row.last_share_time);
    let silent_ms =
        time(&row.updated_at).zip(last_share).map(|(looked, share)| looked.0.saturating_sub(share.0));
    Some(PoolWorker {
        name: row.worker_name.clone()?,
        hashrate: hashrate(&row.hashrate_5m, hashes, "workers.hashrate_5m"),
        rejected,
        stale,
        last_share,
        online: silent_ms.map(|silent| silent < ONLINE_MS),
    })
}

#[derive(Deserialize)]
struct Money {
    balance: Option<Decimal>,
}

/// What is earned and not yet paid.
///
/// # Errors
/// As [`stats`].
pub fn balance(body: &[u8]) -> Result<Piece, Failure> {
    let money: Money = open(body)?;
    let unpaid = read(&money.balance, "balance.balance", Decimal::nearest_sats_from_btc);
    if unpaid == Err(Missing::NotReported) {
        return Err(Failure::new(Missing::NotReported, "the reply has no balance"));
    }
    Ok(Balance { unpaid, today_estimate: NO_ESTIMATE }.into())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Earning {
    start_time: Option<Decimal>,
    total_amount: Option<Decimal>,
    /// The first version of the list calls it `feeAmount`.
    #[serde(alias = "feeAmount")]
    pool_fee_amount: Option<Decimal>,
}

/// What was credited for each UTC day, newest first: `totalAmount` is net of the fee.
///
/// # Errors
/// As [`stats`], or if one of the rows cannot be read.
pub fn earnings(body: &[u8], now: UnixMs) -> Result<Piece, Failure> {
    let rows: Vec<Earning> = open(body)?;
    let sats = |field: &Option<Decimal>| field.as_ref().and_then(Decimal::nearest_sats_from_btc);
    let days = rows
        .iter()
        .map(|row| day(time(&row.start_time), sats(&row.total_amount), sats(&row.pool_fee_amount)));
    days_over(days, "earnings", UnixMs(now.0.saturating_sub(CREDITED_MS)))
}
