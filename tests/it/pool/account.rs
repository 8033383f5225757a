//! Whole accounts: which request is next, and what stays of the last replies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wattsplit::http::Http;
use wattsplit::reading::{Missing, PoolReport, Quality, Sample};
use wattsplit::secret::SecretError;
use wattsplit::sources::pool::{self, PoolConfig};
use wattsplit::sources::{Failure, Source};
use wattsplit::units::Sats;

use super::*;
use wattsplit::clock::{Now, UnixMs};

use crate::fake_http::{FakeHttp, Reply, failure, moment};

fn config(kind: &str, url: &str, extra: &str) -> PoolConfig {
    toml::from_str(&format!("name = \"main\"\nkind = \"{kind}\"\nurl = \"{url}\"\nfee = 0.02\n{extra}"))
        .unwrap()
}

fn source(cfg: &PoolConfig, http: &Http) -> Result<Box<dyn Source>, SecretError> {
    Ok(pool::sources(std::slice::from_ref(cfg), http, None)?.remove(0))
}

/// A Braiins account with a token, and the directory that holds it.
pub fn braiins_account(url: &str) -> (Box<dyn Source>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "hunter2\n").unwrap();
    let cfg = config("braiins", url, &format!("token_file = {file:?}"));
    (source(&cfg, &Http::new().unwrap()).unwrap(), dir)
}

/// An account with the key `access-key` and the secret `s3cr3t-s3cr3t`, and the directory that holds them.
pub fn keyed_account(kind: &str, url: &str, extra: &str) -> (Box<dyn Source>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let (token, secret) = (dir.path().join("token"), dir.path().join("secret"));
    std::fs::write(&token, "access-key\n").unwrap();
    std::fs::write(&secret, "s3cr3t-s3cr3t\n").unwrap();
    let files = format!("token_file = {token:?}\nsecret_file = {secret:?}\n{extra}");
    let cfg = config(kind, url, &files);
    let all = pool::sources(&[cfg], &Http::new().unwrap(), Some(dir.path())).unwrap();
    (all.into_iter().next().unwrap(), dir)
}

/// An account that needs no credential.
pub fn open_account(kind: &str, url: &str, extra: &str) -> Box<dyn Source> {
    source(&config(kind, url, extra), &Http::new().unwrap()).unwrap()
}

pub async fn failed(source: &mut dyn Source, secs: u64) -> Failure {
    source.fetch(moment(secs)).await.unwrap_err()
}

