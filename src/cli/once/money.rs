//! Pools, prices, blocks and the revenue split.

use serde::Serialize;

use crate::economics::pool_income::{Pay, PoolIncome};
use crate::economics::{self, Money, Split};
use crate::reading::{Missing, PoolReport, Quality};
use crate::site::{self, PoolView, SiteView};
use crate::units::{Celsius, Fraction, Hashrate, Sats, Usd, UsdPerHour, UsdPerMwh, UsdPerPhDay, Watts};

use super::hashprice::{Index, Retarget};
use super::hosting::{Feeds, Statement};
use super::meter::Meter;
use super::value::{Report, Value, current, missing, read, secs, sum};

#[derive(Serialize)]
pub struct Pool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'static str>,
    hashrate_ths: Value<f64>,
    hashrate_1h_ths: Value<f64>,
    hashrate_24h_ths: Value<f64>,
    workers_online: Value<u32>,
    workers_offline: Value<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'static str>,
    rejected_share: Value<f64>,
    stale_share: Value<f64>,
    unpaid_sats: Value<i64>,
    today_estimate_sats: Value<i64>,
    /// `settled`, `pool_estimate`, `theoretical` or `device`.
    #[serde(skip_serializing_if = "Option::is_none")]
    income_basis: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    income_expectation: Option<bool>,
    income_gross_sats_per_day: Value<i64>,
    income_fee_sats_per_day: Value<i64>,
    income_net_sats_per_day: Value<i64>,
    /// Absent while the pool is silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<Vec<Worker<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<Vec<Settled>>,
}

#[derive(Serialize)]
struct Worker<'a> {
    name: &'a str,
    hashrate_ths: Value<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_share: Option<f64>,
    /// Milliseconds since 1970, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_share_ts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<bool>,
}

/// What the pool credited, net of its fee.
#[derive(Serialize)]
struct Settled {
    ts: i64,
    kind: &'static str,
    net_sats: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fee_sats: Option<i64>,
}

impl<'a> Pool<'a> {
    pub fn of(view: &'a PoolView, income: Option<&PoolIncome>) -> Self {
        let found = view.report.as_ref();
        let stale = found.is_ok_and(|r| r.quality == Quality::Stale);
        let report: Option<&'a PoolReport> = found.ok().map(|r| &*r.value);
        let why = found.err().copied();
        let values = Report { report, stale, missing: why };
        let at_best = if stale { Quality::Stale } else { Quality::Measured };
        let best = income.map_or(Err(Missing::NotConfigured), |income| income.best);
        let paid = |part: fn(Pay) -> Sats| read(best, Quality::Measured, |pay| part(pay).0);
        Self {
            name: &view.name,
            age_s: found.ok().map(|r| secs(r.age)),
            missing: why.map(Missing::as_str),
            hashrate_ths: values.read(|r| r.hashrate_now, Hashrate::ths),
            hashrate_1h_ths: values.read(|r| r.hashrate_1h, Hashrate::ths),
            hashrate_24h_ths: values.read(|r| r.hashrate_24h, Hashrate::ths),
            workers_online: values.read(|r| r.workers_online, |n| n),
            workers_offline: values.read(|r| r.workers_offline, |n| n),
            scheme: report.map(|r| r.scheme.as_str()),
            rejected_share: values.read(|r| r.rejected, Fraction::get),
            stale_share: values.read(|r| r.stale, Fraction::get),
            unpaid_sats: values.read(|r| r.unpaid, |Sats(n)| n),
            today_estimate_sats: values.read(|r| r.today_estimate, |Sats(n)| n),
            income_basis: income.and_then(|income| Some(income.basis?.as_str())),
            income_expectation: income.and_then(|income| income.basis.map(|_| income.expectation)),
            income_gross_sats_per_day: paid(|pay| pay.gross),
            income_fee_sats_per_day: paid(|pay| pay.fee),
            income_net_sats_per_day: paid(|pay| pay.net),
            workers: report.map(|r| {
                let workers = r.workers.iter().map(|w| Worker {
                    name: &w.name,
                    hashrate_ths: read(w.hashrate, at_best, Hashrate::ths),
                    rejected_share: w.rejected.ok().map(|part| part.value.get()),
                    stale_share: w.stale.ok().map(|part| part.value.get()),
                    last_share_ts: w.last_share.map(|t| t.0),
                    online: w.online,
                });
                workers.collect()
            }),
            settled: report.map(|r| {
                let rows = r.settled.iter().map(|s| Settled {
                    ts: s.at.0,
                    kind: s.kind.as_str(),
                    net_sats: s.net.0,
                    fee_sats: s.fee.map(|fee| fee.0),
                });
                rows.collect()
            }),
        }
    }
}

