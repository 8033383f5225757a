//! Mining pools.
//!
//! A pool is a table of requests ([`Request`]) with a pure parser each; [`account`] asks them in
//! turn and puts the pieces together. A new pool is one file with such a table and one variant of
//! [`PoolKind`].

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::Now;
use crate::http::Http;
use crate::reading::{Missing, PoolWorker, Quality, Read, Settled, at_best};
use crate::secret::{Secret, SecretError};
use crate::sources::{Failure, Source};
use crate::units::{Hashrate, Sats};

mod account;
pub mod braiins;
pub mod ocean;

/// `[[pool]]`: one account at one pool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolConfig {
    /// Name of the account: `[a-z0-9-]+`, unique.
    pub name: String,
    pub kind: PoolKind,
    /// Base URL, for proxies and tests. Absent: the pool's own.
    pub url: Option<String>,
    /// `braiins`: file with the access token (a read-only profile is enough).
    pub token_file: Option<PathBuf>,
    /// `ocean`: the bitcoin address that is paid.
    pub address: Option<String>,
    /// Fee as a fraction: 0.02 is 2 %.
    pub fee: f64,
    /// Seconds between two requests for the account.
    #[serde(default = "default_interval")]
    pub interval_secs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    Braiins,
    Ocean,
}

fn default_interval() -> u64 {
    300
}

/// The source of one account.
///
/// # Errors
/// If the file with the token cannot be read.
pub fn source(cfg: &PoolConfig, http: &Http) -> Result<Box<dyn Source>, SecretError> {
    let api = match cfg.kind {
        PoolKind::Braiins => &braiins::API,
        PoolKind::Ocean => &ocean::API,
    };
    let token = cfg.token_file.as_deref().map(Secret::from_file).transpose()?;
    Ok(Box::new(account::Account::new(cfg, api, token, http.clone())))
}

/// What wattsplit knows of one pool's API. Every request is a GET.
pub struct Api {
    /// Base URL of the pool itself.
    pub url: &'static str,
    /// Header that carries the token.
    pub token_header: Option<&'static str>,
    /// Between two requests, as the pool asks for.
    pub spacing: Duration,
    /// The first one is asked first, and the account counts as failed when it fails.
    pub requests: &'static [Request],
}

/// One question to a pool.
pub struct Request {
    /// Path and query for the account's address, if the pool goes by address.
    pub path: fn(address: &str, now: Now) -> String,
    /// How often it is asked, given the configured interval.
    pub period: fn(interval: Duration) -> Duration,
    /// Pure.
    pub parse: fn(body: &[u8], now: Now) -> Result<Piece, Failure>,
    /// What is missing when the request fails.
    pub missing: fn(Missing) -> Piece,
}

/// What one request contributes to the account's report.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    Profile(Rates, Balance),
    Rates(Rates),
    Balance(Balance),
    Workers(Vec<PoolWorker>),
    Settled(Vec<Settled>),
}

/// Hashrates and workers of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    pub hashrate_now: Read<Hashrate>,
    pub hashrate_1h: Read<Hashrate>,
    pub hashrate_24h: Read<Hashrate>,
    pub workers_online: Read<u32>,
    pub workers_offline: Read<u32>,
}

/// What an account has earned and was not paid yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Balance {
    pub unpaid: Read<Sats>,
    pub today_estimate: Read<Sats>,
}

impl Rates {
    pub fn missing(why: Missing) -> Self {
        Self {
            hashrate_now: Err(why),
            hashrate_1h: Err(why),
            hashrate_24h: Err(why),
            workers_online: Err(why),
            workers_offline: Err(why),
        }
    }

    fn at_best(self, quality: Quality) -> Self {
        Self {
            hashrate_now: at_best(self.hashrate_now, quality),
            hashrate_1h: at_best(self.hashrate_1h, quality),
            hashrate_24h: at_best(self.hashrate_24h, quality),
            workers_online: at_best(self.workers_online, quality),
            workers_offline: at_best(self.workers_offline, quality),
        }
    }
}

impl Balance {
    pub fn missing(why: Missing) -> Self {
        Self { unpaid: Err(why), today_estimate: Err(why) }
    }

    fn at_best(self, quality: Quality) -> Self {
        Self { unpaid: at_best(self.unpaid, quality), today_estimate: at_best(self.today_estimate, quality) }
    }
}

impl Piece {
    /// The same piece with no value better than `quality`.
    fn at_best(self, quality: Quality) -> Self {
        match self {
            Piece::Profile(rates, balance) => {
                Piece::Profile(rates.at_best(quality), balance.at_best(quality))
            }
            Piece::Rates(rates) => Piece::Rates(rates.at_best(quality)),
            Piece::Balance(balance) => Piece::Balance(balance.at_best(quality)),
            Piece::Workers(mut workers) => {
                for worker in &mut workers {
                    worker.hashrate = at_best(worker.hashrate, quality);
                }
                Piece::Workers(workers)
            }
            // What is settled stays settled.
            settled @ Piece::Settled(_) => settled,
        }
    }
}

/// A hashrate in hashes per second as a plausible reading: not negative, and below ten times the
/// whole network of 2026. Anything else is an error of the unit.
fn plausible(rate: Read<f64>) -> Read<Hashrate> {
    const MAX_HS: f64 = 1e22;
    let rate = rate?;
    let in_range = (0.0..=MAX_HS).contains(&rate.value);
    let value = Hashrate::from_hs(rate.value).filter(|_| in_range).ok_or(Missing::Implausible)?;
    Ok(rate.map(|_| value))
}
