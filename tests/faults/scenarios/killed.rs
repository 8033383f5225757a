//! Processes that are killed (-9).

use super::{Form, Played};
use crate::rig::{Rig, pause};

/// Killed and restarted 50 times. It stays up long enough for the publisher to take it for a new outage each time.
pub fn broker_killed(form: Form) -> Played {
    let (mut rig, mut random) = (Rig::open(), fastrand::Rng::with_seed(1));
    rig.start_writer();
    for _ in 0..form.pick(4, 50) {
        pause(&mut random, 5_000..8_000);
        rig.kill_broker();
        pause(&mut random, 0..1_000);
        rig.start_broker();
    }
    Ok(rig)
}

/// Killed 100 times at random.
pub fn agent_killed(form: Form) -> Played {
    let (mut rig, mut random) = (Rig::open(), fastrand::Rng::with_seed(2));
    for _ in 0..form.pick(10, 100) {
        rig.start_writer();
        pause(&mut random, 50..2_500);
    }
    rig.start_writer();
    Ok(rig)
}

/// Broker and writer, in no order.
pub fn both_killed(form: Form) -> Played {
    let (mut rig, mut random) = (Rig::open(), fastrand::Rng::with_seed(3));
    rig.start_writer();
    for _ in 0..form.pick(6, 75) {
        pause(&mut random, 500..5_000);
        if random.bool() {
            rig.start_writer();
        } else {
            rig.kill_broker();
            pause(&mut random, 0..1_000);
            rig.start_broker();
        }
        if random.u8(0..4) == 0 {
            rig.broker.kill();
            rig.kill_writer();
            rig.kill_broker();
            rig.start_broker();
            rig.start_writer();
        }
    }
    Ok(rig)
}
