//! When a source is asked again. Pure.

use std::time::Duration;

use super::slot::Slot;
use crate::sources::Schedule;

/// Most starts per second beside those that the grid needs: the first round takes a second for every
/// thousand sources, and what was held up is caught up with no faster.
pub const START_RATE: f64 = 1000.0;

/// First pause of a miner that answered before, or should answer: most of what breaks is over soon.
const SOON: Duration = Duration::from_secs(5);

/// Longest time from one turn to the next of such a miner, so that it is found within two minutes of
/// its return: some may pass before it has a place.
const LONGEST_OF_LOST: Duration = Duration::from_secs(90);

/// How the sources of one runner take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// Each on a grid of its own that begins somewhere in the first interval: however long they take, the starts
    /// stay even.
    Grid {
        /// Monotonic.
        start: Duration,
    },
    /// Each an interval after its last fetch has ended.
    Apart,
}

impl Turns {
    /// The first turn of a source, one of `count`: soon, and no burst.
    pub fn first(self, interval: Duration, index: u32, count: usize, now: Duration) -> Duration {
        let spread = Duration::from_secs_f64(count as f64 / START_RATE).min(interval);
        now.saturating_add(spread.mul_f64(phase(index)))
    }

    /// The turn after a fetch that has ended `now`; `random` in 0.0..1.0 spreads what is not on the grid.
    pub fn next(self, slot: &Slot, retry_after: Option<Duration>, now: Duration, random: f64) -> Duration {
        let schedule = slot.source.schedule();
        let due = match self {
            Turns::Apart => now.saturating_add(pause(slot, random)),
            // The first turn was off the grid: the second one is not right behind it.
            Turns::Grid { .. } if slot.failures == 0 => {
                self.on_grid(slot, now.max(slot.due.saturating_add(schedule.interval / 2)))
            }
            Turns::Grid { .. } if slot.is_news() => {
                let pause = lost_pause(schedule, slot.failures).mul_f64(0.8 + 0.2 * random.clamp(0.0, 1.0));
                let latest = slot.due.saturating_add(LONGEST_OF_LOST);
                now.saturating_add(pause).min(latest).max(now)
            }
            Turns::Grid { .. } => now.saturating_add(pause(slot, random)),
        };
        due.max(now.saturating_add(retry_after.unwrap_or_default()))
    }

    /// The turn instead of one that nobody took for so long that it is better left out: taking many of
    /// those at once would be a burst, and half a period later comes the next one anyway.
    pub fn instead(self, slot: &Slot, now: Duration) -> Option<Duration> {
        let missed = now.saturating_sub(slot.due) > slot.source.schedule().interval / 2;
        (missed && slot.failures == 0 && self != Turns::Apart).then(|| self.on_grid(slot, now))
    }

    /// The first turn of the slot's grid that is later than `after`.
    fn on_grid(self, slot: &Slot, after: Duration) -> Duration {
        let interval = slot.source.schedule().interval.max(Duration::from_millis(1));
        let Turns::Grid { start } = self else { return after.saturating_add(interval) };
        let first = start.saturating_add(interval.mul_f64(phase(slot.index)));
        let Some(past) = after.checked_sub(first) else { return first };
        let turns = (past.as_nanos() / interval.as_nanos()).saturating_add(1);
        let ahead = turns.saturating_mul(interval.as_nanos());
        first.saturating_add(Duration::from_nanos(u64::try_from(ahead).unwrap_or(u64::MAX)))
    }
}

/// Where in its interval a source has its turn, 0.0..1.0. Multiples of the golden ratio lie evenly, and so
/// do those of each run of neighbours: a row that fails together is spread over the whole period.
fn phase(index: u32) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    (f64::from(index) * GOLDEN).fract()
}

/// Doubled with each failure in a row, up to [`LONGEST_OF_LOST`].
fn lost_pause(schedule: Schedule, failures: u32) -> Duration {
    let doubled = SOON.min(schedule.interval).saturating_mul(1 << failures.saturating_sub(1).min(10));
    doubled.min(LONGEST_OF_LOST)
}

