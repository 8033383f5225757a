//! The login that a few machines want before they tell anything, with what the operator configured for their group
//! and nothing else. No default is ever tried.
//!
//! A refused login is left alone for a while: machines lock the account of whoever keeps trying.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::digest::Challenge;
use super::document;
use super::exchange;
use super::hosts::HostPort;
use super::page::Reply as Page;
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
    challenge: Option<Challenge>,
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
        Self { login, token: None, challenge: None, refused: None }
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
        self.may_log_in(now)?;
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

    /// Gets a page behind the digest of Antminers: with an answer to the challenge of the page before, else to the
    /// one that this page gives. A challenge may have expired since, so its refusal is no refusal of the login.
    ///
    /// # Errors
    /// [`Missing::Denied`] if the login is refused or was lately; else as [`exchange::get`].
    pub async fn get(
        &mut self,
        at: &HostPort,
        path: &'static str,
        now: Now,
        deadline: Duration,
    ) -> Result<Vec<u8>, Missing> {
        self.may_log_in(now)?;
        let challenge = match self.get_once(at, path, deadline).await? {
            Page::Body(body) => return Ok(body),
            Page::Challenge(challenge) => challenge,
        };
        self.challenge = Some(challenge);
        match self.get_once(at, path, deadline).await {
            Ok(Page::Body(body)) => Ok(body),
            Ok(Page::Challenge(_)) | Err(Missing::Denied | Missing::NotSupported) => {
                self.refuse(now);
                Err(Missing::Denied)
            }
            Err(why) => Err(why),
        }
    }

    async fn get_once(
        &mut self,
        at: &HostPort,
        path: &'static str,
        deadline: Duration,
    ) -> Result<Page, Missing> {
        let answer = self.challenge.as_mut().map(|challenge| {
            let cnonce = format!("{:016x}", fastrand::u64(..));
            challenge.answer(&self.login, path, &cnonce)
        });
        exchange::get(at, path, answer.as_ref(), deadline).await
    }

    fn may_log_in(&self, now: Now) -> Result<(), Missing> {
        match self.refused {
            Some(at) if now.since(at) < REFUSED => Err(Missing::Denied),
            _ => Ok(()),
        }
    }

    /// The login is worth nothing, even if it gave a token.
    pub fn refuse(&mut self, now: Now) {
        self.token = None;
        self.challenge = None;
        self.refused = Some(now);
    }
}

fn token(reply: &[u8]) -> Result<Secret, Missing> {
    let reply = Reply::deserialize(document::parse(reply)?).map_err(|_| Missing::Garbage)?;
    let token = reply.token.get().ok_or(Missing::Garbage)?;
    Ok(Secret::received(token.to_owned()))
}
