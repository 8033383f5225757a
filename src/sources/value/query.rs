//! A request as the config says, with what is secret in it from files.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::http::{Http, Posted, json_escaped};
use crate::reading::Missing;
use crate::secret::{Secret, SecretError};
use crate::sources::Failure;
use crate::sources::web::{json, parsed};

use super::page;

/// What a request holds besides its URL, and how its reply tells that all is well.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestConfig {
    pub method: Method,
    /// Headers without secrets.
    pub header: Vec<HeaderConfig>,
    /// Headers whose value is in a file.
    pub header_file: Vec<SecretFileConfig>,
    /// What is posted. `{{name}}` stands for what the file of this name holds.
    pub body: Option<String>,
    /// The files for `body`. In a body that is JSON, what they hold is written as a part of a JSON string.
    pub body_file: Vec<SecretFileConfig>,
    /// JSON pointer to what tells that the reply is a good one…
    pub ok_key: Option<String>,
    /// …and what stands there then, as text.
    pub ok_value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    #[default]
    Get,
    Post,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderConfig {
    pub name: String,
    pub value: String,
}

/// A name, and the file that holds what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretFileConfig {
    pub name: String,
    pub file: PathBuf,
}

impl RequestConfig {
    /// It says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How `name` is written in a body.
pub fn placeholder(name: &str) -> String {
    format!("{{{{{name}}}}}")
}

/// A request that can be sent again and again.
pub struct Query {
    url: String,
    headers: Vec<(String, String)>,
    /// `None`: it only asks.
    posted: Option<Body>,
    /// Pointer and text of a good reply.
    ok: Option<(String, String)>,
}

struct Body {
    text: String,
    secrets: Vec<String>,
}

impl Query {
    /// `token_file` holds what is sent as `Authorization: Bearer …`.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn new(url: &str, token_file: Option<&Path>, request: &RequestConfig) -> Result<Self, SecretError> {
        let plain = request.header.iter().map(|header| (header.name.clone(), header.value.clone()));
        let mut headers: Vec<(String, String)> = plain.collect();
        for header in &request.header_file {
            headers.push((header.name.clone(), Secret::from_file(&header.file)?.reveal().to_owned()));
        }
        if let Some(file) = token_file {
            headers.push(("authorization".into(), format!("Bearer {}", Secret::from_file(file)?.reveal())));
        }
        let posted = match request.method {
            Method::Get => None,
            Method::Post => Some(Body::new(request)?),
        };
        let ok = request.ok_key.clone().zip(request.ok_value.clone());
        Ok(Self { url: url.to_owned(), headers, posted, ok })
    }

    /// Asks once. The reply may hold at most `limit` bytes.
    ///
    /// # Errors
    /// There is no reply, it is no JSON, or it does not tell that it is a good one.
    pub async fn page(&self, http: &Http, limit: usize) -> Result<Value, Failure> {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let reply = match &self.posted {
            None => http.get(&self.url, &headers, limit).await?,
            Some(body) => {
                let posted = Posted { bytes: body.text.as_bytes(), secrets: &body.secrets };
                http.post_json(&self.url, &headers, posted, limit).await?
            }
        };
        let page = parsed(&reply, json)?;
        self.judge(&page).map_err(|failure| {
            let detail = format!("{}; it begins: {}", failure.detail, reply.start());
            Failure { detail, ..failure }
        })?;
        Ok(page)
    }

    /// Names and values.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The body, and the parts of it that no text may show. `None`: it only asks.
    pub fn posted(&self) -> Option<(&str, &[String])> {
        self.posted.as_ref().map(|body| (body.text.as_str(), body.secrets.as_slice()))
    }

    /// Whether a page tells that it is a good one.
    ///
    /// # Errors
    /// [`Missing::RemoteError`] if it does not.
    pub fn judge(&self, page: &Value) -> Result<(), Failure> {
        let Some((pointer, expected)) = &self.ok else { return Ok(()) };
        if page.pointer(pointer).and_then(page::text).as_ref() == Some(expected) {
            return Ok(());
        }
        Err(Failure::new(Missing::RemoteError, format!("`{pointer}` of the reply is not \"{expected}\"")))
    }
}

impl Body {
    fn new(request: &RequestConfig) -> Result<Self, SecretError> {
        let mut text = request.body.clone().unwrap_or_default();
        let is_json = text.trim_start().starts_with(['{', '[']);
        let mut secrets = Vec::new();
        for part in &request.body_file {
            let secret = Secret::from_file(&part.file)?.reveal().to_owned();
            let written = if is_json { json_escaped(&secret) } else { secret.clone() };
            text = text.replace(&placeholder(&part.name), &written);
            secrets.push(secret);
        }
        Ok(Self { text, secrets })
    }
}
