//! Which GPUs a host has shown so far, so that one that vanishes is reported and not forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::reading::{GpuSample, GpuState, Missing};

/// A host that has shown more makes them up: it is started afresh with those that are there.
const MOST_KNOWN: usize = 1_024;

/// Every GPU that a host has ever shown, by UUID, with its name.
#[derive(Debug, Default)]
pub(super) struct Roster(BTreeMap<Arc<str>, Option<Arc<str>>>);

impl Roster {
    /// Remembers the GPUs in `samples`, gives those without a name the one they had, and appends
    /// those that were seen before and are gone.
    pub(super) fn complete(&mut self, samples: &mut Vec<GpuSample>) {
        if self.0.len() > MOST_KNOWN {
            self.0.clear();
        }
        let gone: Vec<GpuSample> = self
            .0
            .iter()
            .filter(|(uuid, _)| !samples.iter().any(|sample| sample.uuid == **uuid))
            .map(|(uuid, name)| {
                GpuSample::blank(Arc::clone(uuid), name.clone(), GpuState::Missing, Missing::Lost)
            })
            .collect();
        for sample in samples.iter_mut() {
            let known = self.0.entry(Arc::clone(&sample.uuid)).or_default();
            match &sample.name {
                Some(_) => known.clone_from(&sample.name),
                None => sample.name.clone_from(known),
            }
        }
        samples.extend(gone);
    }
}

/// A GPU of which nothing can be read any more.
#[cfg(any(feature = "nvml", test))]
pub(super) fn void(uuid: Arc<str>, state: GpuState) -> GpuSample {
    GpuSample::blank(uuid, None, state, Missing::Lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(uuid: &str) -> GpuSample {
        GpuSample::blank(uuid.into(), Some("NVIDIA L40S".into()), GpuState::Ok, Missing::NotReported)
    }

    #[test]
    fn a_gpu_that_vanishes_is_missing_under_its_own_name_until_it_returns() {
        let mut roster = Roster::default();
        roster.complete(&mut vec![seen("GPU-a"), seen("GPU-b")]);

        let mut without_a = vec![seen("GPU-b")];
        roster.complete(&mut without_a);
        assert_eq!(without_a.len(), 2);
        let a = &without_a[1];
        assert_eq!((&*a.uuid, a.name.as_deref(), a.state), ("GPU-a", Some("NVIDIA L40S"), GpuState::Missing));
        assert_eq!(a.power, Err(Missing::Lost));

        let mut back = vec![seen("GPU-a"), seen("GPU-b")];
        roster.complete(&mut back);
        assert_eq!(back.len(), 2);
        assert_eq!(back[0].state, GpuState::Ok);
    }

    #[test]
    fn a_host_that_makes_up_gpus_does_not_fill_the_memory() {
        let mut roster = Roster::default();
        for n in 0..10_000 {
            let mut samples = vec![seen(&format!("GPU-{n}"))];
            roster.complete(&mut samples);
            assert!(samples.len() <= MOST_KNOWN + 2);
        }
    }

    #[test]
    fn a_lost_gpu_keeps_the_name_it_had() {
        let mut roster = Roster::default();
        roster.complete(&mut vec![seen("GPU-a")]);
        let mut samples = vec![void("GPU-a".into(), GpuState::Lost)];
        roster.complete(&mut samples);
        assert_eq!(samples[0].name.as_deref(), Some("NVIDIA L40S"));
    }
}
