//! Which driver a machine needs, from what it replies.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::command::Command;
use super::door::{self, Door, Way};
use super::driver::{Driver, Replies};
use super::{
    antminer, antminer_cgi, auradine, avalon, axeos, braiins, braiins_rest, epic, generic, hammer, luxos,
    mskminer, sealminer, vnish, vnish_web, whatsminer, whatsminer_v3,
};

/// What to ask of a machine that is not recognised yet, in this order, until it is. One with the cgminer API was
/// asked for its `summary` before.
pub fn asks(door: Door) -> &'static [Command] {
    match (door.way, door.port) {
        (Way::Cgminer, _) => &[Command::Version, Command::Stats],
        (Way::Framed, _) => &[Command::V3Summary],
        // Of all pages, only ePIC's are there.
        (Way::Http, door::API_PORT) => &[Command::EpicSummary],
        // Those that may want a login come last: they are for who has been asked for nothing else in vain.
        (Way::Http, door::WEB_PORT) => {
            &[Command::AxeInfo, Command::VnishInfo, Command::BosDetails, Command::CgiStats]
        }
        (Way::Http, _) => &[
            Command::AxeInfo,
            Command::EpicSummary,
            Command::VnishInfo,
            Command::BosDetails,
            Command::CgiStats,
        ],
    }
}

/// A family: how it is recognised, and its driver.
type Family = (fn(&Replies) -> bool, &'static Driver);

/// Those whose program names itself come before those that are told by the name of a machine.
const FAMILIES: [Family; 16] = [
    (whatsminer::recognises, &whatsminer::DRIVER),
    (braiins::recognises, &braiins::DRIVER),
    (luxos::recognises, &luxos::DRIVER),
    (sealminer::recognises, &sealminer::DRIVER),
    (auradine::recognises, &auradine::DRIVER),
    (avalon::recognises, &avalon::DRIVER),
    (vnish::recognises, &vnish::DRIVER),
    (mskminer::recognises, &mskminer::DRIVER),
    (hammer::recognises, &hammer::DRIVER),
    (antminer::recognises, &antminer::DRIVER),
    (whatsminer_v3::recognises, &whatsminer_v3::DRIVER),
    (axeos::recognises, &axeos::DRIVER),
    (epic::recognises, &epic::DRIVER),
    (vnish_web::recognises, &vnish_web::DRIVER),
    (braiins_rest::recognises, &braiins_rest::DRIVER),
    (antminer_cgi::recognises, &antminer_cgi::DRIVER),
];

/// All of them, the one for any other machine last.
pub fn drivers() -> impl Iterator<Item = &'static Driver> {
    FAMILIES.iter().map(|(_, driver)| *driver).chain([&generic::DRIVER])
}

/// The driver for the machine that sent these replies; `None` if they do not tell.
pub fn driver(replies: &Replies) -> Option<&'static Driver> {
    let family = FAMILIES.iter().find(|(recognises, _)| recognises(replies));
    if let Some((_, driver)) = family {
        return Some(driver);
    }
    // It has said what it is, and it is none of the above.
    let named = replies.row(Command::Version, "VERSION", 0).is_ok()
        || replies.row(Command::Stats, "STATS", 0).is_ok();
    named.then_some(&generic::DRIVER)
}

/// What the replies of every poll give away of the machine's identity. It changes when another
/// machine or another firmware answers at the same address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fingerprint {
    summary: Option<u64>,
    stats: Option<u64>,
    framed: Option<u64>,
}

impl Fingerprint {
    pub fn of(replies: &Replies) -> Self {
        let summary = replies.get(Command::Summary).ok().map(|reply| {
            let row = reply.row("SUMMARY", 0);
            let text = |key| row.and_then(|row| row.text(key));
            hash([Some(reply.description()), text("MAC"), text("Firmware Version")])
        });
        let stats = replies
            .row(Command::Stats, "STATS", 0)
            .ok()
            .map(|row| hash([row.text("Type"), row.text("Miner"), row.text("CompileTime")]));
        Self { summary, stats, framed: whatsminer_v3::fingerprint(replies) }
    }

    /// True if a part that both have differs. A reply that failed proves nothing.
    pub fn contradicts(self, other: Self) -> bool {
        let differ = |a: Option<u64>, b: Option<u64>| a.zip(b).is_some_and(|(a, b)| a != b);
        differ(self.summary, other.summary)
            || differ(self.stats, other.stats)
            || differ(self.framed, other.framed)
    }

    /// The parts of `newer`, and those of this one that it lacks.
    pub fn updated(self, newer: Self) -> Self {
        Self {
            summary: newer.summary.or(self.summary),
            stats: newer.stats.or(self.stats),
            framed: newer.framed.or(self.framed),
        }
    }
}

fn hash(parts: [Option<&str>; 3]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Missing;

    const SUMMARY: &str =
        r#"{"STATUS":[{"STATUS":"S","Description":"cgminer 1.0.0"}],"SUMMARY":[{"GHS 5s":1}]}"#;
    const ERROR: &str = r#"{"STATUS":[{"STATUS":"E","Code":14}]}"#;

    #[test]
    fn a_machine_that_does_not_say_what_it_is_is_not_decided_about() {
        assert!(driver(&Replies::of(&[(Command::Summary, SUMMARY)])).is_none());
        assert!(driver(&Replies::of(&[(Command::Summary, SUMMARY), (Command::Version, ERROR)])).is_none());
        let named = r#"{"VERSION":[{"sgminer":"4.11.1"}]}"#;
        let decided = driver(&Replies::of(&[(Command::Summary, SUMMARY), (Command::Version, named)]));
        assert_eq!(decided.unwrap().name, "generic");
    }

    #[test]
    fn a_stock_antminer_is_recognised_by_either_reply_that_names_it() {
        let version = r#"{"VERSION":[{"BMMiner":"1.0.0","Type":"Antminer S21"}]}"#;
        let stats = r#"{"STATS":[{"BMMiner":"1.0.0","Type":"Antminer S21"},{}]}"#;
        for named in [(Command::Version, version), (Command::Stats, stats)] {
            assert_eq!(driver(&Replies::of(&[named])).unwrap().name, "antminer");
        }
    }

    #[test]
    fn a_swapped_machine_is_noticed_and_a_failed_reply_is_not_a_swap() {
        let stats = |kind: &str| format!(r#"{{"STATS":[{{"Type":"Antminer {kind}","Miner":"1"}},{{}}]}}"#);
        let old =
            Fingerprint::of(&Replies::of(&[(Command::Summary, SUMMARY), (Command::Stats, &stats("S19"))]));
        let new =
            Fingerprint::of(&Replies::of(&[(Command::Summary, SUMMARY), (Command::Stats, &stats("S21"))]));
        assert!(old.contradicts(new) && !old.contradicts(old));
        let mut failed = Replies::default();
        failed.put(Command::Stats, Err(Missing::Timeout));
        let failed = Fingerprint::of(&failed);
        assert!(!old.contradicts(failed));
        assert_eq!(old.updated(failed), old);
    }
}
