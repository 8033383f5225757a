//! What a state of the site earns and draws.

/// Steady figures of one state, per hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Account {
    pub site_kw: f64,
    /// After variable cost, penalties and power; before one-off cost.
    pub profit_usd_per_h: f64,
    /// `None` if the revenue of a block of this class is not known.
    pub hash_revenue_usd_per_h: Option<f64>,
    pub ai_revenue_usd_per_h: Option<f64>,
}
