//! Sites at one moment, put together by hand: what the table and the JSON are tested on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wattsplit::clock::{Now, UnixMs};
use wattsplit::economics::attribution::Plausibility;
use wattsplit::economics::{BlockMoney, Class, Residual, Split};
use wattsplit::reading::*;
use wattsplit::site::*;
use wattsplit::units::*;

use super::money::{money_of, no_money, split_of};

/// 2025-11-21 14:05:00 UTC.
pub fn at() -> Now {
    Now { wall: UnixMs::from_secs(1_763_733_900), mono: Duration::from_secs(3_600) }
}

/// USD/MWh of these sites.
const POWER: f64 = 45.0;

pub fn healthy() -> (SiteView, Split) {
    let hash = vec![
        hash_block("north-s19-xp", 200, 28_000.0, 602.0),
        hash_block("north-s21", 400, 80_000.0, 1_400.0),
        hash_block("yard-m50s-plus-plus", 60, 9_000.0, 198.0),
    ];
    let mut market = ai_block("h100-market", 32, 16.5);
    market.occupied = Ok(aged(24, Quality::Estimated, "occupied_gpus", 4));
    site(hash, vec![market, ai_block("h100-reserved", 320, 336.0)])
}

pub fn asic_only() -> (SiteView, Split) {
    site(vec![hash_block("main-s21", 120, 24_000.0, 420.0)], vec![])
}

pub fn gpu_only() -> (SiteView, Split) {
    let (mut view, mut split) = site(vec![], vec![ai_block("h200", 8, 8.4)]);
    view.network = Err(Missing::NotConfigured);
    split.hashprice = Err(Missing::NotConfigured);
    view.pools.clear();
    (view, split)
}

pub fn empty() -> (SiteView, Split) {
    let (mut view, mut split) = site(vec![], vec![]);
    view.pools.clear();
    view.hosts.clear();
    split.site_power = Err(Missing::NotConfigured);
    (view, split)
}

/// As [`healthy`], which draws some 2,790 kW, below a cap.
pub fn capped(cap_kw: f64) -> (SiteView, Split) {
    let (view, mut split) = healthy();
    split.cap = Some(kw(cap_kw));
    (view, split)
}

/// As [`healthy`], with a meter that shows so many kW beyond its blocks; 0: 4 % of it.
pub fn metered(residual_kw: f64) -> (SiteView, Split) {
    let (view, mut split) = healthy();
    let known = split.site_power.unwrap().value;
    let residual = if residual_kw == 0.0 { known * (0.04 / 0.96) } else { kw(residual_kw) };
    let meter = known + residual;
    let share = residual.get() / meter.get();
    split.site_power = Ok(Reading::measured(meter, "meter.power"));
    split.metering.power = Ok(aged(meter, Quality::Measured, "meter.power", 3));
    split.metering.residual = Ok(Residual {
        power: Reading::estimated(residual, "test"),
        fraction: Ok(Reading::estimated(fraction(share), "test")),
        plausible: match share {
            0.0..=0.1 => Plausibility::Measured,
            _ => Plausibility::Questionable,
        },
        pue: Ok(Reading::estimated(fraction(1.142), "test")),
        spread: true,
    });
    (view, split)
}

/// Miners behind addresses that have not answered yet, and a tenant's own GPUs, which nobody reads.
pub fn tenant() -> (SiteView, Split) {
    let (mut view, mut split) = site(vec![], vec![ai_block("h100-market", 32, 16.5)]);
    view.silent_addresses = 254;
    split.hash = no_money();
    let power = Total { quality: Quality::Estimated, ..whole(kw(2_000.0)) };
    let mut money = money_of(328.77, Quality::Measured, power, 1.3, 0.0, Quality::Measured, false);
    money.it_power = Err(Missing::NotConfigured);
    split.blocks.push(BlockMoney { id: "tenant-hall".into(), class: Class::Ai, money, statement: None });
    let power = Total { value: kw(2_016.5), ..power };
    split.ai = money_of(395.97, Quality::Measured, power, 1.3, 0.37, Quality::Measured, false);
    split.ai.share = Err(Missing::Unreachable);
    split.site_power = Err(Missing::Unreachable);
    split.issues = vec!["miners: unreachable".into()];
    (view, split)
}

