//! `bdSeq`: tells which birth a death belongs to. One more with every connection, over restarts too.

use std::path::PathBuf;

/// After this it begins at 0 again.
const LAST: u64 = 255;

#[derive(Debug)]
pub struct BirthCount {
    /// `None`: there is nowhere to keep it, and it begins at 0.
    file: Option<PathBuf>,
    next: u64,
}

impl BirthCount {
    pub fn open(file: Option<PathBuf>) -> Self {
        let kept = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let last = kept.and_then(|text| text.trim().parse::<u64>().ok()).filter(|last| *last <= LAST);
        Self { file, next: last.map_or(0, after) }
    }

    /// The number of a connection that is about to be made. A file that cannot be written only makes
    /// the next run repeat numbers.
    pub fn take(&mut self) -> u64 {
        let taken = self.next;
        self.next = after(taken);
        if let Some(file) = &self.file
            && let Err(error) = std::fs::write(file, taken.to_string())
        {
            tracing::debug!(file = %file.display(), %error, "the count of Sparkplug births is not kept");
        }
        taken
    }
}

fn after(count: u64) -> u64 {
    if count >= LAST { 0 } else { count + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_after_a_restart_and_begins_anew_after_255() {
        let dir = tempfile::tempdir().unwrap();
        let file = || Some(dir.path().join("count"));
        let mut first = BirthCount::open(file());
        assert_eq!([first.take(), first.take()], [0, 1]);
        assert_eq!(BirthCount::open(file()).take(), 2);
        std::fs::write(dir.path().join("count"), "255").unwrap();
        assert_eq!(BirthCount::open(file()).take(), 0);
        std::fs::write(dir.path().join("count"), "torn\0").unwrap();
        assert_eq!(BirthCount::open(file()).take(), 0);
    }
}
