//! The one HTTP client: byte limit, retry-after, redaction.
//!
//! The runner owns the deadline of a fetch; only connecting has its own here, because it is where
//! a dead host costs most. No text that leaves this file holds a query string, user info or a
//! header value.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response, Url, redirect};

use crate::clock::UnixMs;
use crate::tls::Trust;

mod date;
mod failure;
mod redact;

use self::date::{date_of, retry_after};
use self::failure::{chain, classify};
use self::redact::Secrets;
pub use self::redact::{json_escaped, redacted, spellings};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Long enough for the next request of the same fetch, too short to reach the next fetch: a server
/// that closed meanwhile costs no failed request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_REDIRECTS: usize = 3;
/// Of the body of an error reply, for the log.
const ERROR_BODY_BYTES: usize = 4096;
/// An error reply whose body does not come is still an error reply.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// Cheap to clone; all clones share its clients, each built at its first request.
#[derive(Clone)]
pub struct Http {
    /// For what only asks.
    following: Arc<OnceLock<Result<Client, String>>>,
    /// For what changes something over there: it goes where it was meant to go, or nowhere.
    unswayed: Arc<OnceLock<Result<Client, String>>>,
    /// Absent: the system's authorities.
    trust: Option<Trust>,
}

/// What is posted.
#[derive(Clone, Copy)]
pub struct Posted<'a> {
    pub bytes: &'a [u8],
    /// Parts of `bytes` that no text may show.
    pub secrets: &'a [String],
}

impl<'a> Posted<'a> {
    /// Nothing in it is secret.
    pub fn open(bytes: &'a [u8]) -> Self {
        Self { bytes, secrets: &[] }
    }
}

/// A reply with a status of 2xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpReply {
    pub body: Vec<u8>,
    /// The server's clock.
    pub date: Option<UnixMs>,
    /// As sensitive: one of them may be a session's token.
    headers: HeaderMap,
    /// Of the request.
    secrets: Secrets,
}

impl HttpReply {
    /// The first header of this name, if it is plain text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// First characters of the body, printable, without anything that was sent as a secret.
    pub fn start(&self) -> String {
        self.secrets.start(&self.body)
    }
}

/// Why there is no reply. `url` never holds a secret: see [`redacted`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    #[error("no HTTP client: {reason}")]
    Setup { reason: String },
    #[error("{url} is not a usable URL: {reason}")]
    BadUrl { url: String, reason: String },
    #[error("{url}: the value of header {name} holds characters that cannot be sent")]
    BadHeader { url: String, name: String },
    #[error("{url}: connection refused")]
    Refused { url: String },
    #[error("{url}: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("{url}: no connection within {} s", CONNECT_TIMEOUT.as_secs())]
    ConnectTimeout { url: String },
    #[error("{url}: the reply is not HTTP: {reason}")]
    NotHttp { url: String, reason: String },
    #[error("{url}: the reply broke off: {reason}")]
    CutOff { url: String, reason: String },
    #[error("{url}: the reply exceeds {limit} bytes: {body_start}")]
    TooLarge {
        url: String,
        limit: usize,
        /// As in [`HttpError::Status`].
        body_start: String,
    },
    #[error("{url}: status {code}: {body_start}")]
    Status {
        code: u16,
        url: String,
        /// From `Retry-After`, as seconds or as a date against the server's own clock.
        retry_after: Option<Duration>,
        /// The server's clock.
        date: Option<UnixMs>,
        /// First characters of the body, printable, without anything that was sent as a secret.
        body_start: String,
    },
}

impl Http {
    /// # Errors
    /// [`HttpError::Setup`] if no TLS provider can be installed.
    pub fn new() -> Result<Self, HttpError> {
        // An error means that one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(HttpError::Setup { reason: "no TLS provider".into() });
        }
        Ok(Self { following: Arc::default(), unswayed: Arc::default(), trust: None })
    }

    /// A client of its own, for servers that `trust` vouches for.
    #[must_use]
    pub fn trusting(&self, trust: Trust) -> Self {
        Self { following: Arc::default(), unswayed: Arc::default(), trust: Some(trust) }
    }

    /// Gets `url`; the body may hold at most `limit` bytes.
    ///
    /// # Errors
    /// Anything but a complete reply with a status of 2xx.
    pub async fn get(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        limit: usize,
    ) -> Result<HttpReply, HttpError> {
        self.send(Method::GET, url, headers, None, limit).await
    }

    /// Posts `body`, as JSON where `headers` hold no other `content-type`; otherwise as [`Http::get`].
    ///
    /// # Errors
    /// Anything but a complete reply with a status of 2xx.
    pub async fn post_json(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: Posted<'_>,
        limit: usize,
    ) -> Result<HttpReply, HttpError> {
        self.send(Method::POST, url, headers, Some(body), limit).await
    }

    /// Posts `fields` as a form, such as a login; otherwise as [`Http::get`]. No value of a field comes back in an
    /// error.
    ///
    /// # Errors
    /// Anything but a complete reply with a status of 2xx.
    pub async fn post_form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        limit: usize,
    ) -> Result<HttpReply, HttpError> {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let secrets: Vec<String> = fields.iter().map(|(_, value)| (*value).to_owned()).collect();
        let body = Posted { bytes: form.as_bytes(), secrets: &secrets };
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(Method::POST, url, &headers, Some(body), limit).await
    }

    /// Deletes what is at `url`; otherwise as [`Http::get`].
    ///
    /// # Errors
    /// Anything but a complete reply with a status of 2xx.
    pub async fn delete(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        limit: usize,
    ) -> Result<HttpReply, HttpError> {
        self.send(Method::DELETE, url, headers, None, limit).await
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<Posted<'_>>,
        limit: usize,
    ) -> Result<HttpReply, HttpError> {
        let shown = redacted(url);
        let target = parse_url(url, &shown)?;
        let secrets = Secrets::of(&target, headers, body.map_or(&[], |body| body.secrets));
        let (client, redirects) = match method {
            Method::GET => (&self.following, same_origin as fn() -> redirect::Policy),
            _ => (&self.unswayed, redirect::Policy::none as fn() -> redirect::Policy),
        };
        let client = match client.get_or_init(|| build(self.trust.as_ref(), redirects)) {
            Ok(client) => client,
            Err(reason) => return Err(HttpError::Setup { reason: reason.clone() }),
        };
        let mut sent = header_map(headers, &shown)?;
        if body.is_some() {
            sent.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        }
        let mut request = client.request(method, target).headers(sent);
        if let Some(body) = body {
            request = request.body(body.bytes.to_vec());
        }
        let reply = request.send().await.map_err(|error| classify(error, &shown))?;
        if !reply.status().is_success() {
            return Err(refusal(reply, shown, &secrets).await);
        }
        let date = date_of(reply.headers());
        let mut headers = reply.headers().clone();
        headers.values_mut().for_each(|value| value.set_sensitive(true));
        let body = read_body(reply, &shown, limit, &secrets).await?;
        Ok(HttpReply { body, date, headers, secrets })
    }
}

