//! Pools: their parsers on recorded shapes, and whole accounts over sockets on loopback.

mod absurd;
mod account;
mod antpool;
mod binance;
mod ckpool;
mod f2pool;
mod foundry;
mod http_json;
mod lists;
mod luxor;
mod misbehaving;
mod nicehash;
mod parsers;
mod public_pool;
mod viabtc;

use wattsplit::reading::{Missing, Read};
use wattsplit::units::{Fraction, Hashrate};

const PROFILE: &str = include_str!("../fixtures/pool/braiins_profile.json");
const WORKERS: &str = include_str!("../fixtures/pool/braiins_workers.json");
const REWARDS: &str = include_str!("../fixtures/pool/braiins_rewards.json");
const USER_HASHRATE: &str = include_str!("../fixtures/pool/ocean_user_hashrate.json");
const STATSNAP: &str = include_str!("../fixtures/pool/ocean_statsnap.json");
const USER_HASHRATE_FULL: &str = include_str!("../fixtures/pool/ocean_user_hashrate_full.json");
const EARNPAY: &str = include_str!("../fixtures/pool/ocean_earnpay.json");
const OCEAN_ERROR: &str = include_str!("../fixtures/pool/ocean_error.json");

/// A field of a posted form.
fn field(form: &str, name: &str) -> String {
    let value = form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_default().to_owned()
}

/// The value of a parameter in the query of a request.
fn parameter(line: &str, name: &str) -> String {
    field(line.split_once('?').unwrap_or_default().1, name)
}

/// HMAC-SHA256 in lower-case hex, as the pool's side reckons it.
fn signature(secret: &str, message: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = ring::hmac::sign(&key, message.as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The `Date` header of a server whose clock is an hour behind this machine's.
fn an_hour_behind() -> Vec<(&'static str, String)> {
    let behind = jiff::Timestamp::from_millisecond(wattsplit::clock::now().wall.0 - 3_600_000).unwrap();
    vec![("date", behind.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())]
}

fn ths(read: &Read<Hashrate>) -> Result<f64, Missing> {
    read.map(|reading| reading.value.ths())
}

/// To seven decimals.
fn part(read: &Read<Fraction>) -> Result<f64, Missing> {
    read.map(|reading| (reading.value.get() * 1e7).round() / 1e7)
}
