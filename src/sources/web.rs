//! What the sources behind HTTP share: failures, JSON, and numbers in any spelling.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::http::{HttpError, HttpReply};
use crate::reading::{Missing, Read, Reading};
use crate::sources::Failure;
use crate::units::Sats;

/// A refused login is not tried again sooner: pools ban addresses that keep trying.
const DENIED_RETRY: Duration = Duration::from_secs(15 * 60);

impl Failure {
    /// The login was refused in words, not by a status.
    pub fn denied(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(DENIED_RETRY), ..Self::new(Missing::Denied, detail) }
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        let detail = error.to_string();
        let (reason, retry_after) = match error {
            HttpError::Status { code: 401 | 403, retry_after, .. } => {
                (Missing::Denied, Some(retry_after.unwrap_or_default().max(DENIED_RETRY)))
            }
            HttpError::Status { retry_after, .. } => (Missing::RemoteError, retry_after),
            HttpError::Refused { .. } => (Missing::Refused, None),
            HttpError::Unreachable { .. } => (Missing::Unreachable, None),
            HttpError::ConnectTimeout { .. } => (Missing::Timeout, None),
            HttpError::NotHttp { .. } => (Missing::Garbage, None),
            HttpError::CutOff { .. } => (Missing::CutOff, None),
            HttpError::TooLarge { .. } => (Missing::TooLarge, None),
            HttpError::Setup { .. } | HttpError::BadUrl { .. } | HttpError::BadHeader { .. } => {
                (Missing::NotConfigured, None)
            }
        };
        Failure { reason, detail, retry_after }
    }
}

/// A refusal that comes without the status of one.
pub fn denied(detail: impl Into<String>) -> Failure {
    Failure { retry_after: Some(DENIED_RETRY), ..Failure::new(Missing::Denied, detail) }
}

/// The other side's own words as far as a log can take them.
pub fn excerpt(text: &str) -> String {
    const CHARS: usize = 120;
    text.chars().filter(|c| !c.is_control()).take(CHARS).collect()
}

/// `base` without its closing slash, then `path`, which starts with one.
pub fn join(base: &str, path: &str) -> String {
    format!("{}{path}", base.trim_end_matches('/'))
}

/// Value of the `Authorization` header for `user:password` (RFC 7617).
pub fn basic(pair: &str) -> String {
    format!("Basic {}", base64(pair.as_bytes()))
}

/// RFC 4648, section 4, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, i| bits << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let index = (bits >> (18 - 6 * i)) & 63;
            let letter = ALPHABET.get(index as usize).map_or('=', |byte| char::from(*byte));
            text.push(if i <= chunk.len() { letter } else { '=' });
        }
    }
    text
}

/// Reads a JSON document.
///
/// # Errors
/// Says where the document is wrong, never what it holds.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let start = bytes.trim_ascii_start();
    if start.is_empty() {
        return Err(Failure::new(Missing::Garbage, "the reply is empty"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        if error.is_eof() {
            return Failure::new(Missing::CutOff, "the JSON document breaks off");
        }
        let kind = if start.starts_with(b"<") { "HTML, not JSON" } else { "not the expected JSON" };
        let (line, column) = (error.line(), error.column());
        Failure::new(Missing::Garbage, format!("the reply is {kind} (line {line}, column {column})"))
    })
}

/// What `parse` makes of a reply. Where it is not of the expected type, the failure also shows how it begins.
///
/// # Errors
/// Those of `parse`.
pub fn parsed<T>(reply: &HttpReply, parse: impl FnOnce(&[u8]) -> Result<T, Failure>) -> Result<T, Failure> {
    parse(&reply.body).map_err(|failure| {
        let start = match failure.reason {
            Missing::Garbage | Missing::CutOff => reply.start(),
            _ => String::new(),
        };
        if start.is_empty() {
            return failure;
        }
        Failure { detail: format!("{}; it begins: {start}", failure.detail), ..failure }
    })
}

/// The number that a JSON pointer (RFC 6901) points at, also where it is written as a string.
///
/// # Errors
/// It is not there or null, or no number.
pub fn number_at(page: &Value, pointer: &str) -> Result<f64, Missing> {
    let value = page.pointer(pointer).filter(|value| !value.is_null()).ok_or(Missing::NotReported)?;
    Decimal::deserialize(value).ok().and_then(|number| number.f64()).ok_or(Missing::Garbage)
}

