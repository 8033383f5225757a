//! A bound that no plan can beat: each step and each block on its own.
//!
//! Running a block in a step gets a price of its own. Each block then plans at these prices, and
//! each step, which is paid them, fills its room. Where both choose the same, the prices are right;
//! where they differ, the price moves towards agreement.

use super::Horizon;
use super::fill::{Offer, fill};
use super::losses::{Chain, SCALE};

/// Rounds in which the prices are improved.
const ROUNDS: u32 = 150;

/// Rounds without a better bound after which the strides get shorter.
const PATIENCE: u32 = 8;

pub struct Split<'a> {
    pub chains: Vec<Chain<'a>>,
    /// The most that each step can be paid.
    pub paid: Vec<i128>,
    /// Nano-dollars × [`SCALE`].
    pub bound: i128,
}

impl<'a> Split<'a> {
    /// At these prices, by block and step; also by how much the choice of the steps exceeds that
    /// of the blocks.
    fn at(horizon: &'a Horizon, room: i64, prices: &[Vec<f64>]) -> (Self, Vec<Vec<f64>>) {
        let whole = |prices: &Vec<f64>| prices.iter().map(|price| (price * SCALE as f64) as i128).collect();
        let blocks = horizon.blocks.iter().zip(prices);
        let chains: Vec<Chain> = blocks.map(|(block, prices)| Chain::new(block, whole(prices))).collect();
        let plans: Vec<Vec<bool>> = chains.iter().map(Chain::plan).collect();
        let off: i64 = horizon.blocks.iter().map(|block| block.draw_off).sum();
        let mut apart: Vec<Vec<f64>> =
            plans.iter().map(|plan| plan.iter().map(|&on| if on { -1.0 } else { 0.0 }).collect()).collect();
        let mut paid = Vec::with_capacity(horizon.steps);
        for t in 0..horizon.steps {
            let offers = chains.iter().enumerate().map(|(block, chain)| Offer {
                block,
                price: chain.price(t),
                draw: chain.block.draw_on - chain.block.draw_off,
            });
            let (sum, taken) = fill(offers.collect(), room - off);
            paid.push(sum);
            for block in taken {
                if let Some(place) = apart.get_mut(block).and_then(|apart| apart.get_mut(t)) {
                    *place += 1.0;
                }
            }
        }
        // A step that costs nothing and has room for what the blocks choose agrees with them.
        for (t, excess) in horizon.excess(room, &plans).enumerate() {
            if excess <= 0 && chains.iter().all(|chain| chain.price(t) == 0) {
                apart.iter_mut().filter_map(|apart| apart.get_mut(t)).for_each(|apart| *apart = 0.0);
            }
        }
        let worth: i128 = chains.iter().map(|chain| chain.to_go(0, chain.initial())).sum();
        let bound = worth + paid.iter().sum::<i128>();
        (Self { chains, paid, bound }, apart)
    }

    /// From rents by step to prices that (nearly) minimise the bound; `target` is what some plan
    /// earns.
    pub fn improve(horizon: &'a Horizon, room: i64, rent: &[f64], target: i128) -> Self {
        let target = (target * SCALE) as f64;
        let start = horizon.blocks.iter().map(|block| {
            let draw = (block.draw_on - block.draw_off) as f64;
            rent.iter().map(|rent| rent * draw).collect()
        });
        let mut prices: Vec<Vec<f64>> = start.collect();
        let (mut best, mut apart) = Self::at(horizon, room, &prices);
        let mut best_prices = prices.clone();
        let (mut stride, mut waited, mut bound) = (1.0, 0, best.bound as f64);
        for _ in 0..ROUNDS {
            let norm: f64 = apart.iter().flatten().map(|apart| apart * apart).sum();
            if norm == 0.0 || bound <= target {
                break;
            }
            let scale = stride * (bound - target) / SCALE as f64 / norm;
            for (price, apart) in prices.iter_mut().flatten().zip(apart.iter().flatten()) {
                *price -= scale * apart;
            }
            let (split, next) = Self::at(horizon, room, &prices);
            (apart, bound) = (next, split.bound as f64);
            waited += 1;
            if split.bound < best.bound {
                (best, waited) = (split, 0);
                best_prices.clone_from(&prices);
            } else if waited >= PATIENCE {
                (stride, waited) = (stride * 0.6, 0);
                prices.clone_from(&best_prices);
            }
        }
        best
    }
}
