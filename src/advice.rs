//! What to switch next, and why. Pure: (picture of the site, split, policy, what was seen and advised
//! before) → [`Advice`].
//!
//! [`fleet`] looks at the machines, [`basis`] makes the dispatch problem of them, [`decide()`] solves it
//! and finds the reasons, [`memory`] holds what one picture cannot show. Nothing here switches
//! anything. The default is to hold: advice to move needs all inputs that can change the answer, a
//! price outside the band, a gain above the operator's threshold in the worst corner of the
//! uncertainty, and a block that was not moved the other way just before.
//!
//! What can be moved: machines that hash or idle, one group × model at a time, and GPUs of hostings
//! whose terms allow it ([`hosting`]). All other hostings are firm. What nobody reads and could change
//! the answer is no reason to hold ([`blind`]).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::{Now, UnixMs};
use crate::economics::dispatch::{HoldReason, Limit, Status, Uncertainty};
use crate::economics::{Class, SiteTerms, Split};
use crate::reading::{Missing, Quality, Read};
use crate::site::{Site, SiteView};

pub mod basis;
mod blind;
mod decide;
pub mod fleet;
mod flip;
mod hosting;
mod judge;
pub mod memory;
mod rack;
mod reason;
mod shift;
mod signals;

pub use basis::Basis;
pub use decide::{decide, renew};
pub use fleet::Fleet;
pub use flip::{Flip, nearest_flips};
pub use hosting::Gpus;
pub use judge::judge;
pub use memory::Memory;
pub use shift::unsold_id;
pub use signals::SignalOn;

/// `[policy]`: when advice is given, and what it takes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// How long one advice is valid, in seconds. A change that matters replaces it at once.
    pub period_secs: u64,
    /// How long a new state is expected to last, in hours: one-off costs are weighed against it.
    pub horizon_h: f64,
    /// Gain per hour below which nothing is advised.
    pub min_gain_usd_per_h: f64,
    /// A running block is worth a stop above this part of its break-even price. At least 1.
    pub stop_above: f64,
    /// A stopped block is worth a start below this part of its break-even price. At most 1.
    pub start_below: f64,
    /// After advice to move a block, advice to move it back waits this long, in seconds.
    pub min_dwell_secs: u64,
    /// How far the power price may be off, as a fraction; so for the two revenues. Advice to move must
    /// gain in every corner.
    pub price_rel: f64,
    pub hash_revenue_rel: f64,
    pub ai_revenue_rel: f64,
    /// Room under the cap that is kept for AI load that rises, kW. Absent: the observed 99th
    /// percentile of the rise within a minute.
    pub ramp_reserve_kw: Option<f64>,
    /// Most IT power that can be cooled, kW. Absent: no limit.
    pub cooling_cap_kw: Option<f64>,
    /// Paid for each MWh that is not drawn; counts against everything that runs.
    pub dr_credit_usd_per_mwh: f64,
    /// A power price older than this is not acted on, in seconds. Absent: after three missed requests, or,
    /// where it is final, at the end of its slot.
    pub price_max_age_secs: Option<u64>,
    /// A hashprice whose difficulty is older than this is not acted on, in seconds.
    pub hashprice_max_age_secs: u64,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            period_secs: 900,
            horizon_h: 1.0,
            min_gain_usd_per_h: 1.0,
            stop_above: 1.15,
            start_below: 0.95,
            min_dwell_secs: 900,
            price_rel: 0.02,
            hash_revenue_rel: 0.05,
            ai_revenue_rel: 0.05,
            ramp_reserve_kw: None,
            cooling_cap_kw: None,
            dr_credit_usd_per_mwh: 0.0,
            price_max_age_secs: None,
            hashprice_max_age_secs: 86_400,
        }
    }
}

impl PolicyConfig {
    /// Least gain over the horizon, USD.
    pub fn min_gain_usd(&self) -> f64 {
        self.min_gain_usd_per_h * self.horizon_h
    }

    pub fn uncertainty(&self) -> Uncertainty {
        Uncertainty {
            price_rel: self.price_rel,
            hash_revenue_rel: self.hash_revenue_rel,
            ai_revenue_rel: self.ai_revenue_rel,
        }
    }
}

/// The policy of the site, and of each group of miners.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub site: PolicyConfig,
    pub groups: Vec<GroupPolicy>,
}

/// Limits and costs of switching the machines of one group; they hold for each of its models.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupPolicy {
    pub group: String,
    pub start_usd_per_unit: f64,
    pub stop_usd_per_unit: f64,
    /// Advice never leaves fewer running.
    pub min_units: u32,
    /// Advice never has more running.
    pub max_units: Option<u32>,
}

