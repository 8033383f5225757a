//! All GPUs of the site, and their sums by hosting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::reading::{
    DriverState, GpuHostSample, GpuSample, GpuState, Missing, OccupancySample, Quality, Reading,
    WallPowerSample, at_best,
};
use crate::units::Watts;

use super::Layout;
use super::age::{Freshness, Polling, Reader};
use super::gpu_energy::GpuEnergy;
use super::held::Held;
use super::hosting_sum::HostingSum;
use super::occupied::{CountedBy, Counting};
use super::order::Key;
use super::sum::Tally;
use super::view::{Aged, AiBlock, Current, GpuCounts, GpuHostHealth, GpuHostView, GpuTrouble, GpuView};
use super::wall::{Wall, against_boards};

/// A file that says how many GPUs are rented is stale when it was written longer ago than this.
const OCCUPANCY_FRESH: Duration = Duration::from_secs(15 * 60);
/// …and says nothing any more after this.
const OCCUPANCY_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Beginning of what stands in place of the UUID of a GPU that was lost before it ever told it.
const PLACE: &str = "index-";

/// A host that has shown more GPUs makes them up: only those that are there are kept.
const MOST_KNOWN: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Gpus {
    hosts: BTreeMap<Key, Host>,
    occupancy: BTreeMap<Arc<str>, Held<Occupied>>,
    counted: BTreeMap<Arc<str>, CountedBy>,
    /// Base and factor of servers that the config does not name.
    servers: BTreeMap<Arc<str>, (Watts, f64)>,
}

#[derive(Debug)]
pub(super) struct Host {
    pub name: Arc<str>,
    pub hosting: Arc<str>,
    pub base: Watts,
    pub factor: f64,
    /// The node that reads it; `None`: this agent does.
    pub reader: Option<Arc<str>>,
    pub polling: Polling,
    /// As the newest poll has it.
    pub driver: Option<DriverState>,
    pub gpus: Vec<Gpu>,
    /// Boards that it shows and that count in another host.
    pub shadowed: usize,
    /// Absent: the server has no management controller that is asked.
    pub wall: Option<Wall>,
}

#[derive(Debug)]
pub(super) struct Gpu {
    sample: GpuSample,
    /// Part of the host's newest answer.
    present: bool,
    energy: GpuEnergy,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Occupied {
    reading: Reading<u32>,
    /// Declared in the config rather than read from a file that somebody must keep up to date.
    declared: bool,
}

impl Gpus {
    pub fn new(layout: Layout) -> Self {
        let mut gpus = Self { counted: layout.counted, servers: layout.servers, ..Self::default() };
        for host in layout.gpu_hosts {
            let key = Key::new(&host.name);
            gpus.hosts.insert(key, Host::new(host.name, host.hosting, host.base, host.factor));
        }
        gpus
    }

    pub fn apply(&mut self, at: Now, sample: GpuHostSample, reader: Reader<'_>) {
        let GpuHostSample { host, hosting, interval, driver, mut gpus } = sample;
        let key = Key::new(&host);
        if let Some(known) = self.hosts.get(&key)
            && !known.polling.admits(at, (known.reader.as_ref(), reader), gpus.is_ok())
        {
            return;
        }
        let shadowed = gpus.as_mut().map_or(0, |samples| self.settle_elsewhere(at, &key, samples));
        let (base, factor) = self.servers.get(&hosting).copied().unwrap_or((Watts::ZERO, 1.0));
        let entry = self.hosts.entry(key).or_insert_with(|| Host::new(host, hosting.clone(), base, factor));
        entry.hosting = hosting;
        entry.reader = reader.cloned();
        entry.shadowed = shadowed;
        entry.driver = driver;
        entry.polling.record(at, interval, gpus.as_ref().map(|_| ()).map_err(|why| *why));
        if let Ok(samples) = gpus {
            entry.update(at.mono, samples);
        }
    }

    /// Of a host that is known; the controller of another one measures nothing that counts.
    pub fn apply_wall(&mut self, at: Now, sample: WallPowerSample) {
        if let Some(host) = self.hosts.get_mut(&Key::new(&sample.host)) {
            host.wall.get_or_insert_with(Wall::new).record(at, sample);
        }
    }

