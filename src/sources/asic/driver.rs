//! What a firmware is to the poller: which questions it gets and what its replies mean.
//!
//! A new firmware is one file with one `pub static DRIVER: Driver`, and one arm in `detect.rs`.

use std::sync::Arc;

use super::command::Command;
use super::field;
use super::reply::{Reply, Row};
use crate::reading::{Algorithm, AsicReport, AsicState, Missing, Read};
use crate::units::Hashrate;

/// A family of firmware. Both functions are pure.
#[derive(Debug)]
pub struct Driver {
    /// For logs: `antminer`, `whatsminer`…
    pub name: &'static str,
    /// What is asked, in this order, one at a time. `summary` is asked of everything, always first.
    pub asks: &'static [Ask],
    /// Takes up what these replies say about the machine and does not change at every poll.
    pub learn: fn(&Replies, &mut Known),
    /// The report of this poll.
    pub report: fn(&Replies, &Known) -> AsicReport,
}

/// One question of a driver.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    pub command: Command,
    pub when: When,
    /// Not asked if this one was answered in the same poll.
    pub unless: Option<Command>,
    /// A reply that fails this test is not asked for again before the machine is identified anew.
    pub worth: fn(&Answer) -> bool,
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
        Self { command, when, unless: None, worth: |_| true }
    }

    pub const fn unless(self, answered: Command) -> Self {
        Self { unless: Some(answered), ..self }
    }

    pub const fn worth(self, worth: fn(&Answer) -> bool) -> Self {
        Self { worth, ..self }
    }

    /// False for the replies that carry the hashrate: they are asked for whatever came before.
    pub fn is_extra(&self) -> bool {
        !matches!(self.command, Command::Summary | Command::Stats)
    }
}

/// A reply in the form of its command.
#[derive(Debug)]
pub enum Answer {
    Api(Reply),
    /// Body of a page.
    Page(String),
}

/// What is kept of a miner between polls. Absent: it has not said so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    pub make: Option<Arc<str>>,
    pub model: Option<Arc<str>>,
    pub algorithm: Algorithm,
    pub firmware: Option<Arc<str>>,
    pub firmware_version: Option<Arc<str>>,
    pub mac: Option<Arc<str>>,
    pub serial: Option<Arc<str>>,
    pub pool_url: Option<Arc<str>>,
    pub worker: Option<Arc<str>>,
    /// Faults from replies that are not asked for at every poll.
    pub faults: Vec<String>,
}

/// The replies of one poll.
#[derive(Debug, Default)]
pub struct Replies {
    slots: [Option<Result<Answer, Missing>>; Command::COUNT],
}

impl Replies {
    pub fn put(&mut self, command: Command, answer: Result<Answer, Missing>) {
        if let Some(slot) = self.slots.get_mut(command.index()) {
            *slot = Some(answer);
        }
    }

    /// The reply to `command`, whatever its status says; `None` if there is none.
    pub fn any(&self, command: Command) -> Option<&Reply> {
        match self.slots.get(command.index())? {
            Some(Ok(Answer::Api(reply))) => Some(reply),
            _ => None,
        }
    }

    /// The answer to `command`.
    ///
    /// # Errors
    /// Why there is none: what went wrong on the wire, what the status of the reply says, or
    /// [`Missing::NotReported`] if it was not asked.
    pub fn answer(&self, command: Command) -> Result<&Answer, Missing> {
        match self.slots.get(command.index()) {
            Some(Some(Ok(answer @ Answer::Api(reply)))) => reply.status().map(|()| answer),
            Some(Some(Ok(answer @ Answer::Page(_)))) => Ok(answer),
            Some(Some(Err(why))) => Err(*why),
            _ => Err(Missing::NotReported),
        }
    }

    /// The reply to a command of the API.
    ///
    /// # Errors
    /// As [`Replies::answer`].
    pub fn get(&self, command: Command) -> Result<&Reply, Missing> {
        match self.answer(command)? {
            Answer::Api(reply) => Ok(reply),
            Answer::Page(_) => Err(Missing::NotReported),
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
            Answer::Api(_) => Err(Missing::NotReported),
        }
    }

