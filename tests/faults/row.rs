//! The records that are written: each with boot and number, and a sum by which a changed one is known.

use serde::{Deserialize, Serialize};
use wattsplit::ledger::{Message, RecordClass};

/// One record.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    pub boot: String,
    pub seq: u64,
    power_w: u64,
    pad: String,
    crc: u32,
}

impl Row {
    /// The same for the same arguments. `pad_bytes`: how much larger than the least it is.
    pub fn new(boot: &str, seq: u64, pad_bytes: usize) -> Self {
        let mut row = Self {
            boot: boot.to_owned(),
            seq,
            power_w: 3_000 + seq % 700,
            pad: "x".repeat(pad_bytes),
            crc: 0,
        };
        row.crc = row.sum();
        row
    }

    /// Every byte is as it was written.
    pub fn is_whole(&self) -> bool {
        self.crc == self.sum()
    }

    fn sum(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(self.boot.as_bytes());
        hasher.update(&self.seq.to_le_bytes());
        hasher.update(&self.power_w.to_le_bytes());
        hasher.update(self.pad.as_bytes());
        hasher.finalize()
    }
}

/// Topics of the three classes, in the shares that a site has about: most are rows of devices.
const TOPICS: [(RecordClass, &str); 10] = [
    (RecordClass::Event, "event"),
    (RecordClass::Ledger, "ledger"),
    (RecordClass::Ledger, "ledger"),
    (RecordClass::Ledger, "ledger"),
    (RecordClass::Devices, "devices/asic/row-a"),
    (RecordClass::Devices, "devices/asic/row-b"),
    (RecordClass::Devices, "devices/gpu/hall"),
    (RecordClass::Devices, "devices/asic/row-a"),
    (RecordClass::Devices, "devices/asic/row-b"),
    (RecordClass::Devices, "devices/gpu/hall"),
];

/// Where the `n`th message goes. An event is a single object, the others are arrays.
pub fn topic(n: u64) -> (RecordClass, &'static str) {
    TOPICS[(n % TOPICS.len() as u64) as usize]
}

/// A message of these rows.
pub fn message((class, topic): (RecordClass, &'static str), rows: &[Row]) -> Message {
    let payload = match rows {
        [row] if class == RecordClass::Event => serde_json::to_vec(row),
        rows => serde_json::to_vec(rows),
    };
    Message { topic: topic.into(), payload: payload.unwrap(), class, records: rows.len() as u64 }
}

/// The rows of a payload; `None` where it is none of ours.
pub fn rows(payload: &[u8]) -> Option<Vec<Row>> {
    match payload.first() {
        Some(b'[') => serde_json::from_slice(payload).ok(),
        _ => serde_json::from_slice(payload).ok().map(|row| vec![row]),
    }
}
