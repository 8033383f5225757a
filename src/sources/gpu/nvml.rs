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

use super::{GpuHostConfig, Host};
use crate::clock::Now;
use crate::reading::{GpuSample, Missing, Sample};
use crate::sources::{Failure, Fetch, Schedule, Source};

#[cfg(feature = "nvml")]
mod reader;
#[cfg(feature = "nvml")]
use reader::Reader;

/// For one reading of all GPUs, loading the library included.
const DEADLINE: Duration = Duration::from_secs(5);

/// Between two attempts to find the driver.
const NO_DRIVER_RETRY: Duration = Duration::from_secs(30);

/// The GPUs of this machine.
pub struct NvmlSource {
    host: Host,
    library: Option<PathBuf>,
    /// Channel to the thread; `None` before the first fetch and after the thread died.
    worker: Option<mpsc::Sender<Ask>>,
    /// Set while a question is unanswered. Outlives a fetch that was dropped at its deadline.
    pending: Option<oneshot::Receiver<Answer>>,
}

type Answer = Result<Vec<GpuSample>, Failure>;
type Ask = oneshot::Sender<Answer>;

impl NvmlSource {
    /// Starts nothing: the thread and the library come with the first fetch.
    pub fn new(config: &GpuHostConfig) -> Self {
        Self { host: Host::new(config), library: config.library.clone(), worker: None, pending: None }
    }

    async fn read(&mut self) -> Answer {
        match self.pending.as_mut().map(oneshot::Receiver::try_recv) {
            None => {}
            Some(Err(oneshot::error::TryRecvError::Empty)) => {
                return Err(Failure::new(Missing::Hung, "a call into the NVIDIA driver has not returned"));
            }
            Some(Err(oneshot::error::TryRecvError::Closed)) => self.worker = None,
            // Whoever asked for this answer has given up on it, and it is out of date.
            Some(Ok(_)) => {}
        }
        self.pending = None;
        let (ask, answer) = oneshot::channel();
        if self.worker()?.send(ask).is_err() {
            return Err(self.worker_died());
        }
        let answered = self.pending.insert(answer).await;
        self.pending = None;
        answered.unwrap_or_else(|_| Err(self.worker_died()))
    }

    /// The thread that owns the library, started if there is none.
    fn worker(&mut self) -> Result<&mpsc::Sender<Ask>, Failure> {
        if self.worker.is_none() {
            let (sender, asks) = mpsc::channel::<Ask>();
            let library = self.library.clone();
            // The handle is dropped on purpose: the thread ends when `sender` is gone, and one that
            // hangs in the driver must not hold up the end of the process.
            std::thread::Builder::new()
                // Linux keeps 15 bytes of it.
                .name(format!("nvml-{}", self.host.name))
                .spawn(move || {
                    let mut reader = Reader::new(library);
                    for ask in asks {
                        // Nobody listens if the fetch was given up and the source is gone.
                        let _ = ask.send(reader.read());
                    }
                })
                .map_err(|error| {
                    Failure::new(Missing::RemoteError, format!("cannot start the NVML thread: {error}"))
                })?;
            self.worker = Some(sender);
        }
        self.worker.as_ref().ok_or_else(|| Failure::new(Missing::RemoteError, "no NVML thread"))
    }

    fn worker_died(&mut self) -> Failure {
        self.worker = None;
        Failure::new(Missing::RemoteError, "the NVML thread ended; starting another")
    }
}

impl Source for NvmlSource {
    fn id(&self) -> &str {
        &self.host.id
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.host.interval, deadline: DEADLINE }
    }

    /// # Errors
    /// `NoDriver` with a pause of 30 s; `Hung` while an earlier call has not returned.
    fn fetch(&mut self, _now: Now) -> Fetch<'_> {
        Box::pin(async {
            let gpus = self.read().await?;
            Ok(self.host.sample(Ok(gpus)))
        })
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        // There is no network in between: no answer before the deadline is a call that hangs.
        self.host.sample(Err(if why == Missing::Timeout { Missing::Hung } else { why }))
    }
}

fn no_driver(detail: impl Into<String>) -> Failure {
    Failure { retry_after: Some(NO_DRIVER_RETRY), ..Failure::new(Missing::NoDriver, detail) }
}

#[cfg(not(feature = "nvml"))]
struct Reader;

#[cfg(not(feature = "nvml"))]
impl Reader {
    fn new(_library: Option<PathBuf>) -> Self {
        Self
    }

    fn read(&mut self) -> Answer {
        Err(no_driver("this program was built without NVML"))
    }
}
