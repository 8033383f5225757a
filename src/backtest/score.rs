//! What a run earned, and what it left on the table.

use super::replay::{Run, Step};
use crate::economics::value::shares;
use crate::units::{Fraction, Usd, UsdPerMwh, WattHours};

const HOURS_PER_YEAR: f64 = 8760.0;

/// Sums over a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Totals {
    pub hours: u32,
    pub hash_revenue: Usd,
    pub ai_revenue: Usd,
    pub cost: Usd,
    /// Facility energy of miners and GPUs.
    pub energy: WattHours,
    pub switches: u32,
}

impl Totals {
    pub fn of(run: &Run) -> Self {
        let sum = |value: fn(&Step) -> Usd| run.steps.iter().map(value).sum();
        Self {
            hours: u32::try_from(run.steps.len()).unwrap_or(u32::MAX),
            hash_revenue: sum(|step| step.hash_revenue),
            ai_revenue: sum(|step| step.ai_revenue),
            cost: sum(|step| step.cost),
            energy: run.steps.iter().map(|step| step.power.over_hours(1.0)).sum(),
            switches: run.switches,
        }
    }

    pub fn revenue(&self) -> Usd {
        self.hash_revenue + self.ai_revenue
    }

    pub fn margin(&self) -> Usd {
        self.revenue() - self.cost
    }

    /// What AI earned of all revenue. `None` where nothing was earned.
    pub fn ai_share(&self) -> Option<Fraction> {
        let parts = shares(&[self.hash_revenue.get(), self.ai_revenue.get()])?;
        Fraction::new(*parts.get(1)?)
    }
}

/// A run against doing nothing and against knowing everything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Margin per facility MWh that this run drew. `None` if it drew nothing.
    pub usd_per_mwh: Option<UsdPerMwh>,
    /// Margin in USD per year and MW that always-on draws. `None` if that is nothing.
    pub usd_per_mw_year: Option<f64>,
    pub switches_per_year: f64,
    /// Energy that was not drawn, of what always-on draws.
    pub off_share: Option<Fraction>,
    /// (margin − always-on) / (perfect − always-on); negative where doing nothing was better.
    /// `None` where there was nothing to gain.
    pub of_perfect: Option<Fraction>,
    /// Perfect − margin.
    pub regret: Usd,
}

/// Scores `run`, whose history and fleet are those of `always_on` and `perfect`.
pub fn score(run: &Totals, always_on: &Totals, perfect: &Totals) -> Score {
    let mwh = |wh: WattHours| Some(wh.mwh()).filter(|mwh| *mwh > 0.0);
    let gain = |totals: &Totals| totals.margin().get() - always_on.margin().get();
    let hours = f64::from(run.hours.max(1));
    let all = mwh(always_on.energy);
    Score {
        usd_per_mwh: mwh(run.energy).and_then(|mwh| UsdPerMwh::new(run.margin().get() / mwh)),
        // Dollars per MWh of a load that never rests, times the hours of a year.
        usd_per_mw_year: all.map(|mwh| run.margin().get() / mwh * HOURS_PER_YEAR),
        switches_per_year: f64::from(run.switches) * HOURS_PER_YEAR / hours,
        off_share: all.and_then(|mwh| Fraction::new(1.0 - run.energy.mwh() / mwh)),
        of_perfect: Fraction::new(gain(run) / gain(perfect)).filter(|_| gain(perfect) > 0.0),
        regret: perfect.margin() - run.margin(),
    }
}
