//! A page: a JSON document, or one bare word such as `on` or `12.5 kW`, as messages hold them.

use serde::Deserialize;
use serde_json::Value;

use crate::reading::Missing;
use crate::sources::Failure;
use crate::sources::web::{Decimal, json};

/// A longer text is no value.
const MAX_WORD_BYTES: usize = 64;

/// The payload of a message. What is no JSON and short is a text.
///
/// # Errors
/// As [`json`], for anything else.
pub fn payload(bytes: &[u8]) -> Result<Value, Failure> {
    json(bytes).or_else(|failure| word(bytes).map(Value::from).ok_or(failure))
}

/// One word, or a number with its unit. A document that broke off begins like one, and is none.
fn word(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let begins = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
    (text.len() <= MAX_WORD_BYTES && text.starts_with(begins)).then_some(text)
}

/// What a JSON pointer (RFC 6901) points at; an empty one at the whole page.
///
/// # Errors
/// [`Missing::NotReported`] if it is not there or null.
pub fn at<'p>(page: &'p Value, pointer: &str) -> Result<&'p Value, Missing> {
    page.pointer(pointer).filter(|value| !value.is_null()).ok_or(Missing::NotReported)
}

/// A number, a text, true or false as text.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::Bool(flag) => Some(flag.to_string()),
        value => Decimal::deserialize(value).ok()?.text().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_a_document_or_one_bare_word() {
        for (bytes, page) in [
            ("{\"a\":1}", serde_json::json!({"a": 1})),
            (" 417.5 ", 417.5.into()),
            ("true", true.into()),
            ("on", "on".into()),
            ("12.5 kW\n", "12.5 kW".into()),
            ("-3 MW", "-3 MW".into()),
        ] {
            assert_eq!(payload(bytes.as_bytes()).unwrap(), page, "{bytes}");
        }
    }

    #[test]
    fn what_is_neither_keeps_the_reason_of_the_document() {
        let why = |bytes: &[u8]| payload(bytes).unwrap_err().reason;
        assert_eq!(why(b"{\"a\":"), Missing::CutOff);
        assert_eq!(why(b"<html>"), Missing::Garbage);
        assert_eq!(why(b""), Missing::Garbage);
        assert_eq!(why(b"a\xff"), Missing::Garbage);
        assert_eq!(why("x".repeat(65).as_bytes()), Missing::Garbage);
    }

    #[test]
    fn a_pointer_finds_a_value_that_is_there_and_not_null() {
        let page = serde_json::json!({"a": [{"b/c": 5}], "n": null});
        assert_eq!(at(&page, "/a/0/b~1c"), Ok(&5.into()));
        assert_eq!(at(&page, ""), Ok(&page));
        for absent in ["/x", "/n", "/a/1", "/a/0/b"] {
            assert_eq!(at(&page, absent), Err(Missing::NotReported), "{absent}");
        }
    }
}
