//! What others ask of the site.

use crate::clock::UnixMs;
use crate::reading::{Quality, Window};
use crate::site::{SignalView, SiteView};

use super::attention::why;
use super::cells::{self, MISSING, marked, number};
use super::grid::wrap;

/// One line for each. `None` without signals.
pub fn section(view: &SiteView, width: usize) -> Option<String> {
    if view.signals.is_empty() {
        return None;
    }
    let lines = view.signals.iter().map(|signal| {
        let line = format!("{}: {}", signal.name, said(signal, view.at.wall));
        format!("  {}\n", wrap(&line, 4, width))
    });
    Some(format!("  SIGNALS\n{}", lines.collect::<String>()))
}

fn said(signal: &SignalView, now: UnixMs) -> String {
    let kind = signal.kind.as_str().replace('_', " ");
    let active = match &signal.active {
        Err(missing) => return format!("{kind}, {MISSING} ({})", why(*missing)),
        Ok(active) => active,
    };
    let state = marked(active.quality, if active.value { "on" } else { "off" });
    let window = signal.window.map_or_else(String::new, |window| when(window, active.value, now));
    let credit = signal.credit.map_or_else(String::new, |credit| {
        format!(", {} USD for each MWh that is not drawn", number(credit.get(), 2))
    });
    format!("{kind}, {state}{window}, {} old{credit}", cells::age(active.age))
}

fn when(window: Window, on: bool, now: UnixMs) -> String {
    let time = |at: UnixMs| {
        let form = if at.0.abs_diff(now.0) < 86_400_000 { "%H:%M UTC" } else { "%Y-%m-%d %H:%M UTC" };
        cells::utc(at, form)
    };
    match (on, window.end) {
        (true, Some(end)) => format!(" until {}", time(end)),
        (true, None) => " until further notice".to_owned(),
        (false, _) => format!(", on from {}", time(window.start)),
    }
}

/// Says what is on, and what is not known.
pub fn attention(view: &SiteView, say: &mut impl FnMut(&str, String)) {
    for signal in &view.signals {
        let kind = signal.kind.as_str().replace('_', " ");
        match &signal.active {
            Err(missing) => {
                say(
                    &signal.name,
                    format!("whether the {kind} signal is on is not known: {}.", why(*missing)),
                );
            }
            Ok(active) if active.value => {
                let doubt = match active.quality {
                    Quality::Stale => ", by what was last heard of it",
                    Quality::Measured | Quality::Estimated => "",
                };
                say(&signal.name, format!("the {kind} signal is on{doubt}. Advice does not act on it."));
            }
            Ok(active) if active.quality == Quality::Stale => {
                let age = cells::age(active.age);
                say(&signal.name, format!("the {kind} signal was last heard {age} ago, and it was off."));
            }
            Ok(_) => {}
        }
    }
}
