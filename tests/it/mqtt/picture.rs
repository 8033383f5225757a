//! Pictures of a site, made by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wattsplit::advice::{Advice, Assumption, Basis, Fleet, PolicyConfig, decide};
use wattsplit::clock::{Now, UnixMs};
use wattsplit::economics::attribution::Plausibility;
use wattsplit::economics::capture::{Band, PoolDay};
use wattsplit::economics::dispatch::{Block, Problem, Uncertainty};
use wattsplit::economics::energy_capture::{SiteDay, band};
use wattsplit::economics::pool_income::{Basis as IncomeBasis, Pay};
use wattsplit::economics::{
    BlockMoney, Class, IndexCheck, Metering, Money, Outlook, PoolIncome, Residual, RevenueBasis, Split,
    Statement,
};
use wattsplit::ledger::decision::Regret;
use wattsplit::ledger::outbox::{self, ByClass};
use wattsplit::publish::mqtt::LinkHealth;
use wattsplit::publish::{BrokerHealth, Health, LedgerHealth, LiveSet, wire};
use wattsplit::reading::{
    DriverState, EarnedDay, Earnings, HostSample, MarketPrice, Missing, Platform, PoolReport, PriceKind,
    Quality, Read, Reading, Reasons, RewardScheme, Settled, SettledKind, Sweep,
};
use wattsplit::site::{
    AgainstDevices, Aged, AiBlock, AsicCounts, Current, Doubts, GpuCounts, GpuHostHealth, HashBlock,
    HostView, HostingFeeds, MeterView, Network, PoolView, PowerBasis, SiteView, Sum, Total, WallView,
};
use wattsplit::units::{
    Celsius, Currency, Fraction, Hashrate, JoulesPerTerahash, Sats, Usd, UsdPerHour, UsdPerMwh, UsdPerPhDay,
    WattHours, Watts,
};

mod blocks;
mod money;
mod pools;
mod signals;

use blocks::{ai_block, gpu_hosts, hash_block, host};
use money::{block_money, feeds, index, money, outlook};
use pools::{against, captures, income, report};

pub const SITE: &str = "tx01";

#[derive(Clone)]
pub struct Picture {
    pub view: SiteView,
    pub split: Split,
    pub advice: Advice,
    pub health: Health,
}

impl Picture {
    /// Without expiry: the picture's time lies in the past, and the broker counts from now.
    pub fn live(&self) -> LiveSet {
        let mut live = wire::live_set(SITE, &self.view, (&self.split, &self.advice), &self.health);
        Arc::make_mut(&mut live).expires.clear();
        live
    }

    /// The same picture, `ms` later: every payload differs.
    pub fn later(mut self, ms: i64) -> Self {
        self.view.at.wall.0 += ms;
        self.split.at.wall.0 += ms;
        self.advice.issued.wall.0 += ms;
        self
    }
}

/// What is known of every value.
#[derive(Clone, Copy)]
pub enum State {
    Known(Quality),
    Missing(Missing),
}

impl State {
    fn read<T>(self, value: T) -> Read<T> {
        match self {
            State::Known(quality) => Ok(Reading { value, quality, source: "by hand" }),
            State::Missing(why) => Err(why),
        }
    }

    fn sum<T>(self, value: T, coverage: f64) -> Sum<T> {
        let coverage = Fraction::new(coverage).unwrap();
        self.read(value).map(|r| Total { value: r.value, quality: r.quality, coverage })
    }

    fn current<T>(self, value: T) -> Current<T> {
        let age = Duration::from_millis(2_500);
        self.read(value).map(|r| Aged { value: r.value, quality: r.quality, source: r.source, age })
    }

    fn quality(self) -> Quality {
        match self {
            State::Known(quality) => quality,
            State::Missing(_) => Quality::Stale,
        }
    }
}

