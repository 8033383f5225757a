//! What AI hosting earns: by its terms, never by utilisation.

use crate::units::{Fraction, Usd, UsdPerHour, UsdPerMwh, Watts};

use super::value::{per_mwh, power_cost};

/// Hours of a month in hosting contracts: 8,760 / 12.
const HOURS_PER_MONTH: f64 = 730.0;
const MONTHS_PER_YEAR: f64 = 12.0;

/// GPU-hours that are paid for: `gpus · price · (1 − fee)`. `gpus` counts the reserved ones under
/// take-or-pay terms and the occupied ones on a market; it may be a mean over time.
///
/// `None` if the result is not a finite number; so in all of this file.
pub fn gpu_hours(gpus: f64, usd_per_gpu_h: f64, host_fee: f64) -> Option<UsdPerHour> {
    UsdPerHour::new(gpus * usd_per_gpu_h * (1.0 - host_fee))
}

/// Rent for contracted IT load: `kW · rent / 730 h`. It does not fall with the draw.
pub fn kw_month(contracted_kw: f64, usd_per_kw_month: f64) -> Option<UsdPerHour> {
    UsdPerHour::new(contracted_kw * usd_per_kw_month / HOURS_PER_MONTH)
}

/// A lease as the papers print it, in comparable figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contract {
    /// Of critical IT load, as the next one.
    pub usd_per_mw_year: f64,
    pub usd_per_kw_month: f64,
    /// At full reservation.
    pub usd_per_it_mwh: UsdPerMwh,
}

/// `total / (years · MW)`, and per kW-month and MWh from there. `None` also if the contract has no term
/// or no load.
pub fn contract(total: Usd, years: f64, critical_it_mw: f64) -> Option<Contract> {
    if years <= 0.0 || critical_it_mw <= 0.0 {
        return None;
    }
    let usd_per_mw_year = total.get() / (years * critical_it_mw);
    let usd_per_kw_month = usd_per_mw_year / 1e3 / MONTHS_PER_YEAR;
    Some(Contract { usd_per_mw_year, usd_per_kw_month, usd_per_it_mwh: rent_per_it_mwh(usd_per_kw_month)? })
}

/// What a kW-month rent means per energy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lease {
    pub usd_per_it_mwh_at_full_reservation: UsdPerMwh,
    /// With the overhead in the denominator.
    pub usd_per_reserved_facility_mwh: UsdPerMwh,
    /// Rises as the tenant draws less. `None` if the tenant draws nothing.
    pub usd_per_drawn_it_mwh: Option<UsdPerMwh>,
}

/// `pue` is facility kW per IT kW; `load_factor` the drawn part of the reserved power.
pub fn lease(usd_per_kw_month: f64, pue: f64, load_factor: f64) -> Option<Lease> {
    let full = rent_per_it_mwh(usd_per_kw_month)?;
    let drawn = (load_factor > 0.0).then(|| UsdPerMwh::new(full.get() / load_factor));
    Some(Lease {
        usd_per_it_mwh_at_full_reservation: full,
        usd_per_reserved_facility_mwh: UsdPerMwh::new(full.get() / pue)?,
        usd_per_drawn_it_mwh: drawn.flatten(),
    })
}

/// Terms and power of one GPU server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GpuNode {
    pub gpus: f64,
    pub usd_per_gpu_h: f64,
    /// Share that a platform keeps, as a fraction.
    pub host_fee: f64,
    /// Part of the time that is billed, as a fraction. Not utilisation.
    pub occupancy: f64,
    /// IT power while sold and while idle.
    pub busy: Watts,
    pub idle: Watts,
    /// Facility kW per IT kW.
    pub pue: f64,
}

impl GpuNode {
    /// `gpus · occupancy · price · (1 − fee)`.
    pub fn revenue(&self) -> Option<UsdPerHour> {
        gpu_hours(self.gpus * self.occupancy, self.usd_per_gpu_h, self.host_fee)
    }

    /// Mean over sold and idle time, overhead included.
    pub fn facility_power(&self) -> Watts {
        (self.busy * self.occupancy + self.idle * (1.0 - self.occupancy)) * self.pue
    }

    /// Price of power above which it pays to stop a node that is sold: idle power stays.
    pub fn shutdown_price(&self) -> Option<UsdPerMwh> {
        let sold = gpu_hours(self.gpus, self.usd_per_gpu_h, self.host_fee)?;
        per_mwh(sold, (self.busy - self.idle) * self.pue)
    }

    /// Part of the revenue that power costs at `price`; `None` if nothing is earned.
    pub fn power_cost_share(&self, price: UsdPerMwh) -> Option<Fraction> {
        let revenue = self.revenue().filter(|revenue| revenue.get() > 0.0)?;
        Fraction::new(power_cost(self.facility_power(), price)?.get() / revenue.get())
    }
}

/// Rent of one MW per MWh: the contracted megawatt, fully drawn.
fn rent_per_it_mwh(usd_per_kw_month: f64) -> Option<UsdPerMwh> {
    per_mwh(kw_month(1e3, usd_per_kw_month)?, Watts::from_kw(1e3)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kilowatt_month_is_earned_over_730_hours() {
        assert_eq!(kw_month(1000.0, 73.0), UsdPerHour::new(100.0));
    }

    #[test]
    fn a_tenant_who_draws_nothing_has_no_rent_per_drawn_energy() {
        let lease = lease(120.0, 1.25, 0.0).unwrap();
        assert_eq!(lease.usd_per_drawn_it_mwh, None);
        assert!(lease.usd_per_reserved_facility_mwh.get() > 0.0);
    }

    #[test]
    fn an_unsold_node_earns_nothing_but_still_has_a_shutdown_price() {
        let (busy, idle) = (Watts::from_kw(8.4).unwrap(), Watts::from_kw(1.8).unwrap());
        let node =
            GpuNode { gpus: 8.0, usd_per_gpu_h: 2.5, host_fee: 0.0, occupancy: 0.0, busy, idle, pue: 1.3 };
        assert_eq!(node.revenue(), Some(UsdPerHour::ZERO));
        assert_eq!(node.power_cost_share(UsdPerMwh::ZERO), None);
        assert!(node.shutdown_price().unwrap().get() > 2331.0);
    }
}
