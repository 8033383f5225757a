//! Luxor: a bare key, pages that name the next one, and errors with a status.

use wattsplit::reading::{Missing, Quality};
use wattsplit::sources::pool::{Context, luxor};
use wattsplit::units::Sats;

use super::account::{failed, keyed_account, report};
use super::*;
use crate::fake_http::{FakeHttp, Reply, Request, moment};

const SUMMARY: &str = include_str!("../../fixtures/pool/luxor_summary.json");
const WORKERS_1: &str = include_str!("../../fixtures/pool/luxor_workers_1.json");
const WORKERS_2: &str = include_str!("../../fixtures/pool/luxor_workers_2.json");
const REVENUE: &str = include_str!("../../fixtures/pool/luxor_revenue.json");

fn pool(request: &Request) -> Reply {
    if request.header("authorization") != Some("access-key") {
        let refusal = r#"{"statusCode":401,"error":"Unauthorized","message":"Invalid or missing API key"}"#;
        return Reply::Status(401, vec![], refusal);
    }
    let body = match request.line.as_str() {
        "GET /api/v2/pool/summary/BTC?subaccount_names=ridge" => SUMMARY,
        "GET /api/v2/pool/workers/BTC?subaccount_names=ridge&page_number=1&page_size=100" => WORKERS_1,
        "GET /api/v2/pool/workers/BTC?subaccount_names=ridge&page_number=2&page_size=100" => WORKERS_2,
        "GET /api/v2/pool/revenue/BTC?subaccount_names=ridge&start_date=2026-08-22&end_date=2026-09-21" => {
            REVENUE
        }
        _ => return Reply::Status(400, vec![], r#"{"statusCode":400,"message":"Provide a subaccount"}"#),
    };
    Reply::Ok(body.to_owned())
}

#[tokio::test]
async fn an_account_is_read_page_by_page() {
    let server = FakeHttp::start(pool).await;
    let (mut account, _dir) = keyed_account("luxor", &server.url, "user = \"ridge\"");
    let first = report(&mut *account, 0).await;
    assert_eq!(ths(&first.hashrate_now), Ok(2409.1));
    assert_eq!(ths(&first.hashrate_1h), Ok(2376.0));
    assert_eq!(ths(&first.hashrate_24h), Ok(2390.5));
    assert_eq!(first.workers_online.unwrap().value, 24);
    assert_eq!(first.workers_offline, Err(Missing::NotYet));
    // 24 of 2400 TH/s in the last hour.
    assert_eq!(part(&first.stale), Ok(0.01));
    assert_eq!(first.unpaid.unwrap().value, Sats(910_042));
    let today = first.today_estimate.unwrap();
    assert_eq!(
        (today.value, today.quality, today.source),
        (Sats(121_907), Quality::Estimated, "summary.revenue_24h")
    );
    assert!(report(&mut *account, 2).await.workers.is_empty());
    let third = report(&mut *account, 4).await;
    let settled: Vec<_> = third.settled.iter().map(|row| (row.at.secs(), row.net.0, row.fee)).collect();
    assert_eq!(settled, [(1_789_862_400, 120_988, None), (1_789_776_000, 121_544, None)]);
    let all = report(&mut *account, 6).await;
    assert!(account.whole());
    assert_eq!(all.workers_offline.unwrap().value, 2);
    let [active, inactive, odd] = all.workers.as_slice() else { panic!() };
    assert_eq!((active.name.as_str(), ths(&active.hashrate), active.online), ("e01", Ok(101.3), Some(true)));
    assert_eq!(active.last_share.map(|at| at.secs()), Some(1_789_999_960));
    // That these are parts of all work is not documented.
    let stale = active.stale.unwrap();
    assert_eq!((stale.value.get(), stale.quality), (0.01, Quality::Estimated));
    assert_eq!((ths(&inactive.hashrate), inactive.online), (Ok(0.0), Some(false)));
    assert_eq!((odd.stale, odd.last_share, odd.online), (Err(Missing::Implausible), None, None));
    // What was rejected is told by worker only: 0.5 % of 101.3 and 1 % of 99 TH/s.
    let rejected = all.rejected.unwrap();
    assert_eq!((part(&all.rejected), rejected.quality), (Ok(0.007_471_3), Quality::Estimated));
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_subaccount_are_told_apart() {
    let server = FakeHttp::start(|request| pool(&Request { headers: vec![], ..request.clone() })).await;
    let (mut account, _dir) = keyed_account("luxor", &server.url, "user = \"ridge\"");
    assert_eq!(failed(&mut *account, 0).await.reason, Missing::Denied);
    let server = FakeHttp::start(pool).await;
    let (mut account, _dir) = keyed_account("luxor", &server.url, "user = \"nobody\"");
    let wrong = failed(&mut *account, 0).await;
    assert_eq!(wrong.reason, Missing::RemoteError);
    assert!(
        wrong.detail.contains("status 400") && wrong.detail.contains("Provide a subaccount"),
        "{wrong:?}"
    );
}

#[test]
fn a_page_that_names_another_but_holds_nothing_is_the_last() {
    let context = Context { now: moment(0), hashes_per_unit: None };
    let empty = r#"{"workers":[],"pagination":{"next_page_url":"/again"}}"#;
    let page = luxor::workers(empty.as_bytes(), &context).unwrap();
    assert!(!page.more);
    assert_eq!(page.piece.counts.unwrap().offline, Err(Missing::NotReported));
}

#[test]
fn revenue_without_its_day_is_an_error() {
    let now = moment(0).wall;
    for (from, to) in [("2026-09-19T00:00:00Z", "last week"), ("0.00121544", "\"\""), ("date_time", "day")] {
        let body = REVENUE.replace(from, to);
        assert_eq!(luxor::revenue(body.as_bytes(), now).unwrap_err().reason, Missing::Garbage, "{from}");
    }
    assert_eq!(luxor::revenue(br#"{"revenue":[]}"#, now).unwrap().settled, Some(vec![]));
    assert_eq!(luxor::revenue(b"{}", now).unwrap_err().reason, Missing::NotReported);
}
