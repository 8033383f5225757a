//! What must be remembered from one page to the next.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Page;
use crate::reading::{Allocation, GpuSample, GpuState, Missing};
use crate::sources::gpu::roster::Roster;
use crate::units::WattHours;

/// Of one host.
#[derive(Debug, Default)]
pub(super) struct Memory {
    roster: Roster,
    xids: HashMap<Arc<str>, Xids>,
    /// Last value of doubtful counters; `None` once one has fallen.
    energies: HashMap<Arc<str>, Option<WattHours>>,
    /// A row has had a label for who has the GPU.
    tells_holders: bool,
}

#[derive(Debug)]
struct Xids {
    last: u32,
    counts: BTreeMap<u32, u64>,
}

impl Memory {
    /// The GPUs of a page, with those that were seen before and are gone, who has them, and their
    /// errors since the start.
    pub fn complete(&mut self, page: Page) -> Vec<GpuSample> {
        let Page { mut gpus, last_xids, doubtful_energy } = page;
        for (index, code) in last_xids {
            if let Some(gpu) = gpus.get_mut(index) {
                self.count_xid(gpu, code);
            }
        }
        if doubtful_energy {
            gpus.iter_mut().for_each(|gpu| self.doubt_energy(gpu));
        }
        self.tells_holders |= gpus.iter().any(|gpu| gpu.allocation.is_some());
        self.roster.complete(&mut gpus);
        if self.tells_holders {
            let free: Arc<Allocation> = Arc::default();
            // Newer exporters leave the labels of a GPU out that nobody has.
            for gpu in gpus.iter_mut().filter(|gpu| gpu.state != GpuState::Missing) {
                gpu.allocation.get_or_insert_with(|| Arc::clone(&free));
            }
        }
        gpus
    }

    /// A counter that has fallen once is none any more.
    fn doubt_energy(&mut self, gpu: &mut GpuSample) {
        let Ok(energy) = gpu.energy.map(|energy| energy.value) else { return };
        let last = self.energies.entry(Arc::clone(&gpu.uuid)).or_insert(Some(energy));
        *last = last.filter(|last| *last <= energy).map(|_| energy);
        if last.is_none() {
            gpu.energy = Err(Missing::Implausible);
        }
    }

    /// The page shows the newest code only, for good: one is counted when it differs from the one
    /// before. Two equal codes in a row cannot be told from one, and what was there at the first look
    /// may be days old, so it counts as none.
    fn count_xid(&mut self, gpu: &mut GpuSample, code: u32) {
        let known = self.xids.entry(Arc::clone(&gpu.uuid));
        let xids = known.or_insert_with(|| Xids { last: code, counts: BTreeMap::new() });
        if code != xids.last {
            xids.last = code;
            // Zero: the exporter began anew.
            if code != 0 {
                let count = xids.counts.entry(code).or_default();
                *count = count.saturating_add(1);
            }
        }
        gpu.xids.clone_from(&xids.counts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Read, Reading};

    fn page(xid: u32) -> Page {
        let gpu = GpuSample::blank("GPU-a".into(), None, GpuState::Ok, Missing::NotReported);
        Page { gpus: vec![gpu], last_xids: vec![(0, xid)], doubtful_energy: false }
    }

    fn counts(memory: &mut Memory, xid: u32) -> Vec<(u32, u64)> {
        memory.complete(page(xid)).remove(0).xids.into_iter().collect()
    }

    #[test]
    fn an_xid_counts_when_it_differs_from_the_one_before() {
        let mut memory = Memory::default();
        assert_eq!(counts(&mut memory, 31), [], "it may be days old");
        assert_eq!(counts(&mut memory, 31), []);
        assert_eq!(counts(&mut memory, 79), [(79, 1)]);
        assert_eq!(counts(&mut memory, 79), [(79, 1)], "a second one would look the same");
        assert_eq!(counts(&mut memory, 0), [(79, 1)]);
        assert_eq!(counts(&mut memory, 79), [(79, 2)]);
    }

    #[test]
    fn a_doubtful_counter_that_falls_once_is_believed_no_more() {
        let mut memory = Memory::default();
        let mut energy = |wh: f64| -> Read<WattHours> {
            let mut page = Page { doubtful_energy: true, ..page(0) };
            page.gpus[0].energy = Ok(Reading::estimated(WattHours::new(wh).unwrap(), "test"));
            memory.complete(page).remove(0).energy
        };
        assert_eq!(energy(10.0).map(|energy| energy.value.get()), Ok(10.0));
        assert_eq!(energy(11.0).map(|energy| energy.value.get()), Ok(11.0));
        for wh in [10.5, 12.0] {
            assert_eq!(energy(wh), Err(Missing::Implausible));
        }
    }

    #[test]
    fn nobody_has_a_gpu_without_labels_once_the_exporter_has_shown_some() {
        let mut memory = Memory::default();
        assert_eq!(memory.complete(page(0))[0].allocation, None);
        let mut taken = page(0);
        let pod = Allocation { pod: Some("llm-0".into()), ..Allocation::default() };
        taken.gpus[0].allocation = Some(Arc::new(pod));
        assert!(memory.complete(taken)[0].allocation.as_ref().is_some_and(|a| a.is_taken()));
        assert!(memory.complete(page(0))[0].allocation.as_ref().is_some_and(|a| !a.is_taken()));
    }
}
