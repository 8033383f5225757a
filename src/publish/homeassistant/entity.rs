//! Which keys of the live topics become entities, and what Home Assistant shall take them for.

use crate::publish::topics;

/// What kind of figure a key holds. Home Assistant's sensor rules decide what follows from it:
/// <https://developers.home-assistant.io/docs/core/entity/sensor/>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// kW.
    Power,
    /// MWh of a day that is over.
    Energy,
    /// °C.
    Temperature,
    /// An amount in US dollars: of a day, of today so far.
    Money,
    /// Money per something, or a physical figure that Home Assistant has no class for, in this unit.
    Rate(&'static str),
    /// A fraction, shown in percent.
    Share,
    /// How many; also ratios without a unit.
    Count,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A sentence.
    Text,
}

/// One sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entity {
    /// Live topic that holds it; `None`: the topic of the block.
    pub topic: Option<&'static str>,
    pub key: &'static str,
    /// What the quality and the reason of a missing value hang on.
    pub base: &'static str,
    pub name: &'static str,
    pub kind: Kind,
    /// It stays where a large site has to leave some out.
    pub essential: bool,
    /// It tells how wattsplit is doing, not the site.
    pub diagnostic: bool,
}

const USD_PER_H: Kind = Kind::Rate("USD/h");
const USD_PER_MWH: Kind = Kind::Rate("USD/MWh");
const PHS: Kind = Kind::Rate("PH/s");

const ADVICE: Kind = Kind::Word(&["hold", "change", "mandatory", "no_recommendation", "infeasible"]);
const LEDGER: Kind = Kind::Word(&["ok", "failing", "off"]);

const fn shown(key: &'static str, base: &'static str, name: &'static str, kind: Kind) -> Entity {
    Entity { topic: None, key, base, name, kind, essential: false, diagnostic: false }
}

const fn essential(key: &'static str, base: &'static str, name: &'static str, kind: Kind) -> Entity {
    Entity { essential: true, ..shown(key, base, name, kind) }
}

const fn health(key: &'static str, name: &'static str, kind: Kind) -> Entity {
    Entity { diagnostic: true, ..shown(key, key, name, kind) }
}

/// Of the site, from `summary`.
const SUMMARY: &[Entity] = &[
    shown("power_kw", "power", "Power", Kind::Power),
    shown("cap_kw", "cap", "Power cap", Kind::Power),
    shown("headroom_kw", "headroom", "Headroom", Kind::Power),
    shown("hashrate_phs", "hashrate", "Hashrate", PHS),
    shown("asics", "asics", "Miners", Kind::Count),
    shown("asics_hashing", "asics", "Miners hashing", Kind::Count),
    shown("asics_fault", "asics", "Miners with a fault", Kind::Count),
    shown("asics_unreachable", "asics", "Miners unreachable", Kind::Count),
    shown("gpus", "gpus", "GPUs", Kind::Count),
    shown("gpus_ok", "gpus", "GPUs in order", Kind::Count),
    shown("gpus_hung", "gpus", "GPUs hung", Kind::Count),
    shown("gpus_lost", "gpus", "GPUs lost", Kind::Count),
    shown("gpu_hosts_unreachable", "gpu_hosts", "GPU hosts unreachable", Kind::Count),
    shown("advice_status", "advice_status", "Advice", ADVICE),
    shown("advice_text", "advice_text", "Advice text", Kind::Text),
    shown("advice_gain_usd_per_h", "advice_gain", "Gain of following the advice", USD_PER_H),
    shown("regret_24h_usd", "regret_24h", "Regret of the last 24 h", Kind::Money),
    shown(
        "percent_of_perfect_30d",
        "percent_of_perfect_30d",
        "Of the best possible, 30 days",
        Kind::Rate("%"),
    ),
    health("coverage", "Coverage", Kind::Share),
    health("sources_failing", "Sources failing", Kind::Count),
    health("nodes_lost", "Nodes lost", Kind::Count),
    health("mqtt_rejected", "Publishes refused", Kind::Count),
    health("records_dropped", "Records dropped", Kind::Count),
    health("ledger_state", "Ledger", LEDGER),
];

