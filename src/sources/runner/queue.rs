//! Who is asked next: by time, and within the places of each lane.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::Limits;
use super::pace::Pace;
use super::slot::{Lane, Slot};
use super::turns::Turns;
use crate::sources::Source;

/// Turns that are this close are taken together: fewer wake-ups, and no burst.
const GRAIN: Duration = Duration::from_millis(5);

/// Sources that wait: for their turn, or for a place in their lane.
pub struct Queue {
    limits: Limits,
    turns: Turns,
    pace: Pace,
    /// By index; `None` while it is asked.
    slots: Vec<Option<Slot>>,
    /// Turns to come: when, and whose.
    later: BinaryHeap<Reverse<(Duration, u32)>>,
    /// Whose turn has come.
    waiting: ByLane<VecDeque<u32>>,
    running: ByLane<usize>,
}

#[derive(Debug, Default)]
struct ByLane<T> {
    healthy: T,
    unproven: T,
    suspect: T,
    empty: T,
}

impl<T> ByLane<T> {
    fn of(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Healthy => &mut self.healthy,
            Lane::Unproven => &mut self.unproven,
            Lane::Suspect => &mut self.suspect,
            Lane::Empty => &mut self.empty,
        }
    }
}

/// Turns that have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Released {
    pub due: u32,
    /// Of those, the ones that are left out.
    pub missed: u32,
}

impl Queue {
    pub fn new(sources: Vec<Box<dyn Source>>, limits: Limits, turns: Turns, now: Duration) -> Self {
        let count = sources.len();
        let pace = match turns {
            Turns::Grid { .. } => Pace::of(sources.iter().map(|source| source.schedule().interval)),
            Turns::Apart => Pace::unlimited(),
        };
        let mut queue = Self {
            limits,
            turns,
            pace,
            slots: Vec::with_capacity(count),
            later: BinaryHeap::with_capacity(count),
            waiting: ByLane::default(),
            running: ByLane::default(),
        };
        for (index, source) in (0u32..).zip(sources) {
            let due = turns.first(source.schedule().interval, index, count, now);
            queue.slots.push(None);
            queue.park(Slot::new(source, index, due));
        }
        queue
    }

    /// Takes back a source whose fetch in `lane` has ended, until its next turn.
    pub fn ended(&mut self, mut slot: Slot, lane: Lane, retry_after: Option<Duration>, now: Duration) {
        let running = self.running.of(lane);
        *running = running.saturating_sub(1);
        slot.due = self.turns.next(&slot, retry_after, now, fastrand::f64());
        self.park(slot);
    }

    fn park(&mut self, slot: Slot) {
        self.later.push(Reverse((slot.due, slot.index)));
        let index = slot.index as usize;
        if let Some(place) = self.slots.get_mut(index) {
            *place = Some(slot);
        }
    }

    /// Moves those whose turn has come to their lanes.
    pub fn release_due(&mut self, now: Duration) -> Released {
        let mut released = Released::default();
        while let Some(Reverse((due, index))) = self.later.peek().copied() {
            if due > now {
                break;
            }
            self.later.pop();
            released.due = released.due.saturating_add(1);
            let Some(slot) = self.slots.get_mut(index as usize).and_then(Option::as_mut) else { continue };
            if let Some(instead) = self.turns.instead(slot, now) {
                released.missed = released.missed.saturating_add(1);
                slot.due = instead;
                self.later.push(Reverse((instead, index)));
                continue;
            }
            let lane = slot.lane();
            self.waiting.of(lane).push_back(index);
        }
        released
    }

    /// Takes the next source for which its lane has a place; [`Queue::ended`] gives the place back.
    pub fn next_to_start(&mut self, now: Duration) -> Option<Slot> {
        let lane = self.next_lane()?;
        if !self.pace.takes(now) {
            return None;
        }
        let index = self.waiting.of(lane).pop_front()?;
        *self.running.of(lane) += 1;
        self.slots.get_mut(index as usize).and_then(Option::take)
    }

    /// The lane that has somebody waiting and a place.
    fn next_lane(&self) -> Option<Lane> {
        let (running, waiting) = (&self.running, &self.waiting);
        let failing = running.suspect + running.empty;
        // Those that fail have these places, whether they use them or not.
        let held = failing.max(self.limits.suspect);
        let shared = self.limits.all() - self.limits.kept();
        if running.healthy + running.unproven + held < self.limits.all() {
            // One at a time goes first: a site that is too large for its places still finds all.
            let room = running.unproven + held < shared;
            let may = if waiting.healthy.is_empty() { room } else { room && running.unproven == 0 };
            if may && !waiting.unproven.is_empty() {
                return Some(Lane::Unproven);
            }
            if !waiting.healthy.is_empty() {
                return Some(Lane::Healthy);
            }
        }
        let unused = waiting.healthy.is_empty()
            && waiting.unproven.is_empty()
            && running.healthy + running.unproven + failing < self.limits.all()
            && running.unproven + failing < shared;
        if failing < self.limits.suspect || unused {
            // What is known to exist goes first; but the rest is asked, one at a time.
            if !waiting.empty.is_empty() && (waiting.suspect.is_empty() || running.empty == 0) {
                return Some(Lane::Empty);
            }
            if !waiting.suspect.is_empty() {
                return Some(Lane::Suspect);
            }
        }
        None
    }

    /// Those that are not asked now.
    pub fn sources(&mut self) -> impl Iterator<Item = &mut dyn Source> {
        self.slots.iter_mut().flatten().map(|slot| slot.source.as_mut() as &mut dyn Source)
    }

