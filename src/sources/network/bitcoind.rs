//! The JSON-RPC port of one's own node.
//!
//! Read-only methods: `getblockchaininfo`, `getblockstats` for the fees of each block of the last day,
//! and `getblockhash` and `getblockheader` for the time of the epoch's first block, which a node that
//! prunes keeps as well. The blocks that were asked once stay here; a reorganisation may leave a few of an
//! abandoned branch in the mean until they are a day old, which moves it by less than their share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{FEE_BLOCKS, NetworkConfig, difficulty, height, mean_fee, retarget, sample};
use crate::clock::Now;
use crate::http::{Http, HttpError, HttpReply, Posted};
use crate::reading::{Missing, NetworkReport, Read, Retarget, Sample};
use crate::secret::{Secret, SecretError};
use crate::sources::web::{basic, json, parsed};
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::Sats;

/// `getblockchaininfo` is 2 kB; a batch of block statistics as much.
const REPLY_LIMIT: usize = 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(30);
/// For the fees alone, so that a slow disk costs neither height nor difficulty.
const FEES_DEADLINE: Duration = Duration::from_secs(15);
/// For the forecast alone.
const RETARGET_DEADLINE: Duration = Duration::from_secs(5);
/// Blocks in one batch: the node reads the undo data of each from disk.
const BATCH: usize = 16;
const SOURCE: &str = "bitcoind";

pub(super) struct Bitcoind {
    url: String,
    interval: Duration,
    http: Http,
    login: Login,
    /// Total fee in satoshis by height, at most [`FEE_BLOCKS`].
    fees: BTreeMap<u64, i64>,
    /// First block of the epoch and its time, Unix seconds.
    epoch: Option<(u64, i64)>,
}

enum Login {
    /// None, or in the URL.
    Absent,
    Password {
        user: String,
        password: Secret,
    },
    Cookie {
        path: PathBuf,
        cookie: Option<Secret>,
    },
}

#[derive(Serialize)]
struct Call<P> {
    jsonrpc: &'static str,
    id: u64,
    method: &'static str,
    params: P,
}

#[derive(Deserialize)]
struct Answer<T> {
    id: Option<u64>,
    result: Option<T>,
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct RpcError {
    code: i64,
}

#[derive(Deserialize)]
struct ChainInfo {
    chain: String,
    blocks: u64,
    difficulty: f64,
    /// Of the newest block, Unix seconds; since Bitcoin Core 23.
    time: Option<i64>,
    initialblockdownload: bool,
}

/// The newest block of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tip {
    pub height: u64,
    pub difficulty: f64,
    /// Unix seconds; `None`: the node is too old to tell.
    pub time_s: Option<i64>,
}

#[derive(Deserialize)]
struct Header {
    time: i64,
}

#[derive(Deserialize)]
struct BlockStats {
    totalfee: i64,
}

/// The answer to `getblockchaininfo`: height, difficulty and time.
///
/// # Errors
/// Also if the node is on another chain or still behind: its difficulty would be of another time.
pub fn parse_chain_info(body: &[u8]) -> Result<Tip, Failure> {
    let info: ChainInfo = result(body)?;
    if info.chain != "main" {
        return Err(Failure::new(Missing::RemoteError, "the node is not on the main chain"));
    }
    if info.initialblockdownload {
        return Err(Failure::new(Missing::RemoteError, "the node is still downloading the chain"));
    }
    Ok(Tip { height: height(info.blocks)?, difficulty: difficulty(info.difficulty)?, time_s: info.time })
}

/// What a single call gave.
fn result<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let answer: Answer<T> = json(body)?;
    if let Some(error) = answer.error {
        return Err(Failure::new(Missing::RemoteError, format!("the node reports error {}", error.code)));
    }
    answer.result.ok_or_else(|| Failure::new(Missing::NotReported, "the answer has no result"))
}

/// The answers to a batch of `getblockstats`, whose ids are the heights: total fees in satoshis by
/// height. Blocks that the node cannot tell about are left out.
///
/// # Errors
/// If the reply is no batch.
pub fn parse_block_stats(body: &[u8]) -> Result<BTreeMap<u64, i64>, Failure> {
    let answers: Vec<Answer<BlockStats>> = json(body)?;
    let fees = answers.into_iter().filter(|answer| answer.error.is_none());
    Ok(fees.filter_map(|answer| Some((answer.id?, answer.result?.totalfee))).collect())
}

impl Bitcoind {
    pub(super) fn new(cfg: &NetworkConfig, interval: Duration, http: Http) -> Result<Self, SecretError> {
        let login = match (&cfg.cookie_file, &cfg.user, &cfg.password_file) {
            (Some(path), _, _) => Login::Cookie { path: path.clone(), cookie: None },
            (None, Some(user), Some(file)) => {
                Login::Password { user: user.clone(), password: Secret::from_file(file)? }
            }
            _ => Login::Absent,
        };
        Ok(Self { url: cfg.url.clone(), interval, http, login, fees: BTreeMap::new(), epoch: None })
    }

