//! Binance Pool: `api.binance.com/sapi/v1/mining`, requests whose query is signed.
//!
//! Protocol: developers.binance.com/docs/mining. Rates are hashes per second, of the account in the unit beside
//! them; amounts are bitcoin. `code` 0 is success; a request whose time is off by more than `recvWindow`, or a second ahead of
//! the pool's clock, is refused. Each page of workers holds as many as the pool likes, 20 by the document. Days
//! are told by the midnight in UTC+8 that they begin with there; which hours are settled the document does not say,
//! and the day is taken for the UTC day of that date.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::sign::hmac_sha256;
use super::wire::{hashes_per, hashrate, plausible, said, time};
use super::{Api, Ask, Asking, Balance, Context, Key, Page, Piece, Rates, Request};
use crate::clock::UnixMs;
use crate::reading::{Missing, PoolWorker, Read, Reading, RewardScheme, Settled, SettledKind};
use crate::sources::Failure;
use crate::sources::web::{Decimal, json, read};
use crate::units::{Fraction, Hashrate, Sats};

const HOUR: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 86_400_000;
/// Of the pool's days ahead of UTC.
const ZONE_MS: i64 = 8 * 3_600_000;
/// Earnings are asked for this far back.
const EARNINGS_MS: i64 = 30 * DAY_MS;
/// Rows that went to somebody else.
const TRANSFERRED: i64 = 8;

pub static API: Api = Api {
    name: "binance",
    url: "https://api.binance.com",
    spacing: Duration::from_secs(1),
    scheme: RewardScheme::Fpps,
    needs: &[Key::TokenFile, Key::SecretFile, Key::User],
    warning: None,
    requests: &[
        Request {
            ask: |asking| signed(asking, "statistics/user/status", ""),
            period: |interval| interval,
            parse: |body, context| Ok(status(body, context)?.into()),
            missing: |why| Piece {
                rates: Some(Rates { hashrate_1h: NO_WINDOW, ..Rates::missing(why) }),
                balance: Some(Balance { unpaid: NO_BALANCE, ..Balance::missing(why) }),
                ..Piece::default()
            },
        },
        Request {
            ask: |asking| signed(asking, "worker/list", &page(asking)),
            period: |interval| interval.saturating_mul(2),
            parse: workers,
            missing: |_| Vec::<PoolWorker>::new().into(),
        },
        Request {
            ask: |asking| {
                let end = asking.now.wall.0;
                let start = end.saturating_sub(EARNINGS_MS);
                let range = format!("&coin=BTC&startDate={start}&endDate={end}&pageSize=200");
                signed(asking, "payment/list", &format!("{range}{}", page(asking)))
            },
            period: |interval| interval.max(HOUR),
            parse: |body, context| earnings(body, context.now.wall),
            missing: |_| Vec::<Settled>::new().into(),
        },
    ],
};

const NO_WINDOW: Read<Hashrate> = Err(Missing::NotSupported);
const NO_BALANCE: Read<Sats> = Err(Missing::NotSupported);

fn page(asking: &Asking<'_>) -> String {
    format!("&pageIndex={}", asking.page.saturating_add(1))
}

fn signed(asking: &Asking<'_>, path: &str, more: &str) -> Ask {
    let (keys, now) = (asking.keys, asking.now.wall.0);
    let query = format!("algo=sha256&userName={}{more}&recvWindow=10000&timestamp={now}", keys.user);
    let signature = hmac_sha256(keys.secret(), &query);
    Ask::get(format!("/sapi/v1/mining/{path}?{query}&signature={signature}"))
        .header("X-MBX-APIKEY", keys.token())
}

#[derive(Deserialize)]
struct Envelope<T> {
    code: Option<Decimal>,
    msg: Option<String>,
    data: Option<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    unit: Option<String>,
    fifteen_min_hash_rate: Option<Decimal>,
    day_hash_rate: Option<Decimal>,
    valid_num: Option<Decimal>,
    invalid_num: Option<Decimal>,
    #[serde(default)]
    profit_today: BTreeMap<String, Decimal>,
}

