//! Signals beside advice: named, never acted on.

use std::time::Duration;

use wattsplit::clock::UnixMs;
use wattsplit::economics::dispatch::Status;
use wattsplit::reading::*;

use super::plant::Plant;
use super::{at, message};

/// On from the start for an hour, by a list of windows; or off.
fn signal(plant: &mut Plant, secs: u64, on: bool) {
    let window = Window { start: at(0).wall, end: Some(UnixMs(at(3_600).wall.0)) };
    let says = Says::Windows { on: if on { vec![window] } else { Vec::new() }, until: None };
    let sample = SignalSample {
        name: "dr-event".into(),
        kind: SignalKind::DemandResponse,
        credit: None,
        interval: Duration::from_secs(600),
        observed: None,
        report: Ok(SignalReport { quality: Quality::Measured, says }),
    };
    plant.site.apply(Batch { at: at(secs), samples: vec![Sample::Signal(Box::new(sample))] });
}

#[test]
fn an_advice_names_the_signals_that_are_on_and_is_given_anew_when_one_begins_or_ends() {
    let mut plant = Plant::new();
    signal(&mut plant, 0, false);
    let before = plant.tick(0);
    assert!(before.signals.is_empty() && !before.text.contains("ignal"), "{}", before.text);
    signal(&mut plant, 30, true);
    let during = plant.tick(60);
    assert_ne!(during.id, before.id);
    assert_eq!(
        (during.status, &during.inputs_sha256),
        (Status::Hold, &before.inputs_sha256),
        "it decides nothing"
    );
    assert!(during.text.contains(" Signal dr-event is on until "), "{}", during.text);
    let told = message(&during);
    assert_eq!(told["signals_on"], serde_json::json!(["dr-event"]));
    let input =
        told["assumptions"].as_array().unwrap().iter().find(|a| a["name"] == "signal.dr-event").unwrap();
    assert_eq!((&input["value"], &input["deciding"]), (&1.0.into(), &0.into()));
    assert_eq!(plant.tick(90).id, during.id, "while it lasts that is no news");
    signal(&mut plant, 100, false);
    let after = plant.tick(120);
    assert!(after.id != during.id && after.signals.is_empty());
}
