//! What a server draws at the wall, as its management controller measures it.

use std::time::Duration;

use crate::clock::Now;
use crate::reading::{Missing, Quality, Read, WallPowerSample, at_best};
use crate::units::Watts;

use super::age::{Freshness, Polling};

/// Least power at the wall per power of the boards. A server draws more than its boards; the rest is
/// for the moments at which the two are read, and for what their sensors are off.
const LEAST_PER_BOARDS: f64 = 0.9;

/// The controller of one server.
#[derive(Debug)]
pub(super) struct Wall {
    polling: Polling,
    power: Read<Watts>,
}

impl Wall {
    pub fn new() -> Self {
        Self { polling: Polling::new(Duration::ZERO), power: Err(Missing::NotYet) }
    }

    pub fn record(&mut self, at: Now, sample: WallPowerSample) {
        let WallPowerSample { host: _, interval, power } = sample;
        self.polling.record(at, interval, power.map(|_| ()));
        if power.is_ok() {
            self.power = power;
        }
    }

    /// # Errors
    /// Why there is nothing that is young enough.
    pub fn power(&self, now: Now) -> Read<Watts> {
        let freshness = self.polling.freshness(now);
        match freshness {
            Freshness::Fresh => self.power,
            Freshness::Stale => at_best(self.power, Quality::Stale),
            Freshness::Gone => Err(self.polling.why_not(freshness).unwrap_or(Missing::Expired)),
        }
    }
}

/// `wall`, unless the boards of that server alone draw clearly more: then it is the power of another
/// chassis, or of none.
///
/// # Errors
/// [`Missing::Implausible`], or why there is no reading.
pub(super) fn against_boards(wall: Read<Watts>, boards: Option<Watts>) -> Read<Watts> {
    let least = boards.map_or(0.0, |boards| boards.get() * LEAST_PER_BOARDS);
    wall.and_then(|wall| if wall.value.get() < least { Err(Missing::Implausible) } else { Ok(wall) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Reading;

    #[test]
    fn a_server_that_draws_less_than_its_boards_is_not_believed() {
        let watts = |watts| Watts::new(watts).unwrap();
        let wall = |power| Ok(Reading::measured(watts(power), "test"));
        let believed = |power, boards| against_boards(wall(power), boards).map(|wall| wall.value);
        assert_eq!(believed(905.0, Some(watts(1000.0))), Ok(watts(905.0)));
        assert_eq!(believed(895.0, Some(watts(1000.0))), Err(Missing::Implausible));
        assert_eq!(believed(0.0, Some(watts(70.0))), Err(Missing::Implausible), "off, with boards that draw");
        assert_eq!(believed(0.0, None), Ok(Watts::ZERO), "boards that nobody reads say nothing");
    }
}
