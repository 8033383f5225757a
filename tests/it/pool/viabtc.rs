//! ViaBTC: an envelope with a code, pages of workers and of days.

use wattsplit::reading::{Missing, Quality, RewardScheme};
use wattsplit::sources::pool::viabtc;
use wattsplit::units::Sats;

use super::account::{failed, keyed_account, report};
use super::*;
use crate::fake_http::{FakeHttp, Reply, Request, moment};

const HASHRATE: &str = include_str!("../../fixtures/pool/viabtc_hashrate.json");
const WORKERS_1: &str = include_str!("../../fixtures/pool/viabtc_workers_1.json");
const WORKERS_2: &str = include_str!("../../fixtures/pool/viabtc_workers_2.json");
const ACCOUNT: &str = include_str!("../../fixtures/pool/viabtc_account.json");
const PROFIT_1: &str = include_str!("../../fixtures/pool/viabtc_profit_1.json");
const PROFIT_2: &str = include_str!("../../fixtures/pool/viabtc_profit_2.json");

fn pool(request: &Request) -> Reply {
    if request.header("x-api-key") != Some("access-key") {
        return Reply::Ok(r#"{"code":12001,"data":{},"message":"无效的密钥"}"#.into());
    }
    let what = request.line.strip_prefix("GET /res/openapi/v1/").unwrap();
    let days = "profit/history?coin=BTC&utc=true&start_date=2026-08-22&end_date=2026-09-21";
    let body = match what.strip_prefix(days) {
        Some("&page=1&limit=50") => PROFIT_1,
        Some("&page=2&limit=50") => PROFIT_2,
        _ => match what {
            "hashrate?coin=BTC" => HASHRATE,
            "hashrate/worker?coin=BTC&page=1&limit=100" => WORKERS_1,
            "hashrate/worker?coin=BTC&page=2&limit=100" => WORKERS_2,
            "account" => ACCOUNT,
            other => panic!("{other}"),
        },
    };
    Reply::Ok(body.to_owned())
}

#[tokio::test]
async fn an_account_is_read_with_all_pages_of_workers_and_days() {
    let server = FakeHttp::start(pool).await;
    let (mut account, _dir) = keyed_account("viabtc", &server.url, "");
    let first = report(&mut *account, 0).await;
    assert_eq!(first.scheme, RewardScheme::PpsPlus);
    assert_eq!(ths(&first.hashrate_now), Ok(1101.7));
    assert_eq!(ths(&first.hashrate_1h), Ok(1098.2));
    assert_eq!(ths(&first.hashrate_24h), Ok(1093.0));
    assert_eq!((first.workers_online.unwrap().value, first.workers_offline.unwrap().value), (11, 2));
    for secs in [2, 4, 6, 8] {
        report(&mut *account, secs).await;
    }
    let all = report(&mut *account, 10).await;
    assert!(account.whole());
    assert_eq!((all.unpaid.unwrap().value, all.today_estimate), (Sats(312_045), Err(Missing::NotSupported)));
    let [active, inactive, odd] = all.workers.as_slice() else { panic!() };
    assert_eq!((active.name.as_str(), ths(&active.hashrate), active.online), ("f01", Ok(100.5), Some(true)));
    let rejected = active.rejected.unwrap();
    assert_eq!((rejected.value.get(), rejected.quality), (0.0031, Quality::Estimated));
    assert_eq!((inactive.last_share, inactive.online), (None, Some(false)));
    assert_eq!((ths(&odd.hashrate), odd.online, odd.rejected), (Ok(99.0), None, Err(Missing::Implausible)));
    assert_eq!(odd.last_share.map(|at| at.secs()), Some(1_789_999_800));
    // Days of two pages, subsidy and fees together; the running one is left out.
    let settled: Vec<_> = all.settled.iter().map(|row| (row.at.secs(), row.net.0, row.fee)).collect();
    assert_eq!(settled, [(1_789_862_400, 54_414, None), (1_789_776_000, 53_877, None)]);
}

#[tokio::test]
async fn a_code_of_the_login_is_a_refused_login_in_any_language() {
    let server = FakeHttp::start(|request| pool(&Request { headers: vec![], ..request.clone() })).await;
    let (mut account, _dir) = keyed_account("viabtc", &server.url, "");
    let failure = failed(&mut *account, 0).await;
    assert_eq!(
        (failure.reason, failure.retry_after.map(|wait| wait.as_secs())),
        (Missing::Denied, Some(900))
    );
    assert!(failure.detail.ends_with("the pool says: 无效的密钥"), "{}", failure.detail);
}

#[test]
fn whatever_data_an_error_carries_it_is_the_error_that_is_told() {
    for data in ["null", "[]", "\"\"", "{}"] {
        let body = format!(r#"{{"code":12004,"data":{data},"message":"address"}}"#);
        let failure = viabtc::balance(body.as_bytes()).unwrap_err();
        assert_eq!((failure.reason, failure.detail.as_str()), (Missing::Denied, "the pool says: address"));
    }
}

#[test]
fn another_code_is_an_error_of_the_pool() {
    let failure = viabtc::profit(br#"{"code":2,"message":"busy"}"#, moment(0).wall).unwrap_err();
    assert_eq!((failure.reason, failure.detail.as_str()), (Missing::RemoteError, "the pool says: busy"));
}

#[test]
fn a_coin_that_is_not_held_has_no_balance() {
    let body = ACCOUNT.replace("\"BTC\",\"amount\"", "\"LTC\",\"amount\"");
    let balance = viabtc::balance(body.as_bytes()).unwrap().balance.unwrap();
    assert_eq!(balance.unpaid, Err(Missing::NotReported));
}

#[test]
fn a_day_that_cannot_be_read_is_an_error_and_an_empty_list_is_none() {
    let now = moment(0).wall;
    for (from, to) in
        [("\"0.00054414\"", "null"), ("2026-09-20", "20 Sep"), ("\"0.00054414\"", "\"0.000544141\"")]
    {
        let body = PROFIT_1.replace(from, to);
        assert_eq!(viabtc::profit(body.as_bytes(), now).unwrap_err().reason, Missing::Garbage, "{to}");
    }
    let empty = r#"{"code":0,"data":{"count":0,"curr_page":1,"data":[],"has_next":false},"message":"OK"}"#;
    let page = viabtc::profit(empty.as_bytes(), now).unwrap();
    assert_eq!((page.piece.settled, page.more), (Some(vec![]), false));
}
