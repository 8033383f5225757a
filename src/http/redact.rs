//! What may be shown of a request: no user info, no query, nothing that was sent as a secret.

use reqwest::Url;

/// `url` as it may be shown: without user info, query and fragment.
pub fn redacted(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return "(unreadable URL)".into() };
    let had_query = parsed.query().is_some();
    parsed.set_query(None);
    parsed.set_fragment(None);
    // Both fail only for URLs that cannot hold user info.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    if had_query { format!("{parsed}?…") } else { parsed.into() }
}

/// Of a body, for the log.
const START_CHARS: usize = 200;

/// What was sent and must not come back in an error text when a server echoes it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Of a request; `posted` are the secrets in its body.
    pub(super) fn of(url: &Url, headers: &[(&str, &str)], posted: &[String]) -> Self {
        let mut all = posted.to_vec();
        all.extend(headers.iter().map(|(_, value)| (*value).to_owned()));
        // `Basic abc` and `Bearer abc` are also echoed without their scheme.
        all.extend(headers.iter().filter_map(|(_, value)| Some(value.split_once(' ')?.1.to_owned())));
        // As are the key and the signature of `key:signature`.
        all.extend(headers.iter().flat_map(|(_, value)| value.split(':').map(str::to_owned)));
        all.extend(url.password().map(str::to_owned));
        all.extend(url.query().map(str::to_owned));
        all.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        // What is shorter is a page number or the name of a coin.
        all.retain(|secret| secret.len() >= 4);
        let mut all: Vec<String> = all.iter().flat_map(|secret| spellings(secret)).collect();
        // Longest first, so that a part never uncovers the rest.
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Self(all)
    }

    /// First characters of `body`, printable and scrubbed.
    pub(super) fn start(&self, body: &[u8]) -> String {
        let text = self.scrub(&String::from_utf8_lossy(body));
        let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        printable.take(START_CHARS).collect::<String>().trim().to_owned()
    }

    pub(super) fn scrub(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"))
    }
}

/// `secret` in each way that a server may write it that sends it back: as it is, in JSON, in a URL, in a form.
pub fn spellings(secret: &str) -> Vec<String> {
    let json = json_escaped(secret);
    // PHP escapes slashes as well.
    let php = json.replace('/', "\\/");
    let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let url = |upper: bool| -> String {
        let byte = |byte: u8| match byte {
            b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte if upper => format!("%{byte:02X}"),
            byte => format!("%{byte:02x}"),
        };
        secret.bytes().map(byte).collect()
    };
    vec![secret.to_owned(), json, php, form, url(true), url(false)]
}

/// `text` as it stands between the quotes of a JSON string.
pub fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_url_holds_no_user_info_and_no_query() {
        assert_eq!(redacted("http://rpc:hunter2@10.0.0.1:8332/w?key=abc#x"), "http://10.0.0.1:8332/w?…");
        assert_eq!(redacted("https://pool.example/a"), "https://pool.example/a");
        assert_eq!(redacted("hunter2"), "(unreadable URL)");
    }

    #[test]
    fn an_echoed_secret_is_scrubbed_however_it_is_spelt() {
        let url = Url::parse("http://host/").unwrap();
        let secrets = Secrets::of(&url, &[("x-key", "a/b+c d\"e")], &[]);
        for echo in ["a/b+c d\"e", "a/b+c d\\\"e", "a\\/b+c d\\\"e", "a%2Fb%2Bc+d%22e", "a%2fb%2bc%20d%22e"] {
            assert_eq!(secrets.scrub(&format!("key={echo}&")), "key=…&", "{echo}");
        }
    }

    #[test]
    fn an_echoed_secret_is_scrubbed_with_and_without_its_scheme() {
        let url = Url::parse("http://u:pa55@host/?key=q8q8").unwrap();
        let secrets = Secrets::of(
            &url,
            &[("authorization", "Bearer hunter2"), ("x-auth", "k3yk3y:51gn")],
            &["b0\"dy".to_owned()],
        );
        let echo = "bad token hunter2, Bearer hunter2, pa55, q8q8, k3yk3y, 51gn, b0\"dy, b0\\\"dy";
        assert_eq!(secrets.scrub(echo), "bad token …, …, …, …, …, …, …, …");
        assert_eq!(secrets.start(b"\r\n<html>\thunter2\xff"), "<html> …\u{fffd}");
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }
}
