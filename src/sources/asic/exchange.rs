//! One question, one connection, one deadline.
//!
//! The API closes the connection after each reply in most firmwares and needs a new one for the
//! next command. Some keep it open, some send no NUL, some send anything at all: the reply ends at
//! the first of NUL, end of the JSON document, end of the stream, deadline and byte limit. Pages and framed
//! replies say themselves where they end ([`page`], [`framed`]).

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Poll, ready};
use std::time::Duration;

use memchr::memchr;
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_quickack;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use super::command::{Command, Request};
use super::hosts::{Host, HostPort};
use super::scan::plain;
use super::{framed, page, spare};
use crate::reading::Missing;
use crate::secret::Secret;

/// Longest reply that is kept. The longest that is known, all boards of a LuxOS, is below 100 kB.
pub const MAX_REPLY: usize = 256 * 1024;

/// Most that one read takes: a stats reply is 2 to 6 kB, all of an Avalon 8 kB.
pub(super) const CHUNK: usize = 12 * 1024;

thread_local! {
    /// Every read goes here first. Hundreds wait for a reply at a time: none of them holds room for one.
    static ARRIVED: RefCell<Box<[u8; CHUNK]>> = RefCell::new(Box::new([0; CHUNK]));
}

/// Asks one miner one thing and returns the bytes of its reply, without the closing NUL. `token` goes with a
/// document.
///
/// # Errors
/// - [`Missing::Unreachable`]: no connection in half of the time, no route, or no such name;
/// - [`Missing::Refused`]: nothing listens there;
/// - [`Missing::Timeout`]: connected, but the reply is not complete at the deadline;
/// - [`Missing::CutOff`]: the connection broke, or closed without a byte;
/// - [`Missing::NoSocket`]: there was no file or memory left to connect with;
/// - [`Missing::TooLarge`]: more than [`MAX_REPLY`];
/// - for pages also those of `page::get`.
pub async fn ask(
    at: &HostPort,
    command: Command,
    token: Option<&Secret>,
    deadline: Duration,
) -> Result<Vec<u8>, Missing> {
    let port = match command.request() {
        Request::Page { port, .. } => port,
        _ => at.port,
    };
    within(deadline, &at.host, port, async |stream| answer(stream, at, command, token).await).await
}

/// What is at the other end of `stream` answers `command`; else as [`ask`]. Without a limit of time.
///
/// # Errors
/// As [`ask`], but for those of connecting.
pub async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    at: &HostPort,
    command: Command,
    token: Option<&Secret>,
) -> Result<Vec<u8>, Missing> {
    match command.request() {
        Request::Api(json) | Request::Joined { json, .. } => {
            stream.write_all(json.as_bytes()).await.map_err(|e| why(&e))?;
            read_reply(&mut stream).await
        }
        Request::Framed { json, .. } => framed::ask(&mut stream, json).await,
        // On the heap: few miners need that much room for a question.
        Request::Document { path } => Box::pin(page::get(stream, at, path, token)).await?.body(),
        Request::Page { port, path } => {
            let at = HostPort { port, ..at.clone() };
            Box::pin(page::get(stream, &at, path, None)).await?.body()
        }
    }
}

/// Gets a page that may be answered with a challenge. `authorization` goes with it.
///
/// # Errors
/// As [`ask`].
pub async fn get(
    at: &HostPort,
    path: &'static str,
    authorization: Option<&Secret>,
    deadline: Duration,
) -> Result<page::Reply, Missing> {
    let get = async |stream| Box::pin(page::get(stream, at, path, authorization)).await;
    within(deadline, &at.host, at.port, get).await
}

/// Posts a JSON document to a page; the body of the reply.
///
/// # Errors
/// As [`ask`].
pub async fn post(
    at: &HostPort,
    path: &'static str,
    json: String,
    deadline: Duration,
) -> Result<Vec<u8>, Missing> {
    let post = async |stream| Box::pin(page::post(stream, at, path, json)).await;
    within(deadline, &at.host, at.port, post).await
}

