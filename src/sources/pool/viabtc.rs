//! ViaBTC: `www.viabtc.net/res/openapi/v1`, JSON behind the header `X-API-KEY`.
//!
//! Protocol: the wiki of viabtc/viapool_api. Hashrates are hashes per second in strings, amounts decimal strings in
//! bitcoin, `code` 0 is success. Days are those of Beijing unless `utc=true` asks for UTC. The pool is also found at
//! `pool.viabtc.com` and `www.viabtc.com`: `url` says so. No rate limit is published.

use std::time::Duration;

use serde::Deserialize;

use super::settled::{self, date, day, days_over};
use super::wire::{data, hashrate, time, untold_part};
use super::{Api, Ask, Asking, Balance, Context, Key, Page, Piece, Rates, Request};
use crate::clock::UnixMs;
use crate::reading::{Missing, PoolWorker, Read, RewardScheme, Settled};
use crate::sources::Failure;
use crate::sources::web::{Decimal, read};
use crate::units::Sats;

/// Key, signature, time of the signature, address that is not allowed. The words beside them may be Chinese.
const OF_LOGIN: [i64; 4] = [12_001, 12_002, 12_003, 12_004];
const NO_ESTIMATE: Read<Sats> = Err(Missing::NotSupported);

pub static API: Api = Api {
    name: "viabtc",
    url: "https://www.viabtc.net",
    spacing: Duration::from_secs(1),
    scheme: RewardScheme::PpsPlus,
    needs: &[Key::TokenFile],
    warning: None,
    requests: &[
        Request {
            ask: |asking| get(asking, "hashrate?coin=BTC"),
            period: |interval| interval,
            parse: |body, context| Ok(account_rates(body, context)?.into()),
            missing: |why| Rates::missing(why).into(),
        },
        Request {
            ask: |asking| {
                let page = asking.page.saturating_add(1);
                get(asking, &format!("hashrate/worker?coin=BTC&page={page}&limit=100"))
            },
            period: |interval| interval.saturating_mul(2),
            parse: workers,
            missing: |_| Vec::<PoolWorker>::new().into(),
        },
        Request {
            ask: |asking| get(asking, "account"),
            period: |interval| interval.saturating_mul(2),
            parse: |body, _| Ok(balance(body)?.into()),
            missing: |why| Balance { today_estimate: NO_ESTIMATE, ..Balance::missing(why) }.into(),
        },
        Request {
            ask: |asking| {
                let (now, page) = (asking.now.wall, asking.page.saturating_add(1));
                let (start, end) = (date(settled::since(now)), date(now));
                let days = format!("utc=true&start_date={start}&end_date={end}&page={page}&limit=50");
                get(asking, &format!("profit/history?coin=BTC&{days}"))
            },
            period: settled::hourly,
            parse: |body, context| profit(body, context.now.wall),
            missing: |_| Vec::<Settled>::new().into(),
        },
    ],
};

fn get(asking: &Asking<'_>, what: &str) -> Ask {
    Ask::get(format!("/res/openapi/v1/{what}")).header("X-API-KEY", asking.keys.token())
}

#[derive(Deserialize)]
struct AccountRates {
    hashrate_10min: Option<Decimal>,
    hashrate_1hour: Option<Decimal>,
    hashrate_24hour: Option<Decimal>,
    active_workers: Option<Decimal>,
    /// The pool spells it like this.
    unactive_workers: Option<Decimal>,
}

/// Hashrates and workers of the account.
///
/// # Errors
/// If the reply is about no account; the pool's own errors are [`Missing::RemoteError`] or [`Missing::Denied`].
pub fn account_rates(body: &[u8], context: &Context) -> Result<Piece, Failure> {
    let account: AccountRates = data(body, &OF_LOGIN)?;
    let hashes = context.hashes_per_unit.unwrap_or(1.0);
    let rates = Rates {
        hashrate_now: hashrate(&account.hashrate_10min, hashes, "hashrate.hashrate_10min"),
        hashrate_1h: hashrate(&account.hashrate_1hour, hashes, "hashrate.hashrate_1hour"),
        hashrate_24h: hashrate(&account.hashrate_24hour, hashes, "hashrate.hashrate_24hour"),
        workers_online: read(&account.active_workers, "hashrate.active_workers", Decimal::u32),
        workers_offline: read(&account.unactive_workers, "hashrate.unactive_workers", Decimal::u32),
    };
    Ok(rates.told()?.into())
}

