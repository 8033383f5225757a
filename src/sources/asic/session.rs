//! The login that a few machines want before they tell anything, with what the operator configured for their group
//! and nothing else. No default is ever tried.
//!
//! A refused login is left alone for a while: machines lock the account of whoever keeps trying.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::document;
use super::exchange;
use super::hosts::HostPort;
use crate::clock::Now;
use crate::reading::Missing;
use crate::secret::Secret;

const BRAIINS_LOGIN: &str = "/api/v1/auth/login";
/// How long a refused login is not repeated.
const REFUSED: Duration = Duration::from_secs(15 * 60);

/// Who reads the miners of a group.
#[derive(Debug)]
pub struct Login {
    pub username: String,
    pub password: Secret,
}

/// What is remembered of the logins at one machine.
#[derive(Debug)]
pub struct Session {
    login: Arc<Login>,
    token: Option<Secret>,
    refused: Option<Now>,
}

#[derive(Serialize)]
struct Request<'l> {
    username: &'l str,
    password: &'l str,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reply {
    token: document::Text,
}

impl Session {
    pub fn new(login: Arc<Login>) -> Self {
        Self { login, token: None, refused: None }
    }

    pub fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }

    /// Logs in for a new token (`POST /api/v1/auth/login` of Braiins' public API).
    ///
    /// # Errors
    /// [`Missing::Denied`] if it is refused or was lately; else as [`exchange::post`].
    pub async fn renew(&mut self, at: &HostPort, now: Now, deadline: Duration) -> Result<(), Missing> {
        self.token = None;
        if self.refused.is_some_and(|at| now.since(at) < REFUSED) {
            return Err(Missing::Denied);
        }
        let Login { username, password } = &*self.login;
        let request = Request { username, password: password.reveal() };
        let json = serde_json::to_string(&request).map_err(|_| Missing::Denied)?;
        let reply = exchange::post(at, BRAIINS_LOGIN, json, deadline).await;
        match reply.and_then(|reply| token(&reply)) {
            Ok(token) => {
                self.token = Some(token);
                Ok(())
            }
            // Lost on the way: nobody has refused anything.
            Err(why @ (Missing::Unreachable | Missing::Refused | Missing::Timeout | Missing::NoSocket)) => {
                Err(why)
            }
            // Whatever else it says: it gave no token.
            Err(why) => {
                self.refuse(now);
                Err(why)
            }
        }
    }

    /// The login is worth nothing, even if it gave a token.
    pub fn refuse(&mut self, now: Now) {
        self.token = None;
        self.refused = Some(now);
    }
}

fn token(reply: &[u8]) -> Result<Secret, Missing> {
    let reply = Reply::deserialize(document::parse(reply)?).map_err(|_| Missing::Garbage)?;
    let token = reply.token.get().ok_or(Missing::Garbage)?;
    Ok(Secret::received(token.to_owned()))
}