    pub fn apply_occupancy(&mut self, at: Now, sample: OccupancySample) {
        let declared = sample.observed.is_none();
        let occupied = sample.occupied_gpus.map(|reading| Occupied { reading, declared });
        let held = self.occupancy.entry(sample.hosting).or_insert_with(Held::new);
        held.record_dated(at, sample.observed, occupied);
    }

    /// How far the clocks are ahead that dated figures of occupancy.
    pub fn clocks_ahead(&self) -> impl Iterator<Item = (String, Duration)> {
        let ahead = |(hosting, held): (&Arc<str>, &Held<Occupied>)| {
            Some((format!("occupancy/{hosting}"), held.clock_ahead()?))
        };
        self.occupancy.iter().filter_map(ahead)
    }

    /// In natural order of host, then as the host lists them.
    pub fn views(&self, now: Now) -> impl Iterator<Item = GpuView<'_>> {
        self.hosts.values().flat_map(move |host| host.views(now))
    }

    /// In natural order of name.
    pub fn host_views(&self, now: Now) -> impl Iterator<Item = GpuHostView<'_>> {
        self.hosts.values().map(move |host| {
            let freshness = host.polling.freshness(now);
            let why_not = host.polling.why_not(freshness).unwrap_or(Missing::Expired);
            GpuHostView {
                host: &host.name,
                hosting: &host.hosting,
                base: host.base(now),
                factor: host.factor,
                gone: (freshness == Freshness::Gone).then_some(why_not),
                gpus: host.views(now).collect(),
            }
        })
    }

    /// In natural order of name.
    pub fn health(&self, now: Now) -> Vec<GpuHostHealth> {
        let health = |host: &Host| {
            let troubled = host.gpus.iter().zip(host.views(now)).filter_map(|(gpu, view)| {
                let (state, xids) = (view.state(), &gpu.sample.xids);
                let fine = matches!(state, GpuState::Ok | GpuState::Throttled) && xids.is_empty();
                let trouble = || GpuTrouble { uuid: Arc::clone(&gpu.sample.uuid), state, xids: xids.clone() };
                (!fine).then(trouble)
            });
            let troubles = troubled.collect();
            let mut counts = GpuCounts::default();
            host.views(now).for_each(|gpu| counts.add(gpu.state(), 1));
            GpuHostHealth {
                host: Arc::clone(&host.name),
                hosting: Arc::clone(&host.hosting),
                node: host.reader.clone(),
                age: host.polling.age(now),
                missing: host.polling.why_not(host.polling.freshness(now)),
                counts,
                driver: host.driver,
                troubles,
            }
        };
        self.hosts.values().map(health).collect()
    }

    /// The blocks in order of id.
    pub fn sum(&self, now: Now) -> Vec<AiBlock> {
        let hostings: BTreeSet<&Arc<str>> =
            self.hosts.values().map(|host| &host.hosting).chain(self.occupancy.keys()).collect();
        let blocks = hostings.into_iter().map(|hosting| {
            let counting = self.counted.get(hosting).map(|by| Counting::new(*by));
            let mut sum = HostingSum::new(counting);
            for host in self.hosts.values().filter(|host| host.hosting == *hosting) {
                sum.add(host, now);
            }
            let occupied = match self.occupancy.get(hosting) {
                Some(held) => occupied(held, now),
                None => Err(Missing::NotConfigured),
            };
            sum.finish(hosting, occupied)
        });
        blocks.collect()
    }

    /// Boards that are new here and known elsewhere. One that its old host does not show any more was moved: it
    /// is not missing there. One that another host goes on to show is read twice, and counts where it was first:
    /// it is taken out of `samples`. Returns how many these are.
    fn settle_elsewhere(&mut self, at: Now, here: &Key, samples: &mut Vec<GpuSample>) -> usize {
        let known = self.hosts.get(here).map_or(&[][..], |host| &host.gpus);
        let mut new: BTreeSet<Arc<str>> = samples.iter().map(|sample| Arc::clone(&sample.uuid)).collect();
        new.retain(|uuid| known.iter().all(|gpu| gpu.sample.uuid != *uuid));
        if new.is_empty() {
            return 0;
        }
        let mut twice = BTreeSet::new();
        for (_, host) in self.hosts.iter_mut().filter(|(key, _)| *key != here) {
            let answers = host.polling.freshness(at) == Freshness::Fresh;
            host.gpus.retain(|gpu| {
                let shown = answers && gpu.present;
                let is_new = new.contains(&gpu.sample.uuid);
                if shown && is_new {
                    twice.insert(Arc::clone(&gpu.sample.uuid));
                }
                shown || !is_new
            });
        }
        samples.retain(|sample| !twice.contains(&sample.uuid));
        twice.len()
    }
}

