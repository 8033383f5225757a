//! One question, one connection, one deadline.
//!
//! The API closes the connection after each reply in most firmwares and needs a new one for the
//! next command. Some keep it open, some send no NUL, some send anything at all: the reply ends at
//! the first of NUL, end of the JSON document, end of the stream, deadline and byte limit.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

use rustix::io::Errno;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::command::{Command, Request};
use super::hosts::HostPort;
use crate::reading::Missing;

/// Longest reply that is kept. The longest that is known, all boards of a LuxOS, is below 100 kB.
pub const MAX_REPLY: usize = 1024 * 1024;

/// Room for one more read: a stats reply is 2 to 6 kB.
const CHUNK: usize = 4096;

/// Asks one miner one thing and returns the bytes of its reply, without the closing NUL.
///
/// # Errors
/// - [`Missing::Unreachable`]: no connection in half of the time, no route, or no such name;
/// - [`Missing::Refused`]: nothing listens there;
/// - [`Missing::Timeout`]: connected, but the reply is not complete at the deadline;
/// - [`Missing::CutOff`]: the connection broke, or closed without a byte;
/// - [`Missing::NoSocket`]: there was no file or memory left to connect with;
/// - [`Missing::TooLarge`]: more than [`MAX_REPLY`];
/// - for [`Request::Page`] also [`Missing::RemoteError`] if the status is not 200, and
///   [`Missing::Garbage`] if the reply is not HTTP.
pub async fn ask(host: &HostPort, command: Command, deadline: Duration) -> Result<Vec<u8>, Missing> {
    let exchange = async {
        let (port, text, page) = match command.request() {
            Request::Api(json) | Request::Joined { json, .. } => (host.port, json.to_owned(), false),
            Request::Page { port, path } => {
                let at = HostPort { port, ..host.clone() };
                (port, format!("GET {path} HTTP/1.0\r\nHost: {at}\r\nConnection: close\r\n\r\n"), true)
            }
        };
        let mut stream = match tokio::time::timeout(deadline / 2, connect(&host.host, port)).await {
            Ok(connected) => connected.map_err(why)?,
            Err(_) => return Err(Missing::Unreachable),
        };
        stream.write_all(text.as_bytes()).await.map_err(why)?;
        if page { read_page(&mut stream).await } else { read_reply(&mut stream).await }
    };
    match tokio::time::timeout(deadline, exchange).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Missing::Timeout),
    }
}

/// Half of the time is enough for it: of three seconds, a lost first packet is sent again after one
/// and the next time after three. Ranges with nothing behind them are gone through twice as fast.
async fn connect(host: &str, port: u16) -> std::io::Result<TcpStream> {
    match host.parse::<IpAddr>() {
        Ok(ip) => TcpStream::connect((ip, port)).await,
        Err(_) => TcpStream::connect((host, port)).await,
    }
}

async fn read_reply(stream: &mut TcpStream) -> Result<Vec<u8>, Missing> {
    let mut reply = Vec::with_capacity(CHUNK);
    let mut end = EndOfJson::default();
    loop {
        let seen = reply.len();
        let open = read_more(stream, &mut reply).await?;
        if let Some(length) = end.find(reply.get(seen..).unwrap_or_default()) {
            reply.truncate(seen + length);
            return Ok(reply);
        }
        if !open {
            return if reply.is_empty() { Err(Missing::CutOff) } else { Ok(reply) };
        }
    }
}

/// Reads an HTTP reply to its `Content-Length`, else to the end of the stream; returns the body.
async fn read_page(stream: &mut TcpStream) -> Result<Vec<u8>, Missing> {
    let mut reply = Vec::with_capacity(CHUNK);
    // Where the body starts and how long it is said to be; known once the head is complete.
    let mut head: Option<(usize, Option<usize>)> = None;
    loop {
        let seen = reply.len();
        let open = read_more(stream, &mut reply).await?;
        if head.is_none() {
            // The blank line may lie across two reads: look again at the last three bytes only.
            let from = seen.saturating_sub(3);
            let fresh = reply.get(from..).unwrap_or_default();
            if let Some(at) = fresh.windows(4).position(|w| w == b"\r\n\r\n") {
                head = Some((from + at + 4, content_length(reply.get(..from + at).unwrap_or_default())?));
            }
        }
        let complete = match head {
            Some((start, Some(length))) => reply.len() >= start.saturating_add(length),
            _ => false,
        };
        if complete || !open {
            let (start, length) = head.ok_or(Missing::CutOff)?;
            if !complete && length.is_some() {
                return Err(Missing::CutOff);
            }
            return Ok(reply.split_off(start));
        }
    }
}

/// `Ok(None)`: the head gives no length.
fn content_length(head: &[u8]) -> Result<Option<usize>, Missing> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let mut status = lines.next().unwrap_or_default().split(' ');
    match (status.next(), status.next()) {
        (Some(version), Some("200")) if version.starts_with("HTTP/") => {}
        (Some(version), Some("401" | "403")) if version.starts_with("HTTP/") => return Err(Missing::Denied),
        (Some(version), Some(_)) if version.starts_with("HTTP/") => return Err(Missing::RemoteError),
        _ => return Err(Missing::Garbage),
    }
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-length"));
    match length {
        None => Ok(None),
        Some((_, length)) => length.trim().parse().map(Some).map_err(|_| Missing::Garbage),
    }
}

/// `Ok(false)` at the end of the stream.
async fn read_more(stream: &mut TcpStream, reply: &mut Vec<u8>) -> Result<bool, Missing> {
    if reply.len() > MAX_REPLY {
        return Err(Missing::TooLarge);
    }
    if reply.capacity() - reply.len() < CHUNK / 4 {
        // Exactly, so that memory stays within a chunk of the limit.
        reply.reserve_exact(reply.len().clamp(CHUNK, MAX_REPLY + CHUNK - reply.len()));
    }
    let count = stream.read_buf(reply).await.map_err(why)?;
    Ok(count > 0)
}

fn why(error: std::io::Error) -> Missing {
    // Of this machine, and nothing that the miner did.
    if let Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) = Errno::from_io_error(&error) {
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

/// Finds the end of a reply in chunks, looking at each byte once.
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
        if self.text.is_none() {
            self.text = chunk.first().map(u8::is_ascii_alphabetic);
        }
        if self.text == Some(true) {
            return chunk.iter().position(|byte| *byte == 0);
        }
        for (at, byte) in chunk.iter().enumerate() {
            match byte {
                0 => return Some(at),
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' if self.depth == 1 => return Some(at + 1),
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    }
}

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

    #[test]
    fn a_limit_of_this_machine_is_no_fault_of_the_miner() {
        let of = |errno: Errno| why(std::io::Error::from(errno));
        assert_eq!(of(Errno::MFILE), Missing::NoSocket);
        assert_eq!(
            (of(Errno::HOSTUNREACH), of(Errno::CONNREFUSED)),
            (Missing::Unreachable, Missing::Refused)
        );
    }

    #[test]
    fn the_head_of_a_page_tells_its_length_or_why_there_is_none() {
        assert_eq!(content_length(b"HTTP/1.0 200 OK\r\nServer: x"), Ok(None));
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\ncontent-LENGTH:  11"), Ok(Some(11)));
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nContent-Length: many"), Err(Missing::Garbage));
        assert_eq!(content_length(b"HTTP/1.1 401 Unauthorized"), Err(Missing::Denied));
        assert_eq!(content_length(b"HTTP/1.1 404 Not Found"), Err(Missing::RemoteError));
        assert_eq!(content_length(b"SSH-2.0-dropbear"), Err(Missing::Garbage));
    }
}
