//! What is replayed: blocks of miners and hostings under one cap.

use super::history::Hour;
use super::hosting::{Earns, Hosting};
use super::replay::Step;
use crate::advice::PolicyConfig;
use crate::economics::dispatch::{self, Problem};
use crate::economics::value::power_cost;
use crate::economics::{Class, hashing};
use crate::units::{Hashrate, JoulesPerTerahash, Usd, UsdPerPhDay, Watts};

/// Units of a block that is given by its power alone: what a cap leaves is filled in steps of a
/// percent.
const UNITS: u32 = 100;

#[derive(Debug, Clone)]
pub struct Fleet {
    pub blocks: Vec<HashBlock>,
    pub hostings: Vec<Hosting>,
    /// Most facility power.
    pub cap: Option<Watts>,
    /// Facility power of everything else.
    pub base_load: Watts,
}

/// Miners of one kind. They draw nothing while stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct HashBlock {
    pub id: String,
    pub units: u32,
    /// IT power of a running unit.
    pub unit_power: Watts,
    pub unit_hashrate: Hashrate,
    /// Facility kW per IT kW.
    pub overhead: f64,
    /// Fraction.
    pub pool_fee: f64,
    pub limits: Limits,
}

/// What the operator lets advice do with a block.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Never fewer running; no policy goes below.
    pub min_units: u32,
    /// Never more running. `None`: all.
    pub max_units: Option<u32>,
    /// Weighed by advice as live; the money of a replay does not hold them.
    pub start_usd_per_unit: f64,
    pub stop_usd_per_unit: f64,
}

impl HashBlock {
    /// A block of this efficiency and IT power. `None` if one of them is not above zero.
    pub fn of_efficiency(
        id: String,
        efficiency: JoulesPerTerahash,
        it_power: Watts,
        overhead: f64,
        pool_fee: f64,
    ) -> Option<Self> {
        if efficiency.get() <= 0.0 || it_power.get() <= 0.0 {
            return None;
        }
        let unit_power = it_power * (1.0 / f64::from(UNITS));
        let unit_hashrate = Hashrate::new(unit_power.get() / efficiency.get())?;
        let limits = Limits::default();
        Some(Self { id, units: UNITS, unit_power, unit_hashrate, overhead, pool_fee, limits })
    }

    pub fn efficiency(&self) -> Option<JoulesPerTerahash> {
        JoulesPerTerahash::new(self.unit_power.get() / self.unit_hashrate.ths())
    }

    /// IT power of all units.
    pub fn it_power(&self) -> Watts {
        self.unit_power * f64::from(self.units)
    }

    /// Of one running unit in USD/h; the error is the name of the input for `dispatch`.
    fn revenue(&self, hashprice: UsdPerPhDay) -> Result<f64, &'static str> {
        let revenue = hashing::revenue(self.unit_hashrate, hashprice, self.pool_fee, 1.0);
        revenue.map(|usd| usd.get()).ok_or("hashprice")
    }
}

impl HashBlock {
    fn dispatched(&self) -> dispatch::Block {
        let max_units = self.limits.max_units.unwrap_or(self.units).min(self.units);
        dispatch::Block {
            id: self.id.clone(),
            class: Class::Hash,
            units: self.units,
            current: 0,
            min_units: self.limits.min_units.min(max_units),
            max_units,
            unit_kw: Some(self.unit_power.kw()),
            idle_kw: 0.0,
            overhead: self.overhead,
            revenue_usd_per_unit_h: Err("hashprice"),
            var_cost_usd_per_unit_h: 0.0,
            committed: 0,
            stop_penalty_usd_per_unit_h: 0.0,
            power_passthrough: false,
            start_usd_per_unit: self.limits.start_usd_per_unit,
            stop_usd_per_unit: self.limits.stop_usd_per_unit,
        }
    }
}

impl Fleet {
    /// The dispatch problem of an hour as the live code would state it, without its prices and its
    /// present state. Credits for demand response were not recorded: there are none.
    pub(super) fn problem(&self, policy: &PolicyConfig) -> Problem {
        Problem {
            price_usd_per_mwh: None,
            dr_credit_usd_per_mwh: 0.0,
            cap_kw: self.cap.map(Watts::kw),
            cooling_cap_kw: policy.cooling_cap_kw,
            fixed_overhead_kw: self.base_load.kw(),
            horizon_h: policy.horizon_h,
            min_gain_usd: policy.min_gain_usd(),
            uncertainty: Some(policy.uncertainty()),
            blocks: self.dispatched().collect(),
        }
    }

    /// GPUs may give way to miners.
    pub(super) fn is_contested(&self) -> bool {
        self.hostings.iter().any(|hosting| hosting.interruptible)
    }

    fn dispatched(&self) -> impl Iterator<Item = dispatch::Block> {
        self.blocks.iter().map(HashBlock::dispatched).chain(self.hostings.iter().map(Hosting::dispatched))
    }

    /// Of one running unit of each block, in USD/h, in the order of the problem's blocks.
    pub(super) fn unit_revenues(&self, hour: &Hour) -> impl Iterator<Item = Result<f64, &'static str>> {
        let hash = self.blocks.iter().map(|block| block.revenue(hour.hashprice.value));
        hash.chain(self.hostings.iter().map(|hosting| hosting.unit_revenue(hour)))
    }

    /// Price of power at which the next unit of each block, then of each hosting, earns nothing, in
    /// USD/MWh. Rent is paid whatever runs and has none.
    pub fn break_evens(&self, hour: &Hour) -> Vec<Option<f64>> {
        let rented = |h: &Hosting| matches!(h.earns, Earns::Rent(_));
        let has_one = self.blocks.iter().map(|_| true).chain(self.hostings.iter().map(|h| !rented(h)));
        let value = |((mut block, revenue), has_one): ((dispatch::Block, _), bool)| {
            block.revenue_usd_per_unit_h = revenue;
            block.marginal_value_usd_per_mwh().filter(|_| has_one)
        };
        self.dispatched().zip(self.unit_revenues(hour)).zip(has_one).map(value).collect()
    }

    /// What `units` earn and cost in `hour`. `None` if that is no finite number.
    pub(super) fn account(&self, units: &[u32], hour: &Hour) -> Option<Step> {
        let (hash, ai) = units.split_at_checked(self.blocks.len())?;
        let (mut hash_revenue, mut ai_revenue) = (0.0, 0.0);
        let (mut power, mut of_tenants) = (Watts::ZERO, Watts::ZERO);
        for (block, units) in self.blocks.iter().zip(hash) {
            hash_revenue += block.revenue(hour.hashprice.value).ok()? * f64::from(*units);
            power = power + block.unit_power * (f64::from(*units) * block.overhead);
        }
        for (hosting, running) in self.hostings.iter().zip(ai) {
            ai_revenue += hosting.revenue(*running, hour)?.get();
            let drawn = hosting.power(*running);
            power = power + drawn;
            if hosting.tenant_pays {
                of_tenants = of_tenants + drawn;
            }
        }
        // An hour: dollars per hour are dollars.
        let cost = Usd::new(power_cost(power - of_tenants, hour.price)?.get())?;
        let (hash_revenue, ai_revenue) = (Usd::new(hash_revenue)?, Usd::new(ai_revenue)?);
        Some(Step { units: units.to_vec(), power, hash_revenue, ai_revenue, cost })
    }
}
