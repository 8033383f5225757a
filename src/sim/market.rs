//! Prices and the Bitcoin network: paths with the size and the moods of real ones.

use super::noise::Noise;
use super::time::SimTime;

/// Hourly power prices of two typical days in a windy part of Texas, USD/MWh: an ordinary day with
/// a morning peak and an evening spike, then a day on which the wind drives prices below zero.
const POWER_USD_PER_MWH: [f64; 48] = [
    19.0, 17.5, 17.0, 17.2, 19.5, 27.0, 46.0, 58.0, 39.0, 27.0, 24.0, 26.0, //
    29.0, 34.0, 41.0, 52.0, 61.0, 78.0, 118.0, 236.0, 174.0, 96.0, 52.0, 33.0, //
    24.0, 19.0, 14.0, 11.0, 9.0, 4.0, 1.5, -0.5, -6.0, -11.0, -14.0, -12.5, //
    -9.0, -13.0, -15.0, -9.5, -2.0, 8.0, 31.0, 84.0, 67.0, 38.0, 27.0, 22.0,
];

/// Simulated length of a step of the bitcoin price.
const BTC_STEP_S: f64 = 300.0;
/// The walk starts here and is pulled back to it gently, so that it never leaves the plausible.
const BTC_USD: f64 = 91_400.0;
/// Per step; about 45 % a year, which is what the market has lately shown.
const BTC_STEP_DEVIATION: f64 = 0.0014;
const BTC_PULL: f64 = 0.999;

const START_HEIGHT: u64 = 924_600;
const START_DIFFICULTY: f64 = 152.27e12;
const BLOCKS_PER_EPOCH: u64 = 2016;
const SUBSIDY_SATS: u64 = 312_500_000;

/// The markets that the site looks at.
#[derive(Debug, Clone, Copy)]
pub struct Market {
    noise: Noise,
}

impl Market {
    pub fn new(noise: Noise) -> Self {
        Self { noise }
    }

    /// Price of energy in simulated hour `hour`, USD/MWh. Negative in windy hours.
    pub fn power_usd_per_mwh(&self, hour: u64) -> f64 {
        let base = POWER_USD_PER_MWH.iter().cycle().nth((hour % 48) as usize).copied().unwrap_or(30.0);
        let stir = 1.0 + 0.08 * self.noise.of(1).normal(hour);
        (base * stir * 100.0).round() / 100.0
    }

    /// What the venues agree on, USD.
    pub fn btc_usd(&self, at: SimTime) -> f64 {
        let steps = (at.secs() / BTC_STEP_S) as u64;
        let noise = self.noise.of(2);
        // Older steps have faded out, so a window is as good as the whole walk.
        let walk = (steps.saturating_sub(8000)..=steps)
            .fold(0.0, |x, step| x * BTC_PULL + BTC_STEP_DEVIATION * noise.normal(step));
        BTC_USD * walk.exp()
    }

    /// One venue's last trade: the agreed price with a few basis points of its own, USD.
    pub fn quote_usd(&self, venue: u64, at: SimTime) -> f64 {
        let own = 1.0 + 0.0002 * self.noise.of(3).of(venue).smooth(at.secs(), 120.0);
        (self.btc_usd(at) * own * 100.0).round() / 100.0
    }

    /// Height of the newest block: one every ten minutes.
    pub fn height(&self, at: SimTime) -> u64 {
        START_HEIGHT + (at.secs() / 600.0) as u64
    }

    /// Of the current retarget period.
    pub fn difficulty(&self, at: SimTime) -> f64 {
        self.difficulty_of(self.height(at) / BLOCKS_PER_EPOCH)
    }

    /// Height of the next retarget, and the change that it brings, percent.
    pub fn next_retarget(&self, at: SimTime) -> (u64, f64) {
        let next = self.height(at) / BLOCKS_PER_EPOCH + 1;
        let ratio = self.difficulty_of(next) / self.difficulty(at);
        (next * BLOCKS_PER_EPOCH, (ratio - 1.0) * 100.0)
    }

    fn difficulty_of(&self, epoch: u64) -> f64 {
        let first = START_HEIGHT / BLOCKS_PER_EPOCH;
        // Retargets of a growing network: mostly up, within ±6 %.
        (first..epoch.min(first + 1000)).fold(START_DIFFICULTY, |difficulty, step| {
            difficulty * (1.0 + 0.008 + 0.015 * self.noise.of(4).normal(step))
        })
    }

    /// Mean fee per block over the last day, satoshis: most of the time around 0.7 % of the subsidy.
    pub fn mean_fee_sats(&self, at: SimTime) -> u64 {
        let mood = self.noise.of(5).smooth(at.secs(), 6.0 * 3600.0);
        (2_100_000.0 * (0.6 * mood).exp()) as u64
    }

    /// Subsidy and fees of the last `blocks` blocks, satoshis.
    pub fn rewards_sats(&self, blocks: u64, at: SimTime) -> (u64, u64) {
        let fees = self.mean_fee_sats(at) * blocks;
        (SUBSIDY_SATS * blocks + fees, fees)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market() -> Market {
        Market::new(Noise::new(1))
    }

    #[test]
    fn power_has_an_evening_spike_and_a_negative_spell() {
        let prices: Vec<f64> = (0..48).map(|h| market().power_usd_per_mwh(h)).collect();
        assert!(prices.iter().any(|p| *p > 150.0));
        assert!(prices.iter().filter(|p| **p < 0.0).count() >= 6);
    }

    #[test]
    fn bitcoin_moves_but_stays_plausible_for_a_month() {
        let path: Vec<f64> = (0..720).map(|h| market().btc_usd(SimTime::from_hours(h))).collect();
        assert!(path.iter().all(|p| (60_000.0..140_000.0).contains(p)), "{path:?}");
        assert!(path.windows(2).all(|w| (w[1] / w[0] - 1.0).abs() < 0.05));
        assert!(path.windows(2).any(|w| w[0] != w[1]));
    }

    #[test]
    fn venues_differ_by_basis_points_only() {
        let at = SimTime::from_hours(20);
        for venue in 0..3 {
            assert!((market().quote_usd(venue, at) / market().btc_usd(at) - 1.0).abs() < 0.0005);
        }
    }

    #[test]
    fn difficulty_changes_only_at_a_retarget() {
        assert_eq!(market().difficulty(SimTime::from_hours(0)), START_DIFFICULTY);
        let month = market().difficulty(SimTime::from_hours(24 * 30));
        assert_ne!(month, START_DIFFICULTY);
        assert!((month / START_DIFFICULTY - 1.0).abs() < 0.2);
    }
}
