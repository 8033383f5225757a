//! A pool that the config describes: where its API tells what, in which unit.
//!
//! It reads JSON behind fixed paths, with headers and a body from files. It cannot sign requests, and cannot
//! follow pages: for that a pool has a file of its own.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{Api, Ask, Asking, Body, Context, Key, Page, Piece, Question};
use crate::reading::{Missing, PoolWorker, RewardScheme, Settled};
use crate::secret::SecretError;
use crate::sources::Failure;
use crate::sources::value::query::{Query, RequestConfig};
use crate::sources::web::json;

pub mod read;

const HOUR: Duration = Duration::from_secs(3600);

pub static API: Api = Api {
    name: "http_json",
    url: "",
    spacing: Duration::from_secs(2),
    // Stands for none: the config must say.
    scheme: RewardScheme::Fpps,
    needs: &[Key::Json],
    warning: None,
    requests: &[],
};

/// `[pool.json]`. All keys are JSON pointers (RFC 6901): those of rows begin at the row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonConfig {
    /// File with a token, sent as `Authorization: Bearer …`.
    pub token_file: Option<PathBuf>,
    /// What else each request holds, and how a reply tells that it is a good one.
    #[serde(default)]
    pub request: RequestConfig,
    pub account: Option<AccountKeys>,
    pub workers: Option<WorkerKeys>,
    pub settled: Option<SettledKeys>,
}

/// `[pool.json.account]`: figures of the account. What has no key is not told.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountKeys {
    /// After the pool's `url`, with its leading slash.
    pub path: String,
    pub hashrate_now_key: Option<String>,
    pub hashrate_1h_key: Option<String>,
    pub hashrate_24h_key: Option<String>,
    pub workers_online_key: Option<String>,
    pub workers_offline_key: Option<String>,
    pub rejected_key: Option<String>,
    pub stale_key: Option<String>,
    /// Of `rejected_key` and `stale_key`.
    #[serde(default)]
    pub rejected_unit: PartUnit,
    pub unpaid_key: Option<String>,
    pub today_estimate_key: Option<String>,
    /// Of `unpaid_key` and `today_estimate_key`.
    #[serde(default)]
    pub amount_unit: AmountUnit,
}

/// `[pool.json.workers]`: a list of workers, or a map from name to worker.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerKeys {
    /// As [`AccountKeys::path`].
    pub path: String,
    /// To the list or map, from the top.
    pub rows_key: String,
    /// Absent: the names are the keys of a map.
    pub name_key: Option<String>,
    pub hashrate_key: Option<String>,
    pub last_share_key: Option<String>,
    pub online_key: Option<String>,
    pub rejected_key: Option<String>,
    pub stale_key: Option<String>,
    /// Of `rejected_key` and `stale_key`.
    #[serde(default)]
    pub rejected_unit: PartUnit,
}

/// `[pool.json.settled]`: a list of what was credited, less the fee, by UTC day.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettledKeys {
    /// As [`AccountKeys::path`].
    pub path: String,
    /// To the list, from the top.
    pub rows_key: String,
    /// A date or a time in the day, in UTC where it has no zone.
    pub day_key: String,
    pub amount_key: String,
    #[serde(default)]
    pub amount_unit: AmountUnit,
}

/// Unit of amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmountUnit {
    #[default]
    Btc,
    Sats,
}

/// Unit of parts of all work that do not state it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartUnit {
    #[default]
    Fraction,
    Percent,
}

impl JsonConfig {
    /// What the pool is asked.
    ///
    /// # Errors
    /// If a file with a secret cannot be read.
    pub fn questions(&self) -> Result<Vec<Box<dyn Question>>, SecretError> {
        // The path is the question's, and the base the account's.
        let query = Rc::new(Query::new("", self.token_file.as_deref(), &self.request)?);
        let all = [
            self.account.clone().map(Described::Account),
            self.workers.clone().map(Described::Workers),
            self.settled.clone().map(Described::Settled),
        ];
        let asked = all.into_iter().flatten().map(|described| Asked { query: Rc::clone(&query), described });
        Ok(asked.map(|asked| Box::new(asked) as Box<dyn Question>).collect())
    }
}

/// One of the tables, and the request that goes to its path.
struct Asked {
    query: Rc<Query>,
    described: Described,
}

enum Described {
    Account(AccountKeys),
    Workers(WorkerKeys),
    Settled(SettledKeys),
}

impl Question for Asked {
    fn ask(&self, _: &Asking<'_>) -> Ask {
        let path = match &self.described {
            Described::Account(keys) => &keys.path,
            Described::Workers(keys) => &keys.path,
            Described::Settled(keys) => &keys.path,
        };
        let ask = match self.query.posted() {
            None => Ask::get(path),
            Some((text, secrets)) => {
                Ask::post(path, Body::Described { text: text.to_owned(), secrets: secrets.to_vec() })
            }
        };
        let headers = self.query.headers().iter();
        headers.fold(ask, |ask, (name, value)| ask.header(name.clone(), value))
    }

    fn period(&self, interval: Duration) -> Duration {
        match self.described {
            Described::Account(_) => interval,
            Described::Workers(_) => interval.saturating_mul(2),
            Described::Settled(_) => interval.max(HOUR),
        }
    }

    fn parse(&self, body: &[u8], context: &Context) -> Result<Page, Failure> {
        let page: Value = json(body)?;
        self.query.judge(&page)?;
        let hashes = context.hashes_per_unit.unwrap_or(1.0);
        match &self.described {
            Described::Account(keys) => Ok(read::account(&page, keys, hashes)?.into()),
            Described::Workers(keys) => Ok(read::workers(&page, keys, hashes)?.into()),
            Described::Settled(keys) => Ok(read::settled(&page, keys, context.now.wall)?.into()),
        }
    }

    fn missing(&self, why: Missing) -> Piece {
        match &self.described {
            Described::Account(keys) => read::no_account(why, keys),
            Described::Workers(_) => Vec::<PoolWorker>::new().into(),
            Described::Settled(_) => Vec::<Settled>::new().into(),
        }
    }
}
