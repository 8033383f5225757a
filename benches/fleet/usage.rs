//! What this process uses, as the kernel counts it.

use std::time::Duration;

/// The kernel shows CPU time in ticks of 10 ms, on every machine.
const TICK: Duration = Duration::from_millis(10);

/// CPU time so far, user and system together: the sum that `getrusage` gives.
pub fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name of the program, in parentheses, may hold blanks. Behind it, `utime` is field 12.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u32>().unwrap());
    TICK * ticks.sum::<u32>()
}

/// Most memory that was resident at any time, kB.
pub fn peak_rss_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

pub fn open_files() -> usize {
    // One of them is the directory that is being read.
    std::fs::read_dir("/proc/self/fd").unwrap().count() - 1
}
