//! The next change of difficulty, by the pace of the blocks since the last one.
//!
//! The rule of consensus (Bitcoin Core, `CalculateNextWorkRequired`): difficulty is multiplied by two weeks
//! over the time from the first to the last block of an epoch, and by no more than 4 and no less than a
//! quarter. That time holds 2,015 spacings, one less than blocks.

use crate::clock::UnixMs;
use crate::reading::{Missing, RETARGET_BLOCKS, Read, Reading, Retarget, next_retarget};

/// What an epoch takes at the spacing that is aimed at: 2,016 times ten minutes, in seconds.
const EPOCH_S: f64 = 1_209_600.0;
/// Most that one change multiplies or divides difficulty by.
const MAX_FACTOR: f64 = 4.0;
/// The pace of n blocks is off by one part in √n: 8 % after a day of them, and no forecast before.
const LEAST_BLOCKS: u64 = 144;
/// What no change can be below or above, percent.
const CHANGES: std::ops::RangeInclusive<f64> = -75.0..=300.0;

/// Height of the first block that has the difficulty of the block at `height`.
pub fn first_of_epoch(height: u64) -> u64 {
    height - height % RETARGET_BLOCKS
}

/// From the times of the epoch's first block and of the newest one, at `height`; Unix seconds.
///
/// # Errors
/// [`Missing::NotYet`] in the first day of an epoch; [`Missing::Implausible`] if time did not pass.
pub fn by_pace(height: u64, first_s: i64, tip_s: i64) -> Read<Retarget> {
    let blocks = height % RETARGET_BLOCKS;
    if blocks < LEAST_BLOCKS {
        return Err(Missing::NotYet);
    }
    let elapsed = tip_s.saturating_sub(first_s);
    if elapsed <= 0 {
        return Err(Missing::Implausible);
    }
    let spacing = elapsed as f64 / blocks as f64;
    let epoch = spacing * (RETARGET_BLOCKS - 1) as f64;
    let factor = (EPOCH_S / epoch).clamp(1.0 / MAX_FACTOR, MAX_FACTOR);
    let left = next_retarget(height).saturating_sub(height);
    let until_ms = (left as f64 * spacing * 1e3).round() as i64;
    let at = UnixMs(UnixMs::from_secs(tip_s).0.saturating_add(until_ms));
    expected(at, (factor - 1.0) * 100.0, "pace of the epoch")
}

/// A forecast is never better than an estimate.
///
/// # Errors
/// [`Missing::Implausible`] beyond what one change can do.
pub fn expected(at: UnixMs, difficulty_change_percent: f64, source: &'static str) -> Read<Retarget> {
    if !CHANGES.contains(&difficulty_change_percent) {
        return Err(Missing::Implausible);
    }
    Ok(Reading::estimated(Retarget { at, difficulty_change_percent }, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1,008 blocks into the epoch of 741,888.
    const HEIGHT: u64 = 742_896;

    fn change(blocks_took_s: i64) -> Read<f64> {
        by_pace(HEIGHT, 1_000_000, 1_000_000 + blocks_took_s).map(|r| r.map(|r| r.difficulty_change_percent))
    }

    #[test]
    fn blocks_every_ten_minutes_raise_difficulty_by_one_part_in_2015() {
        let percent = change(1008 * 600).unwrap().value;
        assert!((percent - 100.0 / 2015.0).abs() < 1e-9, "{percent}");
    }

    #[test]
    fn half_the_epoch_in_nine_tenths_of_its_time_is_a_ninth_more() {
        let retarget = by_pace(HEIGHT, 1_000_000, 1_000_000 + 544_320).unwrap().value;
        let expected = (1_209_600.0 / (540.0 * 2015.0) - 1.0) * 100.0;
        assert!((retarget.difficulty_change_percent - expected).abs() < 1e-9);
        // As many blocks again, at 540 s each.
        assert_eq!(retarget.at, UnixMs::from_secs(1_000_000 + 2 * 544_320));
    }

    #[test]
    fn no_change_is_beyond_four_times_or_a_quarter() {
        assert_eq!(change(1008 * 60).unwrap().value, 300.0);
        assert_eq!(change(1008 * 6000).unwrap().value, -75.0);
    }

    #[test]
    fn a_young_epoch_and_a_clock_that_stands_give_no_forecast() {
        assert_eq!(by_pace(741_888, 5, 5), Err(Missing::NotYet));
        assert_eq!(by_pace(741_888 + 143, 0, 1_000_000), Err(Missing::NotYet));
        assert_eq!((change(0), change(-5)), (Err(Missing::Implausible), Err(Missing::Implausible)));
    }
}
