//! The dispatch problem of the site at one moment, and every input with its quality and age.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::{Now, UnixMs};
use crate::economics::dispatch::{Block, Problem};
use crate::economics::{Class, GroupTerms, Metering, SiteTerms, Split, accepted_share, hashing};
use crate::reading::{Missing, Quality, Read, Reading};
use crate::site::{HashBlock, SiteView};
use crate::units::UsdPerPhDay;

use super::blind;
use super::fleet::{Crew, Fleet};
use super::hosting::{Gpus, Hostings};
use super::memory::{Memory, ai_facility_kw};
use super::signals::{self, SignalOn};
use super::{Assumption, Policy, PolicyConfig};

/// While the rise of the AI load has not been seen for an hour, it is taken as this part of the load.
const RAMP_GUESS: f64 = 0.10;

/// What advice is made from.
#[derive(Debug, Clone)]
pub struct Basis {
    pub at: Now,
    /// With the caps as they are.
    pub problem: Problem,
    /// Part of the cap that starting units may not use, kW.
    pub reserve_kw: f64,
    /// When the power price changes next.
    pub price_until: Option<UnixMs>,
    pub assumptions: Vec<Assumption>,
    /// GPUs that may be moved, by id of their block.
    pub gpus: BTreeMap<String, Gpus>,
    /// Signals that are on.
    pub signals: Vec<SignalOn>,
}

impl Basis {
    /// A problem as it stands, with nothing known about its inputs.
    pub fn of(problem: Problem, at: Now) -> Self {
        Self {
            at,
            problem,
            reserve_kw: 0.0,
            price_until: None,
            assumptions: Vec::new(),
            gpus: BTreeMap::new(),
            signals: Vec::new(),
        }
    }

    pub fn new(
        (view, split): (&SiteView, &Split),
        fleet: &Fleet<'_>,
        terms: &SiteTerms,
        policy: &Policy,
        memory: &Memory,
    ) -> Self {
        let site = &policy.site;
        let mut inputs = Inputs::default();
        let price = inputs.price(view, site.price_max_age_secs);
        let max_age = Duration::from_secs(site.hashprice_max_age_secs);
        let (hashprice, hashprice_age) = hashprice(view, split, max_age);
        let mut blocks = Vec::new();
        let mut other_kw = 0.0;
        let mut unread = Vec::new();
        for block in &view.hash_blocks {
            let group = terms.groups.iter().find(|group| group.group == *block.group);
            let nobody = Crew::default();
            let crew = fleet.crew(&block.id).unwrap_or(&nobody);
            let made = inputs.hash(block, crew, (group, hashprice), policy, memory, view.at);
            other_kw += crew.other_watts / 1e3 * made.overhead;
            unread.push((crew.unread_units, inputs.unit_kw(block, crew, memory), made.overhead));
            blocks.push(made);
        }
        if !blocks.is_empty() {
            let deciding = blocks.iter().any(|b| b.min_units != b.max_units);
            inputs.push(
                "hashprice",
                "usd_per_ph_day",
                hashprice.map(|h| h.map(UsdPerPhDay::get)),
                hashprice_age,
                deciding,
            );
        }
        let capped = terms.cap.is_some() || site.cooling_cap_kw.is_some();
        if capped && unread.iter().all(|(_, kw, _)| kw.is_none()) {
            // There is nothing to guess by what the unread ones draw under the cap.
            let silent = blocks.iter_mut().zip(&unread).filter(|(_, (units, ..))| *units > 0);
            silent.for_each(|(block, _)| block.unit_kw = None);
        }
        let hostings = Hostings::new(&mut inputs, (view, split), (terms, capped), fleet, memory);
        blocks.extend(hostings.blocks);
        other_kw += hostings.other_kw;
        let modelled_kw = terms.fixed_overhead.kw() + other_kw;
        let metered_kw = inputs.metered(&split.metering, &blocks, modelled_kw, capped);
        let reserve_kw = match terms.cap {
            // What nobody reads is in the meter already.
            Some(_) if metered_kw.is_some() => inputs.ramp((view, fleet), &blocks, terms, policy, memory),
            Some(_) => inputs.unread(&unread) + inputs.ramp((view, fleet), &blocks, terms, policy, memory),
            None => 0.0,
        };
        let mut problem = Problem {
            price_usd_per_mwh: price,
            dr_credit_usd_per_mwh: site.dr_credit_usd_per_mwh,
            cap_kw: terms.cap.map(|cap| cap.kw()),
            cooling_cap_kw: site.cooling_cap_kw,
            fixed_overhead_kw: metered_kw.unwrap_or(modelled_kw),
            horizon_h: site.horizon_h,
            min_gain_usd: site.min_gain_usd(),
            uncertainty: Some(site.uncertainty()),
            blocks,
        };
        blind::open_unsure(&mut problem, &hostings.unsure);
        blind::open_blind(&mut problem, &blind::silent_miners(view, terms), &hostings.blind);
        inputs.all.extend(view.signals.iter().map(signals::assumption));
        Self {
            at: view.at,
            problem,
            reserve_kw,
            price_until: view.power_price_until,
            assumptions: inputs.all,
            gpus: hostings.gpus,
            signals: signals::on(&view.signals),
        }
    }
}

