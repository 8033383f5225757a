//! One interval with its price known: what states draw and earn, in floats for people and in
//! integers for the search.

use super::account::Account;
use super::search::{Item, Knapsack};
use super::{Block, Problem, Uncertainty};
use crate::economics::Class;

/// Inputs that are missing and can change the answer. The revenue of a block that cannot move
/// changes nothing; its power does as soon as one of its units runs under a cap.
pub fn missing_inputs(problem: &Problem) -> Vec<String> {
    let mut missing = Vec::new();
    if problem.price_usd_per_mwh.is_none() {
        missing.push("price".to_owned());
    }
    let capped = problem.cap_kw.is_some() || problem.cooling_cap_kw.is_some();
    for block in &problem.blocks {
        let moves = !block.is_fixed();
        if let Err(name) = block.revenue_usd_per_unit_h
            && moves
        {
            missing.push(format!("{}.{name}", block.id));
        }
        if block.unit_kw.is_none() && (moves || capped && block.current > 0) {
            missing.push(format!("{}.unit_kw", block.id));
        }
    }
    missing
}

pub struct Interval<'a> {
    problem: &'a Problem,
    price: f64,
}

/// Scale factors of one corner of the uncertainty.
#[derive(Clone, Copy)]
struct Corner {
    price: f64,
    hash: f64,
    ai: f64,
}

const CENTRE: Corner = Corner { price: 1.0, hash: 1.0, ai: 1.0 };

const NANO: f64 = 1e9;
const MILLIWATT_PER_KW: f64 = 1e6;

impl<'a> Interval<'a> {
    pub fn new(problem: &'a Problem, price: f64) -> Self {
        Self { problem, price }
    }

    fn blocks<'b>(&'b self, units: &'b [u32]) -> impl Iterator<Item = (&'a Block, u32)> + 'b {
        self.problem.blocks.iter().zip(units.iter().copied())
    }

    fn it_kw(block: &Block, running: u32) -> f64 {
        let stopped = f64::from(block.units.saturating_sub(running));
        f64::from(running) * block.unit_kw.unwrap_or(0.0) + stopped * block.idle_kw
    }

    fn site_kw(&self, units: &[u32]) -> f64 {
        self.problem.fixed_overhead_kw
            + self.blocks(units).map(|(b, n)| b.overhead * Self::it_kw(b, n)).sum::<f64>()
    }

    fn profit(&self, units: &[u32], corner: Corner) -> f64 {
        let price = self.price * corner.price;
        let blocks: f64 = self
            .blocks(units)
            .map(|(b, n)| {
                let scale = if b.class == Class::Hash { corner.hash } else { corner.ai };
                let revenue = b.revenue_usd_per_unit_h.unwrap_or(0.0) * scale;
                let short = f64::from(b.committed.saturating_sub(n));
                let energy = if b.power_passthrough {
                    0.0
                } else {
                    (price + self.problem.dr_credit_usd_per_mwh) / 1000.0 * b.overhead * Self::it_kw(b, n)
                };
                f64::from(n) * (revenue - b.var_cost_usd_per_unit_h)
                    - b.stop_penalty_usd_per_unit_h * short
                    - energy
            })
            .sum();
        blocks - price / 1000.0 * self.problem.fixed_overhead_kw
    }

    pub fn account(&self, units: &[u32]) -> Account {
        let revenue = |class| {
            self.blocks(units)
                .filter(|(b, _)| b.class == class)
                .map(|(b, n)| b.revenue_usd_per_unit_h.ok().map(|r| r * f64::from(n)))
                .sum::<Option<f64>>()
        };
        Account {
            site_kw: self.site_kw(units),
            profit_usd_per_h: self.profit(units, CENTRE),
            hash_revenue_usd_per_h: revenue(Class::Hash),
            ai_revenue_usd_per_h: revenue(Class::Ai),
        }
    }

    pub fn one_off(&self, from: &[u32], to: &[u32]) -> f64 {
        self.blocks(from)
            .zip(to)
            .map(|((b, from), &to)| {
                f64::from(to.saturating_sub(from)) * b.start_usd_per_unit
                    + f64::from(from.saturating_sub(to)) * b.stop_usd_per_unit
            })
            .sum()
    }

    fn net_gain_at(&self, from: &[u32], to: &[u32], corner: Corner) -> f64 {
        let steady = self.profit(to, corner) - self.profit(from, corner);
        steady * self.problem.horizon_h - self.one_off(from, to)
    }

    /// Zero below a nano-dollar: what is left there is rounding.
    pub fn net_gain(&self, from: &[u32], to: &[u32]) -> f64 {
        let gain = self.net_gain_at(from, to, CENTRE);
        if gain.abs() * NANO < 1.0 { 0.0 } else { gain }
    }

    pub fn net_gain_range(&self, from: &[u32], to: &[u32], u: Uncertainty) -> (f64, f64) {
        let mut range = (f64::INFINITY, f64::NEG_INFINITY);
        for corner in 0..8 {
            let scale = |bit: u32, rel: f64| if corner >> bit & 1 == 0 { 1.0 - rel } else { 1.0 + rel };
            let corner = Corner {
                price: scale(0, u.price_rel),
                hash: scale(1, u.hash_revenue_rel),
                ai: scale(2, u.ai_revenue_rel),
            };
            let gain = self.net_gain_at(from, to, corner);
            range = (range.0.min(gain), range.1.max(gain));
        }
        range
    }

    /// The search's view: what each unit adds, with the caps less what stopped units draw.
    pub fn knapsack(&self) -> Knapsack<'a> {
        let p = self.problem;
        let mw = |kw: f64| (kw * MILLIWATT_PER_KW).round() as i64;
        let nano = |usd: f64| (usd * NANO).round() as i64;
        let items = p
            .blocks
            .iter()
            .map(|b| {
                let it_kw = b.unit_kw.unwrap_or(0.0) - b.idle_kw;
                let price = (self.price + p.dr_credit_usd_per_mwh) / 1000.0;
                let energy = if b.power_passthrough { 0.0 } else { price * b.overhead * it_kw };
                let earned = b.revenue_usd_per_unit_h.unwrap_or(0.0) - b.var_cost_usd_per_unit_h;
                Item {
                    id: &b.id,
                    lo: i64::from(b.min_units),
                    hi: i64::from(b.max_units.min(b.units)),
                    current: i64::from(b.current),
                    committed: i64::from(b.committed),
                    gain: nano(p.horizon_h * (earned - energy)),
                    penalty: nano(p.horizon_h * b.stop_penalty_usd_per_unit_h),
                    start: nano(b.start_usd_per_unit),
                    stop: nano(b.stop_usd_per_unit),
                    draw: [mw(b.overhead * it_kw), mw(it_kw)],
                }
            })
            .collect();
        let idle_it: f64 = p.blocks.iter().map(|b| f64::from(b.units) * b.idle_kw).sum();
        let idle_site: f64 = p.blocks.iter().map(|b| b.overhead * f64::from(b.units) * b.idle_kw).sum();
        let room = |cap: Option<f64>, base: f64| cap.map(|cap| mw(cap - base));
        Knapsack {
            items,
            room: [room(p.cap_kw, p.fixed_overhead_kw + idle_site), room(p.cooling_cap_kw, idle_it)],
        }
    }
}
