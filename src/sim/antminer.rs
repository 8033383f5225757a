//! Replies in the layout of stock Antminer firmware of 2022 to 2024 (`cgminer 1.0.0`).
//!
//! It reports no power on port 4028; some S21 firmwares do on an HTTP page of their own.

use serde_json::{Map, Value, json};

use super::fleet::BOARDS;
use super::replies::{Moment, rounded, table};
use super::world::{Activity, MinerState};

/// `None`: the firmware does not know the command.
pub fn reply(moment: &Moment<'_>, command: &str) -> Option<Value> {
    let (code, text, section, rows) = match command {
        "summary" => (11, "Summary", "SUMMARY", vec![summary(moment)]),
        "stats" => (70, "CGMiner stats", "STATS", vec![version(moment), stats(moment)]),
        "version" => (22, "CGMiner versions", "VERSION", vec![version(moment)]),
        "pools" => (7, "1 Pool(s)", "POOLS", vec![pool(moment)]),
        "devs" => (9, "1 ASC(s)", "DEVS", vec![device(moment)]),
        _ => return None,
    };
    Some(table(moment, "cgminer 1.0.0", (code, text), section, rows))
}

/// Body of `GET :6060/miner_power`.
pub fn power_page(state: &MinerState) -> String {
    format!("miner power:{}", state.watts.round())
}

fn version(moment: &Moment<'_>) -> Value {
    json!({
        "BMMiner": "1.0.0", "API": "3.1", "Miner": "uart_trans.1.3",
        "CompileTime": "Fri Nov 17 17:37:21 CST 2023", "Type": moment.miner.model.name,
    })
}

fn summary(moment: &Moment<'_>) -> Value {
    let state = moment.state;
    json!({
        "Elapsed": state.uptime_s,
        "GHS 5s": rounded(state.ths_now * 1e3, 2),
        "GHS av": rounded(state.ths_avg * 1e3, 2),
        "GHS 30m": rounded(state.ths_avg * 1e3, 2),
        "Found Blocks": 0, "Getwork": state.uptime_s / 13,
        "Accepted": state.accepted, "Rejected": state.rejected, "Stale": 0,
        "Hardware Errors": state.accepted / 8, "Utility": 4.8, "Discarded": state.uptime_s * 90,
        "Get Failures": 0, "Local Work": state.uptime_s * 90, "Remote Failures": 0,
        "Network Blocks": state.uptime_s / 600,
        "Total MH": rounded(state.ths_avg * 1e6 * state.uptime_s as f64, 1),
        "Work Utility": 0.0, "Best Share": 12_904_207_043u64, "Device Hardware%": 0.0,
        "Device Rejected%": 0.0, "Pool Rejected%": 0.0, "Pool Stale%": 0.0,
        "Last getwork": moment.when_s,
    })
}

