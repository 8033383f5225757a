//! The program's code and constants in memory. More than a third of what the start has touched nobody needs again.

#![allow(unsafe_code)]

use std::io::{Error, ErrorKind, Result};
use std::ops::Range;

use rustix::mm::{Advice, madvise};

/// Takes the program's code and constants out of the memory of this process. What is used comes back page by page, from
/// the kernel's cache of files; what only the start needed stays away.
///
/// # Errors
/// If `/proc` does not say where the code is, or the kernel does not take the advice.
pub fn let_go() -> Result<()> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let ranges = as_in_the_file(&maps, let_go as fn() -> Result<()> as usize);
    if ranges.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "/proc/self/maps does not show the program's code"));
    }
    for range in ranges {
        let start = std::ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: the program stays where it is, and nothing may be written there, so each page comes back as it was. None
        // was written before that: the program is independent of its position (no relocations in its code and before it).
        unsafe { madvise(start, range.len(), Advice::LinuxDontNeed) }?;
    }
    Ok(())
}

/// The code around `address`, and the constants at the beginning of the same file. Those further on are written by the
/// loader before they are protected (RELRO); libraries stay, as another thread may be about to take one away.
fn as_in_the_file(maps: &str, address: usize) -> Vec<Range<usize>> {
    let mappings = || maps.lines().filter_map(Mapping::of);
    let holds = |mapping: &Mapping| mapping.is_code && mapping.range.contains(&address);
    let Some(code) = mappings().find(holds) else { return Vec::new() };
    mappings().filter(|mapping| mapping.file == code.file).map(|mapping| mapping.range).collect()
}

/// A mapping of a file that is code, or constants at its beginning (proc_pid_maps(5)).
struct Mapping<'m> {
    range: Range<usize>,
    is_code: bool,
    /// Device and inode.
    file: [&'m str; 2],
}

impl<'m> Mapping<'m> {
    fn of(line: &'m str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let mut next = || words.next();
        let (range, may, offset, file) = (next()?, next()?, next()?, [next()?, next()?]);
        let (start, end) = range.split_once('-')?;
        let [start, end, offset] = [start, end, offset].map(|hex| usize::from_str_radix(hex, 16).ok());
        let (range, is_code) = (start?..end?, may == "r-xp");
        let is_as_in_the_file = is_code || may == "r--p" && offset? == 0;
        (is_as_in_the_file && file[1] != "0").then_some(Self { range, is_code, file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With addresses that 32 bits hold, too.
    const MAPS: &str = "\
00a00000-00cd3000 r--p 00000000 fe:00 5317397                    /usr/bin/wattsplit
00cd3000-01672000 r-xp 002d3000 fe:00 5317397                    /usr/bin/wattsplit (deleted)
01672000-01700000 r--p 00c72000 fe:00 5317397                    /usr/bin/wattsplit
01700000-01706000 rw-p 00d00000 fe:00 5317397                    /usr/bin/wattsplit
02000000-02021000 rw-p 00000000 00:00 0                          [heap]
7c9e0000-7c9f1000 r--p 00000000 fe:00 41                         /usr/lib/libnvidia-ml.so.1
7c9f1000-7c9f3000 r-xp 00011000 fe:00 41                         /usr/lib/libnvidia-ml.so.1
7c9f8000-7c9f9000 r-xp 00000000 00:00 0                          [vdso]
";

    #[test]
    fn only_what_of_the_program_is_as_in_its_file_is_let_go() {
        assert_eq!(as_in_the_file(MAPS, 0x00cd_3010), [0x00a0_0000..0x00cd_3000, 0x00cd_3000..0x0167_2000]);
        for other in [0x00a0_0010, 0x0167_2000, 0x0170_0010, 0x0200_0010, 0x7c9f_8010, 7] {
            assert!(as_in_the_file(MAPS, other).is_empty(), "{other:x}");
        }
        assert!(as_in_the_file("garbage\n-\n55-66 r-xp\n0-z r-xp 0 fe:00 7\n", 0x60).is_empty());
    }

    #[test]
    fn the_program_goes_on_without_its_code() {
        let own = let_go as fn() -> Result<()> as usize;
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(as_in_the_file(&maps, own).iter().any(|range| range.contains(&own)));
        let_go().unwrap();
        assert!(as_in_the_file(&maps, 0).is_empty());
    }
}
