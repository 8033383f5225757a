//! From what was written to what is sent because of it: the seam between the books and the broker.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::decision::DecisionRow;
use super::earning::EarningNews;
use super::hosting::HostingRow;
use super::rollup::{Period, Summed};
use super::site::SiteRow;
use super::{Event, Row, Settlement};
use crate::units::Sats;

/// One message of a record topic, as it goes to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Below `<root>/<site>/`.
    pub topic: Cow<'static, str>,
    pub payload: Vec<u8>,
    /// Where too many wait for the broker, it goes before those that are not: the next one says nearly
    /// the same, and is never far.
    pub renewed: bool,
}

/// What one transaction added, without what was there already.
#[derive(Debug, Default)]
pub struct Fresh {
    pub rows: Vec<Row>,
    /// Of the site's meter.
    pub site_rows: Vec<SiteRow>,
    pub hosting_rows: Vec<HostingRow>,
    pub decisions: Vec<DecisionRow>,
    /// Hours and days that ended with these rows.
    pub roll_ups: Vec<(Period, Summed)>,
    pub settlements: Vec<SettledNews>,
    /// Of platforms.
    pub earnings: Vec<EarningNews>,
    pub events: Vec<Event>,
}

/// A settlement, and the amount that the pool took back with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledNews {
    pub settlement: Settlement,
    pub corrects: Option<Sats>,
}

impl Fresh {
    /// Records that take a number of their own. Events bring theirs along.
    pub fn numbered(&self) -> u64 {
        let rows = self.rows.len() + self.site_rows.len() + self.hosting_rows.len();
        let intervals = rows + self.decisions.len();
        let settled = self.settlements.len() + self.earnings.len();
        (intervals + self.roll_ups.len() + settled) as u64
    }
}

/// Turns what was added into messages; the number is that of the first record.
pub type Compose = dyn Fn(&Fresh, u64) -> Vec<Message> + Send + Sync;

/// Where the messages go once their rows are on disk.
#[derive(Clone)]
pub struct Outlet {
    compose: Arc<Compose>,
    to: UnboundedSender<Message>,
}

impl Outlet {
    pub fn new(compose: Arc<Compose>, to: UnboundedSender<Message>) -> Self {
        Self { compose, to }
    }

    pub(super) fn compose(&self, fresh: &Fresh, first: u64) -> Vec<Message> {
        (self.compose)(fresh, first)
    }

    pub(super) fn send(&self, messages: Vec<Message>) {
        for message in messages {
            // Nobody listens any more once the daemon ends; the rows are on disk.
            let _ = self.to.send(message);
        }
    }

    /// Sends what no transaction can carry, because there is no ledger or its disk fails.
    pub fn send_unwritten(&self, events: Vec<Event>) {
        let fresh = Fresh { events, ..Fresh::default() };
        self.send(self.compose(&fresh, 0));
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outlet")
    }
}
