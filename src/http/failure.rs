//! What kept a reply from coming, as an [`HttpError`].

use std::error::Error as _;
use std::io::ErrorKind;

use super::HttpError;

pub(super) fn classify(error: reqwest::Error, shown: &str) -> HttpError {
    let url = shown.to_owned();
    let error = error.without_url();
    let reason = chain(&error);
    let io = io_kind(&error);
    if error.is_timeout() {
        HttpError::ConnectTimeout { url }
    } else if error.is_connect() && io == Some(ErrorKind::ConnectionRefused) {
        HttpError::Refused { url }
    } else if error.is_connect() {
        HttpError::Unreachable { url, reason }
    } else if reason.contains("invalid HTTP") || reason.contains("head is too large") {
        // Hyper's words for its parse errors; it exports no type to match on here.
        HttpError::NotHttp { url, reason }
    } else {
        HttpError::CutOff { url, reason }
    }
}

/// The innermost I/O error of the chain.
fn io_kind(error: &reqwest::Error) -> Option<ErrorKind> {
    let mut kind = None;
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            kind = Some(io.kind());
        }
        next = cause.source();
    }
    kind
}

/// All causes in one line; reqwest itself shows only the outermost.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