/// Two groups of miners, one hosting, one pool, all prices; every value in the same state.
pub fn site(state: State) -> Picture {
    let at = Now { wall: UnixMs(1_795_000_000_000), mono: Duration::from_secs(3_600) };
    let hash_blocks =
        vec![hash_block(state, "row-1-s19-xp", Some("S19 XP")), hash_block(state, "row-2-unknown", None)];
    let view = SiteView {
        at,
        hash_blocks,
        groups: Vec::new(),
        ai_blocks: vec![ai_block(state)],
        gpu_hosts: gpu_hosts(state),
        hostings: [("h100".into(), feeds(state, at))].into(),
        silent_addresses: 3,
        btc_quotes: vec![
            ("coinbase", state.current(usd(91_234.565))),
            ("kraken", state.current(usd(91_240.0))),
            ("bitstamp", Err(Missing::Timeout)),
        ],
        network: state.current(Network {
            height: 924_000,
            difficulty: 155_973_032_196_071.88,
            mean_fee: state.read(Sats(2_345_678)),
            retarget: Err(Missing::NotYet),
        }),
        hashprice_index: state.current(UsdPerPhDay::new(38.4).unwrap()),
        power_price: state.current(UsdPerMwh::new(-12.5).unwrap()),
        power_price_until: Some(UnixMs(1_795_000_900_000)),
        pools: vec![PoolView {
            name: "braiins-main".into(),
            report: state.current(Arc::new(report(state))),
            devices: against(state),
        }],
        power_basis: Some(PowerBasis {
            kind: Some(PriceKind::DayAhead),
            currency: Currency::EUR,
            market_per_mwh: -14.0,
            usd_per_unit: Some(1.25),
        }),
        hosts: vec![host(state)],
        meter: MeterView::default(),
        signals: signals::all(state),
        doubts: Doubts::default(),
    };
    let split = Split {
        at,
        btc_usd: state.read(usd(91_237.282_5)),
        hashprice: state.read(UsdPerPhDay::new(38.123_456_789).unwrap()),
        retarget: outlook(state),
        index: index(state),
        power_price: state.read(UsdPerMwh::new(-12.5).unwrap()),
        hash: money(state),
        ai: money(state),
        site_power: state.read(watts(1_234_567.891)),
        metering: metering(state),
        pools: vec![income(state)],
        cap: Some(watts(2e6)),
        blocks: vec![block_money(state, "row-1-s19-xp", Class::Hash), block_money(state, "h100", Class::Ai)],
        issues: vec!["btc_usd: stale".into(), "network: timeout".into()],
    };
    let regret = Regret {
        usd_24h: state.read(Usd::new(12.5).unwrap()),
        coverage_24h: Fraction::new(0.75).unwrap(),
        percent_of_perfect_30d: state.read(87.5),
        coverage_30d: Fraction::new(0.25).unwrap(),
    };
    let (captures, site_day) = (captures(state), Some(site_day(state)));
    let outbox = Some(outbox());
    let ledger =
        LedgerHealth { rows_written: 24, regret, captures, site_day, outbox, ..LedgerHealth::default() };
    let ledger = Some(ledger);
    let health = Health {
        uptime: Duration::from_secs(60),
        sources_ok: 12,
        polls_ok: 340,
        sweep: matches!(state, State::Known(_)).then(sweep),
        ledger,
        brokers: brokers(),
        ..Health::default()
    };
    Picture { view, split, advice: advice(state, at), health }
}

/// One that is connected, and one that is not.
fn brokers() -> Vec<BrokerHealth> {
    let link = |last_error: &str| LinkHealth {
        last_error: Some(last_error.into()),
        cert_expires: Some(1_800_000_000),
        ..LinkHealth::default()
    };
    ["main", "central"]
        .map(|name| BrokerHealth { name, link: link("no answer; check it"), acks_per_s: Some(1.5) })
        .into()
}

fn outbox() -> outbox::Health {
    let oldest = Some(UnixMs(1_794_873_600_000));
    let class = outbox::ClassHealth { messages: 3, bytes: 1_234, oldest, dropped: 5 };
    let backlog =
        |broker: &str| outbox::Backlog { broker: broker.to_owned(), messages: 9, bytes: 3_702, oldest };
    let backlogs = vec![backlog("main"), backlog("central")];
    outbox::Health { classes: ByClass::each(|_| class), backlogs, ..outbox::Health::default() }
}

/// A period in which a poll failed for every reason.
fn sweep() -> Sweep {
    let mut failed = Reasons::default();
    Missing::ALL.into_iter().for_each(|why| failed.add(why));
    Sweep {
        length: Duration::from_secs(30),
        due: 200,
        polled: 199,
        late: 2,
        failed,
        delay_p50: Duration::from_millis(76),
        delay_max: Duration::from_millis(3_012),
    }
}

