//! What happens to records on their way to the brokers. Pure.

use std::path::PathBuf;

use super::Seen;
use crate::ledger::outbox::Cause;
use crate::ledger::{EventKind, Gap, Severity};

/// Kind, severity, subject, text, and the gap that is announced.
type Told = (EventKind, Severity, String, String, Option<Gap>);

/// What was told so far.
#[derive(Debug, Default)]
pub struct Records {
    set_aside: Option<PathBuf>,
}

impl Records {
    pub fn look(&mut self, seen: Seen<'_>) -> Vec<Told> {
        let mut told = Vec::new();
        if let Some(path) = seen.set_aside.filter(|path| self.set_aside.as_deref() != Some(*path)) {
            self.set_aside = Some(path.to_owned());
            let text = format!(
                "the ledger was damaged: it lies at {} now, and a new one is begun; records that waited in it \
                 for a broker are lost",
                path.display()
            );
            told.push((EventKind::LedgerSetAside, Severity::Alarm, String::new(), text, None));
        }
        for gap in seen.gaps {
            let text = format!(
                "{} records of {} never reach the broker {}: {}",
                gap.records,
                gap.class.as_str(),
                gap.broker,
                why(gap.cause)
            );
            let subject = gap.class.as_str().to_owned();
            told.push((EventKind::RecordsDropped, Severity::Alarm, subject, text, Some(gap.clone())));
        }
        told
    }
}

fn why(cause: Cause) -> &'static str {
    match cause {
        Cause::Budget => "the outbox was full, and the oldest had to go; see [outbox] in the config",
        Cause::Damaged => "their bytes on disk are damaged; check the disk",
        Cause::Missing => "they are gone from the disk; check the disk",
        Cause::TooLarge => "they are larger than mqtt.max_payload_bytes or the broker's limit",
    }
}
