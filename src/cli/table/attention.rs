//! What an operator should look at, in plain words: what, since when, what it does to the numbers,
//! what to do.

use crate::economics::{BlockMoney, Class, Money, Split};
use crate::reading::{Missing, Quality};
use crate::site::{AiBlock, Current, HashBlock, SiteView, Sum};

use super::blocks::money_of;
use super::cells::{self, PowerUnit, number};
use super::totals::{above_cap, has_hashing};

/// What lists every device, on one line.
const EVERY_DEVICE: &str = "`wattsplit\u{a0}once\u{a0}--json`";

/// One thing to look at.
pub struct Item {
    /// Block, pool or price.
    pub about: String,
    pub text: String,
}

/// Everything that is dead, stale, missing or loses money: first what the whole site rests on.
pub fn items(view: &SiteView, split: &Split) -> Vec<Item> {
    let mut items = Vec::new();
    let mut say = |about: &str, text: String| items.push(Item { about: about.into(), text });
    cap(split, &mut say);
    super::meter::attention(split, &mut say);
    super::signals::attention(view, &mut say);
    inputs(view, split, &mut say);
    for block in &view.hash_blocks {
        hash_block(block, money_of(split, Class::Hash, &block.id), split, &mut say);
    }
    for block in &view.ai_blocks {
        ai_block(block, money_of(split, Class::Ai, &block.id), split, &mut say);
    }
    let unread = |b: &&BlockMoney| b.class == Class::Ai && view.ai_blocks.iter().all(|ai| ai.id != b.id);
    for block in split.blocks.iter().filter(unread) {
        if let Err(missing) = block.money.it_power {
            say(&block.id, format!("no power: {}. The site's power lacks it.", why(missing)));
        }
    }
    for pool in &view.pools {
        let hint = "Hashing revenue does not use it. Check the pool's address and token.";
        if let Some(state) = not_fresh(&pool.report) {
            say(&pool.name, format!("the pool's figures are {state}. {hint}"));
        }
    }
    for host in view.hosts.iter().filter(|h| h.quality == Quality::Stale) {
        say(&host.sample.node, format!("the host's own figures are {} old.", cells::age(host.age)));
    }
    if view.silent_addresses > 0 {
        let n = number(f64::from(view.silent_addresses), 0);
        let addresses = if view.silent_addresses == 1 { "address" } else { "addresses" };
        say("ranges", format!("never an answer from {n} {addresses}, not counted as miners."));
    }
    let issues = split.issues.iter().filter(|issue| !explained(issue));
    let rest: Vec<&str> = issues.map(String::as_str).collect();
    if !rest.is_empty() {
        say("split", format!("it also lacks {}.", rest.join(", ")));
    }
    items
}

/// Whether an issue of the split (`btc_usd.kraken: expired`, `main-s21.power: stale`) is told above in plain
/// words already.
fn explained(issue: &str) -> bool {
    let name = issue.split(':').next().unwrap_or(issue);
    let (first, last) = (name.split('.').next().unwrap_or(name), name.rsplit('.').next().unwrap_or(name));
    ["miners", "btc_usd", "network", "hashprice", "power_price", "meter", "residual"].contains(&first)
        || ["hashrate", "power", "occupied"].contains(&last)
}

/// Whether the row of this block carries the mark.
pub fn hash_alert(block: &HashBlock, money: Option<&Money>) -> bool {
    let counts = block.counts;
    counts.fault + counts.unknown + counts.unreachable > 0 || loses(money)
}

/// Whether the row of this block carries the mark.
pub fn ai_alert(block: Option<&AiBlock>, money: Option<&Money>) -> bool {
    let sick =
        |b: &AiBlock| b.counts.units() - b.counts.ok + b.hosts_unreachable + b.wall.implausible + b.suspect;
    block.map_or(0, sick) > 0 || loses(money)
}

fn loses(money: Option<&Money>) -> bool {
    money.and_then(|m| m.margin.ok()).is_some_and(|m| m.value.get() < 0.0)
}

fn hash_block(block: &HashBlock, money: Option<&Money>, split: &Split, say: &mut impl FnMut(&str, String)) {
    let (counts, units) = (block.counts, block.counts.units());
    if counts.unreachable > 0 {
        let who = of(counts.unreachable, units, "miners");
        let effect = "What they draw and earn is in no sum. Check their power and network";
        say(&block.id, format!("no answer from {who}. {effect}; {EVERY_DEVICE} names them."));
    }
    if counts.fault > 0 {
        let who = of(counts.fault, units, "miners");
        say(&block.id, format!("a fault and no hashrate: {who}. {EVERY_DEVICE} has the codes."));
    }
    if counts.unknown > 0 {
        let who = of(counts.unknown, units, "miners");
        say(&block.id, format!("an answer without a hashrate: {who}. What they earn is in no sum."));
    }
    // With nobody there the first line has said it all.
    if counts.unreachable < units {
        let answering = f64::from(units - counts.unreachable) / f64::from(units.max(1));
        sum_gap(&block.id, "hashrate", "revenue", &block.hashrate, answering, say);
        sum_gap(&block.id, "power", "cost and margin", &block.power, answering, say);
    }
    losing(&block.id, money, split, say);
}

