//! Ways of deciding which units run in an hour.

use crate::economics::dispatch::Uncertainty;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    pub name: &'static str,
    pub rule: Rule,
    pub known: Known,
}

/// The price that the decision is made on. The price that is paid is another matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The one that will be paid for the hour.
    Hour,
    DayAhead,
    /// The one that was paid for the hour before.
    HourBefore,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// As much as the cap allows, whatever the price.
    AlwaysOn,
    /// The dispatch of the hour from the present state. All zero: every gain is taken.
    Dispatch(Hurdle),
    /// Each block on its own between two prices, as factors of its marginal value.
    Band { stop_above: f64, start_below: f64 },
}

/// What a change must overcome.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Hurdle {
    pub min_gain_usd_per_h: f64,
    /// How far price and revenue may be off, as fractions; the change must pay in the worst corner.
    pub price_rel: f64,
    pub hash_revenue_rel: f64,
}

impl Hurdle {
    pub(super) fn uncertainty(&self) -> Option<Uncertainty> {
        let Self { price_rel, hash_revenue_rel, .. } = *self;
        let any = price_rel != 0.0 || hash_revenue_rel != 0.0;
        any.then_some(Uncertainty { price_rel, hash_revenue_rel, ai_revenue_rel: 0.0 })
    }
}

impl Policy {
    pub const ALWAYS_ON: Self = Self { name: "always on", rule: Rule::AlwaysOn, known: Known::Hour };

    /// The most that could have been earned: switching is free, so that each hour stands alone.
    pub const PERFECT: Self = Self {
        name: "perfect foresight",
        rule: Rule::Dispatch(Hurdle { min_gain_usd_per_h: 0.0, price_rel: 0.0, hash_revenue_rel: 0.0 }),
        known: Known::Hour,
    };

    /// Every policy that a replay compares, the two bounds first; wattsplit's own take `hurdle`.
    pub fn all(hurdle: Hurdle) -> [Self; 8] {
        let band = Rule::Band { stop_above: 1.15, start_below: 0.95 };
        let at_any_gain = Self::PERFECT.rule;
        [
            Self::ALWAYS_ON,
            Self::PERFECT,
            Self { name: "day-ahead rule", rule: at_any_gain, known: Known::DayAhead },
            Self { name: "one hour late", rule: at_any_gain, known: Known::HourBefore },
            Self { name: "band 1.15/0.95", rule: band, known: Known::Hour },
            Self { name: "band, one hour late", rule: band, known: Known::HourBefore },
            Self { name: "wattsplit", rule: Rule::Dispatch(hurdle), known: Known::Hour },
            Self { name: "wattsplit, one hour late", rule: Rule::Dispatch(hurdle), known: Known::HourBefore },
        ]
    }
}