/// Half of the time is enough to connect: of three seconds, a lost first packet is sent again after one
/// and the next time after three. Ranges with nothing behind them are gone through twice as fast.
async fn within<T>(
    deadline: Duration,
    host: &Host,
    port: u16,
    exchange: impl AsyncFnOnce(TcpStream) -> Result<T, Missing>,
) -> Result<T, Missing> {
    let mut limit = pin!(sleep(deadline / 2));
    let stream = tokio::select! {
        biased;
        connected = connect(host, port) => connected.map_err(|e| why(&e))?,
        () = &mut limit => return Err(Missing::Unreachable),
    };
    // One timer for both: to put it off costs nothing, to set another one does.
    let end = limit.deadline() + deadline / 2;
    limit.as_mut().reset(end);
    tokio::select! {
        biased;
        outcome = exchange(stream) => outcome,
        () = limit => Err(Missing::Timeout),
    }
}

async fn connect(host: &Host, port: u16) -> std::io::Result<TcpStream> {
    match host {
        Host::Ip(ip) => open(SocketAddr::new(*ip, port)).await,
        Host::Name(name) => TcpStream::connect((&**name, port)).await,
    }
}

/// A connection whose last step goes with the question: the kernel would send a packet of its own for it, which is a tenth
/// of what a poll takes there (tcp(7), `TCP_QUICKACK`). If nothing is asked, it goes after 200 ms.
async fn open(at: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Of use, and no need.
    let _ = set_tcp_quickack(&socket, false);
    socket.connect(at).await
}

async fn read_reply(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Missing> {
    let mut reply = Vec::new();
    let mut end = EndOfJson::default();
    loop {
        let seen = reply.len();
        let open = read_more(stream, &mut reply).await?;
        // A web server tells its opinion of the question and may wait for a better one.
        if reply.starts_with(b"HTTP/") {
            return Ok(reply);
        }
        if let Some(length) = end.find(reply.get(seen..).unwrap_or_default()) {
            reply.truncate(seen + length);
            return Ok(reply);
        }
        if !open {
            return if reply.is_empty() { Err(Missing::CutOff) } else { Ok(reply) };
        }
    }
}

/// `Ok(false)` at the end of the stream.
pub(super) async fn read_more(
    stream: &mut (impl AsyncRead + Unpin),
    reply: &mut Vec<u8>,
) -> Result<bool, Missing> {
    if reply.len() > MAX_REPLY {
        return Err(Missing::TooLarge);
    }
    let count = poll_fn(|context| {
        ARRIVED.with_borrow_mut(|room| {
            let mut room = ReadBuf::new(&mut room[..]);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut room))?;
            keep(reply, room.filled());
            Poll::Ready(std::io::Result::Ok(room.filled().len()))
        })
    });
    Ok(count.await.map_err(|e| why(&e))? > 0)
}

/// Room that was used before, else to the byte for a reply that comes whole; and for a long one never more than a
/// chunk above the limit.
fn keep(reply: &mut Vec<u8>, arrived: &[u8]) {
    if reply.capacity() == 0 {
        // Not before: hundreds wait for a reply at a time.
        *reply = spare::bytes();
    }
    if reply.capacity() - reply.len() < arrived.len() {
        let ahead = reply.len().min((MAX_REPLY + CHUNK).saturating_sub(reply.len()));
        reply.reserve_exact(ahead.max(arrived.len()));
    }
    reply.extend_from_slice(arrived);
}

/// What an I/O error says about a machine.
pub(super) fn why(error: &std::io::Error) -> Missing {
    // Of this machine, and nothing that the miner did.
    if let Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) = Errno::from_io_error(error) {
        return Missing::NoSocket;
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => Missing::Refused,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Missing::CutOff,
        _ => Missing::Unreachable,
    }
}

