//! Plans over several steps: what must hold on every random horizon.

use wattsplit::economics::commitment::{Horizon, Plan, Switched, plan};

use super::random::{Random, horizon};

/// Whether a plan keeps the minimum times, written out anew.
fn legal(b: &Switched, plan: &[bool]) -> bool {
    let (mut on, mut lasted) = (b.initial_on, b.initial_steps);
    plan.iter().all(|&next| {
        if next == on {
            lasted += 1;
            return true;
        }
        let least = if on { b.min_up } else { b.min_down };
        let fine = lasted >= least;
        (on, lasted) = (next, 1);
        fine
    })
}

fn fits(h: &Horizon, plans: &[&Vec<bool>]) -> bool {
    h.room.is_none_or(|room| {
        (0..h.steps).all(|t| {
            let drawn = h.blocks.iter().zip(plans);
            drawn.map(|(b, p)| if p[t] { b.draw_on } else { b.draw_off }).sum::<i64>() <= room
        })
    })
}

/// Tries all legal plans of all blocks.
fn brute_force(h: &Horizon) -> Option<i128> {
    let each: Vec<Vec<Vec<bool>>> = h
        .blocks
        .iter()
        .map(|b| {
            let all = (0u32..1 << h.steps).map(|bits| (0..h.steps).map(|t| bits >> t & 1 == 1).collect());
            all.filter(|plan: &Vec<bool>| legal(b, plan)).collect()
        })
        .collect();
    let ways: usize = each.iter().map(Vec::len).product();
    (0..ways)
        .filter_map(|way| {
            let mut rest = way;
            let mut plans = Vec::new();
            for plans_of_one in &each {
                plans.push(&plans_of_one[rest % plans_of_one.len()]);
                rest /= plans_of_one.len();
            }
            fits(h, &plans).then(|| h.blocks.iter().zip(&plans).map(|(b, p)| b.profit(p)).sum())
        })
        .max()
}

fn check(n: usize, h: &Horizon, found: &Plan) {
    assert!(h.blocks.iter().zip(&found.on).all(|(b, p)| legal(b, p)), "horizon {n}");
    assert!(fits(h, &found.on.iter().collect::<Vec<_>>()), "horizon {n}");
    assert_eq!(found.profit, h.blocks.iter().zip(&found.on).map(|(b, p)| b.profit(p)).sum::<i128>());
}

#[track_caller]
fn agrees(n: usize, h: &Horizon) {
    match (brute_force(h), plan(h)) {
        (None, None) => {}
        (Some(best), Some(found)) => {
            assert!(found.proven, "horizon {n}");
            assert_eq!(found.profit, best, "horizon {n}");
            check(n, h, &found);
        }
        (best, found) => panic!("horizon {n}: {best:?} and {found:?}"),
    }
}

#[test]
fn small_horizons_agree_with_trying_everything() {
    let mut random = Random(5);
    for n in 0..60 {
        agrees(n, &horizon(&mut random, 3, 4, n % 3 > 0));
    }
    for n in 0..30 {
        agrees(n, &horizon(&mut random, 2, 8, true));
    }
    for n in 0..20 {
        agrees(n, &horizon(&mut random, 3, 6, true));
    }
}

#[test]
fn a_state_that_must_last_and_idle_power_agree_with_trying_everything() {
    let mut random = Random(6);
    for n in 0..150 {
        let mut h = horizon(&mut random, 3, 5, true);
        for b in &mut h.blocks {
            b.initial_steps = 1 + random.upto(2) as usize;
            let most = if random.upto(3) == 0 { 1_200_000 } else { 50_000 };
            b.draw_off = random.upto(most).into();
        }
        agrees(n, &h);
    }
}

#[test]
fn a_full_cap_is_planned_to_the_end_and_the_profit_does_not_depend_on_the_order_of_the_blocks() {
    let mut random = Random(8);
    for n in 0..12 {
        let h = horizon(&mut random, 8, 12, true);
        let found = plan(&h).unwrap();
        assert!(found.proven, "horizon {n}");
        check(n, &h, &found);
        let mut reversed = h.clone();
        reversed.blocks.reverse();
        assert_eq!(plan(&reversed).unwrap().profit, found.profit, "horizon {n}");
    }
}
