//! The answer against trying everything, in whole nano-dollars and milliwatts, ties included.

use wattsplit::economics::dispatch::{Problem, Status, solve};

use super::random::{Random, legal, site};

/// What decides between choices, best first: nano-dollars, milliwatts moved, |change| by id.
type Rank = (i128, std::cmp::Reverse<i128>, std::cmp::Reverse<Vec<u32>>);

fn whole(of: f64) -> i128 {
    (of * 1e9).round() as i128
}

fn milliwatts(kw: f64) -> i128 {
    (kw * 1e6).round() as i128
}

fn rank(p: &Problem, units: &[u32]) -> Option<Rank> {
    let price = p.price_usd_per_mwh.unwrap() + p.dr_credit_usd_per_mwh;
    let idle = |facility: bool| -> f64 {
        let each =
            p.blocks.iter().map(|b| if facility { b.overhead } else { 1.0 } * f64::from(b.units) * b.idle_kw);
        each.sum()
    };
    let (mut value, mut moved, mut drawn, mut cooled) = (0, 0, 0, 0);
    for (b, &n) in p.blocks.iter().zip(units) {
        let it_kw = b.unit_kw.unwrap() - b.idle_kw;
        let facility = milliwatts(b.overhead * it_kw);
        let energy = if b.power_passthrough { 0.0 } else { price / 1000.0 * b.overhead * it_kw };
        let n = i128::from(n);
        let change = n - i128::from(b.current);
        value +=
            n * whole(p.horizon_h * (b.revenue_usd_per_unit_h.unwrap() - b.var_cost_usd_per_unit_h - energy));
        value -= whole(p.horizon_h * b.stop_penalty_usd_per_unit_h) * (i128::from(b.committed) - n).max(0);
        value -= whole(b.start_usd_per_unit) * change.max(0) + whole(b.stop_usd_per_unit) * (-change).max(0);
        moved += change.abs() * facility.abs();
        drawn += n * facility;
        cooled += n * milliwatts(it_kw);
    }
    let fits = p.cap_kw.is_none_or(|cap| drawn <= milliwatts(cap - (p.fixed_overhead_kw + idle(true))))
        && p.cooling_cap_kw.is_none_or(|cap| cooled <= milliwatts(cap - idle(false)));
    let mut by_id: Vec<(&str, u32)> =
        p.blocks.iter().zip(units).map(|(b, &n)| (b.id.as_str(), n.abs_diff(b.current))).collect();
    by_id.sort_unstable();
    let changes = by_id.into_iter().map(|(_, change)| change).collect();
    fits.then_some((value, std::cmp::Reverse(moved), std::cmp::Reverse(changes)))
}

fn best(p: &Problem) -> Option<Rank> {
    let mut units: Vec<u32> = p.blocks.iter().map(|b| b.min_units).collect();
    let mut best = None;
    loop {
        best = best.max(rank(p, &units));
        let next = p.blocks.iter().zip(&mut units).find(|(b, n)| **n < b.max_units);
        let Some((first, _)) = next else { return best };
        let id = first.id.clone();
        for (b, n) in p.blocks.iter().zip(&mut units) {
            if b.id == id {
                *n += 1;
                break;
            }
            *n = b.min_units;
        }
    }
}

/// The answer, as the move from nothing decided: the target of a solution that does not hold.
#[track_caller]
fn check(what: &str, n: usize, p: &Problem) {
    let s = solve(p);
    let Some(best) = best(p) else {
        assert_eq!(s.status, Status::Infeasible, "{what} {n}");
        return;
    };
    assert!(s.proven, "{what} {n}");
    let ours = rank(p, &s.target);
    if s.status == Status::Hold {
        // A gain of under a nano-dollar is none.
        assert!(s.best_net_gain_usd <= 0.0, "{what} {n}: held at {}", s.best_net_gain_usd);
    } else {
        assert_eq!(ours, Some(best), "{what} {n}: {:?}", s.target);
    }
}

