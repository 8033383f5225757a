//! What wattsplit knows of one pool's API: requests as data, and what they are made of.

use std::borrow::Cow;
use std::time::Duration;

use crate::clock::Now;
use crate::http::spellings;
use crate::reading::{Missing, RewardScheme};
use crate::secret::Secret;
use crate::sources::Failure;

use super::Piece;

/// One pool's API. Nothing in it changes anything at the pool.
pub struct Api {
    /// As the config calls it.
    pub name: &'static str,
    /// Base URL of the pool itself. Empty: it has none of its own, nor a usual scheme, and the config says both.
    pub url: &'static str,
    /// Between two requests to its host, as the pool asks for.
    pub spacing: Duration,
    /// How it pays where the config does not say.
    pub scheme: RewardScheme,
    /// The keys of the config that say whose account it is.
    pub needs: &'static [Key],
    /// What the operator should know of the credential before he uses it.
    pub warning: Option<&'static str>,
    /// The first one is asked first, and the account counts as failed when it fails.
    pub requests: &'static [Request],
}

/// A key of `[[pool]]` that some pools need and the others have no use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    TokenFile,
    SecretFile,
    Organization,
    Address,
    User,
    Json,
}

impl Key {
    pub const ALL: [Key; 6] =
        [Key::TokenFile, Key::SecretFile, Key::Organization, Key::Address, Key::User, Key::Json];

    pub fn as_str(self) -> &'static str {
        match self {
            Key::TokenFile => "token_file",
            Key::SecretFile => "secret_file",
            Key::Organization => "organization",
            Key::Address => "address",
            Key::User => "user",
            Key::Json => "json",
        }
    }
}

/// One question to a pool.
pub struct Request {
    pub ask: fn(&Asking<'_>) -> Ask,
    /// How often it is asked, given the configured interval.
    pub period: fn(interval: Duration) -> Duration,
    /// Pure.
    pub parse: fn(body: &[u8], context: &Context) -> Result<Page, Failure>,
    /// What is missing when the request fails.
    pub missing: fn(Missing) -> Piece,
}

/// Something that the pool of an account is asked, again and again. Nothing in it changes anything there.
pub trait Question {
    fn ask(&self, asking: &Asking<'_>) -> Ask;
    /// As [`Request::period`].
    fn period(&self, interval: Duration) -> Duration;
    /// Pure.
    ///
    /// # Errors
    /// The reply is none, or an error of the pool.
    fn parse(&self, body: &[u8], context: &Context) -> Result<Page, Failure>;
    /// As [`Request::missing`].
    fn missing(&self, why: Missing) -> Piece;
}

impl Question for &'static Request {
    fn ask(&self, asking: &Asking<'_>) -> Ask {
        (self.ask)(asking)
    }

    fn period(&self, interval: Duration) -> Duration {
        (self.period)(interval)
    }

    fn parse(&self, body: &[u8], context: &Context) -> Result<Page, Failure> {
        (self.parse)(body, context)
    }

    fn missing(&self, why: Missing) -> Piece {
        (self.missing)(why)
    }
}

/// Whose account it is. Empty strings where the config says nothing.
pub struct Keys {
    pub token: Option<Secret>,
    pub secret: Option<Secret>,
    pub organization: String,
    pub address: String,
    pub user: String,
}

impl Keys {
    pub fn token(&self) -> &str {
        self.token.as_ref().map_or("", Secret::reveal)
    }

    pub fn secret(&self) -> &str {
        self.secret.as_ref().map_or("", Secret::reveal)
    }

    /// `text` of a pool that repeats the token or the secret, however spelt, also where it breaks off within one.
    pub(super) fn hide(&self, text: &str) -> String {
        /// What is shorter is part of a word.
        const LEAST: usize = 4;
        let mut secrets: Vec<String> =
            [self.token(), self.secret()].into_iter().flat_map(spellings).collect();
        // Longest first, so that a part never uncovers the rest.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let mut text = text.to_owned();
        for secret in secrets.into_iter().filter(|secret| secret.len() >= LEAST) {
            text = text.replace(&secret, "…");
            let mut starts = (LEAST..secret.len()).rev().filter_map(|end| secret.get(..end));
            if let Some(kept) = starts.find_map(|start| text.strip_suffix(start)) {
                text = format!("{kept}…");
            }
        }
        text
    }
}

/// What a question is made of.
pub struct Asking<'a> {
    pub keys: &'a Keys,
    pub now: Now,
    /// Larger than any that was used with this key before; milliseconds as long as the clock goes right.
    pub nonce: u64,
    /// From 0.
    pub page: u32,
}

/// What is sent.
#[derive(Debug)]
pub struct Ask {
    /// Path and query, from the base URL.
    pub path: String,
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// `None`: a GET.
    pub body: Option<Body>,
}

/// What is posted.
#[derive(Debug)]
pub enum Body {
    Json(String),
    /// As the config says, with the parts that no text may show.
    Described {
        text: String,
        secrets: Vec<String>,
    },
    Form(Vec<(&'static str, String)>),
}

impl Ask {
    pub fn get(path: impl Into<String>) -> Self {
        Self { path: path.into(), headers: Vec::new(), body: None }
    }

    pub fn post(path: impl Into<String>, body: Body) -> Self {
        Self { path: path.into(), headers: Vec::new(), body: Some(body) }
    }

    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What a parser may know besides the reply.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    pub now: Now,
    /// H/s in one unit of the pool's hashrates, where the operator says so.
    pub hashes_per_unit: Option<f64>,
}

/// One reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub piece: Piece,
    /// The next page goes on with it.
    pub more: bool,
}

impl From<Piece> for Page {
    fn from(piece: Piece) -> Self {
        Self { piece, more: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_a_pool_repeats_is_hidden_whole_or_cut_off() {
        let secret = |text: &str| Some(Secret::received(text.to_owned()));
        let keys = Keys {
            organization: String::new(),
            token: secret("hunter2"),
            secret: secret("hunter2-and-more"),
            address: String::new(),
            user: "ridge".into(),
        };
        for (said, shown) in [
            ("no such key: hunter2", "no such key: …"),
            ("hunter2-and-more is wrong for ridge", "… is wrong for ridge"),
            ("the key begins with hunte", "the key begins with …"),
            ("a hunt", "a …"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(keys.hide(said), shown);
        }
        let open = Keys { token: None, secret: None, ..keys };
        assert_eq!(open.hide("hunter2"), "hunter2");
    }
}