/// The interval, doubled with each failure in a row as far as the source lets it, spread by ±10 %.
fn pause(slot: &Slot, random: f64) -> Duration {
    let interval = slot.source.schedule().interval;
    let doubled = interval.saturating_mul(1 << slot.failures.min(10));
    let backed_off = doubled.min(slot.source.longest_pause().max(interval));
    backed_off.mul_f64(0.9 + 0.2 * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Now;
    use crate::reading::{Missing, Sample};
    use crate::sources::{Fetch, Source};

    const EVERY: Schedule = Schedule { interval: Duration::from_secs(30), deadline: Duration::from_secs(5) };
    const GRID: Turns = Turns::Grid { start: Duration::from_secs(1000) };

    /// Is never asked here.
    struct Mute {
        expected: bool,
    }

    impl Source for Mute {
        fn id(&self) -> &str {
            "mute"
        }
        fn schedule(&self) -> Schedule {
            EVERY
        }
        fn expected(&self) -> bool {
            self.expected
        }
        fn fetch(&mut self, _now: Now) -> Fetch<'_> {
            Box::pin(std::future::ready(Ok(Vec::new())))
        }
        fn failed(&self, _why: Missing) -> Vec<Sample> {
            Vec::new()
        }
    }

    fn slot(index: u32, due: Duration, failures: u32) -> Slot {
        let mut slot = Slot::new(Box::new(Mute { expected: true }), index, due);
        slot.failures = failures;
        slot
    }

    fn secs(secs: f64) -> Duration {
        Duration::from_secs_f64(secs)
    }

    #[test]
    fn a_feed_that_fails_is_asked_less_and_less_but_never_given_up() {
        let at = |failures| pause(&slot(0, secs(0.0), failures), 0.5).as_secs();
        assert_eq!((at(0), at(1), at(2), at(3)), (30, 60, 120, 240));
        assert_eq!((at(4), at(4_000_000_000)), (300, 300));
        let well = slot(0, secs(0.0), 0);
        assert_eq!((pause(&well, 0.0), pause(&well, 1.0)), (secs(27.0), secs(33.0)));
    }

    #[test]
    fn retry_after_is_obeyed_by_every_kind_of_turn() {
        let told = Some(secs(900.0));
        for turns in [GRID, Turns::Apart] {
            for failures in [0, 1] {
                assert_eq!(turns.next(&slot(0, secs(0.0), failures), told, secs(2000.0), 0.5), secs(2900.0));
            }
        }
    }

    #[test]
    fn turns_stay_on_the_grid_however_late_a_fetch_starts_or_ends() {
        // Phase 0.618…: 1018.54, 1048.54, …
        let first = 1000.0 + 30.0 * phase(1);
        let next = |due: f64, now: f64| GRID.next(&slot(1, secs(due), 0), None, secs(now), 0.5).as_secs_f64();
        for (due, now, periods) in [
            (first, first + 0.1, 1.0),
            (first, first + 29.9, 1.0),
            // Whole periods are left out.
            (first, first + 30.1, 2.0),
            (first, first + 95.0, 4.0),
        ] {
            assert!((next(due, now) - (first + 30.0 * periods)).abs() < 1e-6, "{due} {now}");
        }
        // Off the grid, as the first turn is: at least half an interval passes.
        assert!((next(1000.1, 1000.2) - first).abs() < 1e-6);
        assert!((next(1004.0, 1004.2) - (first + 30.0)).abs() < 1e-6);
    }

    #[test]
    fn the_turns_of_a_fleet_and_of_each_row_in_it_are_spread_evenly() {
        let turns_in_each_second = |rows: std::ops::Range<u32>| {
            let mut seconds = [0; 30];
            for index in rows {
                let at = GRID.on_grid(&slot(index, secs(1000.0), 0), secs(1000.0)) - secs(1000.0);
                seconds[at.as_secs() as usize % 30] += 1;
            }
            seconds
        };
        assert!(turns_in_each_second(0..30_000).iter().all(|n| (998..=1002).contains(n)));
        assert!(turns_in_each_second(12_300..13_200).iter().all(|n| (27..=33).contains(n)));
    }

    #[test]
    fn the_first_round_is_quick_on_a_small_site_and_no_burst_on_a_large_one() {
        let last = |count: u32| {
            (0..count).map(|n| Turns::first(GRID, EVERY.interval, n, count as usize, secs(0.0))).max()
        };
        assert!(last(10) <= Some(secs(0.01)));
        assert!(last(2_000) > Some(secs(1.9)) && last(2_000) <= Some(secs(2.0)));
        assert!(last(60_000) <= Some(secs(30.0)), "each has its turn in the first interval");
    }

    #[test]
    fn a_miner_that_is_lost_is_asked_again_soon_and_then_at_least_every_ninety_seconds() {
        let pause = |failures: u32| lost_pause(EVERY, failures).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 6, u32::MAX].map(pause), [5, 10, 20, 40, 80, 90, 90]);
        // What was spent on waiting for a place is no more spent on the pause.
        let next = |waited: f64| GRID.next(&slot(0, secs(2000.0), 9), None, secs(2000.0 + waited), 1.0);
        assert_eq!([1.5, 60.0, 200.0].map(next), [2090.0, 2090.0, 2200.0].map(secs));
    }

    #[test]
    fn an_address_where_nothing_ever_answered_is_asked_seldom() {
        let mut empty = Slot::new(Box::new(Mute { expected: false }), 0, secs(2000.0));
        empty.failures = 9;
        assert_eq!(GRID.next(&empty, None, secs(2001.5), 0.5), secs(2301.5));
    }

    #[test]
    fn a_turn_that_nobody_took_in_time_is_left_out() {
        let due = 1000.0 + 30.0 * phase(1);
        let instead = |late: f64, failures| GRID.instead(&slot(1, secs(due), failures), secs(due + late));
        assert_eq!(instead(15.0, 0), None);
        assert_eq!(instead(16.0, 0).map(|at| at.as_secs_f64().round()), Some((due + 30.0).round()));
        assert_eq!(instead(100.0, 1), None, "one that is lost is asked as soon as can be");
        assert_eq!(Turns::Apart.instead(&slot(1, secs(due), 0), secs(5000.0)), None);
    }
}
