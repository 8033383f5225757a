//! What a simulated miner answers: the cgminer API on TCP 4028 (`kanoi/cgminer`, API-README).

use serde::Deserialize;
use serde_json::{Value, json};

use super::fleet::{Make, Miner};
use super::world::MinerState;
use super::{antminer, whatsminer};

/// One miner at one moment, as a reply needs it.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    pub miner: &'a Miner,
    pub state: &'a MinerState,
    /// Wall time of the reply, unix seconds.
    pub when_s: i64,
}

/// Other keys, such as `parameter` or `new_api`, are ignored as the firmwares do.
#[derive(Deserialize)]
struct Request {
    command: String,
}

/// The whole reply to `request`, with the closing NUL where the firmware sends one.
pub fn reply(moment: &Moment<'_>, request: &[u8]) -> Vec<u8> {
    let request = request.split(|b| *b == 0).next().unwrap_or_default();
    let command = serde_json::from_slice(request).map(|r: Request| r.command);
    let (value, closing_nul) = match moment.miner.model.make {
        Make::Antminer => {
            let value = match command {
                // Combined commands are not known to this firmware either.
                Ok(command) => antminer::reply(moment, &command)
                    .unwrap_or_else(|| antminer_error(moment, 14, "Invalid command")),
                Err(_) => antminer_error(moment, 23, "Invalid JSON"),
            };
            (value, true)
        }
        Make::WhatsMiner => {
            let value = match command {
                Ok(command) if command.contains('+') => combined(moment, &command),
                Ok(command) => whatsminer_reply(moment, &command),
                Err(_) => whatsminer_error(moment, "invalid json"),
            };
            (value, false)
        }
    };
    let mut bytes = value.to_string().into_bytes();
    if closing_nul {
        bytes.push(0);
    }
    bytes
}

/// `a+b` is answered as `{"a":[…],"b":[…],"id":1}`.
fn combined(moment: &Moment<'_>, commands: &str) -> Value {
    let mut all = serde_json::Map::new();
    for command in commands.split('+') {
        all.insert(command.to_owned(), json!([whatsminer_reply(moment, command)]));
    }
    all.insert("id".to_owned(), json!(1));
    Value::Object(all)
}

fn whatsminer_reply(moment: &Moment<'_>, command: &str) -> Value {
    whatsminer::reply(moment, command).unwrap_or_else(|| whatsminer_error(moment, "invalid cmd"))
}

/// A reply of one table, in the layout that all descendants of cgminer share.
pub(super) fn table(
    moment: &Moment<'_>,
    program: &str,
    (code, text): (u32, &str),
    section: &str,
    rows: Vec<Value>,
) -> Value {
    let status = json!({
        "STATUS": "S", "When": moment.when_s, "Code": code, "Msg": text, "Description": program
    });
    json!({ "STATUS": [status], section: rows, "id": 1 })
}

fn antminer_error(moment: &Moment<'_>, code: u32, text: &str) -> Value {
    let status = json!({
        "STATUS": "E", "When": moment.when_s, "Code": code, "Msg": text,
        "Description": "cgminer 1.0.0"
    });
    json!({ "STATUS": [status], "id": 1 })
}

fn whatsminer_error(moment: &Moment<'_>, text: &str) -> Value {
    json!({ "STATUS": "E", "When": moment.when_s, "Code": 14, "Msg": text, "Description": "" })
}

/// `value` with `decimals` decimals.
pub(super) fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::fleet::Condition;
    use crate::sim::time::SimTime;
    use crate::sim::world::World;

    /// The reply of the first healthy miner of `model` to `command`, without the NUL.
    fn ask(model: &str, command: &str) -> Value {
        let world = World::new(1, 300, 0);
        let healthy = |m: &&Miner| m.model.name == model && m.condition == Condition::Healthy;
        let miner = world.miners.iter().find(healthy).unwrap();
        let state = world.miner(miner, SimTime::from_hours(12)).unwrap();
        let moment = Moment { miner, state: &state, when_s: 1_763_800_000 };
        let bytes = reply(&moment, json!({ "command": command }).to_string().as_bytes());
        serde_json::from_slice(bytes.strip_suffix(&[0]).unwrap_or(&bytes)).unwrap()
    }

    #[test]
    fn an_antminer_knows_its_commands_and_refuses_the_rest() {
        for command in ["summary", "stats", "version", "pools", "devs"] {
            assert_eq!(ask("Antminer S19 XP", command)["STATUS"][0]["STATUS"], "S", "{command}");
        }
        for command in ["get_version", "summary+stats", "reboot"] {
            assert_eq!(ask("Antminer S19 XP", command)["STATUS"][0]["Code"], 14, "{command}");
        }
    }

    #[test]
    fn a_whatsminer_knows_its_commands_and_joins_them() {
        for command in ["summary", "pools", "devs", "devdetails"] {
            assert_eq!(ask("M50_VH30", command)["STATUS"][0]["STATUS"], "S", "{command}");
        }
        assert_eq!(ask("M50_VH30", "get_version")["STATUS"], "S");
        assert_eq!(ask("M50_VH30", "stats")["STATUS"], "E");
        let both = ask("M50_VH30", "summary+pools");
        assert!(both["summary"][0]["SUMMARY"][0]["Power"].is_number());
        assert!(both["pools"][0]["POOLS"][0]["URL"].is_string());
    }

    #[test]
    fn the_same_moment_gives_the_same_bytes() {
        assert_eq!(ask("Antminer S21", "stats").to_string(), ask("Antminer S21", "stats").to_string());
    }

    #[test]
    fn garbage_is_refused_and_not_answered_with_numbers() {
        let world = World::new(1, 300, 0);
        for miner in [&world.miners[0], &world.miners[290]] {
            let state = world.miner(miner, SimTime::from_hours(12)).unwrap();
            let moment = Moment { miner, state: &state, when_s: 0 };
            let text = String::from_utf8(reply(&moment, b"\xff{]")).unwrap();
            assert!(text.contains("\"E\"") && !text.contains("SUMMARY"), "{text}");
        }
    }
}
