//! Miners, alone and as blocks.

use std::sync::Arc;

use wattsplit::site::{AsicCounts, UnitState};
use wattsplit::sources::asic::models;

use super::*;

fn report(model: Option<&str>) -> AsicReport {
    AsicReport {
        make: Some("Antminer".into()),
        model: model.map(Arc::from),
        firmware: None,
        firmware_version: None,
        serial: None,
        mac: None,
        algorithm: Algorithm::Sha256,
        state: AsicState::Hashing,
        hashrate_now: ths(100.0),
        hashrate_avg: ths(98.0),
        power: watts(3000.0),
        nameplate: None,
        temp_chip_max: celsius(70.0),
        temp_board_max: Err(Missing::NotReported),
        temp_inlet: Err(Missing::NotReported),
        fans_rpm: Vec::new(),
        uptime_s: None,
        pool_url: None,
        worker: None,
        accepted: Some(990),
        rejected: Some(10),
        boards_expected: None,
        boards_working: None,
        faults: Vec::new(),
    }
}

fn asic(id: &str, group: &str, expected: bool, report: Result<AsicReport, Missing>) -> Sample {
    let report = report.map(Box::new);
    Sample::Asic(AsicSample {
        id: id.into(),
        group: group.into(),
        place: None,
        expected,
        interval: INTERVAL,
        report,
    })
}

pub fn s19(id: &str) -> Sample {
    asic(id, "row-a", true, Ok(report(Some("S19 XP"))))
}

fn dead(id: &str) -> Sample {
    asic(id, "row-a", true, Err(Missing::Timeout))
}

fn ids(view: &SiteView) -> Vec<&str> {
    view.hash_blocks.iter().map(|block| block.id.as_str()).collect()
}

#[test]
fn a_miner_ages_from_fresh_over_stale_to_unreachable_and_never_to_zero() {
    let mut site = Site::default();
    put(&mut site, 0, s19("10.0.0.1:4028"));
    put(&mut site, 30, dead("10.0.0.1:4028"));

    let view = site.view(at(31));
    let block = &view.hash_blocks[0];
    assert_eq!(block.counts, AsicCounts { hashing: 1, ..AsicCounts::default() });
    assert_eq!(block.hashrate.unwrap().quality, Quality::Stale);
    assert_eq!(block.hashrate.unwrap().value, Hashrate::new(100.0).unwrap());

    let view = site.view(at(91));
    let block = &view.hash_blocks[0];
    assert_eq!(block.counts, AsicCounts { unreachable: 1, ..AsicCounts::default() });
    assert_eq!((block.hashrate, block.power), (Err(Missing::Timeout), Err(Missing::Timeout)));
    let miner = site.asics(at(91)).next().unwrap();
    assert_eq!((miner.state, miner.missing), (UnitState::Unreachable, Some(Missing::Timeout)));
    assert!(miner.report.is_none() && miner.age.is_none());
}

#[test]
fn a_block_expects_what_the_nameplates_of_all_its_units_say_whether_they_hash_stand_or_are_silent() {
    let mut site = Site::default();
    let xp = |state| AsicReport {
        state,
        nameplate: models::find("S19 XP").map(|model| &model.nameplate),
        ..report(Some("S19 XP"))
    };
    put(&mut site, 0, asic("10.0.0.1:4028", "row-a", true, Ok(xp(AsicState::Hashing))));
    put(&mut site, 0, asic("10.0.0.2:4028", "row-a", true, Ok(xp(AsicState::Idle))));
    put(&mut site, 0, asic("10.0.0.3:4028", "row-a", true, Ok(xp(AsicState::Hashing))));
    put(&mut site, 30, dead("10.0.0.3:4028"));
    put(&mut site, 90, asic("10.0.0.4:4028", "row-a", true, Ok(report(Some("S19 XP")))));
    let expected = site.view(at(91)).hash_blocks[0].hashrate_expected.unwrap();
    assert_eq!((expected.value.ths(), expected.quality), (420.0, Quality::Estimated));
    assert_eq!(expected.coverage, Fraction::new(0.75).unwrap(), "the model of one is not in the table");
    let unknown = site.asics(at(91)).last().unwrap();
    assert_eq!(unknown.hashrate_expected(), Err(Missing::Undefined));
}

