//! public-pool, solo: `public-pool.io:40557/api`, open JSON by payout address, and whoever runs the same program.
//!
//! Protocol: the program's client controller. Each row is a session, so that a worker that connected twice, or
//! machines that share a name, come more than once: they are summed by name. Rates are hashes per second over ten
//! minutes. An address that is not known is one without workers. Who finds a block has it, so nothing is owed and
//! nothing is settled.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::piece::sum_of;
use super::wire::{hashrate, time};
use super::{Api, Ask, Key, Piece, Rates, Request};
use crate::clock::UnixMs;
use crate::reading::{Missing, PoolWorker, Read, Reading, RewardScheme};
use crate::sources::Failure;
use crate::sources::web::{Decimal, json, read};
use crate::units::Hashrate;

pub static API: Api = Api {
    name: "public_pool",
    url: "https://public-pool.io:40557",
    spacing: std::time::Duration::from_secs(2),
    scheme: RewardScheme::Solo,
    needs: &[Key::Address],
    warning: None,
    requests: &[Request {
        ask: |asking| Ask::get(format!("/api/client/{}", asking.keys.address)),
        period: |interval| interval,
        parse: |body, _| Ok(client(body)?.into()),
        missing: |why| {
            Rates { hashrate_1h: NO_WINDOW, hashrate_24h: NO_WINDOW, ..Rates::missing(why) }.into()
        },
    }],
};

const NO_WINDOW: Read<Hashrate> = Err(Missing::NotSupported);
const SOURCE: &str = "client.workers.hashRate";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    workers_count: Option<Decimal>,
    workers: Option<Vec<Session>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    #[serde(default)]
    name: String,
    hash_rate: Option<Decimal>,
    last_seen: Option<Decimal>,
}

/// Rate of a session, and when it was last heard of.
type Told = (Read<Hashrate>, Option<UnixMs>);

/// Hashrate of the address, and its workers in order of name.
///
/// # Errors
/// If the reply is no list of workers.
pub fn client(body: &[u8]) -> Result<Piece, Failure> {
    let client: Client = json(body)?;
    let sessions =
        client.workers.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no workers"))?;
    let mut named: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    for session in sessions {
        let told = (hashrate(&session.hash_rate, 1.0, SOURCE), time(&session.last_seen));
        named.entry(session.name).or_default().push(told);
    }
    let rates = Rates {
        hashrate_now: match named.is_empty() {
            true => Ok(Reading::measured(Hashrate::ZERO, SOURCE)),
            false => sum_of(named.values().flatten().map(|(rate, _)| *rate)),
        },
        hashrate_1h: NO_WINDOW,
        hashrate_24h: NO_WINDOW,
        // Sessions, which is what the pool counts.
        workers_online: read(&client.workers_count, "client.workersCount", Decimal::u32),
        workers_offline: Err(Missing::NotSupported),
    };
    let workers = named.into_iter().map(worker).collect();
    Ok(Piece { rates: Some(rates), workers: Some(workers), ..Piece::default() })
}

fn worker((name, sessions): (String, Vec<Told>)) -> PoolWorker {
    PoolWorker {
        name,
        hashrate: sum_of(sessions.iter().map(|(rate, _)| *rate)),
        rejected: Err(Missing::NotSupported),
        stale: Err(Missing::NotSupported),
        last_share: sessions.iter().filter_map(|(_, seen)| *seen).max(),
        // The pool leaves out who is gone.
        online: Some(true),
    }
}
