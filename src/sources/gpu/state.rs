//! What a GPU that answers is doing, by what it says. Pure.

use crate::reading::{GpuFacts, GpuState};

/// The gravest that is true.
///
/// The driver asks for a reset or a reboot where the GPU does no work until then, and for a drain where it
/// works with what it has left (`nvmlDeviceGpuRecoveryAction_t` of nvml.h). A row that waits to be replaced or
/// cannot be, and errors that ECC finds and cannot correct (`errors_grow`), announce a failure.
pub(super) fn of(throttled: bool, facts: &GpuFacts, errors_grow: bool) -> GpuState {
    let worn = facts.remap_failed == Some(true) || facts.remap_pending == Some(true) || errors_grow;
    match facts.recovery_action {
        Some("reset" | "reboot") => GpuState::ResetRequired,
        Some("drain" | "drain_and_reset") => GpuState::Degraded,
        _ if worn => GpuState::Degraded,
        _ if throttled => GpuState::Throttled,
        _ => GpuState::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(recovery_action: Option<&'static str>) -> GpuFacts {
        GpuFacts { recovery_action, ..GpuFacts::default() }
    }

    #[test]
    fn a_gpu_of_which_nothing_bad_is_known_is_ok_or_throttled() {
        for action in [None, Some("none")] {
            assert_eq!(of(false, &asked(action), false), GpuState::Ok);
            assert_eq!(of(true, &asked(action), false), GpuState::Throttled);
        }
    }

    #[test]
    fn a_reset_or_a_reboot_that_is_due_stops_its_work_and_a_drain_does_not() {
        for (action, expected) in [
            ("reset", GpuState::ResetRequired),
            ("reboot", GpuState::ResetRequired),
            ("drain", GpuState::Degraded),
            ("drain_and_reset", GpuState::Degraded),
        ] {
            let state = of(true, &asked(Some(action)), false);
            assert_eq!((state, state.works()), (expected, expected == GpuState::Degraded), "{action}");
        }
    }

    #[test]
    fn memory_that_wears_out_is_degraded_and_that_is_graver_than_throttled() {
        let pending = GpuFacts { remap_pending: Some(true), ..GpuFacts::default() };
        let failed = GpuFacts { remap_failed: Some(true), ..GpuFacts::default() };
        let fine = GpuFacts {
            remap_pending: Some(false),
            remap_failed: Some(false),
            rows_remapped: Some(3),
            ..GpuFacts::default()
        };
        assert_eq!(of(true, &pending, false), GpuState::Degraded);
        assert_eq!(of(false, &failed, false), GpuState::Degraded);
        assert_eq!(of(false, &fine, true), GpuState::Degraded);
        assert_eq!(of(false, &fine, false), GpuState::Ok, "rows that were replaced are mended");
    }
}
