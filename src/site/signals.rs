//! Signals from outside as they age.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Now, UnixMs};
use crate::reading::{Missing, Quality, Says, SignalKind, SignalReport, SignalSample, Window};
use crate::units::UsdPerMwh;

use super::held::Held;
use super::view::{Aged, Current};

/// Intervals without news after which a signal is stale.
const FRESH_INTERVALS: u32 = 3;
/// However often it is told.
const SHORTEST_FRESH: Duration = Duration::from_secs(15);
/// How much longer it is shown as stale, at least.
const GRACE: Duration = Duration::from_secs(10 * 60);

/// A signal at one moment.
#[derive(Debug, Clone)]
pub struct SignalView {
    pub name: Arc<str>,
    pub kind: SignalKind,
    pub credit: Option<UsdPerMwh>,
    pub active: Current<bool>,
    /// The window that is on, or the next one, where the signal tells windows.
    pub window: Option<Window>,
}

#[derive(Debug, Default)]
pub(super) struct Signals(BTreeMap<Arc<str>, Signal>);

#[derive(Debug)]
struct Signal {
    kind: SignalKind,
    credit: Option<UsdPerMwh>,
    interval: Duration,
    held: Held<SignalReport>,
}

impl Signals {
    pub fn apply(&mut self, at: Now, sample: SignalSample) {
        let SignalSample { name, kind, credit, interval, observed, report } = sample;
        let known = self.0.entry(name);
        let signal = known.or_insert_with(|| Signal { kind, credit, interval, held: Held::new() });
        signal.held.record_dated(at, observed, report);
    }

    /// How far the clocks are ahead that date them.
    pub fn clocks_ahead(&self) -> impl Iterator<Item = (String, Duration)> {
        let ahead = |(name, signal): (&Arc<str>, &Signal)| {
            Some((format!("signal/{name}"), signal.held.clock_ahead()?))
        };
        self.0.iter().filter_map(ahead)
    }

    /// In order of name.
    pub fn views(&self, now: Now) -> Vec<SignalView> {
        self.0.iter().map(|(name, signal)| signal.view(name, now)).collect()
    }
}

impl Signal {
    fn view(&self, name: &Arc<str>, now: Now) -> SignalView {
        let (active, window) = match self.current(now) {
            Ok((active, window)) => (Ok(active), window),
            Err(why) => (Err(why), None),
        };
        SignalView { name: Arc::clone(name), kind: self.kind, credit: self.credit, active, window }
    }

    fn current(&self, now: Now) -> Result<(Aged<bool>, Option<Window>), Missing> {
        let fresh = self.interval.saturating_mul(FRESH_INTERVALS).max(SHORTEST_FRESH);
        let holding = self.held.current(now, fresh.saturating_add(fresh.max(GRACE)))?;
        let stale = holding.failing || holding.age > fresh;
        let quality = if stale { Quality::Stale } else { holding.value.quality };
        let (value, window) = at(&holding.value.says, now.wall)?;
        Ok((Aged { value, quality, source: "signal", age: holding.age }, window))
    }
}

/// Whether it is on at `wall`, and the window that is on or the next one.
///
/// # Errors
/// [`Missing::Expired`]: nothing is told of this time any more.
fn at(says: &Says, wall: UnixMs) -> Result<(bool, Option<Window>), Missing> {
    match says {
        Says::Now(on) => Ok((*on, None)),
        Says::Windows { until: Some(until), .. } if *until <= wall => Err(Missing::Expired),
        Says::Windows { on, .. } => {
            let window = on.iter().find(|window| window.end.is_none_or(|end| wall < end)).copied();
            Ok((window.is_some_and(|window| window.start <= wall), window))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(secs: u64) -> Now {
        Now { wall: UnixMs(1_700_000_000_000), mono: Duration::ZERO }.plus(Duration::from_secs(secs))
    }

    fn signals(says: Says, quality: Quality) -> Signals {
        let mut signals = Signals::default();
        signals.apply(now(0), sample(Ok(SignalReport { quality, says })));
        signals
    }

    fn sample(report: Result<SignalReport, Missing>) -> SignalSample {
        SignalSample {
            name: "grid".into(),
            kind: SignalKind::Curtailment,
            credit: None,
            interval: Duration::from_secs(60),
            observed: None,
            report,
        }
    }

    fn active(signals: &Signals, secs: u64) -> Result<(bool, Quality), Missing> {
        signals.views(now(secs))[0].active.map(|active| (active.value, active.quality))
    }

    fn window(start_s: u64, end_s: u64) -> Window {
        Window { start: now(start_s).wall, end: Some(now(end_s).wall) }
    }

    #[test]
    fn a_flag_is_stale_after_three_intervals_and_unknown_ten_minutes_later_and_never_off_by_silence() {
        let signals = signals(Says::Now(true), Quality::Measured);
        assert_eq!(active(&signals, 180), Ok((true, Quality::Measured)));
        assert_eq!(active(&signals, 181), Ok((true, Quality::Stale)));
        assert_eq!(active(&signals, 780), Ok((true, Quality::Stale)));
        assert_eq!(active(&signals, 781), Err(Missing::Expired));
    }

    #[test]
    fn a_failure_makes_what_is_known_stale_and_what_is_not_missing() {
        let mut signals = signals(Says::Now(true), Quality::Measured);
        signals.apply(now(10), sample(Err(Missing::Garbage)));
        assert_eq!(active(&signals, 10), Ok((true, Quality::Stale)));
        let mut never = Signals::default();
        never.apply(now(0), sample(Err(Missing::Refused)));
        assert_eq!(active(&never, 0), Err(Missing::Refused));
    }

    #[test]
    fn a_window_is_on_from_its_start_up_to_its_end_and_told_before() {
        let says = Says::Windows { on: vec![window(60, 90), window(120, 150)], until: Some(now(170).wall) };
        let signals = signals(says, Quality::Measured);
        let view = |secs| {
            let view = signals.views(now(secs)).remove(0);
            (view.active.map(|active| active.value), view.window)
        };
        assert_eq!(view(0), (Ok(false), Some(window(60, 90))));
        assert_eq!(view(60), (Ok(true), Some(window(60, 90))));
        assert_eq!(view(90), (Ok(false), Some(window(120, 150))));
        assert_eq!(view(150), (Ok(false), None));
        assert_eq!(view(170), (Err(Missing::Expired), None), "the list has run out");
    }

    #[test]
    fn a_list_of_windows_alone_says_off_for_every_other_time() {
        let signals = signals(Says::Windows { on: vec![], until: None }, Quality::Measured);
        assert_eq!(active(&signals, 100), Ok((false, Quality::Measured)));
    }
}
