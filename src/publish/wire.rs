//! What JSON looks like: the only place that turns the picture of the site into payloads.
//!
//! Every payload is one flat object; `wire/flat.rs` holds the rules of its keys and `schemas/`
//! describes each of them. Pure: the same view and split give the same bytes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use self::flat::Flat;
use self::health::own_health;
use super::{Health, Live, LiveSet, topics};
use crate::advice::Advice;
use crate::economics::{BlockMoney, Class, Money, Split};
use crate::reading::{GpuState, Missing};
use crate::site::{AsicCounts, GpuCounts, HashBlock, SiteView, Sum, Tally};
use crate::units::{Hashrate, Usd, Watts};

pub mod advice;
mod block;
pub mod devices;
mod feeds;
mod flat;
mod hashprice;
mod health;
pub mod homeassistant;
mod hosting;
mod meter;
mod money;
pub mod nodes;
mod parts;
pub mod records;
mod signal;
mod sweep;
pub mod told;

pub use flat::is_of;
pub use parts::parts;

/// Every live topic, except `status`, with its payload. Topics are below `<root>/<site>/`.
pub fn live_set(site: &str, view: &SiteView, (split, advice): (&Split, &Advice), health: &Health) -> LiveSet {
    let ts = view.at.wall;
    let mut live = Live::default();
    live.insert(topics::SUMMARY.to_owned(), summary(site, view, (split, advice), health));
    live.insert(topics::ADVICE.to_owned(), advice::advice(site, advice));
    let valid_ms = advice.valid_until().0.saturating_sub(ts.0);
    let valid = Duration::from_millis(u64::try_from(valid_ms).unwrap_or(0));
    live.expires.insert(topics::ADVICE.into(), view.at.mono.saturating_add(valid));
    live.insert(topics::SPLIT.to_owned(), money::split(site, split, health.ledger.as_ref()));
    live.insert(topics::PRICE_POWER.to_owned(), feeds::power_price(site, view));
    live.insert(topics::PRICE_BTC.to_owned(), feeds::btc(site, view, split));
    live.insert(topics::PRICE_NETWORK.to_owned(), feeds::network(site, view));
    live.insert(topics::PRICE_HASHPRICE.to_owned(), hashprice::hashprice(site, split));
    let money: BTreeMap<&str, &BlockMoney> = split.blocks.iter().map(|b| (b.id.as_str(), b)).collect();
    for block in &view.hash_blocks {
        let money = money.get(block.id.as_str()).copied();
        live.insert(topics::block(&block.id), block::hash(site, ts, block, money));
    }
    for block in &view.ai_blocks {
        let told = (money.get(block.id.as_str()).copied(), view.hostings.get(block.id.as_str()));
        live.insert(topics::block(&block.id), block::ai(site, view.at, block, told));
    }
    for money in split.blocks.iter().filter(|block| block.class == Class::Ai) {
        if view.ai_blocks.iter().all(|block| block.id != money.id) {
            let feeds = view.hostings.get(money.id.as_str());
            live.insert(topics::block(&money.id), block::unread(site, view.at, money, feeds));
        }
    }
    for pool in &view.pools {
        let income = split.income_of(&pool.name);
        live.insert(topics::pool(&pool.name), feeds::pool(site, ts, pool, income, health.ledger.as_ref()));
    }
    for host in &view.gpu_hosts {
        live.insert(topics::gpu_host(&host.host), block::gpu_host(site, ts, host));
    }
    for signal in &view.signals {
        live.insert(topics::signal(&signal.name), signal::signal(site, ts, signal));
    }
    for host in &view.hosts {
        live.insert(topics::host(&host.sample.node), feeds::host(site, ts, host));
    }
    Arc::new(live)
}

