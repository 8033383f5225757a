//! Luxor: `app.luxor.tech/api/v2`, JSON behind the header `authorization`, which holds the bare key.
//!
//! Protocol: docs.luxor.tech, "API Documentation", version 2, and the pool's own worker for MiningOS. Hashrates of the
//! summary are hashes per second in strings, those of workers are numbers. `revenue` tells what each UTC day brought;
//! whether that is before or after the fee is not documented, and it is taken as what was credited. Limit: a bucket of
//! tokens for each workspace and key, then status 429.

use std::time::Duration;

use serde::Deserialize;

use super::settled::{self, date, day, days_over};
use super::wire::{hashrate, open, part_of, time, untold_part};
use super::{Api, Ask, Asking, Balance, Context, Counts, Key, Page, Piece, Rates, Rejects, Request};
use crate::clock::UnixMs;
use crate::reading::{Missing, PoolWorker, Read, Reading, RewardScheme, Settled};
use crate::sources::Failure;
use crate::sources::web::{Decimal, read};
use crate::units::Sats;

pub static API: Api = Api {
    name: "luxor",
    url: "https://app.luxor.tech",
    spacing: Duration::from_secs(1),
    scheme: RewardScheme::Fpps,
    needs: &[Key::TokenFile, Key::User],
    warning: None,
    requests: &[
        Request {
            ask: |asking| get(asking, "summary", ""),
            period: |interval| interval,
            parse: |body, context| Ok(summary(body, context)?.into()),
            missing: |why| Piece {
                rates: Some(Rates { workers_offline: BY_WORKER, ..Rates::missing(why) }),
                rejects: Some(Rejects { rejected: Err(Missing::NotSupported), ..Rejects::missing(why) }),
                balance: Some(Balance::missing(why)),
                ..Piece::default()
            },
        },
        Request {
            ask: |asking| {
                let page = asking.page.saturating_add(1);
                get(asking, "workers", &format!("&page_number={page}&page_size=100"))
            },
            period: |interval| interval.saturating_mul(2),
            parse: workers,
            missing: |why| Piece {
                counts: Some(Counts { online: Err(why), offline: Err(why) }),
                workers: Some(Vec::new()),
                ..Piece::default()
            },
        },
        Request {
            ask: |asking| {
                let now = asking.now.wall;
                // An end after today is an error.
                let (start, end) = (date(settled::since(now)), date(now));
                get(asking, "revenue", &format!("&start_date={start}&end_date={end}"))
            },
            period: settled::hourly,
            parse: |body, context| Ok(revenue(body, context.now.wall)?.into()),
            missing: |_| Vec::<Settled>::new().into(),
        },
    ],
};

/// The list of workers counts them.
const BY_WORKER: Read<u32> = Err(Missing::NotSupported);

fn get(asking: &Asking<'_>, what: &str, more: &str) -> Ask {
    let user = &asking.keys.user;
    Ask::get(format!("/api/v2/pool/{what}/BTC?subaccount_names={user}{more}"))
        .header("authorization", asking.keys.token())
}

#[derive(Deserialize)]
struct Summary {
    hashrate_5m: Option<Decimal>,
    hashrate_1h: Option<Decimal>,
    hashrate_24h: Option<Decimal>,
    hashrate_stale_1h: Option<Decimal>,
    active_miners: Option<Decimal>,
    revenue_24h: Option<Vec<Amount>>,
    balance: Option<Vec<Amount>>,
}

#[derive(Deserialize)]
struct Amount {
    currency_type: Option<String>,
    revenue: Option<Decimal>,
}

