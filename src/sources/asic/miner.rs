//! One miner as a source: where it is found, what is made of its replies, and what is told about it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::door::{self, Try, Way};
use super::driver::Replies;
use super::estimate::estimate_power;
use super::hosts::HostPort;
use super::memory::{Memory, SELDOM};
use super::models;
use super::names::Names;
use super::poll::{Poll, most_telling};
use super::session::{Login, Session};
use crate::clock::Now;
use crate::reading::{Algorithm, AsicReport, AsicSample, Missing, Place, Sample};
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::JoulesPerTerahash;

/// Two machines that fight over one address are in the log this often at most.
const QUIET: Duration = Duration::from_secs(3600);

/// How long one poll may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For one command, from connect to the last byte.
    pub exchange: Duration,
    /// For all commands behind the first one together.
    pub rest: Duration,
    /// For the whole poll, as told to the runner.
    pub poll: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            exchange: Duration::from_secs(3),
            // Ends before the runner's limit, so that a slow extra never costs what was read.
            rest: Duration::from_millis(6_500),
            poll: Duration::from_secs(10),
        }
    }
}

/// What the config says about a miner.
#[derive(Debug, Clone)]
pub struct Settings {
    pub group: Arc<str>,
    pub interval: Duration,
    /// Nameplate efficiency for models that the table does not know.
    pub declared: Option<JoulesPerTerahash>,
    pub limits: Limits,
    /// For machines that tell nothing without one.
    pub login: Option<Arc<Login>>,
}

/// A miner, behind whichever door it is found. There is one connection to it at a time, as some machines serve no
/// more.
#[derive(Debug)]
pub struct Miner {
    id: String,
    sample_id: Arc<str>,
    place: Option<Arc<Place>>,
    host: HostPort,
    settings: Settings,
    names: Names,
    memory: Memory,
    session: Option<Box<Session>>,
    swap_logged: Option<Now>,
}

impl Miner {
    pub fn new(host: HostPort, settings: Settings, names: Names) -> Self {
        let address = host.to_string();
        // Miners start at different points of the cycle, so that not all are asked for their pools
        // in the same sweep.
        let polls =
            address.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % SELDOM;
        Self {
            id: format!("asic/{address}"),
            sample_id: address.into(),
            place: None,
            host,
            session: settings.login.clone().map(|login| Box::new(Session::new(login))),
            settings,
            names,
            memory: Memory::behind(0, polls),
            swap_logged: None,
        }
    }

    /// The same miner, known to stand there.
    pub fn at(self, place: Option<Arc<Place>>) -> Self {
        Self { place, ..self }
    }

    async fn poll(&mut self, now: Now) -> Result<AsicReport, Missing> {
        let replies = self.reach(now).await?;
        let driver = self.memory.driver();
        (driver.learn)(&replies, &mut self.memory.known);
        self.names.share_all(&mut self.memory.known);
        let mut report = (driver.report)(&replies, &self.memory.known);
        report.nameplate = models::nameplate(&report);
        self.tell_unknown(report.nameplate.is_some());
        estimate_power(&mut report, self.settings.declared);
        Ok(report)
    }

