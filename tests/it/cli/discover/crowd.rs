//! A thousand miners among hosts that hang and hosts that refuse, at the default settings.

use std::net::Ipv4Addr;
use std::process::Command;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wattsplit::sources::asic::{API_PORT, hosts};

use super::to_the_end;
use crate::fake_miner::serve_each;

const ADDRESSES: u32 = 1_200;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Healthy,
    Hanging,
    Refusing,
}

/// Ten in twelve are healthy.
fn kind(n: u32) -> Kind {
    match n % 12 {
        3 => Kind::Hanging,
        7 => Kind::Refusing,
        _ => Kind::Healthy,
    }
}

/// Of networks that no fake of another test uses, nor this test in another process at the time.
fn address(n: u32) -> Ipv4Addr {
    let process = std::process::id();
    let (high, low) = (192 + process % 60, process / 60 % 51 * 5);
    Ipv4Addr::from((127 << 24 | high << 16 | low << 8) + 1 + n)
}

async fn serve(mut stream: TcpStream, kind: Kind) -> std::io::Result<()> {
    if kind == Kind::Hanging {
        return std::future::pending().await;
    }
    let mut request = Vec::new();
    while request.last() != Some(&b'}') {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let asks = |command: &str| request.windows(command.len()).any(|part| part == command.as_bytes());
    let reply: &[u8] = if asks("summary") {
        br#"{"STATUS":[{"STATUS":"S","Code":11}],"SUMMARY":[{"GHS 5s":200000.0,"Elapsed":9}],"id":1}"#
    } else if asks("version") {
        br#"{"STATUS":[{"STATUS":"S"}],"VERSION":[{"BMMiner":"1.0.0","Type":"Antminer S21"}],"id":1}"#
    } else {
        br#"{"STATUS":[{"STATUS":"E","Code":14,"Msg":"Invalid command"}],"id":1}"#
    };
    stream.write_all(reply).await
}

#[tokio::test]
async fn all_of_a_thousand_miners_are_found_among_hosts_that_hang_and_refuse() {
    // This process listens at more addresses than most may open files.
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();
    for n in 0..ADDRESSES {
        let kind = kind(n);
        if kind != Kind::Refusing {
            let listener = TcpListener::bind((address(n), API_PORT)).await.unwrap();
            tokio::spawn(serve_each(listener, move |stream| serve(stream, kind)));
        }
    }
    let all = format!("{}-{}", address(0), address(ADDRESSES - 1));
    let limited = "ulimit -Sn 1024; exec \"$0\" discover \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", limited, env!("CARGO_BIN_EXE_wattsplit"), &all]);
    let found = to_the_end(command).await;
    assert_eq!(found.code, Some(0), "{}", found.err);
    // A miner that is found at one port is not looked for at the two others; who refuses, refuses at all three.
    let counted = ": 1,000 miners; 100 took a connection and did not answer; 500 refused\n";
    assert!(found.err.ends_with(counted), "{}", found.err);
    assert_eq!(found.out.matches("Antminer S21").count(), 1_001, "each one, and their sum");
    let (_, block) = found.out.split_once("[[asic]]").unwrap();
    let config: toml::Table = format!("[[asic]]{block}").parse().unwrap();
    let listed: Vec<&str> =
        config["asic"][0]["hosts"].as_array().unwrap().iter().map(|host| host.as_str().unwrap()).collect();
    let mut listed: Vec<String> =
        hosts::expand_all(&listed, API_PORT).unwrap().into_iter().map(|host| host.host.to_string()).collect();
    listed.sort();
    let mut healthy: Vec<String> =
        (0..ADDRESSES).filter(|n| kind(*n) == Kind::Healthy).map(|n| address(n).to_string()).collect();
    healthy.sort();
    assert_eq!(listed, healthy);
}
