//! The rate of the market's currency: stated, read, kept and missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wattsplit::http::Http;
use wattsplit::reading::{FxRate, Missing, Quality};
use wattsplit::sources::Source;
use wattsplit::sources::price::power_source;
use wattsplit::sources::price::tariff::TariffError;

use super::markets::market;
use super::{config, price_of};
use crate::fake_http::{FakeHttp, Reply, failure, moment};

const PAGE: &str = r#"{"base":"EUR","rates":{"USD":1.25}}"#;

/// A market in euros on the same server as the page with the rate, and these keys of `[power]`.
fn source(url: &str, keys: &str) -> Box<dyn Source> {
    let fx = format!("[fx]\nurl = \"{url}/rate\"\nrate_key = \"/rates/USD\"\nmax_age_secs = 7200\n");
    let keys =
        format!("kind = \"awattar\"\nzone = \"at\"\nurl = \"{url}\"\n{keys}\n{fx}interval_secs = 3600");
    power_source(&config(&keys), "UTC", &Http::new().unwrap()).unwrap()
}

/// Answers the question for the rate with `rate(n)` for the n-th of them.
async fn serve(rate: impl Fn(usize) -> Reply + Send + Sync + 'static) -> FakeHttp {
    let asked = Arc::new(AtomicUsize::new(0));
    FakeHttp::start(move |request| match request.line.as_str() {
        "GET /rate" => rate(asked.fetch_add(1, Ordering::Relaxed)),
        _ => Reply::Ok(market("awattar").fixture.into()),
    })
    .await
}

fn asked_for_the_rate(server: &FakeHttp) -> usize {
    server.lines().iter().filter(|line| *line == "GET /rate").count()
}

#[tokio::test]
async fn a_rate_is_read_adders_and_tax_come_on_top() {
    let server = serve(|_| Reply::Ok(PAGE.into())).await;
    let mut source = source(&server.url, "adder_usd_per_mwh = 19.5\ntax = 0.5");
    let sample = price_of(source.fetch(moment(0)).await).unwrap();
    let slot = sample.slots.unwrap()[0];
    assert_eq!((slot.price.get(), slot.market_per_mwh), (195.0, 88.4), "(88.4 · 1.25 + 19.5) · 1.5");
    let good_until = Some(moment(7200).mono);
    assert_eq!(sample.rate, Some(FxRate { usd_per_unit: 1.25, quality: Quality::Estimated, good_until }));
}

#[tokio::test]
async fn a_rate_is_kept_while_its_page_fails_and_grows_old_meanwhile() {
    let server = serve(|n| match n {
        0 => Reply::Ok(PAGE.into()),
        _ => Reply::Status(500, vec![], ""),
    })
    .await;
    let mut source = source(&server.url, "");
    for (secs, asked) in [(0, 1), (1800, 1), (3600, 2), (9000, 3)] {
        let sample = price_of(source.fetch(moment(secs)).await).unwrap();
        let rate = sample.rate.unwrap();
        assert_eq!((rate.usd_per_unit, rate.good_until), (1.25, Some(moment(7200).mono)), "{secs}");
        assert_eq!(asked_for_the_rate(&server), asked, "{secs}");
    }
}

