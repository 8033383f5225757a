//! What is replayed: blocks of miners under one cap.

use crate::economics::dispatch::{self, Problem, Uncertainty};
use crate::economics::{Class, hashing};
use crate::units::{Hashrate, JoulesPerTerahash, UsdPerPhDay, Watts};

/// Units of a block that is given by its power alone: what a cap leaves is filled in steps of a
/// percent.
const UNITS: u32 = 100;

#[derive(Debug, Clone)]
pub struct Fleet {
    pub blocks: Vec<HashBlock>,
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
        Some(Self { id, units: UNITS, unit_power, unit_hashrate, overhead, pool_fee })
    }

    pub fn efficiency(&self) -> Option<JoulesPerTerahash> {
        JoulesPerTerahash::new(self.unit_power.get() / self.unit_hashrate.ths())
    }

    /// IT power of all units.
    pub fn it_power(&self) -> Watts {
        self.unit_power * f64::from(self.units)
    }

    /// Of one running unit in USD/h; the error is the name of the input for `dispatch`.
    pub(super) fn revenue(&self, hashprice: UsdPerPhDay) -> Result<f64, &'static str> {
        let revenue = hashing::revenue(self.unit_hashrate, hashprice, self.pool_fee, 1.0);
        revenue.map(|usd| usd.get()).ok_or("hashprice")
    }
}

impl Fleet {
    /// The dispatch problem of an hour, without its prices and its present state.
    pub(super) fn problem(&self, min_gain_usd: f64, uncertainty: Option<Uncertainty>) -> Problem {
        let block = |b: &HashBlock| dispatch::Block {
            id: b.id.clone(),
            class: Class::Hash,
            units: b.units,
            current: 0,
            min_units: 0,
            max_units: b.units,
            unit_kw: Some(b.unit_power.kw()),
            idle_kw: 0.0,
            overhead: b.overhead,
            revenue_usd_per_unit_h: Err("hashprice"),
            var_cost_usd_per_unit_h: 0.0,
            committed: 0,
            stop_penalty_usd_per_unit_h: 0.0,
            power_passthrough: false,
            start_usd_per_unit: 0.0,
            stop_usd_per_unit: 0.0,
        };
        Problem {
            price_usd_per_mwh: None,
            dr_credit_usd_per_mwh: 0.0,
            cap_kw: self.cap.map(Watts::kw),
            cooling_cap_kw: None,
            fixed_overhead_kw: self.base_load.kw(),
            horizon_h: 1.0,
            min_gain_usd,
            uncertainty,
            blocks: self.blocks.iter().map(block).collect(),
        }
    }
}