/// Finds the end of a reply in chunks, looking at each byte once. A NUL is looked for first, as most firmware
/// sends one: what lies before it in the same chunk may be a document and more.
#[derive(Debug, Default)]
struct EndOfJson {
    /// Text form: brackets belong to its values, and only a NUL ends it.
    text: Option<bool>,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl EndOfJson {
    /// Length of the part of `chunk` that belongs to the reply, if it ends in this chunk: at a NUL,
    /// or behind the brace that closes the first one.
    fn find(&mut self, chunk: &[u8]) -> Option<usize> {
        if let Some(nul) = memchr(0, chunk) {
            return Some(nul);
        }
        if self.text.is_none() {
            self.text = chunk.first().map(u8::is_ascii_alphabetic);
        }
        if self.text == Some(true) {
            return None;
        }
        let mut at = usize::from(std::mem::take(&mut self.escaped));
        while let Some(rest) = chunk.get(at..) {
            let is_bracket = |byte: &u8| BRACKETS[usize::from(*byte)];
            let outside = || rest.iter().position(is_bracket).unwrap_or(rest.len());
            at += if self.in_string { plain(rest) } else { outside() };
            let byte = chunk.get(at)?;
            at += 1;
            match byte {
                b'"' => self.in_string = !self.in_string,
                b'\\' if self.in_string => {
                    // What it stands before is passed over, in the next chunk if it is not here.
                    self.escaped = at == chunk.len();
                    at += 1;
                }
                _ if self.in_string => {}
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                _ if self.depth == 1 => return Some(at),
                _ => self.depth = self.depth.saturating_sub(1),
            }
        }
        None
    }
}

/// The bytes by which the end of a document is found outside its texts: most are none of them.
static BRACKETS: [bool; 256] = {
    let mut brackets = [false; 256];
    let found = b"\"{[}]";
    let mut at = 0;
    while at < found.len() {
        brackets[found[at] as usize] = true;
        at += 1;
    }
    brackets
};

#[cfg(test)]
mod tests {
    use super::*;

    fn ends_at(chunks: &[&str]) -> Option<usize> {
        let mut end = EndOfJson::default();
        let mut before = 0;
        for chunk in chunks {
            if let Some(at) = end.find(chunk.as_bytes()) {
                return Some(before + at);
            }
            before += chunk.len();
        }
        None
    }

    #[test]
    fn a_reply_ends_at_nul_or_behind_its_last_brace() {
        assert_eq!(ends_at(&["{\"a\":1"]), None);
        assert_eq!(ends_at(&["{\"a\":1", "}\n"]), Some(7));
        assert_eq!(ends_at(&["{\"a\":1\0}"]), Some(6));
        assert_eq!(ends_at(&["{\"a\":[{}", "{}]", "}\0rest"]), Some(12));
        assert_eq!(ends_at(&["STATUS=S|", "\0"]), Some(9));
        assert_eq!(ends_at(&["STATUS=S|STATS=0,MM ID0=Ver[1346]", " Temp[33]|", "\0"]), Some(43));
    }

    #[test]
    fn braces_inside_strings_do_not_count_even_behind_escapes() {
        assert_eq!(ends_at(&[r#"{"a":"}","b":"\"}","#, r#""c":"\'}"}"#]), Some(29));
        assert_eq!(ends_at(&["{\"a\":\"\\", "\"}\"}"]), Some(11));
    }

    #[tokio::test]
    async fn the_last_step_of_a_connection_goes_with_the_question() {
        // The kernel does not wait longer than a fifth of a second, and a test may be put aside for that long.
        for _ in 0..10 {
            let miner = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            miner.set_nonblocking(true).unwrap();
            let mut stream = open(miner.local_addr().unwrap()).await.unwrap();
            let seen_before = miner.accept().is_ok();
            stream.write_all(b"{}").await.unwrap();
            sleep(Duration::from_millis(20)).await;
            if !seen_before {
                assert!(miner.accept().is_ok(), "it is there with the question");
                return;
            }
        }
        panic!("a miner sees each connection before it is asked anything");
    }

    #[test]
    fn a_limit_of_this_machine_is_no_fault_of_the_miner() {
        let of = |errno: Errno| why(&std::io::Error::from(errno));
        assert_eq!(of(Errno::MFILE), Missing::NoSocket);
        assert_eq!(
            (of(Errno::HOSTUNREACH), of(Errno::CONNREFUSED)),
            (Missing::Unreachable, Missing::Refused)
        );
    }
}