/// Hashrates, active workers, what was stale in the last hour, and money.
///
/// # Errors
/// If the reply is no summary; the pool's own errors are [`Missing::RemoteError`].
pub fn summary(body: &[u8], context: &Context) -> Result<Piece, Failure> {
    let summary: Summary = open(body)?;
    let hashes = context.hashes_per_unit.unwrap_or(1.0);
    let rates = Rates {
        hashrate_now: hashrate(&summary.hashrate_5m, hashes, "summary.hashrate_5m"),
        hashrate_1h: hashrate(&summary.hashrate_1h, hashes, "summary.hashrate_1h"),
        hashrate_24h: hashrate(&summary.hashrate_24h, hashes, "summary.hashrate_24h"),
        workers_online: read(&summary.active_miners, "summary.active_miners", Decimal::u32),
        workers_offline: BY_WORKER,
    };
    let stale = read(&summary.hashrate_stale_1h, "summary.hashrate_stale_1h", Decimal::f64);
    let hour = read(&summary.hashrate_1h, "summary.hashrate_1h", Decimal::f64);
    let rejects = Rejects { rejected: Err(Missing::NotSupported), stale: part_of(stale, hour) };
    let balance = Balance {
        unpaid: bitcoin(&summary.balance, "summary.balance"),
        // The pool tells the last 24 hours and not the running day: they stand for it.
        today_estimate: bitcoin(&summary.revenue_24h, "summary.revenue_24h")
            .map(|r| Reading::estimated(r.value, r.source)),
    };
    Ok(Piece {
        rates: Some(rates.told()?),
        rejects: Some(rejects),
        balance: Some(balance),
        ..Piece::default()
    })
}

fn bitcoin(amounts: &Option<Vec<Amount>>, source: &'static str) -> Read<Sats> {
    let amounts = amounts.as_ref().ok_or(Missing::NotReported)?;
    let of_bitcoin = amounts.iter().find(|amount| amount.currency_type.as_deref() == Some("BTC"));
    read(&of_bitcoin.ok_or(Missing::NotReported)?.revenue, source, Decimal::nearest_sats_from_btc)
}

#[derive(Deserialize)]
struct Workers {
    total_active: Option<Decimal>,
    total_inactive: Option<Decimal>,
    workers: Option<Vec<Worker>>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Pagination {
    next_page_url: Option<String>,
}

#[derive(Deserialize)]
struct Worker {
    name: Option<String>,
    hashrate: Option<Decimal>,
    stale_shares: Option<Decimal>,
    rejected_shares: Option<Decimal>,
    last_share_time: Option<Decimal>,
    status: Option<String>,
}

/// One page of the workers, and how many there are by state on all pages.
///
/// # Errors
/// As [`summary`].
pub fn workers(body: &[u8], context: &Context) -> Result<Page, Failure> {
    let list: Workers = open(body)?;
    let rows = list.workers.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no workers"))?;
    let hashes = context.hashes_per_unit.unwrap_or(1.0);
    let counts = Counts {
        online: read(&list.total_active, "workers.total_active", Decimal::u32),
        offline: read(&list.total_inactive, "workers.total_inactive", Decimal::u32),
    };
    let next = list.pagination.and_then(|pagination| pagination.next_page_url);
    let workers = rows.iter().filter_map(|row| worker(row, hashes)).collect();
    let piece = Piece { counts: Some(counts), workers: Some(workers), ..Piece::default() };
    Ok(Page { piece, more: next.is_some_and(|url| !url.is_empty()) && !rows.is_empty() })
}

fn worker(row: &Worker, hashes: f64) -> Option<PoolWorker> {
    Some(PoolWorker {
        name: row.name.clone()?,
        hashrate: hashrate(&row.hashrate, hashes, "workers.hashrate"),
        // The pool's own mock server has parts of all work here: with `efficiency` they add up to 1.
        rejected: untold_part(&row.rejected_shares, "workers.rejected_shares"),
        stale: untold_part(&row.stale_shares, "workers.stale_shares"),
        last_share: time(&row.last_share_time),
        online: match row.status.as_deref() {
            Some("ACTIVE") => Some(true),
            Some("INACTIVE") => Some(false),
            _ => None,
        },
    })
}

#[derive(Deserialize)]
struct Revenue {
    revenue: Option<Vec<DayRevenue>>,
}

#[derive(Deserialize)]
struct DayRevenue {
    date_time: Option<Decimal>,
    revenue: Option<Amount>,
}

/// What was credited for each UTC day that is over, newest first.
///
/// # Errors
/// As [`summary`], or if one of the rows cannot be read.
pub fn revenue(body: &[u8], now: UnixMs) -> Result<Piece, Failure> {
    let reply: Revenue = open(body)?;
    let rows = reply.revenue.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no revenue"))?;
    let days = rows.iter().map(|row| {
        let net = row.revenue.as_ref()?.revenue.as_ref().and_then(Decimal::nearest_sats_from_btc);
        day(time(&row.date_time), net, None)
    });
    days_over(days, "revenue", now)
}
