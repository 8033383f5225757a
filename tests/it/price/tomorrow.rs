//! Tomorrow's prices: not out yet, on the next page, and when they are asked for.

use std::time::Duration;

use wattsplit::clock::{Now, UnixMs};
use wattsplit::reading::Missing;

use super::markets::{Price, market};
use super::{at, slots_of};
use crate::fake_http::{FakeHttp, Reply, failure, moment};

fn now(text: &str) -> Now {
    Now { wall: at(text), mono: Duration::from_secs(1) }
}

/// From midnight to midnight in Berlin, in one piece a quarter of an hour.
fn quarters(day: &str) -> Vec<Price> {
    let start: jiff::Timestamp = format!("{day}T00:00:00+02:00").parse().unwrap();
    let quarter = |n: i64| start + jiff::SignedDuration::from_mins(15 * n);
    let price = |n| Price { start: quarter(n), end: quarter(n + 1), per_mwh: 40.0 };
    (0..96).map(price).collect()
}

/// Nord Pool, where tomorrow answers with `tomorrow`.
async fn nord_pool(tomorrow: Reply) -> FakeHttp {
    let body = market("nord_pool").body;
    FakeHttp::start(move |request| match request.line.contains("date=2026-06-02") {
        true => tomorrow.clone(),
        false => Reply::Ok(body(&quarters("2026-06-01"))),
    })
    .await
}

#[tokio::test]
async fn a_tomorrow_that_is_not_out_is_no_failure_and_looked_for_every_ten_minutes() {
    let not_out = Reply::Status(204, vec![], "");
    let out = Reply::Ok((market("nord_pool").body)(&quarters("2026-06-02")));
    let broken = Reply::Status(500, vec![], "");
    for (tomorrow, at, slots, minutes) in [
        (&not_out, "2026-06-01T06:00:00Z", 96, 60),
        (&not_out, "2026-06-01T10:50:00Z", 96, 10),
        (&broken, "2026-06-01T10:50:00Z", 96, 10),
        (&out, "2026-06-01T10:50:00Z", 192, 60),
    ] {
        let server = nord_pool(tomorrow.clone()).await;
        let mut source = market("nord_pool").source(&server.url);
        let got = slots_of(source.fetch(now(at)).await).unwrap();
        assert_eq!((got.len(), source.schedule().interval.as_secs() / 60), (slots, minutes), "{at}");
        assert_eq!(
            server.lines(),
            ["2026-06-01", "2026-06-02"].map(|date| format!(
                "GET /api/DayAheadPrices?market=DayAhead&date={date}&deliveryArea=SE3&currency=SEK"
            ))
        );
    }
}

#[tokio::test]
async fn a_today_without_prices_is_a_failure() {
    let server = FakeHttp::always(Reply::Status(204, vec![], "")).await;
    let failure = failure(&mut *market("nord_pool").source(&server.url)).await;
    assert_eq!((failure.reason, failure.detail.as_str()), (Missing::NotReported, "no prices for today"));
}

#[tokio::test]
async fn markets_are_asked_for_today_and_tomorrow_by_their_own_clocks() {
    // 2026-09-21 16:13 in Berlin, 15:13 in London, 09:13 in Chicago, 10:13 in New York.
    for (name, line) in [
        ("energy_charts", "GET /price?bzn=DE-LU&start=1789941600&end=1790114399"),
        ("awattar", "GET /v1/marketdata?start=1789941600000&end=1790114400000"),
        (
            "octopus_agile",
            "GET /v1/products/AGILE-24-10-01/electricity-tariffs/E-1R-AGILE-24-10-01-C/standard-unit-rates/\
             ?period_from=2026-09-20T23:00:00Z&period_to=2026-09-22T23:00:00Z&page_size=200",
        ),
        ("tibber", "POST /"),
        (
            "ercot day-ahead",
            "GET /api/public-reports/np4-190-cd/dam_stlmnt_pnt_prices?settlementPoint=LZ_WEST\
             &deliveryDateFrom=2026-09-21&deliveryDateTo=2026-09-22&size=1000",
        ),
        (
            "ercot real-time",
            "GET /api/public-reports/np6-905-cd/spp_node_zone_hub?settlementPoint=LZ_WEST\
             &deliveryDateFrom=2026-09-20&deliveryDateTo=2026-09-21&size=1000",
        ),
        (
            "pjm day-ahead",
            "GET /api/v1/da_hrl_lmps?rowCount=500&startRow=1&pnode_id=51288\
             &datetime_beginning_utc=09%2F21%2F2026%2004%3A00to09%2F23%2F2026%2003%3A59",
        ),
        (
            "pjm real-time",
            "GET /api/v1/rt_unverified_fivemin_lmps?rowCount=500&startRow=1&pnode_id=51288\
             &datetime_beginning_utc=09%2F21%2F2026%2012%3A13to09%2F21%2F2026%2014%3A13",
        ),
    ] {
        let server = super::markets::answering(Reply::Ok(market(name).fixture.into())).await;
        market(name).source(&server.url).fetch(moment(0)).await.unwrap();
        assert_eq!(server.lines().last().unwrap(), line, "{name}");
    }
}

#[tokio::test]
async fn octopus_pages_are_followed_on_the_same_origin_and_not_for_ever() {
    let row = |from: &str, to: &str| {
        format!(
            r#"{{"value_exc_vat":20,"value_inc_vat":21,"valid_from":"2026-09-21T{from}Z","valid_to":"2026-09-21T{to}Z"}}"#
        )
    };
    let page = |next: &str, row: String| format!(r#"{{"next":{next},"results":[{row}]}}"#);
    let (first, second) = (row("14:30:00", "15:00:00"), row("14:00:00", "14:30:00"));
    let server = FakeHttp::start(move |request| {
        let host = request.header("host").unwrap();
        Reply::Ok(match request.line.as_str() {
            "GET /page-2" => page("null", second.clone()),
            _ => page(&format!("\"http://{host}/page-2\""), first.clone()),
        })
    })
    .await;
    let slots = slots_of(market("octopus_agile").source(&server.url).fetch(moment(0)).await).unwrap();
    let starts: Vec<UnixMs> = slots.iter().map(|slot| slot.start).collect();
    assert_eq!(starts, [at("2026-09-21T14:00:00Z"), at("2026-09-21T14:30:00Z")], "in order");

    let elsewhere = Reply::Ok(page("\"http://127.0.0.1:9/page-2\"", row("14:30:00", "15:00:00")));
    let server = FakeHttp::always(elsewhere).await;
    let why = failure(&mut *market("octopus_agile").source(&server.url)).await;
    assert_eq!((why.reason, why.detail.as_str()), (Missing::Garbage, "the next page is somewhere else"));

    let endless = FakeHttp::start(|request| {
        Reply::Ok(format!(r#"{{"next":"http://{}/again","results":[]}}"#, request.header("host").unwrap()))
    })
    .await;
    let why = failure(&mut *market("octopus_agile").source(&endless.url)).await;
    assert_eq!((why.detail.as_str(), endless.lines().len()), ("more than 5 pages", 5));
}
