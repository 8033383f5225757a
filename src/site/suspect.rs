//! GPUs whose utilisation is not to be believed.

use crate::reading::GpuSample;

/// From this utilisation on a GPU calls itself busy.
const BUSY: f64 = 0.99;
/// A GPU that works draws more than this share of its limit.
const LITTLE_POWER: f64 = 0.35;
/// What a driver keeps for itself is less than this share of the memory.
const LITTLE_MEMORY: f64 = 0.01;

/// Busy by its own word, with no process on it and little power: a driver can latch on to 100 % for
/// days. Where nobody counts its processes, memory that nobody uses stands for there being none.
pub(super) fn is_suspect(gpu: &GpuSample) -> bool {
    let (Ok(busy), Ok(power), Ok(limit)) = (gpu.utilisation, gpu.power, gpu.power_limit) else {
        return false;
    };
    let unused = || match (gpu.memory_used_bytes, gpu.memory_total_bytes) {
        (Ok(used), Ok(total)) => (used.value as f64) < LITTLE_MEMORY * total.value as f64,
        _ => false,
    };
    let no_process = gpu.facts.processes.map_or_else(unused, |processes| processes == 0);
    no_process && busy.value.get() >= BUSY && power.value.get() < LITTLE_POWER * limit.value.get()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::reading::{GpuFacts, GpuState, Missing, Read, Reading};
    use crate::units::{Fraction, Watts};

    fn gpu(busy: f64, watts: f64, processes: Option<u32>) -> GpuSample {
        let power = |watts| -> Read<Watts> { Ok(Reading::measured(Watts::new(watts).unwrap(), "test")) };
        GpuSample {
            utilisation: Ok(Reading::measured(Fraction::new(busy).unwrap(), "test")),
            power: power(watts),
            power_limit: power(1000.0),
            facts: Arc::new(GpuFacts { processes, ..GpuFacts::default() }),
            ..GpuSample::blank("GPU-a".into(), None, GpuState::Ok, Missing::NotReported)
        }
    }

    #[test]
    fn busy_without_a_process_and_with_little_power_is_suspect_and_nothing_less() {
        assert!(is_suspect(&gpu(1.0, 100.0, Some(0))));
        assert!(!is_suspect(&gpu(0.9, 100.0, Some(0))));
        assert!(!is_suspect(&gpu(1.0, 400.0, Some(0))));
        assert!(!is_suspect(&gpu(1.0, 100.0, Some(1))));
    }

    #[test]
    fn memory_that_nobody_uses_stands_for_no_process_where_they_are_not_counted() {
        let with_memory = |used| GpuSample {
            memory_used_bytes: Ok(Reading::measured(used, "test")),
            memory_total_bytes: Ok(Reading::measured(80_000, "test")),
            ..gpu(1.0, 100.0, None)
        };
        assert!(is_suspect(&with_memory(4)));
        assert!(!is_suspect(&with_memory(40_000)));
        assert!(!is_suspect(&gpu(1.0, 100.0, None)), "nothing is known of either");
    }
}