    /// Polls the machine behind the door where it was found. The other doors are for a machine that is not known
    /// yet, or no longer there.
    async fn reach(&mut self, now: Now) -> Result<Replies, Missing> {
        let doors = door::doors(self.host.port);
        let (first, known) = (self.memory.door, self.memory.is_known());
        let believed = self.memory.is_believed(now);
        // What it says at its own door counts, else what says most.
        let (mut why, mut own_why) = (None, None);
        let mut locked = None;
        // Ports behind which nobody is, or somebody to whom there is no more to say.
        let mut shut: Vec<u16> = Vec::new();
        for Try { index, own } in door::tries(doors.len(), first, known, believed) {
            let Some(door) = doors.get(index).filter(|door| !shut.contains(&door.port)) else { continue };
            // Only pages may be those of another machine at the same door.
            if own_why.is_some() && index == first && door.way != Way::Http {
                continue;
            }
            let at = match door.port == self.host.port {
                true => Cow::Borrowed(&self.host),
                false => Cow::Owned(HostPort { port: door.port, ..self.host.clone() }),
            };
            let remembered = own || !known && index == first;
            // On the heap: few polls need it, and what waits for a reply is kept small.
            let mut other = (!remembered).then(|| Box::new(Memory::behind(index, self.memory.polls)));
            let mut poll = Poll {
                door: *door,
                at: &at,
                limits: self.settings.limits,
                now,
                memory: other.as_deref_mut().unwrap_or(&mut self.memory),
                session: self.session.as_deref_mut(),
                replies: Replies::default(),
                spoke: None,
                swapped: false,
            };
            let outcome = poll.run().await;
            let is_locked = outcome.is_ok() && poll.is_locked();
            let Poll { replies, spoke, mut swapped, .. } = poll;
            if is_locked {
                locked = remembered.then_some(replies).or(locked);
                *if own { &mut own_why } else { &mut why } = Some(Missing::Denied);
                continue;
            }
            let Err(reason) = outcome else {
                if let Some(other) = other {
                    swapped |= known && other.driver().name != self.memory.driver().name;
                    self.memory = *other;
                }
                self.tell_swapped(now, swapped);
                return Ok(replies);
            };
            let slot = if own { &mut own_why } else { &mut why };
            *slot = Some(slot.map_or(reason, |why| most_telling(why, reason)));
            // The search for a machine that was found before does not end at what others do.
            let last = own || !known || believed;
            match reason {
                Missing::NoSocket => break,
                Missing::Timeout if last => {
                    // One door that swallows questions is enough for a poll. The next one starts behind it.
                    if !known {
                        self.memory.door = (index + 1) % doors.len();
                    }
                    break;
                }
                Missing::Unreachable if remembered => break,
                Missing::Denied | Missing::NotSupported if own => break,
                // It is down, and comes back as what it was.
                Missing::Refused if own && believed => break,
                _ if spoke == Some(Way::Cgminer) && last => break,
                Missing::Refused => shut.push(door.port),
                _ if spoke == Some(Way::Http) && door.way == Way::Http && !own => shut.push(door.port),
                _ => {}
            }
        }
        locked.ok_or(own_why.or(why).unwrap_or(Missing::NotYet))
    }

    fn tell_swapped(&mut self, now: Now, swapped: bool) {
        if swapped && self.swap_logged.is_none_or(|at| now.since(at) >= QUIET) {
            self.swap_logged = Some(now);
            tracing::info!(miner = %self.sample_id, "another machine or firmware answers");
        }
    }

    /// Whoever runs the site should know which string it was that nothing is known about.
    fn tell_unknown(&self, in_table: bool) {
        let (known, miner) = (&self.memory.known, &self.sample_id);
        if let Some(unknown) = &known.unknown {
            if self.names.tell_once(unknown) {
                tracing::warn!(%miner, %unknown, "no such firmware is known: only what all miners tell is read");
            }
        } else if let Some(unknown) = known.model.as_ref().filter(|_| !in_table)
            && known.algorithm == Algorithm::Sha256
            && self.names.tell_once(unknown)
        {
            tracing::warn!(%miner, %unknown, "no such model is in the table: without j_per_th no power is estimated");
        }
    }

    fn sample(&self, report: Result<Box<AsicReport>, Missing>) -> Vec<Sample> {
        vec![Sample::Asic(AsicSample {
            id: self.sample_id.clone(),
            group: self.settings.group.clone(),
            place: self.place.clone(),
            expected: self.host.expected,
            interval: self.settings.interval,
            report,
        })]
    }
}

impl Source for Miner {
    fn id(&self) -> &str {
        &self.id
    }

    fn expected(&self) -> bool {
        self.host.expected
    }

    fn schedule(&self) -> Schedule {
        Schedule { interval: self.settings.interval, deadline: self.settings.limits.poll }
    }

    fn fetch(&mut self, now: Now) -> Fetch<'_> {
        Box::pin(async move {
            match self.poll(now).await {
                Ok(report) => Ok(self.sample(Ok(Box::new(report)))),
                Err(why) => {
                    Err(Failure::new(why, format!("{}: nothing that a miner would say", self.sample_id)))
                }
            }
        })
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(Err(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_thousand_miners_and_what_they_said_last_fit_into_thirty_megabytes() {
        assert!(size_of::<Miner>() + size_of::<AsicReport>() <= 1_000, "without their texts and lists");
    }

    #[test]
    fn what_waits_for_a_reply_is_small() {
        let settings = Settings {
            group: "hall".into(),
            interval: Duration::from_secs(30),
            declared: None,
            limits: Limits::default(),
            login: None,
        };
        let host = HostPort { host: "192.0.2.7".into(), port: 4028, expected: true };
        let mut miner = Miner::new(host, settings, Names::default());
        let size = size_of_val(&*miner.fetch(crate::clock::now()));
        // A debug build keeps more.
        assert!(size <= 1_600, "{size}");
    }
}
