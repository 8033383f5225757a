//! Everything that wattsplit can say to a miner.
//!
//! Architecture invariant: the set is closed, each entry only reads, and no entry takes a
//! parameter. A command that changes a miner or unlocks it cannot be expressed. Beside these there are two logins
//! ([`super::session`]), with what the operator configured and to machines that have no other way.

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
    /// Everything about a machine with AxeOS.
    AxeInfo,
    /// Everything that changes of a machine with ePIC.
    EpicSummary,
    /// Model of a machine with ePIC.
    EpicCapabilities,
    /// Totals of a WhatsMiner with API 3.
    V3Summary,
    /// Its boards.
    V3Edevs,
    /// Its pools.
    V3Pools,
    /// What it is, and its faults.
    V3DeviceInfo,
    /// Totals and boards over one connection.
    V3Poll,
    /// What a machine with VNish is.
    VnishInfo,
    /// Everything that changes of it.
    VnishSummary,
    /// What a machine with Braiins is, and how long it runs.
    BosDetails,
    /// Its hashrate, shares and power.
    BosStats,
    /// Its boards.
    BosBoards,
    /// Its fans.
    BosCooling,
    /// Its pools.
    BosPools,
    /// Everything that changes of a stock Antminer, by its pages.
    CgiStats,
    /// What it is.
    CgiSystemInfo,
    /// Its pools and shares.
    CgiPools,
}

/// The login without which something is told to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginKind {
    /// A token, for which the password is sent once.
    Token,
    /// HTTP's digest of Antminers.
    Digest,
}

/// How a command goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// JSON to the API port; the reply ends at NUL, at the end of its JSON, or when closed.
    Api(&'static str),
    /// The same for several at once (`a+b`): the reply holds one for each, under its name.
    Joined { json: &'static str, parts: &'static [(&'static str, Command)] },
    /// `GET` of a text on a port of its own.
    Page { port: u16, path: &'static str },
    /// `GET` of a JSON document on the machine's HTTP port.
    Document { path: &'static str },
    /// JSON behind its length, API 3 of WhatsMiners: the reply holds `parts` under their names; it is all of one
    /// thing where there are none.
    Framed { json: &'static str, parts: &'static [(&'static str, Command)] },
}

impl Command {
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
            Command::AxeInfo => Request::Document { path: "/api/system/info" },
            Command::EpicSummary => Request::Document { path: "/summary" },
            Command::EpicCapabilities => Request::Document { path: "/capabilities" },
            Command::V3Summary => Request::Framed {
                json: r#"{"cmd":"get.miner.status","param":"summary"}"#,
                parts: &[("summary", Command::V3Summary)],
            },
            Command::V3Edevs => Request::Framed {
                json: r#"{"cmd":"get.miner.status","param":"edevs"}"#,
                parts: &[("edevs", Command::V3Edevs)],
            },
            Command::V3Pools => Request::Framed {
                json: r#"{"cmd":"get.miner.status","param":"pools"}"#,
                parts: &[("pools", Command::V3Pools)],
            },
            Command::V3DeviceInfo => Request::Framed { json: r#"{"cmd":"get.device.info"}"#, parts: &[] },
            Command::V3Poll => Request::Framed {
                json: r#"{"cmd":"get.miner.status","param":"summary+edevs"}"#,
                parts: &[("summary", Command::V3Summary), ("edevs", Command::V3Edevs)],
            },
            Command::VnishInfo => Request::Document { path: "/api/v1/info" },
            Command::VnishSummary => Request::Document { path: "/api/v1/summary" },
            Command::BosDetails => Request::Document { path: "/api/v1/miner/details" },
            Command::BosStats => Request::Document { path: "/api/v1/miner/stats" },
            Command::BosBoards => Request::Document { path: "/api/v1/miner/hw/hashboards" },
            Command::BosCooling => Request::Document { path: "/api/v1/cooling/state" },
            Command::BosPools => Request::Document { path: "/api/v1/pools" },
            Command::CgiStats => Request::Document { path: "/cgi-bin/stats.cgi" },
            Command::CgiSystemInfo => Request::Document { path: "/cgi-bin/get_system_info.cgi" },
            Command::CgiPools => Request::Document { path: "/cgi-bin/pools.cgi" },
        }
    }

    /// The login that this needs; `None` if anybody is told.
    pub fn login(self) -> Option<LoginKind> {
        use Command::{BosBoards, BosCooling, BosDetails, BosPools, BosStats};
        use Command::{CgiPools, CgiStats, CgiSystemInfo};
        match self {
            BosDetails | BosStats | BosBoards | BosCooling | BosPools => Some(LoginKind::Token),
            CgiStats | CgiSystemInfo | CgiPools => Some(LoginKind::Digest),
            _ => None,
        }
    }

    /// The commands in a joined one.
    pub fn parts(self) -> &'static [(&'static str, Command)] {
        match self.request() {
            Request::Joined { parts, .. } => parts,
            Request::Framed { parts, .. } if parts.len() > 1 => parts,
            _ => &[],
        }
    }

    /// Position in a [`CommandSet`].
    fn index(self) -> usize {
        self as usize
    }
}

/// Some of the commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommandSet(u64);

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

    const ALL: [Command; 37] = [
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
        Command::AxeInfo,
        Command::EpicSummary,
        Command::EpicCapabilities,
        Command::V3Summary,
        Command::V3Edevs,
        Command::V3Pools,
        Command::V3DeviceInfo,
        Command::V3Poll,
        Command::VnishInfo,
        Command::VnishSummary,
        Command::BosDetails,
        Command::BosStats,
        Command::BosBoards,
        Command::BosCooling,
        Command::BosPools,
        Command::CgiStats,
        Command::CgiSystemInfo,
        Command::CgiPools,
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

    /// Pages that only read. They are asked with `GET`, which no firmware takes for a change here.
    const PAGES: [&str; 13] = [
        "/api/system/info",
        "/summary",
        "/capabilities",
        "/api/v1/info",
        "/api/v1/summary",
        "/api/v1/miner/details",
        "/api/v1/miner/stats",
        "/api/v1/miner/hw/hashboards",
        "/api/v1/cooling/state",
        "/api/v1/pools",
        "/cgi-bin/stats.cgi",
        "/cgi-bin/get_system_info.cgi",
        "/cgi-bin/pools.cgi",
    ];

    /// What API 3 of WhatsMiners reads: `set.` would write.
    const FRAMED: [(&str, &[&str]); 2] =
        [("get.miner.status", &["summary", "edevs", "pools"]), ("get.device.info", &[])];

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
                Request::Document { path } => assert!(PAGES.contains(&path), "{path}"),
                Request::Framed { json, .. } => {
                    let sent: serde_json::Value = serde_json::from_str(json).unwrap();
                    let (_, reads) = FRAMED.iter().find(|(name, _)| sent["cmd"] == **name).unwrap();
                    let asked = sent["param"].as_str().map(|words| words.split('+'));
                    assert!(asked.into_iter().flatten().all(|word| reads.contains(&word)), "{json}");
                    assert!(sent.as_object().unwrap().keys().all(|key| key == "cmd" || key == "param"));
                }
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
        for command in ALL {
            let Request::Framed { json, parts } = command.request() else { continue };
            let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
            let sent: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!(sent["param"].as_str().unwrap_or_default(), names.join("+"));
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
