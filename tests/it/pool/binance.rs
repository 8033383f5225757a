//! Binance Pool: signed queries, a window for the clock, pages without a number.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use wattsplit::clock::UnixMs;
use wattsplit::reading::{Missing, PoolWorker, Quality, SettledKind};
use wattsplit::sources::pool::binance;
use wattsplit::units::Sats;

use super::account::{failed, keyed_account, report};
use super::*;
use crate::fake_http::{FakeHttp, Reply, Request, moment};

const STATUS: &str = include_str!("../../fixtures/pool/binance_status.json");
const WORKERS_1: &str = include_str!("../../fixtures/pool/binance_workers_1.json");
const WORKERS_2: &str = include_str!("../../fixtures/pool/binance_workers_2.json");
const EARNINGS: &str = include_str!("../../fixtures/pool/binance_earnings.json");
const USER: &str = "user = \"ridge\"";

/// The pool's side: the signature over the query must fit, and its time be in the window by the pool's clock.
fn pool(secret: &'static str, clock: Arc<AtomicI64>) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        let (path, query) =
            request.line.strip_prefix("GET /sapi/v1/mining/").unwrap().split_once('?').unwrap();
        let (signed, tag) = query.split_once("&signature=").unwrap();
        if request.header("x-mbx-apikey") != Some("access-key") || tag != signature(secret, signed) {
            let invalid = r#"{"code":-1022,"msg":"Signature for this request is not valid."}"#;
            return Reply::Status(400, vec![], invalid);
        }
        let of = |name| parameter(&request.line, name);
        let number = |name| of(name).parse::<i64>().unwrap();
        let late = clock.load(Ordering::SeqCst) - number("timestamp");
        if !(-999..=number("recvWindow")).contains(&late) {
            let outside =
                r#"{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}"#;
            return Reply::Status(400, an_hour_behind(), outside);
        }
        assert_eq!((of("algo").as_str(), of("userName").as_str()), ("sha256", "ridge"));
        let body = match (path, of("pageIndex").as_str()) {
            ("statistics/user/status", "") => STATUS,
            ("worker/list", "1") => WORKERS_1,
            ("worker/list", "2") => WORKERS_2,
            ("payment/list", "1") => EARNINGS,
            other => panic!("{other:?}"),
        };
        Reply::Status(200, an_hour_behind(), body)
    }
}

fn clock_at(ms: i64) -> Arc<AtomicI64> {
    Arc::new(AtomicI64::new(moment(0).wall.0 + ms))
}

#[tokio::test]
async fn an_account_is_read_page_by_page_with_signatures_that_the_pool_accepts() {
    let clock = clock_at(0);
    let server = FakeHttp::start(pool("s3cr3t-s3cr3t", clock.clone())).await;
    let (mut account, _dir) = keyed_account("binance", &server.url, USER);
    let first = report(&mut *account, 0).await;
    assert_eq!((ths(&first.hashrate_now), ths(&first.hashrate_24h)), (Ok(1921.0), Ok(1898.7000000000005)));
    assert_eq!(ths(&first.hashrate_1h), Err(Missing::NotSupported));
    assert_eq!((first.workers_online.unwrap().value, first.workers_offline.unwrap().value), (21, 2));
    let today = first.today_estimate.unwrap();
    assert_eq!((today.value, today.quality), (Sats(81_234), Quality::Estimated));
    assert_eq!(first.unpaid, Err(Missing::NotSupported));
    for secs in [1, 2, 3] {
        clock.store(moment(secs).wall.0, Ordering::SeqCst);
        report(&mut *account, secs).await;
    }
    assert!(account.whole());
    clock.store(moment(300).wall.0, Ordering::SeqCst);
    let all = report(&mut *account, 300).await;
    let row = |w: &PoolWorker| (w.name.clone(), ths(&w.hashrate), w.last_share.map(|at| at.secs()), w.online);
    assert_eq!(
        all.workers.iter().map(row).collect::<Vec<_>>(),
        [
            ("rack1".into(), Ok(96.4), Some(1_789_999_990), Some(true)),
            ("rack2".into(), Ok(0.0), Some(1_789_990_000), Some(false)),
            ("rack3".into(), Ok(0.0), None, Some(false)),
        ]
    );
    let rejected = all.workers[0].rejected.unwrap();
    assert_eq!((rejected.value.get(), rejected.quality), (0.0041, Quality::Estimated));
    assert_eq!(all.workers[2].rejected, Err(Missing::Implausible), "twelve is no fraction");
    assert_eq!(all.settled.len(), 2);
    let ahead = all.clock_ahead_ms.unwrap();
    assert!((3_600_000..3_660_000).contains(&ahead), "{ahead}");
}

