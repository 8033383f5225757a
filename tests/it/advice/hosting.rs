//! Hostings that may stop or start GPUs.

use std::time::Duration;

use wattsplit::advice::Direction;
use wattsplit::economics::dispatch::{HoldReason, Status};
use wattsplit::economics::{PowerPaidBy, Stoppable, Terms};
use wattsplit::reading::{Missing, Quality};

use super::hall::{BUSY, Hall, IDLE, close, of};
use super::{message, recompute};

/// IT kW of the two servers.
const A_KW: f64 = 1.0 + 1.1 * 8.0 * BUSY / 1e3;
const B_KW: f64 = 1.0 + 1.1 * 8.0 * IDLE / 1e3;
const OVERHEAD: f64 = 1.3;

#[test]
fn gpus_that_nobody_pays_for_are_stopped_and_named() {
    let mut hall = Hall::new(8);
    let advice = hall.tick(0);
    assert_eq!(advice.status, Status::Change, "{}", advice.text);
    let [m] = advice.moves.as_slice() else { panic!("{advice:#?}") };
    assert_eq!((m.block.as_str(), m.from_units, m.to_units), ("market-unsold", 8, 0));
    close("freed", m.facility_kw(), -B_KW * OVERHEAD);
    assert_eq!(m.why, "not sold: earns nothing, draws 2.10 kW at 45.00 USD/MWh");
    assert_eq!(m.machines[..2], ["b/GPU-b-0", "b/GPU-b-1"]);
    assert_eq!((m.machines.len(), m.machines_more), (8, 0));
    recompute(&message(&advice));
    let input = |name: &str| {
        let input = advice.assumptions.iter().find(|a| a.name == name).unwrap();
        (input.value.unwrap(), input.quality)
    };
    assert_eq!(input("market.sold"), (8.0, Quality::Measured));
    assert_eq!(input("market.running"), (16.0, Quality::Measured));
    close("a sold GPU", input("market.unit_kw").0, A_KW / 8.0);
    assert_eq!(input("market-unsold.unit_kw").1, Quality::Estimated, "which ones are sold is a guess");
}

#[test]
fn the_blocks_add_up_to_what_the_hosting_draws_however_much_is_sold() {
    for sold in [0, 1, 7, 8, 9, 16, 40] {
        let mut hall = Hall::new(sold);
        hall.servers[0].1.as_mut().unwrap()[3] = 412.0;
        let site_kw = hall.tick(0).site_kw.unwrap();
        let mut firm = Hall::new(sold);
        firm.servers.clone_from(&hall.servers);
        firm.hosting().stoppable = Stoppable::No;
        close(&format!("{sold} sold"), site_kw, firm.tick(0).site_kw.unwrap());
    }
}

#[test]
fn a_server_counts_for_the_sold_gpus_in_it_and_whole_servers_are_freed_first() {
    // Of the four sold ones all are in `a`; its other four idle.
    let mut hall = Hall::new(4);
    let boards = hall.servers[0].1.as_mut().unwrap();
    boards[4..].fill(IDLE - 5.0);
    let advice = hall.tick(0);
    let m = of(&advice, "market-unsold").unwrap();
    assert_eq!((m.from_units, m.to_units), (12, 0));
    close("freed", m.facility_kw(), -(B_KW + 1.1 * 4.0 * (IDLE - 5.0) / 1e3) * OVERHEAD);
    assert_eq!((m.machines[0].as_str(), m.machines[8].as_str()), ("b/GPU-b-0", "a/GPU-a-4"));
}

#[test]
fn where_everything_is_sold_or_nothing_is_there_is_one_block() {
    let mut sold = Hall::new(16);
    assert_eq!(sold.tick(0).status, Status::Hold);
    assert!(sold.block("market").unwrap().is_fixed() && sold.block("market-unsold").is_none());
    let mut unsold = Hall::new(0);
    let advice = unsold.tick(0);
    assert_eq!(of(&advice, "market-unsold").map(|m| (m.from_units, m.to_units)), Some((16, 0)));
    assert!(unsold.block("market").is_none());
    assert_eq!(advice.moves[0].machines.len(), 16);
    recompute(&message(&advice));
}

#[test]
fn a_negative_price_pays_for_running_them() {
    let mut hall = Hall::new(8);
    hall.plant.price = -20.0;
    assert_eq!(hall.tick(0).status, Status::Hold);
}

