//! What a mining pool says of an account.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::{Missing, Read};
use crate::clock::UnixMs;
use crate::units::{Fraction, Hashrate, Sats};

/// One account at one pool.
#[derive(Debug, Clone)]
pub struct PoolSample {
    /// Name from the config.
    pub name: Arc<str>,
    pub interval: Duration,
    pub report: Result<PoolReport, Missing>,
}

/// What a pool says about an account.
#[derive(Debug, Clone)]
pub struct PoolReport {
    pub scheme: RewardScheme,
    /// Shortest window the pool offers.
    pub hashrate_now: Read<Hashrate>,
    pub hashrate_1h: Read<Hashrate>,
    pub hashrate_24h: Read<Hashrate>,
    pub workers_online: Read<u32>,
    pub workers_offline: Read<u32>,
    /// Part of the work that the pool refused, late work included where the pool counts it so.
    pub rejected: Read<Fraction>,
    /// Part of the work that came too late, where the pool counts it apart.
    pub stale: Read<Fraction>,
    /// Earned and not yet paid out.
    pub unpaid: Read<Sats>,
    /// The pool's own estimate for the running UTC day.
    pub today_estimate: Read<Sats>,
    /// Empty also while the pool does not tell them.
    pub workers: Vec<PoolWorker>,
    /// Settled earnings, newest first.
    pub settled: Vec<Settled>,
    /// This machine's clock less the pool's, in milliseconds; `None`: the pool does not say the time.
    pub clock_ahead_ms: Option<i64>,
    /// Questions whose last answer could not be used, each in words.
    pub unread: Vec<String>,
    /// Questions that failed at least twice in a row, each in the words of its last failure.
    pub failing: Vec<String>,
}

impl PoolReport {
    /// A report that says nothing, for one reason.
    pub fn unknown(scheme: RewardScheme, why: Missing) -> Self {
        Self {
            scheme,
            hashrate_now: Err(why),
            hashrate_1h: Err(why),
            hashrate_24h: Err(why),
            workers_online: Err(why),
            workers_offline: Err(why),
            rejected: Err(why),
            stale: Err(why),
            unpaid: Err(why),
            today_estimate: Err(why),
            workers: Vec::new(),
            settled: Vec::new(),
            clock_ahead_ms: None,
            unread: Vec::new(),
            failing: Vec::new(),
        }
    }
}

/// The newest settlement that `counts`, its parts together: a day may be paid in several.
pub fn newest_settled(settled: &[Settled], counts: impl Fn(&Settled) -> bool) -> Option<Settled> {
    let newest = settled.iter().filter(|row| counts(row)).max_by_key(|row| row.at)?;
    let parts = settled.iter().filter(|row| row.kind == newest.kind && row.at == newest.at);
    let blank = Settled { net: Sats(0), fee: Some(Sats(0)), ..newest.clone() };
    Some(parts.fold(blank, |sum, part| Settled {
        net: Sats(sum.net.0.saturating_add(part.net.0)),
        fee: sum.fee.zip(part.fee).map(|(all, fee)| Sats(all.0.saturating_add(fee.0))),
        ..sum
    }))
}

/// More than twice what all miners of the world earn in a day: no account does.
pub const MOST_A_DAY: Sats = Sats(1_000 * Sats::PER_BTC);

/// How a pool turns work into pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RewardScheme {
    /// Each share is paid its expected worth, fees included.
    Fpps,
    /// Each share is paid the expected subsidy, and its part of the fees of blocks that were found.
    PpsPlus,
    /// Blocks that were found are shared out among the last shares.
    Pplns,
    /// OCEAN's kind of it.
    Tides,
    /// Who finds a block has it.
    Solo,
    /// What buyers of hashrate bid.
    Market,
}

impl RewardScheme {
    pub fn as_str(self) -> &'static str {
        match self {
            RewardScheme::Fpps => "fpps",
            RewardScheme::PpsPlus => "pps_plus",
            RewardScheme::Pplns => "pplns",
            RewardScheme::Tides => "tides",
            RewardScheme::Solo => "solo",
            RewardScheme::Market => "market",
        }
    }

    /// Income is a matter of luck: what work is worth is an expectation, and earned is what was settled.
    pub fn is_expectation(self) -> bool {
        matches!(self, RewardScheme::Pplns | RewardScheme::Tides | RewardScheme::Solo)
    }
}

/// One worker of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolWorker {
    pub name: String,
    pub hashrate: Read<Hashrate>,
    /// As [`PoolReport::rejected`].
    pub rejected: Read<Fraction>,
    /// As [`PoolReport::stale`].
    pub stale: Read<Fraction>,
    /// `None`: it never sent one, or the pool does not say.
    pub last_share: Option<UnixMs>,
    /// `None`: the pool keeps no state per worker, or does not watch this one.
    pub online: Option<bool>,
}

/// What a pool credited for one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Start of the UTC day, or the time of the block or payout for pools that settle by these.
    pub at: UnixMs,
    pub kind: SettledKind,
    /// Less the pool's fee.
    pub net: Sats,
    /// What the pool kept of it; `None`: the pool does not say.
    pub fee: Option<Sats>,
}

/// What a settlement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettledKind {
    /// All work of one UTC day.
    UtcDay,
    /// One block that the pool found.
    Block,
    /// What had gathered until the pool paid it out, at a time of its own choice.
    Payout,
}

impl SettledKind {
    pub fn as_str(self) -> &'static str {
        match self {
            SettledKind::UtcDay => "utc_day",
            SettledKind::Block => "block",
            SettledKind::Payout => "payout",
        }
    }
}
