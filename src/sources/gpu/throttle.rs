//! What holds a GPU's clocks down: NVML's bit mask in words. DCGM exports the same mask.

/// Bits of `nvmlClocksThrottleReason*` (nvml.h), with the name used in payloads. Idle (bit 0) holds
/// the clocks down because nobody wants them: it is no throttling and has no name here.
const REASONS: [(u64, &str); 8] = [
    (0x002, "application_clocks"),
    (0x004, "sw_power_cap"),
    (HW_SLOWDOWN, "hw_slowdown"),
    (0x010, "sync_boost"),
    (SW_THERMAL, "sw_thermal"),
    (HW_THERMAL, "hw_thermal"),
    (HW_POWER_BRAKE, "hw_power_brake"),
    (0x100, "display_clocks"),
];

const HW_SLOWDOWN: u64 = 0x008;
const SW_THERMAL: u64 = 0x020;
const HW_THERMAL: u64 = 0x040;
const HW_POWER_BRAKE: u64 = 0x080;

/// Names of the reasons in force, in order of their bits. Bits without a name are left out.
pub(super) fn names(mask: u64) -> Vec<&'static str> {
    REASONS.iter().filter(|(bit, _)| mask & bit != 0).map(|(_, name)| *name).collect()
}

/// Whether heat or the hardware holds the clocks down. A power cap alone does not count: the
/// operator set it.
pub(super) fn is_throttled(mask: u64) -> bool {
    mask & (HW_SLOWDOWN | SW_THERMAL | HW_THERMAL | HW_POWER_BRAKE) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_gpu_is_not_throttled_and_names_no_reason() {
        assert_eq!(names(0x001), Vec::<&str>::new());
        assert!(!is_throttled(0x001));
    }

    #[test]
    fn a_power_cap_is_named_and_is_no_throttled_state() {
        assert_eq!(names(0x004), ["sw_power_cap"]);
        assert!(!is_throttled(0x004));
    }

    #[test]
    fn heat_and_the_power_brake_are_a_throttled_state() {
        for mask in [0x008, 0x020, 0x040, 0x080] {
            assert!(is_throttled(mask), "{mask:#x}");
        }
        assert_eq!(names(0x0e8), ["hw_slowdown", "sw_thermal", "hw_thermal", "hw_power_brake"]);
    }

    #[test]
    fn bits_of_a_newer_driver_are_left_out() {
        assert_eq!(names(1 << 40), Vec::<&str>::new());
    }
}