    /// True if one of the replies that carry the hashrate came back readable, with whatever status.
    pub fn heard(&self) -> bool {
        [Command::Summary, Command::Stats].into_iter().any(|command| self.any(command).is_some())
    }

    /// True also if nothing came back.
    pub fn asked(&self, command: Command) -> bool {
        self.slots.get(command.index()).is_some_and(Option::is_some)
    }
}

impl Known {
    /// A report that holds what is known and nothing that was read.
    pub fn report(&self, why: Missing) -> AsicReport {
        AsicReport {
            make: self.make.clone(),
            model: self.model.clone(),
            firmware: self.firmware.clone(),
            firmware_version: self.firmware_version.clone(),
            serial: self.serial.clone(),
            mac: self.mac.clone(),
            algorithm: self.algorithm,
            state: AsicState::Unknown,
            hashrate_now: Err(why),
            hashrate_avg: Err(why),
            power: Err(why),
            nameplate: None,
            temp_chip_max: Err(why),
            temp_board_max: Err(why),
            temp_inlet: Err(why),
            fans_rpm: Vec::new(),
            uptime_s: None,
            pool_url: self.pool_url.clone(),
            worker: self.worker.clone(),
            accepted: None,
            rejected: None,
            boards_expected: None,
            boards_working: None,
            faults: self.faults.clone(),
        }
    }

    /// Takes pool and worker out of a `pools` reply: of the pool in use, and never of one that the
    /// firmware collects its fee at.
    pub fn learn_pool(&mut self, replies: &Replies) {
        if let Ok(reply) = replies.get(Command::Pools) {
            let pool = pool_in_use(reply);
            self.pool_url = pool.and_then(|row| field::text(row, "URL"));
            self.worker = pool.and_then(|row| field::text(row, "User"));
        }
    }
}

#[cfg(test)]
impl Replies {
    /// Replies as a machine would send them.
    pub fn of(replies: &[(Command, &str)]) -> Self {
        let mut all = Self::default();
        for (command, json) in replies {
            all.put(*command, Reply::parse(json.as_bytes()).map(Answer::Api));
        }
        all
    }
}

/// The active pool, else the first that is alive.
pub fn pool_in_use(pools: &Reply) -> Option<Row<'_>> {
    let is = |row: Row<'_>, key: &str, want: &str| match row.get(key) {
        Some(super::reply::Scalar::Bool(truth)) => truth && want == "true",
        Some(super::reply::Scalar::Text(text)) => text.eq_ignore_ascii_case(want),
        _ => false,
    };
    let of_operator = |row: &Row<'_>| {
        let user = row.text("User").unwrap_or_default();
        let url = row.text("URL").unwrap_or_default();
        !user.eq_ignore_ascii_case("devfee") && !url.to_ascii_lowercase().contains("devfee")
    };
    let mut alive = None;
    for row in pools.rows("POOLS").filter(of_operator) {
        if is(row, "Stratum Active", "true") {
            return Some(row);
        }
        if alive.is_none() && is(row, "Status", "alive") {
            alive = Some(row);
        }
    }
    alive
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

    fn pools(json: &str) -> Reply {
        Reply::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn the_pool_in_use_is_the_active_one_that_is_not_the_firmwares_own() {
        let reply = pools(
            r#"{"POOLS":[{"URL":"a","User":"u","Status":"Dead","Stratum Active":false},
                {"URL":"*** DevFee ***","User":"DevFee","Status":"Alive","Stratum Active":true},
                {"URL":"b","User":"v","Status":"Alive","Stratum Active":"true"}]}"#,
        );
        assert_eq!(pool_in_use(&reply).unwrap().text("URL"), Some("b"));
        let reply = pools(r#"{"POOLS":[{"URL":"a","Status":"Dead"},{"URL":"b","Status":"Alive"}]}"#);
        assert_eq!(pool_in_use(&reply).unwrap().text("URL"), Some("b"));
        assert!(pool_in_use(&pools(r#"{"POOLS":[{"URL":"a","Status":"Dead"}]}"#)).is_none());
    }

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
