//! NiceHash: signed headers, rigs by the page, and a market instead of a reward.

use std::collections::BTreeSet;
use std::sync::Mutex;

use wattsplit::clock::UnixMs;
use wattsplit::reading::{Missing, PoolWorker, Quality, RewardScheme, SettledKind};
use wattsplit::units::Sats;

use super::account::{failed, keyed_account, report};
use super::*;
use crate::fake_http::{FakeHttp, Reply, Request, moment};

const RIGS_1: &str = include_str!("../../fixtures/pool/nicehash_rigs_1.json");
const RIGS_2: &str = include_str!("../../fixtures/pool/nicehash_rigs_2.json");
const PAYOUTS_1: &str = include_str!("../../fixtures/pool/nicehash_payouts_1.json");
const PAYOUTS_2: &str = include_str!("../../fixtures/pool/nicehash_payouts_2.json");
const ORGANIZATION: &str = "organization = \"0rg-1d\"";
const INVALID: &str =
    r#"{"error_id":"5e55-10f","errors":[{"code":2000,"message":"Invalid session (1009)"}]}"#;

/// The pool's side: the signature must fit, the time be within five minutes of the pool's and no nonce come twice.
fn pool(secret: &'static str, ahead_ms: i64) -> impl Fn(&Request) -> Reply + Send + Sync {
    let used = Mutex::new(BTreeSet::new());
    move |request| {
        let header = |name| request.header(name).unwrap_or_default().to_owned();
        let target = request.line.strip_prefix("GET ").unwrap();
        let (path, query) = target.split_once('?').unwrap();
        let (time, nonce) = (header("x-time"), header("x-nonce"));
        let mut message = b"access-key".to_vec();
        for part in [&time, &nonce, "", "0rg-1d", "", "GET", path, query] {
            message.push(0);
            message.extend(part.bytes());
        }
        let tag = signature(secret, std::str::from_utf8(&message).unwrap());
        let off = time.parse::<i64>().unwrap() - (moment(0).wall.0 - ahead_ms);
        let known = header("x-organization-id") == "0rg-1d" && !header("x-request-id").is_empty();
        let fresh = nonce.len() <= 36 && used.lock().unwrap().insert(nonce);
        if header("x-auth") != format!("access-key:{tag}") || off.abs() > 300_000 || !known || !fresh {
            return Reply::Status(401, an_hour_behind(), INVALID);
        }
        match (path, parameter(&request.line, "page").as_str()) {
            ("/main/api/v2/mining/rigs2", "0") => Reply::Ok(RIGS_1.into()),
            ("/main/api/v2/mining/rigs2", "1") => Reply::Ok(RIGS_2.into()),
            ("/main/api/v2/mining/rigs/payouts", "0") => Reply::Ok(PAYOUTS_1.into()),
            ("/main/api/v2/mining/rigs/payouts", "1") => Reply::Ok(PAYOUTS_2.into()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn rigs_are_read_page_by_page_with_signatures_that_the_pool_accepts() {
    let server = FakeHttp::start(pool("s3cr3t-s3cr3t", 0)).await;
    let (mut account, _dir) = keyed_account("nicehash", &server.url, ORGANIZATION);
    // The first page of two is no account yet.
    let first = report(&mut *account, 0).await;
    assert_eq!((ths(&first.hashrate_now), first.workers.len()), (Err(Missing::NotYet), 0));
    report(&mut *account, 2).await;
    let told = report(&mut *account, 4).await;
    let row = |w: &PoolWorker| (w.name.clone(), ths(&w.hashrate), w.online);
    // A rig that mines something else is none of the site's; one that is off has no connection.
    assert_eq!(
        told.workers.iter().map(row).collect::<Vec<_>>(),
        [
            ("rack1".into(), Ok(198.0), Some(true)),
            ("rack2".into(), Ok(100.0), Some(true)),
            ("rack3".into(), Ok(0.0), Some(false)),
        ]
    );
    assert_eq!((ths(&told.hashrate_now), told.hashrate_now.unwrap().quality), (Ok(298.0), Quality::Measured));
    assert_eq!((told.workers_online.unwrap().value, told.workers_offline.unwrap().value), (2, 1));
    // Of 200 TH/s over both markets two were rejected, one of them late.
    assert_eq!(told.workers[0].rejected.unwrap().value.get(), 0.01);
    assert_eq!(told.workers[0].stale.unwrap().value.get(), 0.005);
    assert_eq!(told.rejected.unwrap().quality, Quality::Estimated);
    // Less what is below a satoshi.
    assert_eq!(told.unpaid.unwrap().value, Sats(37_123));
    assert_eq!((told.scheme, told.settled.len()), (RewardScheme::Market, 0));
    // In the midst of the next round the last one is as good as before.
    report(&mut *account, 6).await;
    assert!(account.whole());
    let midst = report(&mut *account, 290).await;
    assert!(!account.whole());
    assert_eq!(midst.hashrate_now.unwrap().quality, Quality::Measured);
    assert_eq!(
        (ths(&told.hashrate_24h), told.today_estimate),
        (Err(Missing::NotSupported), Err(Missing::NotSupported))
    );
}

#[tokio::test]
async fn payouts_are_settled_at_their_time_less_the_fee_and_the_list_is_left_where_the_ledger_knows_the_rest()
{
    let server = FakeHttp::start(pool("s3cr3t-s3cr3t", 0)).await;
    let (mut account, _dir) = keyed_account("nicehash", &server.url, ORGANIZATION);
    for secs in [0, 2, 4] {
        report(&mut *account, secs).await;
    }
    // The second of thirty pages reaches back more than 30 days.
    let told = report(&mut *account, 6).await;
    assert!(account.whole());
    let rows = told.settled.iter().map(|row| (row.at, row.kind, row.net, row.fee));
    let paid = SettledKind::Payout;
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            (UnixMs(1_789_992_000_000), paid, Sats(50_176), Some(Sats(1_024))),
            // Less what is below a satoshi; what was paid in another coin is no bitcoin.
            (UnixMs(1_789_977_600_000), paid, Sats(48_816), Some(Sats(996))),
        ]
    );
}

#[tokio::test]
async fn a_payout_that_cannot_be_read_leaves_none() {
    let no_amount = PAYOUTS_1.replace("0.00051200", "soon");
    let above_it = PAYOUTS_1.replace("0.00001024", "0.00061024");
    for (list, why) in [(no_amount, "a row of payouts cannot be read"), (above_it, "a settlement of -0.0000")]
    {
        let server = FakeHttp::start(move |request| match request.line.contains("rigs2") {
            true => Reply::Ok(RIGS_2.into()),
            false => Reply::Ok(list.clone()),
        })
        .await;
        let (mut account, _dir) = keyed_account("nicehash", &server.url, ORGANIZATION);
        report(&mut *account, 0).await;
        // A failed part leaves the others, and is named once it failed twice.
        report(&mut *account, 2).await;
        let told = report(&mut *account, 3_700).await;
        let told = if told.failing.is_empty() { report(&mut *account, 3_702).await } else { told };
        assert_eq!(told.settled, []);
        assert!(told.failing.iter().any(|words| words.contains(why)), "{:?}", told.failing);
    }
}

#[tokio::test]
async fn a_wrong_secret_and_a_wrong_clock_get_the_same_refusal_and_the_clock_is_named() {
    for (secret, ahead_ms) in [("another", 0), ("s3cr3t-s3cr3t", 3_600_000)] {
        let server = FakeHttp::start(pool(secret, ahead_ms)).await;
        let (mut account, _dir) = keyed_account("nicehash", &server.url, ORGANIZATION);
        let failure = failed(&mut *account, 0).await;
        assert_eq!(failure.reason, Missing::Denied);
        assert_eq!(failure.retry_after.map(|wait| wait.as_secs()), Some(900));
        assert!(failure.detail.contains("Invalid session (1009)"), "{}", failure.detail);
        assert!(failure.detail.ends_with(" s ahead of the pool's"), "{}", failure.detail);
        assert!(!format!("{:?}{failure:?}", server.seen()).contains("s3cr3t"));
    }
}

#[tokio::test]
async fn a_server_that_echoes_what_was_sent_uncovers_neither_key_nor_signature() {
    let server = FakeHttp::always(Reply::Status(400, vec![], "no such key: access-key")).await;
    let (mut account, _dir) = keyed_account("nicehash", &server.url, ORGANIZATION);
    let failure = failed(&mut *account, 0).await;
    assert!(failure.detail.ends_with("status 400: no such key: …"), "{}", failure.detail);
}

#[tokio::test]
async fn an_organization_without_rigs_hashes_nothing_and_an_error_is_no_empty_one() {
    let empty = r#"{"minerStatuses":{},"totalRigs":0,"unpaidAmount":"0","miningRigs":[],
        "pagination":{"size":100,"page":0,"totalPageCount":0}}"#;
    let server = FakeHttp::always(Reply::Ok(empty.into())).await;
    let (mut account, _dir) = keyed_account("nicehash", &server.url, ORGANIZATION);
    let told = report(&mut *account, 0).await;
    assert_eq!((ths(&told.hashrate_now), told.workers_online.unwrap().value), (Ok(0.0), 0));
    assert_eq!(told.unpaid.unwrap().value, Sats(0));
    for (error, why) in [
        (INVALID, Missing::Denied),
        (r#"{"errors":[{"code":5056,"message":"Maintenance"}]}"#, Missing::RemoteError),
        ("{}", Missing::NotReported),
    ] {
        let server = FakeHttp::always(Reply::Ok(error.into())).await;
        let (mut account, _dir) = keyed_account("nicehash", &server.url, ORGANIZATION);
        assert_eq!(failed(&mut *account, 0).await.reason, why, "{error}");
    }
}