/// Hashrates, workers and the estimate of the account.
///
/// # Errors
/// If the reply is no status; the pool's own errors are [`Missing::Denied`] or [`Missing::RemoteError`].
pub fn status(body: &[u8], context: &Context) -> Result<Piece, Failure> {
    let status: Status = open(body)?;
    let unit = status.unit.as_deref().ok_or(Missing::NotReported);
    let hashes =
        context.hashes_per_unit.map_or_else(|| hashes_per(unit?).ok_or(Missing::Garbage), Result::Ok);
    let rate = |field, source| {
        let rate = read(field, source, Decimal::f64)?;
        let hashes = hashes?;
        plausible(Ok(rate.map(|rate| rate * hashes)))
    };
    let rates = Rates {
        hashrate_now: rate(&status.fifteen_min_hash_rate, "status.fifteenMinHashRate"),
        hashrate_1h: NO_WINDOW,
        hashrate_24h: rate(&status.day_hash_rate, "status.dayHashRate"),
        workers_online: read(&status.valid_num, "status.validNum", Decimal::u32),
        workers_offline: read(&status.invalid_num, "status.invalidNum", Decimal::u32),
    };
    let today = status.profit_today.get("BTC").cloned();
    let today = read(&today, "status.profitToday", Decimal::whole_sats_from_btc);
    let today_estimate = today.map(|today| Reading::estimated(today.value, today.source));
    let balance = Balance { unpaid: NO_BALANCE, today_estimate };
    Ok(Piece { rates: Some(rates), balance: Some(balance), ..Piece::default() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Workers {
    worker_datas: Option<Vec<Worker>>,
    page_size: Option<Decimal>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Worker {
    worker_name: Option<String>,
    status: Option<Decimal>,
    hash_rate: Option<Decimal>,
    reject_rate: Option<Decimal>,
    last_share_time: Option<Decimal>,
}

/// One page of the workers.
///
/// # Errors
/// As [`status`].
pub fn workers(body: &[u8], context: &Context) -> Result<Page, Failure> {
    let list: Workers = open(body)?;
    let rows = list
        .worker_datas
        .ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no workerDatas"))?;
    let more = is_full(rows.len(), &list.page_size);
    let hashes = context.hashes_per_unit.unwrap_or(1.0);
    let workers = rows.into_iter().filter_map(|row| worker(row, hashes));
    Ok(Page { piece: workers.collect::<Vec<_>>().into(), more })
}

/// The pool tells neither which page it is nor how many there are: the last one is not full.
fn is_full(rows: usize, page_size: &Option<Decimal>) -> bool {
    let size = page_size.as_ref().and_then(Decimal::u32).and_then(|size| usize::try_from(size).ok());
    rows > 0 && size.is_some_and(|size| rows >= size)
}

fn worker(row: Worker, hashes: f64) -> Option<PoolWorker> {
    Some(PoolWorker {
        name: row.worker_name?,
        hashrate: hashrate(&row.hash_rate, hashes, "worker/list.hashRate"),
        rejected: rejected(&row.reject_rate),
        stale: Err(Missing::NotSupported),
        last_share: time(&row.last_share_time),
        online: match row.status.as_ref().and_then(Decimal::i64) {
            Some(1) => Some(true),
            // Without shares for a while, and for a long while.
            Some(2 | 3) => Some(false),
            _ => None,
        },
    })
}

/// As an estimate: that it is a fraction and no percentage is how the document writes it, but does not say.
fn rejected(field: &Option<Decimal>) -> Read<Fraction> {
    let rate = read(field, "worker/list.rejectRate", Decimal::f64)?;
    let part = Fraction::new(rate.value).filter(|part| (0.0..=1.0).contains(&part.get()));
    Ok(Reading::estimated(part.ok_or(Missing::Implausible)?, rate.source))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Earnings {
    account_profits: Option<Vec<Earning>>,
    page_size: Option<Decimal>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Earning {
    time: Option<Decimal>,
    #[serde(rename = "type")]
    kind: Option<Decimal>,
    coin_name: Option<String>,
    profit_amount: Option<Decimal>,
}

/// One page of what was credited by day, for days that are over, newest first. A day of several rows is their sum.
///
/// # Errors
/// As [`status`], or if one of the rows cannot be read: a list with a day left out would look like a day
/// without income.
pub fn earnings(body: &[u8], now: UnixMs) -> Result<Page, Failure> {
    let list: Earnings = open(body)?;
    let rows = list
        .account_profits
        .ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no accountProfits"))?;
    let more = is_full(rows.len(), &list.page_size);
    let mut days: BTreeMap<UnixMs, Sats> = BTreeMap::new();
    for row in &rows {
        let of_bitcoin = row.coin_name.as_deref().is_none_or(|coin| coin == "BTC");
        if !of_bitcoin || row.kind.as_ref().and_then(Decimal::i64) == Some(TRANSFERRED) {
            continue;
        }
        // The document shows ten decimals.
        let net = row.profit_amount.as_ref().and_then(Decimal::whole_sats_from_btc);
        let (Some(at), Some(net)) = (time(&row.time).map(day), net) else {
            return Err(Failure::new(Missing::Garbage, "a row of payment/list cannot be read"));
        };
        if at.0.saturating_add(DAY_MS) <= now.0 {
            let sum = days.entry(at).or_default();
            sum.0 = sum.0.saturating_add(net.0);
        }
    }
    let settled =
        days.into_iter().rev().map(|(at, net)| Settled { at, kind: SettledKind::UtcDay, net, fee: None });
    Ok(Page { piece: settled.collect::<Vec<_>>().into(), more })
}

/// Start of the UTC day of the pool's date.
fn day(at: UnixMs) -> UnixMs {
    UnixMs(at.0.saturating_add(ZONE_MS).div_euclid(DAY_MS).saturating_mul(DAY_MS))
}

fn open<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let envelope: Envelope<T> = json(body)?;
    if envelope.code.as_ref().and_then(Decimal::i64) != Some(0) {
        return Err(said(envelope.msg.as_deref().unwrap_or("no reason given")));
    }
    envelope.data.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no data"))
}
