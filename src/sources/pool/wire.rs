//! What the pools' replies have in common: hashrates in some unit, parts of all work, times.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::HashrateUnit;
use crate::clock::UnixMs;
use crate::http::HttpError;
use crate::reading::{Missing, Quality, Read, Reading};
use crate::sources::Failure;
use crate::sources::web::{Decimal, excerpt, json, read};
use crate::units::{Fraction, Hashrate};

/// A hashrate in hashes per second as a plausible reading: not negative, and below ten times the
/// whole network of 2026. Anything else is an error of the unit.
pub(super) fn plausible(rate: Read<f64>) -> Read<Hashrate> {
    const MAX_HS: f64 = 1e22;
    let rate = rate?;
    let in_range = (0.0..=MAX_HS).contains(&rate.value);
    let value = Hashrate::from_hs(rate.value).filter(|_| in_range).ok_or(Missing::Implausible)?;
    Ok(rate.map(|_| value))
}

/// A field in units of `hashes` H/s.
pub(super) fn hashrate(field: &Option<Decimal>, hashes: f64, source: &'static str) -> Read<Hashrate> {
    plausible(read(field, source, Decimal::f64).map(|rate| rate.map(|rate| rate * hashes)))
}

/// H/s in a unit by its name. One that is not known gives no value: a guess would be wrong by a factor of a
/// thousand.
pub(super) fn hashes_per(unit: &str) -> Option<f64> {
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "h/s" => HashrateUnit::Hs,
        "kh/s" => HashrateUnit::Khs,
        "mh/s" => HashrateUnit::Mhs,
        "gh/s" => HashrateUnit::Ghs,
        "th/s" => HashrateUnit::Ths,
        "ph/s" => HashrateUnit::Phs,
        "eh/s" => return Some(1e18),
        _ => return None,
    };
    Some(unit.hashes())
}

/// Both together, as good as the worse of them.
pub(super) fn sum(a: Read<f64>, b: Read<f64>) -> Read<f64> {
    let (a, b) = (a?, b?);
    Ok(Reading { value: a.value + b.value, quality: Quality::max(a.quality, b.quality), source: a.source })
}

/// `part` of `part + rest`; both in the same unit. Of no work at all there is no part.
pub(super) fn part_of(part: Read<f64>, rest: Read<f64>) -> Read<Fraction> {
    let (part, rest) = (part?, rest?);
    let whole = part.value + rest.value;
    if whole == 0.0 {
        return Err(Missing::Undefined);
    }
    let value = fraction(part.value / whole)?;
    Ok(Reading { value, quality: part.quality.max(rest.quality), source: part.source })
}

/// A part of all work that the pool tells as one number, and its document does not say that it is a fraction: an
/// estimate.
pub(super) fn untold_part(field: &Option<Decimal>, source: &'static str) -> Read<Fraction> {
    let part = read(field, source, Decimal::f64)?;
    Ok(Reading::estimated(fraction(part.value)?, source))
}

fn fraction(value: f64) -> Result<Fraction, Missing> {
    let in_range = (0.0..=1.0).contains(&value);
    Fraction::new(value).filter(|_| in_range).ok_or(Missing::Implausible)
}

/// Unix time in seconds or milliseconds, told apart by size, or a date and time in UTC with or without its
/// zone. Zero is no time.
pub(super) fn time(field: &Option<Decimal>) -> Option<UnixMs> {
    /// The year 5138 in seconds, 1973 in milliseconds.
    const MAX_UNIX_S: i64 = 100_000_000_000;
    let field = field.as_ref()?;
    if let Some(number) = field.i64() {
        let time = if number < MAX_UNIX_S { UnixMs::from_secs(number) } else { UnixMs(number) };
        return (number > 0).then_some(time);
    }
    let text = field.text()?;
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(UnixMs(instant.as_millisecond()));
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let instant = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
    Some(UnixMs(instant.as_millisecond()))
}

/// A reply, unless it is an object with a `message` or `msg`: so say most pools that they refuse.
pub(super) fn open<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(alias = "msg")]
        message: String,
    }
    match serde_json::from_slice(body) {
        Ok(Refusal { message }) if !message.is_empty() => Err(said(&message)),
        _ => json(body),
    }
}

/// What a reply holds whose `code` is 0. Another code is an error in the pool's words, and one of `of_login` a
/// refused login whatever the words are.
pub(super) fn data<T: DeserializeOwned>(body: &[u8], of_login: &[i64]) -> Result<T, Failure> {
    /// Read apart: what an error has for `data` is anything.
    #[derive(Deserialize)]
    struct Outcome {
        code: Option<Decimal>,
        message: Option<String>,
    }
    #[derive(Deserialize)]
    struct Reply<T> {
        data: Option<T>,
    }
    let Outcome { code, message } = json(body)?;
    let code = code.as_ref().and_then(Decimal::i64);
    if code != Some(0) {
        let failure = said(message.as_deref().unwrap_or("no reason given"));
        return Err(match code.is_some_and(|code| of_login.contains(&code)) {
            true => Failure::denied(failure.detail),
            false => failure,
        });
    }
    let Reply { data } = json(body)?;
    data.ok_or_else(|| Failure::new(Missing::NotReported, "the reply has no data"))
}

/// An error in the pool's own words. One about the credential is a refused login: asking again soon gets the
/// address banned.
pub(super) fn said(message: &str) -> Failure {
    let detail = format!("the pool says: {}", excerpt(message));
    match is_of_login(message) {
        true => Failure::denied(detail),
        false => Failure::new(Missing::RemoteError, detail),
    }
}

/// No reply. Status 400 is how some pools refuse a login, and only the words tell it from any other bad request.
pub(super) fn refused(error: HttpError) -> Failure {
    match &error {
        HttpError::Status { code: 400, body_start, .. } if is_of_login(body_start) => {
            Failure::denied(error.to_string())
        }
        _ => error.into(),
    }
}

fn is_of_login(message: &str) -> bool {
    const WORDS: [&str; 8] = ["sign", "api key", "api-key", "apikey", "token", "permission", "auth", "nonce"];
    let message = message.to_ascii_lowercase();
    WORDS.iter().any(|word| message.contains(word))
}
