//! What comes over a connection, byte for byte: heads and bodies of pages, challenges, lengths before frames. Whatever
//! a machine sends and however it comes apart on its way, an exchange ends with bytes within the limit or a reason.

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use wattsplit::reading::Missing;
use wattsplit::sources::asic::HostPort;
use wattsplit::sources::asic::command::Command;
use wattsplit::sources::asic::exchange::{self, MAX_REPLY};

/// What the machine sends, in parts of `part` bytes, before it closes.
async fn answered(command: Command, sent: &[u8], part: usize) -> Result<Vec<u8>, Missing> {
    let (ours, mut machine) = duplex(64 * 1024);
    let at = HostPort { host: "192.0.2.7".into(), port: 80, expected: true };
    let machine = async {
        // The question is not what is tested here.
        let _ = machine.read(&mut [0; 1024]).await;
        for part in sent.chunks(part) {
            // Whoever has heard enough closes first.
            if machine.write_all(part).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(machine);
    };
    let (answer, ()) = tokio::join!(exchange::answer(ours, &at, command, None), machine);
    answer
}

fn framed(json: &[u8]) -> Vec<u8> {
    [&(json.len() as u32).to_le_bytes(), json].concat()
}

/// What well-behaved machines send.
fn whole() -> Vec<(Command, Vec<u8>)> {
    let json = br#"{"power":15.2,"name":"a"}"#;
    let page = |head: &str| [head.as_bytes(), json].concat();
    vec![
        (Command::Summary, br#"{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"GHS 5s":1}],"id":1}"#.to_vec()),
        (Command::Summary, b"STATUS=S,Code=11|SUMMARY,Elapsed=7|\0".to_vec()),
        (Command::V3Summary, framed(br#"{"code":0,"msg":{"summary":{}}}"#)),
        (Command::AxeInfo, page("HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n")),
        (Command::AxeInfo, page("HTTP/1.0 200 OK\r\nServer: x\r\n\r\n")),
        (
            Command::EpicSummary,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n"
                .to_vec(),
        ),
        (
            Command::MinerPower,
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nminer power:3541\n".to_vec(),
        ),
        (
            Command::CgiStats,
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"antMiner Configuration\", \
              nonce=\"a\", qop=\"auth\"\r\nContent-Length: 0\r\n\r\n"
                .to_vec(),
        ),
    ]
}

#[tokio::test]
async fn what_comes_whole_is_read_however_it_comes_apart() {
    for (command, sent) in whole() {
        let at_once = answered(command, &sent, sent.len()).await;
        let challenged = command == Command::CgiStats;
        assert_eq!(at_once.is_err(), challenged, "{command:?}: {at_once:?}");
        for part in [1, 2, 3, 7, 40] {
            assert_eq!(answered(command, &sent, part).await, at_once, "{command:?} in parts of {part}");
        }
    }
}

#[tokio::test]
async fn what_is_mangled_ends_with_bytes_within_the_limit_or_a_reason() {
    let mut random = fastrand::Rng::with_seed(4028);
    let (mut read, mut refused) = (0, 0);
    for (command, sent) in whole() {
        for _ in 0..400 {
            let mut sent = sent.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..sent.len());
                match random.u8(..4) {
                    0 => sent[at] = random.u8(..),
                    1 => sent.truncate(at + 1),
                    2 => sent.insert(at, *random.choice(b"\0\r\n:;,\"=9{}").unwrap()),
                    _ => drop(sent.remove(at)),
                }
                if sent.is_empty() {
                    break;
                }
            }
            let part = random.usize(1..64);
            match answered(command, &sent, part).await {
                Ok(bytes) => {
                    assert!(bytes.len() <= MAX_REPLY, "{command:?}: {} bytes", bytes.len());
                    read += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(read > 300 && refused > 300, "{read} read, {refused} refused");
}

#[tokio::test]
async fn a_length_or_a_head_without_end_is_too_much_before_there_is_room_for_it() {
    let promised = [&u32::MAX.to_le_bytes()[..], b"{}"].concat();
    assert_eq!(answered(Command::V3Summary, &promised, 6).await, Err(Missing::TooLarge));
    let short = [&100u32.to_le_bytes()[..], b"{}"].concat();
    assert_eq!(answered(Command::V3Summary, &short, 6).await, Err(Missing::CutOff));
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(3 * MAX_REPLY / 25);
    assert!(answered(Command::AxeInfo, &interim, 4096).await.is_err());
    let body = [&b"HTTP/1.0 200 OK\r\n\r\n"[..], &vec![b' '; MAX_REPLY + 1]].concat();
    assert_eq!(answered(Command::AxeInfo, &body, 4096).await, Err(Missing::TooLarge));
}