/// A number that the other side writes as a JSON number or as a string, in its own digits.
///
/// Anything else in its place is kept as unreadable, so that one odd field costs only itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal(Option<String>);

/// No more than all bitcoin there will ever be, owed or owned.
fn exists(amount: &Sats) -> bool {
    amount.0.unsigned_abs() <= (21_000_000 * Sats::PER_BTC).unsigned_abs()
}

impl Decimal {
    /// Finite, or `None`.
    pub fn f64(&self) -> Option<f64> {
        self.text()?.parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// With the decimal point moved to the right by `places`, exactly: a price per kWh becomes one
    /// per MWh with 3.
    pub fn shifted(&self, places: i8) -> Option<f64> {
        let value = match self.text()? {
            text if text.contains(['e', 'E']) => self.f64()? * 10f64.powi(places.into()),
            text => format!("{text}e{places}").parse().ok()?,
        };
        Some(value).filter(|value| value.is_finite())
    }

    pub fn i64(&self) -> Option<i64> {
        self.text()?.parse().ok()
    }

    pub fn u32(&self) -> Option<u32> {
        self.text()?.parse().ok()
    }

    /// An amount in bitcoin with at most eight decimals, exactly.
    pub fn sats_from_btc(&self) -> Option<Sats> {
        Sats::parse_btc(self.text()?).filter(exists)
    }

    /// An amount in bitcoin, without the part below one satoshi: for estimates, which some pools
    /// write with more than eight decimals.
    pub fn whole_sats_from_btc(&self) -> Option<Sats> {
        let text = self.text()?;
        let end = text.find('.').map_or(text.len(), |point| text.len().min(point + 9));
        let (kept, rest) = text.split_at_checked(end)?;
        if !rest.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Sats::parse_btc(kept).filter(exists)
    }

    /// An amount in bitcoin that went through a float, to the nearest satoshi: what the float adds below that is
    /// noise.
    pub fn nearest_sats_from_btc(&self) -> Option<Sats> {
        let (text, whole) = (self.text()?, self.whole_sats_from_btc()?.0);
        let ninth = text.find('.').and_then(|point| text.as_bytes().get(point + 9));
        let rest = i64::from(ninth.is_some_and(|digit| *digit >= b'5'));
        let nearest = if text.starts_with('-') { whole - rest } else { whole + rest };
        Some(Sats(nearest)).filter(exists)
    }

    /// A whole number of satoshis.
    pub fn sats(&self) -> Option<Sats> {
        self.i64().map(Sats).filter(exists)
    }

    pub fn text(&self) -> Option<&str> {
        self.0.as_deref().map(str::trim)
    }
}

/// A field as a measured reading; absent and unreadable are told apart.
pub fn read<T>(
    field: &Option<Decimal>,
    source: &'static str,
    convert: impl FnOnce(&Decimal) -> Option<T>,
) -> Read<T> {
    let field = field.as_ref().ok_or(Missing::NotReported)?;
    convert(field).map(|value| Reading::measured(value, source)).ok_or(Missing::Garbage)
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DecimalVisitor)
    }
}

struct DecimalVisitor;

