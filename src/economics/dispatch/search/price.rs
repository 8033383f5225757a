//! Shadow prices: what a milliwatt of each full room is worth.
//!
//! Any price gives a valid bound; good ones give a tight bound. So floats may choose them.

use super::curve::Curve;

/// Halvings of the first room's price where both rooms are full.
const HALVINGS: u32 = 60;

/// Shadow prices that (nearly) minimise the bound.
pub fn shadow(curves: &[Curve], room: [Option<i128>; 2]) -> [f64; 2] {
    let mut scratch = Vec::new();
    match room {
        [None, None] => [0.0, 0.0],
        [Some(room), None] => [one(curves, 0, room, 0.0, &mut scratch).price, 0.0],
        [None, Some(room)] => [0.0, one(curves, 1, room, 0.0, &mut scratch).price],
        [Some(first), Some(second)] => two(curves, first, second),
    }
}

struct Filled {
    price: f64,
    /// Drawn from the other room where this one is just filled.
    other: f64,
}

/// The least price at which what pays for its room fits it, while the other room costs `rent`.
fn one(curves: &[Curve], r: usize, room: i128, rent: f64, events: &mut Vec<(f64, f64, f64)>) -> Filled {
    events.clear();
    let (mut drawn, mut other) = (0.0, 0.0);
    for curve in curves {
        let (draw, beside) = (curve.draw[r] as f64, curve.draw[1 - r] as f64);
        for run in &curve.runs {
            let worth = run.each as f64 - rent * beside;
            let units = run.units as f64;
            if worth > 0.0 {
                drawn += draw * units;
                other += beside * units;
            }
            // Above this price it stops if it draws, and starts if it frees.
            let price = worth / draw;
            if price > 0.0 && draw != 0.0 {
                events.push((price, draw.abs() * units, -beside / draw));
            }
        }
    }
    let room = room as f64;
    if drawn <= room {
        return Filled { price: 0.0, other };
    }
    events.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut last = 0.0;
    for &(price, freed, beside) in events.iter() {
        last = price;
        let needed = (drawn - room).min(freed);
        drawn -= needed;
        other += beside * needed;
        if needed < freed {
            break;
        }
    }
    Filled { price: last, other }
}

/// The bound is convex in the first room's price: halves the interval in which its slope, the room
/// less what is drawn, changes sign.
fn two(curves: &[Curve], first: i128, second: i128) -> [f64; 2] {
    let mut scratch = Vec::new();
    let steepest = curves.iter().flat_map(|curve| {
        curve.runs.iter().map(|run| run.each as f64 / curve.draw[0] as f64).filter(|price| price.is_finite())
    });
    let (mut low, mut high) = (0.0, steepest.fold(0.0, f64::max));
    let mut best = one(curves, 1, second, high, &mut scratch);
    for halving in 0..HALVINGS {
        let middle = if halving == 0 { 0.0 } else { 0.5 * (low + high) };
        let filled = one(curves, 1, second, middle, &mut scratch);
        if filled.other <= first as f64 {
            (high, best) = (middle, filled);
        } else {
            low = middle;
        }
        if high <= low {
            break;
        }
    }
    [high, best.price]
}
