//! A hashprice that differs from the index: told once when it lasts, and once when it is over.

use std::time::Duration;

use crate::economics::IndexCheck;
use crate::ledger::{EventKind, Severity};
use crate::reading::Quality;

/// A price of bitcoin that moves is in one of both first: a difference that passes is no news.
const PATIENCE: Duration = Duration::from_secs(600);
/// It is over below this part of the limit, so that one at the limit is not told again and again.
const OVER_BELOW: f64 = 0.75;

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Index {
    /// Since when it differs, monotonic.
    since: Option<Duration>,
    told: bool,
}

impl Index {
    /// What is new. Nothing is judged by a price that is missing or stale: it is told as that.
    pub fn look(&mut self, check: &IndexCheck, now: Duration) -> Option<(EventKind, Severity, String)> {
        let difference = check.difference_percent.ok().filter(|read| read.quality < Quality::Stale)?;
        let (percent, limit) = (difference.value, check.limit_percent);
        if self.told {
            if percent.abs() >= limit * OVER_BELOW {
                return None;
            }
            *self = Self::default();
            let text = format!("own hashprice is again within {limit} % of the index: {percent:+.2} %");
            return Some((EventKind::HashpriceAgrees, Severity::Info, text));
        }
        if percent.abs() <= limit {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(now);
        if now.saturating_sub(since) < PATIENCE {
            return None;
        }
        self.told = true;
        let text = format!(
            "own hashprice differs by {percent:+.2} % from the index, more than {limit} %: \
             check difficulty, fees and the price of bitcoin"
        );
        Some((EventKind::HashpriceDiffers, Severity::Warning, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Missing, Reading};

    fn check(percent: f64, quality: Quality) -> IndexCheck {
        let difference_percent = Ok(Reading { value: percent, quality, source: "test" });
        IndexCheck { difference_percent, limit_percent: 2.0, ..IndexCheck::default() }
    }

    /// What is told at each of these: minutes, and percent.
    fn told(steps: &[(u64, f64)]) -> Vec<Option<&'static str>> {
        let mut index = Index::default();
        let look = |&(minutes, percent): &(u64, f64)| {
            let news = index.look(&check(percent, Quality::Measured), Duration::from_secs(minutes * 60));
            news.map(|(kind, ..)| kind.as_str())
        };
        steps.iter().map(look).collect()
    }

    #[test]
    fn a_difference_is_told_when_it_has_lasted_and_its_end_when_it_is_well_below_the_limit() {
        let steps = [(0, 2.1), (9, -2.1), (10, 2.1), (20, 2.3), (30, 1.6), (40, 1.4), (50, 1.4)];
        let (differs, agrees) = (Some("hashprice_differs"), Some("hashprice_agrees"));
        assert_eq!(told(&steps), [None, None, differs, None, None, agrees, None]);
    }

    #[test]
    fn one_that_passes_is_no_news_and_one_at_the_limit_does_not_flap() {
        assert_eq!(told(&[(0, 3.0), (5, 1.9), (12, 3.0), (21, 3.0)]), [None; 4]);
        let at_the_limit: Vec<(u64, f64)> =
            (0..100).map(|n| (n * 5, if n % 2 == 0 { 2.01 } else { 1.99 })).collect();
        assert_eq!(told(&at_the_limit).iter().flatten().count(), 0);
        let told_once: Vec<(u64, f64)> =
            [(0, 2.5), (10, 2.5)].into_iter().chain(at_the_limit.iter().map(|(t, p)| (t + 15, *p))).collect();
        assert_eq!(told(&told_once).iter().flatten().count(), 1);
    }

    #[test]
    fn a_stale_or_missing_index_is_judged_by_nobody() {
        let mut index = Index::default();
        for minutes in [0, 60] {
            let now = Duration::from_secs(minutes * 60);
            assert_eq!(index.look(&check(50.0, Quality::Stale), now), None);
            let missing = IndexCheck { difference_percent: Err(Missing::Denied), ..IndexCheck::default() };
            assert_eq!(index.look(&missing, now), None);
        }
    }
}