    /// Time until there is something to do; `None`: nothing before a fetch ends.
    pub fn until_next(&self, now: Duration) -> Option<Duration> {
        let turn = self.later.peek().map(|Reverse((due, _))| due.saturating_sub(now));
        let start = self.next_lane().map(|_| self.pace.until(now));
        turn.into_iter().chain(start).min().map(|pause| pause.max(GRAIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Now;
    use crate::reading::{Missing, Sample};
    use crate::sources::runner::RunnerHealth;
    use crate::sources::runner::digest::Digest;
    use crate::sources::{Failure, Fetch, Schedule};

    /// Is never asked here.
    struct Mute {
        expected: bool,
    }

    impl Source for Mute {
        fn id(&self) -> &str {
            "mute"
        }
        fn schedule(&self) -> Schedule {
            Schedule { interval: Duration::from_secs(30), deadline: Duration::from_secs(10) }
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

    const LIMITS: Limits = Limits { healthy: 8, suspect: 2 };

    /// All have their turn at any time.
    fn queue(expected: usize, of_ranges: usize) -> Queue {
        let source = |n| -> Box<dyn Source> { Box::new(Mute { expected: n < expected }) };
        let sources = (0..expected + of_ranges).map(source).collect();
        let mut queue = Queue::new(sources, LIMITS, Turns::Apart, Duration::ZERO);
        queue.release_due(Duration::MAX);
        queue
    }

    fn start(queue: &mut Queue) -> Vec<Slot> {
        std::iter::from_fn(|| queue.next_to_start(Duration::MAX)).collect()
    }

    /// What was started ends like this, and its next turn comes.
    fn end(queue: &mut Queue, started: Vec<Slot>, outcome: Result<(), Missing>) {
        let mut totals = RunnerHealth { ok: 99, failing: 99, ..RunnerHealth::default() };
        for mut slot in started {
            let lane = slot.lane();
            let outcome = outcome.map(|()| Vec::new()).map_err(|why| Failure::new(why, ""));
            slot.record(outcome, &mut totals, &mut Digest::new(0), Duration::ZERO);
            queue.ended(slot, lane, None, Duration::ZERO);
        }
        queue.release_due(Duration::MAX);
    }

    fn lanes(started: &[Slot]) -> Vec<Lane> {
        started.iter().map(Slot::lane).collect()
    }

    #[test]
    fn addresses_never_asked_leave_room_for_the_miners_that_answer() {
        let mut queue = queue(104, 0);
        let mut first = start(&mut queue);
        assert_eq!(first.len(), 6, "the rest is kept");
        let silent = first.split_off(4);
        end(&mut queue, first, Ok(()));
        let next = lanes(&start(&mut queue));
        assert_eq!(next[..4], [Lane::Healthy; 4], "not behind the 98 that wait");
        assert_eq!(next[4..], [Lane::Unproven; 2], "six again, with the two that hang");
        drop(silent);
    }

    #[test]
    fn what_fails_gets_the_places_that_nobody_uses_but_for_those_that_are_kept() {
        let mut queue = queue(6, 0);
        let all = start(&mut queue);
        end(&mut queue, all, Err(Missing::Unreachable));
        assert_eq!(start(&mut queue).len(), 6, "two are their own, and there is room for two more");
        let mut queue = self::queue(40, 0);
        for _ in 0..10 {
            let some = start(&mut queue);
            end(&mut queue, some, Err(Missing::Unreachable));
        }
        assert_eq!(lanes(&start(&mut queue)), [Lane::Suspect; 8], "two are kept for miners that answer");
    }

    #[test]
    fn those_that_answer_go_before_more_of_those_that_fail_and_never_take_all_places() {
        let mut queue = queue(14, 0);
        for _ in 0..20 {
            let some = start(&mut queue);
            end(&mut queue, some, Ok(()));
        }
        let mut some = start(&mut queue);
        assert_eq!(lanes(&some), [Lane::Healthy; 8], "two are kept for those that fail");
        end(&mut queue, some.split_off(4), Err(Missing::Timeout));
        // Six wait that answer, and four that do not.
        let next = lanes(&start(&mut queue));
        assert_eq!(next[..4], [Lane::Healthy; 4]);
        assert_eq!(next[4..], [Lane::Suspect; 2]);
    }

    #[test]
    fn addresses_where_perhaps_nothing_is_wait_for_what_is_known_to_exist_but_not_for_ever() {
        let mut queue = queue(4, 20);
        let known = start(&mut queue);
        assert_eq!(lanes(&known[..4]), [Lane::Unproven; 4]);
        end(&mut queue, known, Err(Missing::Unreachable));
        let next = lanes(&start(&mut queue));
        assert_eq!(next[..5], [Lane::Empty, Lane::Suspect, Lane::Suspect, Lane::Suspect, Lane::Suspect]);
        assert_eq!(next[5..], [Lane::Empty; 3]);
    }

    #[test]
    fn after_a_standstill_what_is_late_is_left_out_or_caught_up_with_in_time() {
        let sources: Vec<Box<dyn Source>> =
            (0..9000).map(|_| -> Box<dyn Source> { Box::new(Mute { expected: true }) }).collect();
        let limits = Limits { healthy: 10_000, suspect: 1 };
        let at = Duration::from_secs;
        let mut queue = Queue::new(sources, limits, Turns::Grid { start: at(0) }, at(0));
        let released = queue.release_due(at(20));
        // The first round is spread over nine seconds, and half an interval is the limit.
        assert_eq!(released.due, 9000);
        assert!((4900..5100).contains(&released.missed), "{}", released.missed);
        let started = std::iter::from_fn(|| queue.next_to_start(at(20))).count();
        assert!(started <= 22, "{started} at the same moment");
        let missed = queue.release_due(at(5000)).missed;
        assert_eq!(missed, released.missed, "they are on their grid again");
    }
}
