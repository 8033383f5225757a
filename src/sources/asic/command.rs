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
    /// Boards of WhatsMiners.
    Devs,
    /// The same on firmware that moved it.
    Edevs,
    /// Model of WhatsMiners.
    DevDetails,
    /// Firmware version of WhatsMiners.
    GetVersion,
    /// Faults of WhatsMiners since API 2.
    GetErrorCode,
    /// The page of newer stock Antminers with the power that the supply measures, without login.
    MinerPower,
}

/// How a command goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// JSON to the API port; the reply ends at NUL, at the end of its JSON, or when closed.
    Api(&'static str),
    /// `GET` over HTTP/1.0 on a port of its own.
    Page { port: u16, path: &'static str },
}

impl Command {
    pub const COUNT: usize = 11;

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
        }
    }

    /// Position in tables that hold something for each command, below [`Command::COUNT`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Some of the commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommandSet(u16);

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
    ];

    #[test]
    fn every_command_has_its_own_place() {
        for (place, command) in ALL.into_iter().enumerate() {
            assert_eq!(command.index(), place);
        }
    }

    #[test]
    fn nothing_that_can_be_sent_writes() {
        let reads = ["summary", "stats", "version", "pools", "devs", "edevs", "devdetails"];
        let reads = reads.into_iter().chain(["get_version", "get_error_code"]).collect::<Vec<_>>();
        for command in ALL {
            match command.request() {
                Request::Api(json) => {
                    let sent: serde_json::Value = serde_json::from_str(json).unwrap();
                    assert!(reads.contains(&sent["command"].as_str().unwrap()), "{json}");
                    let keys = sent.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>();
                    assert!(keys == ["command"] || keys == ["command", "new_api"], "{json}");
                }
                Request::Page { path, .. } => assert_eq!(path, "/miner_power"),
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
