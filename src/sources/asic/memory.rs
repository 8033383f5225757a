//! What is remembered of a miner between polls: what it is, and what is worth asking.

use std::time::Duration;

use super::command::{Command, CommandSet, Request};
use super::detect::Fingerprint;
use super::door::Way;
use super::driver::{Ask, Driver, Replies, When};
use super::generic;
use super::known::Known;
use crate::clock::Now;
use crate::reading::Missing;

/// How long the identity of a machine is believed without asking again.
const IDENTITY_AGE: Duration = Duration::from_secs(600);

/// Pools and the like are asked at every fifth poll.
pub const SELDOM: u32 = 5;

#[derive(Debug, Default)]
pub struct Memory {
    /// `None`: it has not said yet what it is.
    driver: Option<&'static Driver>,
    /// Number of the door where it was found, or is looked for first.
    pub door: usize,
    pub known: Known,
    pub fingerprint: Fingerprint,
    pub identified: Option<Now>,
    pub polls: u32,
    /// Not asked again before the next identification.
    worthless: CommandSet,
    /// Gave something since the last identification: a failure does not make these worthless.
    proven: CommandSet,
}

impl Memory {
    /// Of a machine of which nothing is known but where it is looked for.
    pub fn behind(door: usize, polls: u32) -> Self {
        Self { door, polls, ..Self::default() }
    }

    pub fn is_known(&self) -> bool {
        self.driver.is_some()
    }

    /// It has said lately what it is.
    pub fn is_believed(&self, now: Now) -> bool {
        self.identified.is_some_and(|at| now.since(at) < IDENTITY_AGE)
    }

    pub fn driver(&self) -> &'static Driver {
        self.driver.unwrap_or(&generic::DRIVER)
    }

    /// Takes up what the machine is. What was known of another kind of machine is forgotten.
    pub fn identify(&mut self, found: &'static Driver) {
        if self.driver.is_some_and(|driver| driver.name != found.name) {
            self.known = Known::default();
        }
        self.driver = Some(found);
    }

    /// Everything is worth asking again.
    pub fn forget_refusals(&mut self) {
        self.worthless = CommandSet::default();
        self.proven = CommandSet::default();
    }

    /// What to ask first: rather nothing of which a part is refused, but better that than each by itself. `None`:
    /// there is nothing that every machine answers that speaks this way.
    pub fn opening(&self, way: Way) -> Option<Command> {
        let takes = |command: Command| !self.worthless.contains(command);
        let openings = self.driver.map_or(&[][..], |driver| driver.opening);
        let mut taken = openings.iter().copied().filter(|command| takes(*command));
        let whole = taken.clone().find(|command| command.parts().iter().all(|(_, part)| takes(*part)));
        let smallest = (way == Way::Cgminer).then_some(Command::Summary);
        let first = || self.driver.and_then(|driver| driver.asks.first()).map(|ask| ask.command);
        whole.or_else(|| taken.next()).or(smallest).or_else(first)
    }

    pub fn wants(&self, ask: &Ask, due: bool) -> bool {
        let now = match ask.when {
            When::EveryPoll => true,
            When::Seldom => due || self.polls.is_multiple_of(SELDOM),
            When::Identifying => due,
        };
        now && !self.worthless.contains(ask.command)
    }

    /// Remembers whether it is worth to ask this again at the next poll. False if the machine refuses what
    /// it has answered before: then it is another one, or runs another firmware.
    pub fn judge(&mut self, ask: &Ask, replies: &Replies) -> bool {
        let page = matches!(ask.command.request(), Request::Page { .. });
        let worthless = match replies.answer(ask.command) {
            Ok(answer) if (ask.worth)(answer) => {
                self.proven.insert(ask.command);
                false
            }
            Err(Missing::RemoteError) if !page && self.proven.contains(ask.command) => return false,
            Ok(_) | Err(Missing::Denied | Missing::RemoteError) => true,
            // It was not asked at all.
            Err(Missing::NoSocket) => false,
            // Most machines have no page, and a port that swallows connections costs time.
            Err(_) => page,
        };
        if worthless && ask.extra && !self.proven.contains(ask.command) {
            self.worthless.insert(ask.command);
        }
        true
    }

    /// The same for a joined command. One that has never been answered is dropped at the first failure: some
    /// firmware answers it with an error, some with the first part alone, and some not at all.
    pub fn judge_joined(&mut self, command: Command, outcome: Result<(), Missing>) {
        match outcome {
            Ok(()) => self.proven.insert(command),
            // Nobody is there to be asked.
            Err(Missing::Refused | Missing::Unreachable | Missing::NoSocket) => {}
            Err(_) if !self.proven.contains(command) => self.worthless.insert(command),
            Err(_) => {}
        }
    }
}
