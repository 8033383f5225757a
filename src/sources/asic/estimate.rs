//! Power of machines that do not tell it.

use super::field;
use crate::reading::{Algorithm, AsicReport, Reading};
use crate::units::JoulesPerTerahash;

/// Fills in power that nothing reported: nameplate J/TH times TH/s. Only for a machine that hashes:
/// what it draws otherwise is not in any table.
pub fn estimate_power(report: &mut AsicReport, declared: Option<JoulesPerTerahash>) {
    let (efficiency, source) = match report.nameplate {
        Some(nameplate) => (nameplate.efficiency, "model table"),
        None => match declared {
            Some(declared) => (declared, "configured J/TH"),
            None => return,
        },
    };
    // The table and the operator's J/TH are those of bitcoin's algorithm.
    if report.algorithm != Algorithm::Sha256 {
        return;
    }
    let Ok(hashrate) = report.hashrate_now else { return };
    if report.power.is_err()
        && hashrate.value.ths() > 0.0
        && let Ok(watts) = field::watts(efficiency.get() * hashrate.value.ths())
    {
        report.power = Ok(Reading::estimated(watts, source).at_best(hashrate.quality));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Missing;
    use crate::sources::asic::known::Known;
    use crate::sources::asic::models;
    use crate::units::{Hashrate, Watts};

    fn report(ths: f64, model: Option<&str>) -> AsicReport {
        AsicReport {
            hashrate_now: Ok(Reading::measured(Hashrate::new(ths).unwrap(), "test")),
            nameplate: model.and_then(models::find).map(|model| &model.nameplate),
            ..Known::default().report(Missing::NotReported)
        }
    }

    fn estimated(mut report: AsicReport, declared: Option<f64>) -> Option<(f64, &'static str)> {
        estimate_power(&mut report, declared.and_then(JoulesPerTerahash::new));
        report.power.ok().map(|power| (power.value.get(), power.source))
    }

    #[test]
    fn power_is_estimated_from_the_table_first_and_the_config_second() {
        assert_eq!(estimated(report(100.0, Some("S19 Pro")), Some(40.0)), Some((2950.0, "model table")));
        assert_eq!(estimated(report(100.0, None), Some(40.0)), Some((4000.0, "configured J/TH")));
        assert_eq!(estimated(report(100.0, None), None), None);
    }

    #[test]
    fn nothing_is_estimated_for_a_machine_that_stands_or_does_not_tell() {
        assert_eq!(estimated(report(0.0, Some("S19 Pro")), None), None);
        let scrypt = AsicReport { algorithm: Algorithm::Other, ..report(0.0115, None) };
        assert_eq!(estimated(scrypt, Some(40.0)), None);
        let silent = AsicReport { hashrate_now: Err(Missing::Denied), ..report(0.0, Some("S19 Pro")) };
        assert_eq!(estimated(silent, Some(40.0)), None);
    }

    #[test]
    fn measured_power_wins() {
        let power = Ok(Reading::measured(Watts::new(3541.0).unwrap(), "test"));
        let measured = AsicReport { power, ..report(200.0, Some("S21")) };
        assert_eq!(estimated(measured, None), Some((3541.0, "test")));
    }
}
