//! The writer's own machine: its disk and its clock.

use std::thread::sleep;

use super::{Form, Played, secs};
use crate::broker;
use crate::proxy::Mode;
use crate::rig::Rig;
use crate::tmpfs::Tmpfs;

/// The ledger's file system fills up while the link is cut, stays full while it is there again, and is freed.
pub fn disk_full(form: Form) -> Played {
    let mut rig = Rig::open();
    let disk = Tmpfs::new(rig.path("disk"))?;
    rig.order.dir = rig.path("disk");
    let ballast = rig.path("disk/ballast");
    std::fs::write(&ballast, vec![0; 61 << 20]).map_err(|error| error.to_string())?;
    rig.link.set(Mode::Cut);
    rig.start_writer();
    sleep(secs(form.pick(12, 60)));
    rig.link.set(Mode::Pass);
    sleep(secs(form.pick(8, 120)));
    let more = std::fs::write(rig.path("disk/more"), vec![0; 64 << 10]);
    assert!(more.is_err(), "the disk did not fill up");
    std::fs::remove_file(&ballast).map_err(|error| error.to_string())?;
    sleep(secs(6));
    rig.keep(disk);
    Ok(rig)
}

/// Debian's package `faketime`.
const FAKETIME: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];

/// The writer's wall clock jumps a day ahead, back, a day behind, and back; one boot begins in each.
pub fn clock(form: Form) -> Played {
    let mut rig = Rig::open();
    if !broker::installed("faketime") {
        return Err("faketime is not installed".to_owned());
    }
    let library = FAKETIME.into_iter().find(|path| std::path::Path::new(path).exists());
    let library = library.ok_or("libfaketime is not where it is expected")?;
    let offset = rig.path("offset");
    let set = |text: &str| std::fs::write(&offset, text).map_err(|error| error.to_string());
    set("+0")?;
    rig.environment = vec![
        ("LD_PRELOAD", library.to_owned()),
        ("FAKETIME_TIMESTAMP_FILE", offset.display().to_string()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    rig.start_writer();
    for _ in 0..form.pick(1, 10) {
        for text in ["+1d", "+0", "-1d", "+0"] {
            sleep(secs(3));
            set(text)?;
            sleep(secs(3));
            if text != "+0" {
                rig.start_writer();
            }
        }
    }
    Ok(rig)
}
