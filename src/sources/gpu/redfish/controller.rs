//! The one way to a management controller, read-only but for the login. The closed list of what it is
//! sent:
//!
//! - `GET` of pages below `/redfish/v1/`;
//! - `POST /redfish/v1/SessionService/Sessions`: the login, with user and password and nothing else;
//! - `DELETE` of the session that this login made, at the end.

use serde_json::{Value, json};

use crate::http::{Http, HttpError, HttpReply, Posted};
use crate::secret::Secret;
use crate::sources::Failure;
use crate::sources::web::{self, basic, join};

const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";
/// A chassis with hundreds of sensors has some 100 kB.
const REPLY_LIMIT: usize = 1024 * 1024;

/// One controller and the way in.
pub(super) struct Controller {
    http: Http,
    base: String,
    username: String,
    password: Secret,
    access: Access,
}

enum Access {
    /// Not logged in.
    Outside,
    Session {
        token: Secret,
        /// Where to end it.
        path: Option<String>,
    },
    /// The service has no sessions: user and password go with each request.
    Basic,
}

impl Controller {
    pub fn new(http: Http, base: &str, username: &str, password: Secret) -> Self {
        let (base, username) = (base.to_owned(), username.to_owned());
        Self { http, base, username, password, access: Access::Outside }
    }

    /// The page at `path`; `None` if there is none. A session that has ended is renewed once.
    ///
    /// # Errors
    /// No login, no answer, or one that is no JSON.
    pub async fn get(&mut self, path: &str) -> Result<Option<Value>, Failure> {
        if matches!(self.access, Access::Outside) {
            self.log_in().await?;
        }
        let reply = match self.ask(path).await {
            Err(HttpError::Status { code: 401, .. }) if matches!(self.access, Access::Session { .. }) => {
                self.access = Access::Outside;
                self.log_in().await?;
                self.ask(path).await
            }
            reply => reply,
        };
        match reply {
            Ok(reply) => web::parsed(&reply, web::json).map(Some),
            Err(HttpError::Status { code: 404, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the session. Without an answer the controller ends it by itself after a while.
    pub async fn log_out(&mut self) {
        let Access::Session { token, path } = std::mem::replace(&mut self.access, Access::Outside) else {
            return;
        };
        if let Some(path) = path {
            let url = join(&self.base, &path);
            let ended = self.http.delete(&url, &[("x-auth-token", token.reveal())], REPLY_LIMIT).await;
            if let Err(error) = ended {
                tracing::debug!(%error, "the session was not ended");
            }
        }
    }

    async fn ask(&self, path: &str) -> Result<HttpReply, HttpError> {
        let url = join(&self.base, path);
        let login;
        let header = match &self.access {
            Access::Session { token, .. } => ("x-auth-token", token.reveal()),
            Access::Basic | Access::Outside => {
                login = basic(&format!("{}:{}", self.username, self.password.reveal()));
                ("authorization", login.as_str())
            }
        };
        self.http.get(&url, &[header, ("accept", "application/json")], REPLY_LIMIT).await
    }

    async fn log_in(&mut self) -> Result<(), Failure> {
        let body = json!({ "UserName": self.username, "Password": self.password.reveal() }).to_string();
        let url = join(&self.base, SESSIONS);
        let secrets = [self.password.reveal().to_owned()];
        let posted = Posted { bytes: body.as_bytes(), secrets: &secrets };
        self.access = match self.http.post_json(&url, &[], posted, REPLY_LIMIT).await {
            Ok(reply) => match reply.header("x-auth-token") {
                Some(token) => Access::Session {
                    token: Secret::received(token.to_owned()),
                    path: reply.header("location").and_then(own_session),
                },
                None => Access::Basic,
            },
            Err(HttpError::Status { code: 404 | 405 | 501, .. }) => Access::Basic,
            // The body is left out: it may hold what was sent.
            Err(HttpError::Status { code, url, retry_after, .. }) => {
                let body_start = "the login was refused".to_owned();
                return Err(HttpError::Status { code, url, retry_after, date: None, body_start }.into());
            }
            Err(error) => return Err(error.into()),
        };
        Ok(())
    }
}

/// The path of a session, which controllers write with their own idea of the host before it. Nothing
/// else is ever deleted.
fn own_session(location: &str) -> Option<String> {
    let path = location.get(location.find(SESSIONS)?..)?;
    let id = path.strip_prefix(SESSIONS)?.strip_prefix('/')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!id.is_empty() && id.chars().all(plain) && id != ".." && id != ".").then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_session_is_ever_deleted() {
        let path = format!("{SESSIONS}/17");
        assert_eq!(own_session(&path).as_ref(), Some(&path));
        assert_eq!(own_session(&format!("https://10.0.0.9{path}")).as_ref(), Some(&path));
        for other in [SESSIONS, "/redfish/v1/Chassis/1", &format!("{SESSIONS}/"), &format!("{SESSIONS}/../x")]
        {
            assert_eq!(own_session(other), None, "{other}");
        }
    }
}
