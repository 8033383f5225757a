//! What the Bitcoin network is expected to do next, and what others say that it pays.

use std::time::Duration;

use super::Read;
use crate::clock::UnixMs;
use crate::units::UsdPerPhDay;

/// Blocks from one change of difficulty to the next.
pub const RETARGET_BLOCKS: u64 = 2016;

/// The next change of difficulty, as it is expected by the pace of the blocks so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retarget {
    /// When its first block is expected.
    pub at: UnixMs,
    /// Of the difficulty now, percent: -75 to 300.
    pub difficulty_change_percent: f64,
}

/// Somebody else's hashprice, for comparison.
#[derive(Debug, Clone)]
pub struct HashpriceIndexSample {
    pub interval: Duration,
    pub index: Read<UsdPerPhDay>,
    /// Time in the reply, where there is one.
    pub observed: Option<UnixMs>,
}

/// Height of the first block with another difficulty, after the block at `height`.
pub fn next_retarget(height: u64) -> u64 {
    (height / RETARGET_BLOCKS).saturating_add(1).saturating_mul(RETARGET_BLOCKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difficulty_changes_at_multiples_of_2016_and_the_first_block_of_an_epoch_is_as_far_as_can_be() {
        assert_eq!(next_retarget(740_767), 741_888);
        assert_eq!(next_retarget(741_887), 741_888);
        assert_eq!(next_retarget(741_888), 743_904);
        assert_eq!(next_retarget(0), 2016);
    }
}
