//! The id token that ERCOT's API wants: got with user and password (OAuth's ROPC flow), good for an
//! hour. It cannot be renewed, only had again.

use std::time::Duration;

use serde::Deserialize;

use crate::clock::Now;
use crate::http::{Http, HttpError};
use crate::secret::Secret;
use crate::sources::Failure;
use crate::sources::price::{ErcotConfig, TariffError};
use crate::sources::web::{denied, json};

/// What all users of the API name as client: it stands in ERCOT's guide, and is no secret.
const CLIENT_ID: &str = "fec253ea-0d06-4272-a5e6-b478baeecd70";
/// A token has about 2 kB.
const REPLY_LIMIT: usize = 64 * 1024;
/// Of the hour that a token is good for, what is made use of.
const LIFE: Duration = Duration::from_secs(50 * 60);

pub(super) struct Login {
    token_url: String,
    username: String,
    password: Secret,
    /// The token, and when it was got by the monotonic clock.
    held: Option<(Secret, Duration)>,
}

#[derive(Deserialize)]
struct Reply {
    id_token: String,
}

impl Login {
    pub(super) fn new(cfg: &ErcotConfig) -> Result<Self, TariffError> {
        let password = Secret::from_file(&cfg.password_file)?;
        Ok(Self { token_url: cfg.token_url.clone(), username: cfg.username.clone(), password, held: None })
    }

    /// The token that is good `now`.
    pub(super) async fn token(&mut self, now: Now, http: &Http) -> Result<Secret, Failure> {
        let held = self.held.take().filter(|(_, got)| now.mono.saturating_sub(*got) < LIFE);
        let held = match held {
            Some(held) => held,
            None => (self.fresh(http).await?, now.mono),
        };
        Ok(self.held.insert(held).0.clone())
    }

    /// Lets go of a token that is refused. Whether it had been got before `now`: then a new one may
    /// do better.
    pub(super) fn forget(&mut self, now: Now) -> bool {
        self.held.take().is_some_and(|(_, got)| got < now.mono)
    }

    async fn fresh(&self, http: &Http) -> Result<Secret, Failure> {
        let scope = format!("openid {CLIENT_ID} offline_access");
        let fields = [
            ("grant_type", "password"),
            ("username", self.username.as_str()),
            ("password", self.password.reveal()),
            ("scope", scope.as_str()),
            ("client_id", CLIENT_ID),
            ("response_type", "id_token"),
        ];
        match http.post_form(&self.token_url, &fields, REPLY_LIMIT).await {
            Ok(reply) => {
                let reply: Reply = json(&reply.body)?;
                Ok(Secret::received(reply.id_token))
            }
            // A wrong password is a bad request to this flow.
            Err(HttpError::Status { code: 400, url, .. }) => {
                Err(denied(format!("{url}: user or password is refused")))
            }
            Err(error) => Err(error.into()),
        }
    }
}
