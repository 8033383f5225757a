//! Just enough of an HTTP/1.1 server for the simulated site: `GET`, one request per connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longest request head that is read, bytes.
const MAX_HEAD: usize = 8 * 1024;
/// For one whole exchange.
const DEADLINE: Duration = Duration::from_secs(5);

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Path with its query, as sent.
    pub target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// `None` if the head is not that of a `GET` request.
    pub fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target, version) = (first.next()?, first.next()?, first.next()?);
        if method != "GET" || !version.starts_with("HTTP/1.") || first.next().is_some() {
            return None;
        }
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self { target: target.to_owned(), headers })
    }

    /// Path without query and without a slash at the end.
    pub fn path(&self) -> &str {
        let path = self.target.split('?').next().unwrap_or_default();
        path.strip_suffix('/').unwrap_or(path)
    }

    /// First header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl Response {
    pub fn json(body: &serde_json::Value) -> Self {
        Self { status: 200, content_type: "application/json", body: body.to_string() }
    }

    pub fn text(body: String) -> Self {
        Self { status: 200, content_type: "text/plain; charset=utf-8", body }
    }

    pub fn refused(status: u16, why: &str) -> Self {
        Self { status, ..Self::text(why.to_owned()) }
    }

    fn bytes(&self) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            403 => "Forbidden",
            404 => "Not Found",
            _ => "Bad Request",
        };
        format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
            self.status,
            self.content_type,
            self.body.len(),
            self.body
        )
        .into_bytes()
    }
}

/// Answers until dropped.
pub async fn serve<F>(listener: TcpListener, respond: F)
where
    F: Fn(&Request) -> Response + Send + Sync + 'static,
{
    let respond = Arc::new(respond);
    loop {
        // A failed accept is the client's or the descriptor limit's fault; both pass.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let respond = Arc::clone(&respond);
        tokio::spawn(async move {
            let _ = tokio::time::timeout(DEADLINE, exchange(stream, respond.as_ref())).await;
        });
    }
}

async fn exchange(mut stream: TcpStream, respond: &impl Fn(&Request) -> Response) -> io::Result<()> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    let end = loop {
        if let Some(end) = head.windows(4).position(|w| w == b"\r\n\r\n") {
            break end;
        }
        let n = stream.read(&mut chunk).await?;
        if n == 0 || head.len() > MAX_HEAD {
            return Ok(());
        }
        head.extend(chunk.iter().take(n));
    };
    head.truncate(end);
    let request = std::str::from_utf8(&head).ok().and_then(Request::parse);
    let response = request.map_or_else(|| Response::refused(400, "bad request"), |r| respond(&r));
    stream.write_all(&response.bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_its_path_without_query_and_its_headers_in_any_case() {
        let request = Request::parse("GET /a/b/?x=1 HTTP/1.1\r\nHost: h\r\nPool-Auth-Token: t").unwrap();
        assert_eq!(request.path(), "/a/b");
        assert_eq!(request.header("pool-auth-token"), Some("t"));
        assert_eq!(request.header("none"), None);
    }

    #[test]
    fn anything_but_a_get_is_not_understood() {
        for bad in ["", "POST / HTTP/1.1", "GET /", "GET / SPDY/1", "GET / HTTP/1.1 x"] {
            assert_eq!(Request::parse(bad), None, "{bad}");
        }
    }
}
