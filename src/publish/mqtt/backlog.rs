//! The records that one broker is to get, where they come from and who is told that it has them.

use tokio::sync::{mpsc, oneshot, watch};

use crate::ledger::Message;
use crate::ledger::outbox::{Outbox, Record, Wanted};
use crate::publish::delivery::Passed;

/// Records for one broker.
#[derive(Debug)]
pub struct Records {
    /// Those that could not be written: they are in memory, and nowhere else.
    pub unwritten: mpsc::UnboundedReceiver<Message>,
    /// The outbox, once it is open; it may never be.
    pub written: watch::Receiver<Option<Outbox>>,
}

impl Records {
    /// Without an outbox.
    pub fn unwritten(unwritten: mpsc::UnboundedReceiver<Message>) -> Self {
        let (_, written) = watch::channel(None);
        Self { unwritten, written }
    }
}

/// The outbox, and the question that it has not answered.
#[derive(Debug)]
pub struct Backlog {
    outbox: watch::Receiver<Option<Outbox>>,
    asked: Option<oneshot::Receiver<Vec<Record>>>,
}

impl Backlog {
    pub fn new(outbox: watch::Receiver<Option<Outbox>>) -> Self {
        Self { outbox, asked: None }
    }

    pub fn is_there(&self) -> bool {
        self.outbox.borrow().is_some()
    }

    /// Asks for what is wanted, unless a question is out already.
    pub fn ask(&mut self, wanted: Option<Wanted>) {
        if self.asked.is_none()
            && let Some(wanted) = wanted
            && let Some(outbox) = &*self.outbox.borrow_and_update()
        {
            self.asked = Some(outbox.next(wanted));
        }
    }

    /// Takes the question back: something else is wanted now.
    pub fn take_back(&mut self) {
        self.asked = None;
    }

    /// The answer, or none where it is time to ask. Can be dropped half-way.
    pub async fn answer(&mut self) -> Option<Vec<Record>> {
        match &mut self.asked {
            Some(asked) => {
                let answer = asked.await;
                self.asked = None;
                match answer {
                    Ok(records) => Some(records),
                    // The ledger is closed: nothing more comes.
                    Err(_) => std::future::pending().await,
                }
            }
            None => match self.outbox.changed().await {
                Ok(()) => None,
                Err(_) => std::future::pending().await,
            },
        }
    }

    pub fn confirmed(&self, passed: Vec<Passed>) {
        if let Some(outbox) = &*self.outbox.borrow() {
            for Passed { class, n, unsendable } in passed {
                outbox.confirmed(class, n, unsendable);
            }
        }
    }
}
