//! The order in which people expect addresses and names.

use std::cmp::Ordering;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Sorts addresses by number, then names with their numbers by value: `10.0.0.9` before
/// `10.0.0.10`, `row-2` before `row-10`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Address(IpAddr, u16),
    Name(Natural),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Natural(Arc<str>);

impl Key {
    pub fn new(id: &Arc<str>) -> Self {
        if let Ok(address) = id.parse::<SocketAddr>() {
            Key::Address(address.ip(), address.port())
        } else if let Ok(ip) = id.parse::<IpAddr>() {
            Key::Address(ip, 0)
        } else {
            Key::Name(Natural(id.clone()))
        }
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        natural(self.0.as_bytes(), other.0.as_bytes()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn natural(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while let (Some((first_a, rest_a)), Some((first_b, rest_b))) = (a.split_first(), b.split_first()) {
        let order = if first_a.is_ascii_digit() && first_b.is_ascii_digit() {
            let (digits_a, digits_b);
            (digits_a, a) = leading_number(a);
            (digits_b, b) = leading_number(b);
            digits_a.len().cmp(&digits_b.len()).then_with(|| digits_a.cmp(digits_b))
        } else {
            (a, b) = (rest_a, rest_b);
            first_a.cmp(first_b)
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// The digits at the start without leading zeros, and what follows them.
fn leading_number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    (digits.get(zeros..).unwrap_or(digits), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_numbered_names_sort_as_people_count() {
        let mut ids: Vec<Arc<str>> = [
            "row-10",
            "10.0.0.10:4028",
            "row-2",
            "10.0.0.9:4029",
            "[::1]:4028",
            "row-2b",
            "10.0.0.9:4028",
            "row",
        ]
        .map(Arc::from)
        .to_vec();
        ids.sort_by_key(Key::new);
        let expected = [
            "10.0.0.9:4028",
            "10.0.0.9:4029",
            "10.0.0.10:4028",
            "[::1]:4028",
            "row",
            "row-2",
            "row-2b",
            "row-10",
        ];
        assert_eq!(ids.iter().map(|id| &**id).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn names_that_differ_only_in_leading_zeros_stay_apart() {
        assert_ne!(Key::new(&"row-02".into()), Key::new(&"row-2".into()));
        assert_ne!(Key::new(&"row-02".into()).cmp(&Key::new(&"row-2".into())), Ordering::Equal);
    }
}
