//! Machines that tell nothing without a login.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wattsplit::reading::Missing;
use wattsplit::sources::asic::HostPort;

use super::{PATIENT, START, miner, reader, report, sample};
use crate::fake_miner::{self, FakeMiner};

const MACHINE: &str = "braiins-s21pro-26.04-rest";
/// What `caps.json` wants; no factory's.
const PASSWORD: &str = "fixture-pass";
const LOGIN: &str = "POST /api/v1/auth/login HTTP/1.1";

fn logins(fake: &FakeMiner) -> usize {
    fake.asked().iter().filter(|request| *request == LOGIN).count()
}

#[tokio::test]
async fn a_token_is_kept_and_renewed_once_it_is_worth_nothing() {
    let fake = FakeMiner::serve(MACHINE).await;
    let mut miner = reader(&fake.host, PASSWORD);
    for _ in 0..3 {
        report(&mut miner, START).await;
    }
    assert_eq!(logins(&fake), 1);
    fake.forget_tokens();
    assert_eq!(report(&mut miner, START).await.power.unwrap().value.get(), 3480.0);
    assert_eq!(logins(&fake), 1);
}

#[tokio::test]
async fn a_refused_login_is_left_alone_for_a_quarter_of_an_hour() {
    let fake = FakeMiner::serve(MACHINE).await;
    let mut miner = reader(&fake.host, "wrong");
    for minute in [0, 5, 14] {
        let now = START.plus(Duration::from_secs(60 * minute));
        assert_eq!(sample(&mut miner, now).await.unwrap_err().reason, Missing::Denied);
        assert_eq!(logins(&fake), usize::from(minute == 0), "minute {minute}");
    }
    sample(&mut miner, START.plus(Duration::from_secs(60 * 15))).await.unwrap_err();
    assert_eq!(logins(&fake), 1);
}

#[tokio::test]
async fn without_configured_credentials_nothing_logs_in() {
    let fake = FakeMiner::serve(MACHINE).await;
    let mut miner = miner(&fake.host, PATIENT);
    for _ in 0..2 {
        assert_eq!(sample(&mut miner, START).await.unwrap_err().reason, Missing::Denied);
    }
    assert_eq!(logins(&fake), 0);
}

#[tokio::test]
async fn a_machine_that_asks_for_no_login_is_sent_none() {
    for folder in ["bitaxe-gamma601-2.8-handmade", "epic-s19xp-1.5.13", "antminer-s21pro-vnish-1.2.7-rest"] {
        let fake = FakeMiner::serve(folder).await;
        let mut miner = reader(&fake.host, PASSWORD);
        report(&mut miner, START).await;
        assert_eq!(logins(&fake), 0, "{folder}");
    }
}

/// A web server that answers pages with `page` and the login with `login`; what it is sent.
async fn answering(page: &'static str, login: &'static str) -> (HostPort, Arc<Mutex<String>>) {
    let ip = fake_miner::own_address();
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let host = HostPort { host: ip.into(), port: listener.local_addr().unwrap().port(), expected: true };
    let sent = Arc::new(Mutex::new(String::new()));
    let log = sent.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let length = stream.read(&mut asked).await.unwrap();
            let asked = String::from_utf8_lossy(&asked[..length]);
            log.lock().unwrap().push_str(&asked);
            let head = if asked.starts_with("POST") { login } else { page };
            stream.write_all(format!("HTTP/1.1 {head}\r\n\r\n").as_bytes()).await.unwrap();
        }
    });
    (host, sent)
}

#[tokio::test]
async fn a_machine_that_asks_for_the_password_in_another_way_does_not_get_it() {
    for challenges in [
        "401 X\r\nWWW-Authenticate: Basic realm=\"antMiner Configuration\"\r\n\
         WWW-Authenticate: Digest realm=\"router\", nonce=\"a\", qop=\"auth\"",
        "401 X\r\nWWW-Authenticate: Negotiate",
        "401 X\r\nWWW-Authenticate: Bearer, Basic realm=\"x\"",
    ] {
        let (host, sent) = answering(challenges, "200 OK").await;
        let failure = sample(&mut reader(&host, PASSWORD), START).await.unwrap_err();
        assert_eq!(failure.reason, Missing::NotSupported, "{challenges}");
        let sent = sent.lock().unwrap();
        assert!(sent.contains("GET /cgi-bin/stats.cgi") && !sent.contains(PASSWORD), "{sent}");
        assert!(!sent.to_ascii_lowercase().contains("authorization"), "{sent}");
    }
}

#[tokio::test]
async fn a_login_that_gives_no_token_is_refused_however_it_is_worded() {
    for refusal in [
        "401 X\r\nWWW-Authenticate: Basic realm=\"x\"",
        "429 Account locked",
        "400 Bad Request",
        "500 X",
        "307 X\r\nLocation: http://127.0.0.1/",
        "200 OK\r\nConnection: close\r\n\r\n{\"error\":\"invalid username or password\"}",
    ] {
        let (host, sent) = answering("401 X\r\nWWW-Authenticate: Bearer", refusal).await;
        let mut miner = reader(&host, PASSWORD);
        for minute in [0, 1, 5, 14] {
            sample(&mut miner, START.plus(Duration::from_secs(60 * minute))).await.unwrap_err();
        }
        assert_eq!(sent.lock().unwrap().matches(LOGIN).count(), 1, "{refusal}");
    }
}

#[tokio::test]
async fn neither_the_password_nor_the_token_is_in_what_can_be_printed() {
    let fake = FakeMiner::serve(MACHINE).await;
    let mut miner = reader(&fake.host, PASSWORD);
    report(&mut miner, START).await;
    let printed = format!("{miner:?}");
    assert!(printed.contains("root") && !printed.contains(PASSWORD) && !printed.contains("token-0"));
    let mut miner = reader(&fake.host, "not-the-password");
    let failure = sample(&mut miner, START).await.unwrap_err();
    assert!(!format!("{failure:?} {miner:?}").contains("not-the-password"));
}