pub async fn report(source: &mut dyn Source, secs: u64) -> PoolReport {
    let samples = source.fetch(moment(secs)).await.unwrap();
    match samples.as_slice() {
        [Sample::Pool(sample)] => {
            assert_eq!((&*sample.name, sample.interval), ("main", Duration::from_secs(300)));
            sample.report.clone().unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn braiins_reply(line: &str) -> Reply {
    Reply::Ok(
        match line {
            "GET /accounts/profile/json/btc/" => PROFILE,
            "GET /accounts/workers/json/btc" => WORKERS,
            "GET /accounts/rewards/json/btc" => REWARDS,
            _ => return Reply::Status(404, vec![], ""),
        }
        .to_owned(),
    )
}

#[tokio::test]
async fn a_braiins_account_fills_up_request_by_request_and_never_asks_twice_within_five_seconds() {
    let server = FakeHttp::start(|request| braiins_reply(&request.line)).await;
    let (mut account, _dir) = braiins_account(&format!("{}/", server.url));
    assert_eq!(account.id(), "pool/main");

    let first = report(&mut *account, 0).await;
    assert_eq!(ths(&first.hashrate_now), Ok(2150.0));
    assert_eq!((first.workers.len(), first.settled.len()), (0, 0));
    assert_eq!(account.schedule().interval, Duration::from_secs(6));
    let second = report(&mut *account, 6).await;
    assert_eq!((second.workers.len(), second.settled.len()), (4, 0));
    let third = report(&mut *account, 12).await;
    assert_eq!((third.workers.len(), third.settled.len()), (4, 1));
    assert_eq!(ths(&third.hashrate_now), Ok(2150.0));
    // All is known; the profile is due again 300 s after it was asked.
    assert_eq!(account.schedule().interval, Duration::from_secs(288));
    report(&mut *account, 300).await;
    report(&mut *account, 606).await;
    report(&mut *account, 612).await;

    let asked: Vec<_> =
        server.lines().iter().map(|line| line.split('/').nth(2).unwrap().to_owned()).collect();
    assert_eq!(asked, ["profile", "workers", "rewards", "profile", "profile", "workers"]);
    assert!(server.seen().iter().all(|request| request.header("pool-auth-token") == Some("hunter2")));
}

#[tokio::test]
async fn a_request_that_fails_twice_in_a_row_is_named_until_it_succeeds() {
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    let server = FakeHttp::start(move |request| {
        match request.line.contains("/workers/") && is_broken.load(Ordering::Relaxed) {
            true => Reply::Status(500, vec![], "oops"),
            false => braiins_reply(&request.line),
        }
    })
    .await;
    let (mut account, _dir) = braiins_account(&server.url);
    // Workers are asked every ten minutes.
    let mut secs = 0;
    let mut failing = Vec::new();
    for n in 0..12 {
        broken.store(n < 7, Ordering::Relaxed);
        let report = report(&mut *account, secs).await;
        secs += account.schedule().interval.as_secs();
        failing.push(report.failing.len());
        if let Some(words) = report.failing.first() {
            assert!(words.contains("/accounts/workers/json/btc: status 500"), "{words}");
        }
    }
    assert_eq!((failing[1], failing.iter().max(), failing.last()), (0, Some(&1), Some(&0)), "{failing:?}");
}

#[tokio::test]
async fn one_failing_request_costs_only_its_own_values() {
    let server = FakeHttp::start(|request| match request.line.contains("/workers/") {
        true => Reply::Status(500, vec![], "oops"),
        false => braiins_reply(&request.line),
    })
    .await;
    let (mut account, _dir) = braiins_account(&server.url);
    report(&mut *account, 0).await;
    let second = report(&mut *account, 6).await;
    assert!(second.workers.is_empty());
    assert_eq!(second.hashrate_now.unwrap().quality, Quality::Measured);
    assert_eq!(second.unpaid.unwrap().value, Sats(437_884));
    assert_eq!(report(&mut *account, 12).await.settled.len(), 1);
}

#[tokio::test]
async fn what_is_not_confirmed_is_stale_and_after_three_periods_missing() {
    let profiles = std::sync::atomic::AtomicUsize::new(0);
    let server = FakeHttp::start(move |request| {
        let profile = request.line.contains("/profile/");
        match profile && profiles.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0 {
            true => Reply::Status(502, vec![], ""),
            false => braiins_reply(&request.line),
        }
    })
    .await;
    let (mut account, _dir) = braiins_account(&server.url);
    report(&mut *account, 0).await;
    report(&mut *account, 6).await;
    report(&mut *account, 12).await;
    let failed = account.fetch(moment(300)).await.unwrap_err();
    assert_eq!(failed.reason, Missing::RemoteError);
    // The next request is for the profile again, until the workers' turn comes.
    account.fetch(moment(602)).await.unwrap_err();
    let stale = report(&mut *account, 608).await;
    assert_eq!(stale.hashrate_now.map(|r| (r.value.ths(), r.quality)), Ok((2150.0, Quality::Stale)));
    assert_eq!(stale.workers.first().unwrap().hashrate.unwrap().quality, Quality::Measured);
    account.fetch(moment(901)).await.unwrap_err();
    account.fetch(moment(1202)).await.unwrap_err();
    let gone = report(&mut *account, 1208).await;
    assert_eq!(ths(&gone.hashrate_now), Err(Missing::RemoteError));
    assert_eq!(gone.unpaid, Err(Missing::RemoteError));
    assert_eq!(gone.workers.len(), 4);
}

#[tokio::test]
async fn a_request_that_hangs_until_the_deadline_makes_way_for_the_next() {
    let server = FakeHttp::start(|request| match request.line.contains("/profile/") {
        true => Reply::Hang,
        false => braiins_reply(&request.line),
    })
    .await;
    let (mut account, _dir) = braiins_account(&server.url);
    let hung = tokio::time::timeout(Duration::from_millis(300), account.fetch(moment(0))).await;
    assert!(hung.is_err());
    let next = report(&mut *account, 30).await;
    assert_eq!(next.workers.len(), 4);
    assert_eq!(ths(&next.hashrate_now), Err(Missing::Timeout));
}

#[tokio::test]
async fn a_refused_token_is_denied_for_a_quarter_of_an_hour_and_not_shown() {
    let text = vec![("content-type", "text/plain; charset=utf-8".to_owned())];
    let server = FakeHttp::always(Reply::Status(403, text, "token hunter2 is not allowed")).await;
    let (mut account, _dir) = braiins_account(&server.url);
    let failure = failure(&mut *account).await;
    assert_eq!(failure.reason, Missing::Denied);
    assert_eq!(failure.retry_after, Some(Duration::from_secs(900)));
    assert!(failure.detail.ends_with("status 403: token … is not allowed"), "{}", failure.detail);
    assert!(!format!("{failure:?}").contains("hunter2"));
    match account.failed(failure.reason).as_slice() {
        [Sample::Pool(sample)] => assert_eq!(sample.report.as_ref().unwrap_err(), &Missing::Denied),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_page_in_html_is_garbage_and_named_as_such() {
    let server = FakeHttp::always(Reply::Ok("<!doctype html><p>Just a moment…".into())).await;
    let (mut account, _dir) = braiins_account(&server.url);
    let failure = failure(&mut *account).await;
    assert_eq!(failure.reason, Missing::Garbage);
    assert!(failure.detail.contains("/accounts/profile/json/btc/: the reply is HTML"), "{}", failure.detail);
}

#[tokio::test]
async fn an_ocean_account_is_asked_by_address_without_a_credential() {
    let server = FakeHttp::start(|request| {
        Reply::Ok(
            match request.line.split('/').nth(2) {
                Some("user_hashrate") => USER_HASHRATE,
                Some("statsnap") => STATSNAP,
                Some("user_hashrate_full") => USER_HASHRATE_FULL,
                Some("earnpay") => EARNPAY,
                _ => return Reply::Status(404, vec![], ""),
            }
            .to_owned(),
        )
    })
    .await;
    let mut account = open_account("ocean", &server.url, "address = \"bc1qtest\"");
    let first = report(&mut *account, 0).await;
    assert_eq!(first.unpaid, Err(Missing::NotYet));
    assert_eq!(first.today_estimate, Err(Missing::NotSupported));
    for secs in [2, 4, 6] {
        assert_eq!(account.schedule().interval, Duration::from_secs(2));
        report(&mut *account, secs).await;
    }
    let full = report(&mut *account, 300).await;
    assert_eq!(ths(&full.hashrate_now), Ok(410.0));
    assert_eq!(full.unpaid.unwrap().value, Sats(91_234));
    assert_eq!((full.workers.len(), full.settled.len()), (3, 2));
    // Thirty days back from 1 790 000 006.
    assert_eq!(server.lines()[3], "GET /v1/earnpay/bc1qtest/1787408006/1790000006");
    assert_eq!(server.lines()[4], "GET /v1/user_hashrate/bc1qtest");
}

#[tokio::test]
async fn accounts_at_one_host_take_turns_and_those_with_one_key_never_use_a_nonce_twice() {
    let server = FakeHttp::start(|_| Reply::Ok(r#"{"code":0,"data":{}}"#.into())).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, "k3yk3y").unwrap();
    let keys = format!("user = \"ridge\"\ntoken_file = {file:?}\nsecret_file = {file:?}\n");
    let cfg = config("antpool", &server.url, &keys);
    let start =
        |state_dir| pool::sources(&[cfg.clone(), cfg.clone()], &Http::new().unwrap(), state_dir).unwrap();
    let mut accounts = start(Some(dir.path()));
    accounts[0].fetch(moment(0)).await.unwrap();
    // Not its turn: nothing is asked, nothing failed, and it comes back when the host is free.
    assert!(accounts[1].fetch(moment(1)).await.unwrap().is_empty());
    assert!(accounts[1].schedule().interval < Duration::from_secs(2));
    accounts[1].fetch(moment(3)).await.unwrap();
    // The program starts anew, and the clock is a day behind.
    accounts = start(Some(dir.path()));
    let yesterday = Now { wall: UnixMs(moment(0).wall.0 - 86_400_000), mono: moment(9).mono };
    accounts[0].fetch(yesterday).await.unwrap();
    let nonces: Vec<u64> =
        server.seen().iter().map(|request| field(&request.body, "nonce").parse().unwrap()).collect();
    assert!(nonces.windows(2).all(|pair| pair[0] < pair[1]), "{nonces:?}");
    assert_eq!(nonces.len(), 3);
}

#[test]
fn a_token_file_that_is_not_there_stops_the_pool_at_the_start() {
    let cfg = config("braiins", "http://127.0.0.1:1", "token_file = \"/nonexistent/token\"");
    let error = source(&cfg, &Http::new().unwrap()).err().unwrap();
    assert!(error.to_string().starts_with("secret file /nonexistent/token: "), "{error}");
}