/// Room for AI load that rises, kW: as it is given, else the rise that was seen, else a part of the
/// load.
pub fn ramp_reserve(policy: &PolicyConfig, seen_kw: Option<f64>, load_kw: f64) -> Reading<f64> {
    match (policy.ramp_reserve_kw, seen_kw) {
        (Some(kw), _) => Reading::measured(kw, "given"),
        (None, Some(kw)) => Reading::measured(kw, "99th percentile of the rise in a minute"),
        (None, None) => {
            Reading::estimated(RAMP_GUESS * load_kw, "10 % of the AI load: less than an hour was seen")
        }
    }
}

/// From the split, with the age of what it rests on.
fn hashprice(view: &SiteView, split: &Split, max_age: Duration) -> (Read<UsdPerPhDay>, Option<Duration>) {
    let quote = view.btc_quotes.iter().filter_map(|(_, quote)| quote.ok().map(|q| q.age)).min();
    let age = view.network.ok().map(|network| network.age).max(quote);
    let read = match split.hashprice {
        Ok(_) if age.is_some_and(|age| age > max_age) => Err(Missing::Expired),
        read => read,
    };
    (read, age)
}

/// Collects the inputs while they are used.
#[derive(Default)]
pub(super) struct Inputs {
    all: Vec<Assumption>,
}

impl Inputs {
    pub fn push(
        &mut self,
        name: impl Into<String>,
        unit: &'static str,
        read: Read<f64>,
        age: Option<Duration>,
        deciding: bool,
    ) {
        self.all.push(Assumption::new(name, unit, read, age, deciding));
    }

    /// `None` where it is missing or too old to act on.
    fn price(&mut self, view: &SiteView, max_age_secs: Option<u64>) -> Option<f64> {
        let limit = max_age_secs.map_or(Duration::MAX, Duration::from_secs);
        let mut read =
            view.power_price.map(|p| Reading { value: p.value.get(), quality: p.quality, source: p.source });
        let age = view.power_price.ok().map(|p| p.age);
        if age.is_some_and(|age| age > limit) {
            read = read.map(|r| r.at_best(Quality::Stale));
        }
        self.push("price", "usd_per_mwh", read, age, true);
        read.ok().filter(|r| r.quality < Quality::Stale).map(|r| r.value)
    }

    /// Power of one running machine now, or when one last ran, or by its nameplate, kW.
    fn unit_kw(&self, block: &HashBlock, crew: &Crew<'_>, memory: &Memory) -> Option<f64> {
        let last = || memory.unit(&block.id).map(|unit| unit.power);
        let nameplate = || crew.by_nameplate().map(|(power, _)| power);
        crew.unit_power().ok().or_else(last).or_else(nameplate).map(|power| power.value.kw())
    }

