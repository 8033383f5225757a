//! What power earns and costs. Pure: no clock, no I/O.

use std::path::PathBuf;

use serde::Deserialize;

use crate::clock::Now;
use crate::reading::{Missing, Read};
use crate::units::{Fraction, Usd, UsdPerHour, UsdPerMwh, UsdPerPhDay, Watts};

pub mod attribution;
pub mod btc;
pub mod capture;
pub mod commitment;
pub mod counter_unit;
pub mod dispatch;
mod earner;
pub mod energy;
pub mod energy_capture;
mod facility;
mod feeds;
pub mod hash_window;
pub mod hashing;
pub mod hashprice;
pub mod hosting;
mod index;
mod metering;
mod money;
pub mod network;
pub mod platform;
pub mod pool_income;
pub mod profiles;
pub mod regret;
mod sla;
mod split;
mod statement;
pub mod switching;
pub mod value;

pub use crate::reading::Platform;
pub use earner::{accepted_share, occupied};
pub use feeds::{GpuPriceConfig, MarketConfig, PlatformConfig};
pub use index::IndexCheck;
pub use metering::{Metering, Residual};
pub use network::Outlook;
pub use pool_income::{PoolIncome, PoolTerms};
pub use split::split;
pub use statement::{RevenueBasis, Statement, gpu_price};

/// `[[hosting]]`: GPUs that are sold on the same terms.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostingConfig {
    /// Name of the hosting, and id of its block: `[a-z0-9-]+`, unique.
    pub name: String,
    pub terms: Terms,
    /// `reserved` and `occupied`: price of one GPU-hour.
    pub usd_per_gpu_h: Option<f64>,
    /// Share that a platform keeps, as a fraction.
    #[serde(default)]
    pub host_fee: f64,
    /// `reserved`: GPUs under contract, paid whether they work or not.
    pub reserved_gpus: Option<u32>,
    /// `occupied`: GPUs that are rented now, as the operator declares it; or…
    pub occupied_gpus: Option<u32>,
    /// …a file that holds the number, kept up to date by the scheduler or the platform's script.
    pub occupied_file: Option<PathBuf>,
    /// …or what else tells or counts it.
    pub occupied_from: Option<OccupiedFrom>,
    /// `slurm`: directories of its job mapping, one for each host.
    #[serde(default)]
    pub occupied_dirs: Vec<PathBuf>,
    /// `http`: URL of a page of JSON. `vast`: base URL, for proxies and tests.
    pub occupied_url: Option<String>,
    /// `mqtt`: full name of the topic.
    pub occupied_topic: Option<String>,
    /// `http` and `mqtt`: JSON pointer (RFC 6901) to the number, such as `/gpus/rented`. Absent with `mqtt`: a message
    /// is nothing but the number.
    pub occupied_key: Option<String>,
    /// `mqtt`: JSON pointer to the time of the number. Absent: when it came.
    pub occupied_time_key: Option<String>,
    /// File with a token, sent as `Authorization: Bearer …`: `vast` needs its API key, `http` may have one.
    pub occupied_token_file: Option<PathBuf>,
    /// `vast`: ids of the machines that count. Empty: all of the account.
    #[serde(default)]
    pub occupied_machines: Vec<u64>,
    /// `kw_month`: rent per kW of contracted IT load and month of 730 hours.
    pub usd_per_kw_month: Option<f64>,
    /// `kw_month`: kW under contract.
    pub contracted_kw: Option<f64>,
    /// `platform`: whose statement is the revenue.
    pub platform: Option<PlatformConfig>,
    /// `occupied`: where the price of a GPU-hour is listed, instead of `usd_per_gpu_h`.
    pub price: Option<GpuPriceConfig>,
    /// What others ask for such GPUs. No money goes by it.
    pub market: Option<MarketConfig>,
    /// Who pays for the energy. `tenant`: it is passed through and costs the site nothing.
    #[serde(default)]
    pub power_paid_by: PowerPaidBy,
    /// Facility kW per IT kW of this hosting, at the margin. Absent: 1.0.
    #[serde(default = "one")]
    pub overhead: f64,
    /// Of its servers whose `[[gpu_host]]` does not say: power beside the GPU boards, whatever the load,
    /// kW.
    pub server_base_kw: Option<f64>,
    /// Of the same servers: wall power per power of the boards.
    pub server_factor: Option<f64>,
    /// Which of its GPUs may be stopped.
    #[serde(default)]
    pub stoppable: Stoppable,
    /// GPUs that could run, those of hosts that are switched off included. Absent: those that are read,
    /// and none is ever advised to start.
    pub gpus_installed: Option<u32>,
    /// GPUs that must run, by the SLA. Absent: advice takes those that are sold for committed, and no
    /// penalty is accrued.
    pub committed_gpus: Option<u32>,
    /// SLA: what each GPU short of those that are committed costs, USD per hour.
    #[serde(default)]
    pub stop_penalty_usd_per_gpu_h: f64,
    /// What it costs to start one GPU, USD.
    #[serde(default)]
    pub start_usd_per_gpu: f64,
    /// What it costs to stop one GPU, USD.
    #[serde(default)]
    pub stop_usd_per_gpu: f64,
    /// What one GPU still draws once it is stopped, with its share of the server, kW: service
    /// processors, supplies on standby. 0 where the whole server is cut off.
    #[serde(default)]
    pub stopped_kw_per_gpu: f64,
}

impl HostingConfig {
    /// Some of its GPUs may be stopped or started.
    pub fn is_switchable(&self) -> bool {
        let firm = matches!(self.terms, Terms::KwMonth | Terms::Platform);
        !firm && (self.stoppable != Stoppable::No || self.gpus_installed.is_some())
    }
}