#[tokio::test]
async fn a_page_that_is_frozen_makes_its_rate_stale_however_often_it_is_read() {
    let day = 86_400;
    let server = serve(|_| Reply::Ok(r#"{"date":"2026-09-20","rates":{"USD":1.25}}"#.into())).await;
    let fx = format!("[fx]\nurl = \"{}/rate\"\nrate_key = \"/rates/USD\"\ntime_key = \"/date\"", server.url);
    let keys = format!("kind = \"awattar\"\nzone = \"at\"\nurl = \"{}\"\n{fx}", server.url);
    let mut source = power_source(&config(&keys), "UTC", &Http::new().unwrap()).unwrap();
    let mut good_for = Vec::new();
    for secs in [0, 5 * day, 7 * day] {
        let rate = price_of(source.fetch(moment(secs)).await).unwrap().rate.unwrap();
        good_for.push(rate.good_until.unwrap().saturating_sub(moment(secs).mono).as_secs());
    }
    // The date began 38 h before; four days is what a rate that was read is good for.
    let dated = 7 * day - 38 * 3_600;
    assert_eq!(good_for[0], 4 * day);
    assert!((dated - 5 * day).abs_diff(good_for[1]) < 3_600, "{good_for:?}");
    assert_eq!(good_for[2], 0);
}

#[tokio::test]
async fn without_a_date_a_rate_is_an_estimate_and_stale_once_it_has_not_changed_for_a_week() {
    let day = 86_400;
    let server = serve(|n| Reply::Ok(PAGE.replace("1.25", if n < 4 { "1.25" } else { "1.26" }))).await;
    let fx = format!("[fx]\nurl = \"{}/rate\"\nrate_key = \"/rates/USD\"", server.url);
    let keys = format!("kind = \"awattar\"\nzone = \"at\"\nurl = \"{}\"\n{fx}", server.url);
    let mut source = power_source(&config(&keys), "UTC", &Http::new().unwrap()).unwrap();
    let mut good_for = Vec::new();
    for days in [0, 4, 6, 8, 9] {
        let rate = price_of(source.fetch(moment(days * day)).await).unwrap().rate.unwrap();
        assert_eq!(rate.quality, Quality::Estimated);
        good_for.push(rate.good_until.unwrap().saturating_sub(moment(days * day).mono).as_secs() / day);
    }
    // Over a long weekend nothing is wrong; another rate ends it.
    assert_eq!(good_for, [4, 3, 1, 0, 4]);
}

#[tokio::test]
async fn without_any_rate_there_is_no_price_and_the_market_is_not_asked() {
    for (reply, why) in [
        (Reply::Status(403, vec![], ""), Missing::Denied),
        (Reply::Ok("<html>".into()), Missing::Garbage),
        (Reply::Ok(r#"{"rates":{}}"#.into()), Missing::NotReported),
        (Reply::Ok(r#"{"rates":{"USD":0}}"#.into()), Missing::Implausible),
    ] {
        let server = serve(move |_| reply.clone()).await;
        assert_eq!(failure(&mut *source(&server.url, "")).await.reason, why);
        assert_eq!(server.lines(), ["GET /rate"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_hangs_costs_ten_seconds_and_not_the_price() {
    let server = serve(|n| if n == 0 { Reply::Ok(PAGE.into()) } else { Reply::Hang }).await;
    let mut source = source(&server.url, "");
    source.fetch(moment(0)).await.unwrap();
    let within = tokio::time::timeout(Duration::from_secs(11), source.fetch(moment(3600))).await;
    assert_eq!(price_of(within.unwrap()).unwrap().rate.unwrap().usd_per_unit, 1.25);
}

#[test]
fn a_price_in_another_currency_needs_a_rate() {
    let missing = |keys: &str| power_source(&config(keys), "UTC", &Http::new().unwrap()).err();
    let awattar = "kind = \"awattar\"\nzone = \"at\"";
    assert_eq!(missing(awattar), Some(TariffError::MissingKey { key: "fx" }));
    let page = format!("{awattar}\n[fx]\nurl = \"http://127.0.0.1\"");
    assert_eq!(missing(&page), Some(TariffError::MissingKey { key: "fx.rate_key" }));
    let nord_pool = "kind = \"nord_pool\"\nzone = \"FI\"";
    assert_eq!(missing(nord_pool), Some(TariffError::MissingKey { key: "currency" }));
    let code = format!("{nord_pool}\ncurrency = \"euro\"");
    assert_eq!(missing(&code), Some(TariffError::BadCurrency { code: "euro".into() }));
}
