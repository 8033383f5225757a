//! The pages of a fake miner.

use std::path::Path;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::Shared;

/// The value of a field of a request's head.
pub fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// `GET /a/b` is answered with `get.a.b.json`, after the login of `caps.json` where there is one. `token` is the one
/// that is valid now.
pub async fn page(
    stream: &mut TcpStream,
    folder: &Path,
    caps: &Value,
    head: &str,
    body: &str,
    token: &str,
) -> Option<bool> {
    let (method, path) = head.lines().next()?.strip_suffix(" HTTP/1.1")?.split_once(' ')?;
    let login = &caps["http_login"];
    if method == "POST" && login["path"] == path {
        let sent: Value = serde_json::from_str(body).ok()?;
        let right = sent["username"] == login["username"] && sent["password"] == login["password"];
        let reply = json!({ "token": token, "timeout_s": 3600 }).to_string();
        return answer(stream, if right { 200 } else { 401 }, reply.as_bytes(), caps).await;
    }
    if method != "GET" {
        return answer(stream, 405, b"", caps).await;
    }
    if login.is_object() && header(head, "authorization") != Some(token) {
        return answer(stream, 401, b"", caps).await;
    }
    file(stream, folder, caps, path).await
}

/// The same where `http_digest` of `caps.json` stands before every page.
pub(super) async fn page_behind_digest(
    stream: &mut TcpStream,
    folder: &Path,
    caps: &Value,
    head: &str,
    shared: &Shared,
) -> Option<bool> {
    let wanted = &caps["http_digest"];
    let path = head.lines().next()?.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
    let challenge = {
        let mut digest = shared.digest.lock().unwrap();
        let accepted = header(head, "authorization").is_some_and(|sent| digest.accepts(wanted, path, sent));
        (!accepted).then(|| digest.challenge(wanted))
    };
    let Some(challenge) = challenge else { return file(stream, folder, caps, path).await };
    let reply = format!("HTTP/1.1 401 X\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(reply.as_bytes()).await.ok()?;
    Some(false)
}

async fn file(stream: &mut TcpStream, folder: &Path, caps: &Value, path: &str) -> Option<bool> {
    match std::fs::read(folder.join(format!("get.{}.json", path.trim_matches('/').replace('/', ".")))) {
        Ok(page) => answer(stream, 200, &page, caps).await,
        Err(_) => answer(stream, 404, b"<html>404</html>", caps).await,
    }
}

/// The page with the measured power of stock Antminers.
pub fn power_page(folder: &Path, caps: &Value) -> Vec<u8> {
    reply(200, &std::fs::read(folder.join("miner_power.txt")).unwrap(), caps)
}

pub async fn answer(stream: &mut TcpStream, status: u16, body: &[u8], caps: &Value) -> Option<bool> {
    stream.write_all(&reply(status, body, caps)).await.ok()?;
    // With a length, the connection may stay open.
    Some(caps["http_close_delimited"] != true)
}

fn reply(status: u16, body: &[u8], caps: &Value) -> Vec<u8> {
    let mut reply = if caps["http_close_delimited"] == true {
        format!("HTTP/1.0 {status} X\r\n\r\n").into_bytes()
    } else if caps["http_chunked"] == true {
        format!("HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes()
    } else {
        format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes()
    };
    if caps["http_chunked"] == true {
        for chunk in body.chunks(100) {
            reply.extend(format!("{:x}\r\n", chunk.len()).bytes());
            reply.extend(chunk);
            reply.extend(b"\r\n");
        }
        reply.extend(b"0\r\n\r\n");
    } else {
        reply.extend(body);
    }
    reply
}
