//! Pools that do not see what the devices do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::economics::capture::Band;
use crate::ledger::{EventKind, Severity};
use crate::site::PoolView;

/// Below this part of the devices' hashrate the work goes elsewhere, and is not merely lost on the way.
const ALMOST_NOTHING: f64 = 0.05;

/// What was told of each pool.
#[derive(Debug, Default)]
pub struct Pools {
    units: BTreeMap<Arc<str>, f64>,
    bands: BTreeMap<Arc<str>, Band>,
    far: BTreeSet<Arc<str>>,
}

/// What is new, with the pool and a sentence.
type News = (EventKind, Severity, Arc<str>, String);

impl Pools {
    pub fn look(&mut self, pools: &[PoolView]) -> Vec<News> {
        pools
            .iter()
            .flat_map(|pool| [self.unit(pool), self.contact(pool), self.band(pool)])
            .flatten()
            .collect()
    }

    fn unit(&mut self, pool: &PoolView) -> Option<News> {
        let name = Arc::clone(&pool.name);
        match pool.devices.off_by {
            Some(factor) if self.units.insert(Arc::clone(&name), factor) != Some(factor) => {
                let text = format!(
                    "{name} tells {factor:e} times the hashrate of the devices that work for it: another unit; its \
                     hashrates are left out until `hashrate_unit` in [[pool]] says which"
                );
                Some((EventKind::PoolUnit, Severity::Alarm, name, text))
            }
            Some(_) => None,
            None => {
                self.units.remove(&name)?;
                let text = format!("the hashrates of {name} are in the unit of the devices again");
                Some((EventKind::PoolUnit, Severity::Info, name, text))
            }
        }
    }

    /// Windows of an hour and a day are long when money goes by a wrong account.
    fn contact(&mut self, pool: &PoolView) -> Option<News> {
        let name = Arc::clone(&pool.name);
        let Some(times) = pool.devices.far_above else {
            let was = self.far.remove(&name);
            let text = format!("{name} counts no more than the devices hash over 1 h");
            return was.then_some((EventKind::PoolDiffers, Severity::Info, name, text));
        };
        let text = format!(
            "{name} tells {times:.1} times the hashrate of the devices that work for it at first contact; usually {}",
            cause(times)
        );
        self.far.insert(Arc::clone(&name)).then_some((EventKind::PoolDiffers, Severity::Alarm, name, text))
    }

    fn band(&mut self, pool: &PoolView) -> Option<News> {
        let seen = pool.devices.ratio_24h.ok()?.value.get();
        let band = Band::of(seen, pool.devices.ratio_24h_before.map(|before| before.get()));
        let name = Arc::clone(&pool.name);
        let percent = seen * 100.0;
        match band {
            Band::Warn | Band::Alarm => {
                if self.bands.insert(Arc::clone(&name), band) == Some(band) {
                    return None;
                }
                let severity = if band == Band::Alarm { Severity::Alarm } else { Severity::Warning };
                let text = format!(
                    "{name} counted {percent:.1} % of the hashrate of the devices over 24 h; usually {}",
                    cause(seen)
                );
                Some((EventKind::PoolDiffers, severity, name, text))
            }
            Band::Ok => {
                self.bands.remove(&name)?;
                let text = format!("{name} counts what the devices hash again: {percent:.1} % over 24 h");
                Some((EventKind::PoolDiffers, Severity::Info, name, text))
            }
            // Between the two nothing is told, so that nothing flaps.
            Band::Watch => None,
        }
    }
}

/// What mostly causes a ratio, of hashrates or of money.
pub fn cause(ratio: f64) -> &'static str {
    if ratio < ALMOST_NOTHING {
        "another pool or account in the miners' settings, work that is led astray, or an account that stands still"
    } else if ratio < 1.0 {
        "work that is refused or late, miners that also work for another account, or a firmware that keeps a part"
    } else {
        "machines that are not in the list of [[asic]] but work for the account"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Missing, Reading};
    use crate::site::AgainstDevices;
    use crate::units::Fraction;

    fn pool(ratio: f64, before: Option<f64>, off_by: Option<f64>) -> Vec<PoolView> {
        let fraction = |value| Fraction::new(value).unwrap();
        let devices = AgainstDevices {
            ratio_24h: Ok(Reading::measured(fraction(ratio), "test")),
            ratio_24h_before: before.map(fraction),
            off_by,
            ..AgainstDevices::default()
        };
        vec![PoolView { name: "main".into(), report: Err(Missing::NotYet), devices }]
    }

    #[test]
    fn a_pool_that_counts_too_little_is_told_once_and_again_when_it_is_worse_or_well() {
        let mut pools = Pools::default();
        let mut look = |ratio, before| {
            let news = pools.look(&pool(ratio, before, None));
            news.into_iter().map(|(_, severity, _, _)| severity).collect::<Vec<_>>()
        };
        assert_eq!(look(0.94, None), [], "one window proves nothing");
        assert_eq!(look(0.94, Some(0.94)), [Severity::Warning]);
        assert_eq!(look(0.94, Some(0.94)), []);
        assert_eq!(look(0.80, Some(0.94)), [Severity::Alarm]);
        assert_eq!(look(0.96, Some(0.80)), [], "not well yet");
        assert_eq!(look(0.99, Some(0.96)), [Severity::Info]);
        assert_eq!(look(0.99, Some(0.99)), []);
        assert_eq!(look(1.20, Some(0.99)), [Severity::Alarm]);
    }

    #[test]
    fn the_event_says_what_usually_causes_it() {
        let told = |ratio| Pools::default().look(&pool(ratio, None, None)).remove(0).3;
        assert!(
            told(0.0)
                .starts_with("main counted 0.0 % of the hashrate of the devices over 24 h; usually another")
        );
        assert!(told(0.85).contains("refused or late"));
        assert!(told(1.20).contains("not in the list"));
    }

    #[test]
    fn a_pool_far_above_the_devices_at_first_contact_is_an_alarm_at_once_and_ends() {
        let mut pools = Pools::default();
        let mut look = |far_above| {
            let mut pool = pool(0.99, None, None);
            pool[0].devices.far_above = far_above;
            pools.look(&pool).into_iter().map(|(_, severity, _, text)| (severity, text)).collect::<Vec<_>>()
        };
        let told = look(Some(400.0));
        assert_eq!(told[0].0, Severity::Alarm);
        assert!(
            told[0].1.starts_with("main tells 400.0 times the hashrate") && told[0].1.contains("[[asic]]")
        );
        assert_eq!(look(Some(400.0)), []);
        assert_eq!(look(None)[0].0, Severity::Info);
        assert_eq!(look(None), []);
    }

    #[test]
    fn a_wrong_unit_is_an_alarm_that_names_the_key_and_ends() {
        let mut pools = Pools::default();
        let news = pools.look(&pool(0.99, None, Some(1e9)));
        assert_eq!(news.len(), 1);
        assert_eq!((news[0].0, news[0].1), (EventKind::PoolUnit, Severity::Alarm));
        assert!(
            news[0].3.starts_with("main tells 1e9 times the hashrate")
                && news[0].3.contains("`hashrate_unit`")
        );
        assert!(pools.look(&pool(0.99, None, Some(1e9))).is_empty());
        assert_eq!(pools.look(&pool(0.99, None, None))[0].1, Severity::Info);
    }
}
