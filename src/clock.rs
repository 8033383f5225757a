//! The only caller of the system clock.
//!
//! Everything else takes a [`Now`]: wall time says *when* in payloads and tariffs, monotonic time
//! says *how old*. A jump of the wall clock therefore changes no age. Monotonic time is that of the
//! runtime, so that a test which pauses its timers also holds [`now`].

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMs(pub i64);

impl UnixMs {
    pub fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    pub fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// `None` outside the years that jiff can express.
    pub fn timestamp(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_millisecond(self.0).ok()
    }
}

/// Wall and monotonic time, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For payloads, tariffs and settlement days.
    pub wall: UnixMs,
    /// Since an arbitrary start; for ages, intervals and expiry.
    pub mono: Duration,
}

impl Now {
    /// Age of something seen at `earlier`; zero if it lies ahead.
    pub fn since(self, earlier: Now) -> Duration {
        self.mono.saturating_sub(earlier.mono)
    }

    /// This moment moved by `by` on both clocks.
    pub fn plus(self, by: Duration) -> Now {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Now { wall: UnixMs(self.wall.0.saturating_add(ms)), mono: self.mono.saturating_add(by) }
    }
}

/// Reads both clocks.
#[allow(clippy::disallowed_methods)]
pub fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    let wall = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    };
    let start = *START.get_or_init(Instant::now);
    let mono = tokio::time::Instant::now().into_std().saturating_duration_since(start);
    Now { wall: UnixMs(wall), mono }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_jump_changes_no_age() {
        let start = Now { wall: UnixMs(1_000_000), mono: Duration::from_secs(10) };
        let jumped = Now { wall: UnixMs(-86_400_000), mono: Duration::from_secs(12) };
        assert_eq!(jumped.since(start), Duration::from_secs(2));
        assert_eq!(start.since(jumped), Duration::ZERO);
    }
}
