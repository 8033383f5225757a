//! AntPool: `antpool.com/api`, forms that are signed with an HMAC over account, key and a nonce that grows.
//!
//! Protocol: AntPool's API guide. The account's hashrates are hashes per second in strings; those of the workers
//! are MH/s by the document, which nobody has confirmed: where they are not, `hashrate_unit` says so. `code` 0 is
//! success. Times have no zone and are taken as UTC. At most 600 requests in ten minutes, else the address is
//! banned.

use std::time::Duration;

use serde::Deserialize;

use super::settled::{self, day, days_over};
use super::sign::hmac_sha256;
use super::wire::{data, hashrate, part_of, sum, time};
use super::{Api, Ask, Asking, Balance, Body, Context, Key, Page, Piece, Rates, Request};
use crate::clock::UnixMs;
use crate::reading::{Missing, PoolWorker, Read, RewardScheme, Settled};
use crate::sources::Failure;
use crate::sources::web::{Decimal, read};

const MHS: f64 = 1e6;

pub static API: Api = Api {
    name: "antpool",
    url: "https://antpool.com",
    spacing: Duration::from_secs(2),
    scheme: RewardScheme::Fpps,
    needs: &[Key::TokenFile, Key::SecretFile, Key::User],
    warning: None,
    requests: &[
        Request {
            ask: |asking| signed(asking, "/api/accountOverview.htm", &[]),
            period: |interval| interval,
            parse: |body, _| Ok(overview(body)?.into()),
            missing: |why| Piece {
                rates: Some(Rates::missing(why)),
                balance: Some(Balance { today_estimate: NO_ESTIMATE, ..Balance::missing(why) }),
                ..Piece::default()
            },
        },
        Request {
            ask: |asking| signed(asking, "/api/workers.htm", &[("pageSize", "100")]),
            period: |interval| interval.saturating_mul(2),
            parse: |body, context| workers(body, context),
            missing: |_| Vec::<PoolWorker>::new().into(),
        },
        Request {
            ask: |asking| {
                signed(asking, "/api/paymentHistoryV2.htm", &[("type", "recv"), ("pageSize", "50")])
            },
            period: settled::hourly,
            // The newest 50 days are enough: the ledger knows the others.
            parse: |body, context| Ok(received(body, context.now.wall)?.into()),
            missing: |_| Vec::<Settled>::new().into(),
        },
    ],
};

const NO_ESTIMATE: Read<crate::units::Sats> = Err(Missing::NotSupported);

fn signed(asking: &Asking<'_>, path: &'static str, more: &[(&'static str, &str)]) -> Ask {
    let (keys, nonce) = (asking.keys, asking.nonce.to_string());
    let message = format!("{}{}{nonce}", keys.user, keys.token());
    let mut form = vec![
        ("key", keys.token().to_owned()),
        ("nonce", nonce),
        ("signature", hmac_sha256(keys.secret(), &message).to_ascii_uppercase()),
        ("coin", "BTC".to_owned()),
        ("userId", keys.user.clone()),
        ("pageEnable", "1".to_owned()),
        ("page", asking.page.saturating_add(1).to_string()),
    ];
    form.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    Ask::post(path, Body::Form(form))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Overview {
    hs_last10m: Option<Decimal>,
    hs_last1h: Option<Decimal>,
    hs_last1d: Option<Decimal>,
    unpaid_amount: Option<Decimal>,
    active_worker_num: Option<Decimal>,
    inactive_worker_num: Option<Decimal>,
}

/// Hashrates, workers and the unpaid balance of the account.
///
/// # Errors
/// If the reply is no overview; the pool's own errors are [`Missing::RemoteError`].
pub fn overview(body: &[u8]) -> Result<Piece, Failure> {
    let account: Overview = data(body, &[])?;
    let rates = Rates {
        hashrate_now: hashrate(&account.hs_last10m, 1.0, "accountOverview.hsLast10m"),
        hashrate_1h: hashrate(&account.hs_last1h, 1.0, "accountOverview.hsLast1h"),
        hashrate_24h: hashrate(&account.hs_last1d, 1.0, "accountOverview.hsLast1d"),
        workers_online: read(&account.active_worker_num, "accountOverview.activeWorkerNum", Decimal::u32),
        workers_offline: read(
            &account.inactive_worker_num,
            "accountOverview.inactiveWorkerNum",
            Decimal::u32,
        ),
    };
    let unpaid = read(&account.unpaid_amount, "accountOverview.unpaidAmount", Decimal::sats_from_btc);
    let balance = Balance { unpaid, today_estimate: NO_ESTIMATE };
    Ok(Piece { rates: Some(rates), balance: Some(balance), ..Piece::default() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rows<T> {
    rows: Option<Vec<T>>,
    page: Option<Decimal>,
    total_page: Option<Decimal>,
}

#[derive(Deserialize)]
struct Worker {
    worker: Option<String>,
    last10m: Option<Decimal>,
    accepted: Option<Decimal>,
    stale: Option<Decimal>,
    /// The pool spells it like this.
    dupelicate: Option<Decimal>,
    other: Option<Decimal>,
}

/// One page of the workers. What they lost is the account's, too: the pool does not tell it for the account.
///
/// # Errors
/// As [`overview`].
pub fn workers(body: &[u8], context: &Context) -> Result<Page, Failure> {
    let list: Rows<Worker> = data(body, &[])?;
    let rows = list.rows.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no rows"))?;
    let hashes = context.hashes_per_unit.unwrap_or(MHS);
    let number = |field: &Option<Decimal>| field.as_ref().and_then(Decimal::u32);
    let more = number(&list.page).zip(number(&list.total_page)).is_some_and(|(page, all)| page < all);
    let workers = rows.iter().filter_map(|row| worker(row, hashes));
    Ok(Page { piece: workers.collect::<Vec<_>>().into(), more: more && !rows.is_empty() })
}

fn worker(row: &Worker, hashes: f64) -> Option<PoolWorker> {
    let shares = |field, source| read(field, source, Decimal::f64);
    let accepted = shares(&row.accepted, "workers.accepted");
    let stale = shares(&row.stale, "workers.stale");
    let duplicate = shares(&row.dupelicate, "workers.dupelicate");
    let other = shares(&row.other, "workers.other");
    let rejected = sum(duplicate, other);
    Some(PoolWorker {
        name: row.worker.clone()?,
        hashrate: hashrate(&row.last10m, hashes, "workers.last10m"),
        rejected: part_of(rejected, sum(accepted, stale)),
        stale: part_of(stale, sum(accepted, rejected)),
        // The pool tells neither.
        last_share: None,
        online: None,
    })
}

#[derive(Deserialize)]
struct Received {
    timestamp: Option<Decimal>,
    amount: Option<Decimal>,
}

/// What was credited for each UTC day that is over, newest first.
///
/// # Errors
/// As [`overview`], or if one of the rows cannot be read.
pub fn received(body: &[u8], now: UnixMs) -> Result<Piece, Failure> {
    let list: Rows<Received> = data(body, &[])?;
    let rows = list.rows.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no rows"))?;
    let amount = |row: &Received| row.amount.as_ref().and_then(Decimal::sats_from_btc);
    // What `fee` counts is not documented: the amount is what was credited.
    let days = rows.iter().map(|row| day(time(&row.timestamp), amount(row), None));
    days_over(days, "paymentHistoryV2", now)
}