#[test]
fn a_miner_of_another_coin_draws_power_and_adds_nothing_to_the_hashrate_that_bitcoin_pays() {
    let mut site = Site::default();
    let scrypt = AsicReport { algorithm: Algorithm::Other, hashrate_now: ths(0.0115), ..report(Some("L9")) };
    put(&mut site, 0, asic("10.0.0.1:4028", "row-a", true, Ok(scrypt)));
    let view = site.view(at(1));
    let block = &view.hash_blocks[0];
    assert_eq!((block.id.as_str(), block.counts.hashing), ("row-a-l9", 1));
    assert_eq!(block.hashrate, Err(Missing::OtherAlgorithm));
    assert_eq!(block.hashrate_avg, Err(Missing::OtherAlgorithm));
    assert_eq!(block.efficiency, Err(Missing::OtherAlgorithm));
    assert_eq!((block.accepted, block.rejected), (None, None));
    assert_eq!(block.power.unwrap().value, Watts::new(3000.0).unwrap());
}

#[test]
fn a_dead_miner_stays_a_unit_of_its_model_and_comes_back() {
    let mut site = Site::default();
    put(&mut site, 0, s19("10.0.0.1:4028"));
    put(&mut site, 500, dead("10.0.0.1:4028"));
    assert_eq!(ids(&site.view(at(500))), ["row-a-s19xp"]);
    put(&mut site, 530, s19("10.0.0.1:4028"));
    let view = site.view(at(530));
    assert_eq!((ids(&view), view.hash_blocks[0].counts.hashing), (vec!["row-a-s19xp"], 1));
}

#[test]
fn a_miner_that_was_replaced_moves_to_the_block_of_its_new_model() {
    let mut site = Site::default();
    put(&mut site, 0, s19("10.0.0.1:4028"));
    put(&mut site, 30, asic("10.0.0.1:4028", "row-a", true, Ok(report(Some("S21")))));
    assert_eq!(ids(&site.view(at(30))), ["row-a-s21"]);
    // One that does not tell its model is none of those before it.
    put(&mut site, 60, asic("10.0.0.1:4028", "row-a", true, Ok(report(None))));
    assert_eq!(ids(&site.view(at(60))), ["row-a-unknown"]);
}

#[test]
fn an_empty_address_of_a_range_is_silent_and_no_unit_until_it_answers_once() {
    let mut site = Site::default();
    let ranged = |report| asic("10.0.0.7:4028", "row-a", false, report);
    put(&mut site, 0, ranged(Err(Missing::Refused)));
    let view = site.view(at(0));
    assert_eq!((view.hash_blocks.len(), view.silent_addresses), (0, 1));
    assert_eq!(site.asics(at(0)).next().unwrap().state, UnitState::Silent);

    put(&mut site, 30, ranged(Ok(report(Some("S21")))));
    put(&mut site, 500, ranged(Err(Missing::Unreachable)));
    let view = site.view(at(500));
    assert_eq!((view.hash_blocks[0].counts.unreachable, view.silent_addresses), (1, 0));
}

#[test]
fn a_named_miner_that_never_answered_is_an_unreachable_unit_of_unknown_model() {
    let mut site = Site::default();
    put(&mut site, 0, dead("10.0.0.1:4028"));
    let view = site.view(at(0));
    assert_eq!((ids(&view), view.hash_blocks[0].counts.unreachable), (vec!["row-a-unknown"], 1));
    assert_eq!(view.hash_blocks[0].model, None);
}

#[test]
fn a_block_sums_what_its_units_gave_with_coverage_and_the_hottest_chip() {
    let mut site = Site::default();
    let mut idle = report(Some("S19 XP"));
    (idle.state, idle.hashrate_now, idle.power) = (AsicState::Idle, ths(0.0), watts(50.0));
    idle.temp_chip_max = celsius(81.5);
    let mut mute = report(Some("S19 XP"));
    (mute.state, mute.hashrate_now, mute.power) =
        (AsicState::Unknown, Err(Missing::NotReported), Err(Missing::NotReported));
    (mute.accepted, mute.temp_chip_max) = (None, Err(Missing::NotReported));
    put(&mut site, 0, s19("10.0.0.1:4028"));
    put(&mut site, 0, asic("10.0.0.2:4028", "row-a", true, Ok(idle)));
    put(&mut site, 0, asic("10.0.0.3:4028", "row-a", true, Ok(mute)));
    put(&mut site, 0, s19("10.0.0.4:4028"));
    put(&mut site, 0, s19("10.0.0.5:4028"));

    let view = site.view(at(1));
    let block = &view.hash_blocks[0];
    assert_eq!(block.counts, AsicCounts { hashing: 3, idle: 1, unknown: 1, ..AsicCounts::default() });
    let hashrate = block.hashrate.unwrap();
    assert_eq!(hashrate.value, Hashrate::new(300.0).unwrap());
    assert_eq!((hashrate.coverage.get(), hashrate.quality), (0.8, Quality::Estimated));
    assert_eq!(block.power.unwrap().value, Watts::new(9050.0).unwrap());
    assert_eq!(block.hashrate_avg.unwrap().value, Hashrate::new(490.0).unwrap());
    assert_eq!(block.temp_chip_max.unwrap().value, Celsius::new(81.5).unwrap());
    assert_eq!((block.accepted, block.rejected), (Some(3960), Some(40)));
}