/// 60 of 120 S21 are silent and five have faults; a small group is dead altogether and an old one
/// costs more than it earns.
pub fn half_dead() -> (SiteView, Split) {
    let mut s21 = hash_block("main-s21", 120, 11_000.0, 192.5);
    s21.counts = AsicCounts { hashing: 55, idle: 0, fault: 5, unknown: 0, unreachable: 60 };
    for_units(&mut s21, 0.5);
    let mut s19 = hash_block("main-s19j-pro", 300, 31_200.0, 920.4);
    s19.counts.hashing = 290;
    s19.counts.idle = 7;
    s19.counts.unknown = 3;
    s19.power = Ok(Total { value: kw(920.4), quality: Quality::Estimated, coverage: fraction(0.99) });
    let mut m30 = hash_block("annex-unknown", 40, 0.0, 0.0);
    m30.counts = AsicCounts { unreachable: 40, ..AsicCounts::default() };
    m30.model = None;
    m30.hashrate = Err(Missing::Unreachable);
    m30.hashrate_avg = Err(Missing::Unreachable);
    m30.hashrate_expected = Err(Missing::Unreachable);
    m30.power = Err(Missing::Unreachable);
    m30.efficiency = Err(Missing::Unreachable);
    m30.temp_chip_max = Err(Missing::Unreachable);
    let mut site = site(vec![m30, s19, s21], vec![ai_block("h100-reserved", 320, 336.0)]);
    site.0.silent_addresses = 12;
    // At 60 USD/MWh the S19j Pro, which breaks even at 50.39, loses money.
    site.0.power_price = Ok(aged(UsdPerMwh::new(60.0).unwrap(), Quality::Measured, "slots", 40));
    site.1 = split_of(&site.0, 60.0);
    site.1.cap = Some(kw(1_500.0));
    site
}

pub fn stale_prices() -> (SiteView, Split) {
    let (mut view, _) = healthy();
    for (_, quote) in &mut view.btc_quotes {
        *quote = quote.map(|q| Aged { quality: Quality::Stale, age: Duration::from_secs(1_020), ..q });
    }
    view.btc_quotes[2].1 = Err(Missing::Timeout);
    let hour = Duration::from_secs(7_500);
    view.network = view.network.map(|n| Aged { quality: Quality::Stale, age: hour, ..n });
    view.power_price = view.power_price.map(|p| Aged { quality: Quality::Stale, age: hour, ..p });
    view.pools[0].report =
        view.pools[0].report.clone().map(|p| Aged { quality: Quality::Stale, age: hour, ..p });
    let split = split_of(&view, POWER);
    (view, split)
}

pub fn everything_missing() -> (SiteView, Split) {
    let (mut view, mut split) = healthy();
    for block in &mut view.hash_blocks {
        let units = block.counts.units();
        block.counts = AsicCounts { unreachable: units, ..AsicCounts::default() };
        block.hashrate = Err(Missing::Timeout);
        block.power = Err(Missing::Timeout);
        block.efficiency = Err(Missing::Timeout);
        block.temp_chip_max = Err(Missing::Timeout);
    }
    for block in &mut view.ai_blocks {
        let units = block.counts.units();
        block.counts = GpuCounts { missing: units, ..GpuCounts::default() };
        block.hosts_unreachable = block.hosts;
        block.it_power = Err(Missing::NoDriver);
        block.utilisation = Err(Missing::NoDriver);
        block.temp_max = Err(Missing::NoDriver);
        if block.occupied.is_ok() {
            block.occupied = Err(Missing::Expired);
        }
    }
    for (_, quote) in &mut view.btc_quotes {
        *quote = Err(Missing::Refused);
    }
    view.network = Err(Missing::Denied);
    view.power_price = Err(Missing::Expired);
    view.power_price_until = None;
    for pool in &mut view.pools {
        pool.report = Err(Missing::Denied);
    }
    split.btc_usd = Err(Missing::Refused);
    split.hashprice = Err(Missing::Denied);
    split.power_price = Err(Missing::Expired);
    split.site_power = Err(Missing::Timeout);
    split.cap = Some(kw(3_000.0));
    for money in split.blocks.iter_mut().map(|b| &mut b.money) {
        *money = no_money();
    }
    split.hash = no_money();
    split.ai = no_money();
    split.issues = vec!["btc_usd: refused".into(), "network: denied".into(), "power_price: expired".into()];
    (view, split)
}

