//! AntPool: signed forms, pages, and errors in the pool's own words.

use std::sync::Mutex;

use ring::hmac;
use wattsplit::reading::{Missing, Quality, SettledKind};
use wattsplit::sources::pool::antpool;
use wattsplit::units::Sats;

use super::account::{failed, keyed_account, report};
use super::*;
use crate::fake_http::{FakeHttp, Reply, Request, moment};

const OVERVIEW: &str = include_str!("../../fixtures/pool/antpool_overview.json");
const WORKERS_1: &str = include_str!("../../fixtures/pool/antpool_workers_1.json");
const WORKERS_2: &str = include_str!("../../fixtures/pool/antpool_workers_2.json");
const RECEIVED: &str = include_str!("../../fixtures/pool/antpool_received.json");

/// The pool's side: the signature must fit, and the nonce must be larger than the one before.
fn pool(secret: &'static str) -> impl Fn(&Request) -> Reply + Send + Sync {
    let last = Mutex::new(0u64);
    move |request| {
        let form = |name| field(&request.body, name);
        let (key, nonce, user) = (form("key"), form("nonce"), form("userId"));
        let signing = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&signing, format!("{user}{key}{nonce}").as_bytes());
        let expected: String = tag.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        let mut last = last.lock().unwrap();
        if form("signature") != expected {
            return Reply::Ok(r#"{"code":1,"message":"Signature Error","data":null}"#.into());
        }
        let nonce: u64 = nonce.parse().unwrap();
        if nonce <= std::mem::replace(&mut *last, nonce) {
            return Reply::Ok(r#"{"code":1,"message":"nonce must grow"}"#.into());
        }
        let body = match (request.line.as_str(), form("page").as_str()) {
            ("POST /api/accountOverview.htm", _) => OVERVIEW,
            ("POST /api/workers.htm", "1") => WORKERS_1,
            ("POST /api/workers.htm", "2") => WORKERS_2,
            ("POST /api/paymentHistoryV2.htm", _) => RECEIVED,
            other => panic!("{other:?}"),
        };
        Reply::Ok(body.to_owned())
    }
}

#[tokio::test]
async fn an_account_is_read_page_by_page_with_signatures_that_the_pool_accepts() {
    let server = FakeHttp::start(pool("s3cr3t-s3cr3t")).await;
    let (mut account, _dir) = keyed_account("antpool", &server.url, "user = \"ridge\"");
    let first = report(&mut *account, 0).await;
    assert_eq!(ths(&first.hashrate_24h), Ok(1902.7));
    assert_eq!(first.unpaid.unwrap().value, Sats(412_077));
    assert_eq!(first.workers_offline.unwrap().value, 1);
    assert_eq!(first.today_estimate, Err(Missing::NotSupported));
    // The first page of two is no list of workers yet.
    assert!(report(&mut *account, 2).await.workers.is_empty());
    assert!(!account.whole());
    let third = report(&mut *account, 4).await;
    assert_eq!(third.settled.len(), 2);
    let all = report(&mut *account, 6).await;
    assert!(account.whole());
    let names: Vec<_> = all.workers.iter().map(|worker| worker.name.as_str()).collect();
    assert_eq!(names, ["ridge.a01", "ridge.a02", "ridge.a03"]);
    // 15 000 of a million came late; what the second worker lost of nothing is undefined.
    assert_eq!(all.workers[0].stale.unwrap().value.get(), 0.015);
    assert_eq!(all.workers[0].rejected.unwrap().value.get(), 0.005);
    assert_eq!(all.workers[1].rejected, Err(Missing::Undefined));
    assert_eq!(ths(&all.workers[2].hashrate), Ok(95.4));
    let rejected = all.rejected.unwrap();
    assert_eq!((rejected.value.get(), rejected.quality), (0.005, Quality::Estimated));
    assert_eq!(all.clock_ahead_ms, None);
}

#[tokio::test]
async fn a_wrong_secret_is_a_refused_login_that_waits_a_quarter_of_an_hour() {
    let server = FakeHttp::start(pool("another")).await;
    let (mut account, _dir) = keyed_account("antpool", &server.url, "user = \"ridge\"");
    let failure = failed(&mut *account, 0).await;
    assert_eq!(failure.reason, Missing::Denied);
    assert_eq!(failure.retry_after.map(|wait| wait.as_secs()), Some(900));
    assert!(failure.detail.ends_with("/api/accountOverview.htm: the pool says: Signature Error"));
    let sent = &server.seen()[0].body;
    assert!(!sent.contains("s3cr3t"), "the secret itself is never sent: {sent}");
}

#[test]
fn days_are_settled_newest_first() {
    let rows = antpool::received(RECEIVED.as_bytes(), moment(0).wall).unwrap().settled.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.at.secs(), row.kind, row.net.0)).collect();
    let day = SettledKind::UtcDay;
    assert_eq!(told, [(1_789_862_400, day, 80_115), (1_789_776_000, day, 79_812)]);
    let unreadable = RECEIVED.replace("0.00080115", "soon");
    assert_eq!(
        antpool::received(unreadable.as_bytes(), moment(0).wall).unwrap_err().reason,
        Missing::Garbage
    );
}
