//! GPUs of this machine, through NVIDIA's driver library.
//!
//! Every NVML call is a synchronous `ioctl` that nobody can cancel, so one OS thread owns the
//! library and the async side asks it by channel. A call that hangs costs that thread and nothing
//! else: fetches fail at once while it is outstanding, no second thread is started, and nobody
//! joins the first one.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::release::Release;
use super::{GpuHostConfig, Host};
use crate::clock::Now;
use crate::reading::{DriverState, GpuSample, Missing, Sample};
use crate::sources::{Failure, Fetch, Schedule, Source};

#[cfg(feature = "nvml")]
mod facts;
#[cfg(feature = "nvml")]
mod fast;
#[cfg(feature = "nvml")]
mod fields;
#[cfg(feature = "nvml")]
mod library;
#[cfg(feature = "nvml")]
mod reader;
#[cfg(feature = "nvml")]
mod slow;
#[cfg(feature = "nvml")]
mod told;
#[cfg(feature = "nvml")]
mod xids;
#[cfg(feature = "nvml")]
use reader::Reader;

/// For one reading of all GPUs, loading the library included. A GPU that nobody uses and that is not in
/// persistence mode takes more than a second to wake.
const DEADLINE: Duration = Duration::from_secs(10);

/// A look whether a call has returned costs nothing, and one that has is news.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Between two attempts to find the driver.
const NO_DRIVER_RETRY: Duration = Duration::from_secs(30);

/// Whether this program can load the driver library at all.
pub const BUILT_IN: bool = cfg!(feature = "nvml");

/// Why it reads no GPU of this machine, where it cannot.
pub const NOT_BUILT_IN: &str = "this program was built without NVML and cannot read the GPUs of this machine; \
    the one of the Debian packages can";

/// The GPUs of this machine.
pub struct NvmlSource {
    host: Host,
    library: Option<PathBuf>,
    release: Option<Release>,
    /// What the last answer said of it.
    driver: DriverState,
    /// Channel to the thread; `None` before the first fetch and after the thread died.
    worker: Option<mpsc::Sender<Ask>>,
    /// Set while a question is unanswered. Outlives a fetch that was dropped at its deadline.
    pending: Option<oneshot::Receiver<Answer>>,
}

type Answer = Result<Vec<GpuSample>, Trouble>;
type Ask = (Now, oneshot::Sender<Answer>);

/// Why no GPU was read, and what that says of the driver.
#[derive(Debug)]
struct Trouble {
    driver: DriverState,
    failure: Failure,
}

impl Trouble {
    fn failing(detail: impl Into<String>) -> Self {
        Self { driver: DriverState::Failing, failure: Failure::new(Missing::RemoteError, detail) }
    }

    #[cfg(feature = "nvml")]
    fn released() -> Self {
        let failure = Failure::new(Missing::Released, "the NVIDIA driver is released on request");
        Self { driver: DriverState::Released, failure }
    }
}

impl NvmlSource {
    /// Starts nothing: the thread and the library come with the first fetch. `release`: where it is asked to let
    /// go of the driver.
    pub fn new(config: &GpuHostConfig, release: Option<Release>) -> Self {
        Self {
            host: Host::new(config),
            library: config.library.clone(),
            release,
            driver: DriverState::Ok,
            worker: None,
            pending: None,
        }
    }

    async fn read(&mut self, now: Now) -> Answer {
        match self.pending.as_mut().map(oneshot::Receiver::try_recv) {
            None => {}
            Some(Err(oneshot::error::TryRecvError::Empty)) => {
                let failure = Failure::new(Missing::Hung, "a call into the NVIDIA driver has not returned");
                return Err(Trouble { driver: DriverState::Hung, failure });
            }
            Some(Err(oneshot::error::TryRecvError::Closed)) => self.worker = None,
            // Whoever asked for this answer has given up on it, and it is out of date.
            Some(Ok(_)) => {}
        }
        self.pending = None;
        let (ask, answer) = oneshot::channel();
        if self.worker()?.send((now, ask)).is_err() {
            return Err(self.worker_died());
        }
        let answered = self.pending.insert(answer).await;
        self.pending = None;
        answered.unwrap_or_else(|_| Err(self.worker_died()))
    }

    /// The thread that owns the library, started if there is none.
    fn worker(&mut self) -> Result<&mpsc::Sender<Ask>, Trouble> {
        if self.worker.is_none() {
            let (sender, asks) = mpsc::channel::<Ask>();
            let (library, release) = (self.library.clone(), self.release.clone());
            // The handle is dropped on purpose: the thread ends when `sender` is gone, and one that
            // hangs in the driver must not hold up the end of the process.
            std::thread::Builder::new()
                // Linux keeps 15 bytes of it.
                .name(format!("nvml-{}", self.host.name))
                .spawn(move || {
                    let mut reader = Reader::new(library, release);
                    for (now, answer) in asks {
                        // Nobody listens if the fetch was given up and the source is gone.
                        let _ = answer.send(reader.read(now));
                    }
                })
                .map_err(|error| Trouble::failing(format!("cannot start the NVML thread: {error}")))?;
            self.worker = Some(sender);
        }
        self.worker.as_ref().ok_or_else(|| Trouble::failing("no NVML thread"))
    }

    fn worker_died(&mut self) -> Trouble {
        self.worker = None;
        Trouble::failing("the NVML thread ended; starting another")
    }
}

impl Source for NvmlSource {
    fn id(&self) -> &str {
        &self.host.id
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.host.interval, deadline: DEADLINE }
    }

    fn longest_pause(&self) -> Duration {
        LONGEST_PAUSE
    }

    /// # Errors
    /// `NoDriver` with a pause of 30 s; `Hung` while an earlier call has not returned.
    fn fetch(&mut self, now: Now) -> Fetch<'_> {
        Box::pin(async move {
            match self.read(now).await {
                Ok(gpus) => {
                    self.driver = DriverState::Ok;
                    Ok(self.host.sample_of(Some(self.driver), Ok(gpus)))
                }
                Err(Trouble { driver, failure }) => {
                    self.driver = driver;
                    // As it was asked to: that is no failure to back off from.
                    match driver {
                        DriverState::Released => Ok(self.failed(Missing::Released)),
                        _ => Err(failure),
                    }
                }
            }
        })
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        match why {
            // There is no network in between: no answer before the deadline is a call that hangs.
            Missing::Timeout => self.host.sample_of(Some(DriverState::Hung), Err(Missing::Hung)),
            Missing::NotYet => self.host.sample_of(None, Err(why)),
            _ => self.host.sample_of(Some(self.driver), Err(why)),
        }
    }
}

#[cfg(not(feature = "nvml"))]
struct Reader;

#[cfg(not(feature = "nvml"))]
impl Reader {
    fn new(_library: Option<PathBuf>, _release: Option<Release>) -> Self {
        Self
    }

    fn read(&mut self, _now: Now) -> Answer {
        let failure = Failure::new(Missing::NoDriver, NOT_BUILT_IN);
        let failure = Failure { retry_after: Some(NO_DRIVER_RETRY), ..failure };
        Err(Trouble { driver: DriverState::Absent, failure })
    }
}
