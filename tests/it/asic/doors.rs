//! Where a machine is looked for, in which way, and how little that costs once it is found.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wattsplit::reading::Missing;
use wattsplit::sources::asic::HostPort;
use wattsplit::sources::asic::command::Command;
use wattsplit::sources::asic::exchange::{self, MAX_REPLY};
use wattsplit::sources::asic::miner::Limits;

use super::{PATIENT, START, miner, report, sample};
use crate::fake_miner::{self, FakeMiner, misbehaving, take_request};

#[tokio::test]
async fn behind_the_default_port_each_machine_is_found_at_its_own() {
    for (folder, model) in [
        ("antminer-s19pro-stock-2022.12", "S19 Pro"),
        ("epic-s19xp-1.5.13", "S19 XP"),
        ("whatsminer-m60s-v3-20251209", "M60S"),
        ("bitaxe-gamma601-2.8-handmade", "601"),
    ] {
        let Some(fake) = FakeMiner::serve_at_its_port(folder).await else {
            eprintln!("{folder}: skipped, this process may not open the port");
            continue;
        };
        let mut miner = miner(&fake.host, PATIENT);
        let report = report(&mut miner, START).await;
        assert_eq!(report.model.as_deref(), Some(model), "{folder}");
        assert_eq!(fake.open_at_most(), 1, "{folder}");
    }
}

#[tokio::test]
async fn the_way_to_a_machine_is_remembered() {
    for (folder, question) in [
        ("bitaxe-gamma601-2.8-handmade", "GET /api/system/info HTTP/1.1"),
        ("epic-s19xp-1.5.13", "GET /summary HTTP/1.1"),
        ("whatsminer-m60s-v3-20251209", r#"{"cmd":"get.miner.status","param":"summary+edevs"}"#),
    ] {
        let fake = FakeMiner::serve(folder).await;
        let mut miner = miner(&fake.host, PATIENT);
        sample(&mut miner, START).await.unwrap();
        let searched = fake.asked();
        assert_eq!(searched[0], r#"{"command":"summary"}"#, "{folder}");
        for _ in 0..2 {
            sample(&mut miner, START).await.unwrap();
            assert_eq!(fake.asked()[0], question, "{folder}");
        }
    }
}

#[tokio::test]
async fn a_machine_that_is_down_keeps_what_is_known_of_it() {
    let fake = FakeMiner::serve("bitaxe-gamma601-2.8-handmade").await;
    let mut miner = miner(&fake.host, PATIENT);
    report(&mut miner, START).await;
    fake.fail(true);
    assert_eq!(sample(&mut miner, START).await.unwrap_err().reason, Missing::RemoteError);
    fake.fail(false);
    fake.asked();
    assert_eq!(report(&mut miner, START).await.model.as_deref(), Some("601"));
    assert_eq!(fake.asked(), ["GET /api/system/info HTTP/1.1"]);
}

#[tokio::test]
async fn a_machine_that_is_down_is_not_looked_for_elsewhere_before_it_is_forgotten() {
    let mut fake = FakeMiner::serve_at_its_port("antminer-s19pro-stock-2022.12").await.unwrap();
    let (_, elsewhere) = listen(fake.host.host.to_string().parse().unwrap(), 4433, Some(b"")).await;
    let mut miner = miner(&fake.host, PATIENT);
    report(&mut miner, START).await;
    fake.die().await;
    for (minutes, looked) in [(1, 0), (9, 0), (11, 1)] {
        let failure = sample(&mut miner, START.plus(Duration::from_secs(60 * minutes))).await.unwrap_err();
        assert_eq!(failure.reason, Missing::Refused);
        assert_eq!(elsewhere.load(Ordering::SeqCst), looked, "after {minutes} minutes");
    }
}

#[tokio::test]
async fn a_machine_that_was_met_at_a_later_door_is_looked_for_anew_every_ten_minutes() {
    let fake = FakeMiner::serve("antminer-s21pro-vnish-1.2.7-rest").await;
    let mut miner = miner(&fake.host, PATIENT);
    report(&mut miner, START).await;
    fake.asked();
    let later = START.plus(Duration::from_secs(600));
    report(&mut miner, later).await;
    assert_eq!(fake.asked()[0], r#"{"command":"summary"}"#);
    report(&mut miner, later).await;
    assert_eq!(fake.asked(), ["GET /api/v1/summary HTTP/1.1"]);
}

/// Listens at `port` of `ip` and answers each question with `reply`, if anything; how many came.
async fn listen(ip: IpAddr, port: u16, reply: Option<&'static [u8]>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((ip, port)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut asked = [0; 4096];
            if let Some(reply) = reply {
                let _ = stream.read(&mut asked).await;
                // Who waits for a length hangs up at another one.
                let framed = asked[1..4] == [0; 3];
                if framed || reply.is_ascii() {
                    let _ = stream.write_all(reply).await;
                }
            } else {
                open.push(stream);
            }
        }
    });
    (port, count)
}

