//! Which groups of miners are still there.

use std::collections::BTreeMap;

use super::age::Polling;
use super::asics::Asics;
use super::view::GroupView;
use crate::clock::Now;

/// In order of name.
pub(super) fn views(asics: &Asics, now: Now) -> Vec<GroupView> {
    let mut groups: BTreeMap<&str, GroupView> = BTreeMap::new();
    for (group, polling) in asics.pollings() {
        let entry = groups.entry(group).or_insert_with(|| GroupView::new(group));
        entry.add(polling, now);
    }
    groups.into_values().collect()
}

impl GroupView {
    fn new(group: &str) -> Self {
        Self { group: group.into(), ..Self::default() }
    }

    fn add(&mut self, polling: &Polling, now: Now) {
        let Some(age) = polling.age(now) else { return };
        self.answered = self.answered.saturating_add(1);
        self.overdue = self.overdue.max(polling.overdue());
        if let Some(why) = polling.lost(now) {
            self.lost.add(why);
            self.silence = Some(self.silence.map_or(age, |silence| silence.min(age)));
        }
    }
}
