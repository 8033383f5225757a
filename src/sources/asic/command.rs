//! Everything that wattsplit can say to a miner.
//!
//! Architecture invariant: the set is closed, each entry only reads, and no entry takes a
//! parameter. A command that changes a miner, asks for a token or logs in cannot be expressed.

/// A read-only question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Totals of the machine: hashrate, shares, uptime; on WhatsMiners also power and temperatures.
    Summary,
    /// Boards, temperatures and fans of Antminers.
    Stats,
    /// The same with the flag that makes newer stock Antminers add their power.
    StatsNewApi,
    /// Model and firmware of cgminer's descendants.
    Version,
    /// Pools and workers.
    Pools,
    /// Boards of WhatsMiners, and the hash chains of Braiins.
    Devs,
    /// The same on firmware that moved it.
    Edevs,
    /// Model of WhatsMiners and of machines with Braiins.
    DevDetails,
    /// Firmware version of WhatsMiners.
    GetVersion,
    /// Faults of WhatsMiners since API 2.
    GetErrorCode,
    /// The page of newer stock Antminers with the power that the supply measures, without login.
    MinerPower,
    /// Everything about an Avalon.
    Estats,
    /// Boards and chips of Braiins, °C.
    Temps,
    /// Fans of Braiins.
    Fans,
    /// What the tuner of Braiins reckons its machine to draw.
    TunerStatus,
    /// What LuxOS reckons or measures its machine to draw.
    Power,
    /// All that a WhatsMiner is asked at every poll, over one connection.
    WhatsMinerPoll,
    /// The same on firmware that moved the boards.
    WhatsMinerEdevsPoll,
    /// All that Braiins is asked at every poll, over one connection.
    BraiinsPoll,
}

/// How a command goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// JSON to the API port; the reply ends at NUL, at the end of its JSON, or when closed.
    Api(&'static str),
    /// The same for several at once (`a+b`): the reply holds one for each, under its name.
    Joined { json: &'static str, parts: &'static [(&'static str, Command)] },
    /// `GET` over HTTP/1.0 on a port of its own.
    Page { port: u16, path: &'static str },
}

impl Command {
    pub const COUNT: usize = 19;

    pub fn request(self) -> Request {
        match self {
            Command::Summary => Request::Api(r#"{"command":"summary"}"#),
            Command::Stats => Request::Api(r#"{"command":"stats"}"#),
            // The flag counts at top level only; inside "parameter" the machine ignores it.
            Command::StatsNewApi => Request::Api(r#"{"command":"stats","new_api":true}"#),
            Command::Version => Request::Api(r#"{"command":"version"}"#),
            Command::Pools => Request::Api(r#"{"command":"pools"}"#),
            Command::Devs => Request::Api(r#"{"command":"devs"}"#),
            Command::Edevs => Request::Api(r#"{"command":"edevs"}"#),
            Command::DevDetails => Request::Api(r#"{"command":"devdetails"}"#),
            Command::GetVersion => Request::Api(r#"{"command":"get_version"}"#),
            Command::GetErrorCode => Request::Api(r#"{"command":"get_error_code"}"#),
            Command::MinerPower => Request::Page { port: 6060, path: "/miner_power" },
            Command::Estats => Request::Api(r#"{"command":"estats"}"#),
            Command::Temps => Request::Api(r#"{"command":"temps"}"#),
            Command::Fans => Request::Api(r#"{"command":"fans"}"#),
            Command::TunerStatus => Request::Api(r#"{"command":"tunerstatus"}"#),
            Command::Power => Request::Api(r#"{"command":"power"}"#),
            Command::WhatsMinerPoll => Request::Joined {
                json: r#"{"command":"summary+devs"}"#,
                parts: &[("summary", Command::Summary), ("devs", Command::Devs)],
            },
            Command::WhatsMinerEdevsPoll => Request::Joined {
                json: r#"{"command":"summary+edevs"}"#,
                parts: &[("summary", Command::Summary), ("edevs", Command::Edevs)],
            },
            Command::BraiinsPoll => Request::Joined {
                json: r#"{"command":"summary+devs+temps+fans+tunerstatus"}"#,
                parts: &[
                    ("summary", Command::Summary),
                    ("devs", Command::Devs),
                    ("temps", Command::Temps),
                    ("fans", Command::Fans),
                    ("tunerstatus", Command::TunerStatus),
                ],
            },
        }
    }

    /// The commands in a joined one.
    pub fn parts(self) -> &'static [(&'static str, Command)] {
        match self.request() {
            Request::Joined { parts, .. } => parts,
            Request::Api(_) | Request::Page { .. } => &[],
        }
    }

    /// Position in tables that hold something for each command, below [`Command::COUNT`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Some of the commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommandSet(u32);

impl CommandSet {
    pub fn insert(&mut self, command: Command) {
        self.0 |= 1 << command.index();
    }

    pub fn contains(self, command: Command) -> bool {
        self.0 & (1 << command.index()) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Command; Command::COUNT] = [
        Command::Summary,
        Command::Stats,
        Command::StatsNewApi,
        Command::Version,
        Command::Pools,
        Command::Devs,
        Command::Edevs,
        Command::DevDetails,
        Command::GetVersion,
        Command::GetErrorCode,
        Command::MinerPower,
        Command::Estats,
        Command::Temps,
        Command::Fans,
        Command::TunerStatus,
        Command::Power,
        Command::WhatsMinerPoll,
        Command::WhatsMinerEdevsPoll,
        Command::BraiinsPoll,
    ];

    /// Each of these only reads, on every firmware whose documents name it.
    const READS: [&str; 14] = [
        "summary",
        "stats",
        "estats",
        "version",
        "pools",
        "devs",
        "edevs",
        "devdetails",
        "get_version",
        "get_error_code",
        "temps",
        "fans",
        "tunerstatus",
        "power",
    ];

    #[test]
    fn every_command_has_its_own_place() {
        for (place, command) in ALL.into_iter().enumerate() {
            assert_eq!(command.index(), place);
        }
    }

    #[test]
    fn nothing_that_can_be_sent_writes() {
        for command in ALL {
            match command.request() {
                Request::Api(json) | Request::Joined { json, .. } => {
                    let sent: serde_json::Value = serde_json::from_str(json).unwrap();
                    let words = sent["command"].as_str().unwrap();
                    assert!(words.split('+').all(|word| READS.contains(&word)), "{json}");
                    let keys = sent.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>();
                    assert!(keys == ["command"] || keys == ["command", "new_api"], "{json}");
                }
                Request::Page { path, .. } => assert_eq!(path, "/miner_power"),
            }
        }
    }

    #[test]
    fn the_parts_of_a_joined_command_are_those_that_it_asks_for() {
        for command in ALL {
            let Request::Joined { json, parts } = command.request() else { continue };
            let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
            assert_eq!(json, format!("{{\"command\":\"{}\"}}", names.join("+")));
            for (name, part) in parts {
                assert_eq!(part.request(), Request::Api(&format!("{{\"command\":\"{name}\"}}").leak()[..]));
            }
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let mut set = CommandSet::default();
        set.insert(Command::MinerPower);
        assert!(set.contains(Command::MinerPower));
        assert!(!set.contains(Command::Stats));
    }
}
