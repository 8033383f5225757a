//! What nobody reads is no reason to hold.

use wattsplit::advice::Confidence;
use wattsplit::economics::dispatch::Status;
use wattsplit::reading::{Missing, Quality};
use wattsplit::sources::asic::models;
use wattsplit::units::Watts;

use super::hall::Hall;
use super::plant::Plant;

/// Every miner of these rows is dead from the start.
fn silent(rows: &[u8]) -> Plant {
    let mut plant = Plant::new();
    let ids = rows.iter().flat_map(|row| (1..=10).map(move |n| format!("10.20.{row}.{n}:4028")));
    plant.silent = ids.collect();
    plant
}

#[test]
fn a_site_whose_miners_are_all_silent_has_no_basis_for_advice() {
    let mut plant = silent(&[0, 1]);
    let advice = plant.tick(0);
    assert_eq!(advice.status, Status::NoRecommendation, "{}", advice.text);
    let missing =
        ["new-unknown.hashrate", "new-unknown.unit_kw", "old-unknown.hashrate", "old-unknown.unit_kw"];
    assert_eq!(advice.missing, missing);
}

#[test]
fn silence_that_falls_later_is_none_either() {
    let mut plant = Plant::new();
    assert_eq!(plant.tick(0).status, Status::Hold);
    plant.silent = silent(&[0, 1]).silent;
    plant.tick(30);
    let advice = plant.tick(120);
    assert_eq!(advice.status, Status::NoRecommendation, "{}", advice.text);
    assert!(advice.missing.contains(&"old-s.hashrate".to_owned()), "{:?}", advice.missing);
}

#[test]
fn ranges_in_which_nothing_ever_answered_are_missing_as_miners() {
    let mut plant = Plant::new();
    plant.expected = false;
    plant.silent = silent(&[0, 1]).silent;
    let advice = plant.tick(0);
    assert_eq!(advice.status, Status::NoRecommendation);
    assert_eq!(advice.missing, ["miners.hashrate", "miners.unit_kw"]);
}

#[test]
fn one_silent_row_does_not_silence_the_advice_for_the_other() {
    let mut plant = silent(&[0]);
    assert_eq!(plant.tick(0).status, Status::Hold);
    plant.price = 120.0;
    let advice = plant.tick(60);
    assert_eq!((advice.status, advice.moves[0].block.as_str()), (Status::Change, "new-s"));
}

#[test]
fn under_a_cap_silent_miners_draw_like_those_that_are_read_and_without_any_they_are_missing() {
    let mut plant = silent(&[0]);
    plant.terms.cap = Watts::from_kw(150.0);
    assert_eq!(plant.tick(0).status, Status::Hold);
    // Ten unread ones at 3.5 kW.
    assert!(plant.basis.as_ref().unwrap().reserve_kw >= 10.0 * 3.5 * 1.06);

    let mut plant = silent(&[0, 1]);
    plant.terms.cap = Watts::from_kw(150.0);
    let advice = plant.tick(0);
    assert_eq!(advice.status, Status::NoRecommendation);
    assert!(advice.missing.contains(&"old-unknown.unit_kw".to_owned()), "{:?}", advice.missing);
}

#[test]
fn a_site_of_firm_hostings_alone_holds_because_nothing_can_be_switched() {
    let mut plant = Plant::new();
    plant.terms.groups.clear();
    plant.rows = false;
    let advice = plant.tick(0);
    assert_eq!((advice.status, advice.text.as_str()), (Status::Hold, "Hold: nothing can be switched."));
}

#[test]
fn silent_miners_do_not_hold_back_what_can_be_done_without_them_and_are_no_reason_to_hold() {
    let mut hall = Hall::new(8);
    hall.plant.silent = silent(&[0, 1]).silent;
    let advice = hall.tick(0);
    assert_eq!((advice.status, advice.moves[0].block.as_str()), (Status::Change, "market-unsold"));
    hall.occupied = 16;
    let advice = hall.tick(60);
    assert_eq!(advice.status, Status::NoRecommendation, "{}", advice.text);
}

#[test]
fn a_hosting_that_could_move_and_is_not_read_is_missing_where_there_is_nothing_else() {
    let mut hall = Hall::new(8);
    hall.plant.terms.groups.clear();
    hall.plant.rows = false;
    for server in &mut hall.servers {
        server.1 = Err(Missing::NotYet);
    }
    let advice = hall.tick(0);
    assert_eq!(
        (advice.status, advice.missing),
        (Status::NoRecommendation, vec!["market.unit_kw".to_owned()])
    );
}

/// The old row idles since before the start, and its model is in the table: 104 TH/s, 3,068 W.
fn never_ran() -> Plant {
    let mut plant = Plant::new();
    plant.hashing = [0, 10];
    plant.old_nameplate = models::find("S19j Pro").map(|model| &model.nameplate);
    plant
}

#[test]
fn a_row_that_never_ran_is_judged_by_its_nameplate_and_that_is_an_estimate() {
    let mut plant = never_ran();
    plant.price = 30.0;
    let advice = plant.tick(0);
    assert_eq!(advice.status, Status::Change, "{}", advice.text);
    let [start] = advice.moves.as_slice() else { panic!("{:#?}", advice.moves) };
    assert_eq!((start.block.as_str(), start.from_units, start.to_units), ("old-s", 0, 10));
    assert_eq!(start.unit_kw, 3.068);
    assert_eq!(advice.confidence, Confidence::Medium);
    for name in ["old-s.unit_kw", "old-s.hashrate"] {
        let used = advice.assumptions.iter().find(|assumption| assumption.name == name).unwrap();
        assert_eq!((used.quality, used.deciding), (Quality::Estimated, true), "{name}");
        assert_eq!(used.source, "nameplate: none has run yet");
    }
    plant.price = 70.0;
    assert_eq!(plant.tick(1_000).status, Status::Hold, "it would cost more than it earns");
}

#[test]
fn what_was_seen_running_counts_for_more_than_the_nameplate() {
    let mut plant = never_ran();
    plant.hashing = [1, 10];
    plant.tick(0);
    plant.hashing = [0, 10];
    plant.tick(60);
    let used = &plant.basis.as_ref().unwrap().assumptions;
    let unit = used.iter().find(|assumption| assumption.name == "old-s.unit_kw").unwrap();
    assert_eq!(unit.source, "when it last ran");
    assert!((unit.value.unwrap() - 3.021).abs() < 0.001, "{unit:?}");
}

#[test]
fn a_broken_cap_waits_for_nothing_that_stands_still() {
    // The old row idles since before the start: what it draws and hashes when it runs is not known.
    let mut plant = Plant::new();
    plant.hashing = [0, 10];
    let advice = plant.tick(0);
    assert_eq!((advice.status, advice.missing[0].as_str()), (Status::NoRecommendation, "old-s.hashrate"));
    plant.terms.cap = Watts::from_kw(25.0);
    let advice = plant.tick(60);
    assert_eq!(advice.status, Status::Mandatory, "{}", advice.text);
    assert!(advice.moves.iter().all(|m| m.block == "new-s" && m.to_units < m.from_units), "{advice:#?}");
}
