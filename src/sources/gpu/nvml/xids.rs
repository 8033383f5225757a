//! XID errors, counted on a thread of their own: waiting for them must not hold up a poll.
//!
//! Each GPU has its own set of events, because a GPU that refuses one takes its set with it. Each error is
//! one message to the poll's thread, so two equal ones are two. Of several errors between two looks the
//! driver may name the last one only, as often as there were errors (nvmlEventSetWait_v2 of nvml.h).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;

use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enums::event::XidError;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{EventSet, Nvml};

use super::library::{Library, is_driver_gone};

/// For one look at every GPU, and a wait for one of them. Below the period of the polls, which tell of the errors;
/// each turn wakes the host once more.
const TURN: Duration = Duration::from_secs(3);

/// Turns before GPUs without a set are tried again: one that was reset or has come back.
const TURNS_TO_RETRY: u32 = 20;

/// Errors taken from one GPU before it is the next one's turn.
const MOST_AT_ONCE: u32 = 1000;

/// What nvml.h has for an error without a number.
const UNKNOWN: u32 = 999;

/// How often each code was seen, by GPU.
pub(super) type Counts = BTreeMap<Arc<str>, BTreeMap<u32, u64>>;

type Xid = (Arc<str>, u32);

/// The thread, seen from the poll's.
pub(super) struct Watch {
    xids: Receiver<Xid>,
    /// The thread ends within a turn when this is dropped.
    until_dropped: Option<Sender<()>>,
}

impl Watch {
    /// `None`: the thread cannot be started.
    pub(super) fn start(library: &Path) -> Option<Self> {
        let (found, xids) = channel();
        let (until_dropped, stop) = channel();
        let library = library.to_owned();
        // Nobody joins it: a driver call may hang.
        let thread = std::thread::Builder::new().name("nvml-xid".into());
        let started = thread.spawn(move || {
            // The channel outlives the library: when it is closed, the driver is let go.
            if let Ok(library) = Library::open(&library)
                && let Ok(nvml) = library.nvml()
            {
                watch(nvml, &found, &stop);
            }
            drop(found);
        });
        match started {
            Ok(_) => Some(Self { xids, until_dropped: Some(until_dropped) }),
            Err(error) => {
                tracing::warn!(%error, "cannot start the thread that counts XID errors");
                None
            }
        }
    }

    /// Adds what was seen since the last time. False: the thread has ended, and holds the driver no more.
    pub(super) fn collect(&self, counts: &mut Counts) -> bool {
        loop {
            match self.xids.try_recv() {
                Ok(xid) => count(counts, xid),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Tells the thread to end. It is kept until it has: one that hangs must not be followed by others.
    pub(super) fn end(&mut self) {
        self.until_dropped = None;
    }

    /// Waits until a thread that was told to end holds the driver no more; false if that takes longer than two
    /// turns.
    pub(super) fn wait(&self, counts: &mut Counts) -> bool {
        loop {
            match self.xids.recv_timeout(TURN * 2) {
                Ok(xid) => count(counts, xid),
                Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
    }
}

fn count(counts: &mut Counts, (uuid, code): Xid) {
    let count = counts.entry(uuid).or_default().entry(code).or_default();
    *count = count.saturating_add(1);
}

/// A GPU that took a set.
struct Watched<'nvml> {
    uuid: Arc<str>,
    set: EventSet<'nvml>,
}

/// Whether to go on with a GPU.
enum Verdict {
    Goes,
    /// Its set fails at once at every wait: this thread would spin.
    Fails,
    /// The driver is gone, or nobody listens.
    Over,
}

/// Until `stop` is dropped or the driver is gone.
fn watch(nvml: &Nvml, found: &Sender<Xid>, stop: &Receiver<()>) {
    // Without the function the wrapper could not free a set: it panics.
    let able = nvml.lib().nvmlEventSetFree.is_ok() && nvml.lib().nvmlEventSetWait_v2.is_ok();
    let mut gpus: Vec<Watched<'_>> = Vec::new();
    for turn in 0_u32.. {
        if able && turn % TURNS_TO_RETRY == 0 {
            register(nvml, &mut gpus);
        }
        // One of them is waited for, so that this thread wakes once in a turn however many there are.
        let waited = usize::try_from(turn).unwrap_or(0).checked_rem(gpus.len());
        let mut over = false;
        let mut n = 0;
        gpus.retain(|gpu| {
            let wait = if Some(n) == waited { TURN } else { Duration::ZERO };
            n += 1;
            let verdict = if over { Verdict::Over } else { listen(gpu, wait, found) };
            over = matches!(verdict, Verdict::Over);
            !matches!(verdict, Verdict::Fails)
        });
        let pause = if waited.is_none() { TURN } else { Duration::ZERO };
        if over || stop.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// Gives a set to each GPU that has none and takes one.
fn register<'nvml>(nvml: &'nvml Nvml, gpus: &mut Vec<Watched<'nvml>>) {
    for index in 0..nvml.device_count().unwrap_or(0) {
        let Ok(device) = nvml.device_by_index(index) else { continue };
        let Ok(uuid) = device.uuid() else { continue };
        if gpus.iter().any(|gpu| *gpu.uuid == *uuid) {
            continue;
        }
        let Ok(set) = nvml.create_event_set() else { continue };
        if let Ok(set) = device.register_events(EventTypes::CRITICAL_XID_ERROR, set) {
            gpus.push(Watched { uuid: uuid.into(), set });
        }
    }
}

/// Takes the errors of one GPU, and waits for the first.
fn listen(gpu: &Watched<'_>, wait: Duration, found: &Sender<Xid>) -> Verdict {
    let mut patience_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
    for _ in 0..MOST_AT_ONCE {
        match gpu.set.wait(patience_ms) {
            Ok(event) => {
                let Some(xid) = event.event_data else { continue };
                let code = match xid {
                    XidError::Value(code) => u32::try_from(code).unwrap_or(UNKNOWN),
                    XidError::Unknown => UNKNOWN,
                };
                if found.send((Arc::clone(&gpu.uuid), code)).is_err() {
                    return Verdict::Over;
                }
                patience_ms = 0;
            }
            Err(NvmlError::Timeout) => return Verdict::Goes,
            Err(error) if is_driver_gone(&error) => return Verdict::Over,
            Err(_) => return Verdict::Fails,
        }
    }
    Verdict::Goes
}