#[test]
fn one_stale_miner_in_two_hundred_does_not_make_the_block_stale() {
    let mut site = Site::default();
    for n in 0..200 {
        put(&mut site, 60, s19(&format!("10.0.0.{n}:4028")));
    }
    put(&mut site, 61, dead("10.0.0.9:4028"));
    let hashrate = site.view(at(62)).hash_blocks[0].hashrate.unwrap();
    assert_eq!((hashrate.quality, hashrate.coverage.get()), (Quality::Measured, 1.0));
    for n in 20..25 {
        put(&mut site, 61, dead(&format!("10.0.0.{n}:4028")));
    }
    assert_eq!(site.view(at(62)).hash_blocks[0].hashrate.unwrap().quality, Quality::Stale);
}

#[test]
fn miners_are_listed_in_the_order_of_their_addresses() {
    let mut site = Site::default();
    for id in ["10.0.0.10:4028", "10.0.0.9:4028", "9.9.9.9:4028", "10.0.0.9:4029"] {
        put(&mut site, 0, s19(id));
    }
    let listed: Vec<&str> = site.asics(at(0)).map(|miner| miner.id).collect();
    assert_eq!(listed, ["9.9.9.9:4028", "10.0.0.9:4028", "10.0.0.9:4029", "10.0.0.10:4028"]);
}

#[test]
fn another_spelling_of_an_address_is_no_miner_more() {
    let mut site = Site::default();
    for (secs, id) in [(0, "[fd00::7]:4028"), (30, "[fd00:0:0::7]:4028"), (60, "[fd00::7]:4028")] {
        put(&mut site, secs, s19(id));
    }
    let listed: Vec<_> = site.asics(at(60)).map(|miner| (miner.id, miner.age)).collect();
    assert_eq!(listed, [("[fd00::7]:4028", Some(Duration::ZERO))]);
}

#[test]
fn every_address_is_counted_exactly_once_whatever_happened() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut site = Site::default();
    let mut seen = std::collections::BTreeSet::new();
    for second in 0..2000 {
        let n = random.u8(..60);
        seen.insert(n);
        let model = ["S19 XP", "S21", "M30S++"].get(random.usize(..3)).copied();
        let outcome = match random.u8(..4) {
            0 => Err(Missing::Timeout),
            1 => Ok(report(None)),
            _ => Ok(report(model)),
        };
        let group = if n < 30 { "row-a" } else { "row-b" };
        let expected = (10..50).contains(&n);
        put(&mut site, second, asic(&format!("10.0.0.{n}:4028"), group, expected, outcome));
        let view = site.view(at(second));
        let units: u32 = view.hash_blocks.iter().map(|block| block.counts.units()).sum();
        assert_eq!((units + view.silent_addresses) as usize, seen.len());
        assert!(view.hash_blocks.iter().all(|block| block.counts.units() > 0));
        let ids = ids(&view);
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    }
}

#[test]
fn a_group_tells_how_many_of_its_miners_are_gone_and_why() {
    let mut site = Site::default();
    for n in 1..=4 {
        put(&mut site, n, s19(&format!("10.0.0.{n}:4028")));
        put(&mut site, n, asic(&format!("10.0.1.{n}:4028"), "row-b", false, Err(Missing::Timeout)));
    }
    put(&mut site, 0, dead("10.0.0.9:4028"));
    assert_eq!(site.view(at(50)).groups[0].lost.total(), 0);
    put(&mut site, 31, dead("10.0.0.1:4028"));
    put(&mut site, 32, dead("10.0.0.2:4028"));
    let groups = site.view(at(63)).groups;
    assert_eq!(groups.len(), 1, "of row-b none ever answered");
    let row_a = &groups[0];
    assert_eq!((&*row_a.group, row_a.answered, row_a.lost.to_string()), ("row-a", 4, "timeout 2".into()));
    assert_eq!((row_a.silence, row_a.overdue.as_secs()), (Some(Duration::from_secs(61)), 75));
}
