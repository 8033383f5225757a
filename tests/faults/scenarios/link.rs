//! A link that is silent, slow or narrow.

use std::thread::sleep;
use std::time::Duration;

use super::{Form, Played, secs};
use crate::proxy::Mode;
use crate::rig::Rig;

/// The link forwards nothing for 15 s, 20 times.
pub fn hole_15s(form: Form) -> Played {
    let mut rig = Rig::open();
    rig.start_writer();
    for _ in 0..form.pick(1, 20) {
        sleep(secs(form.pick(4, 20)));
        rig.link.set(Mode::BlackHole);
        sleep(secs(15));
        rig.link.set(Mode::Pass);
    }
    sleep(secs(2));
    Ok(rig)
}

/// Likewise for ten minutes.
pub fn hole_long(form: Form) -> Played {
    let mut rig = Rig::open();
    rig.start_writer();
    sleep(secs(5));
    rig.link.set(Mode::BlackHole);
    sleep(secs(form.pick(40, 600)));
    rig.link.set(Mode::Pass);
    sleep(secs(2));
    Ok(rig)
}

/// 100 ms each way. Mosquitto lets 20 publishes be in flight: messages hold ten rows each.
pub fn rtt_100ms(form: Form) -> Played {
    let mut rig = Rig::open();
    rig.order.rows_per_message = 10;
    rig.link.set(Mode::Delay(Duration::from_millis(100)));
    rig.start_writer();
    sleep(secs(form.pick(15, 300)));
    Ok(rig)
}

/// The link carries less than is written, 50 kB/s, and is as it was again.
pub fn narrow(form: Form) -> Played {
    let mut rig = Rig::open();
    rig.link.set(Mode::BytesPerSecond(50_000));
    rig.start_writer();
    sleep(secs(form.pick(15, 120)));
    rig.link.set(Mode::Pass);
    Ok(rig)
}

/// A backlog of a day goes out while records and live topics go on: 288 intervals of 10 blocks and 30 groups with a
/// message of fifty rows for each, after the broker was away.
pub fn backlog(form: Form) -> Played {
    let mut rig = Rig::open();
    rig.link.set(Mode::Cut);
    (rig.order.rows_per_message, rig.order.backlog_rows) = (50, 288 * form.pick(100, 1_510));
    rig.start_writer();
    sleep(secs(form.pick(15, 90)));
    rig.link.set(Mode::Pass);
    sleep(secs(form.pick(15, 60)));
    Ok(rig)
}