fn sites(
    seed: u64,
    count: usize,
    blocks: usize,
    most_units: u32,
    change: impl Fn(&mut Random, &mut Problem),
) -> Vec<Problem> {
    let mut random = Random(seed);
    let each = (0..count).map(|_| {
        let mut p = site(&mut random, blocks, most_units);
        legal(&mut p);
        change(&mut random, &mut p);
        // Listed in any order.
        p.blocks.sort_by_key(|b| b.max_units);
        p
    });
    each.collect()
}

/// Both caps at this part of what the blocks can draw, so that both are full.
fn fill_both(random: &mut Random, p: &mut Problem) {
    let it = |facility: bool| -> f64 {
        let each = p.blocks.iter().map(|b| {
            let kw =
                f64::from(b.max_units) * b.unit_kw.unwrap() + f64::from(b.units - b.max_units) * b.idle_kw;
            if facility { b.overhead * kw } else { kw }
        });
        each.sum()
    };
    let part = random.between(0.4, 0.8);
    p.cap_kw = Some(p.fixed_overhead_kw + part * it(true));
    p.cooling_cap_kw = Some(part * random.between(0.95, 1.05) * it(false));
    p.price_usd_per_mwh = Some(random.between(-20.0, 40.0));
}

/// Blocks of one model, with a cap that leaves a remainder: what differs is what runs now.
fn make_equal(random: &mut Random, p: &mut Problem) {
    for b in &mut p.blocks {
        (b.unit_kw, b.idle_kw, b.overhead) = (Some(3.5), 0.0, 1.1);
        (b.revenue_usd_per_unit_h, b.power_passthrough) = (Ok(0.5), false);
        (b.start_usd_per_unit, b.stop_usd_per_unit, b.stop_penalty_usd_per_unit_h) = (0.0, 0.0, 0.0);
    }
    let most: f64 = p.blocks.iter().map(|b| f64::from(b.max_units) * 3.85).sum();
    p.cap_kw = Some(p.fixed_overhead_kw + most * random.between(0.2, 0.9));
    p.price_usd_per_mwh = Some(20.0);
}

#[test]
fn ties_go_to_the_least_power_moved_and_then_to_the_least_change_by_id() {
    for (n, p) in sites(21, 400, 4, 7, make_equal).iter().enumerate() {
        check("equal blocks", n, p);
    }
    let two_sizes = |random: &mut Random, p: &mut Problem| {
        make_equal(random, p);
        for b in p.blocks.iter_mut().filter(|b| b.id.as_str() >= "b002") {
            (b.unit_kw, b.revenue_usd_per_unit_h) = (Some(7.0), Ok(1.0));
        }
    };
    for (n, p) in sites(22, 400, 4, 7, two_sizes).iter().enumerate() {
        check("blocks of equal value", n, p);
    }
}

#[test]
fn two_full_rooms_agree_with_trying_everything() {
    for (n, p) in sites(23, 600, 4, 7, fill_both).iter().enumerate() {
        check("two rooms", n, p);
    }
}

#[test]
fn blocks_that_draw_less_when_they_run_agree_with_trying_everything() {
    let odd = |random: &mut Random, p: &mut Problem| {
        fill_both(random, p);
        let b = &mut p.blocks[0];
        b.idle_kw = 1.3 * b.unit_kw.unwrap();
        b.var_cost_usd_per_unit_h = random.between(0.0, 60.0);
    };
    for (n, p) in sites(24, 400, 4, 7, odd).iter().enumerate() {
        check("less when running", n, p);
    }
}

#[test]
fn many_equal_blocks_are_searched_to_the_end_in_any_order() {
    for (n, p) in sites(25, 10, 60, 1000, make_equal).iter().enumerate() {
        let s = solve(p);
        assert!(s.proven, "site {n}");
        let mut reversed = p.clone();
        reversed.blocks.reverse();
        let mut other = solve(&reversed);
        other.target.reverse();
        assert_eq!(s.target, other.target, "site {n}");
    }
}
