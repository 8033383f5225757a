//! Money per energy, and the shares of a whole.

use crate::units::{UsdPerHour, UsdPerMwh, Watts};

/// `revenue / power`, per MWh. `None` if nothing is drawn.
pub fn per_mwh(revenue: UsdPerHour, power: Watts) -> Option<UsdPerMwh> {
    if power.get() <= 0.0 {
        return None;
    }
    UsdPerMwh::new(revenue.get() * 1e6 / power.get())
}

/// What `power` costs at `price`; a negative price pays for drawing it. `None` if the result is not
/// a finite number.
pub fn power_cost(power: Watts, price: UsdPerMwh) -> Option<UsdPerHour> {
    UsdPerHour::new(power.get() / 1e6 * price.get())
}

/// Part of each revenue in their sum, in the same order; any unit of money.
///
/// `None` where the sum is zero (nothing has no halves) or a part is negative.
pub fn shares(revenues: &[f64]) -> Option<Vec<f64>> {
    let total: f64 = revenues.iter().sum();
    if total <= 0.0 || !total.is_finite() || revenues.iter().any(|part| *part < 0.0) {
        return None;
    }
    Some(revenues.iter().map(|part| part / total).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_one_or_do_not_exist() {
        assert_eq!(shares(&[1.0, 3.0]), Some(vec![0.25, 0.75]));
        assert_eq!(shares(&[0.0, 2.0]), Some(vec![0.0, 1.0]));
        assert_eq!(shares(&[0.0, 0.0]), None);
        assert_eq!(shares(&[-1.0, 3.0]), None);
        assert_eq!(shares(&[f64::NAN, 3.0]), None);
    }

    #[test]
    fn what_draws_nothing_has_no_value_per_energy() {
        assert_eq!(per_mwh(UsdPerHour::new(5.0).unwrap(), Watts::ZERO), None);
        let half_megawatt = Watts::from_kw(500.0).unwrap();
        assert_eq!(per_mwh(UsdPerHour::new(5.0).unwrap(), half_megawatt), UsdPerMwh::new(10.0));
    }

    #[test]
    fn a_negative_price_pays() {
        let cost = power_cost(Watts::from_kw(2000.0).unwrap(), UsdPerMwh::new(-20.0).unwrap());
        assert_eq!(cost, UsdPerHour::new(-40.0));
    }
}
