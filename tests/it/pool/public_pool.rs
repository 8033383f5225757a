//! public-pool: rows by session, summed by name.

use wattsplit::reading::{Missing, PoolWorker, Quality, RewardScheme};
use wattsplit::sources::pool::public_pool;

use super::account::{failed, open_account, report};
use super::*;
use crate::fake_http::{FakeHttp, Reply};

const CLIENT: &str = include_str!("../../fixtures/pool/public_pool_client.json");

fn rows(workers: &[PoolWorker]) -> Vec<(&str, Result<f64, Missing>, Option<i64>)> {
    workers.iter().map(|w| (w.name.as_str(), ths(&w.hashrate), w.last_share.map(|at| at.secs()))).collect()
}

#[tokio::test]
async fn sessions_of_one_name_are_one_worker() {
    let server = FakeHttp::always(Reply::Ok(CLIENT.into())).await;
    let mut account = open_account("public_pool", &server.url, "address = \"bc1qtest\"");
    let told = report(&mut *account, 0).await;
    assert_eq!(server.lines(), ["GET /api/client/bc1qtest"]);
    // 14:13:10 is ten seconds before 1 790 000 000; the later session counts.
    assert_eq!(
        rows(&told.workers),
        [("rack1", Ok(201.5), Some(1_789_999_990)), ("rack2", Ok(98.5), Some(1_789_999_980))]
    );
    assert_eq!((ths(&told.hashrate_now), told.hashrate_now.unwrap().quality), (Ok(300.0), Quality::Measured));
    assert_eq!(ths(&told.hashrate_24h), Err(Missing::NotSupported));
    // The pool counts sessions.
    assert_eq!(told.workers_online.unwrap().value, 3);
    assert_eq!((told.scheme, told.settled.len()), (RewardScheme::Solo, 0));
    assert_eq!(told.unpaid, Err(Missing::NotSupported));
}

#[test]
fn a_session_without_a_rate_leaves_the_others_as_an_estimate() {
    let piece = public_pool::client(CLIENT.replace("\"101000000000000\"", "null").as_bytes()).unwrap();
    let now = piece.rates.unwrap().hashrate_now.unwrap();
    assert_eq!((now.value.ths(), now.quality), (199.0, Quality::Estimated));
    let alone = public_pool::client(CLIENT.replace("98500000000000", "\"?\"").as_bytes()).unwrap();
    assert_eq!(ths(&alone.workers.unwrap()[1].hashrate), Err(Missing::Garbage));
}

#[test]
fn an_address_without_workers_hashes_nothing() {
    let piece = public_pool::client(br#"{"bestDifficulty":0,"workersCount":0,"workers":[]}"#).unwrap();
    let rates = piece.rates.unwrap();
    assert_eq!((ths(&rates.hashrate_now), rates.workers_online.unwrap().value), (Ok(0.0), 0));
    assert_eq!(piece.workers, Some(vec![]));
}

#[tokio::test]
async fn an_error_of_the_program_is_an_error_and_not_an_empty_account() {
    let error = r#"{"statusCode":500,"message":"Internal server error"}"#;
    let server = FakeHttp::always(Reply::Status(500, vec![], error)).await;
    let mut account = open_account("public_pool", &server.url, "address = \"bc1qtest\"");
    assert_eq!(failed(&mut *account, 0).await.reason, Missing::RemoteError);
    assert_eq!(public_pool::client(error.as_bytes()).unwrap_err().reason, Missing::NotReported);
}
