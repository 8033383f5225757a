//! `[policy]`.

use super::{Checker, MAX_KW};
use crate::advice::PolicyConfig;
use crate::config::document::Path;

pub fn policy(policy: &PolicyConfig, check: &mut Checker<'_, '_>) {
    let section = Path::default().key("policy");
    let key = |name: &str| section.key(name);
    check.whole(&key("period_secs"), policy.period_secs, 60..=86_400, "seconds");
    check.number(&key("horizon_h"), policy.horizon_h, 0.05..=168.0, "hours");
    check.number(&key("min_gain_usd_per_h"), policy.min_gain_usd_per_h, 0.0..=1e6, "USD/h");
    check.number(&key("stop_above"), policy.stop_above, 1.0..=3.0, "of the break-even price");
    check.number(&key("start_below"), policy.start_below, 0.0..=1.0, "of the break-even price");
    check.whole(&key("min_dwell_secs"), policy.min_dwell_secs, 0..=86_400, "seconds");
    for (name, value) in [
        ("price_rel", policy.price_rel),
        ("hash_revenue_rel", policy.hash_revenue_rel),
        ("ai_revenue_rel", policy.ai_revenue_rel),
    ] {
        check.fee(&key(name), value);
    }
    if let Some(kw) = policy.ramp_reserve_kw {
        check.kw(&key("ramp_reserve_kw"), kw, MAX_KW, true);
    }
    if let Some(kw) = policy.cooling_cap_kw {
        check.kw(&key("cooling_cap_kw"), kw, MAX_KW, false);
    }
    check.number(&key("dr_credit_usd_per_mwh"), policy.dr_credit_usd_per_mwh, 0.0..=50_000.0, "USD/MWh");
    if let Some(age) = policy.price_max_age_secs {
        check.whole(&key("price_max_age_secs"), age, 1..=86_400, "seconds");
    }
    check.whole(&key("hashprice_max_age_secs"), policy.hashprice_max_age_secs, 1..=86_400, "seconds");
}
