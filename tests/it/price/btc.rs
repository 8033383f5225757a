//! The venues' replies.

use std::time::Duration;

use wattsplit::clock::UnixMs;
use wattsplit::http::Http;
use wattsplit::reading::{BtcUsdSample, Missing, Reading, Sample};
use wattsplit::sources::Failure;
use wattsplit::sources::price::BtcPriceConfig;
use wattsplit::sources::price::btc::{btc_sources, parse_bitstamp, parse_coinbase, parse_kraken};
use wattsplit::units::Usd;

use super::at;
use crate::fake_http::{FakeHttp, Reply, failure, moment};

const COINBASE: &str = include_str!("../../fixtures/price/coinbase.json");
const KRAKEN: &str = include_str!("../../fixtures/price/kraken.json");
const BITSTAMP: &str = include_str!("../../fixtures/price/bitstamp.json");

fn usd(value: f64) -> Usd {
    Usd::new(value).unwrap()
}

#[test]
fn each_venue_gives_its_last_trade_and_its_time_if_it_tells_it() {
    let coinbase = parse_coinbase(COINBASE.as_bytes()).unwrap();
    assert_eq!(coinbase, (usd(91_250.55), Some(at("2026-09-21T12:00:00.250Z"))));
    assert_eq!(parse_kraken(KRAKEN.as_bytes()).unwrap(), (usd(91_255.2), None));
    let bitstamp = parse_bitstamp(BITSTAMP.as_bytes()).unwrap();
    assert_eq!(bitstamp, (usd(91_248.0), Some(UnixMs::from_secs(1_789_992_000))));
}

#[test]
fn an_error_of_kraken_with_status_200_is_a_failure() {
    let failure = parse_kraken(br#"{"error":["EService:Unavailable"]}"#).unwrap_err();
    assert_eq!(
        (failure.reason, failure.detail.as_str()),
        (Missing::RemoteError, "Kraken says: EService:Unavailable")
    );
    let two = KRAKEN.replace("\"XXBTZUSD\":{", "\"OTHER\":{\"c\":[\"1\"]},\"XXBTZUSD\":{");
    assert_eq!(parse_kraken(two.as_bytes()).unwrap_err().detail, "expected one pair, got 2");
    assert_eq!(parse_kraken(br#"{"error":[]}"#).unwrap_err().detail, "expected one pair, got 0");
}

#[test]
fn a_price_that_no_bitcoin_can_have_is_implausible() {
    for (parse, body) in [
        (parse_coinbase as fn(&[u8]) -> _, COINBASE.replace("91250.55", "0")),
        (parse_kraken, KRAKEN.replace("91255.20000", "-1")),
        (parse_bitstamp, BITSTAMP.replace("91248", "0.00")),
        (parse_bitstamp, BITSTAMP.replace("91248", "1e308")),
    ] {
        let outcome: Result<(Usd, Option<UnixMs>), Failure> = parse(body.as_bytes());
        assert_eq!(outcome.unwrap_err().reason, Missing::Implausible, "{body}");
    }
    let word = COINBASE.replace("91250.55", "n/a");
    assert_eq!(parse_coinbase(word.as_bytes()).unwrap_err().reason, Missing::Garbage);
}

#[tokio::test]
async fn the_venues_are_asked_apart_and_one_without_a_url_is_left_out() {
    let server = FakeHttp::start(|request| match request.line.as_str() {
        "GET /products/BTC-USD/ticker" => Reply::Ok(COINBASE.into()),
        "GET /0/public/Ticker?pair=XBTUSD" => Reply::Status(429, vec![("retry-after", "30".into())], ""),
        "GET /api/v2/ticker/btcusd/" => Reply::Ok(BITSTAMP.into()),
        _ => Reply::Status(404, vec![], ""),
    })
    .await;
    let all = BtcPriceConfig {
        coinbase_url: server.url.clone(),
        kraken_url: server.url.clone(),
        bitstamp_url: server.url.clone(),
        interval_secs: 60,
        own: None,
    };
    let http = Http::new().unwrap();
    let mut sources = btc_sources(&all, &http);
    let ids: Vec<_> = sources.iter().map(|source| source.id().to_owned()).collect();
    assert_eq!(ids, ["price/coinbase", "price/kraken", "price/bitstamp"]);
    let quote = quote_of(sources[0].fetch(moment(0)).await.unwrap());
    assert_eq!(
        (quote.venue, quote.quote),
        ("coinbase", Ok(Reading::measured(usd(91_250.55), "ticker.price")))
    );
    let busy = failure(&mut *sources[1]).await;
    assert_eq!(busy.retry_after, Some(Duration::from_secs(30)));
    let missing = quote_of(sources[1].failed(busy.reason));
    assert_eq!((missing.venue, missing.quote), ("kraken", Err(Missing::RemoteError)));
    assert!(quote_of(sources[2].fetch(moment(0)).await.unwrap()).quote.is_ok());

    let two = BtcPriceConfig { kraken_url: String::new(), ..all };
    assert_eq!(btc_sources(&two, &http).len(), 2);
}

fn quote_of(samples: Vec<Sample>) -> BtcUsdSample {
    match samples.as_slice() {
        [Sample::BtcUsd(sample)] => sample.clone(),
        other => panic!("{other:?}"),
    }
}
