//! At which price of power the answer would be another, found by solving again.

use super::Basis;
use super::decide::choose;
use super::{Advice, PolicyConfig};

/// The answer changes where the power price passes this.
#[derive(Debug, Clone, PartialEq)]
pub struct Flip {
    pub price_usd_per_mwh: f64,
    /// Blocks whose number of running units is another then: id, units now advised, units then.
    pub blocks: Vec<(String, u32, u32)>,
}

/// Widest distance that is searched, USD/MWh.
const REACH: f64 = 10_000.0;
/// First step of the search; each next one is wider by half.
const FIRST_STEP: f64 = 0.25;
/// How exactly the price is found.
const PRECISION: f64 = 0.005;

/// The nearest flip below and above the present price. `None`: there is none within
/// ±10,000 USD/MWh, or no price to start from.
pub fn nearest_flips(basis: &Basis, policy: &PolicyConfig, previous: Option<&Advice>) -> [Option<Flip>; 2] {
    let Some(price) = basis.problem.price_usd_per_mwh else { return [None, None] };
    let target = |price: f64| {
        let mut basis = basis.clone();
        basis.problem.price_usd_per_mwh = Some(price);
        choose(&basis, policy, previous).solution.target
    };
    let now = target(price);
    [-1.0, 1.0].map(|direction| {
        let (mut same, mut step) = (price, FIRST_STEP);
        let mut other = loop {
            let next = same + direction * step;
            if (next - price).abs() > REACH {
                return None;
            }
            if target(next) != now {
                break next;
            }
            (same, step) = (next, step * 1.5);
        };
        while (other - same).abs() > PRECISION {
            let middle = (same + other) / 2.0;
            if target(middle) == now { same = middle } else { other = middle }
        }
        let then = target(other);
        let pairs = basis.problem.blocks.iter().zip(now.iter().zip(&then));
        let changed = pairs.filter(|(_, (a, b))| a != b);
        let blocks = changed.map(|(block, (a, b))| (block.id.clone(), *a, *b)).collect();
        Some(Flip { price_usd_per_mwh: other, blocks })
    })
}
