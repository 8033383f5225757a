//! Machines that refuse, hang, trickle, break off or never end: each is reported as what it is,
//! within its deadline and its bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wattsplit::reading::{AsicReport, AsicState, Missing, Quality, Sample};
use wattsplit::sources::Source;
use wattsplit::sources::asic::HostPort;
use wattsplit::sources::asic::command::Command;
use wattsplit::sources::asic::exchange;
use wattsplit::sources::asic::miner::Limits;

use super::{START, miner, report, sample};
use crate::fake_miner::{self, FakeMiner, misbehaving, take_request};

/// Polls once with short limits; what comes of it.
async fn outcome(host: &HostPort, exchange: Duration) -> Result<AsicReport, Missing> {
    let limits = Limits { exchange, rest: 2 * exchange, poll: 4 * exchange };
    let mut miner = miner(host, limits);
    let outcome = sample(&mut miner, START).await;
    if let Err(failure) = &outcome {
        let [Sample::Asic(failed)] = &miner.failed(failure.reason)[..] else { panic!("one sample") };
        assert_eq!(failed.report.as_ref().unwrap_err(), &failure.reason);
        assert!(failed.expected && &*failed.group == "row-a" && *failed.id == host.to_string());
    }
    outcome.map(|sample| *sample.report.unwrap()).map_err(|failure| failure.reason)
}

const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_dead_miner_is_refused_or_times_out_and_is_never_zero() {
    let closed = {
        let listener = TcpListener::bind((fake_miner::own_address(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        HostPort { host: address.ip().into(), port: address.port(), expected: true }
    };
    assert_eq!(outcome(&closed, LONG).await.unwrap_err(), Missing::Refused);

    let hangs = misbehaving(|mut stream| async move {
        take_request(&mut stream).await?;
        std::future::pending().await
    })
    .await;
    assert_eq!(outcome(&hangs, SHORT).await.unwrap_err(), Missing::Timeout);
}

#[tokio::test]
async fn a_miner_that_trickles_times_out() {
    let trickles = misbehaving(|mut stream| async move {
        for byte in br#"{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"GHS 5s":110000.5,"Elapsed":50474}],"id":1}"# {
            stream.write_all(&[*byte]).await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    })
    .await;
    assert_eq!(outcome(&trickles, SHORT).await.unwrap_err(), Missing::Timeout);
}

#[tokio::test]
async fn a_miner_that_breaks_off_is_cut_off_and_rubbish_is_garbage() {
    for (bytes, why) in [
        (&b""[..], Missing::CutOff),
        (br#"{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"GHS 5s":1100"#, Missing::CutOff),
        (b"\x16\x03\x01\x02\x00\x01\x00", Missing::Garbage),
        (b"HTTP/1.0 400 Bad Request\r\n\r\n<html></html>", Missing::Garbage),
        (b"\xff\xfe\xfd{}{}{}[[[", Missing::Garbage),
        (b"\0", Missing::CutOff),
    ] {
        let host = misbehaving(move |mut stream| async move {
            take_request(&mut stream).await?;
            stream.write_all(bytes).await
        })
        .await;
        assert_eq!(outcome(&host, LONG).await.unwrap_err(), why, "{}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test]
async fn an_endless_reply_ends_at_the_byte_limit() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = sent.clone();
    let endless = misbehaving(move |mut stream| {
        let sent = counter.clone();
        async move {
            take_request(&mut stream).await?;
            stream.write_all(b"{\"STATUS\":[").await?;
            let chunk = [b' '; 64 * 1024];
            while sent.load(Ordering::Relaxed) < 100_000_000 {
                stream.write_all(&chunk).await?;
                sent.fetch_add(chunk.len(), Ordering::Relaxed);
            }
            Ok(())
        }
    })
    .await;
    assert_eq!(exchange::ask(&endless, Command::Summary, None, LONG).await.unwrap_err(), Missing::TooLarge);
    // What was sent beyond the limit lies in the buffers of the sockets.
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 32_000_000, "{sent} bytes were taken");
    assert_eq!(outcome(&endless, LONG).await.unwrap_err(), Missing::TooLarge);
}

#[tokio::test]
async fn a_reply_of_exactly_the_limit_is_kept() {
    let host = misbehaving(|mut stream| async move {
        take_request(&mut stream).await?;
        let mut reply = b"{\"a\":\"".to_vec();
        reply.resize(exchange::MAX_REPLY - 2, b'x');
        reply.extend(b"\"}");
        stream.write_all(&reply).await
    })
    .await;
    assert_eq!(exchange::ask(&host, Command::Summary, None, LONG).await.unwrap().len(), exchange::MAX_REPLY);
}

#[tokio::test]
async fn a_connection_that_stays_open_behind_its_reply_delays_nothing() {
    for end in [&b"\0"[..], b""] {
        let open = misbehaving(move |mut stream| async move {
            take_request(&mut stream).await?;
            stream
                .write_all(br#"{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"GHS 5s":110000.5}],"id":1}"#)
                .await?;
            stream.write_all(end).await?;
            std::future::pending().await
        })
        .await;
        let report = outcome(&open, LONG).await.unwrap();
        assert_eq!(report.hashrate_now.unwrap().value.ths(), 110.0005);
    }
}

#[tokio::test]
async fn a_machine_that_hangs_at_its_large_reply_is_read_from_the_small_one() {
    let stats_asked = Arc::new(AtomicUsize::new(0));
    let stuck = misbehaving(move |mut stream| {
        let asked = stats_asked.clone();
        async move {
            let mut request = Vec::new();
            while request.last() != Some(&b'}') {
                request.push(stream.read_u8().await?);
            }
            let reply: &[u8] = match () {
                () if request.windows(7).any(|w| w == b"summary") => br#"{"SUMMARY":[{"GHS 5s":100000.0}]}"#,
                () if !request.windows(5).any(|w| w == b"stats") => {
                    br#"{"STATUS":[{"STATUS":"E","Code":14}]}"#
                }
                // Well when it is met, stuck from then on.
                () if asked.fetch_add(1, Ordering::Relaxed) > 0 => std::future::pending().await,
                () => br#"{"STATS":[{"BMMiner":"1.0.0","Type":"Antminer S21"},{"GHS 5s":100000.0}]}"#,
            };
            stream.write_all(reply).await
        }
    })
    .await;
    // Also the limit for the exchanges that succeed: a busy machine must not miss it.
    let limits = Limits { exchange: Duration::from_secs(2), rest: LONG, poll: LONG };
    let mut miner = miner(&stuck, limits);
    for _ in 0..2 {
        let report = report(&mut miner, START).await;
        assert_eq!((report.model.as_deref(), report.state), (Some("S21"), AsicState::Hashing));
    }
}

#[tokio::test]
async fn a_power_page_that_hangs_costs_nothing_that_was_read() {
    let fake = FakeMiner::serve("antminer-s19pro-stock-2022.12").await;
    let page = TcpListener::bind((fake.host.host.to_string().as_str(), 6060)).await.unwrap();
    // Also the limit for the exchanges that succeed: a busy machine must not miss it.
    let limits = Limits { exchange: Duration::from_secs(2), rest: LONG, poll: LONG };
    let report = report(&mut miner(&fake.host, limits), START).await;
    assert_eq!((report.state, report.boards_working), (AsicState::Hashing, Some(3)));
    let power = report.power.unwrap();
    assert_eq!((power.quality, power.source), (Quality::Estimated, "model table"));
    drop(page);
}
