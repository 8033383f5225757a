//! What others ask of the site.

use serde::Serialize;

use crate::clock::UnixMs;
use crate::site::SignalView;

use super::value::{Value, current};

#[derive(Serialize)]
pub struct Signal<'a> {
    name: &'a str,
    kind: &'static str,
    active: Value<bool>,
    /// Milliseconds since 1970, UTC: the window that is on, or the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_ts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credit_usd_per_mwh: Option<f64>,
}

impl<'a> Signal<'a> {
    pub fn of(signal: &'a SignalView) -> Self {
        let ms = |UnixMs(ms): UnixMs| ms;
        Self {
            name: &signal.name,
            kind: signal.kind.as_str(),
            active: current(&signal.active, |on| on),
            from_ts: signal.window.map(|window| ms(window.start)),
            until_ts: signal.window.and_then(|window| window.end).map(ms),
            credit_usd_per_mwh: signal.credit.map(|credit| credit.get()),
        }
    }
}
