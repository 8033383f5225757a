//! Letting go of the driver on request, so that a GPU can be reset or its MIG mode changed: NVML's clients keep
//! the device open, and both fail as long as there is one.
//!
//! Two small files in the state directory. `release-gpus` is the request: until when, in Unix ms. It ends by
//! itself at that time, whoever forgot it. `gpus-released` is the answer of the process that has let go, with the
//! same number; it is gone when the driver is held again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::UnixMs;

/// No request is believed for longer: a clock that was wrong when it was written must not blind the site.
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A file this small holds one number.
const LONGEST_TEXT: usize = 32;

/// The two files.
#[derive(Debug, Clone)]
pub struct Release {
    request: PathBuf,
    answer: PathBuf,
}

impl Release {
    pub fn new(state_dir: &Path) -> Self {
        Self { request: state_dir.join("release-gpus"), answer: state_dir.join("gpus-released") }
    }

    /// Asks to let go until then.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn ask(&self, until: UnixMs) -> io::Result<()> {
        write(&self.request, until)
    }

    /// Takes the request back.
    ///
    /// # Errors
    /// If there is a file that cannot be removed.
    pub fn withdraw(&self) -> io::Result<()> {
        remove(&self.request)
    }

    /// Until when the driver is to be let go; `None`: it may be held.
    pub fn requested(&self, now: UnixMs) -> Option<UnixMs> {
        believed(read(&self.request)?, now)
    }

    /// Until when a process has let go.
    pub fn answered(&self) -> Option<UnixMs> {
        read(&self.answer)
    }

    /// Tells that the driver is held no more. A failure is only logged: then whoever asked must look for himself.
    #[cfg(any(feature = "nvml", test))]
    pub(super) fn answer(&self, until: UnixMs) {
        if self.answered() == Some(until) {
            return;
        }
        if let Err(error) = write(&self.answer, until) {
            tracing::warn!(file = %self.answer.display(), %error, "cannot tell that the GPUs are released");
        }
    }

    /// Tells that the driver is held again.
    #[cfg(any(feature = "nvml", test))]
    pub(super) fn take_up(&self) {
        if let Err(error) = remove(&self.answer) {
            tracing::warn!(file = %self.answer.display(), %error, "cannot tell that the GPUs are held again");
        }
    }
}

/// A request that is over, or further ahead than any may be, is none.
fn believed(until: UnixMs, now: UnixMs) -> Option<UnixMs> {
    let ahead_ms = until.0.saturating_sub(now.0);
    (0 < ahead_ms && u128::try_from(ahead_ms).is_ok_and(|ms| ms <= LONGEST.as_millis())).then_some(until)
}

fn read(path: &Path) -> Option<UnixMs> {
    let text = fs::read_to_string(path).ok()?;
    Some(text).filter(|text| text.len() <= LONGEST_TEXT)?.trim().parse().ok().map(UnixMs)
}

/// In one step: it may be read at any time.
fn write(path: &Path, until: UnixMs) -> io::Result<()> {
    let next = path.with_extension("next");
    fs::write(&next, format!("{}\n", until.0))?;
    fs::rename(next, path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_767_225_600_000);

    fn after(secs: i64) -> UnixMs {
        UnixMs(NOW.0 + secs * 1000)
    }

    #[test]
    fn a_request_holds_until_its_time_and_ends_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        let release = Release::new(dir.path());
        assert_eq!(release.requested(NOW), None);
        release.ask(after(600)).unwrap();
        assert_eq!(release.requested(NOW), Some(after(600)));
        assert_eq!(release.requested(after(599)), Some(after(600)));
        assert_eq!(release.requested(after(600)), None);
        release.withdraw().unwrap();
        assert_eq!(release.requested(NOW), None);
        release.withdraw().unwrap();
    }

    #[test]
    fn a_request_from_a_clock_that_ran_ahead_and_one_that_is_no_number_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let release = Release::new(dir.path());
        release.ask(after(25 * 3600)).unwrap();
        assert_eq!(release.requested(NOW), None);
        for text in ["", "soon", &"1".repeat(60)] {
            fs::write(dir.path().join("release-gpus"), text).unwrap();
            assert_eq!(release.requested(NOW), None, "{text:?}");
        }
    }

    #[test]
    fn the_answer_names_the_request_that_it_is_for() {
        let dir = tempfile::tempdir().unwrap();
        let release = Release::new(dir.path());
        release.answer(after(60));
        assert_eq!(release.answered(), Some(after(60)));
        release.answer(after(120));
        assert_eq!(release.answered(), Some(after(120)));
        release.take_up();
        assert_eq!(release.answered(), None);
    }
}
