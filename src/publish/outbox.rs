//! `[outbox]`: how much may wait for the brokers.

use serde::Deserialize;

use crate::ledger::outbox::Budgets;

/// `[outbox]`: what each class of records may take on disk until every broker has it. Beyond that its
/// oldest go, and an event tells how many.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboxConfig {
    /// Rows of the ledger, in megabytes of 10^6 bytes.
    pub ledger_mb: u64,
    /// Events, likewise.
    pub event_mb: u64,
    /// Rows of devices, likewise.
    pub devices_mb: u64,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self { ledger_mb: 64, event_mb: 16, devices_mb: 256 }
    }
}

impl OutboxConfig {
    pub fn budgets(&self) -> Budgets {
        let bytes = |mb: u64| mb.saturating_mul(1_000_000);
        Budgets {
            event: bytes(self.event_mb),
            ledger: bytes(self.ledger_mb),
            devices: bytes(self.devices_mb),
        }
    }
}
