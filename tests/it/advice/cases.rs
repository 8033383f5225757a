//! The dispatch cases, asked of the advice.

use std::path::Path;

use serde_json::Value;
use wattsplit::advice::{Basis, Fleet, PolicyConfig, decide};
use wattsplit::cli::what_if;
use wattsplit::economics::dispatch::{Problem, Status};

use super::{advise, at, bare, message, recompute};

/// Name, problem and expected answer of every case of one interval.
pub fn cases() -> Vec<(String, Problem, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('D'))
        .collect();
    names.sort();
    let case = |name: String| {
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let whole: Value = serde_json::from_str(&text).unwrap();
        (name, what_if::problem(&text).unwrap(), whole["expect"].clone())
    };
    names.into_iter().map(case).collect()
}

pub fn case(id: &str) -> Problem {
    cases().into_iter().find(|(name, ..)| name.starts_with(id)).unwrap().1
}

/// What the advised state would look like.
fn followed(problem: &Problem, advice: &wattsplit::advice::Advice) -> Problem {
    let mut next = problem.clone();
    for block in &mut next.blocks {
        if let Some(m) = advice.moves.iter().find(|m| m.block == block.id) {
            block.current = m.to_units;
        }
    }
    next
}

#[test]
fn without_band_and_dwell_every_case_is_answered_as_the_reference_does() {
    let all = cases();
    assert!(all.len() >= 32);
    for (name, problem, expect) in all {
        let advice = advise(&problem, &bare());
        assert_eq!(advice.status.as_str(), expect["status"], "{name}");
        let reason = advice.hold_reason.map(|reason| reason.as_str());
        assert_eq!(reason, expect["hold_reason"].as_str(), "{name}");
        let missing: Vec<&str> =
            expect["missing"].as_array().into_iter().flatten().map(|m| m.as_str().unwrap()).collect();
        assert_eq!(advice.missing, missing, "{name}");
        let close = |what: &str, got: f64| {
            let Some(wanted) = expect[what].as_f64() else { return };
            assert!(
                (got - wanted).abs() <= 1e-6 * wanted.abs().max(1.0),
                "{name}: {what} {got}, not {wanted}"
            );
        };
        for block in &problem.blocks {
            let Some(delta) = expect["delta_units"][&block.id].as_i64() else { continue };
            let m = advice.moves.iter().find(|m| m.block == block.id);
            let got = m.map_or(0, |m| i64::from(m.to_units) - i64::from(m.from_units));
            assert_eq!(got, delta, "{name}: {}", block.id);
        }
        if let (Some(gain), true) = (advice.gain, advice.is_to_move()) {
            close("gain_usd_per_h", gain.usd_per_h);
            close("one_off_usd", gain.one_off_usd);
            close("net_gain_usd", gain.net_usd);
            close("site_kw_after", advice.site_after_kw.unwrap());
            if problem.uncertainty.is_some() {
                close("net_gain_lo_usd", gain.lo_usd_per_h * problem.horizon_h - gain.one_off_usd);
                close("net_gain_hi_usd", gain.hi_usd_per_h * problem.horizon_h - gain.one_off_usd);
            }
        }
        if let Some(site_kw) = advice.site_kw {
            close("site_kw_before", site_kw);
        }
        if let Some(binding) = expect["binding"].as_array() {
            let got: Vec<&str> = advice.binding.iter().map(|limit| limit.as_str()).collect();
            let wanted: Vec<&str> = binding.iter().map(|b| b.as_str().unwrap()).collect();
            assert_eq!(got, wanted, "{name}");
        }
    }
}

#[test]
fn every_number_of_an_advice_can_be_reckoned_again_from_its_message() {
    let mut moved = 0;
    for (name, problem, _) in cases() {
        for policy in [bare(), PolicyConfig::default()] {
            let advice = advise(&problem, &policy);
            if advice.is_to_move() {
                println!("{name}");
                recompute(&message(&advice));
                moved += 1;
            }
        }
    }
    assert!(moved > 20, "{moved}");
}

#[test]
fn who_has_followed_an_advice_is_told_to_hold() {
    for (name, problem, _) in cases() {
        for policy in [bare(), PolicyConfig::default()] {
            let advice = advise(&problem, &policy);
            if !advice.is_to_move() {
                continue;
            }
            let basis = Basis::of(followed(&problem, &advice), at(60));
            for previous in [None, Some(&advice)] {
                let next = decide(&basis, &policy, &Fleet::default(), previous);
                assert_eq!(next.status, Status::Hold, "{name}: {}", next.text);
            }
        }
    }
}

#[test]
fn the_band_never_makes_a_move_that_loses_and_never_breaks_a_cap() {
    for (name, problem, _) in cases() {
        let advice = advise(&problem, &PolicyConfig::default());
        if let (Some(gain), Status::Change) = (advice.gain, advice.status) {
            assert!(gain.net_usd > 0.0, "{name}");
        }
        if let (Some(cap), Some(after), true) = (advice.cap_kw, advice.site_after_kw, advice.is_to_move()) {
            assert!(after <= cap + 1e-3, "{name}: {after} over {cap}");
        }
    }
}

#[test]
fn the_reason_is_the_two_numbers_that_decide() {
    let why = |id: &str, block: &str| {
        let advice = advise(&case(id), &bare());
        advice.moves.iter().find(|m| m.block == block).unwrap().why.clone()
    };
    assert_eq!(why("D01", "s19jpro"), "50.39 < 1118.88 USD/MWh under a full cap");
    assert_eq!(why("D02", "s19jpro"), "50.39 < 90.00 USD/MWh: power costs more than it earns");
    assert_eq!(why("D07", "s19jpro"), "50.39 > -20.00 USD/MWh: earns more than its power costs");
    let text = |id: &str| advise(&case(id), &bare()).text;
    assert_eq!(text("D16"), "No recommendation: s19jpro.hashprice missing or stale.");
    assert_eq!(text("D17"), "No recommendation: price missing or stale.");
    assert_eq!(text("D13"), "Hold: the best change gains 35.98 USD/h, less than 1.00.");
    assert!(text("D08").starts_with("Over the cap, 3700.0 kW > 3000.0 kW: "), "{}", text("D08"));
}

#[test]
fn what_is_missing_without_effect_is_named_as_such() {
    let advice = advise(&case("D18"), &bare());
    assert_eq!(advice.status, Status::Change);
    assert_eq!(advice.not_needed, ["h100-reserved.price"]);
}

#[test]
fn the_same_inputs_give_the_same_hash_and_others_another() {
    let hash = |id: &str| advise(&case(id), &bare()).inputs_sha256;
    assert_eq!(hash("D01"), hash("D01"));
    assert_ne!(hash("D01"), hash("D02"));
    assert_eq!(hash("D01").len(), 64);
}
