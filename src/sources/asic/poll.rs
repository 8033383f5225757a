//! One poll of one machine behind one door: what is asked, and in which order.

use super::antminer;
use super::command::{Command, LoginKind, Request};
use super::detect::{self, Fingerprint};
use super::door::{Door, Way};
use super::driver::{Ask, Replies, When};
use super::exchange;
use super::hosts::HostPort;
use super::memory::Memory;
use super::miner::Limits;
use super::session::Session;
use crate::clock::Now;
use crate::reading::Missing;

pub struct Poll<'m> {
    pub door: Door,
    /// Its address; the port is that of the door.
    pub at: &'m HostPort,
    pub limits: Limits,
    pub now: Now,
    pub memory: &'m mut Memory,
    pub session: Option<&'m mut Session>,
    pub replies: Replies,
    /// In which way it has answered, whatever it said.
    pub spoke: Option<Way>,
    /// It is another machine than before, or another firmware.
    pub swapped: bool,
}

impl Poll<'_> {
    /// Fills [`Poll::replies`]. One question is in flight at a time, as some machines serve no more.
    ///
    /// # Errors
    /// Why nothing came back that could carry a hashrate.
    pub async fn run(&mut self) -> Result<(), Missing> {
        let way = self.door.way;
        let opening = self.memory.opening(way);
        let opened = match opening {
            Some(opening) => self.ask(opening).await,
            None => self.meet().await,
        };
        match opened {
            // Nobody there, or nobody who answers: more questions would only cost more time.
            Err(why @ (Missing::Refused | Missing::Unreachable | Missing::NoSocket)) => return Err(why),
            Err(why @ Missing::Timeout) if way != Way::Cgminer || opening == Some(Command::Summary) => {
                return Err(why);
            }
            // Or nobody who speaks like this.
            Err(why) if way == Way::Http || opening.is_none() || self.is_spoken_to_wrongly() => {
                return Err(why);
            }
            _ => {}
        }
        if let Some(opening) = opening.filter(|opening| !opening.parts().is_empty()) {
            self.memory.judge_joined(opening, opened);
        }
        self.memory.polls = self.memory.polls.wrapping_add(1);
        // What was read before the limit stands; what was not is missing.
        let _ = tokio::time::timeout(self.limits.rest, self.ask_the_rest(opened)).await;
        if self.replies.heard() {
            return Ok(());
        }
        let asked = self.replies.asked(Command::Summary);
        let summary = self.replies.get(Command::Summary).err().filter(|_| asked);
        Err(summary.or(opened.err()).unwrap_or(Missing::Garbage))
    }

    /// There is a login, and the API denies everything. A stock Antminer, which this may be, tells more by its pages.
    pub fn is_locked(&self) -> bool {
        let driver = self.memory.driver().name;
        let may_be_stock = !self.memory.is_known() || driver == antminer::DRIVER.name;
        may_be_stock && self.session.is_some() && self.replies.are_denied()
    }

    /// The API of a machine that is not known was answered with a page, or with nothing.
    fn is_spoken_to_wrongly(&self) -> bool {
        let known = self.memory.is_known();
        self.door.way == Way::Cgminer && (self.spoke == Some(Way::Http) || self.spoke.is_none() && !known)
    }

    async fn ask_the_rest(&mut self, opened: Result<(), Missing>) {
        // A machine that is stuck at a large reply may answer the smallest.
        if opened == Err(Missing::Timeout) && self.ask(Command::Summary).await.is_err() {
            return;
        }
        let fits = self.ask_driver().await;
        let mut fingerprint = Fingerprint::of(&self.replies);
        if !fits || self.memory.fingerprint.contradicts(fingerprint) {
            let fresh = Memory::behind(self.memory.door, self.memory.polls);
            let before = Box::new(std::mem::replace(self.memory, fresh));
            self.ask_driver().await;
            // One that only fails is still what it was.
            self.swapped = self.memory.is_known() || self.door.way == Way::Cgminer;
            if !self.swapped {
                *self.memory = *before;
            }
            fingerprint = Fingerprint::of(&self.replies);
        }
        self.memory.fingerprint = self.memory.fingerprint.updated(fingerprint);
    }

    /// Asks what the driver wants at this poll and is not answered yet. False if the machine refuses what it
    /// has answered before.
    async fn ask_driver(&mut self) -> bool {
        let due = !self.memory.is_believed(self.now);
        let determined = due && self.identify().await;
        if !self.memory.is_known() && self.door.way != Way::Cgminer {
            return true;
        }
        let driver = self.memory.driver();
        for ask in driver.asks {
            let spared = ask.unless.is_some_and(|(other, tells)| self.replies.answer(other).is_ok_and(tells));
            if spared || !self.memory.wants(ask, due) {
                continue;
            }
            if !self.replies.asked(ask.command) {
                // Its outcome stands in the replies.
                let _ = self.ask(ask.command).await;
            }
            if !self.memory.judge(ask, &self.replies) {
                return false;
            }
        }
        // An identity of which a part was lost on the wire is asked for again at the next poll.
        let lost = |ask: &Ask| {
            use Missing::{CutOff, NoSocket, Refused, Timeout, Unreachable};
            let answer = self.replies.answer(ask.command);
            let broke_off = matches!(answer, Err(Timeout | CutOff | Refused | Unreachable | NoSocket));
            ask.when == When::Identifying && broke_off
        };
        if determined && !driver.asks.iter().any(lost) {
            self.memory.identified = Some(self.now);
        }
        true
    }

    /// Finds the driver. False if the machine does not say what it is: it stays what it was, and is
    /// asked again at the next poll.
    async fn identify(&mut self) -> bool {
        self.memory.forget_refusals();
        let mut found = detect::driver(&self.replies);
        for command in detect::asks(self.door) {
            // Who has no login would only be asked for one.
            let digest = command.login() == Some(LoginKind::Digest);
            if found.is_some() || self.replies.asked(*command) || digest && self.session.is_none() {
                continue;
            }
            let outcome = self.ask(*command).await;
            if self.door.way != Way::Cgminer && outcome.is_err_and(is_gone) {
                break;
            }
            found = detect::driver(&self.replies);
        }
        found.map(|found| self.memory.identify(found)).is_some()
    }

    /// The same for a machine of which nothing is known but the door.
    async fn meet(&mut self) -> Result<(), Missing> {
        if self.identify().await {
            return Ok(());
        }
        let refusals = detect::asks(self.door).iter().filter_map(|command| {
            let asked = self.replies.asked(*command);
            self.replies.answer(*command).err().filter(|_| asked)
        });
        // A document that says nothing of a miner is one more thing that is none.
        Err(refusals.reduce(most_telling).unwrap_or(Missing::Garbage))
    }

    /// Asks one thing and puts the outcome into the replies; of a joined command, each of its parts.
    async fn ask(&mut self, command: Command) -> Result<(), Missing> {
        // Stands if the time for the whole poll ends during the exchange.
        self.replies.put(command, Err(Missing::Timeout));
        let bytes = self.exchange(command).await;
        if let Some(way) = spoken(command, &bytes) {
            self.spoke = Some(way);
        }
        let outcome = bytes.and_then(|bytes| self.replies.take(command, bytes));
        if let Err(why) = outcome {
            tracing::trace!(miner = %self.at, ?command, why = why.as_str(), "no reply");
            self.replies.put(command, Err(why));
        }
        outcome
    }

    /// The bytes of an answer. A page that wants a login gets one, where there is one to give.
    async fn exchange(&mut self, command: Command) -> Result<Vec<u8>, Missing> {
        let limit = self.limits.exchange;
        let session = self.session.as_deref_mut();
        let (session, kind) = match (session, command.login()) {
            (Some(session), Some(kind)) => (session, kind),
            // Without a login, such a machine at least says that it wants one.
            _ => return exchange::ask(self.at, command, None, limit).await,
        };
        if let (LoginKind::Digest, Request::Document { path }) = (kind, command.request()) {
            return session.get(self.at, path, self.now, limit).await;
        }
        let answer = exchange::ask(self.at, command, session.token(), limit).await;
        if answer != Err(Missing::Denied) {
            return answer;
        }
        session.renew(self.at, self.now, limit).await?;
        let answer = exchange::ask(self.at, command, session.token(), limit).await;
        if answer == Err(Missing::Denied) {
            session.refuse(self.now);
        }
        answer
    }
}

