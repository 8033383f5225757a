//! Advice: what is said, when it changes, and whether its numbers can be reckoned again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "advice/cases.rs"]
mod cases;
#[path = "advice/committed.rs"]
mod committed;
#[path = "advice/hall.rs"]
mod hall;
#[path = "advice/hosting.rs"]
mod hosting;
#[path = "advice/listed.rs"]
mod listed;
#[path = "advice/live.rs"]
mod live;
#[path = "advice/meter.rs"]
mod meter;
#[path = "advice/page.rs"]
mod page;
#[path = "advice/plant.rs"]
mod plant;
#[path = "advice/signals.rs"]
mod signals;
#[path = "advice/silence.rs"]
mod silence;
#[path = "advice/site.rs"]
mod site;
#[path = "advice/unproven.rs"]
mod unproven;

use std::time::Duration;

use serde_json::Value;
use wattsplit::advice::{Advice, Basis, Fleet, PolicyConfig, decide};
use wattsplit::clock::{Now, UnixMs};
use wattsplit::economics::dispatch::Problem;
use wattsplit::publish::wire;

/// 2025-11-21 14:05:00 UTC, and `secs` later.
fn at(secs: u64) -> Now {
    let start = Now { wall: UnixMs::from_secs(1_763_733_900), mono: Duration::from_secs(3_600) };
    start.plus(Duration::from_secs(secs))
}

/// Without a band and without a dwell: what the optimiser says is what is advised.
fn bare() -> PolicyConfig {
    PolicyConfig { stop_above: 1.0, start_below: 1.0, min_dwell_secs: 0, ..PolicyConfig::default() }
}

fn advise(problem: &Problem, policy: &PolicyConfig) -> Advice {
    decide(&Basis::of(problem.clone(), at(0)), policy, &Fleet::default(), None)
}

/// The message, after its schema was asked.
fn message(advice: &Advice) -> Value {
    let message = serde_json::from_slice(&wire::advice::advice("tx01", advice)).unwrap();
    let schema = include_str!("../../schemas/advice.schema.json");
    let schema = jsonschema::draft202012::new(&serde_json::from_str(schema).unwrap()).unwrap();
    let errors: Vec<String> = schema.iter_errors(&message).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{message:#}");
    message
}

/// Reckons gain, its range, one-off cost, net gain and power again, from the message alone.
fn recompute(m: &Value) {
    let f = |value: &Value, key: &str| value[key].as_f64().unwrap_or_else(|| panic!("{key} in {value:#}"));
    let close = |what: &str, got: f64, said: f64| {
        assert!((got - said).abs() <= 1e-4 + 1e-6 * said.abs(), "{what}: {got} and {said} in {m:#}");
    };
    let (price, credit) = (f(m, "price_usd_per_mwh"), f(m, "dr_credit_usd_per_mwh"));
    let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
    let (mut kw, mut one_off) = (0.0, 0.0);
    let moves = m["moves"].as_array().unwrap();
    let gain = |price_scale: f64, hash: f64, ai: f64| -> f64 {
        let one = |mv: &Value| {
            let units = f(mv, "to_units") - f(mv, "from_units");
            let scale = if mv["class"] == "hash" { hash } else { ai };
            let exposed = if mv["power_paid_by"] == "site" { 1.0 } else { 0.0 };
            let draw = f(mv, "overhead") * (f(mv, "unit_kw") - f(mv, "idle_kw"));
            let power = exposed * (price * price_scale + credit) / 1000.0 * draw;
            let short = |key: &str| (f(mv, "committed_units") - f(mv, key)).max(0.0);
            let penalty = f(mv, "stop_penalty_usd_per_unit_h") * (short("to_units") - short("from_units"));
            units * (f(mv, "revenue_usd_per_unit_h") * scale - power) - penalty
        };
        moves.iter().map(one).sum()
    };
    for mv in moves {
        let units = f(mv, "to_units") - f(mv, "from_units");
        let it = units * (f(mv, "unit_kw") - f(mv, "idle_kw"));
        close("it_kw", it, f(mv, "it_kw"));
        close("facility_kw", it * f(mv, "overhead"), f(mv, "facility_kw"));
        let value = 1000.0 * f(mv, "revenue_usd_per_unit_h")
            / (f(mv, "overhead") * (f(mv, "unit_kw") - f(mv, "idle_kw")));
        assert!((value - f(mv, "value_usd_per_mwh")).abs() <= 1e-3 * value.abs(), "{value} in {mv:#}");
        one_off +=
            units.max(0.0) * f(mv, "start_usd_per_unit") + (-units).max(0.0) * f(mv, "stop_usd_per_unit");
        kw += f(mv, "facility_kw");
    }
    for corner in 0..8 {
        let scale = |bit: u32, key: &str| 1.0 + if corner >> bit & 1 == 0 { -1.0 } else { 1.0 } * f(m, key);
        let gain = gain(scale(0, "price_rel"), scale(1, "hash_revenue_rel"), scale(2, "ai_revenue_rel"));
        (lo, hi) = (lo.min(gain), hi.max(gain));
    }
    close("gain", gain(1.0, 1.0, 1.0), f(m, "gain_usd_per_h"));
    close("lo", lo, f(m, "gain_lo_usd_per_h"));
    close("hi", hi, f(m, "gain_hi_usd_per_h"));
    close("one-off", one_off, f(m, "one_off_usd"));
    close("net", f(m, "gain_usd_per_h") * f(m, "horizon_h") - one_off, f(m, "net_gain_usd"));
    close("power", f(m, "site_kw") + kw, f(m, "site_after_kw"));
}
