//! Advice on a site with a meter: its readings, not the model, say whether the cap holds.

use wattsplit::advice::{Advice, Assumption};
use wattsplit::economics::dispatch::Status;
use wattsplit::reading::{Missing, Quality};
use wattsplit::units::Watts;

use super::plant::Plant;
use super::{message, recompute};

/// The plant draws 83 kW by its model; its cap is 100 kW.
fn capped() -> Plant {
    let mut plant = Plant::new();
    plant.terms.cap = Watts::from_kw(100.0);
    plant.policy.site.ramp_reserve_kw = Some(0.0);
    plant
}

fn input<'a>(advice: &'a Advice, name: &str) -> &'a Assumption {
    advice.assumptions.iter().find(|a| a.name == name).unwrap_or_else(|| panic!("{name} in {advice:#?}"))
}

#[test]
fn a_cap_that_only_the_meter_sees_broken_is_mandatory() {
    let mut plant = capped();
    assert_eq!(plant.tick(0).status, Status::Hold, "by the model all is well");
    plant.meter_kw = Some(Ok(112.0));
    let advice = plant.tick(30);
    assert_eq!(advice.status, Status::Mandatory, "{}", advice.text);
    assert!((advice.site_kw.unwrap() - 112.0).abs() < 1e-6, "{:?}", advice.site_kw);
    assert!(advice.site_after_kw.unwrap() <= 100.0);
    let [m] = advice.moves.as_slice() else { panic!("{advice:#?}") };
    // 12 kW over, at 3.3 kW of facility power each.
    assert_eq!((m.block.as_str(), m.from_units - m.to_units), ("old-s", 4));
    recompute(&message(&advice));
    let meter = input(&advice, "site_meter_kw");
    assert_eq!((meter.value, meter.quality, meter.deciding), (Ok(112.0), Quality::Measured, true));
    assert_eq!(meter.age.map(|age| age.as_secs()), Some(0));
    assert_eq!(input(&advice, "fixed_overhead_kw").source, "meter less blocks");
}

#[test]
fn a_meter_below_the_model_leaves_room_that_the_model_does_not_see() {
    let mut plant = capped();
    plant.terms.fixed_overhead = Watts::from_kw(40.0).unwrap();
    assert_eq!(plant.tick(0).status, Status::Mandatory);
    plant.meter_kw = Some(Ok(90.0));
    let advice = plant.tick(30);
    assert_eq!(advice.status, Status::Hold, "{}", advice.text);
    assert!((advice.site_kw.unwrap() - 90.0).abs() < 1e-6);
}

#[test]
fn a_meter_that_is_stale_or_missing_leaves_the_model_and_says_so() {
    let mut plant = capped();
    plant.meter_kw = Some(Ok(95.0));
    plant.tick(0);
    let model_kw = capped().tick(0).site_kw.unwrap();
    for (secs, meter) in [(31, Ok(95.0)), (700, Err(Missing::Expired))] {
        plant.meter_kw = Some(Err(Missing::Timeout));
        plant.advice = None;
        let advice = plant.tick(secs);
        assert_eq!(advice.status, Status::Hold);
        assert!((advice.site_kw.unwrap() - model_kw).abs() < 1e-9, "{:?}", advice.site_kw);
        let input_of = input(&advice, "site_meter_kw");
        assert_eq!((input_of.value, input_of.deciding), (meter, false));
        let fixed = input(&advice, "fixed_overhead_kw");
        assert_eq!((fixed.value, fixed.source), (Ok(5.0), "configured: the meter is missing or stale"));
    }
}

#[test]
fn a_meter_that_shows_less_than_the_blocks_draw_is_not_believed() {
    let mut plant = capped();
    plant.meter_kw = Some(Ok(40.0));
    let advice = plant.tick(0);
    assert!(advice.site_kw.unwrap() > 80.0);
    let fixed = input(&advice, "fixed_overhead_kw");
    assert_eq!(
        (fixed.value, fixed.source),
        (Ok(5.0), "configured: the meter shows less than the blocks draw")
    );
    assert!(!input(&advice, "site_meter_kw").deciding);
}

#[test]
fn what_machines_draw_that_nobody_reads_is_in_the_meter_and_needs_no_room_of_its_own() {
    let mut plant = capped();
    plant.meter_kw = Some(Ok(90.0));
    plant.tick(0);
    plant.silent = (1..=3).map(|n| format!("10.20.0.{n}:4028")).collect();
    plant.tick(30);
    let advice = plant.tick(100);
    assert_eq!(plant.basis.as_ref().unwrap().reserve_kw, 0.0);
    assert!((advice.site_kw.unwrap() - 90.0).abs() < 1e-6, "{:?}", advice.site_kw);
    plant.meter_kw = None;
    plant.tick(900);
    assert!(plant.basis.as_ref().unwrap().reserve_kw > 9.0);
}
