//! What an operator should know of records that wait, and that nothing else tells.

use std::fmt;
use std::path::PathBuf;

use super::class::{ByClass, RecordClass};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// They were written under another name of the site or another root, and go out there.
    Elsewhere { records: ByClass<u64>, topic: String },
    /// They wait in a file that the config names no longer, and go out only if it does so again.
    LeftBehind { records: ByClass<u64>, file: PathBuf },
    /// The count of what a broker never got is damaged.
    CountLost { broker: String, class: String, cause: String },
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            News::Elsewhere { records, topic } => write!(
                f,
                "{} that wait for a broker were written under another name of the site or another root: they go \
                 out first, to the topics of that name ({}); the broker must allow that",
                Counts(records),
                topic.trim_start_matches('/')
            ),
            News::LeftBehind { records, file } => write!(
                f,
                "{} wait in {}, which the config names no longer: no broker gets them until state_dir names its \
                 directory again",
                Counts(records),
                file.display()
            ),
            News::CountLost { broker, class, cause } => write!(
                f,
                "how many records of {class} the broker {broker} never got ({cause}) is no longer known: the count on \
                 disk is damaged; check the disk"
            ),
        }
    }
}

/// `3 records of event and 12 of devices`.
struct Counts<'a>(&'a ByClass<u64>);

impl fmt::Display for Counts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some = RecordClass::ALL.into_iter().map(|class| (class, *self.0.of(class)));
        for (n, (class, records)) in some.filter(|(_, records)| *records > 0).enumerate() {
            let (before, what) = if n == 0 { ("", "records of") } else { (" and ", "of") };
            write!(f, "{before}{records} {what} {}", class.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_that_waits_is_counted() {
        let news = News::Elsewhere {
            records: ByClass { event: 3, ledger: 0, devices: 12 },
            topic: "/acme/tx01/event".to_owned(),
        };
        let text = news.to_string();
        assert!(text.starts_with("3 records of event and 12 of devices that wait"), "{text}");
        assert!(text.contains("(acme/tx01/event)"), "{text}");
    }
}
