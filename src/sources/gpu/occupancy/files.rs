//! Files that others keep up to date: one with the number, or one for each GPU with its jobs.
//!
//! They should be on a local disk, and be replaced by a rename, so that they are never read half
//! written.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokio::task::JoinHandle;

use crate::clock::UnixMs;
use crate::reading::Missing;
use crate::sources::Failure;

/// A `u32` has ten digits; the rest is room for white space.
const MAX_BYTES: u64 = 64;
/// GPUs of one host and their instances, several times over.
const MAX_FILES: usize = 4096;

/// A number, and when it was written, where that can be told.
pub(in crate::sources::gpu) type Content<N> = Result<(N, Option<UnixMs>), Failure>;

/// Set while a look has not returned. Outlives a fetch that was dropped at its deadline.
pub(in crate::sources::gpu) type Pending<N> = Option<JoinHandle<Content<N>>>;

/// Looks on a thread of its own: a mount that hangs must not stop the rest, and costs one thread
/// however often it is asked. `what` names the place.
pub(in crate::sources::gpu) async fn look<N: Send + 'static>(
    pending: &mut Pending<N>,
    what: &Path,
    look: impl FnOnce() -> Content<N> + Send + 'static,
) -> Content<N> {
    if pending.as_ref().is_some_and(|look| !look.is_finished()) {
        return Err(Failure::new(Missing::Timeout, format!("{}: the file system hangs", what.display())));
    }
    let answer = pending.insert(tokio::task::spawn_blocking(look)).await;
    *pending = None;
    answer.unwrap_or_else(|error| Err(Failure::new(Missing::RemoteError, error.to_string())))
}

/// The number that is all that a file holds.
pub(super) fn number(path: &Path) -> Content<u32> {
    only(path, parse, "does not hold one whole number")
}

/// A file that holds one number, decimals allowed, and nothing else.
pub(in crate::sources::gpu) fn decimal(path: &Path) -> Content<f64> {
    let number =
        |text: &[u8]| std::str::from_utf8(text).ok()?.trim().parse().ok().filter(|n: &f64| n.is_finite());
    only(path, number, "does not hold one number")
}

fn only<N>(path: &Path, parse: impl Fn(&[u8]) -> Option<N>, otherwise: &str) -> Content<N> {
    let fail = |reason, what: &str| fail(path, reason, what);
    let io = |error| io_failure(path, &error);
    let metadata = std::fs::metadata(path).map_err(io)?;
    // Opening a pipe would wait for its writer.
    if !metadata.is_file() {
        return Err(fail(Missing::Garbage, "is not a file"));
    }
    if metadata.len() > MAX_BYTES {
        return Err(fail(Missing::TooLarge, "is longer than one number"));
    }
    let text = start(path).map_err(io)?;
    let number = parse(&text).ok_or_else(|| fail(Missing::Garbage, otherwise))?;
    Ok((number, metadata.modified().ok().and_then(unix_ms)))
}

/// GPUs that a job has, by directories of dcgm-exporter's `--hpc-job-mapping-dir`, one for each host: a
/// file is called after its GPU (`0`) or instance (`0.1`) and holds the jobs, one in a line; nobody has a
/// GPU whose file is empty or absent. Other files are no part of it.
pub(super) fn with_jobs(hosts: &[PathBuf]) -> Content<u32> {
    let mut gpus: u32 = 0;
    for dir in hosts {
        let busy = busy(dir).map_err(|error| io_failure(dir, &error))?;
        let busy = busy.ok_or_else(|| fail(dir, Missing::TooLarge, "holds more files than GPUs need"))?;
        gpus = gpus.saturating_add(u32::try_from(busy.len()).unwrap_or(u32::MAX));
    }
    Ok((gpus, None))
}

/// Indices of the GPUs that have a job, once each; `None` if there are too many files to look at.
fn busy(dir: &Path) -> io::Result<Option<BTreeSet<u32>>> {
    let mut busy = BTreeSet::new();
    for (n, entry) in std::fs::read_dir(dir)?.enumerate() {
        let entry = entry?;
        if n >= MAX_FILES {
            return Ok(None);
        }
        let Some(index) = entry.file_name().to_str().and_then(index) else { continue };
        match has_text(&entry.path()) {
            Ok(true) => {
                busy.insert(index);
            }
            Ok(false) => {}
            // The job has ended since the directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(busy))
}

/// Not so a pipe, which is not opened: that would wait for its writer.
fn has_text(path: &Path) -> io::Result<bool> {
    Ok(std::fs::metadata(path)?.is_file() && !start(path)?.trim_ascii().is_empty())
}

/// Of the GPU that a file is about.
fn index(name: &str) -> Option<u32> {
    let (gpu, instance) = name.split_once('.').unwrap_or((name, "0"));
    parse(instance.as_bytes())?;
    parse(gpu.as_bytes())
}

fn start(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(text)
}

fn io_failure(path: &Path, error: &io::Error) -> Failure {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => Missing::NotReported,
        io::ErrorKind::PermissionDenied => Missing::Denied,
        _ => Missing::Unreachable,
    };
    fail(path, reason, &error.to_string())
}

fn fail(path: &Path, reason: Missing, what: &str) -> Failure {
    Failure::new(reason, format!("{}: {what}", path.display()))
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

    #[test]
    fn a_file_is_called_after_its_gpu_or_instance() {
        assert_eq!((index("3"), index("3.1")), (Some(3), Some(3)));
        for other in ["", ".", "3.", ".1", "3.1.1", "3.tmp", "gpu3", "-1"] {
            assert_eq!(index(other), None, "{other}");
        }
    }
}