/// Of the site, from `split`.
const SPLIT: &[Entity] = &[
    shown("btc_usd", "btc", "Bitcoin price", Kind::Rate("USD/BTC")),
    shown("hashprice_usd_per_ph_day", "hashprice", "Hashprice", Kind::Rate("USD/PH/day")),
    shown("power_price_usd_per_mwh", "power_price", "Power price", USD_PER_MWH),
    shown("meter_kw", "meter", "Metered power", Kind::Power),
    shown("residual_kw", "residual", "Unexplained power", Kind::Power),
    shown("pue", "pue", "PUE", Kind::Count),
    shown("energy_metered_24h_mwh", "energy_capture_24h", "Metered energy of the last day", Kind::Energy),
    shown("total_revenue_usd_per_h", "total_revenue", "Revenue", USD_PER_H),
    shown("total_power_cost_usd_per_h", "total_power_cost", "Power cost", USD_PER_H),
    shown("total_margin_usd_per_h", "total_margin", "Margin", USD_PER_H),
    shown("hash_facility_power_kw", "hash_facility_power", "Hashing power", Kind::Power),
    shown("hash_revenue_usd_per_h", "hash_revenue", "Hashing revenue", USD_PER_H),
    shown("hash_margin_usd_per_h", "hash_margin", "Hashing margin", USD_PER_H),
    shown("hash_share", "hash_share", "Hashing share of revenue", Kind::Share),
    shown("hash_usd_per_mwh", "hash_usd_per_mwh", "Hashing value of power", USD_PER_MWH),
    shown("hash_breakeven_usd_per_mwh", "hash_breakeven", "Hashing break-even", USD_PER_MWH),
    shown("ai_facility_power_kw", "ai_facility_power", "AI power", Kind::Power),
    shown("ai_revenue_usd_per_h", "ai_revenue", "AI revenue", USD_PER_H),
    shown("ai_margin_usd_per_h", "ai_margin", "AI margin", USD_PER_H),
    shown("ai_share", "ai_share", "AI share of revenue", Kind::Share),
    shown("ai_usd_per_mwh", "ai_usd_per_mwh", "AI value of power", USD_PER_MWH),
    shown("ai_breakeven_usd_per_mwh", "ai_breakeven", "AI break-even", USD_PER_MWH),
];

/// Of any block.
const EARNS: &[Entity] = &[
    essential("it_power_kw", "it_power", "IT power", Kind::Power),
    essential("revenue_usd_per_h", "revenue", "Revenue", USD_PER_H),
    essential("margin_usd_per_h", "margin", "Margin", USD_PER_H),
    essential("usd_per_mwh", "usd_per_mwh", "Value of power", USD_PER_MWH),
    shown("facility_power_kw", "facility_power", "Facility power", Kind::Power),
    shown("power_cost_usd_per_h", "power_cost", "Power cost", USD_PER_H),
    shown("breakeven_usd_per_mwh", "breakeven", "Break-even", USD_PER_MWH),
    shown("share", "share", "Share of revenue", Kind::Share),
    health("coverage", "Coverage", Kind::Share),
];

/// Of ASICs.
const HASHES: &[Entity] = &[
    essential("hashrate_phs", "hashrate", "Hashrate", PHS),
    essential("units_hashing", "units", "Miners hashing", Kind::Count),
    shown("units", "units", "Miners", Kind::Count),
    shown("units_fault", "units", "Miners with a fault", Kind::Count),
    shown("units_unreachable", "units", "Miners unreachable", Kind::Count),
    shown("efficiency_j_per_th", "efficiency", "Efficiency", Kind::Rate("J/TH")),
    shown("temp_chip_max_c", "temp_chip_max", "Hottest chip", Kind::Temperature),
];

/// Of a hosting.
const HOSTS: &[Entity] = &[
    essential("occupied_gpus", "occupied_gpus", "GPUs occupied", Kind::Count),
    essential("units_ok", "units", "GPUs in order", Kind::Count),
    shown("units", "units", "GPUs", Kind::Count),
    shown("units_hung", "units", "GPUs hung", Kind::Count),
    shown("units_lost", "units", "GPUs lost", Kind::Count),
    shown("hosts_unreachable", "hosts", "Hosts unreachable", Kind::Count),
    shown("board_power_kw", "board_power", "Board power", Kind::Power),
    shown("wall_power_kw", "wall_power", "Wall power", Kind::Power),
    shown("utilisation", "utilisation", "Utilisation", Kind::Share),
    shown("temp_max_c", "temp_max", "Hottest GPU", Kind::Temperature),
    shown("listed_usd_per_gpu_h", "listed", "Listed price", Kind::Rate("USD/GPU/h")),
    shown("market_usd_per_gpu_h", "market", "Market price", Kind::Rate("USD/GPU/h")),
    shown("earned_today_usd", "earned_today", "Earned today", Kind::Money),
    shown("earned_last_usd", "earned_last", "Earned on the last day", Kind::Money),
];

/// Of the site, each with its topic.
pub fn of_site() -> impl Iterator<Item = Entity> {
    let at = |topic, entities: &'static [Entity]| {
        entities.iter().map(move |entity| Entity { topic: Some(topic), ..*entity })
    };
    at(topics::SUMMARY, SUMMARY).chain(at(topics::SPLIT, SPLIT))
}

/// Of a block that hashes, or of a hosting.
pub fn of_block(hosting: bool) -> impl Iterator<Item = Entity> {
    let own = if hosting { HOSTS } else { HASHES };
    own.iter().chain(EARNS).copied()
}
