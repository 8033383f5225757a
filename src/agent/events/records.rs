//! What happens to records on their way to the brokers. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Picture, Seen};
use crate::ledger::outbox::{Cause, News};
use crate::ledger::store::PutBack;
use crate::ledger::{EventKind, Gap, RecordClass, Severity};
use crate::publish::BrokerHealth;

/// Kind, severity, subject, text, and the gap that is announced.
type Told = (EventKind, Severity, String, String, Option<Gap>);

/// Between two events about gaps of the same broker, class and cause. An event takes room of events itself: told
/// one by one, gaps of a full outbox would go on for ever.
const REPEAT: Duration = Duration::from_secs(600);

/// What was told so far.
#[derive(Debug, Default)]
pub struct Records {
    set_aside: Option<PathBuf>,
    put_back: Option<PutBack>,
    /// Brokers, and the classes that they refuse.
    refused: BTreeSet<(&'static str, RecordClass)>,
    /// When gaps were last told, monotonic.
    gaps: BTreeMap<(String, RecordClass, Cause), Duration>,
    /// So many of the news.
    news: usize,
}

impl Records {
    /// `now` is monotonic.
    pub fn look(&mut self, picture: &Picture, seen: Seen<'_>, now: Duration) -> Vec<Told> {
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
        if let Some(back) = seen.put_back.filter(|back| self.put_back.as_ref() != Some(*back)) {
            self.put_back = Some(back.clone());
            let text = written_back(back.replaced.as_deref());
            told.push((EventKind::LedgerPutBack, Severity::Alarm, String::new(), text, None));
        }
        for news in seen.news.iter().skip(self.news) {
            let (kind, severity) = match news {
                News::Elsewhere { .. } | News::LeftBehind { .. } => {
                    (EventKind::RecordsElsewhere, Severity::Warning)
                }
                News::CountLost { .. } => (EventKind::RecordsDropped, Severity::Alarm),
            };
            told.push((kind, severity, String::new(), news.to_string(), None));
        }
        self.news = self.news.max(seen.news.len());
        for gap in seen.gaps {
            let key = (gap.broker.clone(), gap.class, gap.cause);
            if self.gaps.get(&key).is_some_and(|told| now.saturating_sub(*told) < REPEAT) {
                continue;
            }
            self.gaps.insert(key, now);
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
        for broker in &picture.health.brokers {
            told.extend(RecordClass::ALL.into_iter().filter_map(|class| self.refusal(broker, class)));
        }
        told
    }

    fn refusal(&mut self, broker: &BrokerHealth, class: RecordClass) -> Option<Told> {
        let (name, key) = (class.as_str(), (broker.name, class));
        let (kind, severity, text) = match broker.link.refused.of(class) {
            Some(why) if self.refused.insert(key) => {
                let text = format!(
                    "the broker {} does not take records of {name}, which wait on disk: {why}",
                    broker.name
                );
                (EventKind::RecordsRefused, Severity::Alarm, text)
            }
            None if self.refused.remove(&key) => {
                let text = format!("the broker {} takes records of {name} again", broker.name);
                (EventKind::RecordsAccepted, Severity::Info, text)
            }
            _ => return None,
        };
        Some((kind, severity, name.to_owned(), text, None))
    }
}

fn written_back(replaced: Option<&Path>) -> String {
    match replaced {
        None => "the ledger's file was deleted under the daemon, which still had it open: it is written back whole; \
                 end the daemon before its file is taken away"
            .to_owned(),
        Some(other) => format!(
            "another file was put in the place of the ledger: it lies at {} now, and the daemon's own is written back \
             whole; end the daemon before its file is exchanged",
            other.display()
        ),
    }
}

fn why(cause: Cause) -> &'static str {
    match cause {
        Cause::Budget => "the outbox was full, and the oldest had to go; see [outbox] in the config",
        Cause::Damaged => "their bytes on disk are damaged; check the disk",
        Cause::Missing => "they are gone from the disk; check the disk",
        Cause::TooLarge => "they are larger than mqtt.max_payload_bytes or the broker's limit",
        Cause::BrokerLeft => "it is no longer in the config",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Core;
    use crate::clock::{Now, UnixMs};
    use crate::config::{Config, Places};
    use crate::publish::Health;

    const BEGIN: Now = Now { wall: UnixMs(1_767_225_600_000), mono: Duration::from_secs(5_000) };

    fn gap(broker: &str, records: u64) -> Gap {
        let (broker, from, to) = (broker.to_owned(), BEGIN.wall, BEGIN.wall);
        Gap { broker, class: RecordClass::Event, cause: Cause::Budget, records, from, to }
    }

    #[test]
    fn gaps_of_a_broker_are_told_at_once_and_then_every_ten_minutes_with_all_that_came_since() {
        let config =
            Config::parse("[site]\nname = \"tx01\"\n", "wattsplit.toml", &Places::default()).unwrap();
        let picture = Core::new(&config).unwrap().picture(BEGIN, Health::default());
        let mut records = Records::default();
        // What is open at each of these seconds, and what is told of it.
        let mut look = |secs: u64, gaps: &[Gap]| -> Vec<(String, u64)> {
            let now = BEGIN.mono.saturating_add(Duration::from_secs(secs));
            let told = records.look(&picture, Seen { gaps, ..Seen::default() }, now);
            let gaps = told.into_iter().filter_map(|(_, _, _, _, gap)| gap);
            gaps.map(|gap| (gap.broker, gap.records)).collect()
        };
        let told = |broker: &str, records| vec![(broker.to_owned(), records)];
        assert_eq!(look(0, &[gap("main", 3)]), told("main", 3));
        // Its announcement has pushed another one out, and so on.
        assert_eq!(look(10, &[gap("main", 1)]), []);
        assert_eq!(look(599, &[gap("main", 2), gap("central", 7)]), told("central", 7), "each on its own");
        assert_eq!(look(600, &[gap("main", 4)]), told("main", 4));
        assert_eq!(look(1_199, &[gap("main", 9)]), []);
        assert_eq!(look(1_200, &[gap("main", 9)]), told("main", 9));
    }
}