/// In which way an answer was given, as far as it shows.
fn spoken(command: Command, outcome: &Result<Vec<u8>, Missing>) -> Option<Way> {
    match (command.request(), outcome) {
        (Request::Api(_) | Request::Joined { .. }, Ok(bytes)) if bytes.starts_with(b"HTTP/") => {
            Some(Way::Http)
        }
        (Request::Api(_) | Request::Joined { .. }, Ok(_) | Err(Missing::TooLarge)) => Some(Way::Cgminer),
        (Request::Document { .. }, Ok(_)) => Some(Way::Http),
        (Request::Document { .. }, Err(why)) if is_said_in_http(*why) => Some(Way::Http),
        (Request::Framed { .. }, Ok(_)) => Some(Way::Framed),
        _ => None,
    }
}

/// Only a web server says so.
fn is_said_in_http(why: Missing) -> bool {
    use Missing::{Denied, NotSupported, RemoteError, TooLarge};
    matches!(why, Denied | NotSupported | RemoteError | TooLarge)
}

/// Nobody is left to be asked.
fn is_gone(why: Missing) -> bool {
    matches!(why, Missing::Refused | Missing::Unreachable | Missing::Timeout | Missing::NoSocket)
}

/// Of two reasons, the one that says more about what is there.
pub fn most_telling(one: Missing, other: Missing) -> Missing {
    const ORDER: [Missing; 9] = [
        Missing::Denied,
        Missing::NotSupported,
        Missing::TooLarge,
        Missing::Garbage,
        Missing::RemoteError,
        Missing::CutOff,
        Missing::Timeout,
        Missing::Unreachable,
        Missing::Refused,
    ];
    let place = |why: Missing| ORDER.iter().position(|known| *known == why).unwrap_or(ORDER.len());
    if place(other) < place(one) { other } else { one }
}
