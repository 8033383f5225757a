//! Groups of miners that are lost together: a switch, a breaker, a container. A miner alone is no event.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::ledger::{EventKind, Severity};
use crate::site::GroupView;

/// Fewer miners are no group.
const FEWEST: u32 = 3;

/// What happened to which group, in one sentence.
type News = (EventKind, Severity, Arc<str>, String);

/// What each group was like before.
#[derive(Debug, Default)]
pub struct Groups(BTreeMap<Arc<str>, Watched>);

#[derive(Debug, Default)]
struct Watched {
    /// Most miners that answered at the same time, in the span of time before this one and in this one.
    most: [u32; 2],
    /// When this span began, monotonic.
    begun: Duration,
    lost: Option<Lost>,
}

/// A group of which most is gone.
#[derive(Debug)]
struct Lost {
    /// Miners that answered before.
    of: u32,
    /// When the last of the lost answered, monotonic.
    since: Duration,
    /// Since when most of it answers again.
    back: Option<Duration>,
}

impl Groups {
    /// What is new, seen from what was seen before.
    pub fn look(&mut self, groups: &[GroupView], now: Duration) -> Vec<News> {
        groups.iter().filter_map(|group| self.look_at(group, now)).collect()
    }

    fn look_at(&mut self, group: &GroupView, now: Duration) -> Option<News> {
        let watched = self.0.entry(group.group.clone()).or_default();
        let answering = group.answered.saturating_sub(group.lost.total());
        let name = &group.group;
        match &mut watched.lost {
            None => {
                let of = watched.most_lately(answering, group.overdue, now);
                let gone = of.saturating_sub(answering);
                if gone < FEWEST || gone < of.div_ceil(2) {
                    return None;
                }
                let since = now.saturating_sub(group.silence.unwrap_or_default());
                watched.lost = Some(Lost { of, since, back: None });
                let why = group.lost.most().map_or("", |why| why.as_str()).replace('_', " ");
                let text =
                    format!("{gone} of {of} miners of {name} have stopped to answer so far, mostly: {why}");
                Some((EventKind::GroupLost, Severity::Alarm, name.clone(), text))
            }
            Some(lost) => {
                // More than the half at which it was lost, and for a while: what comes and goes is not back.
                if u64::from(answering) * 5 < u64::from(lost.of) * 3 {
                    lost.back = None;
                    return None;
                }
                let back = *lost.back.get_or_insert(now);
                if now.saturating_sub(back) < group.overdue {
                    return None;
                }
                let away = span(back.saturating_sub(lost.since));
                // Some may have been away for longer.
                let of = lost.of.max(answering);
                let text = format!("{answering} of {of} miners of {name} answer again after {away}");
                *watched = Watched { most: [0, answering], begun: now, lost: None };
                Some((EventKind::GroupBack, Severity::Info, name.clone(), text))
            }
        }
    }
}

impl Watched {
    /// Most that answered at the same time within about two intervals.
    fn most_lately(&mut self, answering: u32, overdue: Duration, now: Duration) -> u32 {
        let [before, most] = self.most;
        if now.saturating_sub(self.begun) >= overdue {
            (self.most, self.begun) = ([most, answering], now);
        } else {
            self.most = [before, most.max(answering)];
        }
        let [before, most] = self.most;
        before.max(most)
    }
}

