//! The most that one step's room can earn, each block at a price of its own.

/// A block that a step may run.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    pub block: usize,
    pub price: i128,
    pub draw: i64,
}

/// What rounding may take from a bound that is reckoned in floats, as a fraction.
const MARGIN: f64 = 1e-9;

/// Ways looked at before the bound itself is taken for the best sum: a bound is all that is needed.
const WAYS: u32 = 20_000;

/// The best sum of prices in this room, or a little more, and the blocks that earn it: depth first, the best price
/// per milliwatt first, bounded by the room filled in that order.
pub fn fill(mut offers: Vec<Offer>, room: i64) -> (i128, Vec<usize>) {
    // What frees room and is paid for it, or costs nothing, is always taken.
    let mut taken = Vec::new();
    let (mut room, mut sum) = (room, 0);
    offers.retain(|offer| {
        let free = offer.draw <= 0 && offer.price >= 0;
        if free {
            room -= offer.draw;
            sum += offer.price;
            taken.push(offer.block);
        }
        !free && (offer.price > 0 || offer.draw < 0)
    });
    // To run what costs money but frees room is to give back what it would have freed.
    for offer in &mut offers {
        if offer.draw < 0 {
            room -= offer.draw;
            sum += offer.price;
            taken.push(offer.block);
            (offer.price, offer.draw) = (-offer.price, -offer.draw);
        }
    }
    let rate = |offer: &Offer| offer.price as f64 / offer.draw as f64;
    offers.sort_by(|a, b| rate(b).total_cmp(&rate(a)).then(a.block.cmp(&b.block)));
    let mut walk =
        Walk { offers: &offers, chosen: vec![false; offers.len()], best: None, most: f64::MAX, ways: 0 };
    walk.go(0, sum, room);
    let (most, done) = (walk.most, walk.ways < WAYS);
    let Some((sum, chosen)) = walk.best else { return (sum, taken) };
    let sum = if done { sum } else { (most + most.abs() * MARGIN) as i128 };
    for (offer, chosen) in offers.iter().zip(chosen) {
        if chosen {
            match taken.iter().position(|&block| block == offer.block) {
                Some(place) => drop(taken.swap_remove(place)),
                None => taken.push(offer.block),
            }
        }
    }
    (sum, taken)
}

struct Walk<'a> {
    offers: &'a [Offer],
    chosen: Vec<bool>,
    best: Option<(i128, Vec<bool>)>,
    /// The first bound.
    most: f64,
    ways: u32,
}

impl Walk<'_> {
    fn go(&mut self, at: usize, sum: i128, room: i64) {
        self.ways += 1;
        if room < 0 || self.ways > WAYS && self.best.is_some() {
            return;
        }
        let (mut most, mut left) = (sum as f64, room);
        for offer in self.offers.iter().skip(at) {
            if offer.draw > left {
                most += offer.price as f64 / offer.draw as f64 * left as f64;
                break;
            }
            most += offer.price as f64;
            left -= offer.draw;
        }
        if at == 0 {
            self.most = most;
        }
        if self.best.as_ref().is_some_and(|(best, _)| most + most.abs() * MARGIN <= *best as f64) {
            return;
        }
        let Some(offer) = self.offers.get(at).copied() else {
            if self.best.as_ref().is_none_or(|(best, _)| sum > *best) {
                self.best = Some((sum, self.chosen.clone()));
            }
            return;
        };
        for take in [true, false] {
            if let Some(place) = self.chosen.get_mut(at) {
                *place = take;
            }
            let (price, draw) = if take { (offer.price, offer.draw) } else { (0, 0) };
            self.go(at + 1, sum + price, room - draw);
        }
    }
}
