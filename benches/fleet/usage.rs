//! What this process uses, as the kernel counts it.

use std::time::Duration;

/// CPU time so far, user and system together: the sum that `getrusage` gives.
pub fn cpu() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec as u64, used.tv_nsec as u32)
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
