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

/// What was sent and must not come back in an error text when a server echoes it.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    pub(super) fn of(url: &Url, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Self {
        let mut all: Vec<String> = headers.iter().map(|(_, value)| (*value).to_owned()).collect();
        // `Basic abc` and `Bearer abc` are also echoed without their scheme.
        all.extend(headers.iter().filter_map(|(_, value)| Some(value.split_once(' ')?.1.to_owned())));
        all.extend(form.iter().map(|(_, value)| (*value).to_owned()));
        all.extend(url.password().map(str::to_owned));
        all.extend(url.query().map(str::to_owned));
        all.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        // What is shorter is a page number or the name of a coin.
        all.retain(|secret| secret.len() >= 4);
        // Longest first, so that a part never uncovers the rest.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(all)
    }

    pub(super) fn scrub(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…"))
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
    fn an_echoed_secret_is_scrubbed_with_and_without_its_scheme() {
        let url = Url::parse("http://u:pa55@host/?key=q8q8").unwrap();
        let secrets = Secrets::of(&url, &[("authorization", "Bearer hunter2")], &[("key", "f0rm")]);
        let told = secrets.scrub("bad token hunter2, Bearer hunter2, pa55, q8q8, f0rm");
        assert_eq!(told, "bad token …, …, …, …, …");
    }
}
