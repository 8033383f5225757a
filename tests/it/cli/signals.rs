//! Signals on the page.

use std::time::Duration;

use wattsplit::clock::UnixMs;
use wattsplit::reading::{Missing, Quality, SignalKind, Window};
use wattsplit::site::{Aged, SignalView};
use wattsplit::units::UsdPerMwh;

use super::shows;
use super::sites::{at, healthy};

fn signal(name: &str, kind: SignalKind, active: Result<(bool, Quality), Missing>) -> SignalView {
    let aged = |(value, quality)| Aged { value, quality, source: "signal", age: Duration::from_secs(40) };
    SignalView { name: name.into(), kind, credit: None, active: active.map(aged), window: None }
}

fn window(from_min: i64, to_min: Option<i64>) -> Option<Window> {
    let minute = |min: i64| UnixMs(at().wall.0 + min * 60_000);
    Some(Window { start: minute(from_min), end: to_min.map(minute) })
}

#[test]
fn what_is_on_is_seen_with_its_end_and_what_is_not_known_is_not_off() {
    use SignalKind::{CoincidentPeak, Curtailment, DemandResponse};
    let (mut view, split) = healthy();
    let on = Ok((true, Quality::Measured));
    let off = Ok((false, Quality::Measured));
    view.signals = vec![
        SignalView { window: window(-5, Some(10)), ..signal("4cp", CoincidentPeak, on) },
        SignalView { window: window(1_500, Some(1_560)), ..signal("4cp-south", CoincidentPeak, off) },
        SignalView { credit: UsdPerMwh::new(250.0), ..signal("dispatch", DemandResponse, off) },
        SignalView { window: window(-5, None), ..signal("ercot", Curtailment, on) },
        signal("frequency", Curtailment, Err(Missing::Expired)),
        signal("scada", Curtailment, Ok((true, Quality::Stale))),
        signal("utility", Curtailment, Ok((false, Quality::Stale))),
    ];
    shows("signals", &(view, split), 100);
}