#[tokio::test]
async fn a_wrong_secret_is_a_refused_login_although_the_pool_says_bad_request() {
    let server = FakeHttp::start(pool("another", clock_at(0))).await;
    let (mut account, _dir) = keyed_account("binance", &server.url, USER);
    let failure = failed(&mut *account, 0).await;
    assert_eq!(failure.reason, Missing::Denied);
    assert_eq!(failure.retry_after.map(|wait| wait.as_secs()), Some(900));
    assert!(failure.detail.contains("Signature for this request is not valid."), "{}", failure.detail);
    assert!(!failure.detail.contains("signature="), "{}", failure.detail);
    assert!(!format!("{:?}{failure:?}", server.seen()).contains("s3cr3t"));
}

#[tokio::test]
async fn a_clock_outside_the_window_is_named_and_no_reason_to_stop_for_long() {
    let server = FakeHttp::start(pool("s3cr3t-s3cr3t", clock_at(-3_600_000))).await;
    let (mut account, _dir) = keyed_account("binance", &server.url, USER);
    let failure = failed(&mut *account, 0).await;
    assert_eq!((failure.reason, failure.retry_after), (Missing::RemoteError, None));
    assert!(failure.detail.contains("outside of the recvWindow."), "{}", failure.detail);
    assert!(failure.detail.ends_with(" s ahead of the pool's"), "{}", failure.detail);
}

#[test]
fn days_of_several_rows_are_summed_and_what_went_to_others_or_is_no_bitcoin_is_left_out() {
    let settled = |now: i64, body: &str| binance::earnings(body.as_bytes(), UnixMs::from_secs(now));
    let page = settled(1_790_000_000, EARNINGS).unwrap();
    let rows = page.piece.settled.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.at.secs(), row.kind, row.net.0)).collect();
    // 1 789 833 600 is the midnight in UTC+8 with which 20 September begins there: the UTC day of that date.
    let day = SettledKind::UtcDay;
    assert_eq!(told, [(1_789_862_400, day, 80_215), (1_789_776_000, day, 79_812)]);
    assert!(!page.more);
    // The running day is settled once it is over.
    let later = settled(1_790_035_200, EARNINGS).unwrap().piece.settled.unwrap();
    assert_eq!((later[0].at.secs(), later[0].net), (1_789_948_800, Sats(20_001)));
    let unreadable = EARNINGS.replace("0.0008011512", "\"soon\"");
    assert_eq!(settled(1_790_000_000, &unreadable).unwrap_err().reason, Missing::Garbage);
}

#[tokio::test]
async fn an_error_of_the_pool_is_an_error_and_an_empty_account_is_none() {
    for (error, why) in [
        (r#"{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}"#, Missing::Denied),
        (r#"{"code":-20208,"msg":"System error"}"#, Missing::RemoteError),
        (r#"{"code":0,"msg":""}"#, Missing::NotReported),
    ] {
        let server = FakeHttp::always(Reply::Ok(error.into())).await;
        let (mut account, _dir) = keyed_account("binance", &server.url, USER);
        assert_eq!(failed(&mut *account, 0).await.reason, why, "{error}");
    }
    let empty = r#"{"code":0,"data":{"workerDatas":[],"totalNum":0,"pageSize":20}}"#;
    let server = FakeHttp::start(move |request| {
        Reply::Ok(if request.line.contains("worker/list") { empty } else { STATUS }.into())
    })
    .await;
    let (mut account, _dir) = keyed_account("binance", &server.url, USER);
    report(&mut *account, 0).await;
    assert_eq!(report(&mut *account, 1).await.workers, []);
}
