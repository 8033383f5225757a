//! The GPUs of a hosting: which of them run, and what the sold and the unsold ones draw.
//!
//! How many are sold is known, which ones is not: those that draw most count as sold. The power of a
//! server beside its boards counts for the sold GPUs in it, and for the others only where there is no
//! sold one: a stopped GPU beside a sold one leaves the server running. The parts add up to what was
//! measured.

use crate::reading::{Missing, Quality, Reading};
use crate::site::GpuHostView;
use crate::units::Watts;

/// All servers of one hosting, in order of name.
#[derive(Debug, Default)]
pub struct Rack<'a> {
    servers: Vec<Server<'a>>,
}

#[derive(Debug)]
struct Server<'a> {
    name: &'a str,
    base: Watts,
    factor: f64,
    state: State,
    running: Vec<Board<'a>>,
    /// GPUs seen in it that do not tell their power now.
    silent: Vec<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its values stand.
    Read,
    /// Nothing is there, as in a server that is switched off.
    Off,
    /// It is there and cannot be read.
    Unread,
    /// Nobody has asked yet.
    NotYet,
}

#[derive(Debug, Clone, Copy)]
struct Board<'a> {
    uuid: &'a str,
    watts: f64,
    stale: bool,
}

/// The GPUs of a rack, by whether they are paid for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lots {
    pub sold: Lot,
    pub unsold: Lot,
    /// Of servers that are off, as far as they were ever read, in order of host.
    pub off: Vec<String>,
    /// GPUs that may draw power which nobody reads.
    pub unread: u32,
    /// IT power that is no running GPU's: of those that are not read, as much as of those that are, and
    /// of servers without a running GPU.
    pub other: Watts,
}

/// Running GPUs of one kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lot {
    /// `<host>/<uuid>`, in the order to stop them: those of servers that become free as a whole first.
    pub gpus: Vec<String>,
    /// IT power of all of them.
    pub power: Watts,
    pub stale: bool,
}

impl Lot {
    pub fn units(&self) -> u32 {
        u32::try_from(self.gpus.len()).unwrap_or(u32::MAX)
    }

    /// Mean IT power of one, with its share of the server; `None` if there is none. Never better than
    /// estimated.
    pub fn unit_power(&self) -> Option<Reading<Watts>> {
        let power = Watts::new(self.power.get() / self.gpus.len() as f64)?;
        let quality = if self.stale { Quality::Stale } else { Quality::Estimated };
        Some(Reading { value: power, quality, source: "boards and their share of the servers" })
    }
}

impl<'a> Rack<'a> {
    pub fn add(&mut self, host: &GpuHostView<'a>) {
        let mut server = Server {
            name: host.host,
            base: host.base,
            factor: host.factor,
            state: match host.gone {
                None => State::Read,
                Some(Missing::NotYet) => State::NotYet,
                Some(Missing::Unreachable | Missing::Timeout) => State::Off,
                Some(_) => State::Unread,
            },
            running: Vec::new(),
            silent: Vec::new(),
        };
        for view in &host.gpus {
            let works = view.gpu.filter(|gpu| gpu.state.works());
            match works.map(|gpu| gpu.power) {
                Some(Ok(power)) => server.running.push(Board {
                    uuid: view.uuid,
                    watts: power.value.get(),
                    stale: view.stale,
                }),
                _ => server.silent.push(view.uuid),
            }
        }
        self.servers.push(server);
    }

    /// GPUs that work and tell their power.
    pub fn running(&self) -> u32 {
        u32::try_from(self.boards().count()).unwrap_or(u32::MAX)
    }

