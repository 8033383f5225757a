//! Who is asked next: by time, and within the places of each lane.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::Limits;
use super::slot::{Lane, Slot};
use crate::clock;
use crate::sources::Source;

/// First fetches are spread over this, so that a start is no burst.
const START_SPREAD: Duration = Duration::from_secs(2);

/// Sources that wait: for their time, or for a place in their lane.
pub struct Queue {
    limits: Limits,
    running: Running,
    later: BinaryHeap<Reverse<(Duration, usize)>>,
    /// Parked slots; the index is the second half of an entry of `later`.
    parked: Vec<Option<Slot>>,
    free: Vec<usize>,
    healthy: VecDeque<Slot>,
    unproven: VecDeque<Slot>,
    suspect: VecDeque<Slot>,
}

#[derive(Default)]
struct Running {
    healthy: usize,
    unproven: usize,
    suspect: usize,
}

impl Queue {
    pub fn new(sources: Vec<Box<dyn Source>>, limits: Limits) -> Self {
        let mut queue = Self {
            limits,
            running: Running::default(),
            later: BinaryHeap::with_capacity(sources.len()),
            parked: Vec::with_capacity(sources.len()),
            free: Vec::new(),
            healthy: VecDeque::new(),
            unproven: VecDeque::new(),
            suspect: VecDeque::new(),
        };
        let start = clock::now().mono;
        for source in sources {
            let spread = START_SPREAD.min(source.schedule().interval).mul_f64(fastrand::f64());
            queue.again_at(start.saturating_add(spread), Slot::new(source));
        }
        queue
    }

    /// Parks `slot` until the monotonic time `due`.
    pub fn again_at(&mut self, due: Duration, slot: Slot) {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.parked.push(None);
                self.parked.len() - 1
            }
        };
        if let Some(place) = self.parked.get_mut(index) {
            *place = Some(slot);
        }
        self.later.push(Reverse((due, index)));
    }

    /// Moves those whose time has come to their lanes.
    pub fn release_due(&mut self, now: Duration) {
        while let Some(Reverse((due, index))) = self.later.peek().copied() {
            if due > now {
                return;
            }
            self.later.pop();
            self.free.push(index);
            if let Some(slot) = self.parked.get_mut(index).and_then(Option::take) {
                match slot.lane() {
                    Lane::Healthy => self.healthy.push_back(slot),
                    // What may not even exist can wait.
                    Lane::Unproven if slot.source.expected() => self.unproven.push_front(slot),
                    Lane::Unproven => self.unproven.push_back(slot),
                    Lane::Suspect => self.suspect.push_back(slot),
                }
            }
        }
    }

    /// Takes the next source for which its lane has a place; [`Queue::ended`] gives the place back.
    pub fn next_to_start(&mut self) -> Option<Slot> {
        if self.running.healthy + self.running.unproven < self.limits.healthy {
            // One at a time goes first: a site that is too large for its places still finds all.
            if self.running.unproven < if self.healthy.is_empty() { self.limits.unproven() } else { 1 }
                && let Some(slot) = self.unproven.pop_front()
            {
                self.running.unproven += 1;
                return Some(slot);
            }
            if let Some(slot) = self.healthy.pop_front() {
                self.running.healthy += 1;
                return Some(slot);
            }
        }
        if self.running.suspect < self.limits.suspect
            && let Some(slot) = self.suspect.pop_front()
        {
            self.running.suspect += 1;
            return Some(slot);
        }
        None
    }

    pub fn ended(&mut self, lane: Lane) {
        match lane {
            Lane::Healthy => self.running.healthy -= 1,
            Lane::Unproven => self.running.unproven -= 1,
            Lane::Suspect => self.running.suspect -= 1,
        }
    }

    /// `None`: nobody is parked.
    pub fn until_next(&self, now: Duration) -> Option<Duration> {
        self.later.peek().map(|Reverse((due, _))| due.saturating_sub(now))
    }
}
