//! GPUs that are sold on the same terms, beside the miners of a replay.

use super::history::Hour;
use crate::economics::{Class, dispatch, hosting};
use crate::units::{UsdPerHour, Watts};

#[derive(Debug, Clone, PartialEq)]
pub struct Hosting {
    pub id: String,
    pub gpus: u32,
    /// Of those; the rest idles.
    pub sold: u32,
    /// IT power of a GPU that is sold, its part of the server included.
    pub busy: Watts,
    /// IT power of one that is not sold or was stopped.
    pub idle: Watts,
    /// Facility kW per IT kW.
    pub overhead: f64,
    pub earns: Earns,
    /// What is sold may be stopped, and then earns nothing. Otherwise it is firm.
    pub interruptible: bool,
    /// The tenant pays for the energy.
    pub tenant_pays: bool,
}

/// What is paid for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Earns {
    /// Each hour of a sold GPU that runs, at the recorded price less the fee of the platform, a
    /// fraction.
    Recorded { host_fee: f64 },
    /// The same at one price for all hours.
    PerGpuHour { usd: f64, host_fee: f64 },
    /// Whatever runs: reserved GPUs and contracted kilowatts.
    Rent(UsdPerHour),
}

impl Hosting {
    /// Most GPUs that run, and fewest.
    fn running(&self) -> (u32, u32) {
        let most = self.sold.min(self.gpus);
        (most, if self.interruptible { 0 } else { most })
    }

    pub(super) fn dispatched(&self) -> dispatch::Block {
        let (most, fewest) = self.running();
        dispatch::Block {
            id: self.id.clone(),
            class: Class::Ai,
            units: self.gpus,
            current: 0,
            min_units: fewest,
            max_units: most,
            unit_kw: Some(self.busy.kw()),
            idle_kw: self.idle.kw(),
            overhead: self.overhead,
            revenue_usd_per_unit_h: Err("price"),
            var_cost_usd_per_unit_h: 0.0,
            committed: 0,
            stop_penalty_usd_per_unit_h: 0.0,
            power_passthrough: self.tenant_pays,
            start_usd_per_unit: 0.0,
            stop_usd_per_unit: 0.0,
        }
    }

    /// What one more running GPU earns, in USD/h; the error is the name of the input for `dispatch`.
    pub(super) fn unit_revenue(&self, hour: &Hour) -> Result<f64, &'static str> {
        match self.earns {
            // Paid whatever runs: nothing at the margin.
            Earns::Rent(_) => Ok(0.0),
            Earns::Recorded { .. } | Earns::PerGpuHour { .. } => {
                self.revenue(1, hour).map(UsdPerHour::get).ok_or("price")
            }
        }
    }

    /// Of all `running` GPUs. `None` without a price, or if it is no finite number.
    pub(super) fn revenue(&self, running: u32, hour: &Hour) -> Option<UsdPerHour> {
        let (usd, host_fee) = match self.earns {
            Earns::Rent(rent) => return Some(rent),
            Earns::Recorded { host_fee } => (hour.gpu_hour?.get(), host_fee),
            Earns::PerGpuHour { usd, host_fee } => (usd, host_fee),
        };
        hosting::gpu_hours(f64::from(running), usd, host_fee)
    }

    /// Facility power with `running` GPUs.
    pub fn power(&self, running: u32) -> Watts {
        let stopped = self.gpus.saturating_sub(running);
        (self.busy * f64::from(running) + self.idle * f64::from(stopped)) * self.overhead
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Reading;
    use crate::units::{Usd, UsdPerMwh, UsdPerPhDay};

    fn hour(gpu_hour: Option<f64>) -> Hour {
        Hour {
            start: "2025-01-01T00:00:00Z".parse().unwrap(),
            day_ahead: None,
            price: UsdPerMwh::new(50.0).unwrap(),
            hashprice: Reading::measured(UsdPerPhDay::new(50.0).unwrap(), ""),
            gpu_hour: gpu_hour.and_then(Usd::new),
        }
    }

    fn hosting(earns: Earns) -> Hosting {
        let kw = |kw| Watts::from_kw(kw).unwrap();
        Hosting {
            id: "ai".into(),
            gpus: 100,
            sold: 80,
            busy: kw(1.0),
            idle: kw(0.2),
            overhead: 1.3,
            earns,
            interruptible: true,
            tenant_pays: false,
        }
    }

    #[test]
    fn what_is_sold_draws_at_load_and_the_rest_idles() {
        let hosting = hosting(Earns::Recorded { host_fee: 0.25 });
        assert!((hosting.power(80).kw() - 1.3 * 84.0).abs() < 1e-9);
        assert!((hosting.power(0).kw() - 1.3 * 20.0).abs() < 1e-9);
    }

    #[test]
    fn sold_gpus_earn_the_price_of_the_hour_less_the_fee_and_never_without_a_price() {
        let hosting = hosting(Earns::Recorded { host_fee: 0.25 });
        assert_eq!(hosting.revenue(80, &hour(Some(2.0))), UsdPerHour::new(120.0));
        assert_eq!(hosting.revenue(80, &hour(None)), None);
        assert_eq!(hosting.unit_revenue(&hour(None)), Err("price"));
    }

    #[test]
    fn rent_is_paid_whatever_runs() {
        let hosting = hosting(Earns::Rent(UsdPerHour::new(70.0).unwrap()));
        assert_eq!(hosting.revenue(0, &hour(None)), UsdPerHour::new(70.0));
        assert_eq!(hosting.unit_revenue(&hour(None)), Ok(0.0));
    }
}