pub fn sick_gpus() -> (SiteView, Split) {
    let (mut view, _) = healthy();
    let market = &mut view.ai_blocks[0];
    market.counts = GpuCounts { ok: 20, throttled: 3, lost: 1, missing: 8, ..GpuCounts::default() };
    market.hosts_unreachable = 1;
    market.it_power = market.it_power.map(|p| Total { coverage: fraction(0.71875), ..p });
    market.occupied = Ok(aged(24, Quality::Stale, "occupied_file", 1_400));
    market.suspect = 2;
    market.wall = WallView { power: Err(Missing::Implausible), implausible: 1 };
    let mut split = split_of(&view, POWER);
    split.issues = vec!["h100-market.occupied: stale".into(), "barometer: expired".into()];
    (view, split)
}

fn site(hash_blocks: Vec<HashBlock>, ai_blocks: Vec<AiBlock>) -> (SiteView, Split) {
    let usd = |v| Usd::new(v).unwrap();
    let view = SiteView {
        at: at(),
        hash_blocks,
        groups: Vec::new(),
        ai_blocks,
        gpu_hosts: Vec::new(),
        hostings: BTreeMap::new(),
        silent_addresses: 0,
        btc_quotes: vec![
            ("coinbase", Ok(aged(usd(84_115.0), Quality::Measured, "ticker", 12))),
            ("kraken", Ok(aged(usd(84_122.1), Quality::Measured, "ticker", 31))),
            ("bitstamp", Ok(aged(usd(84_133.0), Quality::Measured, "ticker", 8))),
        ],
        network: Ok(aged(
            Network {
                height: 924_600,
                difficulty: 152.271e12,
                mean_fee: Ok(Reading::measured(Sats(2_130_000), "blocks")),
                retarget: Err(Missing::NotYet),
            },
            Quality::Measured,
            "mempool",
            200,
        )),
        hashprice_index: Err(Missing::NotConfigured),
        power_price: Ok(aged(UsdPerMwh::new(POWER).unwrap(), Quality::Measured, "time_of_use", 3)),
        power_price_until: Some(UnixMs::from_secs(1_763_740_800)),
        power_basis: None,
        pools: vec![PoolView {
            name: "braiins-main".into(),
            report: Ok(aged(Arc::new(pool()), Quality::Measured, "braiins", 95)),
            devices: AgainstDevices {
                ratio_1h: Ok(Reading::measured(Fraction::new(0.991).unwrap(), "pool / devices")),
                ..AgainstDevices::default()
            },
        }],
        hosts: vec![HostView {
            sample: Arc::new(host()),
            quality: Quality::Measured,
            age: Duration::from_secs(4),
        }],
        meter: MeterView::default(),
        signals: Vec::new(),
        doubts: Doubts::default(),
    };
    let split = split_of(&view, POWER);
    (view, split)
}

