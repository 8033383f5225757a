//! What a GPU has used since wattsplit started: from the deltas of its own counter, checked; from its power only
//! where it has none.
//!
//! The counter begins anew when the driver is loaded or the GPU is reset, and some boards' counters disagree with
//! their power. So a delta is taken only where it is possible, and where power is read as well, the two are
//! held against each other: they should be within a few percent. Without a counter the trapezoid over the
//! samples is an estimate, and time that nobody observed is left out, never bridged.

use std::time::Duration;

use crate::reading::{Missing, Quality, Read, Reading};
use crate::units::{WattHours, Watts};

/// Samples that are further apart say nothing of the power in between.
const LONGEST_STEP: Duration = Duration::from_secs(30);

/// A board may be above its limit for moments; a counter that grows faster for a whole step is wrong.
const ABOVE_LIMIT: f64 = 1.2;

/// Of a board whose limit is not told: no GPU board draws more.
const MOST_POWER_W: f64 = 1500.0;

/// Counter and power are compared over this long…
const CHECKED_OVER: Duration = Duration::from_secs(300);
/// …and may differ by this share of what power says.
const MOST_APART: f64 = 0.1;

/// Less than this share of the total does not spoil it.
const NEGLIGIBLE: f64 = 0.01;

/// What one GPU has used so far.
#[derive(Debug, Default)]
pub(super) struct GpuEnergy {
    total_wh: f64,
    /// Part of the total that was integrated, or counted while counter and power disagreed.
    unsure_wh: f64,
    /// A reset or a jump of the counter left out what was used by then.
    lacks: bool,
    /// Time was observed, even if nothing was used in it.
    observed: bool,
    counter: Option<(Duration, f64)>,
    power: Option<(Duration, f64)>,
    check: Check,
}

/// Counter against power, over the steps in which both are known.
#[derive(Debug, Default)]
struct Check {
    over: Duration,
    counted_wh: f64,
    integrated_wh: f64,
}

impl GpuEnergy {
    /// Takes in one sample, of monotonic time `at`: the raw counter, the averaged power and the limit in force.
    pub fn observe(
        &mut self,
        at: Duration,
        counter: Read<WattHours>,
        power: Read<Watts>,
        limit: Read<Watts>,
    ) {
        let integrated_wh = self.step(at, power);
        match counter {
            Ok(counter) => {
                let most_w = limit.map_or(MOST_POWER_W, |limit| limit.value.get() * ABOVE_LIMIT);
                self.count(at, counter.value.get(), most_w, integrated_wh);
            }
            // A counter that is not told for once is no reason to integrate: its next delta has it all.
            Err(_) if self.counter.is_some() => {}
            Err(_) => {
                if let Some((_, wh)) = integrated_wh {
                    self.total_wh += wh;
                    self.unsure_wh += wh;
                    self.observed = true;
                }
            }
        }
    }

    /// Since wattsplit started, with its source: `counter` or `integrated`.
    ///
    /// # Errors
    /// [`Missing::NotYet`] before two samples were observed.
    pub fn total(&self) -> Read<WattHours> {
        let total = WattHours::new(self.total_wh).filter(|_| self.observed).ok_or(Missing::NotYet)?;
        let source = if self.counter.is_some() { "counter" } else { "integrated" };
        let unsure = self.unsure_wh > self.total_wh * NEGLIGIBLE;
        let quality = if unsure || self.lacks { Quality::Estimated } else { Quality::Measured };
        Ok(Reading { value: total, quality, source })
    }

    /// The trapezoid since the sample before: how long, and how much. `None`: the power was not known all the time.
    fn step(&mut self, at: Duration, power: Read<Watts>) -> Option<(Duration, f64)> {
        let now_w = power.ok().map(|power| power.value.get());
        let before = std::mem::replace(&mut self.power, now_w.map(|now_w| (at, now_w)));
        let ((from, before_w), now_w) = (before?, now_w?);
        let step = at.saturating_sub(from);
        (step <= LONGEST_STEP).then(|| (step, (before_w + now_w) / 2.0 * hours(step)))
    }

    fn count(&mut self, at: Duration, counter_wh: f64, most_w: f64, integrated: Option<(Duration, f64)>) {
        let Some((from, before_wh)) = self.counter.replace((at, counter_wh)) else { return };
        self.observed = true;
        let (step, delta_wh) = (at.saturating_sub(from), counter_wh - before_wh);
        if delta_wh < 0.0 || delta_wh > most_w * hours(step) {
            self.lacks = true;
            self.check = Check::default();
            return;
        }
        self.total_wh += delta_wh;
        // Both over the same time, or there is nothing to compare.
        if let Some((_, wh)) = integrated.filter(|(over, _)| *over == step) {
            self.check.over = self.check.over.saturating_add(step);
            self.check.counted_wh += delta_wh;
            self.check.integrated_wh += wh;
        }
        if self.check.over >= CHECKED_OVER {
            let Check { counted_wh, integrated_wh, .. } = std::mem::take(&mut self.check);
            if (counted_wh - integrated_wh).abs() > integrated_wh * MOST_APART {
                self.unsure_wh += counted_wh.max(integrated_wh);
            }
        }
    }
}

