//! One miner as a source: what is asked when, and what is remembered between polls.

use std::sync::Arc;
use std::time::Duration;

use super::command::{Command, CommandSet, Request};
use super::detect::{self, Fingerprint};
use super::driver::{Answer, Ask, Driver, Known, Replies, When};
use super::exchange;
use super::field;
use super::generic;
use super::hosts::HostPort;
use super::names::Names;
use super::reply::Reply;
use crate::clock::Now;
use crate::reading::{Algorithm, AsicReport, AsicSample, Missing, Reading, Sample};
use crate::sources::{Failure, Fetch, Schedule, Source};
use crate::units::JoulesPerTerahash;

/// How long the identity of a machine is believed without asking again.
const IDENTITY_AGE: Duration = Duration::from_secs(600);
/// Pools and the like are asked at every fifth poll.
const SELDOM: u32 = 5;

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
    host: HostPort,
    settings: Settings,
    names: Names,
    memory: Memory,
    swap_logged: Option<Now>,
}

#[derive(Debug, Default)]
struct Memory {
    driver: Option<&'static Driver>,
    known: Known,
    fingerprint: Fingerprint,
    identified: Option<Now>,
    polls: u32,
    /// Not asked again before the next identification.
    worthless: CommandSet,
    /// Gave something since the last identification: a failure does not make these worthless.
    proven: CommandSet,
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
            host,
            settings,
            names,
            memory: Memory { polls, ..Memory::default() },
            swap_logged: None,
        }
    }

    async fn poll(&mut self, now: Now) -> Result<AsicReport, Missing> {
        let mut replies = Replies::default();
        self.ask(&mut replies, Command::Summary).await;
        if let Err(why @ (Missing::Refused | Missing::Unreachable | Missing::Timeout)) =
            replies.get(Command::Summary)
        {
            // Nobody there, or nobody who answers: more questions would only cost more time.
            return Err(why);
        }
        self.memory.polls = self.memory.polls.wrapping_add(1);
        let rest = self.settings.limits.rest;
        // What was read before the limit stands; what was not is missing.
        let _ = tokio::time::timeout(rest, self.ask_the_rest(now, &mut replies)).await;
        if !replies.heard() {
            return Err(replies.get(Command::Summary).err().unwrap_or(Missing::Garbage));
        }
        let driver = self.memory.driver.unwrap_or(&generic::DRIVER);
        (driver.learn)(&replies, &mut self.memory.known);
        self.names.share_all(&mut self.memory.known);
        let mut report = (driver.report)(&replies, &self.memory.known);
        estimate_power(&mut report, self.settings.declared);
        Ok(report)
    }

    async fn ask_the_rest(&mut self, now: Now, replies: &mut Replies) {
        self.ask_driver(now, replies).await;
        let seen = Fingerprint::of(replies);
        if self.memory.fingerprint.contradicts(seen) {
            if self.swap_logged.is_none_or(|at| now.since(at) >= QUIET) {
                self.swap_logged = Some(now);
                tracing::info!(miner = %self.sample_id, "another machine or firmware answers");
            }
            self.memory = Memory { polls: self.memory.polls, ..Memory::default() };
            self.ask_driver(now, replies).await;
        }
        self.memory.fingerprint = self.memory.fingerprint.updated(Fingerprint::of(replies));
    }

    /// Asks what the driver wants at this poll and is not answered yet.
    async fn ask_driver(&mut self, now: Now, replies: &mut Replies) {
        let due = self.memory.identified.is_none_or(|at| now.since(at) >= IDENTITY_AGE);
        let determined = due && self.identify(replies).await;
        let driver = self.memory.driver.unwrap_or(&generic::DRIVER);
        for ask in driver.asks {
            let wanted = match ask.when {
                When::EveryPoll => true,
                When::Seldom => due || self.memory.polls.is_multiple_of(SELDOM),
                When::Identifying => due,
            };
            let spared = ask.unless.is_some_and(|other| replies.answer(other).is_ok());
            if !wanted || spared || replies.asked(ask.command) || self.memory.worthless.contains(ask.command)
            {
                continue;
            }
            self.ask(replies, ask.command).await;
            self.judge(ask, replies);
        }
        // An identity of which a part was lost on the wire is asked for again at the next poll.
        let lost = |ask: &Ask| {
            use Missing::{CutOff, Refused, Timeout, Unreachable};
            let broke_off =
                matches!(replies.answer(ask.command), Err(Timeout | CutOff | Refused | Unreachable));
            ask.when == When::Identifying && broke_off
        };
        if determined && !driver.asks.iter().any(lost) {
            self.memory.identified = Some(now);
        }
    }

    /// Remembers whether it is worth to ask this again at the next poll.
    fn judge(&mut self, ask: &Ask, replies: &Replies) {
        let page = matches!(ask.command.request(), Request::Page { .. });
        let worthless = match replies.answer(ask.command) {
            Ok(answer) if (ask.worth)(answer) => {
                self.memory.proven.insert(ask.command);
                false
            }
            Ok(_) | Err(Missing::Denied | Missing::RemoteError) => true,
            // Most machines have no page, and a port that swallows connections costs time.
            Err(_) => page,
        };
        if worthless && ask.is_extra() && !self.memory.proven.contains(ask.command) {
            self.memory.worthless.insert(ask.command);
        }
    }

    /// Finds the driver. False if the machine does not say what it is: it stays what it was, and is
    /// asked again at the next poll.
    async fn identify(&mut self, replies: &mut Replies) -> bool {
        self.memory.worthless = CommandSet::default();
        self.memory.proven = CommandSet::default();
        let mut found = detect::driver(replies);
        for command in detect::ASKS {
            if found.is_none() && !replies.asked(command) {
                self.ask(replies, command).await;
                found = detect::driver(replies);
            }
        }
        let Some(found) = found else { return false };
        if self.memory.driver.is_some_and(|driver| driver.name != found.name) {
            self.memory.known = Known::default();
        }
        self.memory.driver = Some(found);
        true
    }

    async fn ask(&self, replies: &mut Replies, command: Command) {
        // Stands if the time for the whole poll ends during the exchange.
        replies.put(command, Err(Missing::Timeout));
        let bytes = exchange::ask(&self.host, command, self.settings.limits.exchange).await;
        let answer = bytes.and_then(|bytes| match command.request() {
            Request::Api(_) => Reply::parse(&bytes).map(Answer::Api),
            Request::Page { .. } => Ok(Answer::Page(String::from_utf8_lossy(&bytes).into_owned())),
        });
        if let Err(why) = &answer {
            tracing::trace!(miner = %self.sample_id, ?command, why = why.as_str(), "no reply");
        }
        replies.put(command, answer);
    }

    fn sample(&self, report: Result<Box<AsicReport>, Missing>) -> Vec<Sample> {
        vec![Sample::Asic(AsicSample {
            id: self.sample_id.clone(),
            group: self.settings.group.clone(),
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

/// Fills in power that nothing reported: nameplate J/TH times TH/s. Only for a machine that hashes:
/// what it draws otherwise is not in any table.
fn estimate_power(report: &mut AsicReport, declared: Option<JoulesPerTerahash>) {
    let (nameplate, source) = match report.nameplate {
        Some(nameplate) => (nameplate, "model table"),
        None => match declared {
            Some(declared) => (declared, "configured J/TH"),
            None => return,
        },
    };
    // The table and the operator's J/TH are those of bitcoin's algorithm.
    if report.algorithm != Algorithm::Sha256 {
        return;
    }
    let Ok(hashrate) = report.hashrate_now else { return };
    if report.power.is_err()
        && hashrate.value.ths() > 0.0
        && let Ok(watts) = field::watts(nameplate.get() * hashrate.value.ths())
    {
        report.power = Ok(Reading::estimated(watts, source).at_best(hashrate.quality));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Hashrate, Watts};

    fn report(ths: f64, nameplate: Option<f64>) -> AsicReport {
        AsicReport {
            hashrate_now: Ok(Reading::measured(Hashrate::new(ths).unwrap(), "test")),
            nameplate: nameplate.and_then(JoulesPerTerahash::new),
            ..Known::default().report(Missing::NotReported)
        }
    }

    fn estimated(mut report: AsicReport, declared: Option<f64>) -> Option<(f64, &'static str)> {
        estimate_power(&mut report, declared.and_then(JoulesPerTerahash::new));
        report.power.ok().map(|power| (power.value.get(), power.source))
    }

    #[test]
    fn power_is_estimated_from_the_table_first_and_the_config_second() {
        assert_eq!(estimated(report(100.0, Some(29.5)), Some(40.0)), Some((2950.0, "model table")));
        assert_eq!(estimated(report(100.0, None), Some(40.0)), Some((4000.0, "configured J/TH")));
        assert_eq!(estimated(report(100.0, None), None), None);
    }

    #[test]
    fn nothing_is_estimated_for_a_machine_that_stands_or_does_not_tell() {
        assert_eq!(estimated(report(0.0, Some(29.5)), None), None);
        let scrypt = AsicReport { algorithm: Algorithm::Other, ..report(0.0115, None) };
        assert_eq!(estimated(scrypt, Some(40.0)), None);
        let silent = AsicReport { hashrate_now: Err(Missing::Denied), ..report(0.0, Some(29.5)) };
        assert_eq!(estimated(silent, Some(40.0)), None);
    }

    #[test]
    fn measured_power_wins() {
        let power = Ok(Reading::measured(Watts::new(3541.0).unwrap(), "test"));
        let measured = AsicReport { power, ..report(200.0, Some(17.5)) };
        assert_eq!(estimated(measured, None), Some((3541.0, "test")));
    }
}
