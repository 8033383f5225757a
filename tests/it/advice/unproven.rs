//! What is told where the search for the best move ends without a proof.

use std::time::Duration;

use serde_json::Value;
use wattsplit::advice::{Basis, Confidence, Fleet, PolicyConfig, decide};
use wattsplit::clock::{Now, UnixMs};
use wattsplit::economics::dispatch::Problem;

use super::message;
use crate::dispatch::random::{Random, legal, site};

/// Every unit earns the same per MWh, and no two draw the same: which of them fill the cap best is a
/// puzzle of the last milliwatt.
fn puzzle() -> Problem {
    let mut random = Random(3);
    let mut p = site(&mut random, 20, 1000);
    for b in &mut p.blocks {
        (b.idle_kw, b.overhead, b.power_passthrough) = (0.0, 1.0, false);
        (b.min_units, b.start_usd_per_unit, b.stop_usd_per_unit) = (0, 0.0, 0.0);
        (b.stop_penalty_usd_per_unit_h, b.current) = (0.0, 0);
        b.unit_kw = b.unit_kw.map(|kw| kw + random.between(0.0, 0.01));
        b.revenue_usd_per_unit_h = Ok(0.09 * b.unit_kw.unwrap());
    }
    legal(&mut p);
    let most: f64 = p.blocks.iter().map(|b| f64::from(b.max_units) * b.unit_kw.unwrap()).sum();
    Problem {
        price_usd_per_mwh: Some(30.0),
        dr_credit_usd_per_mwh: 0.0,
        cap_kw: Some(p.fixed_overhead_kw + 0.61803 * most),
        cooling_cap_kw: None,
        ..p
    }
}

#[test]
fn a_move_that_is_not_proven_to_be_the_best_says_so_and_is_no_sure_thing() {
    let at = Now { wall: UnixMs(1_767_225_600_000), mono: Duration::from_secs(1_000) };
    let advice = decide(&Basis::of(puzzle(), at), &PolicyConfig::default(), &Fleet::default(), None);
    let gap = advice.gap_usd.expect("the search is cut short");
    let gain = advice.gain.unwrap().usd_per_h;
    assert!(advice.is_to_move() && gap > 0.0 && gap < 1e-4 * gain, "{gap} of {gain}");
    assert_eq!(advice.confidence, Confidence::Medium);
    let told: Value = message(&advice);
    assert!((told["gap_usd"].as_f64().unwrap() - gap).abs() < 1e-6);
}
