//! One page of a machine's web server.
//!
//! Every request asks to close the connection: thirty thousand idle sockets would be more than the box has.

use std::error::Error as _;
use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;

use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::digest::Challenge;
use super::exchange::{self, MAX_REPLY};
use super::hosts::HostPort;
use super::limited::Limited;
use crate::reading::Missing;
use crate::secret::Secret;

/// What a page is answered with.
#[derive(Debug)]
pub enum Reply {
    Body(Vec<u8>),
    /// An Antminer wants its digest first.
    Challenge(Challenge),
}

/// Gets `path`. `authorization` goes into the head as it is.
///
/// # Errors
/// [`Missing::Denied`] for 401 and 403, [`Missing::NotSupported`] if those ask for another one of HTTP's own logins,
/// [`Missing::RemoteError`] for any other status than 200,
/// [`Missing::Garbage`] if the reply is not HTTP, [`Missing::CutOff`] if it ends early, [`Missing::TooLarge`].
pub async fn get(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    at: &HostPort,
    path: &'static str,
    authorization: Option<&Secret>,
) -> Result<Reply, Missing> {
    let mut request = request(Method::GET, at, path, String::new())?;
    if let Some(authorization) = authorization {
        // A token that is no header was none.
        let mut value = HeaderValue::from_str(authorization.reveal()).map_err(|_| Missing::Denied)?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    send(stream, request).await
}

/// Posts a JSON document; the body of the reply.
///
/// # Errors
/// As [`get`]; [`Missing::NotSupported`] also for a challenge.
pub async fn post(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    at: &HostPort,
    path: &'static str,
    json: String,
) -> Result<Vec<u8>, Missing> {
    let mut request = request(Method::POST, at, path, json)?;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    send(stream, request).await?.body()
}

impl Reply {
    /// The body of a page that is asked for without a digest.
    ///
    /// # Errors
    /// [`Missing::NotSupported`] if it is a challenge.
    pub fn body(self) -> Result<Vec<u8>, Missing> {
        match self {
            Self::Body(body) => Ok(body),
            Self::Challenge(_) => Err(Missing::NotSupported),
        }
    }
}

fn request(
    method: Method,
    at: &HostPort,
    path: &'static str,
    body: String,
) -> Result<Request<Full<Bytes>>, Missing> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, at.to_string())
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::from(body)))
        // A host name that no header can hold leads nowhere.
        .map_err(|_| Missing::Unreachable)
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Full<Bytes>>,
) -> Result<Reply, Missing> {
    // What comes before the reply itself counts as well: a head, or interim replies without end.
    let stream = Limited::new(stream, 2 * MAX_REPLY);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| why(&e))?;
    let reply = async move {
        let reply = sender.send_request(request).await.map_err(|e| why(&e))?;
        match reply.status() {
            StatusCode::OK => read(reply.into_body()).await.map(Reply::Body),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Challenge::of_antminer(reply.headers())
                .map(Reply::Challenge)
                .ok_or_else(|| denial(reply.headers())),
            _ => Err(Missing::RemoteError),
        }
    };
    driven(reply, connection).await
}

/// A machine that names a login of HTTP other than a bearer's token wants the password in another way.
fn denial(head: &HeaderMap) -> Missing {
    let challenges = head.get_all(WWW_AUTHENTICATE).iter();
    let parts =
        challenges.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    // `realm="x"` belongs to the challenge before it.
    let schemes = parts.map(|part| part.split(|byte| *byte == b' ').next().unwrap_or_default());
    let mut others = schemes
        .filter(|word| !word.is_empty() && !word.contains(&b'=') && !word.eq_ignore_ascii_case(b"bearer"));
    if others.next().is_some() { Missing::NotSupported } else { Missing::Denied }
}

/// The reply, while its connection is driven along. One that ends first has handed over all that came.
async fn driven<T>(reply: impl Future<Output = T>, connection: impl Future) -> T {
    match select(pin!(reply), pin!(connection)).await {
        Either::Left((reply, _)) => reply,
        Either::Right((_, reply)) => reply.await,
    }
}

async fn read(mut body: Incoming) -> Result<Vec<u8>, Missing> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|e| why(&e))?.into_data() else { continue };
        if bytes.len() + data.len() > MAX_REPLY {
            return Err(Missing::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn why(error: &hyper::Error) -> Missing {
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Missing::CutOff;
    }
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    match io {
        // In a chunked body these mean what it says, not how it came.
        Some(io) if matches!(io.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput) => Missing::Garbage,
        Some(io) => exchange::why(io),
        None => Missing::Garbage,
    }
}
