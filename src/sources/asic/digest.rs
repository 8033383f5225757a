//! The login of stock Antminers' pages: HTTP's digest with MD5 and `qop=auth` (RFC 7616, before it RFC 2617).
//!
//! It proves that the password is known and does not hold it. Any other realm than that of Antminers gets no proof.

use std::fmt::Write as _;

use hyper::header::{HeaderMap, WWW_AUTHENTICATE};
use md5::{Digest, Md5};

use super::session::Login;
use crate::secret::Secret;

/// What stock Antminers call themselves there.
const REALM: &str = "antMiner Configuration";
/// Longest field of a challenge that is kept. Their nonces have 41 to 80 characters.
const MAX_FIELD: usize = 512;

/// What a machine wants proved, and how often that has been done.
#[derive(Debug, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    used: u32,
}

impl Challenge {
    /// The challenge of an Antminer; `None` if the head of the reply holds none that can be answered.
    pub fn of_antminer(head: &HeaderMap) -> Option<Self> {
        let values = head.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        values.filter_map(Self::parse).find(|challenge| challenge.realm == REALM)
    }

    fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.split_once(' ')?;
        let fields = fields(rest);
        let field = |name: &str| {
            let found = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| *value).filter(|value| value.len() <= MAX_FIELD)
        };
        let is_digest = scheme.eq_ignore_ascii_case("digest")
            && field("algorithm").is_none_or(|name| name.eq_ignore_ascii_case("md5"))
            && field("qop")?.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth"));
        is_digest.then_some(())?;
        let kept = |name| field(name).map(str::to_owned);
        Some(Self { realm: kept("realm")?, nonce: kept("nonce")?, opaque: kept("opaque"), used: 0 })
    }

    /// The field `Authorization` of the next `GET` of `path`. `cnonce` is one that nobody can foresee.
    pub fn answer(&mut self, login: &Login, path: &str, cnonce: &str) -> Secret {
        self.used = self.used.saturating_add(1);
        let Self { realm, nonce, opaque, used } = self;
        let (user, password) = (&login.username, login.password.reveal());
        let who = md5(&format!("{user}:{realm}:{password}"));
        let what = md5(&format!("GET:{path}"));
        let response = md5(&format!("{who}:{nonce}:{used:08x}:{cnonce}:auth:{what}"));
        let user = user.replace('\\', "\\\\").replace('"', "\\\"");
        let mut answer = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{path}\", algorithm=MD5, \
             qop=auth, nc={used:08x}, cnonce=\"{cnonce}\", response=\"{response}\""
        );
        if let Some(opaque) = opaque {
            answer.push_str(&format!(", opaque=\"{opaque}\""));
        }
        Secret::received(answer)
    }
}

/// `a="b, c", d=e` as pairs. The value of a pair keeps its escapes: it goes back as it came.
fn fields(mut rest: &str) -> Vec<(&str, &str)> {
    let mut fields = Vec::new();
    while let Some((key, behind)) = rest.split_once('=') {
        let (value, next) = match behind.strip_prefix('"').map(|quoted| quoted.split_once('"')) {
            Some(Some(quoted)) => quoted,
            Some(None) => break,
            None => behind.split_once(',').map_or((behind.trim(), ""), |(value, next)| (value.trim(), next)),
        };
        fields.push((key.trim_matches([' ', '\t', ',']), value));
        rest = next;
    }
    fields
}

fn md5(text: &str) -> String {
    Md5::digest(text).iter().fold(String::with_capacity(32), |mut hex, byte| {
        // Nothing fails that is written into a string.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn login(username: &str, password: &str) -> Login {
        Login { username: username.into(), password: Secret::received(password.into()) }
    }

    fn head(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (WWW_AUTHENTICATE, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_examples_of_both_documents_are_answered_as_they_are_there() {
        // RFC 2617, section 3.5; RFC 7616, section 3.9.1.
        for (challenge, password, cnonce, response) in [
            (
                "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                 nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
                "Circle Of Life",
                "0a4f113b",
                "6629fae49393a05397450978507c4ef1",
            ),
            (
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
                "Circle of Life",
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                "8ca523f5e9506fed4657c9700eebdbec",
            ),
        ] {
            let mut challenge = Challenge::parse(challenge).unwrap();
            let answer = challenge.answer(&login("Mufasa", password), "/dir/index.html", cnonce);
            let answer = answer.reveal();
            assert!(answer.contains(&format!("response=\"{response}\"")), "{answer}");
            assert!(answer.contains("nc=00000001") && answer.contains("opaque="), "{answer}");
            assert!(!answer.contains(password), "{answer}");
        }
    }

    #[test]
    fn every_answer_to_a_challenge_counts_one_on() {
        let mut challenge = Challenge::parse("Digest realm=r, qop=\"auth\", nonce=\"n\"").unwrap();
        let mut answer = || challenge.answer(&login("ro\"ot", "p"), "/a", "c").reveal().to_owned();
        let (first, second) = (answer(), answer());
        assert!(first.contains("nc=00000001") && second.contains("nc=00000002"));
        assert!(first.contains(r#"username="ro\"ot", realm="r""#), "{first}");
        let response = |answer: &str| answer.split("response=").nth(1).unwrap().to_owned();
        assert_ne!(response(&first), response(&second));
    }

    #[test]
    fn only_what_an_antminer_asks_and_can_be_answered_is_a_challenge() {
        let antminer = "Digest realm=\"antMiner Configuration\", charset=\"UTF-8\", algorithm=MD5, \
                        nonce=\"65d1:5f\", qop=\"auth\"";
        assert!(Challenge::of_antminer(&head(&["Basic realm=\"x\"", antminer])).is_some());
        for other in [
            "Basic realm=\"antMiner Configuration\"",
            "Digest realm=\"router\", nonce=\"a\", qop=\"auth\"",
            "Digest realm=\"antMiner Configuration\", nonce=\"a\"",
            "Digest realm=\"antMiner Configuration\", qop=\"auth\"",
            "Digest realm=\"antMiner Configuration\", nonce=\"a\", qop=\"auth-int\"",
            "Digest realm=\"antMiner Configuration\", nonce=\"a\", qop=\"auth\", algorithm=SHA-256",
            "Digest realm=\"antMiner Configuration\", qop=\"auth\", nonce=\"a",
            "Digest",
            "",
        ] {
            assert_eq!(Challenge::of_antminer(&head(&[other])), None, "{other}");
        }
    }
}
