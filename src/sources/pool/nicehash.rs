//! NiceHash: `api2.nicehash.com/main/api/v2`, signed requests for the rigs of an organization.
//!
//! Protocol: nicehash.com/docs/rest, "Signing requests". Speeds of SHA-256 are TH/s, by connection of a rig; those
//! of other algorithms are not this site's business. It is a market: hashrate is sold at what buyers bid, and paid
//! out every few hours or once a threshold is reached, so that a payout is settled as such and stands for no day. A
//! clock that is five minutes off gets the same refusal as a wrong key.

mod payouts;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::piece::sum_of;
use super::settled::hourly;
use super::sign::hmac_sha256;
use super::wire::{hashrate, part_of, said};
use super::{Api, Ask, Asking, Balance, Context, Key, Page, Piece, Rates, Request};
use crate::reading::{Missing, PoolWorker, Read, Reading, RewardScheme, Settled};
use crate::sources::Failure;
use crate::sources::web::{Decimal, json, read};
use crate::units::{Fraction, Hashrate, Sats};

const THS: f64 = 1e12;
/// What the pool calls a login that it refuses.
const INVALID_SESSION: i64 = 2000;

pub static API: Api = Api {
    name: "nicehash",
    url: "https://api2.nicehash.com",
    spacing: Duration::from_secs(2),
    scheme: RewardScheme::Market,
    needs: &[Key::TokenFile, Key::SecretFile, Key::Organization],
    warning: None,
    requests: &[
        Request {
            ask: |asking| signed(asking, "/main/api/v2/mining/rigs2"),
            period: |interval| interval,
            parse: rigs,
            missing: |why| Piece {
                rates: Some(Rates { hashrate_1h: NO_WINDOW, hashrate_24h: NO_WINDOW, ..Rates::missing(why) }),
                balance: Some(Balance { today_estimate: NO_ESTIMATE, ..Balance::missing(why) }),
                ..Piece::default()
            },
        },
        Request {
            ask: |asking| signed(asking, "/main/api/v2/mining/rigs/payouts"),
            period: hourly,
            parse: payouts::payouts,
            missing: |_| Vec::<Settled>::new().into(),
        },
    ],
};

const NO_WINDOW: Read<Hashrate> = Err(Missing::NotSupported);
/// `totalProfitability` is the rate of the moment, and no day's.
const NO_ESTIMATE: Read<Sats> = Err(Missing::NotSupported);

/// A page of a list.
fn signed(asking: &Asking<'_>, path: &str) -> Ask {
    let query = &format!("size=100&page={}", asking.page);
    let (keys, time, nonce) = (asking.keys, asking.now.wall.0.to_string(), asking.nonce.to_string());
    let message = message(keys.token(), &time, &nonce, &keys.organization, path, query);
    Ask::get(format!("{path}?{query}"))
        .header("X-Time", time)
        .header("X-Request-Id", nonce.clone())
        .header("X-Nonce", nonce)
        .header("X-Organization-Id", keys.organization.clone())
        .header("X-Auth", format!("{}:{}", keys.token(), hmac_sha256(keys.secret(), &message)))
}

