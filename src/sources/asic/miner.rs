//! One miner as a source: what is asked when, and what is remembered between polls.

use std::sync::Arc;
use std::time::Duration;

use super::command::Command;
use super::detect::{self, Fingerprint};
use super::driver::{Ask, Replies, When};
use super::estimate::estimate_power;
use super::exchange;
use super::hosts::HostPort;
use super::memory::{Memory, SELDOM};
use super::models;
use super::names::Names;
use crate::clock::Now;
use crate::reading::{Algorithm, AsicReport, AsicSample, Missing, Place, Sample};
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::JoulesPerTerahash;

/// How long the identity of a machine is believed without asking again.
const IDENTITY_AGE: Duration = Duration::from_secs(600);
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
}

/// A miner behind TCP 4028. One command is in flight at a time, as some machines serve no more.
#[derive(Debug)]
pub struct Miner {
    id: String,
    sample_id: Arc<str>,
    place: Option<Arc<Place>>,
    host: HostPort,
    settings: Settings,
    names: Names,
    memory: Memory,
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
            settings,
            names,
            memory: Memory::at_poll(polls),
            swap_logged: None,
        }
    }

    /// The same miner, known to stand there.
    pub fn at(self, place: Option<Arc<Place>>) -> Self {
        Self { place, ..self }
    }

    async fn poll(&mut self, now: Now) -> Result<AsicReport, Missing> {
        let mut replies = Replies::default();
        let opening = self.memory.opening();
        let opened = self.ask(&mut replies, opening).await;
        match opened {
            // Nobody there, or nobody who answers: more questions would only cost more time.
            Err(why @ (Missing::Refused | Missing::Unreachable | Missing::NoSocket)) => return Err(why),
            Err(why @ Missing::Timeout) if opening == Command::Summary => return Err(why),
            _ => {}
        }
        if !opening.parts().is_empty() {
            self.memory.judge_joined(opening, opened);
        }
        self.memory.polls = self.memory.polls.wrapping_add(1);
        let rest = self.settings.limits.rest;
        // What was read before the limit stands; what was not is missing.
        let _ = tokio::time::timeout(rest, self.ask_the_rest(now, opened, &mut replies)).await;
        if !replies.heard() {
            let summary = replies.get(Command::Summary).err().filter(|_| replies.asked(Command::Summary));
            return Err(summary.or(opened.err()).unwrap_or(Missing::Garbage));
        }
        let driver = self.memory.driver();
        (driver.learn)(&replies, &mut self.memory.known);
        self.names.share_all(&mut self.memory.known);
        self.tell_unknown();
        let mut report = (driver.report)(&replies, &self.memory.known);
        report.nameplate = models::nameplate(&report);
        estimate_power(&mut report, self.settings.declared);
        Ok(report)
    }

    async fn ask_the_rest(&mut self, now: Now, opened: Result<(), Missing>, replies: &mut Replies) {
        // A machine that is stuck at a large reply may answer the smallest.
        if opened == Err(Missing::Timeout) && self.ask(replies, Command::Summary).await.is_err() {
            return;
        }
        let fits = self.ask_driver(now, replies).await;
        if !fits || self.memory.fingerprint.contradicts(Fingerprint::of(replies)) {
            if self.swap_logged.is_none_or(|at| now.since(at) >= QUIET) {
                self.swap_logged = Some(now);
                tracing::info!(miner = %self.sample_id, "another machine or firmware answers");
            }
            self.memory = Memory::at_poll(self.memory.polls);
            self.ask_driver(now, replies).await;
        }
        self.memory.fingerprint = self.memory.fingerprint.updated(Fingerprint::of(replies));
    }

    /// Asks what the driver wants at this poll and is not answered yet. False if the machine refuses what it
    /// has answered before.
    async fn ask_driver(&mut self, now: Now, replies: &mut Replies) -> bool {
        let due = self.memory.identified.is_none_or(|at| now.since(at) >= IDENTITY_AGE);
        let determined = due && self.identify(replies).await;
        let driver = self.memory.driver();
        for ask in driver.asks {
            let spared = ask.unless.is_some_and(|(other, tells)| replies.answer(other).is_ok_and(tells));
            if spared || !self.memory.wants(ask, due) {
                continue;
            }
            if !replies.asked(ask.command) {
                // Its outcome stands in the replies.
                let _ = self.ask(replies, ask.command).await;
            }
            if !self.memory.judge(ask, replies) {
                return false;
            }
        }
        // An identity of which a part was lost on the wire is asked for again at the next poll.
        let lost = |ask: &Ask| {
            use Missing::{CutOff, NoSocket, Refused, Timeout, Unreachable};
            let answer = replies.answer(ask.command);
            let broke_off = matches!(answer, Err(Timeout | CutOff | Refused | Unreachable | NoSocket));
            ask.when == When::Identifying && broke_off
        };
        if determined && !driver.asks.iter().any(lost) {
            self.memory.identified = Some(now);
        }
        true
    }

    /// Finds the driver. False if the machine does not say what it is: it stays what it was, and is
    /// asked again at the next poll.
    async fn identify(&mut self, replies: &mut Replies) -> bool {
        self.memory.forget_refusals();
        let mut found = detect::driver(replies);
        for command in detect::ASKS {
            if found.is_none() && !replies.asked(command) {
                // Its outcome stands in the replies.
                let _ = self.ask(replies, command).await;
                found = detect::driver(replies);
            }
        }
        found.map(|found| self.memory.identify(found)).is_some()
    }

    /// Asks one thing and puts the outcome into `replies`; of a joined command, each of its parts.
    async fn ask(&self, replies: &mut Replies, command: Command) -> Result<(), Missing> {
        // Stands if the time for the whole poll ends during the exchange.
        replies.put(command, Err(Missing::Timeout));
        let bytes = exchange::ask(&self.host, command, self.settings.limits.exchange).await;
        let outcome = bytes.and_then(|bytes| replies.take(command, &bytes));
        if let Err(why) = outcome {
            tracing::trace!(miner = %self.sample_id, ?command, why = why.as_str(), "no reply");
            replies.put(command, Err(why));
        }
        outcome
    }

    /// Whoever runs the site should know which string it was that nothing is known about.
    fn tell_unknown(&self) {
        let (known, miner) = (&self.memory.known, &self.sample_id);
        if let Some(unknown) = &known.unknown {
            if self.names.tell_once(unknown) {
                tracing::warn!(%miner, %unknown, "no such firmware is known: only what all miners tell is read");
            }
        } else if let Some(unknown) = known.model.as_ref().filter(|model| models::find(model).is_none())
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
                Err(why) => Err(Failure::new(why, format!("{}: no summary and no stats", self.sample_id))),
            }
        })
    }

    fn failed(&self, why: Missing) -> Vec<Sample> {
        self.sample(Err(why))
    }
}
