//! Mining pools.
//!
//! A pool is a table of requests ([`Api`]) with a pure parser each; [`account`] asks them in turn and
//! puts the pieces together. A new pool is one file with such a table and one variant of [`PoolKind`]. One that
//! nobody has written a file for is described in the config ([`http_json`]).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::Deserialize;

use crate::http::Http;
use crate::reading::RewardScheme;
use crate::secret::{Secret, SecretError};
use crate::sources::Source;

use self::account::Account;
use self::gate::Gate;
use self::http_json::JsonConfig;
use self::nonce::Nonce;

mod account;
pub mod address;
pub mod antpool;
mod api;
pub mod binance;
pub mod braiins;
pub mod ckpool;
pub mod f2pool;
pub mod f2pool_v2;
pub mod foundry;
mod gate;
pub mod http_json;
pub mod luxor;
pub mod nicehash;
mod nonce;
pub mod ocean;
mod piece;
pub mod public_pool;
mod sane;
mod settled;
mod sign;
pub mod viabtc;
mod wire;

pub use api::{Api, Ask, Asking, Body, Context, Key, Keys, Page, Question, Request};
pub use piece::{Balance, Counts, Piece, Rates, Rejects};

/// `[[pool]]`: one account at one pool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolConfig {
    /// Name of the account: `[a-z0-9-]+`, unique.
    pub name: String,
    pub kind: PoolKind,
    /// Base URL, for proxies and tests. Absent: the pool's own.
    pub url: Option<String>,
    /// File with the access token or API key.
    pub token_file: Option<PathBuf>,
    /// File with the API secret that signs the requests.
    pub secret_file: Option<PathBuf>,
    /// Id of the organization that the key belongs to.
    pub organization: Option<String>,
    /// The bitcoin address that is paid.
    pub address: Option<String>,
    /// Name of the account or subaccount at the pool.
    pub user: Option<String>,
    /// Fee as a fraction: 0.02 is 2 %.
    pub fee: f64,
    /// How the pool pays, where the account differs from what is usual there.
    pub scheme: Option<RewardScheme>,
    /// Unit of the hashrates, where the pool's differs from what its documents say.
    pub hashrate_unit: Option<HashrateUnit>,
    /// Where an API that the config describes tells what.
    pub json: Option<JsonConfig>,
    /// Seconds between two requests for the account.
    #[serde(default = "default_interval")]
    pub interval_secs: u64,
}

impl PoolConfig {
    /// What the pool is asked. The account counts as failed when the first one fails.
    fn questions(&self) -> Result<Vec<Box<dyn Question>>, SecretError> {
        let Some(json) = &self.json else {
            let known = self.kind.api().requests.iter();
            return Ok(known.map(|request| Box::new(request) as Box<dyn Question>).collect());
        };
        json.questions()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    Antpool,
    Binance,
    Braiins,
    Ckpool,
    F2pool,
    F2poolV2,
    Foundry,
    HttpJson,
    Luxor,
    Nicehash,
    Ocean,
    PublicPool,
    Viabtc,
}

impl PoolKind {
    pub fn api(self) -> &'static Api {
        match self {
            PoolKind::Antpool => &antpool::API,
            PoolKind::Binance => &binance::API,
            PoolKind::Braiins => &braiins::API,
            PoolKind::Ckpool => &ckpool::API,
            PoolKind::F2pool => &f2pool::API,
            PoolKind::F2poolV2 => &f2pool_v2::API,
            PoolKind::Foundry => &foundry::API,
            PoolKind::HttpJson => &http_json::API,
            PoolKind::Luxor => &luxor::API,
            PoolKind::Nicehash => &nicehash::API,
            PoolKind::Ocean => &ocean::API,
            PoolKind::PublicPool => &public_pool::API,
            PoolKind::Viabtc => &viabtc::API,
        }
    }
}

/// Hashes per second and its multiples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum HashrateUnit {
    #[serde(rename = "H/s")]
    Hs,
    #[serde(rename = "kH/s")]
    Khs,
    #[serde(rename = "MH/s")]
    Mhs,
    #[serde(rename = "GH/s")]
    Ghs,
    #[serde(rename = "TH/s")]
    Ths,
    #[serde(rename = "PH/s")]
    Phs,
}

impl HashrateUnit {
    /// H/s in one of it.
    pub fn hashes(self) -> f64 {
        match self {
            HashrateUnit::Hs => 1.0,
            HashrateUnit::Khs => 1e3,
            HashrateUnit::Mhs => 1e6,
            HashrateUnit::Ghs => 1e9,
            HashrateUnit::Ths => 1e12,
            HashrateUnit::Phs => 1e15,
        }
    }
}

fn default_interval() -> u64 {
    300
}

/// The source of each account. Accounts at one host take turns, and those with one key share its nonces, which
/// are kept in `state_dir`.
///
/// # Errors
/// If a file with a token or secret cannot be read.
pub fn sources(
    pools: &[PoolConfig],
    http: &Http,
    state_dir: Option<&Path>,
) -> Result<Vec<Box<dyn Source>>, SecretError> {
    let mut gates: BTreeMap<String, Rc<Gate>> = BTreeMap::new();
    let mut nonces: BTreeMap<String, Rc<Nonce>> = BTreeMap::new();
    let mut sources: Vec<Box<dyn Source>> = Vec::with_capacity(pools.len());
    for pool in pools {
        let base = pool.url.as_deref().unwrap_or(pool.kind.api().url);
        let gate = gates.entry(gate::host_of(base)).or_default();
        let keys = Keys {
            token: pool.token_file.as_deref().map(Secret::from_file).transpose()?,
            secret: pool.secret_file.as_deref().map(Secret::from_file).transpose()?,
            organization: pool.organization.clone().unwrap_or_default(),
            address: pool.address.clone().unwrap_or_default(),
            user: pool.user.clone().unwrap_or_default(),
        };
        let file = keys.secret.as_ref().and(state_dir).map(|dir| dir.join(nonce::file_name(keys.token())));
        let nonce = nonces.entry(keys.token().to_owned()).or_insert_with(|| Rc::new(Nonce::open(file)));
        sources.push(Box::new(Account::new(pool, keys, pool.questions()?, (gate, nonce), http.clone())));
    }
    Ok(sources)
}
