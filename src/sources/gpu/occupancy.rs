//! GPUs that are billed now, for hostings on `occupied` terms: declared in the config, or kept up to
//! date in a file by the scheduler or the platform's script.
//!
//! The file holds one whole number and nothing else. It should be on a local disk, and be replaced
//! by a rename, so that it is never read half written.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;

use crate::clock::{Now, UnixMs};
use crate::reading::{Missing, OccupancySample, Read, Reading, Sample};
use crate::sources::{Failure, Fetch, Schedule, Source};

const INTERVAL: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(5);

/// A `u32` has ten digits; the rest is room for white space.
const MAX_BYTES: u64 = 64;

/// Where the number for one hosting comes from.
#[derive(Debug, Clone)]
pub struct OccupancyConfig {
    pub hosting: String,
    /// As the operator declares it.
    pub declared: Option<u32>,
    /// A file that holds the number; wins over `declared`.
    pub file: Option<PathBuf>,
}

/// The occupancy of one hosting.
pub struct OccupancySource {
    id: String,
    hosting: Arc<str>,
    origin: Origin,
}

enum Origin {
    Declared(u32),
    File {
        path: PathBuf,
        /// Set while a look at the file has not returned. Outlives a fetch that was dropped at its
        /// deadline.
        pending: Option<JoinHandle<Content>>,
    },
    Nowhere,
}

/// The number in the file, and when the file was written.
type Content = Result<(u32, Option<UnixMs>), Failure>;

impl OccupancySource {
    pub fn new(config: &OccupancyConfig) -> Self {
        let origin = match (&config.file, config.declared) {
            (Some(path), _) => Origin::File { path: path.clone(), pending: None },
            (None, Some(gpus)) => Origin::Declared(gpus),
            (None, None) => Origin::Nowhere,
        };
        Self { id: format!("occupancy/{}", config.hosting), hosting: config.hosting.as_str().into(), origin }
    }

    fn sample(&self, occupied_gpus: Read<u32>, observed: Option<UnixMs>) -> Vec<Sample> {
        vec![Sample::Occupancy(OccupancySample {
            hosting: Arc::clone(&self.hosting),
            interval: INTERVAL,
            occupied_gpus,
            observed,
        })]
    }
}

impl Source for OccupancySource {
    fn id(&self) -> &str {
        &self.id
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: INTERVAL, deadline: DEADLINE }
    }

    fn fetch(&mut self, _now: Now) -> Fetch<'_> {
        Box::pin(async {
            match &mut self.origin {
                Origin::Declared(gpus) => {
                    let declared = Reading::estimated(*gpus, "declared in config");
                    Ok(self.sample(Ok(declared), None))
                }
                Origin::File { path, pending } => {
                    let (gpus, observed) = look(path, pending).await?;
                    Ok(self.sample(Ok(Reading::measured(gpus, "occupied_file")), observed))
                }
                Origin::Nowhere => {
                    Err(Failure::new(Missing::NotConfigured, "neither occupied_gpus nor occupied_file"))
                }
            }
        })
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(Err(why), None)
    }
}

/// Reads the file on a thread of its own: a mount that hangs must not stop the rest, and costs one
/// thread however often it is asked.
async fn look(path: &Path, pending: &mut Option<JoinHandle<Content>>) -> Content {
    if pending.as_ref().is_some_and(|look| !look.is_finished()) {
        return Err(Failure::new(Missing::Timeout, format!("{}: the file system hangs", path.display())));
    }
    let path = path.to_owned();
    let answer = pending.insert(tokio::task::spawn_blocking(move || read(&path))).await;
    *pending = None;
    answer.unwrap_or_else(|error| Err(Failure::new(Missing::RemoteError, error.to_string())))
}

fn read(path: &Path) -> Content {
    let fail = |reason, what: &str| Failure::new(reason, format!("{}: {what}", path.display()));
    let io = |error: std::io::Error| {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => Missing::NotReported,
            std::io::ErrorKind::PermissionDenied => Missing::Denied,
            _ => Missing::Unreachable,
        };
        fail(reason, &error.to_string())
    };
    let metadata = std::fs::metadata(path).map_err(io)?;
    // Opening a pipe would wait for its writer.
    if !metadata.is_file() {
        return Err(fail(Missing::Garbage, "is not a file"));
    }
    if metadata.len() > MAX_BYTES {
        return Err(fail(Missing::TooLarge, "is longer than one number"));
    }
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text)).map_err(io)?;
    let gpus = parse(&text).ok_or_else(|| fail(Missing::Garbage, "does not hold one whole number"))?;
    Ok((gpus, metadata.modified().ok().and_then(unix_ms)))
}

/// One whole number, white space around it allowed.
fn parse(text: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(text).ok()?.trim();
    // `u32::from_str` would also take a plus sign.
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn unix_ms(time: SystemTime) -> Option<UnixMs> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(UnixMs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_one_whole_number() {
        assert_eq!(parse(b"7\n"), Some(7));
        assert_eq!(parse(b" 0 "), Some(0));
    }

    #[test]
    fn anything_else_is_garbage_and_never_zero() {
        for bad in ["", "\n", "seven", "-1", "+1", "7.5", "7 8", "99999999999", "\u{fffd}"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(parse(b"\xff"), None);
    }
}
