//! Names of the blocks of miners, each stored once.

use std::collections::HashMap;
use std::sync::Arc;

/// Longest part of a model name that enters an id; what is longer is not a model name.
const LONGEST_MODEL: usize = 40;

/// Part of an id for miners that do not tell their model.
const UNKNOWN: &str = "unknown";

/// Index of a block; valid while the block has units.
pub(super) type BlockIndex = usize;

#[derive(Debug, Default)]
pub(super) struct Blocks {
    slots: Vec<Block>,
    by_id: HashMap<Arc<str>, BlockIndex>,
    /// Slots of blocks that lost their last unit. Reusing them bounds the table by the number of
    /// miners, even if one of them calls itself something new at every poll.
    free: Vec<BlockIndex>,
}

#[derive(Debug, Clone)]
pub(super) struct Block {
    pub id: Arc<str>,
    pub group: Arc<str>,
    pub model: Option<Arc<str>>,
    units: u32,
}

impl Blocks {
    /// One more unit for the block of this group and model.
    pub fn enter(&mut self, group: &Arc<str>, model: Option<&Arc<str>>) -> BlockIndex {
        let id = block_id(group, model.map(|model| &**model));
        if let Some(index) = self.by_id.get(id.as_str()).copied() {
            if let Some(block) = self.slots.get_mut(index) {
                block.units = block.units.saturating_add(1);
            }
            return index;
        }
        let id: Arc<str> = id.into();
        let block = Block { id: id.clone(), group: group.clone(), model: model.cloned(), units: 1 };
        let index = match self.free.pop() {
            Some(index) => {
                if let Some(slot) = self.slots.get_mut(index) {
                    *slot = block;
                }
                index
            }
            None => {
                self.slots.push(block);
                self.slots.len() - 1
            }
        };
        self.by_id.insert(id, index);
        index
    }

    /// One unit less.
    pub fn leave(&mut self, index: BlockIndex) {
        let Some(block) = self.slots.get_mut(index) else { return };
        block.units = block.units.saturating_sub(1);
        if block.units == 0 {
            self.by_id.remove(&block.id);
            self.free.push(index);
        }
    }

    /// Slots to index sums by: every [`BlockIndex`] is below this.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    pub fn get(&self, index: BlockIndex) -> Option<&Block> {
        self.slots.get(index).filter(|block| block.units > 0)
    }
}

/// `<group>-<model>`. The model's part holds no `-`, so that the last one always separates the two
/// and no two groups can meet in one id. Spellings of one model that differ in case, spaces or
/// punctuation are one block; `+` counts, since it tells models apart.
fn block_id(group: &str, model: Option<&str>) -> String {
    let mut id = String::with_capacity(group.len() + 12);
    id.push_str(group);
    id.push('-');
    let start = id.len();
    for c in model.unwrap_or_default().chars() {
        match c {
            '+' => id.push_str("plus"),
            c if c.is_ascii_alphanumeric() => id.push(c.to_ascii_lowercase()),
            _ => {}
        }
        if id.len() - start >= LONGEST_MODEL {
            break;
        }
    }
    if id.len() == start {
        id.push_str(UNKNOWN);
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_of_the_group_and_the_model() {
        for (group, model, expected) in [
            ("row-a", Some("S19 XP"), "row-a-s19xp"),
            ("row-a", Some("S19j Pro"), "row-a-s19jpro"),
            ("row-a", Some("S19j Pro+"), "row-a-s19jproplus"),
            ("c1", Some("M30S++_VH40"), "c1-m30splusplusvh40"),
            ("c1", Some("±…"), "c1-unknown"),
            ("c1", None, "c1-unknown"),
        ] {
            assert_eq!(block_id(group, model), expected);
        }
    }

    #[test]
    fn two_groups_never_share_an_id() {
        assert_ne!(block_id("a", Some("b-c")), block_id("a-b", Some("c")));
        assert_ne!(block_id("a", Some("b c")), block_id("a-b", Some("c")));
    }

    #[test]
    fn a_miner_that_renames_itself_all_the_time_does_not_grow_the_table() {
        let mut blocks = Blocks::default();
        let group: Arc<str> = "c1".into();
        for n in 0..1000 {
            let model: Arc<str> = format!("model {n}").into();
            let index = blocks.enter(&group, Some(&model));
            assert_eq!(blocks.get(index).unwrap().model.as_deref(), Some(&*model));
            blocks.leave(index);
        }
        assert_eq!((blocks.slots(), blocks.by_id.len()), (1, 0));
    }
}