/// What is signed of a GET. Two of the fields are always empty.
fn message(key: &str, time: &str, nonce: &str, organization: &str, path: &str, query: &str) -> String {
    [key, time, nonce, "", organization, "", "GET", path, query].join("\0")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rigs {
    errors: Option<Vec<Error>>,
    miner_statuses: Option<BTreeMap<String, Decimal>>,
    total_rigs: Option<Decimal>,
    unpaid_amount: Option<Decimal>,
    mining_rigs: Option<Vec<Rig>>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Error {
    code: Option<Decimal>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    page: Option<Decimal>,
    total_page_count: Option<Decimal>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rig {
    rig_id: Option<String>,
    name: Option<String>,
    miner_status: Option<String>,
    #[serde(default)]
    stats: Vec<Connection>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    algorithm: Option<Named>,
    speed_accepted: Option<Decimal>,
    #[serde(rename = "speedRejectedR2Stale")]
    speed_stale: Option<Decimal>,
    speed_rejected_total: Option<Decimal>,
}

/// Of an algorithm or a currency.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    enum_name: Option<String>,
}

/// One page of the rigs, with the counts and the unpaid balance of the organization. Its hashrate is the sum of
/// the rigs'.
///
/// # Errors
/// If the reply is no list of rigs; the pool's own errors are [`Missing::Denied`] or [`Missing::RemoteError`].
pub fn rigs(body: &[u8], context: &Context) -> Result<Page, Failure> {
    let reply: Rigs = json(body)?;
    if let Some(error) = reply.errors.iter().flatten().next() {
        return Err(refusal(error));
    }
    let rigs =
        reply.mining_rigs.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no miningRigs"))?;
    let none = reply.total_rigs.as_ref().and_then(Decimal::u32) == Some(0);
    let statuses = reply.miner_statuses.as_ref();
    let rates = Rates {
        hashrate_now: match none {
            true => Ok(Reading::measured(Hashrate::ZERO, "rigs2.totalRigs")),
            false => Err(Missing::NotSupported),
        },
        hashrate_1h: NO_WINDOW,
        hashrate_24h: NO_WINDOW,
        workers_online: count(statuses, |status| status == MINING),
        workers_offline: count(statuses, |status| status != MINING),
    };
    // Shares are paid by fractions of a satoshi.
    let unpaid = read(&reply.unpaid_amount, "rigs2.unpaidAmount", Decimal::whole_sats_from_btc);
    let hashes = context.hashes_per_unit.unwrap_or(THS);
    let more = reply.pagination.as_ref().is_some_and(Pagination::goes_on);
    let piece = Piece {
        rates: Some(rates),
        balance: Some(Balance { unpaid, today_estimate: NO_ESTIMATE }),
        workers: Some(rigs.iter().filter_map(|rig| worker(rig, hashes)).collect()),
        ..Piece::default()
    };
    Ok(Page { piece, more: more && !rigs.is_empty() })
}

const MINING: &str = "MINING";

fn count(statuses: Option<&BTreeMap<String, Decimal>>, which: fn(&str) -> bool) -> Read<u32> {
    let statuses = statuses.ok_or(Missing::NotReported)?;
    let mut sum = 0u32;
    for (_, rigs) in statuses.iter().filter(|(status, _)| which(status)) {
        sum = sum.saturating_add(rigs.u32().ok_or(Missing::Garbage)?);
    }
    Ok(Reading::measured(sum, "rigs2.minerStatuses"))
}

/// `None`: it has no name, or mines something else.
fn worker(rig: &Rig, hashes: f64) -> Option<PoolWorker> {
    let name = rig.name.as_ref().or(rig.rig_id.as_ref())?;
    let ours: Vec<&Connection> = rig.stats.iter().filter(|connection| connection.is_sha256()).collect();
    if ours.is_empty() && !rig.stats.is_empty() {
        return None;
    }
    let sum = |field: fn(&Connection) -> &Option<Decimal>, source| {
        sum_of(ours.iter().map(|connection| hashrate(field(connection), hashes, source)))
    };
    let accepted = sum(|connection| &connection.speed_accepted, "rigs2.speedAccepted");
    let stale = sum(|connection| &connection.speed_stale, "rigs2.speedRejectedR2Stale");
    let rejected = sum(|connection| &connection.speed_rejected_total, "rigs2.speedRejectedTotal");
    let online = rig.miner_status.as_deref().map(|status| status == MINING);
    let hashrate = match (ours.is_empty(), online) {
        // No connection, and the pool says so in words.
        (true, Some(false)) => Ok(Reading::measured(Hashrate::ZERO, "rigs2.minerStatus")),
        (true, _) => Err(Missing::NotReported),
        (false, _) => accepted,
    };
    let work =
        accepted.and_then(|work| rejected.map(|lost| work.at_best(lost.quality).map(|w| w + lost.value)));
    Some(PoolWorker {
        name: name.clone(),
        hashrate,
        // What came late is among it.
        rejected: share(rejected, work),
        stale: share(stale, work),
        // The pool tells when it counted, not when it got a share.
        last_share: None,
        online,
    })
}

fn share(part: Read<Hashrate>, work: Read<Hashrate>) -> Read<Fraction> {
    let rest = work.and_then(|work| part.map(|part| work.at_best(part.quality).map(|w| w - part.value)));
    let ths = |rate: Read<Hashrate>| rate.map(|rate| rate.map(Hashrate::ths));
    part_of(ths(part), ths(rest))
}

impl Pagination {
    fn goes_on(&self) -> bool {
        let number = |field: &Option<Decimal>| field.as_ref().and_then(Decimal::u32);
        let (page, all) = (number(&self.page), number(&self.total_page_count));
        page.zip(all).is_some_and(|(page, all)| page.saturating_add(1) < all)
    }
}

impl Connection {
    /// With and without AsicBoost.
    fn is_sha256(&self) -> bool {
        let name = self.algorithm.as_ref().and_then(|algorithm| algorithm.enum_name.as_deref());
        name.is_some_and(|name| name.starts_with("SHA256"))
    }
}

fn refusal(error: &Error) -> Failure {
    let failure = said(error.message.as_deref().unwrap_or("no reason given"));
    match error.code.as_ref().and_then(Decimal::i64) {
        Some(INVALID_SESSION) => Failure::denied(failure.detail),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_documents_example() {
        let message = message(
            "4ebd366d-76f4-4400-a3b6-e51515d054d6",
            "1543597115712",
            "9675d0f8-1325-484b-9594-c9d6d3268890",
            "da41b3bc-3d0b-4226-b7ea-aee73f94a518",
            "/main/api/v2/hashpower/orderBook",
            "algorithm=X16R&page=0&size=100",
        );
        assert_eq!(
            hmac_sha256("fd8a1652-728b-42fe-82b8-f623e56da8850750f5bf-ce66-4ca7-8b84-93651abc723b", &message),
            "21e6a16f6eb34ac476d59f969f548b47fffe3fea318d9c99e77fc710d2fed798"
        );
    }
}
