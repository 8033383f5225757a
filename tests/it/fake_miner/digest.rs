//! The server's side of HTTP's digest, as the web server of an Antminer has it.

use std::collections::HashMap;

use md5::{Digest, Md5};
use serde_json::Value;

/// The nonce that is valid, and how often it was used.
#[derive(Default)]
pub struct Server {
    nonces: usize,
    used: u64,
    /// Instead of that of `caps.json`.
    pub password: Option<&'static str>,
}

impl Server {
    /// Whoever has logged in must do it anew.
    pub fn expire(&mut self) {
        self.nonces += 1;
        self.used = 0;
    }

    fn nonce(&self) -> String {
        format!("6970{:04x}:c0ffee", self.nonces)
    }

    /// The field of the head that says what is wanted.
    pub fn challenge(&self, wanted: &Value) -> String {
        let realm = wanted["realm"].as_str().unwrap();
        let nonce = self.nonce();
        format!("Digest realm=\"{realm}\", charset=\"UTF-8\", algorithm=MD5, nonce=\"{nonce}\", qop=\"auth\"")
    }

    /// Whether this `Authorization` proves that the password of `wanted` is known, and was not sent before.
    pub fn accepts(&mut self, wanted: &Value, path: &str, authorization: &str) -> bool {
        let Some(rest) = authorization.strip_prefix("Digest ") else { return false };
        let fields = rest.split(", ").filter_map(|field| field.split_once('='));
        let sent: HashMap<&str, &str> = fields.map(|(key, value)| (key, value.trim_matches('"'))).collect();
        let text = |key: &str| wanted[key].as_str().unwrap();
        let (user, realm) = (text("username"), text("realm"));
        let password = self.password.unwrap_or(text("password"));
        let count = u64::from_str_radix(sent["nc"], 16).unwrap();
        let (nc, cnonce) = (sent["nc"], sent["cnonce"]);
        let (who, what) = (hex(&format!("{user}:{realm}:{password}")), hex(&format!("GET:{path}")));
        let right = hex(&format!("{who}:{}:{nc}:{cnonce}:auth:{what}", self.nonce()));
        let said = [sent["username"], sent["realm"], sent["nonce"], sent["uri"], sent["qop"]];
        let accepted = said == [user, realm, &self.nonce(), path, "auth"]
            && nc.len() == 8
            && cnonce.len() >= 8
            && sent["response"] == right
            && count > self.used;
        if accepted {
            self.used = count;
        }
        accepted
    }
}

fn hex(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