#[derive(Deserialize)]
struct List<T> {
    data: Option<Vec<T>>,
    has_next: Option<bool>,
}

impl<T> List<T> {
    /// Its rows, and whether there is another page.
    fn rows(self) -> Result<(Vec<T>, bool), Failure> {
        let rows = self.data.ok_or_else(|| Failure::new(Missing::NotReported, "the list has no data"))?;
        let more = self.has_next == Some(true) && !rows.is_empty();
        Ok((rows, more))
    }
}

#[derive(Deserialize)]
struct Worker {
    worker_name: Option<String>,
    hashrate_10min: Option<Decimal>,
    reject_rate: Option<Decimal>,
    last_active: Option<Decimal>,
    worker_status: Option<String>,
}

/// One page of the workers.
///
/// # Errors
/// As [`account_rates`].
pub fn workers(body: &[u8], context: &Context) -> Result<Page, Failure> {
    let (rows, more) = data::<List<Worker>>(body, &OF_LOGIN)?.rows()?;
    let hashes = context.hashes_per_unit.unwrap_or(1.0);
    let workers = rows.iter().filter_map(|row| worker(row, hashes));
    Ok(Page { piece: workers.collect::<Vec<_>>().into(), more })
}

fn worker(row: &Worker, hashes: f64) -> Option<PoolWorker> {
    Some(PoolWorker {
        name: row.worker_name.clone()?,
        hashrate: hashrate(&row.hashrate_10min, hashes, "worker.hashrate_10min"),
        rejected: untold_part(&row.reject_rate, "worker.reject_rate"),
        stale: Err(Missing::NotSupported),
        last_share: time(&row.last_active),
        online: match row.worker_status.as_deref() {
            Some("active") => Some(true),
            Some("unactive") => Some(false),
            _ => None,
        },
    })
}

/// The rest of the reply is about the person: name, mail, telephone.
#[derive(Deserialize)]
struct Account {
    balance: Option<Vec<CoinBalance>>,
}

#[derive(Deserialize)]
struct CoinBalance {
    coin: Option<String>,
    amount: Option<Decimal>,
}

/// What is earned and not yet paid.
///
/// # Errors
/// As [`account_rates`].
pub fn balance(body: &[u8]) -> Result<Piece, Failure> {
    let account: Account = data(body, &OF_LOGIN)?;
    let coins =
        account.balance.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no balance"))?;
    let bitcoin = coins.iter().find(|row| row.coin.as_deref() == Some("BTC"));
    let unpaid = bitcoin.ok_or(Missing::NotReported);
    let unpaid = unpaid.and_then(|row| read(&row.amount, "account.balance", Decimal::whole_sats_from_btc));
    Ok(Balance { unpaid, today_estimate: NO_ESTIMATE }.into())
}

#[derive(Deserialize)]
struct Profit {
    date: Option<Decimal>,
    total_profit: Option<Decimal>,
}

/// One page of what was credited for each UTC day that is over: subsidy, fees and what blocks brought together.
///
/// # Errors
/// As [`account_rates`], or if one of the rows cannot be read.
pub fn profit(body: &[u8], now: UnixMs) -> Result<Page, Failure> {
    let (rows, more) = data::<List<Profit>>(body, &OF_LOGIN)?.rows()?;
    let amount = |row: &Profit| row.total_profit.as_ref().and_then(Decimal::sats_from_btc);
    let days = rows.iter().map(|row| day(time(&row.date), amount(row), None));
    Ok(Page { piece: days_over(days, "profit/history", now)?, more })
}
