//! Times in the head of a reply, all by the server's own clock.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::clock::UnixMs;

/// A server that asks for more is asked again after this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The server's clock.
pub(super) fn date_of(headers: &HeaderMap) -> Option<UnixMs> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<UnixMs> {
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(UnixMs(at.timestamp().as_millisecond()))
}

/// `Retry-After`, as seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(secs) => Duration::from_secs(secs),
        Err(_) => {
            let ms = http_date(text)?.0.checked_sub(date_of(headers)?.0)?;
            Duration::from_millis(u64::try_from(ms).unwrap_or(0))
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_servers_own_clock() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
        };
        assert_eq!(retry_after(&headers(&[("retry-after", "120")])), Some(Duration::from_secs(120)));
        let dated = headers(&[
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"),
        ]);
        assert_eq!(retry_after(&dated), Some(Duration::from_secs(30)));
        assert_eq!(retry_after(&headers(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")])), None);
        assert_eq!(retry_after(&headers(&[("retry-after", "999999999")])), Some(MAX_RETRY_AFTER));
    }

    #[test]
    fn http_dates_are_read_in_utc() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(UnixMs(784_111_777_000)));
        assert_eq!(http_date("yesterday"), None);
    }
}
