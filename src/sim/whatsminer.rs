//! Replies in the layout of WhatsMiner firmware with API v2 (`btminer`): power is in `summary`.

use serde_json::{Map, Value, json};

use super::fleet::BOARDS;
use super::replies::{Moment, rounded, table};
use super::world::Activity;

/// `None`: the firmware does not know the command.
pub fn reply(moment: &Moment<'_>, command: &str) -> Option<Value> {
    let (code, text, section, rows) = match command {
        "summary" => (11, "Summary", "SUMMARY", vec![summary(moment)]),
        "pools" => (7, "1 Pool(s)", "POOLS", vec![pool(moment)]),
        "devs" => (9, "3 ASC(s)", "DEVS", (0..BOARDS).map(|board| device(moment, board)).collect()),
        "devdetails" => {
            (69, "Device Details", "DEVDETAILS", (0..BOARDS).map(|b| details(moment, b)).collect())
        }
        "get_version" => {
            let versions = json!({
                "api_ver": "2.0.5", "fw_ver": "20230911.12.Rel", "platform": "H616",
                "chip": "H36K07-22110702 BINV02-196804B"
            });
            return Some(message(moment, versions));
        }
        "get_miner_info" => {
            return Some(message(moment, json!({ "mac": mac(moment), "hostname": "WhatsMiner" })));
        }
        "get_psu" => {
            let psu = json!({ "name": "P222B", "model": "P222B", "fan_speed": "6000", "hw_version": "" });
            return Some(message(moment, psu));
        }
        "get_error_code" => return Some(message(moment, json!({ "error_code": errors(moment) }))),
        _ => return None,
    };
    Some(table(moment, "cgminer 4.9.2", (code, text), section, rows))
}

/// `get_*` replies are of another shape than cgminer's own.
fn message(moment: &Moment<'_>, content: Value) -> Value {
    json!({ "STATUS": "S", "When": moment.when_s, "Code": 131, "Msg": content, "Description": "" })
}

fn mac(moment: &Moment<'_>) -> String {
    let [a, b] = (moment.miner.index as u16).to_be_bytes();
    format!("CA:7A:0A:00:{a:02X}:{b:02X}")
}

/// 110: fan intake; 540: no chips found on a board (buywhatsminer.com, list of error codes).
fn errors(moment: &Moment<'_>) -> Vec<Value> {
    let state = moment.state;
    match state.activity {
        Activity::Fault => vec![json!({ "110": "2025-11-22 06:00:00" })],
        _ if state.boards_ok < BOARDS => vec![json!({ "542": "2025-11-22 06:00:00" })],
        _ => Vec::new(),
    }
}

fn summary(moment: &Moment<'_>) -> Value {
    let Moment { miner, state, .. } = *moment;
    let nameplate_w = miner.model.ths * miner.model.j_per_th;
    let mhs = |ths: f64| rounded(ths * 1e6, 2);
    let mut row = json!({
        "Elapsed": state.uptime_s, "Uptime": state.uptime_s + 61,
        "MHS av": mhs(state.ths_avg), "MHS 5s": mhs(state.ths_now), "MHS 1m": mhs(state.ths_now),
        "MHS 5m": mhs(state.ths_avg), "MHS 15m": mhs(state.ths_avg), "HS RT": mhs(state.ths_now),
        "Accepted": state.accepted, "Rejected": state.rejected,
        "Total MH": mhs(state.ths_avg * state.uptime_s as f64),
        "Temperature": rounded(state.board_c, 1), "Env Temp": rounded(state.inlet_c, 1),
        "Chip Temp Min": rounded(state.chip_c - 14.0, 2),
        "Chip Temp Avg": rounded(state.chip_c - 5.0, 2),
        "Chip Temp Max": rounded(state.chip_c, 2),
        "freq_avg": if state.ths_now > 0.0 { 650 } else { 0 },
        "Fan Speed In": state.fan_rpm, "Fan Speed Out": state.fan_rpm + 30 * u32::from(state.fan_rpm > 0),
        "Power": state.watts as u64, "Power_RT": state.watts as u64,
        "Power Limit": (nameplate_w * 1.05) as u64, "Power Mode": "Normal", "Power Fanspeed": 6000,
        "Power Rate": if state.ths_now > 0.0 { rounded(state.watts / state.ths_now, 2) } else { 0.0 },
        "Factory GHS": (miner.model.ths * 1e3) as u64, "Hash Stable": state.ths_now > 0.0,
        "Pool Rejected%": 0.0, "Pool Stale%": 0.0, "Target Freq": 650, "Liquid Cooling": false,
        "Firmware Version": "'20230911.12.Rel'", "MAC": mac(moment),
    });
    let errors = errors(moment);
    if let Some(row) = row.as_object_mut() {
        row.insert("Error Code Count".into(), json!(errors.len()));
        let codes = errors.iter().filter_map(Value::as_object).flat_map(Map::keys);
        for (k, code) in codes.enumerate() {
            row.insert(format!("Error Code {k}"), json!(code.parse::<u32>().ok()));
        }
    }
    row
}

fn device(moment: &Moment<'_>, board: u32) -> Value {
    let Moment { miner, state, .. } = *moment;
    let hashes = state.activity == Activity::Hashing && board < state.boards_ok;
    let mhs = if hashes { rounded(state.ths_now * 1e6 / f64::from(state.boards_ok), 2) } else { 0.0 };
    json!({
        "ASC": board, "Slot": board, "ID": board, "Name": "SM", "Enabled": "Y",
        "Status": if hashes || state.activity == Activity::Idle { "Alive" } else { "Dead" },
        "Temperature": rounded(state.board_c, 1), "Chip Frequency": if hashes { 650 } else { 0 },
        "Fan Speed In": state.fan_rpm, "Fan Speed Out": state.fan_rpm,
        "MHS av": mhs, "MHS 5s": mhs, "MHS 1m": mhs, "MHS 5m": mhs, "MHS 15m": mhs,
        "Factory GHS": (miner.model.ths * 1e3 / f64::from(BOARDS)) as u64,
        "Accepted": state.accepted / u64::from(BOARDS), "Rejected": state.rejected / u64::from(BOARDS),
        "Device Elapsed": state.uptime_s, "Upfreq Complete": u32::from(hashes),
        "Effective Chips": if hashes { miner.model.chips_per_board } else { 0 },
        "PCB SN": format!("BHM5CSD13{:06}K{board}", miner.index),
        "Chip Temp Min": rounded(state.chip_c - 14.0, 2),
        "Chip Temp Avg": rounded(state.chip_c - 5.0, 2),
        "Chip Temp Max": rounded(state.chip_c, 2),
    })
}

fn details(moment: &Moment<'_>, board: u32) -> Value {
    json!({
        "DEVDETAILS": board, "Name": "SM", "ID": board, "Driver": "bitmicro", "Kernel": "",
        "Model": moment.miner.model.name, "Device Path": ""
    })
}

fn pool(moment: &Moment<'_>) -> Value {
    let state = moment.state;
    json!({
        "POOL": 1, "URL": "stratum+tcp://pool.example:3333", "Status": "Alive", "Priority": 0,
        "Quota": 1, "Getworks": state.uptime_s / 13, "Accepted": state.accepted,
        "Rejected": state.rejected, "Works": state.uptime_s * 900,
        "User": format!("demo.{}", moment.miner.worker()), "Last Share Time": moment.when_s,
        "Stratum Active": state.activity == Activity::Hashing, "Stratum Difficulty": 262_144,
        "Pool Rejected%": 0.0, "Pool Stale%": 0.0, "Bad Work": 0,
    })
}
