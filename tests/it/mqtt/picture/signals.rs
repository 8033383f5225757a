use wattsplit::clock::UnixMs;
use wattsplit::reading::{SignalKind, Window};
use wattsplit::site::SignalView;
use wattsplit::units::UsdPerMwh;

use super::State;

/// One that is on by a window, one that pays until further notice, and one that is a flag.
pub fn all(state: State) -> Vec<SignalView> {
    let window = Window { start: UnixMs(1_794_999_000_000), end: Some(UnixMs(1_795_000_800_000)) };
    let peak = SignalView {
        name: "4cp".into(),
        kind: SignalKind::CoincidentPeak,
        credit: None,
        active: state.current(true),
        window: Some(window),
    };
    let pays = SignalView {
        name: "dr".into(),
        kind: SignalKind::DemandResponse,
        credit: UsdPerMwh::new(250.0),
        active: state.current(false),
        window: Some(Window { end: None, ..window }),
    };
    let flag =
        SignalView { name: "grid".into(), kind: SignalKind::Curtailment, window: None, ..peak.clone() };
    vec![peak, pays, flag]
}