fn ai_block(block: &AiBlock, money: Option<&Money>, split: &Split, say: &mut impl FnMut(&str, String)) {
    let (counts, units) = (block.counts, block.counts.units());
    if block.hosts_unreachable > 0 {
        let who = of(block.hosts_unreachable, block.hosts, "hosts");
        let effect = "What they draw is in no sum. Check host, driver or exporter.";
        say(&block.id, format!("no answer from {who}. {effect}"));
    }
    if block.wall.implausible > 0 {
        let who = of(block.wall.implausible, block.hosts, "hosts");
        let effect = "Check `chassis` in [gpu_host.bmc]; the model counts.";
        say(&block.id, format!("less power at the wall than the boards alone draw: {who}. {effect}"));
    }
    if counts.lost > 0 {
        let who = of(counts.lost, units, "GPUs");
        say(&block.id, format!("off the bus: {who}. Drain the host and reset it."));
    }
    if counts.reset_required > 0 {
        let who = of(counts.reset_required, units, "GPUs");
        say(&block.id, format!("in need of a reset: {who}. Drain them, then `wattsplit release-gpus`."));
    }
    if counts.hung > 0 {
        let who = of(counts.hung, units, "GPUs");
        say(&block.id, format!("a call to the driver has not returned: {who}. The host needs a restart."));
    }
    if counts.degraded > 0 {
        let who = of(counts.degraded, units, "GPUs");
        say(
            &block.id,
            format!("memory or driver ask for attention: {who}. Plan a reset; {EVERY_DEVICE} has why."),
        );
    }
    if block.suspect > 0 {
        let who = of(block.suspect, units, "GPUs");
        let effect = "Their driver may have latched; a reset clears it.";
        say(&block.id, format!("busy with no process and little power: {who}. {effect}"));
    }
    if counts.missing > 0 && block.hosts_unreachable < block.hosts {
        say(&block.id, format!("seen before and not now: {}.", of(counts.missing, units, "GPUs")));
    }
    if counts.throttled > 0 {
        let who = of(counts.throttled, units, "GPUs");
        say(&block.id, format!("held back by heat or the power brake: {who}. Check cooling and supplies."));
    }
    if block.hosts_unreachable < block.hosts {
        let there = f64::from(counts.working()) / f64::from(units.max(1));
        sum_gap(&block.id, "power", "cost and margin", &block.it_power, there, say);
    }
    let read = block.counts.units();
    if let Ok(occupied) = block.occupied.map(|occupied| occupied.value)
        && occupied > read
        && block.hosts_unreachable == 0
    {
        let text = format!(
            "{occupied} GPUs are said to be occupied, and {read} are there. Its revenue counts them all."
        );
        say(&block.id, text);
    }
    if block.occupied != Err(Missing::NotConfigured)
        && let Some(state) = not_fresh(&block.occupied)
    {
        let effect = "Revenue follows it. Check where it comes from.";
        say(&block.id, format!("the number of occupied GPUs is {state}. {effect}"));
    }
    losing(&block.id, money, split, say);
}

/// A sum that lacks units which do answer, or that is stale. `answering`: share of the units.
fn sum_gap<T: Copy>(
    about: &str,
    what: &str,
    effect: &str,
    sum: &Sum<T>,
    answering: f64,
    say: &mut impl FnMut(&str, String),
) {
    match sum {
        Err(missing) => say(about, format!("no {what}: {}. So {effect} cannot be told.", why(*missing))),
        Ok(total) if total.quality == Quality::Stale => say(
            about,
            format!("the {what} is the last that was known, and so is what follows from it ({effect})."),
        ),
        Ok(total) if total.coverage.get() < answering - 1e-9 => {
            let share = number((total.coverage.get() * 100.0).floor(), 0);
            say(about, format!("only {share} % of the units tell their {what}: {effect} cover no more."));
        }
        Ok(_) => {}
    }
}

fn losing(about: &str, money: Option<&Money>, split: &Split, say: &mut impl FnMut(&str, String)) {
    let Some(margin) = money.and_then(|m| m.margin.ok()).filter(|m| m.value.get() < 0.0) else { return };
    let price = cells::cell(cells::read(&split.power_price, |p| p.get()), 2);
    let breakeven = money.and_then(|m| m.breakeven.ok()).map(|b| number(b.value.get(), 2));
    let compare = breakeven.map_or_else(String::new, |b| format!(", and it breaks even at {b}"));
    let loss = number(-margin.value.get(), 2);
    say(about, format!("it loses {loss} USD/h. Power costs {price} USD/MWh{compare}."));
}