#[test]
fn what_saves_less_than_the_threshold_or_than_its_stop_costs_is_held_back() {
    let mut hall = Hall::new(8);
    hall.plant.policy.site.min_gain_usd_per_h = 1.0;
    let advice = hall.tick(0);
    assert_eq!((advice.status, advice.hold_reason), (Status::Hold, Some(HoldReason::BelowMinGain)));
    let mut hall = Hall::new(8);
    hall.hosting().stop_usd_per_gpu = 0.02;
    let advice = hall.tick(0);
    assert_eq!((advice.status, advice.moves.len()), (Status::Hold, 0), "{}", advice.text);
}

#[test]
fn what_stopped_gpus_still_draw_is_not_freed() {
    let mut hall = Hall::new(8);
    hall.hosting().stopped_kw_per_gpu = 0.05;
    let advice = hall.tick(0);
    close("freed", advice.moves[0].facility_kw(), -(B_KW - 8.0 * 0.05) * OVERHEAD);
    recompute(&message(&advice));
}

#[test]
fn under_a_full_cap_unsold_gpus_make_room_for_miners_even_where_power_is_paid_for() {
    let mut hall = Hall::new(8);
    hall.plant.price = -10.0;
    hall.tick(0);
    // The whole site draws 91.0 kW; one miner of `old` has 3.25.
    hall.plant.hashing = [9, 10];
    let full = hall.tick(60).site_kw.unwrap() + 2.0;
    hall.cap(full);
    hall.plant.advice = None;
    let advice = hall.tick(120);
    assert_eq!(advice.status, Status::Change, "{}", advice.text);
    assert_eq!(of(&advice, "old-s").map(|m| (m.from_units, m.to_units)), Some((9, 10)));
    assert!(of(&advice, "market-unsold").is_some_and(|m| m.to_units < 8));
    assert!(advice.site_after_kw.unwrap() <= full);
    recompute(&message(&advice));
}

#[test]
fn who_has_switched_the_server_off_is_told_to_hold_and_has_the_room() {
    let mut hall = Hall::new(8);
    let before = hall.tick(0);
    hall.servers[1].1 = Err(Missing::Timeout);
    hall.tick(30);
    let after = hall.tick(120);
    assert_eq!((after.status, after.moves.len()), (Status::Hold, 0), "{}", after.text);
    close("power", after.site_kw.unwrap(), before.site_after_kw.unwrap());
    assert_eq!(after.reserve_kw, 0.0);
    let off = after.assumptions.iter().find(|a| a.name == "market.off").unwrap();
    assert_eq!((off.value.unwrap(), off.quality), (8.0, Quality::Estimated));
}

#[test]
fn a_host_that_is_there_and_cannot_be_read_still_draws() {
    let mut hall = Hall::new(8);
    hall.tick(0);
    hall.servers[1].1 = Err(Missing::Refused);
    hall.tick(30);
    let advice = hall.tick(120);
    assert!(of(&advice, "market-unsold").is_none(), "{}", advice.text);
    // As much as its like.
    let hash_kw = (10.0 * 3.068 + 10.0 * 3.5) * 1.06;
    close("power", advice.site_kw.unwrap(), 5.0 + hash_kw + 2.0 * A_KW * OVERHEAD);
}

#[test]
fn a_gpu_that_is_lost_or_does_not_tell_its_power_is_no_unit_and_may_still_draw() {
    let mut hall = Hall::new(8);
    hall.hosting().gpus_installed = Some(16);
    hall.tick(0);
    hall.servers[1].1.as_mut().unwrap()[0] = f64::NAN;
    hall.servers[1].1.as_mut().unwrap().pop();
    hall.plant.advice = None;
    let advice = hall.tick(30);
    assert_eq!(hall.block("market").unwrap().units, 8);
    let m = of(&advice, "market-unsold").unwrap();
    assert_eq!((m.from_units, m.machines[0].as_str()), (6, "b/GPU-b-1"));
    let hash_kw = (10.0 * 3.068 + 10.0 * 3.5) * 1.06;
    let read_kw = A_KW + B_KW - 1.1 * 2.0 * IDLE / 1e3;
    close("power", advice.site_kw.unwrap(), 5.0 + hash_kw + read_kw * 16.0 / 14.0 * OVERHEAD);
}