fn parse_url(url: &str, shown: &str) -> Result<Url, HttpError> {
    let bad = |reason: String| HttpError::BadUrl { url: shown.to_owned(), reason };
    let parsed = Url::parse(url).map_err(|error| bad(error.to_string()))?;
    match parsed.scheme() {
        "http" | "https" => Ok(parsed),
        _ => Err(bad("expected http:// or https://".into())),
    }
}

fn header_map(headers: &[(&str, &str)], shown: &str) -> Result<HeaderMap, HttpError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let bad = || HttpError::BadHeader { url: shown.to_owned(), name: (*name).to_owned() };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
        value.set_sensitive(true);
        map.append(key, value);
    }
    Ok(map)
}

fn build(trust: Option<&Trust>, redirects: fn() -> redirect::Policy) -> Result<Client, String> {
    if let Some(trust) = trust {
        return with_tls(trust.client_config()?, redirects());
    }
    match builder(redirects()).build() {
        Ok(client) => Ok(client),
        // A system without root certificates: http:// must work all the same, and https:// then
        // fails as what it is, an unknown issuer.
        Err(_) => without_roots(redirects()),
    }
}

fn same_origin() -> redirect::Policy {
    redirect::Policy::custom(|attempt| {
        let stays = attempt.previous().last().is_some_and(|from| from.origin() == attempt.url().origin());
        // A token belongs to one origin. The 3xx itself becomes the reply, which is an error.
        if stays && attempt.previous().len() <= MAX_REDIRECTS { attempt.follow() } else { attempt.stop() }
    })
}

fn builder(redirects: redirect::Policy) -> reqwest::ClientBuilder {
    Client::builder()
        .user_agent(concat!("wattsplit/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(1)
        .redirect(redirects)
        .referer(false)
        .no_proxy()
}

fn without_roots(redirects: redirect::Policy) -> Result<Client, String> {
    let tls = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    with_tls(tls, redirects)
}

fn with_tls(tls: rustls::ClientConfig, redirects: redirect::Policy) -> Result<Client, String> {
    builder(redirects).tls_backend_preconfigured(tls).build().map_err(|error| chain(&error))
}

/// Reads the body and stops at the first byte too many, whatever `Content-Length` promised.
async fn read_body(
    mut reply: Response,
    shown: &str,
    limit: usize,
    secrets: &Secrets,
) -> Result<Vec<u8>, HttpError> {
    let too_large = |start: &[u8]| HttpError::TooLarge {
        url: shown.to_owned(),
        limit,
        body_start: secrets.start(start.get(..ERROR_BODY_BYTES).unwrap_or(start)),
    };
    if reply.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large(&error_body(reply).await));
    }
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(|error| classify(error, shown))? {
        let fits = body.len() + chunk.len() <= limit;
        body.extend_from_slice(&chunk);
        if !fits {
            return Err(too_large(&body));
        }
    }
    Ok(body)
}

/// What comes of the body of a reply that is refused. What does not come, or comes broken, is only missing
/// from the log.
async fn error_body(mut reply: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let _ = tokio::time::timeout(ERROR_BODY_TIMEOUT, async {
        while let Ok(Some(chunk)) = reply.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() >= ERROR_BODY_BYTES {
                break;
            }
        }
    })
    .await;
    body.truncate(ERROR_BODY_BYTES);
    body
}

async fn refusal(reply: Response, url: String, secrets: &Secrets) -> HttpError {
    let code = reply.status().as_u16();
    let (retry_after, date) = (retry_after(reply.headers()), date_of(reply.headers()));
    let body_start = secrets.start(&error_body(reply).await);
    HttpError::Status { code, url, retry_after, date, body_start }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_root_certificates_there_is_still_a_client() {
        Http::new().unwrap();
        without_roots(same_origin()).unwrap();
    }
}
