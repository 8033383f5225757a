//! How often each reason came up.

use std::fmt;

use super::Missing;

/// Counts by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reasons([u32; Missing::ALL.len()]);

impl Reasons {
    pub fn add(&mut self, why: Missing) {
        self.add_all(why, 1);
    }

    pub fn add_all(&mut self, why: Missing, count: u32) {
        if let Some(counted) = self.0.get_mut(why as usize) {
            *counted = counted.saturating_add(count);
        }
    }

    pub fn of(&self, why: Missing) -> u32 {
        self.0.get(why as usize).copied().unwrap_or_default()
    }

    pub fn total(&self) -> u32 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Those that came up, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Missing, u32)> {
        Missing::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    /// The most frequent one.
    pub fn most(&self) -> Option<Missing> {
        self.iter().max_by_key(|(_, count)| *count).map(|(why, _)| why)
    }
}

/// `unreachable 312, refused 20`.
impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (why, count)) in self.iter().enumerate() {
            let separator = if n > 0 { ", " } else { "" };
            write!(f, "{separator}{} {count}", why.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_count_of_its_own() {
        let mut reasons = Reasons::default();
        assert_eq!((reasons.total(), reasons.most(), reasons.to_string()), (0, None, String::new()));
        for why in Missing::ALL {
            reasons.add(why);
        }
        reasons.add_all(Missing::Refused, 20);
        assert!(
            reasons.iter().eq(Missing::ALL.map(|why| (why, if why == Missing::Refused { 21 } else { 1 })))
        );
        assert_eq!((reasons.most(), reasons.of(Missing::Refused)), (Some(Missing::Refused), 21));
        assert!(reasons.to_string().contains("unreachable 1, refused 21, timeout 1"));
    }
}
