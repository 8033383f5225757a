//! The picture of the site: the newest sample of everything, and what it is worth by now.
//!
//! [`Site::apply`] takes batches in, [`Site::view`] gives the picture at a moment: readings age
//! there, miners are summed into blocks. Ages are monotonic, so that a jump of the wall clock makes
//! nothing older or younger. A view costs two passes over the devices, for blocks and for groups, and copies none of
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Now;
use crate::reading::{Batch, Sample};
use crate::units::Watts;

mod age;
mod asics;
mod blocks;
mod doubts;
mod gpu_energy;
mod gpus;
mod groups;
mod held;
mod hosting_sum;
mod hostings;
mod meter;
mod occupied;
mod order;
mod own_price;
mod power_price;
mod prices;
mod signals;
mod sum;
mod suspect;
mod view;
mod wall;

pub use doubts::{Doubts, PriceDoubt};
pub use occupied::CountedBy;
pub use prices::{BTC_QUOTE_FRESH, BTC_QUOTE_LIMIT};
pub use signals::SignalView;
pub use sum::Tally;
pub use view::*;

/// What the site must know beside the samples.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    pub gpu_hosts: Vec<GpuHostLayout>,
    /// Base and factor of the servers of each hosting, for hosts that are not in `gpu_hosts`.
    pub servers: BTreeMap<Arc<str>, (Watts, f64)>,
    /// Hostings whose occupied GPUs are counted here, by name.
    pub counted: BTreeMap<Arc<str>, CountedBy>,
}

#[derive(Debug, Clone)]
pub struct GpuHostLayout {
    pub name: Arc<str>,
    pub hosting: Arc<str>,
    /// Power of the server beside its boards.
    pub base: Watts,
    /// Wall power per board power.
    pub factor: f64,
}

/// The newest sample of everything.
#[derive(Debug, Default)]
pub struct Site {
    asics: asics::Asics,
    gpus: gpus::Gpus,
    prices: prices::Prices,
    hostings: hostings::Hostings,
    meter: meter::Meter,
    signals: signals::Signals,
}

impl Site {
    pub fn new(layout: Layout) -> Self {
        Self { gpus: gpus::Gpus::new(layout), ..Self::default() }
    }

    /// Takes in what one exchange gave. Batches of one source come in order of time.
    pub fn apply(&mut self, batch: Batch) {
        self.apply_of(batch, None);
    }

    /// Takes in what a node has read. What two of them read counts once: this agent's own answers come first;
    /// among nodes the one that had a device first keeps it while what it says of it is fresh.
    pub fn apply_from(&mut self, node: &Arc<str>, batch: Batch) {
        self.apply_of(batch, Some(node));
    }

    fn apply_of(&mut self, batch: Batch, node: Option<&Arc<str>>) {
        let at = batch.at;
        for sample in batch.samples {
            match sample {
                Sample::Asic(sample) => self.asics.apply(at, sample, node),
                Sample::GpuHost(sample) => self.gpus.apply(at, sample, node),
                Sample::WallPower(sample) => self.gpus.apply_wall(at, sample),
                Sample::Occupancy(sample) => self.gpus.apply_occupancy(at, sample),
                Sample::Earnings(sample) => self.hostings.apply_earnings(at, sample),
                Sample::GpuPrice(sample) => self.hostings.apply_price(at, sample),
                Sample::Market(sample) => self.hostings.apply_market(at, sample),
                Sample::Host(sample) => self.prices.apply_host(at, *sample),
                Sample::Pool(sample) => self.prices.apply_pool(at, *sample),
                Sample::BtcUsd(sample) => self.prices.apply_btc(at, sample),
                Sample::Network(sample) => self.prices.apply_network(at, *sample),
                Sample::HashpriceIndex(sample) => self.prices.apply_index(at, sample),
                Sample::PowerPrice(sample) => self.prices.apply_power(at, sample),
                Sample::Meter(sample) => self.meter.apply(at, sample),
                Sample::Signal(sample) => self.signals.apply(at, *sample),
            }
        }
    }

    /// The whole picture at `now`.
    pub fn view(&self, now: Now) -> SiteView {
        let (hash_blocks, silent_addresses) = self.asics.sum(now);
        let power = self.prices.power(now);
        SiteView {
            at: now,
            hash_blocks,
            groups: groups::views(&self.asics, now),
            ai_blocks: self.gpus.sum(now),
            gpu_hosts: self.gpus.health(now),
            hostings: self.hostings.views(now),
            silent_addresses,
            btc_quotes: self.prices.btc_quotes(now),
            network: self.prices.network(now),
            hashprice_index: self.prices.index(now),
            power_price: power.price,
            power_price_until: power.until,
            power_basis: power.basis,
            pools: self.prices.pools(now),
            hosts: self.prices.hosts(now),
            meter: self.meter.view(now),
            signals: self.signals.views(now),
            doubts: self.doubts(),
        }
    }

    fn doubts(&self) -> Doubts {
        let meter = self.meter.clock_ahead().map(|ahead| ("meter".to_owned(), ahead));
        let clocks = self.prices.clocks_ahead().chain(meter).chain(self.signals.clocks_ahead());
        Doubts {
            clocks_ahead: clocks.chain(self.gpus.clocks_ahead()).collect(),
            own_price: self.prices.own_price_doubt(),
            // Whoever holds the counter against the power says so.
            counter_off_by: None,
        }
    }

    /// Every address that was asked, in order of address, those that never answered included.
    pub fn asics(&self, now: Now) -> impl Iterator<Item = AsicView<'_>> {
        self.asics.views(now)
    }

    /// Every miner that is in a block, with the block's id, in order of address.
    pub fn units(&self, now: Now) -> impl Iterator<Item = (&str, AsicView<'_>)> {
        self.asics.units(now)
    }

    /// Every miner of one group that is in a block, in order of address, from the one behind `after` on.
    pub fn units_of(&self, group: &str, after: Option<&str>, now: Now) -> impl Iterator<Item = AsicView<'_>> {
        self.asics.units_of(group, after, now)
    }

    /// Every GPU that was ever seen, in order of host.
    pub fn gpus(&self, now: Now) -> impl Iterator<Item = GpuView<'_>> {
        self.gpus.views(now)
    }

    /// Every machine with GPUs, in order of name.
    pub fn gpu_hosts(&self, now: Now) -> impl Iterator<Item = GpuHostView<'_>> {
        self.gpus.host_views(now)
    }
}