fn hours(time: Duration) -> f64 {
    time.as_secs_f64() / 3600.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wh(wh: f64) -> Read<WattHours> {
        Ok(Reading::measured(WattHours::new(wh).unwrap(), "test"))
    }

    fn watts(watts: f64) -> Read<Watts> {
        Ok(Reading::measured(Watts::new(watts).unwrap(), "test"))
    }

    const NONE: Read<Watts> = Err(Missing::NotSupported);

    /// The total after samples of (second, counter in Wh, power in W) of a board that is limited to 700 W.
    fn total(samples: &[(u64, Option<f64>, f64)]) -> Read<WattHours> {
        let mut energy = GpuEnergy::default();
        for (secs, counter, power_w) in samples {
            let counter = counter.map_or(Err(Missing::NotSupported), wh);
            energy.observe(Duration::from_secs(*secs), counter, watts(*power_w), watts(700.0));
        }
        energy.total()
    }

    fn said(total: Read<WattHours>) -> (f64, Quality, &'static str) {
        let total = total.unwrap();
        ((total.value.get() * 1e6).round() / 1e6, total.quality, total.source)
    }

    #[test]
    fn one_sample_is_no_energy_yet() {
        assert_eq!(total(&[]), Err(Missing::NotYet));
        assert_eq!(total(&[(0, Some(500.0), 360.0)]), Err(Missing::NotYet));
        assert_eq!(total(&[(0, None, 360.0)]), Err(Missing::NotYet));
    }

    #[test]
    fn the_total_is_what_the_counter_grew_by_since_it_was_first_seen() {
        let samples = [(0, Some(500.0), 360.0), (10, Some(501.0), 360.0), (20, Some(502.5), 540.0)];
        assert_eq!(said(total(&samples)), (2.5, Quality::Measured, "counter"));
    }

    #[test]
    fn a_board_that_drew_nothing_has_used_nothing_and_that_is_known() {
        let samples = [(0, Some(500.0), 0.0), (10, Some(500.0), 0.0)];
        assert_eq!(said(total(&samples)), (0.0, Quality::Measured, "counter"));
    }

    #[test]
    fn a_counter_that_begins_anew_adds_nothing_and_leaves_the_total_an_estimate() {
        let samples = [(0, Some(500.0), 360.0), (10, Some(501.0), 360.0), (20, Some(0.2), 360.0)];
        assert_eq!(said(total(&samples)), (1.0, Quality::Estimated, "counter"));
        let on = [&samples[..], &[(30, Some(1.2), 360.0)]].concat();
        assert_eq!(said(total(&on)), (2.0, Quality::Estimated, "counter"));
    }

    #[test]
    fn a_jump_that_the_board_cannot_have_drawn_is_refused() {
        // 700 W x 1.2 over 10 s are 2.33 Wh.
        let step = |wh: f64| said(total(&[(0, Some(0.0), 700.0), (10, Some(wh), 700.0)]));
        assert_eq!(step(2.33), (2.33, Quality::Measured, "counter"));
        assert_eq!(step(2.34), (0.0, Quality::Estimated, "counter"));
        // Where the limit is not told, no board draws more than 1,500 W: 4.17 Wh.
        let unlimited = |delta_wh: f64| {
            let mut energy = GpuEnergy::default();
            energy.observe(Duration::ZERO, wh(0.0), NONE, NONE);
            energy.observe(Duration::from_secs(10), wh(delta_wh), NONE, NONE);
            said(energy.total())
        };
        assert_eq!(unlimited(4.16), (4.16, Quality::Measured, "counter"));
        assert_eq!(unlimited(4.17), (0.0, Quality::Estimated, "counter"));
    }

    #[test]
    fn a_gap_is_filled_by_the_counter_as_far_as_the_board_can_have_drawn_it() {
        let after_an_hour = |wh| said(total(&[(0, Some(0.0), 100.0), (3600, Some(wh), 100.0)]));
        assert_eq!(after_an_hour(600.0), (600.0, Quality::Measured, "counter"));
        assert_eq!(after_an_hour(900.0), (0.0, Quality::Estimated, "counter"));
    }

    #[test]
    fn a_counter_that_is_not_told_for_once_is_not_integrated_over() {
        let samples = [(0, Some(500.0), 360.0), (10, None, 360.0), (20, Some(502.0), 360.0)];
        assert_eq!(said(total(&samples)), (2.0, Quality::Measured, "counter"));
    }

    #[test]
    fn a_counter_that_disagrees_with_the_power_for_five_minutes_makes_an_estimate() {
        // 360 W are 1 Wh every 10 s.
        let five_minutes = |per_step_wh: f64| {
            let samples: Vec<_> = (0..=30).map(|n| (n * 10, Some(n as f64 * per_step_wh), 360.0)).collect();
            said(total(&samples))
        };
        assert_eq!(five_minutes(0.91), (27.3, Quality::Measured, "counter"));
        assert_eq!(five_minutes(0.89), (26.7, Quality::Estimated, "counter"));
        assert_eq!(five_minutes(1.11), (33.3, Quality::Estimated, "counter"));
    }

    #[test]
    fn five_doubtful_minutes_in_a_day_do_not_spoil_it() {
        let per_step = |n: u64| if n <= 30 { 1.5 } else { 1.0 };
        let mut counter = 0.0;
        let day: Vec<_> = (0..=8640)
            .map(|n| {
                counter += if n == 0 { 0.0 } else { per_step(n) };
                (n * 10, Some(counter), 360.0)
            })
            .collect();
        assert_eq!(said(total(&day[..=60])).1, Quality::Estimated);
        assert_eq!(said(total(&day)).1, Quality::Measured);
    }

    #[test]
    fn without_a_counter_power_is_integrated_and_a_gap_is_left_out() {
        let samples = [(0, None, 300.0), (10, None, 420.0), (40, None, 420.0), (71, None, 420.0)];
        // 1 Wh over the first 10 s, 3.5 Wh over 30 s; 31 s are a gap.
        assert_eq!(said(total(&samples)), (4.5, Quality::Estimated, "integrated"));
    }
}
