//! A site and its terms in round figures.

use std::collections::BTreeMap;
use std::time::Duration;

use wattsplit::clock::{Now, UnixMs};
use wattsplit::economics::{GroupTerms, HostingConfig, PowerPaidBy, SiteTerms, Stoppable, Terms};
use wattsplit::reading::{Missing, Quality, Reading};
use wattsplit::site::{
    Aged, AiBlock, AsicCounts, Doubts, GpuCounts, HashBlock, MeterView, Network, SiteView, Sum, Total,
    WallView,
};
use wattsplit::units::*;

/// Difficulty, price and fee that make 48 USD/PH/day at a subsidy of 3.125 BTC: 2 USD per PH-hour.
pub const HASHPRICE: f64 = 48.0;

pub fn aged<T>(value: T) -> Aged<T> {
    Aged { value, quality: Quality::Measured, source: "test", age: Duration::ZERO }
}

pub fn stale<T>(aged: Aged<T>) -> Aged<T> {
    Aged { quality: Quality::Stale, ..aged }
}

pub fn total<T>(value: Option<T>, coverage: f64) -> Sum<T> {
    let quality = if coverage < 0.99 { Quality::Estimated } else { Quality::Measured };
    Ok(Total { value: value.unwrap(), quality, coverage: Fraction::new(coverage).unwrap() })
}

/// 48 USD/PH/day, 50 USD/MWh, no devices.
pub fn market() -> SiteView {
    let blocks_per_ph_day = 1e15 * 86_400.0 / 2f64.powi(32) / 1e14;
    let btc_usd = Usd::new(HASHPRICE / (blocks_per_ph_day * 3.125)).unwrap();
    let mean_fee = Ok(Reading::measured(Sats(0), "test"));
    SiteView {
        at: Now { wall: UnixMs(1_763_800_000_000), mono: Duration::from_secs(100) },
        hash_blocks: Vec::new(),
        groups: Vec::new(),
        ai_blocks: Vec::new(),
        gpu_hosts: Vec::new(),
        hostings: BTreeMap::new(),
        silent_addresses: 0,
        btc_quotes: ["a", "b", "c"].map(|venue| (venue, Ok(aged(btc_usd)))).to_vec(),
        network: Ok(aged(Network {
            height: 900_000,
            difficulty: 1e14,
            mean_fee,
            retarget: Err(Missing::NotYet),
        })),
        hashprice_index: Err(Missing::NotConfigured),
        power_price: Ok(aged(UsdPerMwh::new(50.0).unwrap())),
        power_price_until: None,
        power_basis: None,
        pools: Vec::new(),
        hosts: Vec::new(),
        meter: MeterView::default(),
        signals: Vec::new(),
        doubts: Doubts::default(),
    }
}

/// `units` hashing miners with `phs` and `kw` together.
pub fn miners(id: &str, units: u32, phs: f64, kw: f64) -> HashBlock {
    HashBlock {
        id: id.into(),
        group: "row-a".into(),
        model: Some("S21".into()),
        counts: AsicCounts { hashing: units, ..AsicCounts::default() },
        hashrate: total(Hashrate::new(phs * 1e3), 1.0),
        hashrate_avg: Err(Missing::NotReported),
        hashrate_expected: Err(Missing::NotReported),
        power: total(Watts::from_kw(kw), 1.0),
        efficiency: Ok(Reading::measured(
            JoulesPerTerahash::new(kw / phs.max(1e-9)).unwrap(),
            "power / hashrate",
        )),
        hashrate_without_power: Hashrate::ZERO,
        temp_chip_max: Err(Missing::NotReported),
        accepted: Some(99),
        rejected: Some(1),
    }
}

pub fn gpus(id: &str, units: u32, kw: f64, occupied: u32) -> AiBlock {
    let it = Total {
        value: Watts::from_kw(kw).unwrap(),
        quality: Quality::Estimated,
        coverage: Fraction::new(1.0).unwrap(),
    };
    AiBlock {
        id: id.into(),
        counts: GpuCounts { ok: units, ..GpuCounts::default() },
        suspect: 0,
        hosts: units / 8,
        hosts_unreachable: 0,
        board_power: total(Watts::from_kw(kw * 0.6), 1.0),
        board_energy: Err(Missing::NotYet),
        it_power: Ok(it),
        wall: WallView::default(),
        utilisation: total(Fraction::new(0.0), 1.0),
        temp_max: Err(Missing::NotReported),
        occupied: Ok(aged(occupied)),
    }
}

pub fn hosting(name: &str, terms: Terms) -> HostingConfig {
    HostingConfig {
        name: name.into(),
        terms,
        usd_per_gpu_h: Some(2.5),
        host_fee: 0.2,
        reserved_gpus: Some(64),
        occupied_gpus: None,
        occupied_file: None,
        occupied_from: None,
        occupied_dirs: Vec::new(),
        occupied_url: None,
        occupied_key: None,
        occupied_time_key: None,
        occupied_topic: None,
        occupied_token_file: None,
        occupied_machines: Vec::new(),
        usd_per_kw_month: Some(73.0),
        contracted_kw: Some(1000.0),
        power_paid_by: PowerPaidBy::Site,
        overhead: 1.25,
        server_base_kw: None,
        server_factor: None,
        stoppable: Stoppable::No,
        gpus_installed: None,
        platform: None,
        price: None,
        market: None,
        committed_gpus: None,
        stop_penalty_usd_per_gpu_h: 0.0,
        start_usd_per_gpu: 0.0,
        stop_usd_per_gpu: 0.0,
        stopped_kw_per_gpu: 0.0,
    }
}

/// One group: overhead 1.1, pool fee 1 %.
pub fn terms() -> SiteTerms {
    let group = GroupTerms { group: "row-a".into(), overhead: 1.1, pool_fee: 0.01 };
    SiteTerms { groups: vec![group], ..SiteTerms::default() }
}

/// A hash block of 2 PH/s at 40 kW beside a reserved hosting at 80 kW.
pub fn mixed() -> (SiteView, SiteTerms) {
    let view = SiteView {
        hash_blocks: vec![miners("row-a-s21", 10, 2.0, 40.0)],
        ai_blocks: vec![gpus("h100", 64, 80.0, 32)],
        ..market()
    };
    (view, SiteTerms { hostings: vec![hosting("h100", Terms::Reserved)], ..terms() })
}
