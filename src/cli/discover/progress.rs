//! A bar on standard error, if that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::queue::Progress;
use crate::cli::table::cells;
use crate::clock::Now;

const TEMPLATE: &str = "{wide_bar} {pos} of {len} asked, {msg}";

/// Leaves the screen when it is dropped.
pub struct Bar {
    bar: ProgressBar,
    start: Now,
}

impl Bar {
    pub fn new(progress: Progress, start: Now) -> Self {
        // Draws nothing where standard error is no terminal.
        let bar = ProgressBar::new(progress.asked as u64);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self { bar, start }
    }

    pub fn show(&self, progress: Progress, now: Now) {
        self.bar.set_message(message(progress, now.since(self.start)));
        self.bar.set_position(progress.settled as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What stands behind the count of addresses, `elapsed` after the start.
fn message(progress: Progress, elapsed: Duration) -> String {
    let rate = progress.settled as f64 / elapsed.as_secs_f64().max(0.2);
    let (found, rate) = (cells::number(progress.found as f64, 0), cells::number(rate, 0));
    // The last answers may take as long as a connection has.
    let left = cells::age(progress.left + Duration::from_secs(1));
    format!("{found} miners, {rate}/s, about {left} left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_what_was_found_how_fast_and_how_long_it_still_takes() {
        let progress =
            Progress { asked: 4_000, settled: 1_500, found: 1_234, left: Duration::from_secs(130) };
        assert_eq!(message(progress, Duration::from_secs(10)), "1,234 miners, 150/s, about 2 min left");
    }
}
