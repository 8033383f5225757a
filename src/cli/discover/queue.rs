//! What is asked next, when, and what came of it; pure.
//!
//! Every address is knocked at once. Where that gave no connection there is a second time, behind all the
//! others, because a busy network loses a first packet now and then. A miner that answered is read.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use crate::reading::{AsicReport, Missing};
use crate::sources::asic::HostPort;
use crate::sources::asic::probe::{self, Answer};

/// Connections that the first poll of a miner takes at most: what reading one counts for.
pub const READ_CONNECTIONS: u32 = 8;

/// What a timer that wakes late may make up for.
const SLACK: Duration = Duration::from_millis(20);

/// How fast is asked.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Most connections per second, above 0.
    pub per_second: u32,
    /// Most connections at the same time.
    pub places: usize,
}

impl Pace {
    /// For so many connections, one after the other.
    pub fn time(self, connections: usize) -> Duration {
        self.gap().saturating_mul(u32::try_from(connections).unwrap_or(u32::MAX))
    }

    fn gap(self) -> Duration {
        Duration::from_secs(1) / self.per_second.max(1)
    }
}

/// What is to be done for one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    Knock { host: HostPort, again: bool },
    Read(HostPort),
}

/// What came of it.
#[derive(Debug)]
pub enum Event {
    Knocked { host: HostPort, again: bool, answer: Answer },
    Read { host: HostPort, report: Report },
}

/// What a miner said; [`Missing::NotYet`] until it is read.
pub type Report = Result<Box<AsicReport>, Missing>;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub asked: usize,
    /// Those of which is known what is there.
    pub settled: usize,
    pub found: usize,
    pub left: Duration,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Ports, of all addresses together.
    pub asked: usize,
    /// Those of them that needed no question after all.
    pub spared: usize,
    pub addresses: usize,
    pub settled: usize,
    pub miners: HashMap<HostPort, Report>,
    /// They took a connection and gave no whole answer, and why.
    pub silent: Vec<(HostPort, Missing)>,
    pub other: usize,
    pub refused: usize,
    pub absent: usize,
}

impl Findings {
    /// What is counted by [`Findings::asked`].
    pub fn noun(&self) -> &'static str {
        if self.asked == self.addresses { "addresses" } else { "ports" }
    }

    /// True if every address was asked and every miner read, as far as it could be.
    pub fn complete(&self) -> bool {
        let unread = |report: &Report| matches!(report, Err(Missing::NotYet));
        self.settled == self.asked && !self.miners.values().any(unread)
    }
}

/// The addresses on their way from a first knock to a finding.
#[derive(Debug)]
pub struct Queue {
    pace: Pace,
    first: VecDeque<HostPort>,
    /// Asked when no miner was found at the ports before it.
    later: HashSet<HostPort>,
    again: VecDeque<HostPort>,
    to_read: VecDeque<HostPort>,
    in_flight: usize,
    connections: u64,
    /// Monotonic; the next connection is not made before.
    next: Duration,
    pub findings: Findings,
}

impl Queue {
    pub fn new(hosts: Vec<HostPort>, pace: Pace) -> Self {
        let addresses = hosts.iter().map(|host| &host.host).collect::<HashSet<_>>().len();
        let all: HashSet<HostPort> = hosts.iter().cloned().collect();
        // One port of miners after the other: a machine that answers at two of them is one machine.
        let waits = |host: &HostPort| before(host).any(|earlier| all.contains(&earlier));
        let (later, first): (Vec<_>, Vec<_>) = hosts.into_iter().partition(waits);
        Self {
            pace,
            findings: Findings { asked: all.len(), addresses, ..Findings::default() },
            first: first.into(),
            later: later.into_iter().collect(),
            again: VecDeque::new(),
            to_read: VecDeque::new(),
            in_flight: 0,
            connections: 0,
            next: Duration::ZERO,
        }
    }

    /// What to start at `now` (monotonic): `None` if it is too early, if there is no place, or if nothing is
    /// left to start.
    pub fn start(&mut self, now: Duration) -> Option<Job> {
        if self.in_flight >= self.pace.places || now < self.next {
            return None;
        }
        let job = if let Some(host) = self.to_read.pop_front() {
            Job::Read(host)
        } else if let Some(host) = self.first.pop_front() {
            Job::Knock { host, again: false }
        } else {
            Job::Knock { host: self.again.pop_front()?, again: true }
        };
        let connections = if matches!(job, Job::Read(_)) { READ_CONNECTIONS } else { 1 };
        self.next = self.next.max(now.saturating_sub(SLACK)).saturating_add(self.pace.gap() * connections);
        self.connections = self.connections.saturating_add(connections.into());
        self.in_flight += 1;
        Some(job)
    }

