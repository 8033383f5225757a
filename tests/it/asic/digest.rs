//! Stock Antminers whose API is closed, through pages behind HTTP's digest.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use wattsplit::reading::Missing;

use super::{PATIENT, START, miner, reader, report, sample};
use crate::fake_miner::{self, FakeMiner};
use crate::log::{Log, run_alone};

const MACHINE: &str = "antminer-s21-cgi-handmade";
/// What `caps.json` wants; no factory's.
const PASSWORD: &str = "fixture-pass";
const STATS: &str = "GET /cgi-bin/stats.cgi HTTP/1.1";

/// How often a login was tried since the last call.
fn tries(fake: &FakeMiner) -> usize {
    fake.authorizations().iter().flatten().count()
}

#[tokio::test]
async fn behind_the_default_port_it_is_found_at_that_of_its_pages() {
    let Some(fake) = FakeMiner::serve_at_its_port(MACHINE).await else {
        eprintln!("skipped, this process may not open port 80");
        return;
    };
    let report = report(&mut reader(&fake.host, PASSWORD), START).await;
    assert_eq!((report.model.as_deref(), report.firmware.as_deref()), (Some("S21"), Some("stock")));
    assert_eq!(
        (report.mac.as_deref(), report.power.unwrap().source),
        (Some("02:5A:10:7C:33:E1"), "model table")
    );
    assert_eq!(fake.open_at_most(), 1);
}

#[tokio::test]
async fn a_challenge_is_answered_until_the_machine_gives_another_one() {
    let fake = FakeMiner::serve(MACHINE).await;
    let mut miner = reader(&fake.host, PASSWORD);
    report(&mut miner, START).await;
    fake.asked();
    fake.authorizations();
    report(&mut miner, START).await;
    assert_eq!(fake.asked()[0], STATS);
    assert!(fake.authorizations().iter().all(|sent| sent.as_ref().is_some_and(|s| s.starts_with("Digest "))));
    fake.forget_tokens();
    assert_eq!(report(&mut miner, START).await.hashrate_now.unwrap().value.ths(), 194.87132);
    assert_eq!(fake.asked()[..2], [STATS, STATS]);
}

#[tokio::test]
async fn a_refused_password_is_left_alone_for_a_quarter_of_an_hour() {
    let fake = FakeMiner::serve(MACHINE).await;
    let mut miner = reader(&fake.host, "wrong");
    for (minute, logins) in [(0, 1), (5, 0), (14, 0), (15, 1)] {
        let now = START.plus(Duration::from_secs(60 * minute));
        assert_eq!(sample(&mut miner, now).await.unwrap_err().reason, Missing::Denied);
        assert_eq!(tries(&fake), logins, "minute {minute}");
    }
}

#[tokio::test]
async fn a_password_that_no_longer_holds_is_left_alone_too() {
    let fake = FakeMiner::serve(MACHINE).await;
    let mut miner = reader(&fake.host, PASSWORD);
    report(&mut miner, START).await;
    fake.change_password("another-one");
    fake.authorizations();
    // One with the challenge that it knows, which may have expired, and one with the new one.
    for logins in [2, 0] {
        assert_eq!(sample(&mut miner, START).await.unwrap_err().reason, Missing::Denied);
        assert_eq!(tries(&fake), logins);
    }
}

#[tokio::test]
async fn without_configured_credentials_its_pages_are_not_asked_for() {
    let fake = FakeMiner::serve(MACHINE).await;
    let mut miner = miner(&fake.host, PATIENT);
    for _ in 0..2 {
        assert_eq!(sample(&mut miner, START).await.unwrap_err().reason, Missing::NotSupported);
    }
    assert!(!fake.asked().iter().any(|request| request.contains("/cgi-bin/")));
    assert_eq!(tries(&fake), 0);
}

/// As the API of a machine that lets nobody read it.
async fn deny(mut stream: TcpStream) -> std::io::Result<()> {
    fake_miner::take_request(&mut stream).await?;
    stream.write_all(br#"{"STATUS":[{"STATUS":"E","When":1,"Code":45,"Msg":"Access denied"}],"id":1}"#).await
}

#[tokio::test]
async fn an_api_that_denies_everything_is_gone_round_with_a_login_only() {
    let Some(web) = FakeMiner::serve_at_its_port(MACHINE).await else {
        eprintln!("skipped, this process may not open port 80");
        return;
    };
    let api = TcpListener::bind((web.host.host.to_string().as_str(), 4028)).await.unwrap();
    tokio::spawn(fake_miner::serve_each(api, deny));
    let mut known = reader(&web.host, PASSWORD);
    // When it is met, then where it was found, then when it is looked for anew.
    for minutes in [0, 1, 11] {
        let report = report(&mut known, START.plus(Duration::from_secs(60 * minutes))).await;
        assert_eq!(report.model.as_deref(), Some("S21"), "after {minutes} minutes");
        assert_eq!(web.open_at_most(), 1);
    }
    web.asked();
    let denied = report(&mut miner(&web.host, PATIENT), START).await;
    assert_eq!(denied.hashrate_now, Err(Missing::Denied));
    assert!(web.asked().is_empty());
    let denied = report(&mut reader(&web.host, "wrong"), START).await;
    assert_eq!(denied.hashrate_now, Err(Missing::Denied));
}

#[tokio::test]
async fn a_machine_of_another_family_that_denies_everything_is_not_asked_for_pages() {
    let Some(web) = FakeMiner::serve_at_its_port(MACHINE).await else {
        eprintln!("skipped, this process may not open port 80");
        return;
    };
    let api = TcpListener::bind((web.host.host.to_string().as_str(), 4028)).await.unwrap();
    tokio::spawn(fake_miner::serve_each(api, |mut stream: TcpStream| async move {
        fake_miner::take_request(&mut stream).await?;
        let denied = r#"{"STATUS":"E","When":1,"Code":45,"Msg":"permission denied","Description":"whatsminer v2.0.5"}"#;
        stream.write_all(denied.as_bytes()).await
    }));
    let mut whatsminer = reader(&web.host, PASSWORD);
    for _ in 0..2 {
        assert_eq!(report(&mut whatsminer, START).await.hashrate_now, Err(Missing::Denied));
    }
    assert!(web.asked().is_empty());
}

#[test]
fn neither_the_password_nor_its_proof_is_in_the_log_or_in_what_can_be_printed() {
    run_alone("asic::digest::child_that_logs_in");
}

#[tokio::test]
#[ignore = "the other half of neither_the_password_nor_its_proof_is_in_the_log, alone in its process"]
async fn child_that_logs_in() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(move || writer.clone()).finish());
    let fake = FakeMiner::serve(MACHINE).await;
    let mut printed = String::new();
    for password in [PASSWORD, "not-the-password"] {
        let mut miner = reader(&fake.host, password);
        let outcome = sample(&mut miner, START).await;
        printed.push_str(&format!("{miner:?} {outcome:?}"));
    }
    printed.push_str(&log.text());
    assert!(printed.contains("no reply") && printed.contains("root"), "{printed}");
    for secret in [PASSWORD, "not-the-password", "response=", "cnonce"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    assert!(!fake.authorizations().iter().flatten().any(|sent| sent.contains(PASSWORD)));
}
