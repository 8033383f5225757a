//! `devices/asic/<group>` and `devices/gpu/<hosting>`: one row for each device that is a unit, up to a hundred in
//! a message.

use super::flat::Flat;
use crate::clock::UnixMs;
use crate::ledger::{Message, RecordClass};
use crate::publish::topics;
use crate::site::{AsicView, GpuView};

pub mod asic;
pub mod gpu;

/// A message is closed at whichever comes first.
const MOST_ROWS: u64 = 100;
pub const MOST_BYTES: usize = 32_000;

/// What tells the rows of one run of one site from all others.
#[derive(Debug, Clone)]
pub struct Origin {
    pub site: String,
    pub boot: String,
}

/// Rows that go out together.
#[derive(Debug)]
pub struct Packed {
    pub message: Message,
    /// At least one.
    pub rows: u64,
    /// Id of the last device that is in it.
    pub last: String,
}

/// One message of as many of these miners of one group as it takes. Rows take the numbers from `first` on.
/// `None` if there are none.
pub fn pack_asics<'a>(
    origin: &Origin,
    numbers: (UnixMs, u64),
    group: &str,
    units: impl Iterator<Item = AsicView<'a>>,
) -> Option<Packed> {
    pack(origin, numbers, topics::asic_rows(group), units.map(|unit| (unit.id, unit)), asic::of_miner)
}

/// As [`pack_asics`], of the GPUs of one hosting.
pub fn pack_gpus<'a>(
    origin: &Origin,
    numbers: (UnixMs, u64),
    hosting: &str,
    units: impl Iterator<Item = GpuView<'a>>,
) -> Option<Packed> {
    pack(origin, numbers, topics::gpu_rows(hosting), units.map(|unit| (unit.uuid, unit)), gpu::of_gpu)
}

fn pack<'a, Unit>(
    origin: &Origin,
    (ts, first): (UnixMs, u64),
    topic: String,
    units: impl Iterator<Item = (&'a str, Unit)>,
    fill: fn(&mut Flat, &Unit),
) -> Option<Packed> {
    let (mut rows, mut last) = (Vec::new(), None);
    // The brackets around them.
    let mut bytes = 2;
    for ((id, unit), seq) in units.zip(first..first.saturating_add(MOST_ROWS)) {
        let mut row = Flat::new(&origin.site, ts);
        row.text("boot", &origin.boot);
        row.figure("seq", seq);
        fill(&mut row, &unit);
        // Its end, and the comma behind it.
        bytes += row.len() + 2;
        if bytes > MOST_BYTES && last.is_some() {
            break;
        }
        last = Some(id);
        rows.push(row);
    }
    let last = last?.to_owned();
    let count = rows.len() as u64;
    let payload = Flat::array(rows.into_iter());
    let message = Message { topic: topic.into(), payload, class: RecordClass::Devices, records: count };
    Some(Packed { message, rows: count, last })
}