#[derive(Serialize)]
pub struct Prices {
    /// Combined from the venues.
    btc_usd: Value<f64>,
    venues: Vec<Venue>,
    hashprice_usd_per_ph_day: Value<f64>,
    /// Absent where nobody is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    hashprice_index: Option<Index>,
    power_usd_per_mwh: Value<f64>,
    /// When the power price changes next; milliseconds since 1970, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    power_until_ts: Option<i64>,
}

#[derive(Serialize)]
struct Venue {
    venue: &'static str,
    btc_usd: Value<f64>,
}

impl Prices {
    pub fn of(view: &SiteView, split: &Split) -> Self {
        let quotes = view.btc_quotes.iter();
        Self {
            btc_usd: read(split.btc_usd, Quality::Measured, Usd::get),
            venues: quotes.map(|(venue, q)| Venue { venue, btc_usd: current(q, Usd::get) }).collect(),
            hashprice_usd_per_ph_day: read(split.hashprice, Quality::Measured, UsdPerPhDay::get),
            hashprice_index: Index::of(split),
            power_usd_per_mwh: current(&view.power_price, UsdPerMwh::get),
            power_until_ts: view.power_price_until.map(|t| t.0),
        }
    }
}

#[derive(Serialize)]
pub struct Network {
    height: Value<u64>,
    difficulty: Value<f64>,
    mean_fee_sats: Value<i64>,
    /// Absent where nothing is known of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    retarget: Option<Retarget>,
}

impl Network {
    pub fn of(view: &SiteView, split: &Split) -> Self {
        let network = &view.network;
        Self {
            height: current(network, |n| n.height),
            difficulty: current(network, |n| n.difficulty),
            mean_fee_sats: match network {
                Ok(n) => read(n.value.mean_fee, n.quality, |Sats(fee)| fee),
                Err(why) => missing(*why),
            },
            retarget: Retarget::of(split),
        }
    }
}

#[derive(Serialize)]
pub struct HashBlock<'a> {
    id: &'a str,
    group: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    units: u32,
    hashing: u32,
    idle: u32,
    fault: u32,
    unknown: u32,
    unreachable: u32,
    hashrate_ths: Value<f64>,
    hashrate_avg_ths: Value<f64>,
    hashrate_expected_ths: Value<f64>,
    it_power_w: Value<f64>,
    temp_chip_max_c: Value<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<u64>,
}

impl<'a> HashBlock<'a> {
    pub fn of(block: &'a site::HashBlock) -> Self {
        let site::AsicCounts { hashing, idle, fault, unknown, unreachable } = block.counts;
        Self {
            id: &block.id,
            group: &block.group,
            model: block.model.as_deref(),
            units: block.counts.units(),
            hashing,
            idle,
            fault,
            unknown,
            unreachable,
            hashrate_ths: sum(&block.hashrate, Hashrate::ths),
            hashrate_avg_ths: sum(&block.hashrate_avg, Hashrate::ths),
            hashrate_expected_ths: sum(&block.hashrate_expected, Hashrate::ths),
            it_power_w: sum(&block.power, Watts::get),
            temp_chip_max_c: read(block.temp_chip_max, Quality::Measured, Celsius::get),
            accepted: block.accepted,
            rejected: block.rejected,
        }
    }
}

#[derive(Serialize)]
pub struct AiBlock<'a> {
    id: &'a str,
    gpus: u32,
    ok: u32,
    throttled: u32,
    degraded: u32,
    reset_required: u32,
    hung: u32,
    lost: u32,
    missing: u32,
    /// Busy by their own word, with no process and little power.
    suspect: u32,
    hosts: u32,
    hosts_unreachable: u32,
    board_power_w: Value<f64>,
    it_power_w: Value<f64>,
    /// Absent where no host has a management controller that is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    wall_power_w: Option<Value<f64>>,
    utilisation: Value<f64>,
    temp_max_c: Value<f64>,
    occupied_gpus: Value<u32>,
}

