//! Thresholds of wattsplit's own policy: those of the config, else the defaults, and what the command
//! line says instead.

use clap::Args;

use super::check_ranges;
use crate::advice::PolicyConfig;
use crate::config::Config;

/// Absent: as in `[policy]` of the config, or its default.
#[derive(Args)]
pub struct PolicyArgs {
    /// wattsplit's own policy: how far the price of power may be off, as a fraction. Without it: what
    /// [policy] of the config says, else its default; so for the next two.
    #[arg(long)]
    price_rel: Option<f64>,
    /// wattsplit's own policy: how far the revenue of hashing may be off, as a fraction.
    #[arg(long)]
    hash_revenue_rel: Option<f64>,
    /// wattsplit's own policy: the least gain that is worth a change.
    #[arg(long)]
    min_gain_usd_per_h: Option<f64>,
}

impl PolicyArgs {
    /// # Errors
    /// A value out of its range.
    pub fn thresholds(&self, config: Option<&Config>) -> anyhow::Result<PolicyConfig> {
        check_ranges([
            ("--price-rel", self.price_rel, 0.0..=1.0),
            ("--hash-revenue-rel", self.hash_revenue_rel, 0.0..=1.0),
            ("--min-gain-usd-per-h", self.min_gain_usd_per_h, 0.0..=1e9),
        ])?;
        let base = config.map(|config| config.policy.clone()).unwrap_or_default();
        Ok(PolicyConfig {
            price_rel: self.price_rel.unwrap_or(base.price_rel),
            hash_revenue_rel: self.hash_revenue_rel.unwrap_or(base.hash_revenue_rel),
            min_gain_usd_per_h: self.min_gain_usd_per_h.unwrap_or(base.min_gain_usd_per_h),
            ..base
        })
    }
}
