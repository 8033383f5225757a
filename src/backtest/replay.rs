//! The replay itself.

use super::decide::State;
use super::fleet::Fleet;
use super::history::{HOUR_SECS, Hour};
use super::policy::{Known, Policy};
use crate::advice::{Advice, PolicyConfig};
use crate::units::{Usd, Watts};

#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum ReplayError {
    #[error("what must run draws more than the cap allows: {must_kw} kW of {cap_kw} kW")]
    NoRoom { must_kw: f64, cap_kw: f64 },
    #[error("what must run needs more cooling than there is: {must_kw} kW of {cap_kw} kW")]
    NoCooling { must_kw: f64, cap_kw: f64 },
    #[error("the figures of {start} are out of range")]
    OutOfRange { start: jiff::Timestamp },
}

/// A policy with all that it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub policy: Policy,
    /// One for each hour of the history.
    pub steps: Vec<Step>,
    /// Blocks that changed their units, summed over the hours. The replay begins with everything
    /// running that the cap allows.
    pub switches: u32,
    /// One for each hour. Empty for a rule that gives none.
    pub advice: Vec<Advice>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Running units of the fleet's blocks, and running GPUs of its hostings.
    pub units: Vec<u32>,
    /// Facility power of all of them, with the GPUs that idle.
    pub power: Watts,
    pub hash_revenue: Usd,
    pub ai_revenue: Usd,
    /// Of the power that the site pays for, at the price that was paid.
    pub cost: Usd,
}

impl Step {
    pub fn revenue(&self) -> Usd {
        self.hash_revenue + self.ai_revenue
    }

    pub fn margin(&self) -> Usd {
        self.revenue() - self.cost
    }
}

/// Plays `policy` through all hours. Advice is given by `thresholds`, and its cooling cap holds for
/// every policy.
///
/// # Errors
/// If there is no room under the cap, and on money that is no finite number.
pub fn replay(
    hours: &[Hour],
    fleet: &Fleet,
    policy: Policy,
    thresholds: &PolicyConfig,
) -> Result<Run, ReplayError> {
    let mut state = State::new(fleet, thresholds);
    let mut steps = Vec::with_capacity(hours.len());
    let mut switches = 0_u32;
    let mut before: Option<&Hour> = None;
    for hour in hours {
        let known = match policy.known {
            Known::Hour => Some(hour.price),
            Known::DayAhead => hour.day_ahead,
            Known::HourBefore => before
                .filter(|before| hour.start.as_second() - before.start.as_second() == HOUR_SECS)
                .map(|before| before.price),
        };
        state.price(hour);
        if before.is_none() {
            state.present = state.fill()?;
        }
        let units = state.decide(policy.rule, known, hour)?;
        let changed = units.iter().zip(&state.present).filter(|(new, old)| new != old).count();
        switches = switches.saturating_add(u32::try_from(changed).unwrap_or(u32::MAX));
        steps.push(fleet.account(&units, hour).ok_or(ReplayError::OutOfRange { start: hour.start })?);
        state.present = units;
        before = Some(hour);
    }
    Ok(Run { policy, steps, switches, advice: state.into_advice() })
}
