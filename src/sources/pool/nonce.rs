//! Numbers that only grow, also from one run of the program to the next and when the clock is set back.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use ring::digest;

use super::sign::hex;
use crate::clock::UnixMs;

/// Written ahead, so that the disk sees a write a minute and not one each request.
const AHEAD: u64 = 60_000;

/// The nonces of one key.
#[derive(Debug)]
pub(super) struct Nonce {
    /// Holds a number that no nonce so far has reached; `None`: nothing is kept.
    file: Option<PathBuf>,
    last: Cell<u64>,
    reserved: Cell<u64>,
}

impl Nonce {
    pub fn open(file: Option<PathBuf>) -> Self {
        let kept = file.as_deref().and_then(kept).unwrap_or_default();
        Self { file, last: Cell::new(kept), reserved: Cell::new(kept) }
    }

    /// Unix time in milliseconds, or one more than the last.
    pub fn next(&self, now: UnixMs) -> u64 {
        let next = self.last.get().saturating_add(1).max(now.0.try_into().unwrap_or(0));
        self.last.set(next);
        if next > self.reserved.get() {
            self.reserve(next.saturating_add(AHEAD));
        }
        next
    }

    fn reserve(&self, until: u64) {
        self.reserved.set(until);
        let Some(file) = &self.file else { return };
        let new = file.with_extension("new");
        let written = std::fs::write(&new, format!("{until}\n")).and_then(|()| std::fs::rename(&new, file));
        if let Err(error) = written {
            let path = file.display();
            tracing::warn!(%path, %error, "nonces are not kept: the pool may refuse those after a restart");
        }
    }
}

fn kept(file: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let number = text.trim().parse().ok();
    if number.is_none() {
        tracing::warn!(path = %file.display(), "no nonce in it: nonces start with the clock");
    }
    number
}

/// Tells keys apart without showing them.
pub(super) fn file_name(key: &str) -> String {
    let hash = hex(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
    format!("nonce-{}", hash.get(..16).unwrap_or(&hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_grows_when_the_clock_stands_goes_back_or_the_program_starts_anew() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(file_name("access"));
        let first = Nonce::open(Some(file.clone()));
        let told: Vec<u64> = [1_000, 1_000, 400, 5_000].map(|ms| first.next(UnixMs(ms))).into();
        assert_eq!(told, [1_000, 1_001, 1_002, 5_000]);
        let second = Nonce::open(Some(file.clone()));
        assert!(second.next(UnixMs(900)) > 5_000);
        assert_eq!(second.next(UnixMs(70_000)), 70_000);
        std::fs::write(&file, "rubbish").unwrap();
        assert_eq!(Nonce::open(Some(file)).next(UnixMs(80_000)), 80_000);
    }

    #[test]
    fn the_name_of_the_file_does_not_show_the_key() {
        assert!(!file_name("hunter2").contains("hunter2"));
        assert_ne!(file_name("hunter2"), file_name("hunter3"));
    }
}