impl Host {
    fn new(name: Arc<str>, hosting: Arc<str>, base: Watts, factor: f64) -> Self {
        Self {
            name,
            hosting,
            base,
            factor,
            reader: None,
            polling: Polling::new(Duration::ZERO),
            driver: None,
            gpus: Vec::new(),
            shadowed: 0,
            wall: None,
        }
    }

    fn update(&mut self, at: Duration, samples: Vec<GpuSample>) {
        for gpu in &mut self.gpus {
            gpu.present = false;
        }
        for sample in samples {
            let (energy, power, limit) = (sample.energy, sample.power, sample.power_limit);
            match self.gpus.iter_mut().find(|gpu| gpu.sample.uuid == sample.uuid) {
                Some(gpu) => {
                    (gpu.sample, gpu.present) = (sample, true);
                    gpu.energy.observe(at, energy, power, limit);
                }
                None => {
                    let mut gpu = Gpu { sample, present: true, energy: GpuEnergy::default() };
                    gpu.energy.observe(at, energy, power, limit);
                    self.gpus.push(gpu);
                }
            }
        }
        // One that did not tell who it is stands for a place; when it does, or another one is there, it is nobody.
        let made_up = self.gpus.len() > MOST_KNOWN;
        self.gpus.retain(|gpu| gpu.present || !made_up && !gpu.sample.uuid.starts_with(PLACE));
    }

    /// What the server draws beside its boards: what is left of its power at the wall, so that boards and
    /// servers add up to what is measured, else the model's.
    fn base(&self, now: Now) -> Watts {
        let mut boards = Tally::default();
        for gpu in self.views(now) {
            boards.read(gpu.gpu.map_or(Err(Missing::NotReported), |gpu| gpu.power), Watts::get);
        }
        let boards = boards.total(Watts::new).ok().filter(|total| total.coverage.get() >= 1.0);
        let left = boards.zip(self.wall.as_ref()).and_then(|(boards, wall)| {
            let wall = against_boards(wall.power(now), Some(boards.value)).ok()?;
            Watts::new((wall.value.get() - self.factor * boards.value.get()).max(0.0))
        });
        left.unwrap_or(self.base)
    }

    pub fn views(&self, now: Now) -> impl Iterator<Item = GpuView<'_>> {
        let freshness = self.polling.freshness(now);
        let (age, why_not) = (self.polling.age(now), self.polling.why_not(freshness));
        self.gpus.iter().map(move |gpu| {
            let shown = gpu.present && freshness != Freshness::Gone;
            GpuView {
                host: &self.name,
                hosting: &self.hosting,
                age: age.filter(|_| shown),
                stale: shown && freshness == Freshness::Stale,
                gpu: shown.then_some(&gpu.sample),
                uuid: &gpu.sample.uuid,
                energy_total: match shown && freshness == Freshness::Fresh {
                    true => gpu.energy.total(),
                    false => at_best(gpu.energy.total(), Quality::Stale),
                },
                // A host that answers without this board has lost it.
                missing: why_not.or((!gpu.present).then_some(Missing::Lost)),
            }
        })
    }
}

fn occupied(held: &Held<Occupied>, now: Now) -> Current<u32> {
    let limit = if held_is_declared(held, now) { Duration::MAX } else { OCCUPANCY_LIMIT };
    let holding = held.current(now, limit)?;
    let Occupied { reading, declared } = *holding.value;
    let stale = !declared && (holding.failing || holding.age > OCCUPANCY_FRESH);
    let reading = if stale { reading.at_best(Quality::Stale) } else { reading };
    Ok(Aged { value: reading.value, quality: reading.quality, source: reading.source, age: holding.age })
}

fn held_is_declared(held: &Held<Occupied>, now: Now) -> bool {
    held.current(now, Duration::MAX).is_ok_and(|holding| holding.value.declared)
}
