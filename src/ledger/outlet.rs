//! From what was written to what is sent because of it: the seam between the books and the broker.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::decision::DecisionRow;
use super::earning::EarningNews;
use super::hosting::HostingRow;
use super::outbox::{Budgets, RecordClass};
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
    pub class: RecordClass,
    /// Rows in the payload; 1 where it is a single object.
    pub records: u64,
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

/// A broker of the config.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Names its cursor in the outbox.
    pub broker: String,
    /// Takes what cannot be written.
    pub unwritten: UnboundedSender<Message>,
}

/// Where the messages go: into the outbox, or past it while nothing can be written.
#[derive(Clone)]
pub struct Outlet {
    compose: Arc<Compose>,
    to: Vec<Destination>,
    budgets: Budgets,
    place: String,
}

impl Outlet {
    pub fn new(compose: Arc<Compose>, to: Vec<Destination>, budgets: Budgets) -> Self {
        Self { compose, to, budgets, place: String::new() }
    }

    /// Names what stands in front of the topics on disk: `/<root>/<site>/`. Only what stands there as a whole
    /// begins with `/`. A record that waits under another name of the site goes to the topics of that name.
    pub fn at(self, place: String) -> Self {
        Self { place, ..self }
    }

    pub(super) fn compose(&self, fresh: &Fresh, first: u64) -> Vec<Message> {
        (self.compose)(fresh, first)
    }

    pub(super) fn brokers(&self) -> Vec<String> {
        self.to.iter().map(|destination| destination.broker.clone()).collect()
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn budgets(&self) -> Budgets {
        self.budgets
    }

    /// Sends past the outbox: there is no ledger, or its disk fails.
    pub fn send(&self, messages: Vec<Message>) {
        for message in messages {
            for destination in &self.to {
                // Nobody listens any more once the daemon ends.
                let _ = destination.unwritten.send(message.clone());
            }
        }
    }

    /// As [`Outlet::send`], for events that no transaction can carry.
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