/// Advice in every form that the states ask for: a change, a hold that says why, and none.
fn advice(state: State, at: Now) -> Advice {
    let price = match state {
        State::Known(Quality::Measured) => Some(90.0),
        State::Known(_) => Some(52.0),
        State::Missing(_) => None,
    };
    let block = Block {
        id: "row-1-s19-xp".into(),
        class: Class::Hash,
        units: 98,
        current: 97,
        min_units: 0,
        max_units: 98,
        unit_kw: Some(3.01),
        idle_kw: 0.025,
        overhead: 1.05,
        revenue_usd_per_unit_h: Ok(0.162),
        var_cost_usd_per_unit_h: 0.0,
        committed: 0,
        stop_penalty_usd_per_unit_h: 0.0,
        power_passthrough: false,
        start_usd_per_unit: 0.0,
        stop_usd_per_unit: 0.0,
    };
    let problem = Problem {
        price_usd_per_mwh: price,
        dr_credit_usd_per_mwh: 0.0,
        cap_kw: Some(2000.0),
        cooling_cap_kw: None,
        fixed_overhead_kw: 0.0,
        horizon_h: 1.0,
        min_gain_usd: if price == Some(52.0) { 1e6 } else { 0.0 },
        uncertainty: Some(Uncertainty { price_rel: 0.02, hash_revenue_rel: 0.05, ai_revenue_rel: 0.05 }),
        blocks: vec![block],
    };
    let mut basis = Basis::of(problem, at);
    let read = state.read(price.unwrap_or_default());
    basis.assumptions.push(Assumption {
        name: "price".into(),
        unit: "usd_per_mwh",
        value: read.map(|r| r.value),
        quality: state.quality(),
        age: read.ok().map(|_| Duration::from_millis(2_500)),
        source: "by hand",
        deciding: true,
    });
    let policy = PolicyConfig { stop_above: 1.0, start_below: 1.0, ..PolicyConfig::default() };
    let fleet = Fleet::default();
    let first = decide(&basis, &policy, &fleet, None);
    let gap_usd = (state.quality() == Quality::Estimated).then_some(0.25);
    Advice { gap_usd, ..decide(&basis, &policy, &fleet, Some(&first)) }
}

/// A site right after its first start, with nothing configured but the broker.
pub fn empty() -> Picture {
    let mut picture = site(State::Missing(Missing::NotConfigured));
    let view = &mut picture.view;
    view.hash_blocks.clear();
    view.ai_blocks.clear();
    view.silent_addresses = 0;
    view.pools.clear();
    view.hosts.clear();
    view.btc_quotes.clear();
    view.power_price_until = None;
    view.power_basis = None;
    picture.split.blocks.clear();
    picture.split.issues.clear();
    picture.split.cap = None;
    picture.health = Health::default();
    picture
}

/// The GPU hosts have never answered: nobody knows how many GPUs there are.
pub fn silent_gpu_hosts() -> Picture {
    let mut picture = site(State::Missing(Missing::Timeout));
    for block in &mut picture.view.ai_blocks {
        block.counts = GpuCounts::default();
        block.hosts_unreachable = block.hosts;
    }
    picture
}

/// Everything answers, and its answers hold next to nothing.
pub fn hollow() -> Picture {
    let answered = State::Known(Quality::Measured);
    let hollow = State::Missing(Missing::NotReported);
    let mut picture = site(answered);
    let (mean_fee, retarget) = (hollow.read(Sats(0)), Err(Missing::NotYet));
    let network = Network { height: 924_000, difficulty: 1.5e14, mean_fee, retarget };
    picture.view.network = answered.current(network);
    let none = Err(Missing::Undefined);
    picture.split.metering.residual =
        picture.split.metering.residual.map(|r| Residual { fraction: none, pue: none, spread: false, ..r });
    for pool in &mut picture.view.pools {
        pool.report = answered.current(Arc::new(report(hollow)));
    }
    picture
}

/// The day before the picture's, at the meter.
fn site_day(state: State) -> SiteDay {
    let wh = |wh| state.read(WattHours::new(wh).unwrap()).ok();
    let capture = state.read(Fraction::new(0.96).unwrap());
    SiteDay {
        day: UnixMs(1_794_873_600_000),
        coverage: Fraction::new(0.99).unwrap(),
        metered: wh(30_000_000.0),
        modelled: wh(28_800_000.0),
        residual: wh(1_600_000.0),
        capture,
        band: capture.ok().map(|ratio| band(ratio.value.get())),
    }
}

fn metering(state: State) -> Metering {
    let residual = state.read(()).map(|read| Residual {
        power: read.map(|()| watts(-12_345.678)),
        fraction: state.read(Fraction::new(-0.01).unwrap()),
        plausible: Plausibility::Questionable,
        pue: state.read(Fraction::new(1.129).unwrap()),
        spread: true,
    });
    Metering { power: state.current(watts(1_234_567.891)), residual, ..Metering::default() }
}

fn usd(v: f64) -> Usd {
    Usd::new(v).unwrap()
}

fn watts(v: f64) -> Watts {
    Watts::new(v).unwrap()
}

fn celsius(v: f64) -> Celsius {
    Celsius::new(v).unwrap()
}
