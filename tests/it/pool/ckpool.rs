//! CKPool: strings with a prefix of their unit, and an account that is a list of workers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wattsplit::clock::UnixMs;
use wattsplit::reading::{Missing, RewardScheme};
use wattsplit::sources::pool::ckpool;

use super::account::{failed, open_account, report};
use super::*;
use crate::fake_http::{FakeHttp, Reply};

const USER: &str = include_str!("../../fixtures/pool/ckpool_user.json");
const IDLE: &str = include_str!("../../fixtures/pool/ckpool_user_idle.json");

#[tokio::test]
async fn an_address_is_read_with_its_workers_and_earns_nothing_until_it_finds_a_block() {
    let server = FakeHttp::always(Reply::Ok(USER.into())).await;
    let mut account = open_account("ckpool", &server.url, "address = \"bc1qtest\"");
    let told = report(&mut *account, 0).await;
    assert_eq!(server.lines(), ["GET /users/bc1qtest"]);
    assert!(account.whole());
    let rates = [&told.hashrate_now, &told.hashrate_1h, &told.hashrate_24h].map(ths);
    assert_eq!(rates, [Ok(402.0), Ok(395.5), Ok(390.0)]);
    assert_eq!(told.workers_online.unwrap().value, 2);
    let rows: Vec<_> =
        told.workers.iter().map(|w| (w.name.as_str(), ths(&w.hashrate), w.last_share)).collect();
    // 201 000 G are 201 T; one of the times is a string.
    let at = |secs| Some(UnixMs::from_secs(secs));
    assert_eq!(
        rows,
        [
            ("bc1qtest.rack1", Ok(201.0), at(1_789_999_990)),
            ("bc1qtest.rack2", Ok(201.0), at(1_789_999_985)),
            ("bc1qtest.rack3", Ok(0.0), at(1_789_900_000)),
        ]
    );
    assert_eq!((told.scheme, told.settled.len()), (RewardScheme::Solo, 0));
    assert_eq!((told.unpaid, told.today_estimate), (Err(Missing::NotSupported), Err(Missing::NotSupported)));
    assert_eq!(told.rejected, Err(Missing::NotSupported));
}

#[tokio::test]
async fn a_worker_that_vanished_from_the_pool_is_no_longer_told_of() {
    let asked = AtomicUsize::new(0);
    let server = FakeHttp::start(move |_| {
        Reply::Ok(if asked.fetch_add(1, Ordering::SeqCst) == 0 { USER } else { IDLE }.to_owned())
    })
    .await;
    let mut account = open_account("ckpool", &server.url, "address = \"bc1qtest\"");
    assert_eq!(report(&mut *account, 0).await.workers.len(), 3);
    let later = report(&mut *account, 300).await;
    assert_eq!(later.workers, []);
    assert_eq!(later.workers_online.unwrap().value, 0);
    assert_eq!(ths(&later.hashrate_now), Ok(0.0));
}

#[test]
fn a_hashrate_that_cannot_be_read_costs_only_itself() {
    for (odd, why) in [
        ("\"402 kWh\"", Missing::Garbage),
        ("\"soon\"", Missing::Garbage),
        ("null", Missing::NotReported),
        // Ten times the network of 2026 is an error of the unit.
        ("\"402Z\"", Missing::Implausible),
    ] {
        let piece = ckpool::user(USER.replace("\"402T\"", odd).as_bytes()).unwrap();
        let rates = piece.rates.unwrap();
        assert_eq!((ths(&rates.hashrate_now), ths(&rates.hashrate_1h)), (Err(why), Ok(395.5)), "{odd}");
    }
}

#[tokio::test]
async fn a_user_that_the_pool_does_not_know_is_an_error_and_a_busy_pool_is_left_alone() {
    let server = FakeHttp::always(Reply::Status(404, vec![], "<html>404 Not Found</html>")).await;
    let mut account = open_account("ckpool", &server.url, "address = \"bc1qtest\"");
    assert_eq!(failed(&mut *account, 0).await.reason, Missing::RemoteError);
    let wait = vec![("retry-after", "120".to_owned())];
    let server = FakeHttp::always(Reply::Status(429, wait, "slow down")).await;
    let mut account = open_account("ckpool", &server.url, "address = \"bc1qtest\"");
    assert_eq!(failed(&mut *account, 0).await.retry_after, Some(Duration::from_secs(120)));
    assert_eq!(ckpool::user(b"{}").unwrap_err().reason, Missing::NotReported);
}
