//! Random sites, the same on every machine.

use wattsplit::economics::Class;
use wattsplit::economics::commitment::{Horizon, Switched};
use wattsplit::economics::dispatch::{Block, Problem};

/// A small generator of its own: the same sites on every machine and with every crate version.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn upto(&mut self, n: u32) -> u32 {
        (self.next() % u64::from(n + 1)) as u32
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() % 100_001) as f64 / 100_000.0
    }
}

fn block(random: &mut Random, id: usize, most_units: u32) -> Block {
    let units = random.upto(most_units);
    let max_units = random.upto(units);
    let ai = random.upto(3) == 0;
    let unit_kw = random.between(2.0, 200.0);
    let efficiency = if ai { random.between(200.0, 2000.0) } else { random.between(40.0, 130.0) };
    Block {
        id: format!("b{id:03}"),
        class: if ai { Class::Ai } else { Class::Hash },
        units,
        current: random.upto(max_units),
        min_units: if random.upto(4) == 0 { random.upto(max_units) } else { 0 },
        max_units,
        unit_kw: Some(unit_kw),
        idle_kw: if ai { unit_kw * 0.2 } else { 0.0 },
        overhead: random.between(1.0, 1.4),
        revenue_usd_per_unit_h: Ok(efficiency * unit_kw / 1000.0),
        var_cost_usd_per_unit_h: 0.0,
        committed: random.upto(max_units),
        stop_penalty_usd_per_unit_h: if random.upto(4) == 0 { random.between(0.0, 50.0) } else { 0.0 },
        power_passthrough: random.upto(9) == 0,
        start_usd_per_unit: random.between(0.0, 0.5),
        stop_usd_per_unit: random.between(0.0, 0.5),
    }
}

pub fn site(random: &mut Random, blocks: usize, most_units: u32) -> Problem {
    let blocks: Vec<Block> = (0..blocks).map(|id| block(random, id, most_units)).collect();
    let most: f64 = blocks.iter().map(|b| f64::from(b.max_units) * b.unit_kw.unwrap() * b.overhead).sum();
    Problem {
        price_usd_per_mwh: Some(random.between(-20.0, 140.0)),
        dr_credit_usd_per_mwh: if random.upto(5) == 0 { 30.0 } else { 0.0 },
        cap_kw: (random.upto(3) > 0).then(|| 50.0 + most * random.between(0.3, 1.1)),
        cooling_cap_kw: (random.upto(3) == 0).then(|| most * random.between(0.4, 1.0)),
        fixed_overhead_kw: 50.0,
        horizon_h: 1.0,
        min_gain_usd: 0.0,
        uncertainty: None,
        blocks,
    }
}

/// Bounds in order, and the present state within them.
pub fn legal(p: &mut Problem) {
    for b in &mut p.blocks {
        b.min_units = b.min_units.min(b.max_units);
        b.current = b.current.clamp(b.min_units, b.max_units);
    }
}

pub fn horizon(random: &mut Random, blocks: usize, steps: usize, capped: bool) -> Horizon {
    let blocks: Vec<Switched> = (0..blocks)
        .map(|_| {
            let draw_on = 100_000 + i64::from(random.upto(900_000));
            let worth = random.between(30.0, 120.0);
            let step = |price: f64| (draw_on as f64 * (worth - price)) as i64;
            Switched {
                on: (0..steps).map(|_| step(random.between(-20.0, 160.0))).collect(),
                off: vec![0; steps],
                draw_on,
                draw_off: 0,
                start: i64::from(random.upto(20_000_000)),
                stop: i64::from(random.upto(20_000_000)),
                min_up: random.upto(3) as usize,
                min_down: random.upto(3) as usize,
                initial_on: random.upto(1) == 0,
                initial_steps: 3,
            }
        })
        .collect();
    let all: i64 = blocks.iter().map(|b| b.draw_on).sum();
    let room = capped.then(|| (all as f64 * random.between(0.4, 0.9)) as i64);
    Horizon { steps, room, blocks }
}