    fn hash(
        &mut self,
        block: &HashBlock,
        crew: &Crew<'_>,
        (group, hashprice): (Option<&GroupTerms>, Read<UsdPerPhDay>),
        policy: &Policy,
        memory: &Memory,
        now: Now,
    ) -> Block {
        let count = |machines: usize| u32::try_from(machines).unwrap_or(u32::MAX);
        let current = count(crew.hashing.len());
        let units = current.saturating_add(count(crew.idle.len()));
        let own = policy.groups.iter().find(|policy| policy.group == *block.group);
        // A limit that the present state breaks is no order to move: it only never gets worse.
        let min_units = own.map_or(0, |own| own.min_units).min(current);
        let max_units = own.and_then(|own| own.max_units).unwrap_or(units).min(units).max(current);
        let (mut power, mut hashrate, mut age) = (crew.unit_power(), crew.unit_hashrate(), None);
        if power.is_err() || hashrate.is_err() {
            if let Some(last) = memory.unit(&block.id) {
                let source = "when it last ran";
                power = Ok(Reading { source, ..last.power.at_best(Quality::Estimated) });
                hashrate = Ok(Reading { source, ..last.hashrate.at_best(Quality::Estimated) });
                age = Some(now.since(last.at));
            } else if let (0, Some(nameplate)) = (current, crew.by_nameplate()) {
                (power, hashrate) = (Ok(nameplate.0), Ok(nameplate.1));
            }
        }
        let moves = min_units != max_units;
        let (accepted, _) = accepted_share(block);
        let revenue = || {
            let hashprice = hashprice.map_err(|_| "hashprice")?;
            let hashrate = hashrate.map_err(|_| "hashrate")?;
            let fee = group.ok_or("pool_fee")?.pool_fee;
            let usd = hashing::revenue(hashrate.value, hashprice.value, fee, accepted).ok_or("revenue")?;
            Ok(usd.get())
        };
        let idle = crew.idle_power();
        let block_of_none = units == 0;
        if !block_of_none {
            let name = |what: &str| format!("{}.{what}", block.id);
            self.push(name("unit_kw"), "kw", power.map(|p| p.map(|w| w.kw())), age, moves);
            self.push(name("hashrate"), "ths", hashrate.map(|h| h.map(|h| h.ths())), age, moves);
            let idle = idle.map_or(Reading::estimated(0.0, "not read: taken as none"), |i| i.map(|w| w.kw()));
            self.push(name("idle_kw"), "kw", Ok(idle), None, false);
        }
        Block {
            id: block.id.clone(),
            class: Class::Hash,
            units,
            current,
            min_units,
            max_units,
            unit_kw: if block_of_none { Some(0.0) } else { power.ok().map(|p| p.value.kw()) },
            idle_kw: idle.map_or(0.0, |idle| idle.value.kw()),
            overhead: group.map_or(1.0, |group| group.overhead),
            revenue_usd_per_unit_h: if block_of_none { Ok(0.0) } else { revenue() },
            var_cost_usd_per_unit_h: 0.0,
            committed: 0,
            stop_penalty_usd_per_unit_h: 0.0,
            power_passthrough: false,
            start_usd_per_unit: own.map_or(0.0, |own| own.start_usd_per_unit),
            stop_usd_per_unit: own.map_or(0.0, |own| own.stop_usd_per_unit),
        }
    }

    /// What machines that nobody can read may draw: as much as their like, else as the largest.
    fn unread(&mut self, blocks: &[(u32, Option<f64>, f64)]) -> f64 {
        let largest = blocks.iter().filter_map(|(_, kw, _)| *kw).fold(0.0, f64::max);
        let kw =
            blocks.iter().map(|(units, kw, overhead)| f64::from(*units) * kw.unwrap_or(largest) * overhead);
        let kw: f64 = kw.sum();
        if kw > 0.0 {
            let read = Ok(Reading::estimated(kw, "units that are not read, as if they ran"));
            self.push("unread_kw", "kw", read, None, false);
        }
        kw
    }

    /// What the site's meter shows beyond the blocks as they run: with that as the fixed overhead the
    /// present state draws what the meter shows. `None` where the meter cannot be used, and the
    /// `modelled` figure stands, kW.
    fn metered(&mut self, metering: &Metering, blocks: &[Block], modelled: f64, capped: bool) -> Option<f64> {
        let meter = metering.power;
        if meter == Err(Missing::NotConfigured) {
            return None;
        }
        let blocks_kw = blocks.iter().map(Block::present_facility_kw).sum::<Option<f64>>();
        let beyond = metering.fresh().map(|meter| blocks_kw.map(|blocks| meter.value.kw() - blocks));
        let (overhead, source) = match beyond {
            Err(Missing::Implausible) => (None, "configured: the meter shows what cannot be"),
            Err(_) => (None, "configured: the meter is missing or stale"),
            Ok(None) => (None, "configured: a block's power is not known"),
            Ok(Some(kw)) if kw < 0.0 => (None, "configured: the meter shows less than the blocks draw"),
            Ok(Some(kw)) => (Some(kw), "meter less blocks"),
        };
        let read = meter.map(|m| Reading { value: m.value.kw(), quality: m.quality, source: m.source });
        let deciding = capped && overhead.is_some();
        self.push("site_meter_kw", "kw", read, meter.ok().map(|m| m.age), deciding);
        let fixed = Reading::estimated(overhead.unwrap_or(modelled), source);
        self.push("fixed_overhead_kw", "kw", Ok(fixed), None, false);
        overhead
    }

    /// Room for AI load that rises.
    fn ramp(
        &mut self,
        (view, fleet): (&SiteView, &Fleet<'_>),
        blocks: &[Block],
        terms: &SiteTerms,
        policy: &Policy,
        memory: &Memory,
    ) -> f64 {
        if terms.hostings.is_empty() {
            return 0.0;
        }
        // A hall that is read in part draws all the same: what its blocks are taken to draw.
        let hosted = blocks.iter().filter(|block| block.class == Class::Ai);
        let taken = || hosted.filter_map(Block::present_facility_kw).sum();
        let load_kw = ai_facility_kw(view, fleet, terms).unwrap_or_else(taken);
        let read = ramp_reserve(&policy.site, memory.ramp.p99_kw(), load_kw);
        self.push("ramp_reserve_kw", "kw", Ok(read), None, false);
        read.value
    }
}
