//! The program's code and constants in memory. More than a third of what the start has touched nobody needs again.

#![allow(unsafe_code)]

use std::io::{Error, ErrorKind, Result};
use std::ops::Range;

use rustix::mm::{Advice, madvise};

/// Takes code and constants, those of the libraries too, out of the memory of this process. What is used comes back
/// page by page, from the kernel's cache of files; what only the start needed stays away.
///
/// # Errors
/// If `/proc` does not say what is in memory, or the kernel does not take the advice.
pub fn let_go() -> Result<()> {
    let smaps = std::fs::read_to_string("/proc/self/smaps")?;
    let same_as_file = same_as_file(&smaps);
    if same_as_file.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "/proc/self/smaps shows no code of a file"));
    }
    for range in same_as_file {
        let start = std::ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: nothing may be written there, and nothing was: each page comes back from the file as it is now.
        unsafe { madvise(start, range.len(), Advice::LinuxDontNeed) }?;
    }
    Ok(())
}

/// The mappings of files that may not be written, and of which no page was before that: what a loader has relocated
/// and then protected is anonymous, in memory or swapped out.
fn same_as_file(smaps: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut mapping = None;
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("Anonymous:" | "Swap:"), written) if written != Some("0") => mapping = None,
            // The last that is told of a mapping.
            (Some("VmFlags:"), _) => found.extend(mapping.take()),
            (Some(range), Some("r-xp" | "r--p")) => {
                mapping = words.nth(2).filter(|&inode| inode != "0").and_then(|_| addresses(range));
            }
            (Some(first), _) if !first.ends_with(':') => mapping = None,
            _ => {}
        }
    }
    found
}

fn addresses(range: &str) -> Option<Range<usize>> {
    let (start, end) = range.split_once('-')?;
    let [start, end] = [start, end].map(|end| usize::from_str_radix(end, 16).ok());
    Some(start?..end?)
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
VmFlags: rd mr mw me
01700000-01703000 r--p 00d00000 fe:00 5317397                    /usr/bin/wattsplit
Anonymous:             0 kB
Swap:                 12 kB
VmFlags: rd mr mw me
01703000-01706000 rw-p 00d03000 fe:00 5317397                    /usr/bin/wattsplit
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd wr mr mw me
02000000-02021000 rw-p 00000000 00:00 0                          [heap]
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd wr mr mw me
7c9f1000-7c9f3000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
";

    #[test]
    fn only_what_a_file_has_alike_is_let_go() {
        assert_eq!(same_as_file(SMAPS), [0x00a0_0000..0x00cd_3000, 0x00cd_3000..0x0167_2000]);
        for garbage in ["", "-\nVmFlags:\n", "5-z r-xp 0 fe:00 7 x\nAnonymous: 0 kB\nVmFlags: rd\n"] {
            assert!(same_as_file(garbage).is_empty(), "{garbage}");
        }
    }

    #[test]
    fn the_program_goes_on_without_its_code() {
        let own = let_go as fn() -> Result<()> as usize;
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        assert!(same_as_file(&smaps).iter().any(|range| range.contains(&own)));
        let_go().unwrap();
        assert_eq!(addresses("0-10"), Some(0..16));
    }
}
