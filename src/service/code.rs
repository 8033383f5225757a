//! The program's code and constants in memory. More than a third of what the start has touched nobody needs again.

#![allow(unsafe_code)]

use std::io::{Error, ErrorKind, Result};
use std::ops::Range;

use rustix::mm::{Advice, madvise};

/// Takes the program's code and constants out of the memory of this process. What is used comes back page by page, from
/// the kernel's cache of files; what only the start needed stays away.
///
/// # Errors
/// If `/proc` does not say what is in memory, or the kernel does not take the advice.
pub fn let_go() -> Result<()> {
    let smaps = std::fs::read_to_string("/proc/self/smaps")?;
    let same_as_file = same_as_file(&smaps, let_go as fn() -> Result<()> as usize);
    if same_as_file.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "/proc/self/smaps does not show the program's code"));
    }
    for range in same_as_file {
        let start = std::ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: the program stays where it is. Nothing may be written there, and nothing was: each page comes back from
        // the file as it is now.
        unsafe { madvise(start, range.len(), Advice::LinuxDontNeed) }?;
    }
    Ok(())
}

/// The mappings of the file with the code at `address` that may not be written, and of which no page was before that:
/// what a loader has relocated and then protected is anonymous, in memory or swapped out. Libraries stay as they are:
/// another thread may be about to take one away.
fn same_as_file(smaps: &str, address: usize) -> Vec<Range<usize>> {
    let mappings = mappings(smaps);
    let program = mappings.iter().find(|mapping| mapping.range.contains(&address)).map(|code| code.file);
    let is_same = |mapping: &Mapping| {
        Some(mapping.file) == program && matches!(mapping.may, "r-xp" | "r--p") && mapping.unwritten == 2
    };
    mappings.into_iter().filter(is_same).map(|mapping| mapping.range).collect()
}

/// What `smaps` tells of a mapping (proc_pid_smaps(5)).
struct Mapping<'s> {
    range: Range<usize>,
    may: &'s str,
    /// Device and inode.
    file: [&'s str; 2],
    /// How often it is said that no page differs from the file: of those in memory, and of those swapped out.
    unwritten: u8,
}

fn mappings(smaps: &str) -> Vec<Mapping<'_>> {
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), mappings.last_mut()) {
            (Some("Anonymous:" | "Swap:"), Some("0"), Some(mapping)) => mapping.unwritten += 1,
            (Some(range), Some(may), _) => mappings.extend(mapping(range, may, words.skip(1))),
            _ => {}
        }
    }
    mappings
}

/// A line that begins what is told of a mapping. All others begin with a word and a colon.
fn mapping<'s>(range: &str, may: &'s str, mut rest: impl Iterator<Item = &'s str>) -> Option<Mapping<'s>> {
    let (start, end) = range.split_once('-')?;
    let [start, end] = [start, end].map(|end| usize::from_str_radix(end, 16).ok());
    Some(Mapping { range: start?..end?, may, file: [rest.next()?, rest.next()?], unwritten: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With addresses that 32 bits hold, too.
    const SMAPS: &str = "\
00a00000-00cd3000 r--p 00000000 fe:00 5317397                    /usr/bin/wattsplit
Rss:                1484 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd mr mw me
00cd3000-01672000 r-xp 002d3000 fe:00 5317397                    /usr/bin/wattsplit (deleted)
Rss:                5620 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
01672000-01700000 r--p 00c72000 fe:00 5317397                    /usr/bin/wattsplit
Anonymous:           412 kB
Swap:                  0 kB
01700000-01703000 r--p 00d00000 fe:00 5317397                    /usr/bin/wattsplit
Anonymous:             0 kB
Swap:                 12 kB
01703000-01706000 rw-p 00d03000 fe:00 5317397                    /usr/bin/wattsplit
Anonymous:             0 kB
Swap:                  0 kB
01706000-01707000 r--p 00d06000 fe:00 5317397                    /usr/bin/wattsplit
02000000-02021000 rw-p 00000000 00:00 0                          [heap]
Anonymous:             0 kB
Swap:                  0 kB
7c9f1000-7c9f3000 r-xp 00000000 fe:00 41                         /usr/lib/libnvidia-ml.so.1
Anonymous:             0 kB
Swap:                  0 kB
";

    #[test]
    fn only_what_the_program_and_its_file_have_alike_is_let_go() {
        assert_eq!(same_as_file(SMAPS, 0x00cd_3010), [0x00a0_0000..0x00cd_3000, 0x00cd_3000..0x0167_2000]);
        assert!(same_as_file(SMAPS, 7).is_empty(), "no mapping is there");
        for garbage in
            ["", "-\nAnonymous: 0 kB\n", "0-z r-xp 0 fe:00 7 x\nAnonymous: 0 kB\nSwap: 0 kB\n", "0-9 r-xp"]
        {
            assert!(same_as_file(garbage, 7).is_empty(), "{garbage}");
        }
    }

    #[test]
    fn the_program_goes_on_without_its_code() {
        let own = let_go as fn() -> Result<()> as usize;
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        assert!(same_as_file(&smaps, own).iter().any(|range| range.contains(&own)));
        let_go().unwrap();
        assert!(same_as_file(&smaps, own).len() < mappings(&smaps).len());
    }
}
