//! `once` and `check --online` ask the broker for what topics tell.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::topic::Site;

async fn wattsplit(args: &[&str]) -> Output {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattsplit"));
    command.args(args).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

const TOPICS: &str = "[meter]\ntopic = \"scada/hall\"\n\
    [[hosting]]\nname = \"gpus\"\nterms = \"occupied\"\nusd_per_gpu_h = 2.0\n\
    occupied_from = \"mqtt\"\noccupied_topic = \"platform/gpus\"\noccupied_key = \"/rented\"\n";

#[tokio::test]
async fn what_the_broker_had_kept_is_in_the_sweep_and_in_the_check() {
    let Some(site) = Site::new() else { return };
    site.tell("scada/hall", "8.4 MW", true).await;
    site.tell("platform/gpus", "{\"sold\":5}", true).await;
    let config = site.config(TOPICS);
    let config = config.to_str().unwrap();
    let out = wattsplit(&["once", "--json", "--config", config]).await;
    let sweep: Value = serde_json::from_slice(&out.stdout).unwrap();
    let meter = &sweep["split"]["meter"]["power_w"];
    assert_eq!((&meter["value"], &meter["quality"]), (&8_400_000.0.into(), &"stale".into()), "{meter:#}");

    let out = wattsplit(&["check", "--online", config]).await;
    let said = String::from_utf8(out.stdout).unwrap();
    let line = |what: &str| said.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{said}"));
    let meter = line("meter ");
    assert!(
        meter.starts_with("ok ") && meter.ends_with("8400.0 kW on scada/hall, kept by the broker"),
        "{meter}"
    );
    let wrong = line("occupancy/gpus");
    assert!(wrong.starts_with("FAIL ") && wrong.contains("no number at `/rented` of the page"), "{wrong}");
    assert!(!out.status.success());
}

#[tokio::test]
async fn a_broker_that_is_not_there_costs_what_topics_tell_and_nothing_else() {
    let Some(mut site) = Site::new() else { return };
    site.broker.kill();
    let config = site.config(TOPICS);
    let config = config.to_str().unwrap();
    let out = wattsplit(&["once", "--json", "--config", config]).await;
    let sweep: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(sweep["split"]["meter"]["power_w"]["missing"], "unreachable");
    assert_eq!(sweep["prices"]["power_usd_per_mwh"]["value"], 45.0, "{:#}", sweep["prices"]);
    let out = wattsplit(&["check", "--online", config]).await;
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.lines().any(|line| line.starts_with("FAIL  meter")), "{said}");
}
