//! The advice that the daemon would have given, by the functions that it calls.

use std::time::Duration;

use super::fleet::Fleet;
use super::history::Hour;
use crate::advice::basis::ramp_reserve;
use crate::advice::{self, Advice, Assumption, Basis, PolicyConfig, renew};
use crate::clock::{Now, UnixMs};
use crate::economics::dispatch::Problem;
use crate::reading::{Missing, Reading};
use crate::units::UsdPerPhDay;

/// Gives advice hour by hour.
pub(super) struct Live<'a> {
    policy: &'a PolicyConfig,
    /// Room under the cap for AI load that rises, kW. How fast it rose was not recorded.
    reserve: Option<Reading<f64>>,
    /// GPUs may be stopped.
    contested: bool,
    /// In order of time; the last one stands.
    given: Vec<Advice>,
}

impl<'a> Live<'a> {
    pub fn new(fleet: &Fleet, policy: &'a PolicyConfig) -> Self {
        let load_kw = fleet.hostings.iter().map(|hosting| hosting.power(hosting.sold).kw()).sum();
        let reserve = fleet.cap.filter(|_| !fleet.hostings.is_empty());
        Self {
            policy,
            reserve: reserve.map(|_| ramp_reserve(policy, None, load_kw)),
            contested: fleet.is_contested(),
            given: Vec::new(),
        }
    }

    /// Units to run in `hour` where the advice on `problem` is followed at once.
    ///
    /// The daemon would renew the advice within the hour, too; nothing changes in it, and who has
    /// followed the advice is told to hold.
    pub fn advise(&mut self, problem: &Problem, hour: &Hour) -> Vec<u32> {
        let basis = Basis {
            price_until: Some(hour.end()),
            reserve_kw: self.reserve.map_or(0.0, |reserve| reserve.value),
            assumptions: self.assumptions(problem, hour),
            ..Basis::of(problem.clone(), moment(hour))
        };
        let before = self.given.last();
        // Machines are not recorded one by one: no advice names them.
        let advice = renew(&basis, self.policy, &advice::Fleet::default(), before);
        let units = problem.blocks.iter().map(|block| {
            let moved = advice.moves.iter().find(|m| m.block == block.id);
            moved.map_or(block.current, |m| m.to_units)
        });
        let units = units.collect();
        // Each is new: none is valid longer than its hour.
        self.given.push(advice);
        units
    }

    fn assumptions(&self, problem: &Problem, hour: &Hour) -> Vec<Assumption> {
        let now = Some(Duration::ZERO);
        let price = problem.price_usd_per_mwh.map(|price| Reading::measured(price, "recorded"));
        let price = price.ok_or(Missing::Expired);
        let hashprice = hour.hashprice.map(UsdPerPhDay::get);
        let gpu_hour = hour.gpu_hour.map(|usd| Reading::estimated(usd.get(), "recorded list price"));
        let mut all = vec![
            Assumption::new("price", "usd_per_mwh", price, now, true),
            Assumption::new("hashprice", "usd_per_ph_day", Ok(hashprice), now, true),
        ];
        all.extend(
            gpu_hour.map(|usd| Assumption::new("gpu_price", "usd_per_gpu_h", Ok(usd), now, self.contested)),
        );
        all.extend(self.reserve.map(|kw| Assumption::new("ramp_reserve_kw", "kw", Ok(kw), None, false)));
        all
    }

    pub fn into_advice(self) -> Vec<Advice> {
        self.given
    }
}

/// The beginning of the hour. Recorded time makes no jumps: the monotonic clock counts with it.
fn moment(hour: &Hour) -> Now {
    let secs = hour.start.as_second();
    Now { wall: UnixMs::from_secs(secs), mono: Duration::from_secs(u64::try_from(secs).unwrap_or(0)) }
}
