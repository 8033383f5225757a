//! A broker that runs, and does not do as one would like.

use std::thread::sleep;
use std::time::Duration;

use super::{Form, Played, secs};
use crate::recorder;
use crate::rig::Rig;
use crate::writer::SITE;

/// Another client takes the session over, again and again.
pub fn takeover(form: Form) -> Played {
    let mut rig = Rig::open();
    rig.start_writer();
    for _ in 0..form.pick(3, 30) {
        sleep(secs(7));
        let other = recorder::connect(rig.broker.port, &format!("wattsplit-{SITE}"));
        sleep(Duration::from_millis(300));
        drop(other);
    }
    Ok(rig)
}

/// The access list lets nothing through but rows of devices, then everything.
pub fn denied(form: Form) -> Played {
    let list = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let path = list.path().to_owned();
    let set = |text: &str| std::fs::write(&path, text).map_err(|error| error.to_string());
    let some = "topic write wattsplit/+/status\ntopic write wattsplit/+/summary\ntopic write wattsplit/+/devices/#\n";
    set(some)?;
    let mut rig =
        Rig::new(&format!("allow_anonymous true\nmax_queued_messages 1000000\nacl_file {}", path.display()));
    rig.start_writer();
    for _ in 0..form.pick(1, 10) {
        sleep(secs(8));
        set("topic readwrite #\n")?;
        rig.broker.reload();
        sleep(secs(form.pick(1, 40)));
        if form == Form::Long {
            set(some)?;
            rig.broker.reload();
        }
    }
    set("topic readwrite #\n")?;
    rig.broker.reload();
    Ok(rig)
}

/// The broker takes packets of 10 KiB, messages are larger and have to be cut, and one row in 5,000 fits in none.
pub fn packet_10k(form: Form) -> Played {
    let mut rig = Rig::new("allow_anonymous true\nmax_queued_messages 1000000\nmax_packet_size 10240");
    (rig.order.rows_per_message, rig.order.giant_every) = (100, 5_000);
    rig.start_writer();
    sleep(secs(form.pick(15, 300)));
    Ok(rig)
}