impl<'a> AiBlock<'a> {
    pub fn of(block: &'a site::AiBlock) -> Self {
        let site::GpuCounts { ok, throttled, degraded, reset_required, hung, lost, missing } = block.counts;
        Self {
            id: &block.id,
            gpus: block.counts.units(),
            ok,
            throttled,
            degraded,
            reset_required,
            hung,
            lost,
            missing,
            suspect: block.suspect,
            hosts: block.hosts,
            hosts_unreachable: block.hosts_unreachable,
            board_power_w: sum(&block.board_power, Watts::get),
            it_power_w: sum(&block.it_power, Watts::get),
            wall_power_w: (block.wall.power != Err(Missing::NotConfigured))
                .then(|| sum(&block.wall.power, Watts::get)),
            utilisation: sum(&block.utilisation, Fraction::get),
            temp_max_c: read(block.temp_max, Quality::Measured, Celsius::get),
            occupied_gpus: current(&block.occupied, |n| n),
        }
    }
}

/// What power earns and costs.
#[derive(Serialize)]
pub struct Revenue<'a> {
    site_power_w: Value<f64>,
    /// Absent where no cap is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    cap_w: Option<f64>,
    /// Cap less power; negative above the cap.
    headroom_w: Value<f64>,
    /// Absent where no meter is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    meter: Option<Meter>,
    hash: Side,
    ai: Side,
    blocks: Vec<BlockMoney<'a>>,
    /// Inputs that are missing or stale.
    issues: &'a [String],
}

#[derive(Serialize)]
struct Side {
    revenue_usd_per_h: Value<f64>,
    it_power_w: Value<f64>,
    facility_power_w: Value<f64>,
    power_cost_usd_per_h: Value<f64>,
    margin_usd_per_h: Value<f64>,
    revenue_usd_per_mwh: Value<f64>,
    breakeven_usd_per_mwh: Value<f64>,
    share: Value<f64>,
    coverage: f64,
}

#[derive(Serialize)]
struct BlockMoney<'a> {
    id: &'a str,
    class: &'static str,
    #[serde(flatten)]
    money: Side,
    /// The parts of the revenue of a hosting.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Statement>,
    /// What is said of a hosting elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    feeds: Option<Feeds>,
}

impl<'a> Revenue<'a> {
    pub fn of(view: &SiteView, split: &'a Split) -> Self {
        let block = |b: &'a economics::BlockMoney| BlockMoney {
            id: &b.id,
            class: b.class.as_str(),
            money: Side::of(&b.money),
            statement: b.statement.as_ref().map(Statement::of),
            feeds: view.hostings.get(b.id.as_str()).map(|feeds| Feeds::of(feeds, view.at)),
        };
        Self {
            site_power_w: read(split.site_power, Quality::Measured, Watts::get),
            cap_w: split.cap.map(Watts::get),
            headroom_w: read(split.headroom(), Quality::Measured, Watts::get),
            meter: Meter::of(&split.metering),
            hash: Side::of(&split.hash),
            ai: Side::of(&split.ai),
            blocks: split.blocks.iter().map(block).collect(),
            issues: &split.issues,
        }
    }
}

impl Side {
    fn of(money: &Money) -> Self {
        let any = Quality::Measured;
        Self {
            revenue_usd_per_h: read(money.revenue, any, UsdPerHour::get),
            it_power_w: read(money.it_power, any, Watts::get),
            facility_power_w: read(money.facility_power, any, Watts::get),
            power_cost_usd_per_h: read(money.power_cost, any, UsdPerHour::get),
            margin_usd_per_h: read(money.margin, any, UsdPerHour::get),
            revenue_usd_per_mwh: read(money.usd_per_mwh, any, UsdPerMwh::get),
            breakeven_usd_per_mwh: read(money.breakeven, any, UsdPerMwh::get),
            share: read(money.share, any, Fraction::get),
            coverage: money.coverage.get(),
        }
    }
}
