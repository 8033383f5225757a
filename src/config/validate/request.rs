//! What a request to a system of the operator's own may hold.

use reqwest::header::{HeaderName, HeaderValue};

use super::Checker;
use crate::config::document::Path;
use crate::sources::value::query::{Method, RequestConfig, placeholder};

/// Headers with such a part in their name hold a secret.
const SECRET_PARTS: [&str; 6] = ["auth", "cookie", "key", "password", "secret", "token"];
/// Headers that a request has anyway.
const OWN_HEADERS: [&str; 4] = ["connection", "content-length", "host", "transfer-encoding"];
/// Bytes; more is no question.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The table `request` of `section`; `token` says whether that has a `token_file`.
pub fn request(section: &Path, token: bool, request: &RequestConfig, check: &mut Checker<'_, '_>) {
    let table = section.key("request");
    headers(&table, token, request, check);
    if check.choice(&table, "method", request.method) == Some(Method::Get) {
        check.refuses(&table, "method = \"get\"", "body", request.body.is_some());
        check.refuses(&table, "method = \"get\"", "body_file", !request.body_file.is_empty());
    } else {
        body(&table, request, check);
    }
    let (key, value) = (request.ok_key.is_some(), request.ok_value.is_some());
    if key || value {
        check.needs(&table, "ok_value", "ok_key", key);
        check.needs(&table, "ok_key", "ok_value", value);
    }
    if let Some(key) = &request.ok_key {
        check.pointer(&table.key("ok_key"), key, "/code");
    }
}

fn headers(table: &Path, token: bool, request: &RequestConfig, check: &mut Checker<'_, '_>) {
    let mut seen: Vec<String> = token.then(|| "authorization".to_owned()).into_iter().collect();
    let plain = request.header.iter().map(|header| header.name.as_str());
    let from_files = request.header_file.iter().map(|header| header.name.as_str());
    let at = |key: &'static str| move |n| table.key(key).item(n);
    let places = (0..).map(at("header")).take(request.header.len());
    let places = places.chain((0..).map(at("header_file")).take(request.header_file.len()));
    for (place, name) in places.zip(plain.chain(from_files)) {
        let (path, name) = (place.key("name"), name.to_ascii_lowercase());
        if HeaderName::from_bytes(name.as_bytes()).is_err() || OWN_HEADERS.contains(&name.as_str()) {
            check.must(&path, "be the name of a header", Some("for example \"x-api-key\"".to_owned()));
        } else if seen.contains(&name) {
            check.must(&path, "differ from those of the other headers", None);
        }
        seen.push(name);
    }
    for (n, header) in request.header.iter().enumerate() {
        let path = table.key("header").item(n).key("value");
        let name = header.name.to_ascii_lowercase();
        if SECRET_PARTS.iter().any(|part| name.contains(part)) {
            let message = format!("{} must not be that of a header with a secret", path.subject());
            let hint =
                format!("put it into a file, and that into {}", table.key("header_file").item(0).header());
            check.report.hidden_value(&path, message, Some(hint));
        } else if HeaderValue::from_str(&header.value).is_err() {
            check.must(&path, "be what a header can hold: printable characters in one line", None);
        }
    }
}

fn body(table: &Path, request: &RequestConfig, check: &mut Checker<'_, '_>) {
    let path = table.key("body");
    let mut text = request.body.clone().unwrap_or_default();
    if text.len() > MAX_BODY_BYTES {
        check.must(&path, format!("hold at most {MAX_BODY_BYTES} bytes"), None);
    }
    for (n, part) in request.body_file.iter().enumerate() {
        let place = placeholder(&part.name);
        if !text.contains(&place) {
            let name = table.key("body_file").item(n).key("name");
            check.must(&name, format!("stand in `body` as {place}"), None);
        }
        text = text.replace(&place, "");
    }
    if text.contains("{{") && check.report.is_sound(&table.key("body_file")) {
        let hint = format!("{} says which file", table.key("body_file").item(0).header());
        check.must(&path, "hold no placeholder without a file", Some(hint));
    }
}