    /// Time from `now` until [`Queue::start`] may give something; `None` if first something must end.
    pub fn until_next(&self, now: Duration) -> Option<Duration> {
        let waits = !(self.to_read.is_empty() && self.first.is_empty() && self.again.is_empty());
        (waits && self.in_flight < self.pace.places).then(|| self.next.saturating_sub(now))
    }

    pub fn apply(&mut self, event: Event) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Event::Knocked { host, again, answer } = &event
            && (*again || *answer != Answer::Absent)
        {
            self.go_on(host, matches!(answer, Answer::Miner | Answer::Locked));
        }
        let found = &mut self.findings;
        match event {
            Event::Read { host, report } => {
                found.miners.insert(host, report);
                return;
            }
            Event::Knocked { host, again: false, answer: Answer::Absent } => {
                self.again.push_back(host);
                return;
            }
            Event::Knocked { host, answer, .. } => match answer {
                Answer::Miner => {
                    found.miners.insert(host.clone(), Err(Missing::NotYet));
                    self.to_read.push_back(host);
                }
                Answer::Locked => {
                    found.miners.insert(host, Err(Missing::Denied));
                }
                Answer::Silent(why) => found.silent.push((host, why)),
                Answer::Other => found.other += 1,
                Answer::Refused => found.refused += 1,
                Answer::Absent => found.absent += 1,
            },
        }
        found.settled += 1;
    }

    /// To the next port of the same address, or past all of them.
    fn go_on(&mut self, host: &HostPort, found: bool) {
        for next in behind(host) {
            if self.later.remove(&next) {
                if !found {
                    self.first.push_back(next);
                    return;
                }
                self.findings.settled += 1;
                self.findings.spared += 1;
            }
        }
    }

    /// True if nothing is left to ask or to wait for.
    pub fn is_done(&self) -> bool {
        self.in_flight == 0 && self.waiting() == 0
    }

    pub fn progress(&self) -> Progress {
        Progress {
            asked: self.findings.asked,
            settled: self.findings.settled,
            found: self.findings.miners.len(),
            left: self.left(),
        }
    }

    fn waiting(&self) -> usize {
        self.first.len() + self.again.len() + self.to_read.len()
    }

    /// Taking it that the addresses not asked yet are like the others.
    fn left(&self) -> Duration {
        let behind_first = self.again.len() + self.to_read.len() * READ_CONNECTIONS as usize;
        let spent = usize::try_from(self.connections).unwrap_or(usize::MAX);
        let asked = (self.findings.asked - self.first.len() - self.later.len()).max(1);
        let each = (spent.saturating_add(behind_first) as f64 / asked as f64).max(1.0);
        let first = ((self.first.len() + self.later.len()) as f64 * each) as usize;
        self.pace.time(first.saturating_add(behind_first))
    }
}

/// The same address at the ports of miners that are asked earlier.
fn before(host: &HostPort) -> impl Iterator<Item = HostPort> {
    let place = probe::PORTS.iter().position(|port| *port == host.port).unwrap_or(0);
    probe::PORTS.into_iter().take(place).map(|port| HostPort { port, ..host.clone() })
}

