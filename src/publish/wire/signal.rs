//! `signal/<name>`: what others ask of the site.

use super::flat::Flat;
use crate::clock::UnixMs;
use crate::site::SignalView;

pub fn signal(site: &str, ts: UnixMs, signal: &SignalView) -> Vec<u8> {
    let mut flat = Flat::new(site, ts);
    flat.text("name", &signal.name);
    flat.text("kind", signal.kind.as_str());
    match &signal.active {
        Ok(active) => {
            flat.flag("active", Some(active.value));
            flat.quality("active", active.quality);
            flat.age("active", active.age);
        }
        Err(why) => flat.missing("active", *why),
    }
    if let Some(window) = signal.window {
        flat.time("from_ts", window.start);
        if let Some(end) = window.end {
            flat.time("until_ts", end);
        }
    }
    flat.known("credit_usd_per_mwh", signal.credit.map(|credit| credit.get()));
    flat.finish()
}
