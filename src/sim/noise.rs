//! Randomness as a function: the same seed, stream and step give the same number, in any order.
//!
//! With no generator state there is nothing to advance, so the world can be asked about any moment.

/// SplitMix64's mixing function (Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A stream of numbers: one per thing that varies on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(0x9E37_79B9_7F4A_7C15)))
    }

    /// An independent stream for the part named by `key`.
    pub fn of(self, key: u64) -> Self {
        Self(mix(self.0 ^ mix(key.wrapping_add(0x9E37_79B9_7F4A_7C15))))
    }

    /// Uniform in 0.0..1.0 at `step`.
    pub fn uniform(self, step: u64) -> f64 {
        // The 53 bits that a double holds exactly.
        (self.of(step).0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Roughly normal with mean 0 and deviation 1, never beyond ±3.5 (sum of twelve uniforms).
    pub fn normal(self, step: u64) -> f64 {
        let stream = self.of(step);
        let sum: f64 = (0..12).map(|k| stream.uniform(k)).sum();
        (sum - 6.0).clamp(-3.5, 3.5)
    }

    /// Between -1.0 and 1.0, without jumps: straight lines between a point per `period_s`.
    pub fn smooth(self, at_s: f64, period_s: f64) -> f64 {
        let x = (at_s / period_s).max(0.0);
        let step = x.floor();
        let (a, b) = (self.uniform(step as u64), self.uniform(step as u64 + 1));
        (a + (b - a) * (x - step)) * 2.0 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_step_always_give_the_same_number() {
        assert_eq!(Noise::new(7).of(3).uniform(11), Noise::new(7).of(3).uniform(11));
        assert_ne!(Noise::new(7).uniform(11), Noise::new(8).uniform(11));
    }

    #[test]
    fn numbers_are_spread_over_the_whole_range() {
        let mean = (0..2000).map(|k| Noise::new(1).uniform(k)).sum::<f64>() / 2000.0;
        assert!((0.47..0.53).contains(&mean), "{mean}");
        let spread = (0..2000).map(|k| Noise::new(1).normal(k).powi(2)).sum::<f64>() / 2000.0;
        assert!((0.85..1.15).contains(&spread), "{spread}");
    }

    #[test]
    fn smooth_noise_has_no_jumps() {
        let noise = Noise::new(5);
        for second in 0..600 {
            let step = noise.smooth(f64::from(second) + 1.0, 60.0) - noise.smooth(f64::from(second), 60.0);
            assert!(step.abs() <= 2.0 / 60.0 + 1e-9, "{step} at {second}");
        }
    }
}
