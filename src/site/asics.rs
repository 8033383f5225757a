//! All miners of the site, and their sums by block.

use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::ops::Bound;
use std::sync::Arc;

use crate::clock::Now;
use crate::reading::{
    Algorithm, AsicReport, AsicSample, AsicState, Missing, Place, Quality, Read, Reading, at_best,
};
use crate::units::{Celsius, Hashrate, JoulesPerTerahash, Watts};

use super::age::{Freshness, Polling, Reader};
use super::blocks::{Block, BlockIndex, Blocks};
use super::order::Key;
use super::sum::Tally;
use super::view::{AsicCounts, AsicView, HashBlock, UnitState};

#[derive(Debug, Default)]
pub(super) struct Asics {
    /// In the order in which they were first told of; none ever goes.
    miners: Vec<Miner>,
    /// Where each stands in `miners`: thousands of samples come in a second, and look for theirs.
    by_id: HashMap<Arc<str>, usize>,
    /// Where each stands in `miners`, in natural order of address.
    order: BTreeMap<Key, usize>,
    blocks: Blocks,
}

#[derive(Debug)]
struct Miner {
    id: Arc<str>,
    group: Arc<str>,
    /// The node that reads it; `None`: this agent does.
    reader: Option<Arc<str>>,
    place: Option<Arc<Place>>,
    polling: Polling,
    /// The newest one, whatever its age; [`Miner::view`] says whether it still counts.
    report: Option<Box<AsicReport>>,
    /// The last one told: a miner that is silent now stays what it was.
    model: Option<Arc<str>>,
    /// `None`: nothing ever answered here, and perhaps nothing is there.
    block: Option<BlockIndex>,
}

impl Asics {
    pub fn apply(&mut self, at: Now, sample: AsicSample, reader: Reader<'_>) {
        let AsicSample { id, group, place, expected, interval, report } = sample;
        let index = match self.by_id.get(&id) {
            Some(index) => *index,
            None => self.meet(id, |id| Miner {
                id,
                group: group.clone(),
                reader: reader.cloned(),
                place: None,
                polling: Polling::new(interval),
                report: None,
                model: None,
                block: None,
            }),
        };
        let Some(miner) = self.miners.get_mut(index) else { return };
        if !miner.polling.admits(at, (miner.reader.as_ref(), reader), report.is_ok()) {
            return;
        }
        miner.reader = reader.cloned();
        let mut moved = miner.group != group;
        miner.group = group;
        miner.place = place;
        miner.polling.record(at, interval, report.as_ref().map(|_| ()).map_err(|why| *why));
        if let Ok(report) = report {
            if report.model != miner.model {
                miner.model.clone_from(&report.model);
                moved = true;
            }
            match &mut miner.report {
                // Into its place, which is at hand: what came is let go at once, and is used again for the next one.
                Some(before) => **before = *report,
                before => *before = Some(report),
            }
        }
        let is_unit = expected || miner.polling.ever_answered();
        if is_unit && (moved || miner.block.is_none()) {
            let left = miner.block.replace(self.blocks.enter(&miner.group, miner.model.as_ref()));
            if let Some(left) = left {
                self.blocks.leave(left);
            }
        }
    }

    /// Where `miner`, the first with this `id`, stands now. What is another spelling of an address that is known is
    /// no miner more.
    fn meet(&mut self, id: Arc<str>, miner: impl FnOnce(Arc<str>) -> Miner) -> usize {
        match self.order.entry(Key::new(&id)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let index = *place.insert(self.miners.len());
                self.by_id.insert(id.clone(), index);
                self.miners.push(miner(id));
                index
            }
        }
    }

    /// In natural order of address.
    fn in_order(&self, from: Bound<Key>) -> impl Iterator<Item = &Miner> {
        let rest = self.order.range((from, Bound::Unbounded));
        rest.filter_map(|(_, index)| self.miners.get(*index))
    }

    /// In natural order of id.
    pub fn views(&self, now: Now) -> impl Iterator<Item = AsicView<'_>> {
        self.in_order(Bound::Unbounded).map(move |miner| miner.view(now))
    }

    /// Those that are in a block, each with its id, in natural order of address.
    pub fn units(&self, now: Now) -> impl Iterator<Item = (&str, AsicView<'_>)> {
        self.in_order(Bound::Unbounded).filter_map(move |miner| {
            let block = miner.block.and_then(|index| self.blocks.get(index))?;
            Some((&*block.id, miner.view(now)))
        })
    }

    /// The group of each miner that ever answered, and its polls.
    pub fn pollings(&self) -> impl Iterator<Item = (&str, &Polling)> {
        let answered = self.miners.iter().filter(|miner| miner.polling.ever_answered());
        answered.map(|miner| (&*miner.group, &miner.polling))
    }

    /// Those of one group that are in a block, in natural order of address, from the one behind `after` on.
    pub fn units_of(&self, group: &str, after: Option<&str>, now: Now) -> impl Iterator<Item = AsicView<'_>> {
        let from = after.map_or(Bound::Unbounded, |id| Bound::Excluded(Key::new(&Arc::from(id))));
        let rest = self.in_order(from);
        rest.filter(move |miner| miner.block.is_some() && *miner.group == *group).map(move |m| m.view(now))
    }

    /// The blocks in order of id, and how many addresses never answered.
    pub fn sum(&self, now: Now) -> (Vec<HashBlock>, u32) {
        let mut sums: Vec<BlockSum> = Vec::new();
        sums.resize_with(self.blocks.slots(), BlockSum::default);
        let mut silent: u32 = 0;
        for miner in &self.miners {
            match miner.block.and_then(|index| sums.get_mut(index)) {
                Some(sum) => sum.add(&miner.view(now)),
                None => silent = silent.saturating_add(1),
            }
        }
        let named =
            sums.into_iter().enumerate().filter_map(|(index, sum)| Some((self.blocks.get(index)?, sum)));
        let mut blocks: Vec<HashBlock> = named.map(|(block, sum)| sum.finish(block)).collect();
        blocks.sort_by(|a, b| a.id.cmp(&b.id));
        (blocks, silent)
    }
}