fn host(ip: IpAddr, port: u16) -> HostPort {
    HostPort { host: ip.into(), port, expected: true }
}

#[tokio::test]
async fn a_silent_machine_costs_one_question_a_poll_and_is_tried_in_another_way_at_the_next() {
    let ip = fake_miner::own_address();
    let (port, count) = listen(ip, 0, None).await;
    let exchange = Duration::from_millis(200);
    let limits = Limits { exchange, rest: 2 * exchange, poll: 4 * exchange };
    let mut miner = miner(&host(ip, port), limits);
    for poll in 1..=4 {
        assert_eq!(sample(&mut miner, START).await.unwrap_err().reason, Missing::Timeout);
        assert_eq!(count.load(Ordering::SeqCst), poll);
    }
}

#[tokio::test]
async fn where_nobody_listens_no_port_is_asked_twice() {
    let ip = fake_miner::own_address();
    let (_, framed) = listen(ip, 4433, Some(b"")).await;
    let mut miner = miner(&host(ip, 4028), PATIENT);
    // 4028 and 80 refuse; behind 4433 somebody hangs up.
    assert_eq!(sample(&mut miner, START).await.unwrap_err().reason, Missing::CutOff);
    assert_eq!(framed.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_length_that_no_reply_has_is_too_large_before_there_is_room_for_it() {
    let ip = fake_miner::own_address();
    for length in [[0xFF; 4], [0, 0, 0xF0, 0]] {
        let (port, _) = listen(ip, 0, Some(Box::leak(Box::new(length)))).await;
        let asked = exchange::ask(&host(ip, port), Command::V3Poll, None, PATIENT.exchange).await;
        assert_eq!(asked.unwrap_err(), Missing::TooLarge);
        let mut miner = miner(&host(ip, port), PATIENT);
        assert_eq!(sample(&mut miner, START).await.unwrap_err().reason, Missing::TooLarge);
    }
    // A length that may be, and nothing behind it.
    let (port, _) = listen(ip, 0, Some(&[0, 0, 2, 0])).await;
    let asked = exchange::ask(&host(ip, port), Command::V3Poll, None, PATIENT.exchange).await;
    assert_eq!(asked.unwrap_err(), Missing::CutOff);
}

#[tokio::test]
async fn a_page_ends_at_the_byte_limit_and_a_broken_one_is_what_it_is() {
    let ip = fake_miner::own_address();
    let endless: &[u8] = {
        let mut reply = b"HTTP/1.1 200 OK\r\n\r\n{".to_vec();
        reply.resize(MAX_REPLY + 100, b' ');
        Box::leak(reply.into_boxed_slice())
    };
    for (reply, why) in [
        (endless, Missing::TooLarge),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", Missing::CutOff),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", Missing::CutOff),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Missing::Garbage),
        (b"HTTP/1.1 200 OK\r\nContent-Le", Missing::CutOff),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", Missing::Denied),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", Missing::RemoteError),
        (b"SSH-2.0-dropbear\r\n", Missing::Garbage),
        (b"", Missing::CutOff),
    ] {
        let (port, _) = listen(ip, 0, Some(reply)).await;
        let asked = exchange::ask(&host(ip, port), Command::AxeInfo, None, PATIENT.exchange).await;
        assert_eq!(asked.unwrap_err(), why, "{}", String::from_utf8_lossy(&reply[..reply.len().min(80)]));
    }
}

#[tokio::test]
async fn interim_replies_without_end_end_the_exchange() {
    let floods = misbehaving(|mut stream| async move {
        take_request(&mut stream).await?;
        loop {
            stream.write_all(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000)).await?;
        }
    })
    .await;
    // Long before its deadline.
    let asked = exchange::ask(&floods, Command::AxeInfo, None, Duration::from_secs(3_600)).await;
    assert_eq!(asked.unwrap_err(), Missing::CutOff);
}
