//! What one picture cannot show: what a machine or a GPU drew when it last ran, and how fast AI load
//! rises.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::clock::Now;
use crate::economics::{HostingConfig, SiteTerms};
use crate::reading::{Quality, Reading};
use crate::site::SiteView;
use crate::units::{Hashrate, Watts};

use super::fleet::Fleet;
use super::hosting::sold;

/// Kept from picture to picture.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    units: BTreeMap<String, Unit>,
    /// What a sold GPU of each hosting drew when one last ran.
    gpus: BTreeMap<String, (Reading<Watts>, Now)>,
    pub ramp: Ramp,
}

/// One machine of a block, as it last ran.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    pub power: Reading<Watts>,
    pub hashrate: Reading<Hashrate>,
    pub at: Now,
}

impl Memory {
    /// Takes in one picture. Blocks that are gone are forgotten.
    pub fn observe(&mut self, view: &SiteView, fleet: &Fleet<'_>, terms: &SiteTerms) {
        self.units.retain(|id, _| view.hash_blocks.iter().any(|block| block.id == *id));
        for block in &view.hash_blocks {
            let Some(crew) = fleet.crew(&block.id) else { continue };
            if let (Ok(power), Ok(hashrate)) = (crew.unit_power(), crew.unit_hashrate()) {
                self.units.insert(block.id.clone(), Unit { power, hashrate, at: view.at });
            }
        }
        self.gpus.retain(|name, _| terms.hostings.iter().any(|hosting| hosting.name == *name));
        for hosting in &terms.hostings {
            if let Some(power) = sold_unit(hosting, view, fleet) {
                self.gpus.insert(hosting.name.clone(), (power, view.at));
            }
        }
        self.ramp.observe(ai_facility_kw(view, fleet, terms), view.at);
    }

    pub fn unit(&self, block: &str) -> Option<&Unit> {
        self.units.get(block)
    }

    /// What a sold GPU of a hosting drew when one last ran, and how long ago.
    pub fn gpu(&self, hosting: &str, now: Now) -> Option<(Reading<Watts>, Duration)> {
        let (power, at) = self.gpus.get(hosting)?;
        let power = Reading { source: "when it last ran", ..power.at_best(Quality::Estimated) };
        Some((power, now.since(*at)))
    }
}

fn sold_unit(hosting: &HostingConfig, view: &SiteView, fleet: &Fleet<'_>) -> Option<Reading<Watts>> {
    let seen = view.ai_blocks.iter().find(|block| block.id == hosting.name);
    let rack = fleet.rack(&hosting.name).filter(|_| hosting.is_switchable())?;
    rack.lots(sold(hosting, seen).ok()?.value)?.sold.unit_power()
}

/// Facility power of all hostings; `None` unless nearly all of it was read. What is switched off draws
/// nothing that could be read.
pub fn ai_facility_kw(view: &SiteView, fleet: &Fleet<'_>, terms: &SiteTerms) -> Option<f64> {
    const NEARLY_ALL: f64 = 0.99;
    let power = |hosting: &HostingConfig| {
        if let Some(rack) = fleet.rack(&hosting.name).filter(|_| hosting.is_switchable()) {
            let lots = rack.lots(0)?;
            let (running, unread) = (f64::from(lots.unsold.units()), f64::from(lots.unread));
            let read = running >= NEARLY_ALL * (running + unread) && !lots.unsold.stale;
            return read.then(|| (lots.unsold.power + lots.other).kw() * hosting.overhead);
        }
        let block = view.ai_blocks.iter().find(|block| block.id == hosting.name)?;
        let total = block.it_power.ok().filter(|t| t.coverage.get() >= NEARLY_ALL)?;
        (total.quality < Quality::Stale).then(|| total.value.kw() * hosting.overhead)
    };
    terms.hostings.iter().map(power).sum()
}

/// Rises of the AI load from one minute to the next, over the last day.
#[derive(Debug, Clone, Default)]
pub struct Ramp {
    last: Option<(Now, f64)>,
    rises_kw: VecDeque<f64>,
}

const MINUTE: Duration = Duration::from_secs(60);
/// Two looks further apart than this do not show what happened within a minute.
const MAX_GAP: Duration = Duration::from_secs(120);
const MINUTES_PER_DAY: usize = 1440;
/// Fewer rises than this say too little.
const ENOUGH: usize = 60;

impl Ramp {
    fn observe(&mut self, kw: Option<f64>, now: Now) {
        let Some(kw) = kw else {
            self.last = None;
            return;
        };
        let Some((at, before)) = self.last else {
            self.last = Some((now, kw));
            return;
        };
        let gap = now.since(at);
        if gap < MINUTE {
            return;
        }
        if gap <= MAX_GAP {
            self.rises_kw.push_back((kw - before).max(0.0));
            if self.rises_kw.len() > MINUTES_PER_DAY {
                self.rises_kw.pop_front();
            }
        }
        self.last = Some((now, kw));
    }

    /// The 99th percentile (nearest rank) of the rise within a minute, kW; `None` before an hour was
    /// seen.
    pub fn p99_kw(&self) -> Option<f64> {
        if self.rises_kw.len() < ENOUGH {
            return None;
        }
        let mut rises: Vec<f64> = self.rises_kw.iter().copied().collect();
        rises.sort_by(f64::total_cmp);
        let rank = (rises.len() * 99).div_ceil(100);
        rises.get(rank.saturating_sub(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;

    fn minute(n: u64) -> Now {
        Now { wall: UnixMs(0), mono: Duration::ZERO }.plus(Duration::from_secs(60 * n))
    }

    #[test]
    fn the_reserve_is_the_99th_percentile_of_the_rise_within_a_minute() {
        let mut ramp = Ramp::default();
        // Rises of 1 to 100 kW, each followed by a fall, which is no rise.
        for n in 0..=200_u64 {
            let kw = if n % 2 == 1 { (n / 2 + 1) as f64 } else { 0.0 };
            ramp.observe(Some(kw), minute(n));
        }
        // 200 rises: 100 zeros and 1..=100; rank 198 is 98.
        assert_eq!(ramp.p99_kw(), Some(98.0));
    }

    #[test]
    fn less_than_an_hour_says_nothing_and_a_silence_is_no_rise() {
        let mut ramp = Ramp::default();
        (0..60).for_each(|n| ramp.observe(Some(10.0), minute(n)));
        assert_eq!(ramp.p99_kw(), None);
        ramp.observe(None, minute(60));
        ramp.observe(Some(900.0), minute(61));
        ramp.observe(Some(900.0), minute(64));
        ramp.observe(Some(900.0), minute(65));
        assert_eq!(ramp.p99_kw(), Some(0.0), "the jump happened while nobody looked");
    }

    #[test]
    fn a_day_is_remembered_and_no_more() {
        let mut ramp = Ramp::default();
        (0..4000).for_each(|n| ramp.observe(Some(1.0), minute(n)));
        assert_eq!(ramp.rises_kw.len(), MINUTES_PER_DAY);
    }
}
