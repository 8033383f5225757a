//! The sums over the GPUs of one hosting and the servers that they are in.

use crate::clock::Now;
use crate::reading::{Missing, Quality, Read, at_best};
use crate::units::{Celsius, Fraction, WattHours, Watts};

use super::age::Freshness;
use super::asics::hotter;
use super::gpus::Host;
use super::occupied::Counting;
use super::sum::Tally;
use super::view::{Aged, AiBlock, Current, GpuCounts, GpuView, WallView};
use super::wall::{Wall, against_boards};

#[derive(Default)]
pub(super) struct HostingSum {
    counts: GpuCounts,
    suspect: u32,
    /// Absent where somebody else tells how many are taken.
    counting: Option<Counting>,
    hosts: u32,
    hosts_unreachable: u32,
    /// Hosts that never answered, and why: what they hold is not known.
    hosts_unseen: u32,
    unseen_why: Option<Missing>,
    /// Of those, the ones whose power is not measured at the wall either.
    hosts_unmeasured: u32,
    board_power: Tally,
    board_energy: Tally,
    it_power: Tally,
    /// A unit is a host that has a management controller; absent where none has.
    wall_power: Option<Tally>,
    wall_implausible: u32,
    utilisation: Tally,
    temp_max: Option<Read<Celsius>>,
}

impl HostingSum {
    pub fn new(counting: Option<Counting>) -> Self {
        Self { counting, ..Self::default() }
    }

    pub fn add(&mut self, host: &Host, now: Now) {
        self.hosts = self.hosts.saturating_add(1);
        let freshness = host.polling.freshness(now);
        if freshness == Freshness::Gone && host.polling.ever_polled() {
            self.hosts_unreachable = self.hosts_unreachable.saturating_add(1);
        }
        if !host.polling.ever_answered() {
            self.hosts_unseen = self.hosts_unseen.saturating_add(1);
            let why = host.polling.why_not(freshness);
            self.unseen_why = self.unseen_why.or(why);
            if let Some(counting) = &mut self.counting {
                counting.unseen(why.unwrap_or(Missing::NotYet));
            }
        }
        let mut boards = Tally::default();
        for gpu in host.views(now) {
            self.add_gpu(&gpu, &mut boards);
        }
        if host.gpus.is_empty() && host.shadowed > 0 {
            // The server counts with its boards, in another host.
            return;
        }
        if let Some(wall) = &host.wall
            && self.add_wall(wall, freshness, &boards, host.gpus.len(), now)
        {
            return;
        }
        if !host.polling.ever_answered() {
            self.hosts_unmeasured = self.hosts_unmeasured.saturating_add(1);
        }
        match freshness {
            Freshness::Fresh => self.add_server(host, &boards, Quality::Estimated),
            Freshness::Stale => self.add_server(host, &boards, Quality::Stale),
            Freshness::Gone => {
                let why = host.polling.why_not(freshness).unwrap_or(Missing::Expired);
                self.it_power.miss_part(why, host.gpus.len() as f64);
            }
        }
    }

    fn add_gpu(&mut self, view: &GpuView<'_>, boards: &mut Tally) {
        self.counts.add(view.state(), 1);
        self.board_energy.read(view.energy_total, WattHours::get);
        self.suspect = self.suspect.saturating_add(view.is_suspect().into());
        if let Some(counting) = &mut self.counting {
            counting.add(view);
        }
        let Some(gpu) = view.gpu else {
            let why = view.missing.unwrap_or(Missing::Expired);
            for tally in [&mut self.board_power, &mut self.utilisation, boards] {
                tally.miss(why);
            }
            hotter(&mut self.temp_max, Err(why));
            return;
        };
        let best = if view.stale { Quality::Stale } else { Quality::Measured };
        self.board_power.read(at_best(gpu.power, best), Watts::get);
        boards.read(at_best(gpu.power, best), Watts::get);
        self.utilisation.read(at_best(gpu.utilisation, best), Fraction::get);
        hotter(&mut self.temp_max, at_best(gpu.temp_gpu, best));
    }

    /// Whether the server's power is measured. Boards that are not read now are no measure for it.
    fn add_wall(
        &mut self,
        wall: &Wall,
        boards_are: Freshness,
        boards: &Tally,
        gpus: usize,
        now: Now,
    ) -> bool {
        let fresh = boards.total(Watts::new).ok().filter(|_| boards_are == Freshness::Fresh);
        let power = against_boards(wall.power(now), fresh.map(|total| total.value));
        self.wall_power.get_or_insert_default().read(power, Watts::get);
        match power {
            Ok(power) => {
                let gpus = gpus as f64;
                self.it_power.add_part(power.value.get(), power.quality, gpus, gpus);
            }
            Err(Missing::Implausible) => {
                self.wall_implausible = self.wall_implausible.saturating_add(1);
            }
            Err(_) => {}
        }
        power.is_ok()
    }

    /// Boards whose power is unknown leave the server's unknown too: `base` alone would pass for a
    /// figure of the whole machine. Never better than `best`: the server's part is a model.
    fn add_server(&mut self, host: &Host, boards: &Tally, best: Quality) {
        let expected = host.gpus.len() as f64;
        match boards.total(Watts::new) {
            Ok(total) => {
                let power = host.base.get() + host.factor * total.value.get();
                let given = expected * total.coverage.get();
                self.it_power.add_part(power, total.quality.max(best), given, expected);
            }
            Err(_) if host.gpus.is_empty() => self.it_power.add_part(host.base.get(), best, 0.0, 0.0),
            Err(why) => self.it_power.miss_part(why, expected),
        }
    }

    pub fn finish(mut self, hosting: &str, occupied: Current<u32>) -> AiBlock {
        if self.hosts_unseen > 0 {
            let why = self.unseen_why.unwrap_or(Missing::NotYet);
            // Nobody knows what is in a host that never answered: as much as in the others, for the
            // coverage.
            let seen = self.hosts.saturating_sub(self.hosts_unseen).max(1);
            let each = (f64::from(self.counts.units()) / f64::from(seen)).max(1.0);
            let tallies = [&mut self.board_power, &mut self.board_energy, &mut self.utilisation];
            for tally in tallies {
                tally.miss_part(why, each * f64::from(self.hosts_unseen));
            }
            self.it_power.miss_part(why, each * f64::from(self.hosts_unmeasured));
            hotter(&mut self.temp_max, Err(why));
        }
        let units = self.counts.units();
        AiBlock {
            id: hosting.to_owned(),
            counts: self.counts,
            suspect: self.suspect,
            hosts: self.hosts,
            hosts_unreachable: self.hosts_unreachable,
            board_power: self.board_power.total(Watts::new),
            board_energy: self.board_energy.total(WattHours::new),
            it_power: self.it_power.total(Watts::new),
            wall: WallView {
                power: self.wall_power.map_or(Err(Missing::NotConfigured), |tally| tally.total(Watts::new)),
                implausible: self.wall_implausible,
            },
            utilisation: self.utilisation.mean(Fraction::new),
            temp_max: self.temp_max.unwrap_or(Err(Missing::NotReported)),
            occupied: self.counting.map_or(occupied, Counting::finish).map(|occupied| {
                // More than there are: somebody's number is wrong.
                let doubtful = units > 0 && occupied.value > units;
                let quality =
                    if doubtful { occupied.quality.max(Quality::Estimated) } else { occupied.quality };
                Aged { quality, ..occupied }
            }),
        }
    }
}