impl Miner {
    fn view(&self, now: Now) -> AsicView<'_> {
        let freshness = self.polling.freshness(now);
        let report = self.report.as_deref().filter(|_| freshness != Freshness::Gone);
        let state = match (report, self.block) {
            (Some(report), _) => UnitState::Asic(report.state),
            (None, Some(_)) => UnitState::Unreachable,
            (None, None) => UnitState::Silent,
        };
        AsicView {
            id: &self.id,
            group: &self.group,
            place: self.place.as_deref(),
            model: self.model.as_deref(),
            nameplate: self.report.as_ref().and_then(|report| report.nameplate),
            state,
            age: report.and(self.polling.age(now)),
            stale: freshness == Freshness::Stale,
            report,
            missing: self.polling.why_not(freshness),
        }
    }
}

#[derive(Default)]
struct BlockSum {
    counts: AsicCounts,
    hashrate: Tally,
    hashrate_avg: Tally,
    hashrate_expected: Tally,
    power: Tally,
    /// Power and hashrate of the same units.
    working_power: Tally,
    working_hashrate: Tally,
    hashrate_without_power: f64,
    temp_chip_max: Option<Read<Celsius>>,
    accepted: Option<u64>,
    rejected: Option<u64>,
}

impl BlockSum {
    fn add(&mut self, miner: &AsicView<'_>) {
        let count = match miner.state {
            UnitState::Asic(AsicState::Hashing) => &mut self.counts.hashing,
            UnitState::Asic(AsicState::Idle) => &mut self.counts.idle,
            UnitState::Asic(AsicState::Fault) => &mut self.counts.fault,
            UnitState::Asic(AsicState::Unknown) => &mut self.counts.unknown,
            UnitState::Unreachable | UnitState::Silent => &mut self.counts.unreachable,
        };
        *count = count.saturating_add(1);
        self.hashrate_expected.read(miner.hashrate_expected(), Hashrate::get);
        let Some(report) = miner.report else {
            let why = miner.missing.unwrap_or(Missing::Expired);
            for tally in [&mut self.hashrate, &mut self.hashrate_avg, &mut self.power] {
                tally.miss(why);
            }
            hotter(&mut self.temp_chip_max, Err(why));
            return;
        };
        let best = if miner.stale { Quality::Stale } else { Quality::Measured };
        let of_bitcoin = |read: Read<Hashrate>| at_best(report.of_bitcoin(read), best);
        let hashrate_now = of_bitcoin(report.hashrate_now);
        self.hashrate.read(hashrate_now, Hashrate::get);
        self.hashrate_avg.read(of_bitcoin(report.hashrate_avg), Hashrate::get);
        self.power.read(at_best(report.power, best), Watts::get);
        match (report.power, hashrate_now) {
            (Ok(power), Ok(hashrate)) if hashrate.value > Hashrate::ZERO => {
                self.working_power.add(power.value.get(), power.quality.max(best));
                self.working_hashrate.add(hashrate.value.ths(), hashrate.quality);
            }
            (_, Err(why @ Missing::OtherAlgorithm)) => self.working_power.miss(why),
            (Err(_), Ok(hashrate)) => self.hashrate_without_power += hashrate.value.ths(),
            _ => {}
        }
        hotter(&mut self.temp_chip_max, at_best(report.temp_chip_max, best));
        let shares = report.accepted.zip(report.rejected).filter(|_| report.algorithm == Algorithm::Sha256);
        if let Some((accepted, rejected)) = shares {
            self.accepted = Some(self.accepted.unwrap_or(0).saturating_add(accepted));
            self.rejected = Some(self.rejected.unwrap_or(0).saturating_add(rejected));
        }
    }

    fn finish(self, block: &Block) -> HashBlock {
        HashBlock {
            id: block.id.as_ref().to_owned(),
            group: block.group.clone(),
            model: block.model.clone(),
            counts: self.counts,
            hashrate: self.hashrate.total(Hashrate::new),
            hashrate_avg: self.hashrate_avg.total(Hashrate::new),
            hashrate_expected: self.hashrate_expected.total(Hashrate::new),
            power: self.power.total(Watts::new),
            efficiency: efficiency(&self.working_power, &self.working_hashrate),
            hashrate_without_power: Hashrate::new(self.hashrate_without_power).unwrap_or_default(),
            temp_chip_max: self.temp_chip_max.unwrap_or(Err(Missing::NotReported)),
            accepted: self.accepted,
            rejected: self.rejected,
        }
    }
}

fn efficiency(power: &Tally, hashrate: &Tally) -> Read<JoulesPerTerahash> {
    let power = power.reading("power / hashrate", Some)?;
    let hashrate = hashrate.reading("power / hashrate", Some)?;
    let value = JoulesPerTerahash::new(power.value / hashrate.value).ok_or(Missing::Undefined)?;
    Ok(Reading { value, quality: power.quality.max(hashrate.quality), source: power.source })
}

/// Keeps the hottest reading; while there is none, the first reason.
pub(super) fn hotter(hottest: &mut Option<Read<Celsius>>, other: Read<Celsius>) {
    match (&*hottest, &other) {
        (None, _) | (Some(Err(_)), Ok(_)) => *hottest = Some(other),
        (Some(Ok(Reading { value: held, .. })), Ok(Reading { value, .. })) if value > held => {
            *hottest = Some(other);
        }
        _ => {}
    }
}