/// A span of time as people say it.
pub fn span(time: Duration) -> String {
    match time.as_secs() {
        secs @ 0..=119 => format!("{secs} s"),
        secs @ 120..=7_199 => format!("{} min", secs / 60),
        secs => format!("{} h", secs / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Missing, Reasons};

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// Of 24 miners of `row-a`, polled every 30 s, some are lost.
    fn row(unreachable: u32, refused: u32) -> GroupView {
        let mut lost = Reasons::default();
        lost.add_all(Missing::Unreachable, unreachable);
        lost.add_all(Missing::Refused, refused);
        let silence = (lost.total() > 0).then_some(secs(60));
        GroupView { group: "row-a".into(), answered: 24, lost, silence, overdue: secs(75) }
    }

    /// What is told while so many are lost, one count every ten seconds.
    fn story(lost: &[u32]) -> Vec<(u64, News)> {
        let mut groups = Groups::default();
        let mut told = Vec::new();
        for (at, lost) in (0u64..).map(|n| n * 10).zip(lost) {
            told.extend(groups.look(&[row(*lost, 0)], secs(at)).into_iter().map(|news| (at, news)));
        }
        told
    }

    fn times(count: usize, lost: u32) -> Vec<u32> {
        vec![lost; count]
    }

    #[test]
    fn a_group_that_is_lost_and_back_is_two_events() {
        let told = story(&[times(10, 0), vec![5, 11, 12, 20], times(100, 24), times(20, 1)].concat());
        let [(lost_at, lost), (back_at, back)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(
            (*lost_at, lost.0, lost.1, &*lost.2),
            (120, EventKind::GroupLost, Severity::Alarm, "row-a")
        );
        assert_eq!(lost.3, "12 of 24 miners of row-a have stopped to answer so far, mostly: unreachable");
        // Two and a half intervals after the return.
        assert_eq!((*back_at, back.0, back.1), (1220, EventKind::GroupBack, Severity::Info));
        assert_eq!(back.3, "23 of 24 miners of row-a answer again after 18 min");
    }

    #[test]
    fn what_is_gone_at_the_start_is_no_event_and_its_return_neither() {
        assert_eq!(story(&[times(30, 24), times(30, 0)].concat()), []);
        let mut groups = Groups::default();
        let none = GroupView { answered: 0, ..row(0, 0) };
        assert_eq!(groups.look(&[none], secs(0)), []);
    }

    #[test]
    fn less_than_half_is_no_event_nor_is_what_dies_one_by_one() {
        assert_eq!(story(&[times(10, 0), times(30, 11)].concat()), []);
        let one_by_one: Vec<u32> = (0..24).flat_map(|lost| times(12, lost)).collect();
        assert_eq!(story(&one_by_one), [], "each of the last ones has a cause of its own");
    }

    #[test]
    fn two_of_three_miners_are_no_event_and_three_of_three_are() {
        let small = |lost| GroupView { answered: 3, ..row(lost, 0) };
        let mut groups = Groups::default();
        let mut look = |lost, at| groups.look(&[small(lost)], secs(at)).len();
        assert_eq!([(0, 0), (2, 10), (3, 20), (3, 30)].map(|(lost, at)| look(lost, at)), [0, 0, 1, 0]);
    }

    #[test]
    fn a_group_that_comes_and_goes_is_lost_once_and_back_when_it_stays() {
        let flaps: Vec<u32> = (0..20).flat_map(|_| [times(4, 24), times(6, 0)].concat()).collect();
        let told = story(&[times(10, 0), flaps, times(20, 0)].concat());
        assert_eq!(
            told.iter().map(|(_, news)| news.0).collect::<Vec<_>>(),
            [EventKind::GroupLost, EventKind::GroupBack]
        );
        let between: Vec<u32> = (0..20).flat_map(|n| times(2, 10 + n % 4)).collect();
        let told = story(&[times(10, 0), times(2, 24), between].concat());
        assert_eq!(told.len(), 1, "ten to thirteen of 24 is neither lost nor back");
    }

    #[test]
    fn each_group_has_an_event_of_its_own_with_its_own_reason() {
        let mut groups = Groups::default();
        let other = |lost| GroupView { group: "row-b".into(), ..lost };
        groups.look(&[row(0, 0), other(row(0, 0))], secs(0));
        let told = groups.look(&[row(20, 4), other(row(1, 17))], secs(10));
        let texts: Vec<&str> = told.iter().map(|news| news.3.as_str()).collect();
        assert_eq!(
            texts,
            [
                "24 of 24 miners of row-a have stopped to answer so far, mostly: unreachable",
                "18 of 24 miners of row-b have stopped to answer so far, mostly: refused"
            ]
        );
    }
}
