//! Foundry USA Pool: pages without numbers, three kinds of work, and a unit that is disputed.

use wattsplit::reading::{Missing, SettledKind};
use wattsplit::sources::pool::foundry;
use wattsplit::units::Sats;

use super::account::{failed, keyed_account, report};
use super::*;
use crate::fake_http::{FakeHttp, Reply, Request, moment};

const STATS: &str = include_str!("../../fixtures/pool/foundry_stats.json");
const WORKERS: &str = include_str!("../../fixtures/pool/foundry_workers.json");
const BALANCE: &str = include_str!("../../fixtures/pool/foundry_balance.json");
const EARNINGS: &str = include_str!("../../fixtures/pool/foundry_earnings.json");

/// The first page is full: 500 workers by name.
fn first_page() -> String {
    let worker = |n| format!(r#"{{"workerName":"ridge.b{n:03}","hashrate_5m":100000}}"#);
    let rows: Vec<String> = (0..500).map(worker).collect();
    format!(r#"{{"workersList":[{}],"totalWorkerCount":503}}"#, rows.join(","))
}

fn pool(request: &Request) -> Reply {
    if request.header("x-api-key") != Some("access-key") {
        let headers = vec![("content-type", "application/json".to_owned())];
        return Reply::Status(403, headers, r#"{"status":403,"message":"Forbidden"}"#);
    }
    let (path, query) = request.line.split_once('?').unwrap();
    Reply::Ok(match path {
        "GET /subaccount_stats/ridge" => STATS.into(),
        "GET /workers/ridge" if query.contains("pageNumber=0&") => first_page(),
        "GET /workers/ridge" if query.contains("pageNumber=1&") => WORKERS.into(),
        "GET /balance/ridge" => BALANCE.into(),
        "GET /v2/earnings/ridge" => EARNINGS.into(),
        other => panic!("{other}"),
    })
}

#[tokio::test]
async fn an_account_is_read_with_all_pages_of_its_workers() {
    let server = FakeHttp::start(pool).await;
    let (mut account, _dir) = keyed_account("foundry", &server.url, "user = \"ridge\"");
    let first = report(&mut *account, 0).await;
    // 61 200 000 GH/s are 61 200 TH/s.
    assert_eq!(ths(&first.hashrate_now), Ok(61_200.0));
    assert_eq!(ths(&first.hashrate_1h), Ok(60_900.0));
    assert_eq!(ths(&first.hashrate_24h), Ok(60_400.0));
    assert_eq!((first.workers_online.unwrap().value, first.workers_offline.unwrap().value), (612, 7));
    // Of 60 900 000 accepted, 60 900 rejected and 30 450 stale in the last hour.
    assert_eq!(part(&first.rejected), Ok(0.000_998_5));
    assert_eq!(part(&first.stale), Ok(0.000_499_3));
    assert!(report(&mut *account, 2).await.workers.is_empty());
    let third = report(&mut *account, 4).await;
    assert_eq!(third.unpaid.unwrap().value, Sats(41_270_815));
    assert_eq!(third.today_estimate, Err(Missing::NotSupported));
    let fourth = report(&mut *account, 6).await;
    let settled: Vec<_> = fourth.settled.iter().map(|row| (row.at.secs(), row.net.0, row.fee)).collect();
    // The running day is in the list, too.
    assert_eq!(
        settled,
        [(1_789_862_400, 2_387_450, Some(Sats(7_931))), (1_789_776_000, 2_410_113, Some(Sats(8_007)))]
    );
    let all = report(&mut *account, 8).await;
    assert!(account.whole());
    assert_eq!(all.workers.len(), 503);
    let [online, offline, untold] = &all.workers[500..] else { panic!() };
    assert_eq!((online.name.as_str(), online.online), ("ridge.c01", Some(true)));
    assert_eq!((part(&online.rejected), part(&online.stale)), (Ok(0.005), Ok(0.005)));
    assert_eq!(online.last_share.map(|at| at.secs()), Some(1_789_999_961));
    assert_eq!((ths(&offline.hashrate), offline.online), (Ok(0.0), Some(false)));
    assert_eq!(offline.rejected, Err(Missing::Undefined));
    // Without `updatedAt` nobody knows how long ago the pool looked.
    assert_eq!((untold.online, untold.rejected), (None, Err(Missing::NotReported)));
    let since = server.lines()[3].clone();
    // Thirty days back, from the start of that day.
    assert_eq!(since, "GET /v2/earnings/ridge?coin=BTC&startDateUnixMs=1787356800000");
}

#[tokio::test]
async fn the_unit_of_the_config_goes_before_that_of_the_document() {
    let server = FakeHttp::start(pool).await;
    let keys = "user = \"ridge\"\nhashrate_unit = \"TH/s\"";
    let (mut account, _dir) = keyed_account("foundry", &server.url, keys);
    let first = report(&mut *account, 0).await;
    assert_eq!(ths(&first.hashrate_now), Ok(61_200_000.0));
    // A part of all work has no unit.
    assert_eq!(part(&first.rejected), Ok(0.000_998_5));
}

#[tokio::test]
async fn a_wrong_key_is_denied() {
    let server = FakeHttp::start(|request| pool(&Request { headers: vec![], ..request.clone() })).await;
    let (mut account, _dir) = keyed_account("foundry", &server.url, "user = \"ridge\"");
    let failure = failed(&mut *account, 0).await;
    assert_eq!(failure.reason, Missing::Denied);
    assert!(failure.detail.contains("Forbidden"), "{}", failure.detail);
}

#[test]
fn a_day_is_settled_when_it_is_credited_at_one_o_clock() {
    let settled = |secs| {
        let now = wattsplit::clock::UnixMs::from_secs(secs);
        let rows = foundry::earnings(EARNINGS.as_bytes(), now).unwrap().settled.unwrap();
        assert!(rows.iter().all(|row| row.kind == SettledKind::UtcDay));
        rows.len()
    };
    let midnight = 1_789_948_800;
    assert_eq!([settled(midnight), settled(midnight + 3_599), settled(midnight + 3_600)], [1, 1, 2]);
}

#[test]
fn an_account_without_earnings_has_none_and_a_row_that_cannot_be_read_is_an_error() {
    let now = moment(0).wall;
    assert_eq!(foundry::earnings(b"[]", now).unwrap().settled, Some(vec![]));
    for (from, to) in [("0.02410113", "\"soon\""), ("2026-09-19T", "yesterday"), ("totalAmount", "amount")] {
        let body = EARNINGS.replace(from, to);
        assert_eq!(foundry::earnings(body.as_bytes(), now).unwrap_err().reason, Missing::Garbage, "{to}");
    }
    let first_version = EARNINGS.replace("poolFeeAmount", "feeAmount");
    assert_eq!(
        foundry::earnings(first_version.as_bytes(), now).unwrap(),
        foundry::earnings(EARNINGS.as_bytes(), now).unwrap()
    );
}
