//! The optimiser on random sites: what must hold on every one of them.

use wattsplit::economics::dispatch::{Block, Problem, Solution, Status, solve};

use random::{Random, legal, site};

mod commitment;
mod exact;
pub mod random;

fn site_kw(p: &Problem, units: &[u32]) -> f64 {
    p.fixed_overhead_kw + p.blocks.iter().zip(units).map(|(b, &n)| b.overhead * it_kw(b, n)).sum::<f64>()
}

fn it_kw(b: &Block, n: u32) -> f64 {
    f64::from(n) * b.unit_kw.unwrap() + f64::from(b.units - n) * b.idle_kw
}

fn fits(p: &Problem, units: &[u32]) -> bool {
    let cooled: f64 = p.blocks.iter().zip(units).map(|(b, &n)| it_kw(b, n)).sum();
    p.cap_kw.is_none_or(|cap| site_kw(p, units) <= cap + 1e-4)
        && p.cooling_cap_kw.is_none_or(|cap| cooled <= cap + 1e-4)
}

/// Net value of a state, written out from the model and not from the code.
fn value(p: &Problem, units: &[u32]) -> f64 {
    let price = p.price_usd_per_mwh.unwrap();
    let mut sum = -price / 1000.0 * p.fixed_overhead_kw;
    for (b, &n) in p.blocks.iter().zip(units) {
        sum += f64::from(n) * b.revenue_usd_per_unit_h.unwrap();
        sum -= b.stop_penalty_usd_per_unit_h * f64::from(b.committed.saturating_sub(n));
        if !b.power_passthrough {
            sum -= (price + p.dr_credit_usd_per_mwh) / 1000.0 * b.overhead * it_kw(b, n);
        }
        sum -= b.start_usd_per_unit * f64::from(n.saturating_sub(b.current));
        sum -= b.stop_usd_per_unit * f64::from(b.current.saturating_sub(n));
    }
    sum
}

fn brute_force(p: &Problem) -> Option<f64> {
    let mut units: Vec<u32> = p.blocks.iter().map(|b| b.min_units).collect();
    let mut best = None;
    loop {
        if fits(p, &units) {
            let v = value(p, &units);
            best = Some(best.map_or(v, |b: f64| b.max(v)));
        }
        let mut i = 0;
        loop {
            if i == units.len() {
                return best;
            }
            if units[i] < p.blocks[i].max_units {
                units[i] += 1;
                break;
            }
            units[i] = p.blocks[i].min_units;
            i += 1;
        }
    }
}

fn present(p: &Problem) -> Vec<u32> {
    p.blocks.iter().map(|b| b.current).collect()
}

/// Value of the optimum, even where the present state is held.
fn best_value(p: &Problem, s: &Solution) -> f64 {
    value(p, &present(p)) + s.best_net_gain_usd
}

fn sites(seed: u64, count: usize, blocks: u32, most_units: u32) -> Vec<Problem> {
    let mut random = Random(seed);
    (0..count)
        .map(|_| {
            let blocks = 1 + random.upto(blocks - 1) as usize;
            let mut p = site(&mut random, blocks, most_units);
            legal(&mut p);
            p
        })
        .collect()
}

#[test]
fn small_sites_agree_with_trying_everything() {
    for (n, p) in sites(42, 3000, 4, 6).iter().enumerate() {
        let s = solve(p);
        match brute_force(p) {
            None => assert_eq!(s.status, Status::Infeasible, "site {n}"),
            Some(best) => {
                assert_ne!(s.status, Status::Infeasible, "site {n}");
                let ours = best_value(p, &s);
                assert!((ours - best).abs() < 1e-6 * best.abs().max(1.0), "site {n}: {ours}, not {best}");
                assert!(s.proven, "site {n}");
            }
        }
    }
}

#[test]
fn the_advised_state_keeps_the_caps_never_loses_and_is_held_afterwards() {
    for (n, p) in sites(7, 400, 25, 60).iter().enumerate() {
        let s = solve(p);
        if s.status == Status::Infeasible {
            continue;
        }
        assert!(fits(p, &s.target) || s.status == Status::Hold, "site {n}");
        assert!(s.net_gain_usd >= 0.0 || s.status == Status::Mandatory, "site {n}: {}", s.net_gain_usd);
        let mut after = p.clone();
        for (b, &target) in after.blocks.iter_mut().zip(&s.target) {
            b.current = target;
        }
        assert!(s.proven, "site {n}");
        assert_eq!(solve(&after).target, s.target, "site {n}: the advised state is not held");
    }
}

#[test]
fn the_answer_does_not_depend_on_the_order_of_the_blocks() {
    for (n, p) in sites(11, 200, 20, 40).iter().enumerate() {
        let mut reversed = p.clone();
        reversed.blocks.reverse();
        let (a, mut b) = (solve(p), solve(&reversed));
        b.target.reverse();
        assert_eq!(a.target, b.target, "site {n}");
    }
}

#[test]
fn splitting_a_block_in_two_changes_no_money() {
    for (n, p) in sites(13, 200, 10, 20).iter().enumerate() {
        let mut split = p.clone();
        let mut half = split.blocks[0].clone();
        half.id.push('x');
        let (a, b) = (&mut split.blocks[0], &mut half);
        let fields: [fn(&mut Block) -> &mut u32; 5] = [
            |b| &mut b.units,
            |b| &mut b.current,
            |b| &mut b.min_units,
            |b| &mut b.max_units,
            |b| &mut b.committed,
        ];
        for field in fields {
            let whole = *field(a);
            *field(a) = whole / 2;
            *field(b) = whole - whole / 2;
        }
        // A soft commitment to the whole is not the sum of commitments to its halves.
        if p.blocks[0].committed > 0 && p.blocks[0].stop_penalty_usd_per_unit_h > 0.0 {
            continue;
        }
        legal(&mut split);
        if split.blocks[0].current + half.current != p.blocks[0].current {
            continue;
        }
        split.blocks.push(half);
        let (whole, halves) = (solve(p), solve(&split));
        if whole.status == Status::Infeasible {
            continue;
        }
        let (a, b) = (best_value(p, &whole), best_value(&split, &halves));
        assert!((a - b).abs() < 1e-6 * a.abs().max(1.0), "site {n}: {a} and {b}");
    }
}

#[test]
fn a_higher_price_never_makes_the_exposed_blocks_draw_more() {
    for (n, p) in sites(17, 150, 15, 30).iter().enumerate() {
        let mut p = p.clone();
        p.blocks.iter_mut().for_each(|b| b.power_passthrough = false);
        let mut last = f64::INFINITY;
        for price in [-20.0, 20.0, 60.0, 120.0, 400.0, 3000.0] {
            p.price_usd_per_mwh = Some(price);
            let s = solve(&p);
            if s.status == Status::Infeasible {
                break;
            }
            let kw = site_kw(&p, &s.target);
            assert!(kw <= last + 1e-3, "site {n} at {price}: {kw} after {last}");
            last = kw;
        }
    }
}
