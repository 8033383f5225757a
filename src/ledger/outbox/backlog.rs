//! How much waits for each broker. Counted along: a backlog of a million records is not to be summed up each time.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::class::{ByClass, RecordClass};
use super::cursor::Cursors;
use super::shelf::{self, Held};

/// By broker.
#[derive(Debug, Clone, Default)]
pub(super) struct Backlogs(BTreeMap<String, ByClass<Behind>>);

/// What stands behind a place in the queue of a class.
#[derive(Debug, Clone, Copy, Default)]
struct Behind {
    /// The cursor, as far as it was followed.
    n: i64,
    held: Held,
}

impl Backlogs {
    /// Sums up what the file holds.
    pub fn read(connection: &Connection, brokers: &[String], cursors: &Cursors) -> rusqlite::Result<Self> {
        let mut backlogs = Self::default();
        for broker in brokers {
            let mut classes = ByClass::<Behind>::default();
            for class in RecordClass::ALL {
                let n = cursors.of(broker, class);
                let held = shelf::held(connection, class, (n, i64::MAX))?;
                *classes.of_mut(class) = Behind { n, held };
            }
            backlogs.0.insert(broker.clone(), classes);
        }
        Ok(backlogs)
    }

    /// A message stands at the end of the queue.
    pub fn added(&mut self, class: RecordClass, bytes: u64) {
        for behind in self.of_class(class) {
            behind.held.messages = behind.held.messages.saturating_add(1);
            behind.held.bytes = behind.held.bytes.saturating_add(bytes);
        }
    }

    /// Follows the cursors. What they have passed must still be on disk.
    pub fn follow(&mut self, connection: &Connection, cursors: &Cursors) -> rusqlite::Result<()> {
        for (broker, classes) in &mut self.0 {
            for class in RecordClass::ALL {
                let (behind, cursor) = (classes.of_mut(class), cursors.of(broker, class));
                if cursor > behind.n {
                    let passed = shelf::held(connection, class, (behind.n, cursor))?;
                    behind.held = behind.held.without(passed);
                    behind.n = cursor;
                }
            }
        }
        Ok(())
    }

    /// Messages up to `n` are gone, which some brokers have confirmed and others have not. The cursors were followed.
    pub fn removed(&mut self, class: RecordClass, n: i64, gone: Held) {
        for behind in self.of_class(class).filter(|behind| behind.n < n) {
            behind.held = behind.held.without(gone);
        }
    }

    /// Nothing of the class is there any more.
    pub fn cleared(&mut self, class: RecordClass) {
        self.of_class(class).for_each(|behind| behind.held = Held::default());
    }

    /// All classes of a broker together.
    pub fn of(&self, broker: &str) -> Held {
        let sum = |sum: Held, held: Held| Held {
            messages: sum.messages.saturating_add(held.messages),
            bytes: sum.bytes.saturating_add(held.bytes),
        };
        let classes = self.0.get(broker).copied().unwrap_or_default();
        RecordClass::ALL.into_iter().map(|class| classes.of(class).held).fold(Held::default(), sum)
    }

    fn of_class(&mut self, class: RecordClass) -> impl Iterator<Item = &mut Behind> {
        self.0.values_mut().map(move |classes| classes.of_mut(class))
    }
}