fn summary(site: &str, view: &SiteView, (split, advice): (&Split, &Advice), health: &Health) -> Vec<u8> {
    let mut flat = Flat::new(site, view.at.wall);
    flat.read("power", "kw", &split.site_power, Watts::kw);
    if let Some(cap) = split.cap {
        flat.figure("cap_kw", cap.kw());
    }
    flat.read("headroom", "kw", &split.headroom(), Watts::kw);
    flat.sum("hashrate", "phs", &over_blocks(&view.hash_blocks, |b| b.hashrate), Hashrate::phs);
    flat.sum("hashrate_avg", "phs", &over_blocks(&view.hash_blocks, |b| b.hashrate_avg), Hashrate::phs);
    let asics = view.hash_blocks.iter().fold(AsicCounts::default(), |sum, b| add_asics(sum, b.counts));
    flat.figure("asics", asics.units());
    flat.figure("asics_hashing", asics.hashing);
    flat.figure("asics_idle", asics.idle);
    flat.figure("asics_fault", asics.fault);
    flat.figure("asics_unknown", asics.unknown);
    flat.figure("asics_unreachable", asics.unreachable);
    let gpus = view.ai_blocks.iter().fold(GpuCounts::default(), |sum, b| add_gpus(sum, b.counts));
    match view.ai_blocks.iter().find_map(block::uncounted).filter(|_| gpus.units() == 0) {
        Some(why) => flat.missing("gpus", why),
        None => {
            flat.figure("gpus", gpus.units());
            block::gpu_states(&mut flat, "gpus", gpus);
        }
    }
    flat.figure("gpu_hosts", view.ai_blocks.iter().map(|b| b.hosts).sum::<u32>());
    flat.figure("gpu_hosts_unreachable", view.ai_blocks.iter().map(|b| b.hosts_unreachable).sum::<u32>());
    flat.figure("silent_addresses", view.silent_addresses);
    if let Some(coverage) = coverage(&split.hash, asics.units(), &split.ai, gpus.units()) {
        flat.figure("coverage", coverage);
    }
    flat.text("advice_status", advice.status.as_str());
    flat.text("advice_text", &advice.text);
    if let Some(gain) = advice.gain_of_following_usd_per_h() {
        flat.figure("advice_gain_usd_per_h", gain);
    }
    regret(&mut flat, health);
    let miners = asics.units() > 0 || view.silent_addresses > 0;
    sweep::sweep(&mut flat, health.sweep.as_ref(), miners);
    flat.figure("nodes", health.nodes.len() as u64);
    flat.figure("nodes_lost", health.nodes.iter().filter(|node| node.lost).count() as u64);
    own_health(&mut flat, health, view.at.wall);
    flat.finish()
}

/// What the decisions of the last day and of the last 30 days were worth.
fn regret(flat: &mut Flat, health: &Health) {
    let Some(ledger) = &health.ledger else {
        flat.missing("regret_24h", Missing::NotConfigured);
        flat.missing("percent_of_perfect_30d", Missing::NotConfigured);
        return;
    };
    let regret = &ledger.regret;
    flat.read("regret_24h", "usd", &regret.usd_24h, Usd::get);
    flat.figure("regret_24h_coverage", regret.coverage_24h.get());
    flat.read("percent_of_perfect_30d", "", &regret.percent_of_perfect_30d, |percent| percent);
    flat.figure("percent_of_perfect_30d_coverage", regret.coverage_30d.get());
}

fn add_asics(a: AsicCounts, b: AsicCounts) -> AsicCounts {
    AsicCounts {
        hashing: a.hashing + b.hashing,
        idle: a.idle + b.idle,
        fault: a.fault + b.fault,
        unknown: a.unknown + b.unknown,
        unreachable: a.unreachable + b.unreachable,
    }
}

fn add_gpus(mut a: GpuCounts, b: GpuCounts) -> GpuCounts {
    for state in GpuState::ALL {
        a.add(state, b.of(state));
    }
    a
}

/// Share of all units whose figures were read; `None` where there are no units.
fn coverage(hash: &Money, asics: u32, ai: &Money, gpus: u32) -> Option<f64> {
    let units = f64::from(asics) + f64::from(gpus);
    let read = hash.coverage.get() * f64::from(asics) + ai.coverage.get() * f64::from(gpus);
    (units > 0.0).then_some(read / units)
}

/// The sum over all blocks. A block without a value lowers the coverage; it never counts as zero.
fn over_blocks(blocks: &[HashBlock], part: fn(&HashBlock) -> Sum<Hashrate>) -> Sum<Hashrate> {
    if blocks.is_empty() {
        return Err(Missing::NotConfigured);
    }
    let mut tally = Tally::default();
    for block in blocks {
        tally.sum(part(block), f64::from(block.counts.units()), Hashrate::get);
    }
    tally.total(Hashrate::new)
}
