//! The program's own code in memory. More than a third of what the start has touched nobody needs again.

#![allow(unsafe_code)]

use std::io::{Error, ErrorKind, Result};
use std::ops::Range;

use rustix::mm::{Advice, madvise};

/// Takes the code out of the memory of this process. What is used comes back page by page, from the kernel's cache of
/// files; what only the start needed stays away.
///
/// # Errors
/// If `/proc` does not say where the code is, or the kernel does not take the advice: nothing has happened then.
pub fn let_go() -> Result<()> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let code = code_around(&maps, let_go as fn() -> Result<()> as usize)
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "/proc/self/maps does not show the program's code"))?;
    let start = std::ptr::with_exposed_provenance_mut(code.start);
    // SAFETY: the pages are those of a file that is mapped to be read and run, not to be written, so each comes back as
    // it was. None was written before that: the program is independent of its position (no relocations in its code).
    unsafe { madvise(start, code.len(), Advice::LinuxDontNeed) }?;
    Ok(())
}

/// The mapping of a file that holds the code at `address`.
fn code_around(maps: &str, address: usize) -> Option<Range<usize>> {
    maps.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (range, may, inode) = (words.next()?, words.next()?, words.nth(2)?);
        let (start, end) = range.split_once('-')?;
        let [start, end] = [start, end].map(|end| usize::from_str_radix(end, 16).ok());
        let range = start?..end?;
        (may == "r-xp" && inode != "0" && range.contains(&address)).then_some(range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With addresses that 32 bits hold, too.
    const MAPS: &str = "\
00a00000-00cd3000 r--p 00000000 fe:00 5317397                    /usr/bin/wattsplit
00cd3000-01672000 r-xp 002d3000 fe:00 5317397                    /usr/bin/wattsplit (deleted)
01672000-01700000 rw-p 00c72000 fe:00 5317397                    /usr/bin/wattsplit
02000000-02021000 rw-p 00000000 00:00 0                          [heap]
7c9f1000-7c9f3000 r-xp 00000000 00:00 0                          [vdso]
";

    #[test]
    fn only_code_from_a_file_is_let_go() {
        assert_eq!(code_around(MAPS, 0x00cd_3010), Some(0x00cd_3000..0x0167_2000));
        for other in [0x00a0_0010, 0x0167_2000, 0x0200_0010, 0x7c9f_1010, 7] {
            assert_eq!(code_around(MAPS, other), None, "{other:x}");
        }
        assert_eq!(code_around("garbage\n-\n55-66 r-xp\n", 0x60), None);
    }

    #[test]
    fn the_program_goes_on_without_it() {
        let_go().unwrap();
        assert!(code_around(&std::fs::read_to_string("/proc/self/maps").unwrap(), 0).is_none());
    }
}
