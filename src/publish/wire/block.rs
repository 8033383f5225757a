//! `block/<id>`: what one block does, draws and earns.

use super::flat::{Flat, seconds};
use super::{hosting, money};
use crate::clock::{Now, UnixMs};
use crate::economics::{BlockMoney, Class, Money};
use crate::reading::{DriverState, GpuState, Missing};
use crate::site::{AiBlock, GpuCounts, GpuHostHealth, HashBlock, HostingFeeds};
use crate::units::{Celsius, Fraction, Hashrate, JoulesPerTerahash, WattHours, Watts};

pub fn hash(site: &str, ts: UnixMs, block: &HashBlock, money: Option<&BlockMoney>) -> Vec<u8> {
    let mut flat = Flat::new(site, ts);
    flat.text("id", &block.id);
    flat.text("class", Class::Hash.as_str());
    flat.text("group", &block.group);
    if let Some(model) = &block.model {
        flat.text("model", model);
    }
    flat.figure("units", block.counts.units());
    flat.figure("units_hashing", block.counts.hashing);
    flat.figure("units_idle", block.counts.idle);
    flat.figure("units_fault", block.counts.fault);
    flat.figure("units_unknown", block.counts.unknown);
    flat.figure("units_unreachable", block.counts.unreachable);
    flat.sum("hashrate", "phs", &block.hashrate, Hashrate::phs);
    flat.sum("hashrate_avg", "phs", &block.hashrate_avg, Hashrate::phs);
    flat.sum("hashrate_expected", "phs", &block.hashrate_expected, Hashrate::phs);
    flat.sum("it_power", "kw", &block.power, Watts::kw);
    flat.read("efficiency", "j_per_th", &block.efficiency, JoulesPerTerahash::get);
    flat.read("temp_chip_max", "c", &block.temp_chip_max, Celsius::get);
    if let Some(accepted) = block.accepted {
        flat.figure("shares_accepted", accepted);
    }
    if let Some(rejected) = block.rejected {
        flat.figure("shares_rejected", rejected);
    }
    block_money(&mut flat, money);
    flat.finish()
}

pub fn ai(
    site: &str,
    now: Now,
    block: &AiBlock,
    (money, feeds): (Option<&BlockMoney>, Option<&HostingFeeds>),
) -> Vec<u8> {
    let mut flat = Flat::new(site, now.wall);
    flat.text("id", &block.id);
    flat.text("class", Class::Ai.as_str());
    match uncounted(block) {
        Some(why) => flat.missing("units", why),
        None => {
            flat.figure("units", block.counts.units());
            gpu_states(&mut flat, "units", block.counts);
            flat.figure("units_suspect", block.suspect);
        }
    }
    flat.figure("hosts", block.hosts);
    flat.figure("hosts_unreachable", block.hosts_unreachable);
    flat.sum("board_power", "kw", &block.board_power, Watts::kw);
    flat.sum("board_energy", "kwh", &block.board_energy, WattHours::kwh);
    flat.sum("it_power", "kw", &block.it_power, Watts::kw);
    if block.wall.power != Err(Missing::NotConfigured) {
        flat.sum("wall_power", "kw", &block.wall.power, Watts::kw);
        flat.figure("hosts_wall_implausible", block.wall.implausible);
    }
    flat.sum("utilisation", "", &block.utilisation, Fraction::get);
    flat.read("temp_max", "c", &block.temp_max, Celsius::get);
    flat.current("occupied_gpus", "", &block.occupied, |gpus| gpus);
    hosting_money(&mut flat, now, money, feeds);
    flat.finish()
}

/// What only GPUs and their hosts tell.
const READ_FROM_GPUS: [&str; 7] =
    ["units", "board_power", "board_energy", "it_power", "utilisation", "temp_max", "occupied_gpus"];

/// A hosting whose GPUs nobody reads: what it earns.
pub fn unread(site: &str, now: Now, money: &BlockMoney, feeds: Option<&HostingFeeds>) -> Vec<u8> {
    let mut flat = Flat::new(site, now.wall);
    flat.text("id", &money.id);
    flat.text("class", Class::Ai.as_str());
    for base in READ_FROM_GPUS {
        flat.missing(base, Missing::NotConfigured);
    }
    flat.figure("hosts", 0u32);
    flat.figure("hosts_unreachable", 0u32);
    hosting_money(&mut flat, now, Some(money), feeds);
    flat.finish()
}

fn block_money(flat: &mut Flat, money: Option<&BlockMoney>) {
    earnings(flat, money.map(|money| &money.money));
    if let Some(statement) = money.and_then(|money| money.statement.as_ref()) {
        money::statement(flat, statement);
    }
}

fn hosting_money(flat: &mut Flat, now: Now, money: Option<&BlockMoney>, feeds: Option<&HostingFeeds>) {
    block_money(flat, money);
    if let Some(feeds) = feeds {
        hosting::feeds(flat, feeds, now);
    }
}

/// `gpu_host/<name>`: how one machine with GPUs is doing. Its age counts on while it does not answer.
pub fn gpu_host(site: &str, ts: UnixMs, host: &GpuHostHealth) -> Vec<u8> {
    let mut flat = Flat::new(site, ts);
    flat.text("host", &host.host);
    flat.text("hosting", &host.hosting);
    flat.known("age_s", host.age.map(seconds));
    if let Some(why) = host.missing {
        flat.missing("answer", why);
    }
    flat.word("driver_state", host.driver.map(DriverState::as_str));
    flat.figure("gpus", host.counts.units());
    gpu_states(&mut flat, "gpus", host.counts);
    flat.finish()
}

/// One count for each state. What is missing is called absent: `_missing` is the ending of reasons.
pub fn gpu_states(flat: &mut Flat, base: &str, counts: GpuCounts) {
    for state in GpuState::ALL {
        let name = if state == GpuState::Missing { "absent" } else { state.as_str() };
        flat.figure(&format!("{base}_{name}"), counts.of(state));
    }
}

/// Why the GPUs of a hosting cannot be counted: none of its hosts has ever answered.
pub fn uncounted(block: &AiBlock) -> Option<Missing> {
    let silent = block.counts.units() == 0 && block.hosts_unreachable > 0;
    silent.then(|| block.it_power.err().unwrap_or(Missing::Unreachable))
}

fn earnings(flat: &mut Flat, money: Option<&Money>) {
    money::earnings(flat, "", money.unwrap_or(&UNKNOWN));
}

/// A block that the split does not know yet.
const UNKNOWN: Money = Money {
    revenue: Err(Missing::NotYet),
    it_power: Err(Missing::NotYet),
    facility_power: Err(Missing::NotYet),
    power_cost: Err(Missing::NotYet),
    margin: Err(Missing::NotYet),
    usd_per_mwh: Err(Missing::NotYet),
    breakeven: Err(Missing::NotYet),
    share: Err(Missing::NotYet),
    coverage: Fraction::ZERO,
};
