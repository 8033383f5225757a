//! A page of the operator's own with the price of power, over sockets.

use serde_json::{Value, json};
use tempfile::TempDir;
use wattsplit::http::Http;
use wattsplit::reading::{Missing, PriceSlot, Quality};
use wattsplit::sources::Source;
use wattsplit::sources::price::power_source;

use super::{config, price_of, slots_of};
use crate::fake_http::{FakeHttp, Reply, failure, moment};

const ROWS: &str =
    "rows_key = \"/data\"\nstart_key = \"/from\"\nend_key = \"/to\"\nprice_key = \"/ct\"\nscale = 10.0";
const ARRAYS: &str = "start_key = \"/unix_seconds\"\nprice_key = \"/price\"\nslot_secs = 900";

async fn serve(page: Value) -> FakeHttp {
    FakeHttp::start(move |_| Reply::Ok(page.to_string())).await
}

/// `own` are the keys of `[power.own]` beside `url`, `power` those of `[power]` beside `kind`.
fn source(url: &str, own: &str, power: &str) -> Box<dyn Source> {
    let cfg = config(&format!("kind = \"http_json\"\n{power}\n[own]\nurl = \"{url}\"\n{own}"));
    power_source(&cfg, "America/Chicago", &Http::new().unwrap()).unwrap()
}

/// Start and end in seconds, and USD/MWh.
fn plain(slots: &[PriceSlot]) -> Vec<(i64, i64, f64)> {
    slots.iter().map(|slot| (slot.start.secs(), slot.end.secs(), slot.price.get())).collect()
}

#[tokio::test]
async fn rows_in_another_currency_are_converted_then_the_adder_and_the_tax_come_on_top() {
    // Times without a zone are those of the site: 05:00 UTC and later.
    let server = serve(json!({"data": [
        {"from": "2026-09-21T00:00", "to": "2026-09-21T01:00", "ct": "8.0"},
        {"from": "2026-09-21T01:00", "to": "2026-09-21T02:00", "ct": -4},
    ]}))
    .await;
    let power = "currency = \"EUR\"\nadder_usd_per_mwh = 20.0\ntax = 0.5\nfx = { usd_per_unit = 1.25 }";
    let sample = price_of(source(&server.url, ROWS, power).fetch(moment(0)).await).unwrap();
    let slots = sample.slots.unwrap();
    let five = super::at("2026-09-21T05:00:00Z").secs();
    assert_eq!(plain(&slots), [(five, five + 3600, 180.0), (five + 3600, five + 7200, -45.0)]);
    assert_eq!(slots.iter().map(|slot| slot.market_per_mwh).collect::<Vec<_>>(), [80.0, -40.0]);
    assert_eq!((sample.source, sample.currency.as_str()), ("tariff.own", "EUR"));
    assert_eq!(sample.rate.map(|rate| rate.quality), Some(Quality::Estimated));
}

#[tokio::test]
async fn arrays_side_by_side_are_slots_of_one_length_in_dollars() {
    let server = serve(json!({"unix_seconds": [900, 1800, 2700], "price": [40.0, null, 50.5]})).await;
    let slots = slots_of(source(&server.url, ARRAYS, "").fetch(moment(0)).await).unwrap();
    assert_eq!(plain(&slots), [(900, 1800, 40.0), (2700, 3600, 50.5)]);
}

#[tokio::test]
async fn the_price_of_now_holds_from_when_it_was_asked_for() {
    let server = serve(json!({"usd": 31.5})).await;
    let slots = slots_of(source(&server.url, "price_key = \"/usd\"", "").fetch(moment(0)).await).unwrap();
    let now = moment(0).wall.secs();
    assert_eq!(plain(&slots), [(now, now + 900, 31.5)]);
}

#[tokio::test]
async fn a_page_that_holds_no_price_is_refused_with_the_reason() {
    let sound = json!({"unix_seconds": [900, 1800], "price": [40.0, 41.0]});
    let dear = json!({"unix_seconds": [900], "price": [60_000]});
    for (reply, keys, why, what) in [
        ("<html>Sign in</html>".to_owned(), ARRAYS, Missing::Garbage, "the reply is HTML, not JSON"),
        (sound.to_string(), ROWS, Missing::NotReported, "no list of prices where the keys point at"),
        (sound.to_string(), "price_key = \"/usd\"", Missing::NotReported, "no price at `/usd` of the page"),
        (dear.to_string(), ARRAYS, Missing::Implausible, "slot at 900: the price is 6e4 per MWh"),
    ] {
        let server = FakeHttp::start(move |_| Reply::Ok(reply.clone())).await;
        let failure = failure(&mut *source(&server.url, keys, "")).await;
        assert_eq!(failure.reason, why, "{failure}");
        assert!(failure.detail.contains(what), "{failure}");
    }
}

#[tokio::test]
async fn a_page_is_asked_with_what_its_request_says_and_tells_whether_all_is_well() {
    let dir = TempDir::new().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "hunter2").unwrap();
    let server = serve(json!({"code": 7, "usd": 31.5})).await;
    let keys = format!(
        "price_key = \"/usd\"\ntoken_file = {token:?}\nrequest = {{ ok_key = \"/code\", ok_value = \"0\" }}"
    );
    let failure = failure(&mut *source(&server.url, &keys, "")).await;
    assert_eq!(failure.reason, Missing::RemoteError);
    assert!(failure.detail.starts_with("`/code` of the reply is not \"0\""), "{failure}");
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer hunter2"));
}