fn hash_block(id: &str, units: u32, ths: f64, power_kw: f64) -> HashBlock {
    let (group, model) = id.split_once('-').unwrap();
    HashBlock {
        id: id.into(),
        group: group.into(),
        model: Some(model.into()),
        counts: AsicCounts { hashing: units, ..AsicCounts::default() },
        hashrate: Ok(whole(Hashrate::new(ths).unwrap())),
        hashrate_avg: Ok(whole(Hashrate::new(ths * 0.998).unwrap())),
        hashrate_expected: Ok(Total {
            quality: Quality::Estimated,
            ..whole(Hashrate::new(ths * 1.01).unwrap())
        }),
        power: Ok(Total { quality: Quality::Estimated, ..whole(kw(power_kw)) }),
        efficiency: Ok(Reading::estimated(
            JoulesPerTerahash::new(power_kw * 1e3 / ths.max(1e-9)).unwrap(),
            "power / hashrate",
        )),
        hashrate_without_power: Hashrate::ZERO,
        temp_chip_max: Ok(Reading::measured(Celsius::new(78.0).unwrap(), "stats.temp_chip")),
        accepted: Some(1_000_000),
        rejected: Some(1_200),
    }
}

fn ai_block(id: &str, gpus: u32, it_kw: f64) -> AiBlock {
    AiBlock {
        id: id.into(),
        counts: GpuCounts { ok: gpus, ..GpuCounts::default() },
        suspect: 0,
        hosts: gpus / 8,
        hosts_unreachable: 0,
        board_power: Ok(whole(kw(it_kw * 0.66))),
        board_energy: Err(Missing::NotYet),
        it_power: Ok(Total { quality: Quality::Estimated, ..whole(kw(it_kw)) }),
        wall: WallView::default(),
        utilisation: Ok(whole(fraction(0.83))),
        temp_max: Ok(Reading::measured(Celsius::new(71.0).unwrap(), "temperature")),
        occupied: Err(Missing::NotConfigured),
    }
}

fn for_units(block: &mut HashBlock, coverage: f64) {
    block.hashrate = block.hashrate.map(|t| Total { coverage: fraction(coverage), ..t });
    block.power = block.power.map(|t| Total { coverage: fraction(coverage), ..t });
}

fn pool() -> PoolReport {
    let ths = |v| Ok(Reading::measured(Hashrate::new(v).unwrap(), "profile"));
    PoolReport {
        scheme: RewardScheme::Fpps,
        hashrate_now: ths(116_420.0),
        hashrate_1h: ths(116_900.0),
        hashrate_24h: ths(116_310.0),
        workers_online: Ok(Reading::measured(658, "workers")),
        workers_offline: Ok(Reading::measured(2, "workers")),
        rejected: Err(Missing::NotSupported),
        stale: Err(Missing::NotSupported),
        unpaid: Ok(Reading::measured(Sats(790_000), "current_balance")),
        today_estimate: Ok(Reading::estimated(Sats(3_071_000), "estimated_reward")),
        workers: vec![],
        settled: vec![Settled {
            at: UnixMs::from_secs(1_763_596_800),
            kind: SettledKind::UtcDay,
            net: Sats(5_230_000),
            fee: None,
        }],
        clock_ahead_ms: Some(0),
        unread: Vec::new(),
        failing: Vec::new(),
    }
}

fn host() -> HostSample {
    let gib = |n: f64| Ok(Reading::measured((n * 1_073_741_824.0) as u64, "sysinfo"));
    HostSample {
        node: "edge-1".into(),
        interval: Duration::from_secs(10),
        cpu: Ok(Reading::measured(fraction(0.12), "sysinfo")),
        memory_used_bytes: gib(1.2),
        memory_total_bytes: gib(4.0),
        disk_free_bytes: gib(21.5),
        disk_total_bytes: gib(29.0),
        temp_max: Ok(Reading::measured(Celsius::new(48.0).unwrap(), "sysinfo")),
        uptime_s: Ok(Reading::measured(1_000_000, "sysinfo")),
        own_rss_bytes: gib(0.01),
    }
}

pub fn aged<T>(value: T, quality: Quality, source: &'static str, age_s: u64) -> Aged<T> {
    Aged { value, quality, source, age: Duration::from_secs(age_s) }
}

fn whole<T>(value: T) -> Total<T> {
    Total { value, quality: Quality::Measured, coverage: fraction(1.0) }
}

fn kw(kw: f64) -> Watts {
    Watts::from_kw(kw).unwrap()
}

pub fn fraction(value: f64) -> Fraction {
    Fraction::new(value).unwrap()
}
