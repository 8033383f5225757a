//! Hostings with an SLA: so many GPUs must run.

use wattsplit::economics::dispatch::Status;
use wattsplit::economics::{Stoppable, Terms};

use super::hall::{Hall, of};
use super::{message, recompute};

/// Sixteen GPUs run, eight are sold, and so many must run.
fn hall(committed: u32) -> Hall {
    let mut hall = Hall::new(8);
    hall.hosting().committed_gpus = Some(committed);
    hall.hosting().stop_penalty_usd_per_gpu_h = 3.0;
    hall
}

#[test]
fn unsold_gpus_that_the_commitment_asks_for_are_not_stopped() {
    let advice = hall(12).tick(0);
    let m = of(&advice, "market-unsold").unwrap();
    assert_eq!((m.from_units, m.to_units), (8, 4));
    recompute(&message(&advice));
    for committed in [16, 40] {
        let advice = hall(committed).tick(0);
        assert_eq!((advice.status, advice.moves.len()), (Status::Hold, 0), "{committed}: {}", advice.text);
    }
}

#[test]
fn a_commitment_below_what_is_sold_asks_for_no_unsold_gpu() {
    let advice = hall(4).tick(0);
    assert_eq!(of(&advice, "market-unsold").map(|m| (m.from_units, m.to_units)), Some((8, 0)));
}

#[test]
fn sold_gpus_beyond_the_commitment_are_stopped_without_a_penalty_and_those_under_it_with_one() {
    let mut hall = hall(3);
    assert_eq!(hall.hosting().terms, Terms::Occupied);
    hall.hosting().stoppable = Stoppable::All;
    hall.tick(0);
    let sold = hall.block("market").unwrap();
    assert_eq!((sold.min_units, sold.committed, sold.stop_penalty_usd_per_unit_h), (0, 3, 3.0));
    hall.hosting().committed_gpus = None;
    hall.tick(60);
    assert_eq!(hall.block("market").unwrap().committed, 8, "without a commitment what is sold counts");
}
