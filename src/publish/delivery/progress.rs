//! How far one broker got in one class of the outbox. Pure.
//!
//! Records are taken in order, and may be confirmed in any. The cursor stands behind the last one before
//! which all are confirmed. After a lost connection or a refusal everything behind it is taken again, and
//! what was confirmed meanwhile is left out then.

use std::collections::BTreeMap;

use crate::ledger::outbox::Unsendable;

#[derive(Debug, Default)]
pub struct Progress {
    /// Everything up to here is confirmed.
    cursor: i64,
    /// The last one that was taken in since the beginning of this pass.
    taken: i64,
    /// Not confirmed.
    open: BTreeMap<i64, Open>,
    /// Confirmed ahead of the cursor, with what could not be sent.
    done: BTreeMap<i64, Option<Unsendable>>,
}

#[derive(Debug)]
struct Open {
    /// Messages that are still to be confirmed.
    messages: usize,
    unsendable: Option<Unsendable>,
}

impl Progress {
    /// The place behind which the next ones stand.
    pub fn taken(&self) -> i64 {
        self.taken
    }

    /// Takes record `n` in, which goes out in so many messages. False if it was confirmed before.
    pub fn take(&mut self, n: i64, messages: usize, unsendable: Option<Unsendable>) -> bool {
        // What stood between is gone from the outbox: nothing waits for it.
        let taken = self.taken;
        self.open.retain(|open, _| *open <= taken || *open > n);
        self.taken = n;
        if self.done.contains_key(&n) {
            return false;
        }
        match messages {
            0 => _ = self.done.insert(n, unsendable),
            _ => _ = self.open.insert(n, Open { messages, unsendable }),
        }
        true
    }

    /// One message of record `n` is confirmed.
    pub fn confirm(&mut self, n: i64) {
        let Some(open) = self.open.get_mut(&n) else { return };
        open.messages = open.messages.saturating_sub(1);
        if open.messages == 0 {
            let unsendable = self.open.remove(&n).and_then(|open| open.unsendable);
            self.done.insert(n, unsendable);
        }
    }

    /// The new cursor if it moved, and what could not be sent on the way there.
    pub fn advance(&mut self) -> Option<(i64, Vec<Unsendable>)> {
        let before = self.cursor;
        let mut unsendable = Vec::new();
        while let Some(first) = self.done.first_entry() {
            if self.open.first_key_value().is_some_and(|(open, _)| open <= first.key()) {
                break;
            }
            self.cursor = *first.key();
            unsendable.extend(first.remove());
        }
        (self.cursor > before).then_some((self.cursor, unsendable))
    }

    /// Begins another pass from the cursor.
    pub fn rewind(&mut self) {
        self.taken = self.cursor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;

    fn taking(numbers: impl IntoIterator<Item = i64>) -> Progress {
        let mut progress = Progress::default();
        numbers.into_iter().for_each(|n| assert!(progress.take(n, 1, None)));
        progress
    }

    fn cursor(progress: &mut Progress) -> Option<i64> {
        progress.advance().map(|(cursor, _)| cursor)
    }

    #[test]
    fn the_cursor_waits_for_the_oldest_that_is_not_confirmed() {
        let mut progress = taking(11..=13);
        progress.confirm(12);
        assert_eq!(cursor(&mut progress), None);
        progress.confirm(11);
        assert_eq!(cursor(&mut progress), Some(12));
        progress.confirm(13);
        assert_eq!((cursor(&mut progress), cursor(&mut progress)), (Some(13), None));
    }

    #[test]
    fn another_pass_leaves_out_what_was_confirmed_ahead() {
        let mut progress = taking(1..=4);
        progress.confirm(1);
        progress.confirm(3);
        assert_eq!(cursor(&mut progress), Some(1));
        progress.rewind();
        assert_eq!(progress.taken(), 1);
        let sent: Vec<bool> = (2..=5).map(|n| progress.take(n, 1, None)).collect();
        assert_eq!(sent, [true, false, true, true]);
        [2, 4, 5].into_iter().for_each(|n| progress.confirm(n));
        assert_eq!(cursor(&mut progress), Some(5));
    }

    #[test]
    fn what_was_evicted_meanwhile_holds_nothing_up() {
        let mut progress = taking(1..=4);
        progress.confirm(4);
        progress.rewind();
        assert!(!progress.take(4, 1, None), "1 to 3 are gone");
        assert_eq!(cursor(&mut progress), Some(4));
    }

    #[test]
    fn a_record_in_parts_is_confirmed_with_the_last_of_them() {
        let mut progress = Progress::default();
        progress.take(1, 2, None);
        progress.confirm(1);
        assert_eq!(cursor(&mut progress), None);
        progress.confirm(1);
        assert_eq!(cursor(&mut progress), Some(1));
    }

    #[test]
    fn what_cannot_be_sent_is_told_once_when_the_cursor_passes_it() {
        let lost = Unsendable { records: 7, at: UnixMs(1) };
        let mut progress = Progress::default();
        progress.take(1, 1, None);
        progress.take(2, 0, Some(lost));
        assert_eq!(progress.advance(), None);
        progress.rewind();
        assert!(progress.take(1, 1, None) && !progress.take(2, 0, Some(lost)));
        progress.confirm(1);
        assert_eq!(progress.advance(), Some((2, vec![lost])));
    }
}
