//! What is no miner, or says nothing, gets one connection and one question.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use wattsplit::sources::asic::HostPort;

use super::{Found, discover, program, row, to_the_end};
use crate::broker::installed;
use crate::fake_miner::{FakeMiner, misbehaving, own_address, serve_each, take_request};

const QUESTION: &str = r#"{"command":"summary"}"#;
const REPLY: &[u8] = br#"{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"GHS 5s":110000.5}],"id":1}"#;

/// What a stranger does with a connection.
#[derive(Clone, Copy)]
enum Manner {
    /// Sends this at once, takes what comes and closes.
    Greets(&'static [u8]),
    /// Sends this after the first bytes and closes.
    Answers(&'static [u8]),
    /// Sends blanks without end after the first bytes.
    NeverEnds,
    /// Takes what comes and says nothing.
    Hangs,
}

/// Bytes that came, for each connection.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

async fn stranger(manner: Manner) -> (HostPort, Heard) {
    let heard = Heard::default();
    let kept = heard.clone();
    let host = misbehaving(move |stream| {
        let heard = kept.clone();
        let index = {
            let mut heard = heard.lock().unwrap();
            heard.push(Vec::new());
            heard.len() - 1
        };
        behave(stream, manner, move |bytes| heard.lock().unwrap()[index].extend(bytes))
    })
    .await;
    (host, heard)
}

async fn behave(mut stream: TcpStream, manner: Manner, hear: impl Fn(&[u8])) -> std::io::Result<()> {
    if let Manner::Greets(bytes) = manner {
        stream.write_all(bytes).await?;
    }
    let mut buffer = [0; 512];
    loop {
        let count = stream.read(&mut buffer).await?;
        hear(&buffer[..count]);
        match manner {
            _ if count == 0 => return Ok(()),
            Manner::Answers(bytes) => return stream.write_all(bytes).await,
            Manner::Greets(_) => return Ok(()),
            Manner::NeverEnds => loop {
                stream.write_all(&[b' '; 64 * 1024]).await?;
            },
            Manner::Hangs => {}
        }
    }
}

#[tokio::test]
async fn what_does_not_answer_like_a_miner_is_asked_once_and_nothing_else() {
    let web = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let mut strangers = Vec::new();
    for manner in [
        Manner::Answers(web),
        Manner::Greets(b"SSH-2.0-OpenSSH_9.6\r\n"),
        Manner::Answers(b"\x16\x03\x01\xff\xfe{}[[["),
        Manner::Answers(b"{\"error\":\"no such method\"}"),
        Manner::NeverEnds,
        Manner::Answers(b""),
        Manner::Hangs,
    ] {
        strangers.push(stranger(manner).await);
    }
    let miner = FakeMiner::serve("antminer-s21-stock-2024.07-minerpower").await;
    let closed = {
        let listener = TcpListener::bind((own_address(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        HostPort { host: address.ip().into(), port: address.port(), expected: true }
    };
    let mut hosts: Vec<HostPort> = strangers.iter().map(|(host, _)| host.clone()).collect();
    hosts.extend([miner.host.clone(), closed]);
    let found = discover(&[], &hosts).await;
    assert_eq!(found.code, Some(0), "{}", found.err);
    for (host, heard) in &strangers {
        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), 1, "connections to {host}");
        assert_eq!(String::from_utf8_lossy(&heard[0]), QUESTION, "{host}");
    }
    let counted =
        ": 1 miner; 2 took a connection and did not answer; 5 answered, but not like a miner; 1 refused\n";
    assert!(found.err.ends_with(counted), "{}", found.err);
    let silent = |host: &HostPort, what: &str| {
        let listed = format!("# 1 took a connection and {what}\n#   {host}\n");
        assert!(found.out.contains(&listed), "{listed}{}", found.out);
    };
    silent(&hosts[5], "closed it; they may be miners whose API lets others in:");
    silent(&hosts[6], "did not answer; they may be miners that are stuck:");
    let (_, block) = found.out.split_once("[[asic]]").unwrap();
    assert!(block.contains(&format!("[\n    \"{}\",\n]", miner.host)), "only the miner: {block}");
}

#[tokio::test]
async fn where_no_miner_is_it_fails_and_says_what_there_was() {
    let (hanging, _) = stranger(Manner::Hangs).await;
    let found = discover(&[], std::slice::from_ref(&hanging)).await;
    assert_eq!(found.code, Some(1));
    assert!(found.err.ends_with("error: no miner was found\n"), "{}", found.err);
    assert!(found.out.contains(&hanging.to_string()) && !found.out.contains("[[asic]]"), "{}", found.out);
}

/// A listener that takes no more connections: packets that begin one are dropped, as in a network that is
/// too busy. It does once its first connections are accepted.
async fn full_listener() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((own_address(), 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
    {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 100, "it takes any number");
    }
    (listener, waiting)
}

#[tokio::test]
async fn a_miner_whose_first_packets_were_lost_is_found_at_the_second_time() {
    let (listener, waiting) = full_listener().await;
    let address = listener.local_addr().unwrap();
    let lost = HostPort { host: address.ip().into(), port: address.port(), expected: true };
    // Its first knock is over when the last address is knocked at, three seconds later at this rate.
    let mut hosts = vec![lost.clone()];
    hosts.extend((1..60).map(|port| HostPort { host: own_address().into(), port, expected: true }));
    let last = FakeMiner::serve("antminer-s21-stock-2024.07-minerpower").await;
    hosts.push(last.host.clone());
    let mut running = program(&["--rate", "20"], &hosts).spawn().unwrap();
    let mut told = Vec::new();
    while told.is_empty() {
        assert!(running.try_wait().unwrap().is_none(), "it ended before");
        tokio::time::sleep(Duration::from_millis(20)).await;
        told = last.asked();
    }
    drop(waiting);
    tokio::spawn(serve_each(listener, |mut stream| async move {
        take_request(&mut stream).await?;
        stream.write_all(REPLY).await
    }));
    let found: Found =
        tokio::task::spawn_blocking(move || running.wait_with_output().unwrap().into()).await.unwrap();
    assert!(row(&found.out, &lost).contains("110.0"), "{}{}", found.out, found.err);
    assert!(found.err.contains(": 2 miners; 59 refused\n"), "{}", found.err);
}

#[tokio::test]
async fn what_was_found_before_it_is_stopped_is_printed_as_incomplete() {
    let miner = FakeMiner::serve("antminer-s21-stock-2024.07-minerpower").await;
    let next = FakeMiner::serve("antminer-s21-stock-2024.07-minerpower").await;
    let mut hosts = vec![miner.host.clone(), next.host.clone()];
    // Far more than it asks at this rate before it is stopped.
    hosts.extend((1..2_000).map(|port| HostPort { host: own_address().into(), port, expected: true }));
    let running = program(&["--rate", "1"], &hosts).spawn().unwrap();
    // The reply of the first is in once the second is asked, a second later at this rate.
    let mut told = Vec::new();
    while told.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        told = next.asked();
    }
    let pid = running.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let found: Found =
        tokio::task::spawn_blocking(move || running.wait_with_output().unwrap().into()).await.unwrap();
    assert_eq!(found.code, Some(0), "{}", found.err);
    row(&found.out, &miner.host);
    assert!(found.out.starts_with("# Incomplete: it was stopped when "), "{}", found.out);
    assert!(found.out.contains("\n\n# Incomplete: it was stopped when "), "{}", found.out);
    assert!(found.err.contains(" not asked to the end\n"), "{}", found.err);
}

#[tokio::test]
async fn a_terminal_shows_the_progress_and_a_pipe_does_not() {
    if !installed("script") {
        return;
    }
    let (hanging, _) = stranger(Manner::Hangs).await;
    let miner = FakeMiner::serve("antminer-s21-stock-2024.07-minerpower").await;
    let line = format!("{} discover {hanging} {}", env!("CARGO_BIN_EXE_wattsplit"), miner.host);
    let mut terminal = std::process::Command::new("script");
    terminal.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").stdin(std::process::Stdio::null());
    let shown = to_the_end(terminal).await;
    assert!(shown.out.contains("1 of 2 asked, 1 miners, "), "{}", shown.out);
    let piped = discover(&[], &[hanging, miner.host.clone()]).await;
    assert!(!piped.err.contains("1 of 2") && !piped.err.contains('\x1b'), "{}", piped.err);
}
