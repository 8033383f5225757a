//! Every market over sockets: well, and in every way it can fail.

use std::time::Duration;

use jiff::ToSpan;
use wattsplit::reading::{Missing, PriceKind, PriceSlot, Quality};

use super::markets::{MARKETS, Market, Price, SECRET, answering, login, market};
use super::price_of;
use crate::fake_http::{FakeHttp, Reply, failure, moment};

/// The slot that holds at [`moment`] 0.
fn now(slots: &[PriceSlot]) -> PriceSlot {
    let wall = moment(0).wall;
    *slots.iter().find(|slot| slot.start <= wall && wall < slot.end).unwrap()
}

#[tokio::test]
async fn every_market_gives_the_price_of_now_in_dollars() {
    for (name, market_price, usd, kind) in [
        ("energy_charts", 88.4, 110.5, PriceKind::DayAhead),
        ("awattar", 88.4, 110.5, PriceKind::DayAhead),
        ("octopus_agile", 184.0, 230.0, PriceKind::Settled),
        ("nord_pool", 412.5, 41.25, PriceKind::DayAhead),
        ("tibber", 925.7, 92.57, PriceKind::Settled),
        ("ercot day-ahead", -4.5, -4.5, PriceKind::DayAhead),
        ("ercot real-time", 28.11, 28.11, PriceKind::Indicative),
        ("pjm day-ahead", 36.4, 36.4, PriceKind::DayAhead),
        ("pjm real-time", 34.4, 34.4, PriceKind::Indicative),
    ] {
        let market = market(name);
        let server = serve_once(market).await;
        let mut source = market.source(&server.url);
        let sample = price_of(source.fetch(moment(0)).await).unwrap();
        let slot = now(&sample.slots.unwrap());
        assert!((slot.price.get() - usd).abs() < 1e-9, "{name}: {slot:?}");
        assert_eq!((slot.market_per_mwh, slot.kind), (market_price, Some(kind)), "{name}");
        let rate = sample.rate.map(|rate| (rate.usd_per_unit, rate.quality));
        let stated = (market.usd_per_unit != 1.0).then_some((market.usd_per_unit, Quality::Estimated));
        assert_eq!(rate, stated, "{name}");
    }
}

/// Nord Pool is asked for two days, and has only one.
async fn serve_once(market: &'static Market) -> FakeHttp {
    FakeHttp::start(|request| {
        login(request).unwrap_or_else(|| match request.line.contains("date=2026-09-22") {
            true => Reply::Status(204, vec![], ""),
            false => Reply::Ok(market.fixture.into()),
        })
    })
    .await
}

#[tokio::test]
async fn every_way_to_fail_has_its_reason_and_shows_no_secret() {
    let html = "<html>hunter2</html>";
    for market in MARKETS {
        let name = market.name;
        let why = async |reply: Reply| {
            let server = answering(reply).await;
            let failure = failure(&mut *market.source(&server.url)).await;
            let shown = failure.detail.contains(SECRET);
            assert!(!shown || !market.keys.contains("secret"), "{name}: {}", failure.detail);
            (failure.reason, failure.retry_after.map(|wait| wait.as_secs()))
        };
        assert_eq!(why(Reply::Ok(html.into())).await, (Missing::Garbage, None), "{name}");
        let empty = if name == "nord_pool" { Missing::NotReported } else { Missing::Garbage };
        assert_eq!(why(Reply::Ok(String::new())).await, (empty, None), "{name}");
        assert_eq!(why(Reply::Ok("x".repeat(10 << 20))).await, (Missing::TooLarge, None), "{name}");
        assert_eq!(why(Reply::CutOff).await, (Missing::CutOff, None), "{name}");
        for code in [401, 403] {
            let refused = why(Reply::Status(code, vec![], "no hunter2 here")).await;
            assert_eq!(refused, (Missing::Denied, Some(900)), "{name} {code}");
        }
        let busy = Reply::Status(429, vec![("retry-after", "120".to_owned())], "hunter2 is too fast");
        assert_eq!(why(busy).await, (Missing::RemoteError, Some(120)), "{name}");
    }
}

#[tokio::test]
async fn two_prices_for_one_time_are_refused_by_every_market() {
    for market in MARKETS {
        let start: jiff::Timestamp = "2026-09-21T14:00:00Z".parse().unwrap();
        let price = |per_mwh| Price { start, end: start + market.step_min.minutes(), per_mwh };
        let body = (market.body)(&[price(40.0), price(50.0)]);
        let server = answering(Reply::Ok(body)).await;
        let failure = failure(&mut *market.source(&server.url)).await;
        let overlap = "the slots at 1789999200 and 1789999200 overlap";
        let said = (failure.reason, failure.detail.starts_with(overlap));
        assert_eq!(said, (Missing::Garbage, true), "{}: {failure}", market.name);
    }
}

#[tokio::test]
async fn a_secret_goes_to_its_market_and_nowhere_else() {
    for (name, header, value) in [
        ("tibber", "authorization", "Bearer hunter2"),
        ("ercot day-ahead", "authorization", "Bearer a-token"),
        ("ercot real-time", "ocp-apim-subscription-key", SECRET),
        ("pjm day-ahead", "ocp-apim-subscription-key", SECRET),
    ] {
        let market = market(name);
        let server = serve_once(market).await;
        market.source(&server.url).fetch(moment(0)).await.unwrap();
        let seen = server.seen();
        assert_eq!(seen.last().unwrap().header(header), Some(value), "{name}");
        assert!(seen.iter().all(|request| !request.line.contains(SECRET)), "{name}");
    }
}

#[tokio::test]
async fn a_market_that_fails_is_asked_soon_and_a_well_one_at_its_pace() {
    for market in MARKETS {
        let usual = if market.name.ends_with("real-time") { 300 } else { 3600 };
        let secs = |source: &dyn wattsplit::sources::Source| source.schedule().interval.as_secs();
        let server = answering(Reply::Status(500, vec![], "")).await;
        let mut source = market.source(&server.url);
        assert_eq!(secs(&*source), usual, "{}", market.name);
        source.fetch(moment(0)).await.unwrap_err();
        // The runner doubles it with each failure in a row, up to this.
        assert_eq!(secs(&*source), 30, "{}", market.name);
        assert_eq!(source.longest_pause(), Duration::from_secs(usual.min(900)), "{}", market.name);
    }
}