fn stats(moment: &Moment<'_>) -> Value {
    let Moment { miner, state, .. } = *moment;
    let awake = state.activity != Activity::Idle;
    let frequency = if awake { 525 } else { 0 };
    let mut row = Map::new();
    let mut put = |key: String, value: Value| row.insert(key, value);
    put("STATS".into(), json!(0));
    put("ID".into(), json!("BTM_SOC0"));
    put("Elapsed".into(), json!(state.uptime_s));
    put("GHS 5s".into(), json!(rounded(state.ths_now * 1e3, 2)));
    put("GHS av".into(), json!(rounded(state.ths_avg * 1e3, 2)));
    put("rate_30m".into(), json!(rounded(state.ths_avg * 1e3, 2)));
    put("Mode".into(), json!(2));
    put("miner_count".into(), json!(BOARDS));
    put("frequency".into(), json!(frequency));
    put("fan_num".into(), json!(4));
    put("temp_num".into(), json!(BOARDS));
    put("total_rateideal".into(), json!(rounded(miner.model.ths * 1e3, 1)));
    put("rate_unit".into(), json!("GH"));
    put("total_freqavg".into(), json!(frequency));
    put("total_acn".into(), json!(miner.model.chips_per_board * BOARDS));
    put("total rate".into(), json!(rounded(state.ths_avg * 1e3, 2)));
    put("temp_max".into(), json!(0));
    put("no_matching_work".into(), json!(state.accepted / 8));
    put("miner_version".into(), json!("uart_trans.1.3"));
    put("miner_id".into(), json!(format!("81{:014x}", miner.index)));
    for fan in 1..=4u32 {
        put(format!("fan{fan}"), json!(if state.fan_rpm > 0 { state.fan_rpm + 60 * (fan % 2) } else { 0 }));
    }
    for board in 1..=BOARDS {
        let hashes = state.activity == Activity::Hashing && board <= state.boards_ok;
        let rate_ghs = if hashes { state.ths_now * 1e3 / f64::from(state.boards_ok) } else { 0.0 };
        // A board that does no work is about as warm as the air around it.
        let dead = state.activity == Activity::Hashing && !hashes;
        let (pcb_c, chip_c) = match dead {
            true => (state.inlet_c + 4.0, state.inlet_c + 5.0),
            false => (state.board_c, state.chip_c),
        };
        // Boards differ a little.
        let below_c = i64::from(board - 1);
        let (pcb, chip) = (pcb_c as i64 - below_c, chip_c as i64 - below_c);
        let cooler = if hashes { 16 } else { 2 };
        put(format!("temp{board}"), json!(pcb));
        put(format!("temp2_{board}"), json!(chip));
        put(format!("temp_pcb{board}"), json!(sensors(pcb, cooler)));
        put(format!("temp_chip{board}"), json!(sensors(chip, cooler)));
        put(format!("chain_acn{board}"), json!(miner.model.chips_per_board));
        put(format!("chain_acs{board}"), json!(chips(miner.model.chips_per_board, hashes)));
        put(format!("chain_hw{board}"), json!(state.accepted / 24));
        put(format!("chain_rate{board}"), json!(format!("{rate_ghs:.2}")));
        put(format!("freq{board}"), json!(frequency));
    }
    // The control board has a fourth socket; an empty one is reported like this.
    for (key, value) in [
        ("temp_pcb4", json!("0-0-0-0")),
        ("temp_chip4", json!("0-0-0-0")),
        ("chain_acn4", json!(0)),
        ("chain_acs4", json!("")),
        ("chain_hw4", json!(0)),
        ("chain_rate4", json!("")),
        ("freq4", json!(0)),
    ] {
        put(key.into(), value);
    }
    Value::Object(row)
}

/// Four sensors of a board: two on the intake side, two on the exhaust side.
fn sensors(hot_c: i64, cooler_c: i64) -> String {
    format!("{}-{}-{}-{}", hot_c - cooler_c, hot_c - cooler_c + 1, hot_c - 1, hot_c)
}

/// One letter a chip, in groups of four: `o` works, `x` does not.
fn chips(count: u32, ok: bool) -> String {
    let letter = if ok { 'o' } else { 'x' };
    let mut text = String::new();
    for chip in 0..count {
        if chip % 4 == 0 {
            text.push(' ');
        }
        text.push(letter);
    }
    text
}

fn pool(moment: &Moment<'_>) -> Value {
    let state = moment.state;
    json!({
        "POOL": 0, "URL": "stratum+tcp://pool.example:3333", "Status": "Alive", "Priority": 0,
        "Quota": 1, "Long Poll": "N", "Getworks": state.uptime_s / 13,
        "Accepted": state.accepted, "Rejected": state.rejected, "Discarded": 0, "Stale": 0,
        "Get Failures": 0, "Remote Failures": 0, "User": format!("demo.{}", moment.miner.worker()),
        "Last Share Time": "0:00:04", "Diff": "262K", "Diff1 Shares": 0, "Proxy Type": "",
        "Proxy": "", "Difficulty Accepted": state.accepted as f64 * 262_144.0,
        "Difficulty Rejected": state.rejected as f64 * 262_144.0, "Difficulty Stale": 0.0,
        "Last Share Difficulty": 262_144.0, "Has Stratum": true,
        "Stratum Active": state.activity == Activity::Hashing, "Stratum URL": "pool.example",
        "Has GBT": false, "Best Share": 12_904_207_043.0, "Pool Rejected%": 0.0, "Pool Stale%%": 0.0,
    })
}

/// This firmware leaves the rates of its one device at zero.
fn device(moment: &Moment<'_>) -> Value {
    let state = moment.state;
    json!({
        "ASC": 0, "Name": "BTM_SOC", "ID": 0, "Enabled": "Y", "Status": "Alive",
        "Temperature": 0.0, "MHS av": 0.0, "MHS 5s": 0.0, "Accepted": state.accepted,
        "Rejected": state.rejected, "Hardware Errors": 0, "Utility": 0.0, "Last Share Pool": 0,
        "Last Share Time": moment.when_s, "Total MH": 0.0, "Diff1 Work": 0,
        "Device Hardware%": 0.0, "Device Rejected%": 0.0, "Device Elapsed": state.uptime_s,
    })
}
