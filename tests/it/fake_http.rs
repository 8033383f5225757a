//! An HTTP server on loopback that answers as it is told, also badly.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wattsplit::clock::{Now, UnixMs};
use wattsplit::sources::{Failure, Source};

/// What the server does with one request.
#[derive(Clone)]
pub enum Reply {
    /// Status 200 with this body.
    Ok(String),
    /// Status, headers, body.
    Status(u16, Vec<(&'static str, String)>, &'static str),
    /// Says nothing and keeps the connection.
    Hang,
    /// Promises 1000 bytes, sends a few and closes.
    CutOff,
    /// Sends the head, then chunks without end.
    Endless,
    /// These bytes and the end.
    Raw(&'static str),
}

#[derive(Debug, Clone)]
pub struct Request {
    /// Method and target, such as `GET /ticker?pair=X`.
    pub line: String,
    /// Header lines, in lower case but for the values.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Lives as long as the runtime of its test.
pub struct FakeHttp {
    pub url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl FakeHttp {
    pub async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, answer).await
    }

    /// Over TLS, with the certificate of `tls`.
    pub async fn start_tls(
        tls: TlsAcceptor,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(tls), answer).await
    }

    async fn listen(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), seen.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, log, tls) = (answer.clone(), log.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => drop(serve(stream, &*answer, &log).await),
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                drop(serve(stream, &*answer, &log).await);
                            }
                        }
                    }
                });
            }
        });
        Self { url, seen }
    }

    /// A server that gives one reply to everything.
    pub async fn always(reply: Reply) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|request| request.line).collect()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &(dyn Fn(&Request) -> Reply + Send + Sync),
    log: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let Some(request) = read_request(&mut stream).await? else { return Ok(()) };
    log.lock().unwrap().push(request.clone());
    match answer(&request) {
        Reply::Ok(body) => send(&mut stream, 200, &[], &body).await,
        Reply::Status(code, headers, body) => send(&mut stream, code, &headers, body).await,
        Reply::Hang => {
            // Until the client gives up.
            stream.read(&mut [0; 1]).await.map(|_| ())
        }
        Reply::CutOff => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"a\":").await,
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            loop {
                stream.write_all(b"10\r\n[1,1,1,1,1,1,1,1\r\n").await?;
            }
        }
        Reply::Raw(bytes) => stream.write_all(bytes.as_bytes()).await,
    }
}

async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    code: u16,
    headers: &[(&str, String)],
    body: &str,
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {code} X\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).await?;
    stream.shutdown().await
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut lines = head.lines();
            let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let mut request = Request { line, headers, body: String::new() };
            let length: usize = request.header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                request.body = String::from_utf8_lossy(&bytes[end + 4..end + 4 + length]).into_owned();
                return Ok(Some(request));
            }
        }
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk[..read]);
    }
}

/// A moment `secs` after an arbitrary start, 2026-09-21T14:13:20Z.
pub fn moment(secs: u64) -> Now {
    let start = Now { wall: UnixMs(1_790_000_000_000), mono: std::time::Duration::from_secs(1000) };
    start.plus(std::time::Duration::from_secs(secs))
}

/// The failure of the first fetch.
pub async fn failure(source: &mut dyn Source) -> Failure {
    match source.fetch(moment(0)).await {
        Ok(samples) => panic!("expected a failure, got {samples:?}"),
        Err(failure) => failure,
    }
}
