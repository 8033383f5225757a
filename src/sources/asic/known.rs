//! What a miner has said of itself and is not asked at every poll.

use std::sync::Arc;

use super::command::Command;
use super::driver::Replies;
use super::field;
use super::reply::{Reply, Row, Scalar};
use crate::reading::{Algorithm, AsicReport, AsicState, Missing};

/// What is kept of a miner between polls. Absent: it has not said so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    pub make: Option<Arc<str>>,
    pub model: Option<Arc<str>>,
    /// What firmware that is not recognised calls its machine.
    pub unknown: Option<Arc<str>>,
    pub algorithm: Algorithm,
    pub firmware: Option<Arc<str>>,
    pub firmware_version: Option<Arc<str>>,
    pub mac: Option<Arc<str>>,
    pub serial: Option<Arc<str>>,
    pub pool_url: Option<Arc<str>>,
    pub worker: Option<Arc<str>>,
    /// Shares of the last reply that told them, as firmware whose `summary` is read now and then has it.
    pub accepted: Option<u64>,
    pub rejected: Option<u64>,
    /// Faults from replies that are not asked for at every poll.
    pub faults: Vec<String>,
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
            accepted: self.accepted,
            rejected: self.rejected,
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

    /// Takes the shares out of `summary`, else of the pool in use.
    pub fn learn_shares(&mut self, replies: &Replies) {
        let summary = replies.row(Command::Summary, "SUMMARY", 0).ok();
        let pool = replies.get(Command::Pools).ok().and_then(pool_in_use);
        let told = |key| {
            let count = |row| field::count(row, key);
            summary.and_then(count).or(pool.and_then(count))
        };
        for (slot, key) in [(&mut self.accepted, "Accepted"), (&mut self.rejected, "Rejected")] {
            let count = told(key);
            // Asked for and not told: what was told before is no answer any more.
            if count.is_some() || replies.asked(Command::Pools) {
                *slot = count;
            }
        }
    }
}

/// Puts `text` into `slot`; keeps what is there if it is the same, or if this poll does not say.
pub fn remember(slot: &mut Option<Arc<str>>, text: Option<&str>) {
    if let Some(text) = text
        && slot.as_deref() != Some(text)
    {
        *slot = Some(field::short(text));
    }
}

/// The active pool, else the first that is alive.
pub fn pool_in_use(pools: &Reply) -> Option<Row<'_>> {
    let is = |row: Row<'_>, key: &str, want: &str| match row.get(key) {
        Some(Scalar::Bool(truth)) => truth && want == "true",
        Some(Scalar::Text(text)) => text.eq_ignore_ascii_case(want),
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn shares_stay_until_the_machine_is_asked_and_does_not_tell() {
        let mut known = Known::default();
        let told = Replies::of(&[(Command::Summary, r#"{"SUMMARY":[{"Accepted":7,"Rejected":1}]}"#)]);
        known.learn_shares(&told);
        known.learn_shares(&Replies::default());
        assert_eq!((known.accepted, known.rejected), (Some(7), Some(1)));
        known.learn_shares(&Replies::of(&[(Command::Pools, r#"{"POOLS":[]}"#)]));
        assert_eq!((known.accepted, known.rejected), (None, None));
    }
}
