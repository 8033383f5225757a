//! JSON documents in the form of a wire struct, with what a machine gets wrong as absent.
//!
//! The struct of a page has `#[serde(default)]` and fields of these types: a field that is missing, `null` or of
//! another form costs itself and nothing else.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::scan::Unreadable;
use crate::reading::Missing;

/// Reads one document.
///
/// # Errors
/// [`Missing::CutOff`] if it does not end, [`Missing::Garbage`] if it is no object and no list.
pub fn parse(bytes: &[u8]) -> Result<Value, Missing> {
    match serde_json::from_slice::<Value>(bytes).map_err(Unreadable::from) {
        Ok(value) if value.is_object() || value.is_array() => Ok(value),
        Err(Unreadable::Unfinished) => Err(Missing::CutOff),
        Ok(_) | Err(Unreadable::Malformed) => Err(Missing::Garbage),
    }
}

/// Reads a reply of API 3 of WhatsMiners, `{"code":0,"msg":{…}}`: what it says.
///
/// # Errors
/// As [`parse`]; [`Missing::RemoteError`] for any other code.
pub fn message(bytes: &[u8]) -> Result<Value, Missing> {
    let mut reply = parse(bytes)?;
    match reply.get("code").and_then(Value::as_i64) {
        Some(0) => reply.get_mut("msg").map(Value::take).ok_or(Missing::Garbage),
        Some(_) => Err(Missing::RemoteError),
        None => Err(Missing::Garbage),
    }
}

/// A number, sent as number or text.
#[derive(Debug, Default, Clone, Copy)]
pub struct Number(Option<f64>);

impl Number {
    /// # Errors
    /// [`Missing::NotReported`] if there is none.
    pub fn get(self) -> Result<f64, Missing> {
        self.0.ok_or(Missing::NotReported)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = match Value::deserialize(from)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        Ok(Self(number.filter(|number| number.is_finite())))
    }
}

/// A truth, sent as such, as 1 or as text.
#[derive(Debug, Default, Clone, Copy)]
pub struct Flag(bool);

impl Flag {
    /// False also if it is not told.
    pub fn is_set(self) -> bool {
        self.0
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(from)? {
            Value::Bool(truth) => truth,
            Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
            Value::String(text) => matches!(text.trim().to_ascii_lowercase().as_str(), "true" | "1"),
            _ => false,
        }))
    }
}

/// A text.
#[derive(Debug, Default, Clone)]
pub struct Text(Option<String>);

impl Text {
    /// Without blanks around it; `None` if nothing is left.
    pub fn get(&self) -> Option<&str> {
        self.0.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(from)? {
            Value::String(text) => Some(text),
            _ => None,
        }))
    }
}

/// An object; empty if it is none. Its struct would take a list for its fields in their order.
#[derive(Debug, Default, Clone)]
pub struct Object<T>(pub T);

impl<'de, T: DeserializeOwned + Default> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        Ok(Self(if value.is_object() { T::deserialize(value).unwrap_or_default() } else { T::default() }))
    }
}

/// A list, without what does not fit into it; `None` if it is no list.
#[derive(Debug, Clone)]
pub struct List<T>(pub Option<Vec<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> List<T> {
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Value::Array(values) = Value::deserialize(from)? else { return Ok(Self(None)) };
        let fitting = values.into_iter().filter(|value| !value.is_array());
        Ok(Self(Some(fitting.filter_map(|value| T::deserialize(value).ok()).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Wire {
        power: Number,
        name: Text,
        on: Flag,
        inner: Object<Inner>,
        rows: List<Inner>,
    }

    #[derive(Debug, Default, Clone, Deserialize)]
    #[serde(default)]
    struct Inner {
        celsius: Number,
    }

    fn read(json: &str) -> Wire {
        Wire::deserialize(parse(json.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_field_of_another_form_costs_itself_and_nothing_else() {
        for (json, power, name, on) in [
            (r#"{"power":15.2,"name":" a ","on":true}"#, Ok(15.2), Some("a"), true),
            (r#"{"power":"15.2","name":null,"on":"true"}"#, Ok(15.2), None, true),
            (r#"{"power":null,"name":7,"on":1}"#, Err(Missing::NotReported), None, true),
            (r#"{"power":"nan","name":"","on":{}}"#, Err(Missing::NotReported), None, false),
            (r#"{"power":[1],"name":["a"],"on":0}"#, Err(Missing::NotReported), None, false),
            ("{}", Err(Missing::NotReported), None, false),
        ] {
            let wire = read(json);
            assert_eq!((wire.power.get(), wire.name.get(), wire.on.is_set()), (power, name, on), "{json}");
        }
    }

    #[test]
    fn a_list_is_never_taken_for_an_object_nor_an_empty_one_for_none() {
        let wire = read(r#"{"inner":[5],"rows":[{"celsius":-3},[4],7,{}]}"#);
        assert_eq!(wire.inner.0.celsius.get(), Err(Missing::NotReported));
        let rows: Vec<_> = wire.rows.iter().map(|row| row.celsius.get().ok()).collect();
        assert_eq!(rows, [Some(-3.0), None]);
        assert!(read(r#"{"rows":{}}"#).rows.0.is_none() && read(r#"{"rows":[]}"#).rows.0.is_some());
    }

    #[test]
    fn what_ends_early_is_cut_off_and_what_is_no_document_is_garbage() {
        for (bytes, why) in [
            (&b"{\"power\":15"[..], Missing::CutOff),
            (b"", Missing::CutOff),
            (b"<!DOCTYPE html>", Missing::Garbage),
            (b"7", Missing::Garbage),
            (b"\xff", Missing::Garbage),
        ] {
            assert_eq!(parse(bytes).unwrap_err(), why);
        }
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(parse(deep.as_bytes()).unwrap_err(), Missing::Garbage);
    }

    #[test]
    fn a_code_that_is_not_zero_is_an_error() {
        assert_eq!(message(br#"{"code":0,"msg":{"a":1}}"#).unwrap()["a"], 1);
        assert_eq!(message(br#"{"code":-2,"msg":"invalid command"}"#).unwrap_err(), Missing::RemoteError);
        assert_eq!(message(br#"{"msg":{}}"#).unwrap_err(), Missing::Garbage);
    }
}
