//! The pool account that the simulated miners work for, in the JSON of Braiins Pool.

use serde_json::{Map, Value, json};

use super::time::SimTime;
use super::world::{Activity, World};
use crate::clock::{Now, UnixMs};

/// Fee of the simulated pool, as a fraction.
pub const FEE: f64 = 0.02;
const DAY_S: i64 = 86_400;
/// Settled days in the account's history.
const HISTORY_DAYS: i64 = 7;
const SATS_PER_BTC: u64 = 100_000_000;

/// `/accounts/profile/json/btc`
pub fn profile(world: &World, at: SimTime, now: Now) -> Value {
    let (mut ok, mut off) = (0, 0);
    for miner in &world.miners {
        match world.miner(miner, at) {
            Some(state) if state.activity == Activity::Hashing => ok += 1,
            _ => off += 1,
        }
    }
    let day = day_sats(world, world.pool_ths(at), at);
    let of_today = now.wall.secs().rem_euclid(DAY_S) as f64 / DAY_S as f64;
    json!({
        "username": "demo",
        "btc": {
            "hash_rate_unit": "Gh/s",
            "hash_rate_5m": ghs(world.pool_ths(at)),
            "hash_rate_60m": ghs(mean_ths(world, at, 3600.0)),
            "hash_rate_24h": ghs(mean_ths(world, at, 86_400.0)),
            "hash_rate_yesterday": ghs(settled_ths(world, now.wall.secs().div_euclid(DAY_S) - 1)),
            "ok_workers": ok, "low_workers": 0, "off_workers": off, "dis_workers": 0,
            "current_balance": btc(day * of_today),
            "today_reward": btc(day * of_today),
            "estimated_reward": btc(day),
            "all_time_reward": btc(day * 412.0),
            "shares_5m": 0, "shares_60m": 0, "shares_24h": 0, "shares_yesterday": 0,
        }
    })
}

/// `/accounts/workers/json/btc`
pub fn workers(world: &World, at: SimTime, now: Now) -> Value {
    let mut workers = Map::new();
    for miner in &world.miners {
        let hashing = world.miner(miner, at).filter(|s| s.activity == Activity::Hashing);
        let worker = json!({
            "state": if hashing.is_some() { "ok" } else { "off" },
            "last_share": now.wall.secs() - if hashing.is_some() { 4 } else { 7200 },
            "hash_rate_unit": "Gh/s",
            "hash_rate_5m": hashing.map_or(0.0, |s| ghs(s.ths_now)),
            "hash_rate_60m": hashing.map_or(0.0, |s| ghs(s.ths_avg)),
            "hash_rate_24h": hashing.map_or(0.0, |s| ghs(s.ths_avg)),
            "shares_5m": 0, "shares_60m": 0, "shares_24h": 0,
        });
        workers.insert(format!("demo.{}", miner.worker()), worker);
    }
    json!({ "btc": { "workers": workers } })
}

/// `/accounts/rewards/json/btc`: one row per settled UTC day, newest first.
pub fn rewards(world: &World, at: SimTime, now: Now) -> Value {
    let today = now.wall.secs().div_euclid(DAY_S);
    let row = |day: i64| {
        let total = btc(day_sats(world, settled_ths(world, day), at));
        let start = UnixMs::from_secs(day * DAY_S).secs();
        json!({
            "date": start, "total_reward": total, "mining_reward": total,
            "bos_plus_reward": "0.00000000", "referral_bonus": "0.00000000",
            "referral_reward": "0.00000000", "shares": 42, "share_prices": [],
            "calculation_date": start + DAY_S + 3600,
        })
    };
    let rows: Vec<Value> = (1..=HISTORY_DAYS).map(|back| row(today - back)).collect();
    json!({ "btc": { "daily_rewards": rows } })
}

fn ghs(ths: f64) -> f64 {
    (ths * 1e3).round()
}

fn mean_ths(world: &World, at: SimTime, window_s: f64) -> f64 {
    const POINTS: u32 = 6;
    let point = |k| SimTime::from_secs(at.secs() - window_s * f64::from(k) / f64::from(POINTS));
    (0..POINTS).map(|k| world.pool_ths(point(k))).sum::<f64>() / f64::from(POINTS)
}

/// Hashrate of a day before the simulation began: some simulated noon stands in for it.
fn settled_ths(world: &World, unix_day: i64) -> f64 {
    world.pool_ths(SimTime::from_hours(12 + 24 * unix_day.rem_euclid(30) as u64))
}

/// What `ths` earn in a day of full pay per share, net of the pool's fee: satoshis.
fn day_sats(world: &World, ths: f64, at: SimTime) -> f64 {
    let (per_block, _) = world.market.rewards_sats(1, at);
    let blocks = ths * 1e12 * DAY_S as f64 / (world.market.difficulty(at) * 2f64.powi(32));
    blocks * per_block as f64 * (1.0 - FEE)
}

/// Satoshis as the decimal string of bitcoin that the pool sends.
fn btc(sats: f64) -> String {
    let sats = sats.max(0.0).round() as u64;
    format!("{}.{:08}", sats / SATS_PER_BTC, sats % SATS_PER_BTC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_account_earns_about_what_the_hashprice_formula_says() {
        let world = World::new(1, 300, 0);
        let now = Now { wall: UnixMs::from_secs(1_763_856_000 + 43_200), mono: Duration::ZERO };
        let at = SimTime::from_hours(12);
        let reply = profile(&world, at, now);
        let ghs = reply["btc"]["hash_rate_5m"].as_f64().unwrap();
        let day: f64 = reply["btc"]["estimated_reward"].as_str().unwrap().parse().unwrap();
        let per_ph_day = day / (ghs / 1e6);
        assert!((0.00035..0.00055).contains(&per_ph_day), "{per_ph_day} BTC/PH/day");
        let today: f64 = reply["btc"]["today_reward"].as_str().unwrap().parse().unwrap();
        assert!((today / day - 0.5).abs() < 1e-6);
    }

    #[test]
    fn amounts_have_eight_decimals() {
        assert_eq!(btc(37_884.0), "0.00037884");
        assert_eq!(btc(250_000_001.4), "2.50000001");
    }
}
