//! The outbox: records are on disk until every broker has them, whatever ends in between.

mod backlog;
mod damage;
mod delivered;
mod elsewhere;
mod file;
mod place;
mod power_cut;
mod refused;
mod unsound;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use wattsplit::ledger::outbox::{Budgets, ByClass, Outbox, Record, Wanted};
use wattsplit::ledger::sqlite::LedgerError;
use wattsplit::ledger::store::{Batch, Ledger, Status};
use wattsplit::ledger::{Destination, Message, Outlet, RecordClass};

use crate::broker::PATIENCE;

const ROOMY: Budgets = Budgets { event: 1 << 30, ledger: 1 << 30, devices: 1 << 30 };

/// A ledger whose records go to `brokers`.
fn open(path: &Path, brokers: &[&str], budgets: Budgets) -> Ledger {
    try_open(path, brokers, budgets).unwrap()
}

fn try_open(path: &Path, brokers: &[&str], budgets: Budgets) -> Result<Ledger, LedgerError> {
    Ledger::open_with(path, Some(outlet(brokers, budgets)))
}

fn outlet(brokers: &[&str], budgets: Budgets) -> Outlet {
    let to = brokers.iter().map(|broker| {
        let (unwritten, _) = unbounded_channel();
        Destination { broker: (*broker).to_owned(), unwritten }
    });
    Outlet::new(Arc::new(|_, _| Vec::new()), to.collect(), budgets)
}

/// A message of one record with a number.
fn numbered(class: RecordClass, n: u64) -> Message {
    let topic = if class == RecordClass::Devices { "devices/asic/row-a" } else { class.as_str() };
    let payload = format!(r#"{{"boot":"b","seq":{n}}}"#).into_bytes();
    Message { topic: topic.into(), payload, class, records: 1 }
}

/// Appends the numbers one by one, as fast as the ledger takes them.
fn append(ledger: &mut Ledger, class: RecordClass, numbers: std::ops::Range<u64>) {
    for n in numbers {
        loop {
            let batch = Batch { messages: vec![numbered(class, n)], ..Batch::default() };
            if ledger.append(batch).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn seq(payload: &[u8]) -> u64 {
    serde_json::from_slice::<serde_json::Value>(payload).unwrap()["seq"].as_u64().unwrap()
}

/// What a publisher with room for `messages` is given at once.
async fn ask(outbox: &Outbox, messages: usize) -> Vec<Record> {
    let wanted = Wanted { after: ByClass::each(|_| Some(0)), messages, bytes: 1 << 20, wait: false };
    tokio::time::timeout(PATIENCE, outbox.next(wanted)).await.unwrap().unwrap()
}

fn numbers(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| seq(&record.payload)).collect()
}

async fn status(ledger: &Ledger, what: &str, meets: impl Fn(&Status) -> bool) -> Status {
    let mut watch = ledger.status();
    let outcome = tokio::time::timeout(PATIENCE, watch.wait_for(|status| meets(status))).await;
    match outcome {
        Ok(status) => status.unwrap().clone(),
        Err(_) => panic!("never: {what}; it is {:?}", ledger.status().borrow().outbox),
    }
}
