//! What is known of each GPU from one poll to the next: its name and its facts, read again when they are due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nvml_wrapper::Device;
use nvml_wrapper::error::NvmlError;

use super::facts;
use super::told::told;
use crate::reading::GpuFacts;

/// Between two readings of the facts of a GPU.
const EVERY: Duration = Duration::from_secs(60);

/// Errors that ECC could not correct are news for this long.
const ERRORS_ARE_NEWS: Duration = Duration::from_secs(3600);

/// One GPU.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) name: Option<Arc<str>>,
    pub(super) facts: Arc<GpuFacts>,
    /// When the facts were read, monotonic; `None`: they must be.
    read: Option<Duration>,
    /// When errors had last become more, and when it was last looked for.
    grew: Option<Duration>,
    looked: Duration,
}

impl Known {
    /// Takes in what the driver asks for now.
    pub(super) fn recover(&mut self, action: Option<&'static str>) {
        if self.facts.recovery_action != action {
            Arc::make_mut(&mut self.facts).recovery_action = action;
        }
    }

    /// More errors that could not be corrected were counted within the last hour.
    pub(super) fn errors_grow(&self) -> bool {
        self.grew.is_some_and(|grew| self.looked.saturating_sub(grew) < ERRORS_ARE_NEWS)
    }

    fn update(&mut self, mut facts: GpuFacts, now: Duration) {
        // The counter begins anew with the driver: fewer than before is no news, and neither is the first number.
        let before = self.facts.ecc_uncorrected;
        if before.is_some() && facts.ecc_uncorrected > before {
            self.grew = Some(now);
        }
        self.looked = now;
        self.read = Some(now);
        facts.recovery_action = self.facts.recovery_action;
        if *self.facts != facts {
            self.facts = Arc::new(facts);
        }
    }
}

/// Every GPU by its UUID.
#[derive(Debug, Default)]
pub(super) struct Slow(BTreeMap<Arc<str>, Known>);

impl Slow {
    /// What is known of this GPU `now` (monotonic), asked if it is due.
    ///
    /// # Errors
    /// The GPU is lost or must be reset, or the driver is gone.
    pub(super) fn of(
        &mut self,
        uuid: &Arc<str>,
        device: &Device<'_>,
        now: Duration,
    ) -> Result<&mut Known, NvmlError> {
        let known = self.0.entry(Arc::clone(uuid)).or_default();
        if known.read.is_none_or(|read| now.saturating_sub(read) >= EVERY) {
            let version = told(device.nvml().sys_driver_version())?.ok().map(Arc::from);
            let facts = facts::read(device, version)?;
            known.name = told(device.name())?.ok().map(Arc::from).or(known.name.take());
            known.update(facts, now);
        }
        Ok(known)
    }

    /// Reads everything anew: the driver may be another one.
    pub(super) fn expire(&mut self) {
        self.0.values_mut().for_each(|known| known.read = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(errors: Option<u64>) -> GpuFacts {
        GpuFacts { ecc_uncorrected: errors, ..GpuFacts::default() }
    }

    /// Whether errors grow after each reading, a minute apart.
    fn grows(errors: &[Option<u64>]) -> Vec<bool> {
        let mut known = Known::default();
        let readings = errors.iter().zip(1u32..);
        readings
            .map(|(errors, n)| {
                known.update(counted(*errors), EVERY * n);
                known.errors_grow()
            })
            .collect()
    }

    #[test]
    fn errors_grow_when_there_are_more_than_at_the_reading_before() {
        assert_eq!(grows(&[Some(7), Some(7), Some(8), Some(8)]), [false, false, true, true]);
        assert_eq!(grows(&[Some(7), Some(0), Some(0)]), [false; 3], "the driver was loaded anew");
        assert_eq!(grows(&[None, Some(3), None, Some(3)]), [false; 4], "what was not told did not grow");
    }

    #[test]
    fn errors_that_do_not_come_again_within_an_hour_are_no_news() {
        let mut errors = vec![Some(0), Some(1)];
        errors.resize(62, Some(1));
        let grows = grows(&errors);
        assert_eq!((grows[1], grows[60], grows[61]), (true, true, false));
    }

    #[test]
    fn facts_that_stay_the_same_are_shared_between_samples() {
        let mut known = Known::default();
        known.update(counted(Some(0)), EVERY);
        let before = Arc::clone(&known.facts);
        known.update(counted(Some(0)), EVERY * 2);
        assert!(Arc::ptr_eq(&before, &known.facts));
        known.recover(Some("drain"));
        known.update(counted(Some(0)), EVERY * 3);
        assert_eq!((before.recovery_action, known.facts.recovery_action), (None, Some("drain")));
    }
}
