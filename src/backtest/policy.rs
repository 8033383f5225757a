//! Ways of deciding which units run in an hour.

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
    /// The dispatch of the hour; every gain is taken.
    Dispatch,
    /// Each block on its own between two prices, as factors of its marginal value.
    Band { stop_above: f64, start_below: f64 },
    /// What the daemon would advise at the beginning of the hour, followed at once.
    Advice,
}

impl Policy {
    pub const ALWAYS_ON: Self = Self { name: "always on", rule: Rule::AlwaysOn, known: Known::Hour };

    /// The most that could have been earned: switching is free, so that each hour stands alone.
    pub const PERFECT: Self = Self { name: "perfect foresight", rule: Rule::Dispatch, known: Known::Hour };

    pub const ADVICE: Self = Self { name: "wattsplit", rule: Rule::Advice, known: Known::Hour };

    /// Every policy that a replay compares, the two bounds first.
    pub const ALL: [Self; 8] = {
        let band = Rule::Band { stop_above: 1.15, start_below: 0.95 };
        [
            Self::ALWAYS_ON,
            Self::PERFECT,
            Self { name: "day-ahead rule", rule: Rule::Dispatch, known: Known::DayAhead },
            Self { name: "one hour late", rule: Rule::Dispatch, known: Known::HourBefore },
            Self { name: "band 1.15/0.95", rule: band, known: Known::Hour },
            Self { name: "band, one hour late", rule: band, known: Known::HourBefore },
            Self::ADVICE,
            Self { name: "wattsplit, one hour late", rule: Rule::Advice, known: Known::HourBefore },
        ]
    };
}
