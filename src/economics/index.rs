//! One's own hashprice against somebody else's. For people: no money goes by it.

use crate::reading::{Missing, Read, Reading};
use crate::site::Current;
use crate::units::UsdPerPhDay;

use super::network::percent_above;

/// The index, and how far the own hashprice is from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndexCheck {
    /// [`Missing::NotConfigured`]: there is none to compare with.
    pub index: Current<UsdPerPhDay>,
    /// Own hashprice above the index, percent of the index.
    pub difference_percent: Read<f64>,
    /// Most that is no news, percent.
    pub limit_percent: f64,
}

impl Default for IndexCheck {
    /// There is no index.
    fn default() -> Self {
        Self {
            index: Err(Missing::NotConfigured),
            difference_percent: Err(Missing::NotConfigured),
            limit_percent: f64::INFINITY,
        }
    }
}

impl IndexCheck {
    pub fn new(own: Read<UsdPerPhDay>, index: Current<UsdPerPhDay>, limit_percent: f64) -> Self {
        let difference = |own: Reading<UsdPerPhDay>| {
            let index = index?;
            let value = percent_above(own.value, index.value).ok_or(Missing::Undefined)?;
            Ok(Reading { value, quality: own.quality.max(index.quality), source: "own / index" })
        };
        Self { index, difference_percent: own.and_then(difference), limit_percent }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reading::Quality;
    use crate::site::Aged;

    fn usd(value: f64) -> UsdPerPhDay {
        UsdPerPhDay::new(value).unwrap()
    }

    #[test]
    fn the_difference_is_in_percent_of_the_index_and_as_good_as_the_poorer_of_both() {
        let age = Duration::from_secs(60);
        let index = Ok(Aged { value: usd(40.0), quality: Quality::Stale, source: "test", age });
        let check = IndexCheck::new(Ok(Reading::measured(usd(41.0), "test")), index, 2.0);
        let difference = check.difference_percent.unwrap();
        assert!((difference.value - 2.5).abs() < 1e-9);
        assert_eq!(difference.quality, Quality::Stale);
    }

    #[test]
    fn without_one_of_both_there_is_no_difference() {
        let own = Ok(Reading::measured(usd(41.0), "test"));
        let missing = IndexCheck::new(own, Err(Missing::Denied), 2.0).difference_percent;
        assert_eq!(missing, Err(Missing::Denied));
        let age = Duration::ZERO;
        let index = Ok(Aged { value: usd(40.0), quality: Quality::Measured, source: "test", age });
        assert_eq!(
            IndexCheck::new(Err(Missing::Expired), index, 2.0).difference_percent,
            Err(Missing::Expired)
        );
    }
}
