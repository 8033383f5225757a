//! Signals from outside, from the wire to the topics, the events and the page.

use std::sync::{Arc, Mutex};

use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use wattsplit::clock;

use crate::broker::{Seen, Subscriber};
use crate::fake_http::{FakeHttp, Reply};
use crate::mqtt::schemas::check;
use crate::run::wattsplit;

use super::topic::{Site, json};

fn events(seen: &Seen) -> Vec<(String, String)> {
    let all = seen.log.iter().filter(|(topic, _)| topic == "wattsplit/test/event");
    let all = all.map(|(_, payload)| check("event", payload));
    let signals = all.filter(|event| event["kind"].as_str().unwrap().starts_with("signal_"));
    signals.map(|event| (event["kind"].as_str().unwrap().to_owned(), event["subject"].to_string())).collect()
}

#[tokio::test]
async fn a_flag_on_a_topic_is_published_and_each_of_its_turns_is_one_event() {
    let Some(site) = Site::new() else { return };
    let mut subscriber = Subscriber::start(site.broker.observer_port).await;
    let _daemon = site.daemon(
        "[[signal]]\nname = \"dispatch\"\nkind = \"demand_response\"\ntopic = \"aggregator/dispatch\"\n\
         credit_usd_per_mwh = 250.0\n",
    );
    let is = |seen: &Seen, active: Value| json(seen, "signal/dispatch")["active"] == active;
    subscriber
        .until("nothing yet", |seen| json(seen, "signal/dispatch")["active_missing"] == "not_yet")
        .await;
    site.tell("aggregator/dispatch", "on", false).await;
    let seen = subscriber.until("on", |seen| is(seen, true.into())).await;
    let signal = check("signal/dispatch", &seen.newest["wattsplit/test/signal/dispatch"]);
    assert_eq!((&signal["kind"], &signal["credit_usd_per_mwh"]), (&"demand_response".into(), &250.0.into()));
    site.tell("aggregator/dispatch", "on", false).await;
    site.tell("aggregator/dispatch", "rubbish", false).await;
    let stale = |seen: &Seen| json(seen, "signal/dispatch")["active_quality"] == "stale";
    let seen = subscriber.until("the last flag", |seen| stale(seen) && is(seen, true.into())).await;
    assert_eq!(json(&seen, "signal/dispatch")["active"], true, "no rubbish turns it off");
    site.tell("aggregator/dispatch", "0", false).await;
    let seen = subscriber.until("both events", |seen| events(seen).len() == 2).await;
    let dispatch = "\"dispatch\"".to_owned();
    assert_eq!(events(&seen), [("signal_on".into(), dispatch.clone()), ("signal_off".into(), dispatch)]);
}

/// Local time without a zone, so many minutes from now.
fn local(minutes: i64) -> String {
    let now = clock::now().wall.timestamp().unwrap().to_zoned(TimeZone::get("America/Chicago").unwrap());
    now.checked_add(minutes.minutes()).unwrap().strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[tokio::test]
async fn windows_in_local_time_are_read_with_a_key_and_shown_with_their_end() {
    let Some(site) = Site::new() else { return };
    let row =
        |from, to, flag: &str| json!({"start_time": local(from), "end_time": local(to), "curtail": flag});
    let list = json!([row(-30, -5, "N"), row(-5, 10, "Y"), row(10, 25, "Y"), row(25, 40, "N")]);
    let page = Arc::new(Mutex::new(list.to_string()));
    let served = Arc::clone(&page);
    let server = FakeHttp::start(move |_| Reply::Ok(served.lock().unwrap().clone())).await;
    std::fs::write(site.dir.path().join("key"), "hunter2").unwrap();
    let signal = format!(
        "[[signal]]\nname = \"4cp\"\nkind = \"coincident_peak\"\nurl = \"{}\"\nrows_key = \"\"\n\
         start_key = \"/start_time\"\nend_key = \"/end_time\"\nflag_key = \"/curtail\"\ninterval_secs = 1\n\
         [[signal.request.header_file]]\nname = \"x-api-key\"\nfile = \"key\"\n",
        server.url
    );
    let config = site.config(&signal);
    let config = config.to_str().unwrap().to_owned();
    let once = move |args: &'static [&'static str]| {
        let config = config.clone();
        tokio::task::spawn_blocking(move || wattsplit(&[args, &["--config", &config]].concat()))
    };
    let out = once(&["once", "--json"]).await.unwrap();
    let sweep: Value = serde_json::from_slice(&out.stdout).unwrap();
    let told = &sweep["signals"][0];
    assert_eq!((&told["name"], &told["active"]["value"]), (&"4cp".into(), &true.into()), "{told:#}");
    let length_ms = told["until_ts"].as_i64().unwrap() - told["from_ts"].as_i64().unwrap();
    assert!((length_ms - 30 * 60_000).abs() <= 1000, "both windows as one: {length_ms}");
    assert_eq!(server.seen()[0].header("x-api-key"), Some("hunter2"));
    let out = String::from_utf8(once(&["once"]).await.unwrap().stdout).unwrap();
    assert!(out.contains("4cp: coincident peak, on until "), "{out}");

    let mut subscriber = Subscriber::start(site.broker.observer_port).await;
    let _daemon = site.daemon(&signal);
    subscriber.until("on", |seen| json(seen, "signal/4cp")["active"] == true).await;
    *page.lock().unwrap() = json!([row(-60, -45, "Y")]).to_string();
    let seen = subscriber
        .until("a list that has run out", |seen| json(seen, "signal/4cp")["active_missing"] == "expired")
        .await;
    check("signal/4cp", &seen.newest["wattsplit/test/signal/4cp"]);
    *page.lock().unwrap() = json!([row(60, 75, "Y")]).to_string();
    let seen = subscriber.until("off", |seen| json(seen, "signal/4cp")["active"] == false).await;
    assert!(json(&seen, "signal/4cp")["from_ts"].as_i64().unwrap() > 0, "the next window");
    let seen = subscriber.until("both events", |seen| events(seen).len() == 2).await;
    assert_eq!(events(&seen)[1].0, "signal_off");
}
