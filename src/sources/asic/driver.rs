//! What a firmware is to the poller: which questions it gets and what its replies mean.
//!
//! A new firmware is one file with one `pub static DRIVER: Driver`, and one arm in `detect.rs`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::command::{Command, Request};
use super::document::{self, List};
use super::known::Known;
use super::reply::{Reply, Row};
use crate::reading::{AsicReport, AsicState, Missing, Read};
use crate::units::Hashrate;

/// A family of firmware. Both functions are pure.
#[derive(Debug)]
pub struct Driver {
    /// For logs: `antminer`, `whatsminer`…
    pub name: &'static str,
    /// What a machine that is known is asked first: of these, the first one that it takes. One that does not
    /// answer it is not asked for more; a machine that is not known yet is asked for its `summary`.
    pub opening: &'static [Command],
    /// What is asked then, in this order, one at a time, as far as the opening has not answered it.
    pub asks: &'static [Ask],
    /// Takes up what these replies say about the machine and does not change at every poll.
    pub learn: fn(&Replies, &mut Known),
    /// The report of this poll.
    pub report: fn(&Replies, &Known) -> AsicReport,
}

/// A test that an answer passes or not.
pub type Test = fn(&Answer) -> bool;

/// One question of a driver.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    pub command: Command,
    pub when: When,
    /// Not asked if this one was answered in the same poll with a reply that passes the test.
    pub unless: Option<(Command, Test)>,
    /// A reply that fails this test is not asked for again before the machine is identified anew.
    pub worth: Test,
    /// Neither is it after a refusal. False for the replies that carry the hashrate: they are asked for
    /// whatever came before.
    pub extra: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    EveryPoll,
    /// Every fifth poll.
    Seldom,
    /// When the machine is met or has changed, and every ten minutes.
    Identifying,
}

impl Ask {
    pub const fn new(command: Command, when: When) -> Self {
        use Command::{AxeInfo, BosStats, CgiStats, EpicSummary, Stats, Summary, V3Summary, VnishSummary};
        let extra = !matches!(
            command,
            Summary | Stats | AxeInfo | EpicSummary | V3Summary | VnishSummary | BosStats | CgiStats
        );
        Self { command, when, unless: None, worth: |_| true, extra }
    }

    pub const fn unless(self, answered: Command) -> Self {
        self.unless_told(answered, |_| true)
    }

    pub const fn unless_told(self, answered: Command, tells: Test) -> Self {
        Self { unless: Some((answered, tells)), ..self }
    }

    pub const fn worth(self, worth: Test) -> Self {
        Self { worth, extra: true, ..self }
    }
}

/// A reply in the form of its command.
#[derive(Debug)]
pub enum Answer {
    Api(Reply),
    /// Body of a page.
    Page(String),
    /// A document, or the part of one that was asked for.
    Document(Value),
}

/// The replies of one poll.
#[derive(Debug, Default)]
pub struct Replies {
    /// Each command once. They are few: looking through them costs less than a table with a place for all.
    answers: Vec<(Command, Result<Answer, Missing>)>,
}

impl Replies {
    pub fn put(&mut self, command: Command, answer: Result<Answer, Missing>) {
        match self.answers.iter_mut().find(|(asked, _)| *asked == command) {
            Some((_, before)) => *before = answer,
            None => self.answers.push((command, answer)),
        }
    }

    fn outcome(&self, command: Command) -> Option<&Result<Answer, Missing>> {
        self.answers.iter().find(|(asked, _)| *asked == command).map(|(_, outcome)| outcome)
    }

    /// Reads the bytes that answer `command`; each part of a joined one gets its own place.
    ///
    /// # Errors
    /// As [`Reply::parse`], [`Reply::parse_joined`] and [`document::parse`].
    pub fn take(&mut self, command: Command, bytes: impl Into<Vec<u8>>) -> Result<(), Missing> {
        let bytes = bytes.into();
        match command.request() {
            Request::Api(_) => self.put(command, Ok(Answer::Api(Reply::parse(bytes)?))),
            Request::Page { .. } => {
                self.put(command, Ok(Answer::Page(String::from_utf8_lossy(&bytes).into_owned())));
            }
            Request::Joined { parts, .. } => {
                let replies = Reply::parse_joined(bytes, parts.iter().map(|(name, _)| *name))?;
                for ((_, part), reply) in parts.iter().zip(replies) {
                    if let Some(reply) = reply {
                        self.put(*part, Ok(Answer::Api(reply)));
                    }
                }
            }
            Request::Document { .. } => {
                self.put(command, Ok(Answer::Document(document::parse(&bytes)?)));
            }
            Request::Framed { parts: [], .. } => {
                self.put(command, Ok(Answer::Document(document::message(&bytes)?)));
            }
            Request::Framed { parts, .. } => {
                let mut message = document::message(&bytes)?;
                let told = |(name, part): &(&str, Command)| {
                    message.get_mut(*name).map(|value| (*part, value.take()))
                };
                let told: Vec<_> = parts.iter().filter_map(told).collect();
                if told.is_empty() {
                    return Err(Missing::RemoteError);
                }
                for (part, value) in told {
                    self.put(part, Ok(Answer::Document(value)));
                }
            }
        }
        Ok(())
    }

    /// The reply to `command`, whatever its status says; `None` if there is none.
    pub fn any(&self, command: Command) -> Option<&Reply> {
        match self.outcome(command)? {
            Ok(Answer::Api(reply)) => Some(reply),
            _ => None,
        }
    }