impl<'de> Visitor<'de> for DecimalVisitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<Decimal, E> {
        Ok(Decimal(Some(text.to_owned())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Decimal, E> {
        Ok(Decimal(Some(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Decimal, E> {
        Ok(Decimal(Some(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Decimal, E> {
        // The shortest text that gives this float again: the digits that were sent, as long as
        // there were at most 15 of them, and never with an exponent.
        Ok(Decimal(Some(value.to_string())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Decimal, E> {
        Ok(Decimal(None))
    }

    fn visit_unit<E>(self) -> Result<Decimal, E> {
        Ok(Decimal(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Decimal, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Decimal(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Decimal, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Decimal(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        json(text.as_bytes()).unwrap()
    }

    #[test]
    fn numbers_and_strings_read_the_same() {
        for text in ["27978", "\"27978\"", "\" 27978 \""] {
            assert_eq!(decimal(text).f64(), Some(27978.0), "{text}");
            assert_eq!(decimal(text).u32(), Some(27978), "{text}");
        }
    }

    #[test]
    fn bitcoin_written_as_a_number_keeps_its_digits() {
        assert_eq!(decimal("0.00037884").sats_from_btc(), Some(Sats(37_884)));
        assert_eq!(decimal("21000001").sats_from_btc(), None);
        assert_eq!(decimal("-2100000000000001").sats(), None);
        assert_eq!(decimal("1e-8").sats_from_btc(), Some(Sats(1)));
        assert_eq!(decimal("\"0.01000000\"").sats_from_btc(), Some(Sats(1_000_000)));
    }

    #[test]
    fn a_ninth_decimal_is_an_error_in_a_balance_and_cut_in_an_estimate() {
        let nine = decimal("\"0.000166667\"");
        assert_eq!(nine.sats_from_btc(), None);
        assert_eq!(nine.whole_sats_from_btc(), Some(Sats(16_666)));
        assert_eq!(decimal("\"0.00016666x\"").whole_sats_from_btc(), None);
        assert_eq!(decimal("\"2\"").whole_sats_from_btc(), Some(Sats(200_000_000)));
    }

    #[test]
    fn a_price_in_another_unit_is_moved_by_whole_places_without_a_rounding_error() {
        // 0.07 · 10 is 0.7000000000000001 in floats.
        assert_eq!(decimal("0.07").shifted(1), Some(0.7));
        assert_eq!(decimal("\"-0.0335\"").shifted(3), Some(-33.5));
        assert_eq!(decimal("\"5E-2\"").shifted(3), Some(50.0));
        assert_eq!(decimal("\"n/a\"").shifted(1), None);
        assert_eq!(decimal("null").shifted(1), None);
    }

    #[test]
    fn what_a_float_adds_below_a_satoshi_is_rounded_away() {
        for (text, sats) in [
            ("0.00051234", 51_234),
            ("0.0005123399999999999", 51_234),
            ("0.00051234000000000003", 51_234),
            ("0.000000005", 1),
            ("-0.0000000149", -1),
            ("3", 300_000_000),
        ] {
            assert_eq!(decimal(text).nearest_sats_from_btc(), Some(Sats(sats)), "{text}");
            assert_eq!(decimal(&format!("\"{text}\"")).nearest_sats_from_btc(), Some(Sats(sats)), "{text}");
        }
        assert_eq!(decimal("\"0.00016666x\"").nearest_sats_from_btc(), None);
        assert_eq!(decimal("\"21000000.000000005\"").nearest_sats_from_btc(), None);
    }

    #[test]
    fn anything_else_is_unreadable_and_no_number() {
        for text in ["true", "null", "[1]", "{\"a\":1}", "\"\"", "\"NaN\"", "\"inf\""] {
            assert_eq!(decimal(text).f64(), None, "{text}");
        }
        assert_eq!(read(&None, "x", Decimal::f64), Err(Missing::NotReported));
        assert_eq!(read(&Some(decimal("\"n/a\"")), "x", Decimal::f64), Err(Missing::Garbage));
    }

    #[test]
    fn a_reply_that_is_not_json_says_what_it_is_and_not_what_it_holds() {
        let html = json::<u64>(b"<html>hunter2</html>").unwrap_err();
        assert_eq!(html.reason, Missing::Garbage);
        assert_eq!(html.detail, "the reply is HTML, not JSON (line 1, column 1)");
        assert_eq!(json::<Vec<u64>>(b"[1,").unwrap_err().reason, Missing::CutOff);
        assert_eq!(json::<u64>(b" ").unwrap_err().reason, Missing::Garbage);
        assert!(!json::<u64>(b"\"hunter2\"").unwrap_err().detail.contains("hunter2"));
    }

    #[test]
    fn a_refused_login_waits_a_quarter_of_an_hour_and_a_busy_server_as_long_as_it_says() {
        let status = |code, secs: Option<u64>| {
            Failure::from(HttpError::Status {
                code,
                url: "http://pool".into(),
                retry_after: secs.map(Duration::from_secs),
                date: None,
                body_start: "no".into(),
            })
        };
        assert_eq!(status(403, None).reason, Missing::Denied);
        assert_eq!(status(401, Some(5)).retry_after, Some(Duration::from_secs(900)));
        assert_eq!(status(401, Some(1800)).retry_after, Some(Duration::from_secs(1800)));
        assert_eq!(status(429, Some(42)).retry_after, Some(Duration::from_secs(42)));
        assert_eq!(status(503, None).reason, Missing::RemoteError);
        assert_eq!(status(503, None).retry_after, None);
    }

    #[test]
    fn a_base_url_may_end_in_a_slash() {
        assert_eq!(join("http://a/", "/b"), "http://a/b");
        assert_eq!(join("http://a/p", "/b"), "http://a/p/b");
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
