//! Luxor's index over a socket, and what is made of it.

use std::time::Duration;

use wattsplit::clock::UnixMs;
use wattsplit::economics::{SiteTerms, split};
use wattsplit::http::Http;
use wattsplit::reading::{Batch, HashpriceIndexSample, Missing, Quality, Reading, Sample};
use wattsplit::site::{Site, SiteView};
use wattsplit::sources::price::hashprice_index::parse;
use wattsplit::sources::price::{HashpriceIndexConfig, index_source};
use wattsplit::sources::{Failure, Source};
use wattsplit::units::UsdPerPhDay;

use super::at;
use crate::fake_http::{FakeHttp, Reply, failure, moment};
use crate::split::market;

const KEY: &str = "hi-0123456789abcdef";

/// 47.20 USD/PH/day, ten minutes before `moment(0)`.
const REPLY: &str = r#"{"$schema":"https://api.hashrateindex.com/v1/hashrateindex/schemas/CurrentHashPriceData.json",
    "data":{"priceBTC":0.00051711,"priceUSD":47.2,"timestamp":"2026-09-21T14:03:20Z"}}"#;

async fn source(
    reply: impl Fn(Option<&str>) -> Reply + Send + Sync + 'static,
) -> (Box<dyn Source>, FakeHttp) {
    let server = FakeHttp::start(move |request| reply(request.header("x-hi-api-key"))).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    let text = format!("url = \"{}/\"\nkey_file = {file:?}", server.url);
    let config: HashpriceIndexConfig = toml::from_str(&text).unwrap();
    (index_source(&config, &Http::new().unwrap()).unwrap(), server)
}

fn sample(outcome: Result<Vec<Sample>, Failure>) -> HashpriceIndexSample {
    match outcome.unwrap().as_slice() {
        [Sample::HashpriceIndex(sample)] => sample.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_is_asked_with_the_key_in_its_header_and_tells_its_own_time() {
    let (mut source, server) = source(|key| match key {
        Some(KEY) => Reply::Ok(REPLY.into()),
        _ => Reply::Status(401, vec![], "no key"),
    })
    .await;
    let told = sample(source.fetch(moment(0)).await);
    assert_eq!(told.index.unwrap().value.get(), 47.2);
    assert_eq!(told.observed, Some(at("2026-09-21T14:03:20Z")));
    assert_eq!(server.lines(), ["GET /v1/hashrateindex/hashprice/current?hashunit=PHS"]);
    assert_eq!(source.schedule().interval, Duration::from_secs(300));
}

#[tokio::test]
async fn a_wrong_key_is_not_tried_again_at_once_and_shown_to_nobody() {
    let (mut source, _server) = source(|key| {
        let body = if key == Some(KEY) { "unknown key hi-0123456789abcdef" } else { "no key" };
        Reply::Status(401, vec![], body)
    })
    .await;
    let denied = failure(&mut *source).await;
    assert_eq!((denied.reason, denied.retry_after), (Missing::Denied, Some(Duration::from_secs(900))));
    assert!(!denied.detail.contains(KEY), "{}", denied.detail);
    match source.failed(Missing::Denied).as_slice() {
        [Sample::HashpriceIndex(sample)] => assert_eq!(sample.index, Err(Missing::Denied)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_busy_service_is_left_alone_as_long_as_it_says() {
    let (mut source, _server) =
        source(|_| Reply::Status(429, vec![("retry-after", "120".into())], "slow down")).await;
    let busy = failure(&mut *source).await;
    assert_eq!((busy.reason, busy.retry_after), (Missing::RemoteError, Some(Duration::from_secs(120))));
}

#[test]
fn numbers_may_be_strings_and_anything_else_is_no_price_of_zero() {
    let price = |text: &str| parse(REPLY.replace("47.2", text).as_bytes());
    assert_eq!(price("\"47.2\"").unwrap().0.get(), 47.2);
    for (text, why) in [
        ("0", Missing::Implausible),
        ("-47.2", Missing::Implausible),
        ("47200000", Missing::Implausible),
        ("null", Missing::Garbage),
        ("\"n/a\"", Missing::Garbage),
    ] {
        assert_eq!(price(text).unwrap_err().reason, why, "{text}");
    }
    assert_eq!(parse(b"<html>login</html>").unwrap_err().reason, Missing::Garbage);
    assert_eq!(parse(br#"{"data":{}}"#).unwrap_err().reason, Missing::Garbage);
    assert_eq!(parse(REPLY.replace("2026-09-21T14:03:20Z", "today").as_bytes()).unwrap().1, None);
}

/// The market of 48 USD/PH/day, at the time of `moment(0)`.
fn view(index: Result<f64, Missing>) -> SiteView {
    let mut site = Site::default();
    let now = moment(0);
    let index = index.map(|usd| {
        let value = UsdPerPhDay::new(usd).unwrap();
        Reading::measured(value, "hashrateindex.com")
    });
    let observed = Some(UnixMs(now.wall.0 - 600_000));
    let sample = HashpriceIndexSample { interval: Duration::from_secs(300), index, observed };
    let samples = vec![Sample::HashpriceIndex(sample)];
    site.apply(Batch { at: now, samples });
    SiteView { hashprice_index: site.view(now).hashprice_index, ..market::market() }
}

#[test]
fn the_difference_is_stated_and_no_money_moves_by_it() {
    let terms = |limit| SiteTerms { index_differs_percent: limit, ..market::terms() };
    let with = split(&view(Ok(40.0)), &terms(Some(2.0)));
    let difference = with.index.difference_percent.unwrap();
    assert!((difference.value - 20.0).abs() < 1e-9, "48 against 40");
    assert_eq!(with.index.index.unwrap().age, Duration::from_secs(600));
    let without = split(&market::market(), &terms(None));
    assert_eq!(with.hashprice, without.hashprice);
    assert_eq!(with.issues, without.issues);
    assert_eq!(without.index.index, Err(Missing::NotConfigured));
    let denied = split(&view(Err(Missing::Denied)), &terms(Some(2.0)));
    assert_eq!(denied.index.difference_percent, Err(Missing::Denied));
}

#[test]
fn an_index_that_says_that_it_is_more_than_an_hour_old_is_stale_and_after_a_day_it_is_gone() {
    let mut site = Site::default();
    let value = UsdPerPhDay::new(47.2).unwrap();
    let index = Ok(Reading::measured(value, "hashrateindex.com"));
    let sample = HashpriceIndexSample { interval: Duration::from_secs(300), index, observed: None };
    let samples = vec![Sample::HashpriceIndex(sample)];
    site.apply(Batch { at: moment(0), samples });
    let quality = |secs| site.view(moment(secs)).hashprice_index.map(|index| index.quality);
    assert_eq!((quality(3600), quality(3601)), (Ok(Quality::Measured), Ok(Quality::Stale)));
    assert_eq!(quality(86_401), Err(Missing::Expired));
}
