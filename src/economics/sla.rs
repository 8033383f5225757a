//! A commitment that so many GPUs run, and what it costs when they do not.

use crate::reading::{GpuState, Missing, Quality, Read, Reading};
use crate::site::{AiBlock, GpuCounts};
use crate::units::UsdPerHour;

use super::HostingConfig;

/// `(committed − running) · penalty per GPU and hour`, and nothing where enough of them run. GPUs of which
/// nothing is known are taken to run: then it is an estimate, and at least this much.
///
/// `None`: nothing is committed.
///
/// # Errors
/// None of the hosting's hosts has ever answered, or it has none.
pub fn penalty(hosting: &HostingConfig, block: Option<&AiBlock>) -> Option<Read<UsdPerHour>> {
    let committed = hosting.committed_gpus?;
    Some(owed(committed, hosting.stop_penalty_usd_per_gpu_h, block))
}

fn owed(committed: u32, usd_per_gpu_h: f64, block: Option<&AiBlock>) -> Read<UsdPerHour> {
    let block = block.ok_or(Missing::NotYet)?;
    if committed > 0 && block.hosts == 0 {
        // Nobody reads its GPUs: whether they run is not known.
        return Err(Missing::NotConfigured);
    }
    let running = running(block.counts);
    let short = committed.saturating_sub(running);
    // A host that does not answer holds GPUs that were seen before, or that were never seen.
    let unknown = block.counts.of(GpuState::Missing);
    if short > 0 && block.counts.units() == 0 && block.hosts_unreachable > 0 {
        return Err(block.it_power.err().unwrap_or(Missing::Unreachable));
    }
    let known_short = short.saturating_sub(unknown);
    let sure = short == 0 || (unknown == 0 && block.hosts_unreachable == 0);
    let value = UsdPerHour::new(f64::from(known_short) * usd_per_gpu_h).ok_or(Missing::Implausible)?;
    let quality = if sure { Quality::Measured } else { Quality::Estimated };
    Ok(Reading { value, quality, source: "committed GPUs that do not run x penalty" })
}

fn running(counts: GpuCounts) -> u32 {
    let working = GpuState::ALL.into_iter().filter(|state| state.works());
    working.map(|state| counts.of(state)).fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::WallView;

    fn block(counts: GpuCounts, hosts_unreachable: u32) -> AiBlock {
        AiBlock {
            id: "h100".into(),
            counts,
            suspect: 0,
            hosts: 2,
            hosts_unreachable,
            board_power: Err(Missing::Timeout),
            board_energy: Err(Missing::Timeout),
            it_power: Err(Missing::Timeout),
            wall: WallView::default(),
            utilisation: Err(Missing::Timeout),
            temp_max: Err(Missing::Timeout),
            occupied: Err(Missing::NotConfigured),
        }
    }

    /// Of 16 committed GPUs at 3 USD per hour.
    fn penalty_of(counts: GpuCounts, hosts_unreachable: u32) -> Result<(f64, Quality), Missing> {
        owed(16, 3.0, Some(&block(counts, hosts_unreachable))).map(|owed| (owed.value.get(), owed.quality))
    }

    #[test]
    fn every_gpu_short_of_the_commitment_is_owed_and_more_of_them_than_committed_earn_nothing() {
        let of = |ok, lost| GpuCounts { ok, lost, ..GpuCounts::default() };
        assert_eq!(penalty_of(of(16, 0), 0), Ok((0.0, Quality::Measured)));
        assert_eq!(penalty_of(of(20, 4), 0), Ok((0.0, Quality::Measured)));
        assert_eq!(penalty_of(of(14, 2), 0), Ok((6.0, Quality::Measured)));
        let throttled = GpuCounts { ok: 10, throttled: 4, degraded: 1, hung: 1, ..GpuCounts::default() };
        assert_eq!(penalty_of(throttled, 0), Ok((3.0, Quality::Measured)));
    }

    #[test]
    fn gpus_of_which_nothing_is_known_make_it_an_estimate_and_not_a_debt() {
        let half = GpuCounts { ok: 7, lost: 1, missing: 8, ..GpuCounts::default() };
        assert_eq!(penalty_of(half, 1), Ok((3.0, Quality::Estimated)));
        let enough = GpuCounts { ok: 16, missing: 8, ..GpuCounts::default() };
        assert_eq!(penalty_of(enough, 1), Ok((0.0, Quality::Measured)));
    }

    #[test]
    fn of_hosts_that_never_answered_nothing_is_owed_that_is_known() {
        assert_eq!(penalty_of(GpuCounts::default(), 2), Err(Missing::Timeout));
        assert_eq!(owed(16, 3.0, None), Err(Missing::NotYet));
    }

    #[test]
    fn where_nobody_reads_the_gpus_nothing_is_known_to_be_short() {
        let nobody = AiBlock { hosts: 0, ..block(GpuCounts::default(), 0) };
        assert_eq!(owed(16, 1_000.0, Some(&nobody)), Err(Missing::NotConfigured));
    }
}