    async fn report(&mut self) -> Result<NetworkReport, Failure> {
        let tip = parsed(&self.post(&call("getblockchaininfo", [(); 0])).await?, parse_chain_info)?;
        let Tip { height, difficulty, .. } = tip;
        let first = height.saturating_add(1).saturating_sub(FEE_BLOCKS);
        self.fees.retain(|block, _| (first..=height).contains(block));
        let trouble = match tokio::time::timeout(FEES_DEADLINE, self.fill(first, height)).await {
            Ok(Ok(())) => Missing::NotReported,
            Ok(Err(failure)) => failure.reason,
            Err(_) => Missing::Timeout,
        };
        let mean_fee = self.mean_fee(trouble);
        let retarget = match tokio::time::timeout(RETARGET_DEADLINE, self.retarget(tip)).await {
            Ok(retarget) => retarget,
            Err(_) => Err(Missing::Timeout),
        };
        Ok(NetworkReport { source: SOURCE, height, difficulty, mean_fee, retarget })
    }

    async fn retarget(&mut self, tip: Tip) -> Read<Retarget> {
        let tip_s = tip.time_s.ok_or(Missing::NotReported)?;
        let first = retarget::first_of_epoch(tip.height);
        let first_s = match self.epoch {
            Some((known, time_s)) if known == first => time_s,
            _ => self.time_of(first).await.map_err(|failure| failure.reason)?,
        };
        self.epoch = Some((first, first_s));
        retarget::by_pace(tip.height, first_s, tip_s)
    }

    /// When the block at `height` was made by its own word, Unix seconds.
    async fn time_of(&mut self, height: u64) -> Result<i64, Failure> {
        let hash: String = parsed(&self.post(&call("getblockhash", [height])).await?, result)?;
        let header: Header = parsed(&self.post(&call("getblockheader", [hash])).await?, result)?;
        Ok(header.time)
    }

    /// Asks for the blocks that are not held yet, newest first, batch by batch. What came before a
    /// failure or the deadline is kept, and the next round goes on from there.
    async fn fill(&mut self, first: u64, height: u64) -> Result<(), Failure> {
        let absent: Vec<u64> =
            (first..=height).rev().filter(|block| !self.fees.contains_key(block)).collect();
        for blocks in absent.chunks(BATCH) {
            let calls: Vec<_> = blocks.iter().map(|block| stats_call(*block)).collect();
            let fees = parsed(&self.post(&calls).await?, parse_block_stats)?;
            self.fees.extend(fees.into_iter().filter(|(block, _)| blocks.contains(block)));
        }
        Ok(())
    }

    fn mean_fee(&self, trouble: Missing) -> Read<Sats> {
        if self.fees.is_empty() {
            return Err(trouble);
        }
        let total = self.fees.values().map(|fee| i128::from(*fee)).sum();
        mean_fee(total, self.fees.len() as u64, "getblockstats.totalfee")
    }

    /// Posts a call or a batch; a refused cookie is read again once, because the node writes a new
    /// one at each start.
    async fn post(&mut self, call: &impl Serialize) -> Result<HttpReply, Failure> {
        let body = serde_json::to_vec(call).map_err(|error| {
            Failure::new(Missing::NotSupported, format!("cannot write the call: {error}"))
        })?;
        let login = self.login.header(false)?;
        match self.post_as(login, &body).await {
            Err(HttpError::Status { code: 401, .. }) if matches!(self.login, Login::Cookie { .. }) => {
                let login = self.login.header(true)?;
                Ok(self.post_as(login, &body).await?)
            }
            reply => Ok(reply?),
        }
    }

    async fn post_as(&self, login: Option<String>, body: &[u8]) -> Result<HttpReply, HttpError> {
        let headers: Vec<(&str, &str)> =
            login.iter().map(|value| ("authorization", value.as_str())).collect();
        self.http.post_json(&self.url, &headers, Posted::open(body), REPLY_LIMIT).await
    }
}

fn call<P>(method: &'static str, params: P) -> Call<P> {
    Call { jsonrpc: "1.0", id: 0, method, params }
}

fn stats_call(height: u64) -> Call<(u64, [&'static str; 1])> {
    Call { jsonrpc: "1.0", id: height, method: "getblockstats", params: (height, ["totalfee"]) }
}

impl Login {
    /// Value of the `Authorization` header; `again` reads a cookie even if one is held.
    fn header(&mut self, again: bool) -> Result<Option<String>, Failure> {
        let pair = match self {
            Login::Absent => return Ok(None),
            Login::Password { user, password } => format!("{user}:{}", password.reveal()),
            Login::Cookie { path, cookie } => {
                if again {
                    *cookie = None;
                }
                let read = match cookie.take() {
                    Some(held) => held,
                    None => Secret::from_file(path)
                        .map_err(|error| Failure::new(Missing::Denied, format!("no cookie: {error}")))?,
                };
                cookie.insert(read).reveal().to_owned()
            }
        };
        Ok(Some(basic(&pair)))
    }
}

impl Source for Bitcoind {
    fn id(&self) -> &str {
        "network"
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.interval, deadline: DEADLINE }
    }

    fn fetch(&mut self, _now: Now) -> Fetch<'_> {
        Box::pin(async {
            let report = self.report().await?;
            Ok(sample(self.interval, Ok(report)))
        })
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        sample(self.interval, Err(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_json_rpc_and_asks_for_nothing_but_the_fee() {
        let call = serde_json::to_string(&stats_call(840_000)).unwrap();
        assert_eq!(
            call,
            r#"{"jsonrpc":"1.0","id":840000,"method":"getblockstats","params":[840000,["totalfee"]]}"#
        );
    }
}