#[test]
fn gpus_that_are_sold_and_off_are_started_in_the_place_of_the_miner_that_earns_least() {
    // Twelve are sold, eight run, twenty are there.
    let mut hall = Hall::new(12);
    hall.hosting().gpus_installed = Some(20);
    hall.tick(0);
    hall.servers[1].1 = Err(Missing::Unreachable);
    hall.tick(30);
    let running = hall.tick(120);
    hall.cap(running.site_kw.unwrap() + 2.0);
    hall.plant.advice = None;
    let advice = hall.tick(150);
    assert_eq!(advice.status, Status::Change, "{}", advice.text);
    let start = of(&advice, "market").unwrap();
    assert_eq!((start.direction(), start.from_units, start.to_units), (Direction::Start, 8, 12));
    assert_eq!(start.machines[..2], ["b/GPU-b-0", "b/GPU-b-1"]);
    let value = 1000.0 * 2.1 / (A_KW / 8.0 * OVERHEAD);
    let why = format!("sold, not running: {value:.2} > 45.00 USD/MWh: earns more than its power costs");
    assert_eq!(start.why, why);
    let stop = of(&advice, "old-s").unwrap();
    assert_eq!((stop.direction(), stop.from_units, stop.to_units), (Direction::Stop, 10, 9));
    recompute(&message(&advice));
}

#[test]
fn no_more_is_started_than_is_there_and_nothing_where_nobody_says_how_many_there_are() {
    let start = |installed, sold| {
        let mut hall = Hall::new(sold);
        hall.hosting().gpus_installed = installed;
        hall.hosting().stop_penalty_usd_per_gpu_h = 1.0;
        hall.tick(0);
        hall.servers[1].1 = Err(Missing::Timeout);
        hall.tick(30);
        hall.plant.advice = None;
        let advice = hall.tick(120);
        if advice.is_to_move() {
            recompute(&message(&advice));
        }
        (of(&advice, "market").map(|m| m.to_units), advice.site_kw.unwrap())
    };
    assert_eq!(start(Some(14), 20).0, Some(14));
    assert_eq!(start(Some(20), 12).0, Some(12));
    let (none, presumed_kw) = start(None, 12);
    assert_eq!(none, None);
    // Four are sold and may well run where nobody reads them.
    close("presumed", presumed_kw - start(Some(20), 12).1, 4.0 * A_KW / 8.0 * OVERHEAD);
}

#[test]
fn sold_gpus_are_stopped_only_where_the_terms_allow_it_and_for_more_than_price_and_penalty() {
    let stopped = |stoppable, price, penalty| {
        let mut hall = Hall::new(8);
        hall.hosting().stoppable = stoppable;
        hall.hosting().stop_penalty_usd_per_gpu_h = penalty;
        hall.plant.price = price;
        let advice = hall.tick(0);
        recompute(&message(&advice));
        let m = of(&advice, "market").map(|m| (m.to_units, m.machines[0].clone()));
        assert!(of(&advice, "market-unsold").is_some_and(|m| m.to_units == 0), "{}", advice.text);
        m
    };
    // A sold GPU breaks even at 1,805.7 USD/MWh, with a penalty of 2.1 at twice that.
    assert_eq!(stopped(Stoppable::Unsold, 9_000.0, 0.0), None);
    assert_eq!(stopped(Stoppable::All, 1_700.0, 0.0), None);
    assert_eq!(stopped(Stoppable::All, 3_000.0, 0.0), Some((0, "a/GPU-a-0".to_owned())));
    assert_eq!(stopped(Stoppable::All, 3_000.0, 2.1), None);
    assert_eq!(stopped(Stoppable::All, 4_500.0, 2.1), Some((0, "a/GPU-a-0".to_owned())));
}

#[test]
fn gpus_beyond_a_contract_may_stop_and_those_under_it_never() {
    let mut hall = Hall::new(0);
    hall.hosting().terms = Terms::Reserved;
    hall.hosting().reserved_gpus = Some(8);
    hall.hosting().power_paid_by = PowerPaidBy::Tenant;
    hall.plant.price = 9_000.0;
    let advice = hall.tick(0);
    assert!(of(&advice, "market").is_none());
    let m = of(&advice, "market-unsold").unwrap();
    assert_eq!((m.to_units, m.power_passthrough), (0, false), "no tenant pays for what nobody rents");
    let mut lease = Hall::new(0);
    lease.hosting().terms = Terms::KwMonth;
    lease.plant.price = 9_000.0;
    assert!(lease.tick(0).moves.iter().all(|m| !m.block.starts_with("market")));
}

