//! What the NVML thread does: hold the library, read every GPU once per question.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

use super::library::{Library, is_driver_gone, trouble};
use super::slow::Slow;
use super::xids::{Counts, Watch};
use super::{Trouble, fast};
use crate::clock::{Now, UnixMs};
use crate::reading::{GpuSample, GpuState, Missing};
use crate::sources::gpu::release::Release;
use crate::sources::gpu::roster::{Roster, void};

/// Without a directory, so that the loader searches where the system keeps its libraries.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// The driver library, loaded as long as it works, and the GPUs seen through it.
pub(super) struct Reader {
    library: PathBuf,
    release: Option<Release>,
    open: Option<Library>,
    /// This process has held the driver, so that letting go of it means something.
    ever_open: bool,
    /// From the second reading of an open library on: a single one has no time for errors to happen.
    watch: Option<Watch>,
    seen: Seen,
}

/// What is remembered of the GPUs.
#[derive(Default)]
struct Seen {
    roster: Roster,
    slow: Slow,
    /// Which GPU was last enumerated where.
    places: BTreeMap<u32, Arc<str>>,
    xids: Counts,
}

impl Reader {
    pub(super) fn new(library: Option<PathBuf>, release: Option<Release>) -> Self {
        Self {
            library: library.unwrap_or_else(|| LIBRARY.into()),
            release,
            open: None,
            ever_open: false,
            watch: None,
            seen: Seen::default(),
        }
    }

    /// One sample per GPU that is there or ever was.
    ///
    /// Loads and initialises the library if need be. After an error that concerns the driver as a
    /// whole, or when no GPU answers, the library is let go, and the next call starts afresh: that
    /// is how a reloaded or updated driver is picked up.
    ///
    /// # Errors
    /// What concerns the driver as a whole: [`Missing::NoDriver`], or [`Missing::Released`] while that is asked for.
    pub(super) fn read(&mut self, now: Now) -> Result<Vec<GpuSample>, Trouble> {
        if let Some(until) = self.release.as_ref().and_then(|release| release.requested(now.wall)) {
            return Err(self.let_go(until, now.wall));
        }
        let held = self.open.take();
        if held.is_some() && self.watch.is_none() {
            self.watch = Watch::start(&self.library);
        }
        let library = match held {
            Some(library) => library,
            None => self.open()?,
        };
        let read = library.nvml().and_then(|nvml| read_all(nvml, &mut self.seen, now).map_err(trouble));
        if let Some(watch) = &self.watch
            && !watch.collect(&mut self.seen.xids)
        {
            self.watch = None;
        }
        let answers =
            |gpus: &Vec<GpuSample>| gpus.is_empty() || gpus.iter().any(|gpu| gpu.power != Err(Missing::Lost));
        if read.as_ref().is_ok_and(answers) {
            self.open = Some(library);
        } else if let Some(watch) = &mut self.watch {
            watch.end();
        }
        let mut gpus = read?;
        for gpu in &mut gpus {
            gpu.xids = self.seen.xids.get(&gpu.uuid).cloned().unwrap_or_default();
        }
        Ok(gpus)
    }

    fn open(&mut self) -> Result<Library, Trouble> {
        let library = Library::open(&self.library)?;
        self.ever_open = true;
        self.seen.slow.expire();
        if let Some(release) = &self.release {
            release.take_up();
        }
        Ok(library)
    }

    /// Shuts NVML down on both threads, and says so once that is done.
    fn let_go(&mut self, until: UnixMs, now: UnixMs) -> Trouble {
        self.open = None;
        let ended = self.watch.as_mut().is_none_or(|watch| {
            watch.end();
            watch.wait(&mut self.seen.xids)
        });
        if ended {
            self.watch = None;
            // What the process before let go of, this one has not taken up: it can say so of a longer time, too.
            let let_go =
                |release: &&Release| self.ever_open || release.answered().is_some_and(|end| end > now);
            if let Some(release) = self.release.as_ref().filter(let_go) {
                release.answer(until);
            }
        }
        Trouble::released()
    }
}

/// Reads all GPUs. One that fails is a sample that says so.
///
/// # Errors
/// Only what concerns the driver as a whole.
fn read_all(nvml: &Nvml, seen: &mut Seen, now: Now) -> Result<Vec<GpuSample>, NvmlError> {
    let mut gpus = Vec::new();
    // GPUs that do not even tell who they are.
    let mut nameless = Vec::new();
    for index in 0..nvml.device_count()? {
        let identity = nvml.device_by_index(index).and_then(|device| Ok((device.uuid()?, device)));
        let (uuid, device) = match identity {
            Ok((uuid, device)) => (Arc::<str>::from(uuid), device),
            // In a container the count includes GPUs that are somebody else's.
            Err(NvmlError::NoPermission) => continue,
            Err(error) if is_driver_gone(&error) => return Err(error),
            Err(error) => {
                nameless.push((index, state_of(&error)));
                continue;
            }
        };
        seen.places.insert(index, Arc::clone(&uuid));
        let slow = seen.slow.of(&uuid, &device, now.mono);
        gpus.push(match slow.and_then(|known| fast::read(&device, &uuid, known)) {
            Ok(gpu) => gpu,
            Err(error) if is_driver_gone(&error) => return Err(error),
            // What was read before the loss is worthless: the whole sample goes.
            Err(error) => void(uuid, state_of(&error)),
        });
    }
    let mut unknown = Vec::new();
    for (index, state) in nameless {
        match seen.places.get(&index).filter(|uuid| gpus.iter().all(|gpu| gpu.uuid != **uuid)) {
            Some(uuid) => gpus.push(void(Arc::clone(uuid), state)),
            None => unknown.push(void(format!("index-{index}").into(), state)),
        }
    }
    seen.roster.complete(&mut gpus);
    // Behind the roster, which keeps names for good: this is none.
    gpus.extend(unknown);
    Ok(gpus)
}

/// Of a GPU that gave this error instead of an answer.
fn state_of(error: &NvmlError) -> GpuState {
    match error {
        NvmlError::ResetRequired => GpuState::ResetRequired,
        _ => GpuState::Lost,
    }
}
