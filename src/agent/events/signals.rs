//! Signals that begin and end. One that is missing meanwhile has done neither.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ledger::{EventKind, Severity};
use crate::reading::{Quality, Window};
use crate::site::SignalView;

/// What happened to which signal, in one sentence.
type News = (EventKind, Severity, Arc<str>, String);

/// Whether each signal was on when it was last known.
#[derive(Debug, Default)]
pub struct Signals(BTreeMap<Arc<str>, bool>);

impl Signals {
    pub fn look(&mut self, signals: &[SignalView]) -> Vec<News> {
        signals.iter().filter_map(|signal| self.look_at(signal)).collect()
    }

    fn look_at(&mut self, signal: &SignalView) -> Option<News> {
        let active = signal.active.ok()?;
        let before = self.0.insert(Arc::clone(&signal.name), active.value).unwrap_or(false);
        if before == active.value {
            return None;
        }
        let (name, kind) = (&signal.name, signal.kind.as_str().replace('_', " "));
        let doubt = if active.quality == Quality::Stale { ", by what was last heard of it" } else { "" };
        Some(if active.value {
            let until = until(signal.window);
            let text = format!("{kind} signal {name} is on{until}{doubt}");
            (EventKind::SignalOn, Severity::Warning, Arc::clone(name), text)
        } else {
            let text = format!("{kind} signal {name} is off{doubt}");
            (EventKind::SignalOff, Severity::Info, Arc::clone(name), text)
        })
    }
}

fn until(window: Option<Window>) -> String {
    let end = window.and_then(|window| window.end).and_then(|end| end.timestamp());
    end.map_or_else(String::new, |end| format!(" until {end}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::UnixMs;
    use crate::reading::{Missing, SignalKind};
    use crate::site::Aged;

    fn view(active: Result<bool, Missing>, quality: Quality, window: Option<Window>) -> Vec<SignalView> {
        let active = active.map(|value| Aged { value, quality, source: "", age: Duration::ZERO });
        vec![SignalView {
            name: "4cp".into(),
            kind: SignalKind::CoincidentPeak,
            credit: None,
            active,
            window,
        }]
    }

    #[test]
    fn a_signal_is_told_when_it_begins_and_when_it_ends_and_not_for_what_is_missing_in_between() {
        let mut signals = Signals::default();
        let mut told = |active, quality| {
            let news = signals.look(&view(active, quality, None));
            news.into_iter().map(|(kind, .., text)| (kind.as_str(), text)).next()
        };
        let measured = Quality::Measured;
        assert_eq!(told(Ok(false), measured), None, "it starts off");
        let on = Some(("signal_on", "coincident peak signal 4cp is on".to_owned()));
        assert_eq!(told(Ok(true), measured), on);
        assert_eq!(told(Err(Missing::Expired), measured), None);
        assert_eq!(told(Ok(true), measured), None);
        let off = "coincident peak signal 4cp is off, by what was last heard of it".to_owned();
        assert_eq!(told(Ok(false), Quality::Stale), Some(("signal_off", off)));
    }

    #[test]
    fn the_end_of_a_window_is_told_with_its_beginning() {
        let window = Window { start: UnixMs(0), end: Some(UnixMs(1_720_561_500_000)) };
        let news = Signals::default().look(&view(Ok(true), Quality::Measured, Some(window)));
        assert_eq!(news[0].3, "coincident peak signal 4cp is on until 2024-07-09T21:45:00Z");
    }
}
