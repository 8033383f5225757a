//! Sites and horizons that are hard for a search, or usual in the field.

use wattsplit::economics::commitment::{Horizon, Switched};
use wattsplit::economics::dispatch::{Block, Problem};

use super::random::{Random, legal, site};

type Family = fn(&mut Random, usize) -> Problem;

pub const FAMILIES: [(&str, Family); 12] = [
    ("both caps full", both_full),
    ("equal blocks and a remainder", equal),
    ("equal blocks and one odd", equal_but_one),
    ("equal USD per unit", equal_per_unit),
    ("five models of one efficiency", models),
    ("a fleet of many efficiencies", fleet),
    ("negative price", negative_price),
    ("some draw less when running", less_when_running),
    ("up to 1,000,000 units each", million),
    ("strongly correlated", correlated),
    ("equal USD/MWh, units of 10 W", equal_per_mwh_round),
    ("equal USD/MWh, any unit", equal_per_mwh),
];

fn start(random: &mut Random, blocks: usize, most_units: u32, change: impl Fn(usize, &mut Block)) -> Problem {
    let mut p = site(random, blocks, most_units);
    p.blocks.iter_mut().enumerate().for_each(|(i, b)| change(i, b));
    legal(&mut p);
    p.price_usd_per_mwh = Some(random.between(-20.0, 40.0));
    p.cap_kw = Some(p.fixed_overhead_kw + random.between(0.3, 0.9) * most_kw(&p, true));
    p.cooling_cap_kw = None;
    p
}

fn most_kw(p: &Problem, facility: bool) -> f64 {
    let each = p.blocks.iter().map(|b| {
        let stopped = f64::from(b.units - b.max_units) * b.idle_kw;
        let kw = f64::from(b.max_units) * b.unit_kw.unwrap() + stopped;
        if facility { b.overhead * kw } else { kw }
    });
    each.sum()
}

/// Nothing but power and revenue tells the units apart.
fn plain(b: &mut Block, unit_kw: f64, overhead: f64, revenue_usd_per_unit_h: f64) {
    (b.unit_kw, b.idle_kw, b.overhead) = (Some(unit_kw), 0.0, overhead);
    (b.revenue_usd_per_unit_h, b.power_passthrough) = (Ok(revenue_usd_per_unit_h), false);
    (b.start_usd_per_unit, b.stop_usd_per_unit, b.stop_penalty_usd_per_unit_h) = (0.0, 0.0, 0.0);
}

fn both_full(random: &mut Random, blocks: usize) -> Problem {
    let mut p = start(random, blocks, 1000, |_, _| ());
    let part = random.between(0.3, 0.8);
    p.cap_kw = Some(p.fixed_overhead_kw + part * most_kw(&p, true));
    p.cooling_cap_kw = Some(part * random.between(0.95, 1.05) * most_kw(&p, false));
    p
}

fn equal(random: &mut Random, blocks: usize) -> Problem {
    start(random, blocks, 1000, |_, b| plain(b, 3.51, 1.1, 0.4))
}

fn equal_but_one(random: &mut Random, blocks: usize) -> Problem {
    start(random, blocks, 1000, |i, b| {
        if i > 0 {
            plain(b, 3.51, 1.1, 0.4);
        }
    })
}

fn equal_per_unit(random: &mut Random, blocks: usize) -> Problem {
    start(random, blocks, 1000, |_, b| {
        plain(b, b.unit_kw.unwrap(), b.overhead, 20.0);
        b.power_passthrough = true;
    })
}

fn models(random: &mut Random, blocks: usize) -> Problem {
    start(random, blocks, 1000, |i, b| {
        let kw = [3.25, 3.5, 3.01, 5.36, 3.645][i % 5];
        plain(b, kw, 1.05, kw * 0.075);
    })
}

/// As `backtest --fleet` makes it: a hundred units each.
fn fleet(random: &mut Random, blocks: usize) -> Problem {
    start(random, blocks, 100, |i, b| {
        let kw = 20.0 + i as f64;
        plain(b, kw, 1.0, kw / (15.0 + 0.9 * i as f64) * 50.0 / 24.0);
        (b.units, b.max_units, b.min_units, b.current) = (100, 100, 0, 100);
    })
}

fn negative_price(random: &mut Random, blocks: usize) -> Problem {
    let mut p = start(random, blocks, 1000, |_, _| ());
    p.price_usd_per_mwh = Some(-random.between(20.0, 300.0));
    p
}

fn less_when_running(random: &mut Random, blocks: usize) -> Problem {
    start(random, blocks, 1000, |i, b| {
        if i % 3 == 0 {
            b.idle_kw = 1.3 * b.unit_kw.unwrap();
            b.var_cost_usd_per_unit_h = 30.0;
        }
    })
}

fn million(random: &mut Random, blocks: usize) -> Problem {
    start(random, blocks, 1_000_000, |_, _| ())
}

fn correlated(random: &mut Random, blocks: usize) -> Problem {
    start(random, blocks, 1000, |_, b| {
        let kw = b.unit_kw.unwrap();
        plain(b, kw, b.overhead, 0.1 * kw * b.overhead + 1.0);
    })
}

fn equal_per_mwh_round(random: &mut Random, blocks: usize) -> Problem {
    start(random, blocks, 1000, |_, b| {
        let kw = (b.unit_kw.unwrap() * 100.0).round() / 100.0;
        plain(b, kw, 1.1, 0.1 * kw * 1.1);
    })
}

fn equal_per_mwh(random: &mut Random, blocks: usize) -> Problem {
    start(random, blocks, 1000, |_, b| {
        let kw = b.unit_kw.unwrap();
        plain(b, kw, b.overhead, 0.1 * kw * b.overhead);
    })
}

/// One price for all blocks: two days with an evening peak. Each block earns the same in every step.
pub fn real_horizon(random: &mut Random, blocks: usize, steps: usize) -> Horizon {
    let prices: Vec<f64> = (0..steps)
        .map(|t| {
            let evening = if (17..22).contains(&(t % 24)) { random.between(30.0, 150.0) } else { 0.0 };
            random.between(5.0, 45.0) + evening
        })
        .collect();
    let block = |random: &mut Random| {
        let draw_on = 100_000_000 + i64::from(random.upto(900_000_000));
        let worth = random.between(30.0, 120.0);
        Switched {
            on: prices.iter().map(|price| (draw_on as f64 * (worth - price)) as i64).collect(),
            off: vec![0; steps],
            draw_on,
            draw_off: 0,
            start: (draw_on as f64 * random.between(0.0, 10.0)) as i64,
            stop: (draw_on as f64 * random.between(0.0, 5.0)) as i64,
            min_up: 1 + random.upto(2) as usize,
            min_down: 1 + random.upto(2) as usize,
            initial_on: random.upto(1) == 0,
            initial_steps: 3,
        }
    };
    let blocks: Vec<Switched> = (0..blocks).map(|_| block(random)).collect();
    let all: i64 = blocks.iter().map(|b| b.draw_on).sum();
    let room = Some((all as f64 * random.between(0.6, 0.9)) as i64);
    Horizon { steps, room, blocks }
}