#[test]
fn a_stale_occupancy_makes_the_hosting_firm_and_blocks_the_advice_only_where_it_decides() {
    let stale = |min_gain, price| {
        let mut hall = Hall::new(8);
        hall.occupied_age = Duration::from_secs(16 * 60);
        hall.plant.policy.site.min_gain_usd_per_h = min_gain;
        hall.plant.price = price;
        let advice = hall.tick(0);
        message(&advice);
        (advice.status, advice.missing.clone(), advice.not_needed.clone(), hall)
    };
    // All sixteen unsold would save 0.66 USD/h.
    let (status, missing, ..) = stale(0.0, 45.0);
    assert_eq!((status, missing), (Status::NoRecommendation, vec!["market.sold".to_owned()]));
    let (status, missing, not_needed, hall) = stale(1.0, 45.0);
    assert_eq!((status, missing.len(), not_needed), (Status::Hold, 0, vec!["market.sold".to_owned()]));
    assert!(hall.block("market").unwrap().is_fixed());
    assert_eq!(stale(0.0, -20.0).0, Status::Hold, "at this price they run, sold or not");
    assert_eq!(stale(20.0, 9_000.0).0, Status::NoRecommendation);
}

#[test]
fn a_broken_cap_does_not_wait_for_the_occupancy() {
    let mut hall = Hall::new(8);
    hall.occupied_age = Duration::from_secs(16 * 60);
    hall.cap(80.0);
    let advice = hall.tick(0);
    assert_eq!(advice.status, Status::Mandatory, "{}", advice.text);
    assert!(advice.moves.iter().all(|m| !m.block.starts_with("market")));
}

#[test]
fn a_server_that_was_not_asked_yet_is_not_taken_as_switched_off() {
    let mut hall = Hall::new(12);
    hall.hosting().gpus_installed = Some(16);
    hall.servers[1].1 = Err(Missing::NotYet);
    let advice = hall.tick(0);
    assert_eq!(advice.status, Status::Hold, "{}", advice.text);
    hall.servers[1].1 = Ok(vec![BUSY; 8]);
    hall.plant.advice = None;
    assert!(of(&hall.tick(5), "market-unsold").is_some_and(|m| m.from_units == 4));
}

#[test]
fn a_hall_that_is_off_starts_by_what_a_gpu_drew_when_it_last_ran() {
    let mut hall = Hall::new(8);
    hall.hosting().gpus_installed = Some(16);
    let all_off = [("a", Err(Missing::Timeout)), ("b", Err(Missing::Timeout))];
    hall.tick(0);
    hall.servers = all_off.clone().into();
    hall.tick(30);
    let advice = hall.tick(120);
    let m = of(&advice, "market").unwrap();
    assert_eq!((m.from_units, m.to_units), (0, 8));
    close("unit", m.unit_kw, A_KW / 8.0);

    let mut fresh = Hall::new(8);
    fresh.hosting().gpus_installed = Some(16);
    fresh.servers = all_off.into();
    let advice = fresh.tick(0);
    assert_eq!(
        (advice.status, advice.missing),
        (Status::NoRecommendation, vec!["market.unit_kw".to_owned()])
    );
}

#[test]
fn the_same_hall_gives_the_same_bytes() {
    let bytes = || {
        let mut hall = Hall::new(8);
        [8, 12, 3, 16].map(|sold| {
            hall.occupied = sold;
            message(&hall.tick(u64::from(sold) * 400)).to_string()
        })
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn a_hall_that_is_read_in_part_still_has_its_reserve() {
    let mut hall = Hall::new(16);
    hall.hosting().stoppable = Stoppable::No;
    hall.plant.policy.site.ramp_reserve_kw = None;
    hall.cap(500.0);
    hall.tick(0);
    let reserve = |hall: &Hall| hall.plant.basis.as_ref().unwrap().reserve_kw;
    assert!(reserve(&hall) > 0.0);
    hall.servers[1].1 = Err(Missing::Timeout);
    hall.tick(120);
    assert!(reserve(&hall) > 0.5, "{}: the other server draws 7 kW", reserve(&hall));
}