/// And at those that are asked later; none for a port of its own.
fn behind(host: &HostPort) -> impl Iterator<Item = HostPort> {
    let place = probe::PORTS.iter().position(|port| *port == host.port).unwrap_or(probe::PORTS.len());
    probe::PORTS.into_iter().skip(place + 1).map(|port| HostPort { port, ..host.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::asic::hosts;

    const PACE: Pace = Pace { per_second: 100, places: 1_000 };

    #[test]
    fn a_machine_at_two_ports_is_one_machine_however_late_it_answers() {
        let at = |port| HostPort { host: "10.20.0.1".into(), port, expected: true };
        let mut queue =
            Queue::new([80, 4028, 4029, 4433].map(at).into(), Pace { per_second: 10_000, places: 99 });
        let mut now = Duration::ZERO;
        let mut start = |queue: &mut Queue| {
            now += Duration::from_secs(1);
            match queue.start(now)? {
                Job::Knock { host, .. } => Some(host.port),
                Job::Read(_) => None,
            }
        };
        let knocked = |port, answer| Event::Knocked { host: at(port), again: false, answer };
        assert_eq!((start(&mut queue), start(&mut queue), start(&mut queue)), (Some(4028), Some(4029), None));
        queue.apply(knocked(4028, Answer::Refused));
        assert_eq!((start(&mut queue), start(&mut queue)), (Some(4433), None));
        queue.apply(knocked(4029, Answer::Miner));
        queue.apply(knocked(4433, Answer::Miner));
        assert_eq!((queue.findings.miners.len(), queue.findings.settled, queue.findings.spared), (2, 4, 1));
    }

    fn queue(addresses: usize, pace: Pace) -> Queue {
        let hosts = hosts::expand("10.20.0.0/22", 4028).unwrap();
        Queue::new(hosts.into_iter().take(addresses).collect(), pace)
    }

    /// All that may start within `span` from `from` on, looked at every millisecond.
    fn starts(queue: &mut Queue, from: Duration, span: Duration) -> Vec<Job> {
        let looks = (0..span.as_millis()).map(|ms| from + Duration::from_millis(ms as u64));
        looks.flat_map(|now| std::iter::from_fn(|| queue.start(now)).collect::<Vec<_>>()).collect()
    }

    fn knocked(job: Job, answer: Answer) -> Event {
        match job {
            Job::Knock { host, again } => Event::Knocked { host, again, answer },
            Job::Read(host) => Event::Read { host, report: Err(Missing::Timeout) },
        }
    }

    #[test]
    fn no_more_connections_are_made_in_a_second_than_were_stated() {
        let mut queue = queue(1_000, PACE);
        let second = Duration::from_secs(1);
        // After a pause nothing is made up for but what a timer is late by.
        assert_eq!(starts(&mut queue, 5 * second, second).len(), 102);
        assert_eq!(starts(&mut queue, 6 * second, second).len(), 100);
        assert_eq!(starts(&mut queue, 9 * second, second).len(), 102);
    }

    #[test]
    fn a_miner_is_read_next_and_counts_for_its_questions() {
        let mut queue = queue(500, PACE);
        let second = Duration::from_secs(1);
        let knock = starts(&mut queue, second, Duration::from_millis(1)).remove(0);
        let Job::Knock { host, again: false } = knock.clone() else { panic!("{knock:?}") };
        queue.apply(knocked(knock, Answer::Miner));
        let jobs = starts(&mut queue, 2 * second, second);
        assert_eq!(jobs[0], Job::Read(host));
        assert_eq!(jobs.len(), 102 - (READ_CONNECTIONS as usize - 1));
    }

    #[test]
    fn no_more_are_open_than_there_are_places() {
        let mut queue = queue(500, Pace { places: 3, ..PACE });
        let second = Duration::from_secs(1);
        let mut jobs = starts(&mut queue, second, second);
        assert_eq!((jobs.len(), queue.until_next(second)), (3, None));
        queue.apply(knocked(jobs.remove(0), Answer::Refused));
        assert_eq!(queue.until_next(2 * second), Some(Duration::ZERO));
        assert_eq!(starts(&mut queue, 2 * second, second).len(), 1);
    }

    #[test]
    fn only_where_nobody_took_the_connection_there_is_a_second_knock() {
        let answers = [
            Answer::Miner,
            Answer::Silent(Missing::Timeout),
            Answer::Other,
            Answer::Refused,
            Answer::Absent,
            Answer::Absent,
        ];
        let mut queue = queue(answers.len(), Pace { per_second: 10_000, ..PACE });
        let second = Duration::from_secs(1);
        for (job, answer) in starts(&mut queue, second, second).into_iter().zip(answers) {
            queue.apply(knocked(job, answer));
        }
        assert!(!queue.is_done() && queue.findings.settled == 4);
        let rest = starts(&mut queue, 2 * second, second);
        let wanted = ["10.20.0.5", "10.20.0.6"];
        assert!(matches!(&rest[0], Job::Read(host) if host.host == "10.20.0.1".into()), "{rest:?}");
        for (job, wanted) in rest[1..].iter().zip(wanted) {
            assert!(matches!(job, Job::Knock { host, again: true } if host.host == wanted.into()), "{job:?}");
        }
        assert!(!queue.findings.complete(), "one is not read");
        for (job, answer) in rest.into_iter().zip([Answer::Miner, Answer::Miner, Answer::Absent]) {
            queue.apply(knocked(job, answer));
        }
        // The first packet to the fifth was lost.
        let last = starts(&mut queue, 3 * second, second).remove(0);
        assert!(matches!(&last, Job::Read(host) if host.host == "10.20.0.5".into()), "{last:?}");
        queue.apply(knocked(last, Answer::Miner));
        let found = &queue.findings;
        assert!(queue.is_done() && found.complete());
        assert_eq!((found.miners.len(), found.silent.len()), (2, 1));
        assert_eq!((found.other, found.refused, found.absent, found.settled), (1, 1, 1, 6));
    }

    #[test]
    fn the_time_left_takes_the_rest_to_be_like_what_was_asked() {
        let mut queue = queue(300, PACE);
        assert_eq!(queue.progress().left, Duration::from_secs(3));
        let second = Duration::from_secs(1);
        for job in starts(&mut queue, second, second).into_iter().take(100) {
            queue.apply(knocked(job, Answer::Absent));
        }
        let left = queue.progress().left.as_secs_f64();
        // Some 100 to be asked again, and some 200 that may need it.
        assert!((4.8..5.1).contains(&left), "{left}");
    }
}
