//! Strict JSON into a [`Reply`].

use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::exchange::MAX_REPLY;
use super::reply::{Entry, Reply, RowEntry, Span, Stored};

/// Most text that is kept of one reply. Dotted keys repeat what stands above them: a long key over many
/// small values would otherwise grow to the square of what was sent.
const MAX_TEXT: usize = 2 * MAX_REPLY;
/// Most fields and rows that are kept of one reply: a field takes many times the room that `{},` or `1,` take
/// on the wire. The largest recorded reply has some 400.
const MAX_FIELDS: usize = 16 * 1024;

/// Why bytes are not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Well-formed up to its end, which comes too early.
    Unfinished,
    /// Anything else, also more than 128 levels of nesting (the limit of serde_json).
    Malformed,
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        if error.is_eof() { Unreadable::Unfinished } else { Unreadable::Malformed }
    }
}

/// Reads one document.
///
/// # Errors
/// If it is not exactly one JSON object in UTF-8.
pub fn parse(bytes: &[u8]) -> Result<Reply, Unreadable> {
    let mut reply = Reply { text: String::with_capacity(bytes.len()), ..Reply::default() };
    let mut json = serde_json::Deserializer::from_str(utf8(bytes)?);
    Document(&mut reply).deserialize(&mut json).and_then(|()| json.end()).map_err(Unreadable::from)?;
    Ok(reply)
}

/// The whole at once: one string after the other costs more than reading them.
///
/// # Errors
/// [`Unreadable::Malformed`] if it is not UTF-8.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|_| Unreadable::Malformed)
}

/// The outermost object.
pub(super) struct Document<'a>(pub(super) &'a mut Reply);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reply object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key { reply: &mut *self.0, prefix: None })? {
            map.next_value_seed(Member { reply: &mut *self.0, key })?;
        }
        Ok(())
    }
}

/// A key, behind `prefix.` where there is one.
struct Key<'a> {
    reply: &'a mut Reply,
    prefix: Option<Span>,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Span;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Span, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Span, E> {
        let start = room(self.reply)?;
        if let Some(prefix) = self.prefix {
            self.reply.text.extend_from_within(prefix.start..prefix.end);
            self.reply.text.push('.');
        }
        let end = self.reply.store(key).end;
        Ok(Span { start, end })
    }
}

/// Where the next key is kept.
fn room<E: Error>(reply: &Reply) -> Result<usize, E> {
    let (used, fields) = (reply.text.len(), reply.entries.len() + reply.head.len());
    if used > MAX_TEXT || fields > MAX_FIELDS {
        Err(E::custom("more fields than any miner sends"))
    } else {
        Ok(used)
    }
}

/// The value of a key of the outermost object: a scalar, one row, or a list of rows.
struct Member<'a> {
    reply: &'a mut Reply,
    key: Span,
}

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

macro_rules! scalars {
    () => {
        fn visit_bool<E>(self, value: bool) -> Result<(), E> {
            self.put(Stored::Bool(value));
            Ok(())
        }
        fn visit_i64<E>(self, value: i64) -> Result<(), E> {
            self.put(Stored::Number(value as f64));
            Ok(())
        }
        fn visit_u64<E>(self, value: u64) -> Result<(), E> {
            self.put(Stored::Number(value as f64));
            Ok(())
        }
        fn visit_f64<E>(self, value: f64) -> Result<(), E> {
            self.put(Stored::Number(value));
            Ok(())
        }
        fn visit_str<E>(self, value: &str) -> Result<(), E> {
            let text = self.reply.store(value);
            self.put(Stored::Text(text));
            Ok(())
        }
        /// `null` is an absent field.
        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
    };
}

impl Member<'_> {
    fn put(self, value: Stored) {
        self.reply.head.push(Entry { key: self.key, value });
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table or a value")
    }

    scalars!();

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        RowSeed { reply: self.reply, table: self.key }.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(RowSeed { reply: &mut *self.reply, table: self.key })?.is_some() {}
        Ok(())
    }
}

/// One element of a table. What is not an object is left out.
struct RowSeed<'a> {
    reply: &'a mut Reply,
    table: Span,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.reply.rows.len() > MAX_FIELDS {
            return Err(A::Error::custom("more rows than any miner sends"));
        }
        let start = self.reply.entries.len();
        if self.reply.entries.capacity() == 0 {
            // A stats reply has some 120 fields of 16 to 30 bytes each.
            self.reply.entries.reserve(self.reply.text.capacity() / 24);
        }
        while let Some(key) = map.next_key_seed(Key { reply: &mut *self.reply, prefix: None })? {
            map.next_value_seed(Field { reply: &mut *self.reply, key })?;
        }
        let entries = Span { start, end: self.reply.entries.len() };
        self.reply.rows.push(RowEntry { table: self.table, entries });
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The value of a field; deeper levels become fields `key.inner` and `key.0` of the same row.
struct Field<'a> {
    reply: &'a mut Reply,
    key: Span,
}

impl Field<'_> {
    fn put(self, value: Stored) {
        self.reply.entries.push(Entry { key: self.key, value });
    }
}

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    scalars!();

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let prefix = Some(self.key);
        while let Some(key) = map.next_key_seed(Key { reply: &mut *self.reply, prefix })? {
            map.next_value_seed(Field { reply: &mut *self.reply, key })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for index in 0usize.. {
            let start = room(self.reply)?;
            self.reply.text.extend_from_within(self.key.start..self.key.end);
            // A `String` takes all that is written.
            let _ = write!(self.reply.text, ".{index}");
            let key = Span { start, end: self.reply.text.len() };
            if seq.next_element_seed(Field { reply: &mut *self.reply, key })?.is_none() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::asic::reply::Scalar;

    #[test]
    fn deeper_levels_become_dotted_keys() {
        let reply = parse(br#"{"Msg":{"error_code":[{"540":"a"},"2010"],"mac":"x"}}"#).unwrap();
        let fields: Vec<_> = reply.row("Msg", 0).unwrap().fields().collect();
        assert_eq!(
            fields,
            [
                ("error_code.0.540", Scalar::Text("a")),
                ("error_code.1", Scalar::Text("2010")),
                ("mac", Scalar::Text("x")),
            ]
        );
    }

    #[test]
    fn twenty_thousand_nested_arrays_do_not_overflow_the_stack() {
        let deep = format!("{{\"STATS\":[{}{}]}}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(parse(deep.as_bytes()).map(|reply| reply.rows("STATS").count()).unwrap_or(0) == 0);
        let deep = format!("{{\"STATS\":[{{\"a\":{}1{}}}]}}", "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(parse(deep.as_bytes()).unwrap_err(), Unreadable::Malformed);
    }

    #[test]
    fn a_document_that_stops_early_is_told_from_one_that_is_wrong() {
        assert_eq!(parse(b"{\"a\":12").unwrap_err(), Unreadable::Unfinished);
        assert_eq!(parse(b"").unwrap_err(), Unreadable::Unfinished);
        for wrong in ["{}x", "[]", "7", "{\"a\":nan}", "{\"a\":1 \"b\":2}"] {
            assert_eq!(parse(wrong.as_bytes()).unwrap_err(), Unreadable::Malformed, "{wrong}");
        }
    }
}
