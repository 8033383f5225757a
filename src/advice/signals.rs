//! Signals that are on, for those who read an advice. None acts on them: what is owed to the grid is agreed on by people.

use std::sync::Arc;

use super::Assumption;
use crate::clock::UnixMs;
use crate::reading::{Quality, Reading};
use crate::site::SignalView;

const DAY_MS: u64 = 86_400_000;

/// One that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalOn {
    pub name: Arc<str>,
    /// End of its window, where it tells one.
    pub until: Option<UnixMs>,
    /// By what was last heard of it.
    pub stale: bool,
}

/// Those of `signals` that are on, in order of name.
pub(super) fn on(signals: &[SignalView]) -> Vec<SignalOn> {
    let on = |signal: &SignalView| {
        let active = signal.active.ok().filter(|active| active.value)?;
        let until = signal.window.and_then(|window| window.end);
        Some(SignalOn { name: Arc::clone(&signal.name), until, stale: active.quality == Quality::Stale })
    };
    signals.iter().filter_map(on).collect()
}

/// A signal as an input: 1 while it is on. It decides nothing.
pub(super) fn assumption(signal: &SignalView) -> Assumption {
    let flag = |on: bool| if on { 1.0 } else { 0.0 };
    let read = signal.active.map(|active| Reading {
        value: flag(active.value),
        quality: active.quality,
        source: active.source,
    });
    let age = signal.active.ok().map(|active| active.age);
    Assumption::new(format!("signal.{}", signal.name), "on", read, age, false)
}

/// What the text of an advice says of them; empty where none is on.
pub(super) fn sentence(on: &[SignalOn], now: UnixMs) -> String {
    let one = |signal: &SignalOn| {
        let until = signal.until.map_or_else(String::new, |until| format!(" until {}", time(until, now)));
        let doubt = if signal.stale { ", by what was last heard of it" } else { "" };
        format!(" Signal {} is on{until}{doubt}: advice does not act on it.", signal.name)
    };
    on.iter().map(one).collect()
}

fn time(at: UnixMs, now: UnixMs) -> String {
    let form = if at.0.abs_diff(now.0) < DAY_MS { "%H:%M UTC" } else { "%Y-%m-%d %H:%M UTC" };
    at.timestamp().map_or_else(String::new, |at| at.strftime(form).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_that_is_on_is_named_with_its_end() {
        let now = UnixMs(1_790_000_000_000); // 2026-09-21T14:13:20Z
        let on = |name: &str, until: Option<i64>, stale| SignalOn {
            name: name.into(),
            until: until.map(UnixMs::from_secs),
            stale,
        };
        let all = [on("4cp", None, true), on("dr-event", Some(1_790_013_600), false)];
        assert_eq!(
            sentence(&all, now),
            " Signal 4cp is on, by what was last heard of it: advice does not act on it. Signal dr-event is on until \
             18:00 UTC: advice does not act on it."
        );
        let tomorrow = sentence(&[on("dr-event", Some(1_790_100_000), false)], now);
        assert!(tomorrow.contains("until 2026-09-22 18:00 UTC"), "{tomorrow}");
        assert_eq!(sentence(&[], now), "");
    }
}
