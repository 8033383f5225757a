//! Lists whose room is used again.
//!
//! What is kept of a reply takes several kilobytes for as long as its poll lasts. To find so much room anew each time
//! costs about as much as to read the reply.

use std::cell::RefCell;
use std::ops::Deref;
use std::string::FromUtf8Error;

/// Lists that wait for their next use. Of hundreds of polls, some hold a reply while they wait for another one, and they
/// end in bursts.
const MOST: usize = 32;
/// Longer than nearly all replies: what a flood has made is given back.
const LONGEST_BYTES: usize = 32 * 1024;

pub struct Spare<T>(RefCell<Vec<Vec<T>>>);

impl<T> Spare<T> {
    pub const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// An empty list, with room if there is a spare one.
    pub fn take(&self) -> Vec<T> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps the room of a list that is no longer used.
    pub fn give(&self, mut list: Vec<T>) {
        let mut spare = self.0.borrow_mut();
        let bytes = list.capacity().saturating_mul(size_of::<T>());
        if spare.len() < MOST && (1..=LONGEST_BYTES).contains(&bytes) {
            list.clear();
            spare.push(list);
        }
    }
}

thread_local! {
    static BYTES: Spare<u8> = const { Spare::new() };
}

/// Room for the bytes of a reply.
pub fn bytes() -> Vec<u8> {
    BYTES.with(Spare::take)
}

/// A reply in UTF-8, whose room is used again.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    /// # Errors
    /// The bytes, if they are not UTF-8. The whole at once: one string after the other costs more than reading them.
    pub fn of(bytes: Vec<u8>) -> Result<Self, Vec<u8>> {
        String::from_utf8(bytes).map(Self).map_err(FromUtf8Error::into_bytes)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        // Not while the thread ends.
        let _ = BYTES.try_with(|spare| spare.give(std::mem::take(&mut self.0).into_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_used_again_and_that_of_a_flood_is_not_kept() {
        let spare = Spare::new();
        let mut list = spare.take();
        list.extend_from_slice(&[1u8; 1000]);
        let room = list.capacity();
        spare.give(list);
        let again = spare.take();
        assert_eq!((again.len(), again.capacity()), (0, room));
        spare.give(vec![1; LONGEST_BYTES + 1]);
        assert_eq!(spare.take().capacity(), 0);
        (0..100).for_each(|_| spare.give(vec![1]));
        assert_eq!(spare.0.borrow().len(), MOST);
    }
}