/// What to do, until `valid_until` or until the next advice.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    pub id: String,
    pub issued: Now,
    pub valid_for: Duration,
    /// Id of the advice before.
    pub supersedes: Option<String>,
    pub status: Status,
    pub hold_reason: Option<HoldReason>,
    /// One or two sentences, with the two numbers that decide.
    pub text: String,
    pub confidence: Confidence,
    pub horizon_h: f64,
    pub price_usd_per_mwh: Option<f64>,
    pub dr_credit_usd_per_mwh: f64,
    pub min_gain_usd_per_h: f64,
    /// Relative uncertainty of price, hash revenue and AI revenue that `gain` was tested against.
    pub uncertainty: [f64; 3],
    pub moves: Vec<Move>,
    /// Of the moves; of the best change where it is held back. `None` without a recommendation.
    pub gain: Option<Gain>,
    pub site_kw: Option<f64>,
    pub site_after_kw: Option<f64>,
    pub cap_kw: Option<f64>,
    /// Part of the cap that starting units may not use.
    pub reserve_kw: f64,
    pub binding: Vec<Limit>,
    pub assumptions: Vec<Assumption>,
    /// Inputs that are missing and can change the answer.
    pub missing: Vec<String>,
    /// Inputs that are missing and cannot.
    pub not_needed: Vec<String>,
    /// Where the search for the best move ended without a proof: how much more another one may gain
    /// over the horizon, USD.
    pub gap_usd: Option<f64>,
    pub inputs_sha256: String,
    /// Those that were on when it was given. It does not act on them.
    pub signals: Vec<SignalOn>,
    /// Blocks that were advised to move lately.
    pub moved: BTreeMap<String, Moved>,
}

impl Advice {
    pub fn valid_until(&self) -> UnixMs {
        self.issued.plus(self.valid_for).wall
    }

    /// What following it gains, USD/h: nothing where it says to hold. `None` without a recommendation.
    pub fn gain_of_following_usd_per_h(&self) -> Option<f64> {
        self.gain.map(|gain| if self.is_to_move() { gain.usd_per_h } else { 0.0 })
    }

    /// Advice to move something.
    pub fn is_to_move(&self) -> bool {
        matches!(self.status, Status::Change | Status::Mandatory)
    }
}

/// One block, and how many of its units should run.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    pub block: String,
    pub class: Class,
    pub from_units: u32,
    pub to_units: u32,
    pub unit_kw: f64,
    pub idle_kw: f64,
    pub overhead: f64,
    pub power_passthrough: bool,
    pub revenue_usd_per_unit_h: f64,
    pub start_usd_per_unit: f64,
    pub stop_usd_per_unit: f64,
    /// Units that are sold; each one short of them costs the penalty.
    pub committed_units: u32,
    pub stop_penalty_usd_per_unit_h: f64,
    /// Marginal value in USD per facility MWh.
    pub value_usd_per_mwh: Option<f64>,
    pub why: String,
    /// The machines to switch, at most [`MOST_NAMED`]. Miners to stop: those of the worst J/TH first.
    /// GPUs to stop: those of servers that become free as a whole first.
    pub machines: Vec<String>,
    /// How many more there are.
    pub machines_more: u32,
}

/// Machines that a move names.
pub const MOST_NAMED: usize = 20;

impl Move {
    pub fn direction(&self) -> Direction {
        if self.to_units > self.from_units { Direction::Start } else { Direction::Stop }
    }

    fn delta(&self) -> f64 {
        f64::from(self.to_units) - f64::from(self.from_units)
    }

    /// Change of IT power, kW.
    pub fn it_kw(&self) -> f64 {
        self.delta() * (self.unit_kw - self.idle_kw)
    }

    /// Change of facility power, kW.
    pub fn facility_kw(&self) -> f64 {
        self.overhead * self.it_kw()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Start,
    Stop,
}

/// The last advice to move a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    pub direction: Direction,
    pub at: Now,
}

/// Steady gain per hour with its worst and best over the uncertainty, and what is left after one-off
/// costs over the horizon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    pub usd_per_h: f64,
    pub lo_usd_per_h: f64,
    pub hi_usd_per_h: f64,
    pub one_off_usd: f64,
    pub net_usd: f64,
}

/// How sure an advice is, by rule. `High`: every deciding input is measured and fresh, the gain is above
/// the threshold even in the worst corner, and no other move gains more. `Low`: an input is stale, or only the sign of the
/// gain is sure. `Medium`: the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    High,
    Medium,
    Low,
}

/// An input, as it was used.
#[derive(Debug, Clone, PartialEq)]
pub struct Assumption {
    pub name: String,
    pub unit: &'static str,
    pub value: Result<f64, Missing>,
    pub quality: Quality,
    pub age: Option<Duration>,
    pub source: &'static str,
    /// It can change the answer.
    pub deciding: bool,
}

impl Assumption {
    pub fn new(
        name: impl Into<String>,
        unit: &'static str,
        read: Read<f64>,
        age: Option<Duration>,
        deciding: bool,
    ) -> Self {
        let (quality, source) = read.map_or((Quality::Measured, ""), |r| (r.quality, r.source));
        Self { name: name.into(), unit, value: read.map(|r| r.value), quality, age, source, deciding }
    }
}

/// Everything that advice is made from at one moment, in the order of use.
pub fn advise(
    site: &Site,
    (view, split): (&SiteView, &Split),
    terms: &SiteTerms,
    policy: &Policy,
    memory: &mut Memory,
    previous: Option<&Advice>,
) -> (Basis, Advice) {
    let fleet = Fleet::survey(site.units(view.at), site.gpu_hosts(view.at));
    memory.observe(view, &fleet, terms);
    let basis = Basis::new((view, split), &fleet, terms, policy, memory);
    let advice = renew(&basis, &policy.site, &fleet, previous);
    (basis, advice)
}