    /// The answer to `command`.
    ///
    /// # Errors
    /// Why there is none: what went wrong on the wire, what the status of the reply says, or
    /// [`Missing::NotReported`] if it was not asked.
    pub fn answer(&self, command: Command) -> Result<&Answer, Missing> {
        match self.outcome(command) {
            Some(Ok(answer @ Answer::Api(reply))) => reply.status().map(|()| answer),
            Some(Ok(answer)) => Ok(answer),
            Some(Err(why)) => Err(*why),
            None => Err(Missing::NotReported),
        }
    }

    /// The reply to a command of the API.
    ///
    /// # Errors
    /// As [`Replies::answer`].
    pub fn get(&self, command: Command) -> Result<&Reply, Missing> {
        match self.answer(command)? {
            Answer::Api(reply) => Ok(reply),
            Answer::Page(_) | Answer::Document(_) => Err(Missing::NotReported),
        }
    }

    /// The object that answers `command`, in the form of its page.
    ///
    /// # Errors
    /// As [`Replies::answer`]; [`Missing::Garbage`] if it is no object.
    pub fn object<T: DeserializeOwned>(&self, command: Command) -> Result<T, Missing> {
        match self.answer(command)? {
            Answer::Document(value) if value.is_object() => {
                T::deserialize(value).map_err(|_| Missing::Garbage)
            }
            _ => Err(Missing::Garbage),
        }
    }

    /// The list that answers `command`.
    ///
    /// # Errors
    /// As [`Replies::answer`]; [`Missing::Garbage`] if it is no list.
    pub fn list<T: DeserializeOwned>(&self, command: Command) -> Result<Vec<T>, Missing> {
        match self.answer(command)? {
            Answer::Document(value) => {
                List::deserialize(value).ok().and_then(|List(rows)| rows).ok_or(Missing::Garbage)
            }
            _ => Err(Missing::Garbage),
        }
    }

    /// Row `index` of `table` in the reply to `command`.
    ///
    /// # Errors
    /// As [`Replies::get`]; [`Missing::NotReported`] if the reply has no such row.
    pub fn row(&self, command: Command, table: &str, index: usize) -> Result<Row<'_>, Missing> {
        self.get(command)?.row(table, index).ok_or(Missing::NotReported)
    }

    /// The body of a page.
    ///
    /// # Errors
    /// As [`Replies::answer`].
    pub fn page(&self, command: Command) -> Result<&str, Missing> {
        match self.answer(command)? {
            Answer::Page(body) => Ok(body),
            Answer::Api(_) | Answer::Document(_) => Err(Missing::NotReported),
        }
    }

    /// True if a reply, be it an error, says that it comes from one of these programs.
    pub fn come_from(&self, programs: &[&str]) -> bool {
        let replies = self.answers.iter().filter_map(|(_, outcome)| match outcome {
            Ok(Answer::Api(reply)) => Some(reply),
            _ => None,
        });
        let starts = |description: &str, program: &str| {
            description.get(..program.len()).is_some_and(|start| start.eq_ignore_ascii_case(program))
        };
        replies.map(Reply::description).any(|text| programs.iter().any(|program| starts(text, program)))
    }

    /// True if one of the replies that carry the hashrate came back readable, with whatever status.
    pub fn heard(&self) -> bool {
        const HASHRATE: [Command; 9] = [
            Command::Summary,
            Command::Stats,
            Command::Estats,
            Command::AxeInfo,
            Command::EpicSummary,
            Command::V3Summary,
            Command::VnishSummary,
            Command::BosStats,
            Command::CgiStats,
        ];
        self.answers.iter().any(|(command, outcome)| outcome.is_ok() && HASHRATE.contains(command))
    }

    /// True if the cgminer API denies what carries the hashrate.
    pub fn are_denied(&self) -> bool {
        let hashrate = [Command::Summary, Command::Stats, Command::Estats];
        let why = |command| self.answer(command).err();
        hashrate.iter().any(|command| why(*command) == Some(Missing::Denied))
            && hashrate.iter().all(|command| why(*command).is_some())
    }

    /// True also if nothing came back.
    pub fn asked(&self, command: Command) -> bool {
        self.outcome(command).is_some()
    }
}

#[cfg(test)]
impl Replies {
    /// Replies as a machine would send them.
    pub fn of(replies: &[(Command, &str)]) -> Self {
        let mut all = Self::default();
        for (command, json) in replies {
            // Also the reply to a part of what is asked together.
            if let Err(why) = all.take(*command, json.as_bytes()) {
                all.put(*command, Err(why));
            }
        }
        all
    }
}

/// What the machine does, from its hashrate alone: absence says nothing.
pub fn state(hashrate: &Read<Hashrate>, faults: &[String]) -> AsicState {
    match hashrate {
        Err(_) => AsicState::Unknown,
        Ok(rate) if rate.value.ths() > 0.0 => AsicState::Hashing,
        Ok(_) if faults.is_empty() => AsicState::Idle,
        Ok(_) => AsicState::Fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Reading;

    #[test]
    fn the_state_is_never_inferred_from_missing_data() {
        let rate = |ths| Ok(Reading::measured(Hashrate::new(ths).unwrap(), "test"));
        assert_eq!(state(&Err(Missing::Denied), &[]), AsicState::Unknown);
        assert_eq!(state(&Err(Missing::Denied), &["110".into()]), AsicState::Unknown);
        assert_eq!(state(&rate(0.0), &[]), AsicState::Idle);
        assert_eq!(state(&rate(0.0), &["110".into()]), AsicState::Fault);
        assert_eq!(state(&rate(0.1), &["110".into()]), AsicState::Hashing);
    }
}