fn cap(split: &Split, say: &mut impl FnMut(&str, String)) {
    let (Some(above), Some(cap)) = (above_cap(split), split.cap.map(|cap| cap.kw())) else { return };
    let unit = PowerUnit::of(cap);
    let draws = unit.text(cells::read(&split.site_power, |p| p.kw()));
    let (above, cap) = (unit.text(Some(above)), unit.text(Some((cap, Quality::Measured))));
    say("site", format!("it draws {draws}, {above} above its cap of {cap}. Shed load, or mend cap_kw."));
}

fn inputs(view: &SiteView, split: &Split, say: &mut impl FnMut(&str, String)) {
    if has_hashing(view, split) {
        if view.hash_blocks.is_empty() {
            let lost = "What hashing earns, and so the whole site, cannot be told.";
            say("miners", format!("none has answered yet. {lost} Check the network and [[asic]]."));
        }
        bitcoin(view, split, say);
        network(view, say);
    }
    let lost = "Cost and margin cannot be told.";
    match &view.power_price {
        Err(Missing::NotConfigured) => say("power", format!("no price is configured. {lost} Add [power].")),
        Err(missing) => say("power", format!("no price: {}. {lost} Check [power].", why(*missing))),
        Ok(_) => {
            if let Some(state) = not_fresh(&view.power_price) {
                say("power", format!("the price is {state}. Cost and margin rest on it. Check [power]."));
            }
        }
    }
}

fn bitcoin(view: &SiteView, split: &Split, say: &mut impl FnMut(&str, String)) {
    let quotes = view.btc_quotes.iter();
    match &split.btc_usd {
        Err(missing) => {
            let lost = "Hashing revenue and the shares cannot be told. Check the uplink and [btc].";
            say("bitcoin", format!("no price: {}. {lost}", why(*missing)));
        }
        Ok(price) if price.quality == Quality::Stale => {
            let newest = quotes.filter_map(|(_, q)| q.ok().map(|q| q.age)).min();
            let newest =
                newest.map_or_else(String::new, |age| format!(", its newest quote {} old", cells::age(age)));
            say(
                "bitcoin",
                format!("the price is stale{newest}. Hashing revenue rests on it. Check the uplink."),
            );
        }
        Ok(_) => {
            for (venue, state) in quotes.filter_map(|(venue, q)| Some((venue, not_fresh(q)?))) {
                say(
                    "bitcoin",
                    format!("the quote of {venue} is {state}. The price rests on the other venues."),
                );
            }
        }
    }
}

fn network(view: &SiteView, say: &mut impl FnMut(&str, String)) {
    match &view.network {
        Err(missing) => {
            let lost = "Hashprice and hashing revenue cannot be told. Check [network].";
            say("network", format!("no difficulty: {}. {lost}", why(*missing)));
        }
        Ok(net) => {
            if let Some(state) = not_fresh(&view.network) {
                say("network", format!("difficulty and height are {state}. Hashprice rests on them."));
            }
            if let Err(missing) = net.value.mean_fee {
                say("network", format!("no fees: {}. Hashprice counts the subsidy alone.", why(missing)));
            }
        }
    }
}

/// `stale, 12 min old` or the reason why it is missing; `None` if it is fresh.
fn not_fresh<T>(value: &Current<T>) -> Option<String> {
    match value {
        Ok(v) if v.quality == Quality::Stale => Some(format!("stale, {} old", cells::age(v.age))),
        Ok(_) => None,
        Err(missing) => Some(format!("missing: {}", why(*missing))),
    }
}

/// `3 of 40 miners`, `all 40 miners`, `the only miner`.
fn of(part: u32, all: u32, things: &str) -> String {
    let count = |n| number(f64::from(n), 0);
    match (part, all) {
        (1, 1) => format!("the only {}", things.trim_end_matches('s')),
        (part, all) if part == all => format!("all {} {things}", count(all)),
        (part, all) => format!("{} of {} {things}", count(part), count(all)),
    }
}

/// The reason in words that fit behind a colon.
pub fn why(missing: Missing) -> &'static str {
    match missing {
        Missing::NotYet => "nothing was read yet",
        Missing::NotReported => "not in the reply",
        Missing::NotSupported => "the hardware cannot tell",
        Missing::NotConfigured => "not configured",
        Missing::Unreachable => "no route, or nothing there",
        Missing::Refused => "connection refused",
        Missing::Timeout => "no answer in time",
        Missing::CutOff => "the answer broke off",
        Missing::Garbage => "the answer cannot be read",
        Missing::TooLarge => "the answer is too large",
        Missing::Denied => "login or permission refused",
        Missing::RemoteError => "the other side reports an error",
        Missing::Implausible => "outside what is possible",
        Missing::Lost => "fell off the bus",
        Missing::NoDriver => "no GPU driver",
        Missing::Hung => "the driver does not return",
        Missing::Released => "the driver was let go on request",
        Missing::Expired => "too old",
        Missing::Undefined => "the formula has no answer",
        Missing::OtherAlgorithm => "mines another coin",
        Missing::NoSocket => "wattsplit may open no more files",
    }
}
