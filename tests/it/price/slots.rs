//! Slots from a URL.

use wattsplit::http::Http;
use wattsplit::reading::{Missing, PriceSlot};
use wattsplit::sources::Failure;
use wattsplit::sources::price::compose::Terms;
use wattsplit::sources::price::tariff::TariffError;
use wattsplit::sources::price::{power_source, slots};

use super::{config, slots_of};
use crate::fake_http::{FakeHttp, Reply, failure, moment};

const SLOTS: &str = include_str!("../../fixtures/price/slots.json");

/// What the slots cost with these keys of the config.
fn priced(body: &str, keys: &str) -> Result<Vec<PriceSlot>, Failure> {
    let terms = Terms::of(&config(&format!("kind = \"slots\"\n{keys}"))).unwrap();
    terms.priced(slots::parse(body.as_bytes())?, 1.0)
}

#[test]
fn slots_are_sorted_keep_their_gaps_and_get_the_adder() {
    let slots = priced(SLOTS, "adder_usd_per_mwh = 2.5").unwrap();
    let rows: Vec<_> = slots.iter().map(|s| (s.start.secs(), s.end.secs(), s.price.get())).collect();
    assert_eq!(
        rows,
        [
            (1_789_992_000, 1_789_995_600, -9.5),
            (1_789_995_600, 1_789_999_200, 44.0),
            (1_790_002_800, 1_790_006_400, 40.75)
        ]
    );
}

#[test]
fn slots_that_overlap_or_cannot_be_are_refused_as_a_whole() {
    let refused = |body: &str| {
        let failure = slots::parse(body.as_bytes()).unwrap_err();
        assert_eq!(failure.reason, Missing::Garbage, "{body}");
        failure.detail
    };
    let slot = |start: i64, end: i64, price: &str| {
        format!(r#"{{"start":{start},"end":{end},"usd_per_mwh":{price}}}"#)
    };
    let (a, b) = (slot(1000, 2000, "1"), slot(1999, 3000, "2"));
    assert_eq!(refused(&format!("[{b},{a}]")), "the slots at 1000 and 1999 overlap");
    assert_eq!(refused(&format!("[{}]", slot(5, 5, "1"))), "slot at 5: ends at 5");
    let ms = slot(1_790_000_000_000, 1_790_000_001_000, "1");
    assert_eq!(refused(&format!("[{ms}]")), "slot at 1790000000000: not a time in unix seconds");
    refused(&format!("[{}]", slot(1, 2, "1e999")));
    refused(&format!("[{}]", slot(1, 2, "null")));
    refused(r#"[{"start":1,"usd_per_mwh":2}]"#);
    assert_eq!(slots::parse(b"[]").unwrap_err().reason, Missing::NotReported);
}

#[test]
fn a_price_of_power_in_another_unit_is_implausible() {
    for price in ["1e308", "-1e308", "45000000", "-9999999"] {
        let slots = format!(r#"[{{"start":0,"end":100,"usd_per_mwh":{price}}}]"#);
        let why = priced(&slots, "").unwrap_err().reason;
        assert_eq!(why, Missing::Implausible, "{price}");
    }
}

#[tokio::test]
async fn slots_come_over_http_and_a_key_in_the_url_stays_out_of_errors() {
    let server = FakeHttp::start(|request| match request.line.contains("good") {
        true => Reply::Ok(SLOTS.into()),
        false => Reply::Status(401, vec![], "bad key s3cret"),
    })
    .await;
    let source = |path: &str| {
        let cfg = config(&format!("kind = \"slots\"\nurl = \"{}/{path}?key=s3cret\"", server.url));
        power_source(&cfg, "UTC", &Http::new().unwrap()).unwrap()
    };
    assert_eq!(slots_of(source("good").fetch(moment(0)).await).unwrap().len(), 3);
    let denied = failure(&mut *source("bad")).await;
    assert_eq!(denied.reason, Missing::Denied);
    assert!(!denied.detail.contains("s3cret"), "{}", denied.detail);
    let without_url = power_source(&config("kind = \"slots\""), "UTC", &Http::new().unwrap()).err();
    assert_eq!(without_url, Some(TariffError::MissingKey { key: "url" }));
}
