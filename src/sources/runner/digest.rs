//! What the log says of sources that fail: of the first few each by itself, of the rest how many.

use std::time::Duration;

use crate::reading::{Missing, Reasons};

/// The rest is told this often.
const EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Digest {
    /// Lines within [`EVERY`].
    allowance: u32,
    told: u32,
    /// When the first line was, monotonic; `None`: none since the last rest was told.
    begun: Option<Duration>,
    failed: Reasons,
    back: u32,
}

impl Digest {
    pub fn new(allowance: u32) -> Self {
        Self { allowance, told: 0, begun: None, failed: Reasons::default(), back: 0 }
    }

    /// Whether the log has room for a failure; if not, it is counted.
    pub fn failed(&mut self, why: Missing, now: Duration) -> bool {
        let room = self.has_room(now);
        if !room {
            self.failed.add(why);
        }
        room
    }

    /// Whether the log has room for one that answers again; if not, it is counted.
    pub fn back(&mut self, now: Duration) -> bool {
        let room = self.has_room(now);
        if !room {
            self.back = self.back.saturating_add(1);
        }
        room
    }

    fn has_room(&mut self, now: Duration) -> bool {
        self.begun.get_or_insert(now);
        let room = self.told < self.allowance;
        self.told = self.told.saturating_add(u32::from(room));
        room
    }

    /// What was counted, once it is time to tell it: failures and how many answer again.
    pub fn rest(&mut self, now: Duration) -> Option<(Reasons, u32)> {
        if self.until(now) != Some(Duration::ZERO) {
            return None;
        }
        let counted = std::mem::replace(self, Self::new(self.allowance));
        (counted.failed.total() > 0 || counted.back > 0).then_some((counted.failed, counted.back))
    }

    /// Time until [`Digest::rest`] is to be asked; `None`: there is no need to.
    pub fn until(&self, now: Duration) -> Option<Duration> {
        self.begun.map(|begun| begun.saturating_add(EVERY).saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_are_told_and_the_rest_is_counted_by_reason_every_minute() {
        let mut digest = Digest::new(3);
        let at = Duration::from_secs;
        assert_eq!((digest.until(at(100)), digest.rest(at(100))), (None, None));
        let told = (0..1000).filter(|_| digest.failed(Missing::Unreachable, at(100))).count();
        assert!(!digest.failed(Missing::Refused, at(110)) && !digest.back(at(120)));
        assert_eq!((told, digest.rest(at(159))), (3, None));
        let (failed, back) = digest.rest(at(160)).unwrap();
        assert_eq!((failed.to_string().as_str(), back), ("unreachable 997, refused 1", 1));
        assert_eq!(digest.rest(at(300)), None, "told once");
        assert!(digest.failed(Missing::Refused, at(300)), "there is room again");
        assert_eq!(digest.rest(at(400)), None, "nothing was counted");
    }
}