    /// Parts the GPUs where `sold` of them are paid for.
    ///
    /// `None` if there is no telling: a server was not asked yet, or none of the GPUs tells its power
    /// though some may draw it.
    pub fn lots(&self, sold: u32) -> Option<Lots> {
        if self.servers.iter().any(|server| server.state == State::NotYet) {
            return None;
        }
        let mut lots = Lots { off: self.off(), unread: self.unread(), ..Lots::default() };
        if self.running() == 0 && lots.unread > 0 {
            return None;
        }
        let mut ranked: Vec<(usize, &Board<'a>)> = self.boards().collect();
        // A stable sort: ties stay in order of host.
        ranked.sort_by(|a, b| a.1.watts.total_cmp(&b.1.watts));
        let sold = usize::try_from(sold).unwrap_or(usize::MAX).min(ranked.len());
        let (unsold, sold) = ranked.split_at(ranked.len() - sold);
        let (unsold, sold) = (self.by_server(unsold), self.by_server(sold));
        lots.sold = self.lot(&sold, &unsold, true);
        lots.unsold = self.lot(&unsold, &sold, false);
        lots.other = self.other(&lots);
        Some(lots)
    }

    /// Every running GPU, with the index of its server.
    fn boards(&self) -> impl Iterator<Item = (usize, &Board<'a>)> {
        let servers = self.servers.iter().enumerate();
        servers.flat_map(|(n, server)| server.running.iter().map(move |board| (n, board)))
    }

    fn by_server<'r>(&self, boards: &[(usize, &'r Board<'a>)]) -> Vec<Vec<&'r Board<'a>>> {
        let mut servers = vec![Vec::new(); self.servers.len()];
        for (n, board) in boards {
            if let Some(server) = servers.get_mut(*n) {
                server.push(*board);
            }
        }
        servers
    }

    fn lot(&self, own: &[Vec<&Board<'a>>], others: &[Vec<&Board<'a>>], sold: bool) -> Lot {
        let mut watts = 0.0;
        let (mut whole, mut shared) = (Vec::new(), Vec::new());
        for ((server, own), others) in self.servers.iter().zip(own).zip(others) {
            if own.is_empty() {
                continue;
            }
            let base = if sold || others.is_empty() { server.base.get() } else { 0.0 };
            let boards: f64 = own.iter().map(|board| board.watts).sum();
            watts += base + server.factor * boards;
            let named = own.iter().map(|board| server.named(board.uuid));
            if others.is_empty() { whole.extend(named) } else { shared.extend(named) }
        }
        whole.append(&mut shared);
        Lot {
            gpus: whole,
            power: Watts::new(watts).unwrap_or_default(),
            stale: own.iter().flatten().any(|board| board.stale),
        }
    }

    fn off(&self) -> Vec<String> {
        let off = self.servers.iter().filter(|server| server.state == State::Off);
        off.flat_map(|server| server.silent.iter().map(|uuid| server.named(uuid))).collect()
    }

    fn unread(&self) -> u32 {
        let seen = self.servers.iter().filter(|server| server.gpus() > 0);
        let (servers, gpus) = seen.fold((0, 0), |(n, gpus), server| (n + 1, gpus + server.gpus()));
        let like_the_others = gpus.div_ceil(servers.max(1)).max(1);
        let unread = self.servers.iter().map(|server| match (server.state, server.gpus()) {
            (State::Read, _) => server.silent.len(),
            // Never read: as much as in the others.
            (State::Unread, 0) => like_the_others,
            (State::Unread, gpus) => gpus,
            (State::Off | State::NotYet, _) => 0,
        });
        u32::try_from(unread.sum::<usize>()).unwrap_or(u32::MAX)
    }

    fn other(&self, lots: &Lots) -> Watts {
        let bare = self.servers.iter().filter(|s| s.state == State::Read && s.running.is_empty());
        let bare: f64 = bare.map(|server| server.base.get()).sum();
        let running = lots.sold.power.get() + lots.unsold.power.get();
        let each = running / f64::from(self.running().max(1));
        Watts::new(bare + f64::from(lots.unread) * each).unwrap_or_default()
    }
}

impl Server<'_> {
    fn gpus(&self) -> usize {
        self.running.len() + self.silent.len()
    }

    fn named(&self, uuid: &str) -> String {
        format!("{}/{uuid}", self.name)
    }
}