/// What tells how many GPUs are rented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OccupiedFrom {
    /// All GPUs of the hosting are sold by contract.
    Contract,
    /// Those that a process computes on; an estimate.
    Processes,
    /// Those that a pod or job has, by the labels of their exporter.
    Pods,
    /// Files of Slurm's job mapping.
    Slurm,
    /// Vast.ai's API.
    Vast,
    /// A page of JSON.
    Http,
    /// A topic on the daemon's broker.
    Mqtt,
}

/// Which GPUs of a hosting may be stopped to free power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stoppable {
    #[default]
    No,
    /// Those that nobody pays for.
    Unsold,
    /// Sold ones as well, for the penalty.
    All,
}

/// How a hosting is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Terms {
    /// Take-or-pay: GPU-hours under contract.
    Reserved,
    /// GPU-hours that are rented out now.
    Occupied,
    /// Rent for contracted power.
    KwMonth,
    /// What a platform says that it has paid.
    Platform,
}

/// Who pays for the energy of a hosting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerPaidBy {
    #[default]
    Site,
    Tenant,
}

fn one() -> f64 {
    1.0
}

/// What the operator has agreed: everything that turns readings into money.
#[derive(Debug, Clone, Default)]
pub struct SiteTerms {
    pub groups: Vec<GroupTerms>,
    pub hostings: Vec<HostingConfig>,
    /// Pools that are read.
    pub pools: Vec<PoolTerms>,
    /// Facility power that depends on no block.
    pub fixed_overhead: Watts,
    /// Most power the site may draw.
    pub cap: Option<Watts>,
    /// How far hashprice may be from the index before that is told, percent of the index. Absent: there is
    /// no index.
    pub index_differs_percent: Option<f64>,
}

/// Terms of one group of ASICs.
#[derive(Debug, Clone)]
pub struct GroupTerms {
    pub group: String,
    /// Facility kW per IT kW at the margin.
    pub overhead: f64,
    /// Share of the revenue that the pool keeps, as a fraction.
    pub pool_fee: f64,
}

/// The money of one block, or of one side of the site.
#[derive(Debug, Clone)]
pub struct Money {
    /// By the terms, net of the fees of pool or platform.
    pub revenue: Read<UsdPerHour>,
    /// At the plugs of the machines.
    pub it_power: Read<Watts>,
    /// IT power with its overhead: own, and the block's part by IT power of the residual that the meter
    /// shows, or of the fixed overhead without a meter.
    pub facility_power: Read<Watts>,
    /// Zero where the tenant pays for the energy.
    pub power_cost: Read<UsdPerHour>,
    /// Revenue less the cost of power. Where power was read from fewer units than earn, the rest is
    /// taken in proportion, here and in the two figures per MWh: an unread meter is not free power.
    pub margin: Read<UsdPerHour>,
    /// Revenue per facility MWh drawn: the average, for accounting.
    pub usd_per_mwh: Read<UsdPerMwh>,
    /// Price of power at which the next MWh earns nothing: revenue per *marginal* facility MWh.
    /// Take-or-pay terms earn nothing at the margin and have none.
    pub breakeven: Read<UsdPerMwh>,
    /// Share of the site's revenue; missing where the total is zero or a part is negative.
    pub share: Read<Fraction>,
    /// Share of the units (by count) whose power and earning figures were read.
    pub coverage: Fraction,
}

/// Side of the site that a block belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Hash,
    Ai,
}

impl Class {
    /// In payloads and in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Hash => "hash",
            Class::Ai => "ai",
        }
    }
}

/// The money of one block. Ids are unique within a class.
#[derive(Debug, Clone)]
pub struct BlockMoney {
    pub id: String,
    pub class: Class,
    pub money: Money,
    /// The parts of the revenue.
    pub statement: Option<Statement>,
}

/// The revenue split of the whole site at one moment.
#[derive(Debug, Clone)]
pub struct Split {
    pub at: Now,
    /// Median of the venues.
    pub btc_usd: Read<Usd>,
    /// Before the pool's fee.
    pub hashprice: Read<UsdPerPhDay>,
    /// What the next change of difficulty is expected to make of it.
    pub retarget: Result<Outlook, Missing>,
    /// Hashprice against somebody else's. No money goes by it.
    pub index: IndexCheck,
    /// All-in.
    pub power_price: Read<UsdPerMwh>,
    /// All miners.
    pub hash: Money,
    /// All hostings.
    pub ai: Money,
    /// Power of the whole site with all overhead: what a fresh meter shows, else the sum of the parts.
    pub site_power: Read<Watts>,
    /// The meter against the machines.
    pub metering: Metering,
    /// Most power the site may draw, as in its terms.
    pub cap: Option<Watts>,
    /// In order of class and id.
    pub blocks: Vec<BlockMoney>,
    /// In order of name.
    pub pools: Vec<PoolIncome>,
    /// Names of inputs that are missing or stale, such as `btc_usd: expired`.
    pub issues: Vec<String>,
}

impl Split {
    /// Of the account of that name, if it has terms.
    pub fn income_of(&self, pool: &str) -> Option<&PoolIncome> {
        self.pools.iter().find(|income| *income.name == *pool)
    }

    /// What the site may still draw: the cap less its power. Below zero above the cap.
    ///
    /// # Errors
    /// [`Missing::NotConfigured`] without a cap, else the reason why the power is missing.
    pub fn headroom(&self) -> Read<Watts> {
        let cap = self.cap.ok_or(Missing::NotConfigured)?;
        Ok(self.site_power?.map(|power| cap - power))
    }
}
